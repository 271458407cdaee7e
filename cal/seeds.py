"""Seeds of runs: the paper's first."""

from __future__ import annotations

import hashlib
import itertools
import operator
from collections.abc import Sequence

from cal.errors import ConfigError

PAPER_SEEDS = (398048, 127003, 259479, 869323, 570852)
"""The five seeds of Cartography Active Learning (section 7)."""


def list_seeds(seeds: int | Sequence[int]) -> list[int]:
    """A list of seeds, from a list or from their number.

    Args:
        seeds: distinct whole numbers, or how many seeds: the paper's five come first, then a fixed sequence of others.

    Raises:
        ConfigError: if the list is empty, has an item twice, or one that is not a whole number of at least 0.

    Example:
        >>> list_seeds(2), list_seeds([7]), len(set(list_seeds(100)))
        ([398048, 127003], [7], 100)
    """
    if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds >= 1:
        further = (
            int.from_bytes(hashlib.blake2b(f"seed {k}".encode(), digest_size=8).digest(), "little") % 1_000_000
            for k in itertools.count()
        )
        distinct = (seed for seed in further if seed not in PAPER_SEEDS)
        return list(itertools.islice(itertools.chain(PAPER_SEEDS, distinct), seeds))
    try:
        given = [] if isinstance(seeds, int | str) else list(seeds)
        listed = [operator.index(seed) for seed in given if not isinstance(seed, bool)]
    except TypeError:
        given, listed = [], []
    if not listed or min(listed) < 0 or len(listed) < len(given):
        raise ConfigError(f"seeds must be a number of seeds, 1 or more, or a list of whole numbers, not {seeds!r}.")
    if len(set(listed)) < len(listed):
        raise ConfigError(f"seeds has a seed twice: {listed}. List each one once.")
    return listed
