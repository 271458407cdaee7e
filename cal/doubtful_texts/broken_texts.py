"""Broken texts: what a wrong encoding, a web page or a faulty program has left in a text, each with its reason.

The rules are meant to be right about every text they name, in any language, not to find all that is broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

ENCODING, CONTROL, MARKUP, REPEATED = "encoding", "control characters", "markup", "repeated"


class Broken(NamedTuple):
    """What is broken.

    Attributes:
        reason: `encoding`, `control characters`, `markup` or `repeated`.
        why: the reason as a sentence.
        share: share of the characters that are concerned.
    """

    reason: str
    why: str
    share: float


# The characters that bytes from 80 to BF become when UTF-8 is read as Windows-1252 or Latin-1.
_TAIL = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_NO_QUOTE = "[¡-ª¬-º¼-¿€‚ƒ„†‡ˆ‰Š‹ŒŽ˜™šœžŸ]"  # after a capital, as in “LÔ, only these
_TWO_IN_A_ROW = f"(?:[\u00c2-\u00df]{_TAIL}|[\u00e0-\u00ef]{_TAIL}{{2}}|[\u00f0-\u00f4]{_TAIL}{{3}}){{2,}}"
_MISREAD = re.compile(
    f"{_TWO_IN_A_ROW}|(?<![A-ZÀ-Þ])[ÃÂ]{_TAIL}|(?<=[A-ZÀ-Þ])[ÃÂ]{_NO_QUOTE}|â€|ï»¿|ï¿½|â[„ˆ†][¢’“”-]|ðŸ{_TAIL}|\ufffd+|[\u0080-\u0084\u0086-\u009f]+"
)
_HIGH_RUN = re.compile("[À-ÖØ-öø-ÿ]{7,}")  # Cyrillic or Greek in another code page
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff]+")

_ACCENTED = "[A-Za-z](?:acute|grave|circ|uml|tilde|cedil|ring|slash|caron)"
_NAMES = (
    f"(?:amp|lt|gt|quot|apos|nbsp|copy|reg|trade|hellip|[mn]dash|[lr][sd]quo|[lr]aquo|bull|middot|euro|pound|yen|cent|"
    f"deg|times|szlig|aelig|AElig|oelig|iquest|iexcl|shy|rarr|larr|{_ACCENTED})"
)
# Of an entity that has lost its ampersand: quotes, dashes and other signs, not any number as in “comment #42;”.
_CODE = "0?(?:3[4689]|60|62|9[123]|1[3-7][0-9]|2[0-5][0-9]|8[0-9]{3})"
_ENTITY = re.compile(
    rf"&(?:{_NAMES}|#[0-9]{{2,6}}|#[xX][0-9a-fA-F]{{2,5}});|(?<![\w&#])#{_CODE};|(?<![\w&])(?:quot|amp|lt|gt|nbsp);"
)
_ESCAPE = re.compile(r"(?<=[^\W\d_])\\u(?:00[a-fA-F89]|0[1-9a-fA-F]|[12][0-9a-fA-F])[0-9a-fA-F]{1,2}(?![0-9a-fA-F])")
_PLAIN_TAG = re.compile(
    r"</?(?:br|hr|li|ul|ol|div|span|td|tr|th|tbody|thead|img|blockquote|html|h[1-6])(?:\s[^<>]*)?/?>", re.IGNORECASE
)
# Names that also occur as placeholders or types, as in `cmd <input>`: only with an attribute, or closed.
_TAG = re.compile(
    r"<(?:a|abbr|address|article|aside|b|body|button|center|code|em|font|footer|form|head|header|i|iframe|input|label|"
    r"link|main|meta|nav|object|option|p|pre|q|s|script|section|select|small|strong|style|sub|sup|table|title|u)"
    r"(?:\s+[a-zA-Z-]+\s*=[^<>]*>|>(?=[^<>]*</))|"
    r"</(?:a|abbr|b|body|button|center|code|em|font|form|head|i|label|p|pre|q|script|select|small|strong|style|sub|sup|"
    r"table|title|u)\s*>",
    re.IGNORECASE,
)
_LEAST_TIMES, _LONGEST_PHRASE, _LEAST_SAME = 5, 30, 20


def broken(text: str) -> Broken | None:
    r"""What is broken in a text; the most serious if it is several things, and None if nothing is.

    Example:
        >>> broken("a cafÃ© in Paris").why
        'It looks like a wrong encoding: “Ã©”.'
        >>> broken("It #39;s over.<br>Really.").why
        'It has remains of a web page: “#39;” and “<br>”.'
        >>> broken("buy now buy now buy now buy now buy now").why
        'It is “buy now” 5 times over.'
        >>> broken("A ≤ B && x<y>z, 你好, café… NÃO")
    """
    for rule in _RULES:
        if (found := rule(text)) is not None:
            return found
    return None


def _encoding(text: str) -> Broken | None:
    if text.isascii():
        return None
    found = _MISREAD.findall(text) + [run for run in _HIGH_RUN.findall(text) if len(set(run)) > 3]
    return _found(ENCODING, "It looks like a wrong encoding: {}.", found, text)


def _control(text: str) -> Broken | None:
    found = [ascii(run[:1])[1:-1] for run in _CONTROL.findall(text)]
    return _found(CONTROL, "It has characters that do not show: {}.", found, text)


def _markup(text: str) -> Broken | None:
    found = []
    if ";" in text:
        found += _ENTITY.findall(text)
    if "<" in text:
        found += [tag[0] for pattern in (_PLAIN_TAG, _TAG) for tag in pattern.finditer(text)]
    if "\\u" in text:
        found += _ESCAPE.findall(text)
    return _found(MARKUP, "It has remains of a web page: {}.", found, text)


def _repeated(text: str) -> Broken | None:
    words = text.casefold().split()
    longest = min(_LONGEST_PHRASE, len(words) // _LEAST_TIMES)
    for length in range(1, longest + 1) if len(set(words)) <= longest else ():
        if words[length:] == words[:-length]:
            phrase, times = " ".join(text.split()[:length]), len(words) // length
            return Broken(REPEATED, f"It is “{_shortened(phrase)}” {times:,} times over.", 1.0)
    if len(words) == 1 and len(text) >= _LEAST_SAME and len(set(words[0])) == 1:
        return Broken(REPEATED, f"It is “{words[0][0]}” {len(words[0]):,} times over.", 1.0)
    return None


_RULES: tuple[Callable[[str], Broken | None], ...] = (_encoding, _control, _markup, _repeated)


def _found(reason: str, sentence: str, found: list[str], text: str) -> Broken | None:
    """What a rule has found, with up to three different examples."""
    if not found:
        return None
    examples = [f"“{_shortened(example)}”" for example in dict.fromkeys(found)][:3]
    listed = " and ".join([", ".join(examples[:-1]), examples[-1]] if len(examples) > 1 else examples)
    return Broken(reason, sentence.format(listed), min(1.0, sum(map(len, found)) / len(text)))


def _shortened(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:29]}…"
