"""Unusual texts: those far longer than the others of their corpus, cut off with others, or in another script."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cal.doubtful_texts.far_tail import FEWEST, far_beyond
from cal.doubtful_texts.scripts import SCRIPTS, scripts_of

LONG, CUT_OFF, SCRIPT = "very long", "cut off", "another script"

_TIMES_LONGER = 8  # than half of the texts
_MOST_IN_OTHER_SCRIPTS = 0.02
_SHORTEST_CUT = 50  # characters


def very_long(texts: Sequence[str]) -> dict[int, str]:
    """The texts that are far longer than the others of the corpus, by position, each with the reason in a sentence.

    Example:
        >>> very_long([f"a text {'x' * k}" for k in range(30)] + ["word " * 1000])
        {30: 'It has 5,000 characters; half of the texts have at most 22.'}
    """
    lengths = np.array([max(len(text), 1) for text in texts], dtype=float)
    logs = np.log(lengths)
    if len(texts) < FEWEST:
        return {}
    middle = float(np.median(lengths))
    long = (logs > far_beyond(logs)) & (lengths > _TIMES_LONGER * middle)
    return {
        text: f"It has {lengths[text]:,.0f} characters; half of the texts have at most {middle:,.0f}."
        for text in np.flatnonzero(long).tolist()
    }


def cut_off(texts: Sequence[str]) -> dict[int, str]:
    """The texts that a limit on their length has cut off, by position, each with the reason in a sentence.

    That is certain where many texts are exactly as long as the longest, hardly any is a little shorter, and they end
    within a sentence, each in its own way.

    Example:
        >>> texts = [" ".join(f"word{k * j}" for j in range(k % 20))[:120] for k in range(100)]
        >>> cut_off(texts)[19]
        'It is cut off at 120 characters, like 19 others; none is longer.'
    """
    lengths = np.array([len(text) for text in texts])
    longest = int(lengths.max(initial=0))
    at_limit = np.flatnonzero(lengths == longest)
    just_below = int(((lengths < longest) & (lengths >= 0.9 * longest)).sum()) / max(0.1 * longest, 1)
    open_end = [text for text in at_limit.tolist() if texts[text].rstrip()[-1:].isalnum()]
    enough = max(5, 0.01 * len(texts))
    if longest < _SHORTEST_CUT or len(at_limit) < enough or 2 * len(at_limit) > len(texts):
        return {}
    endings = {texts[text][-20:] for text in open_end}
    if len(at_limit) < 10 * just_below or 2 * len(open_end) < len(at_limit) or 2 * len(endings) < len(open_end):
        return {}
    why = f"It is cut off at {longest:,} characters, like {len(open_end) - 1:,} others; none is longer."
    return dict.fromkeys(open_end, why)


def in_another_script(texts: Sequence[str]) -> dict[int, str]:
    """The texts in another script than nearly all others, by position, each with the reason in a sentence.

    Example:
        >>> in_another_script(["How far is it?"] * 99 + ["Кто написал это?"])
        {99: 'It is in Cyrillic script; 99 % of the texts are in Latin.'}
    """
    scripts = scripts_of(texts)
    known = scripts[scripts >= 0]
    if len(known) < FEWEST:
        return {}
    main = int(np.bincount(known).argmax())
    others = np.flatnonzero((scripts >= 0) & (scripts != main)).tolist()
    if len(others) > max(1, _MOST_IN_OTHER_SCRIPTS * len(known)):
        return {}
    share = 100 * (1 - len(others) / len(known))
    told = f"{share:.0f}" if share < 99.5 else "over 99"
    return {
        text: f"It is in {SCRIPTS[scripts[text]]} script; {told} % of the texts are in {SCRIPTS[main]}."
        for text in others
    }
