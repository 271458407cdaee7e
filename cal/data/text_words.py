"""Words of a text, as bags of words and word vectors count them."""

from __future__ import annotations

import re


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, and each of its punctuation marks.

    Example:
        >>> tokens("Who's he?")
        ['who', "'", 's', 'he', '?']
    """
    return re.findall(r"\w+|[^\w\s]", text.lower())
