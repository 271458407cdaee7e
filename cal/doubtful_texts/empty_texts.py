"""Empty texts: nothing to read in them, or a word that stands for a missing text."""

from __future__ import annotations

import re
import unicodedata

from cal.data.spelling import MISSING, visible

_WORDS = {word.casefold() for word in MISSING} | {
    "nil",
    "undefined",
    "[deleted]",
    "[removed]",
    "tbd",
    "todo",
    "no text",
}
_LETTER = re.compile(r"[^\W_]")
_FACE = re.compile(r"[:;=8xX][-'^o]?[()\[\]DPpOo/\\|*<>3]|[()<][-'^]?[:;=]|\^[_.-]*\^|>[_.-]*<|-[_.]-")


def why_empty(text: str) -> str:
    r"""Why there is nothing to read in a text, in a sentence; empty if there is.

    Example:
        >>> why_empty("\u200b \n"), why_empty("?!")
        ('It is blank.', "It has no word, only '?!'.")
        >>> why_empty(" N/A"), why_empty(":-)"), why_empty("😀"), why_empty("42")
        ("It is how software writes a missing text: 'N/A'.", '', '', '')
    """
    if _LETTER.search(text):
        if len(text) > 20 or text.strip().casefold() not in _WORDS:
            return ""
        return f"It is how software writes a missing text: {visible(text.strip())}."
    if all(sign.isspace() or unicodedata.category(sign)[0] == "C" for sign in text):
        return "" if any(unicodedata.category(sign) == "Co" for sign in text) else "It is blank."
    if _FACE.search(text) or any(_is_picture(sign) for sign in text):
        return ""
    signs = "".join(text.split())
    return f"It has no word, only {visible(signs if len(signs) <= 20 else signs[:19] + '…')}."


def _is_picture(sign: str) -> bool:
    """Whether a sign says something by itself: a letter or mark, an emoji, or a symbol of mathematics."""
    category = unicodedata.category(sign)
    return category[0] in "LNM" or category == "So" or (category == "Sm" and not sign.isascii())
