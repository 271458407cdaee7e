"""Seeds of runs: the paper's first."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence, Set

from cal.checks import LARGEST, whole_number
from cal.errors import ConfigError, shown

PAPER_SEEDS = (398048, 127003, 259479, 869323, 570852)
"""The five seeds of Cartography Active Learning (section 7)."""

MOST = 10_000
"""The largest number of seeds that can be asked for without listing them."""


def list_seeds(seeds: int | Sequence[int]) -> list[int]:
    """A list of seeds, from a list or from their number.

    Args:
        seeds: distinct whole numbers, or how many seeds: the paper's five come first, then a fixed sequence of others.

    Raises:
        ConfigError: if the list is empty, has no order, has an item twice, or one that is not a whole number of at
            least 0.

    Example:
        >>> list_seeds(2), list_seeds([7]), len(set(list_seeds(100)))
        ([398048, 127003], [7], 100)
    """
    number = whole_number(seeds)
    if number is not None and 1 <= number <= MOST:
        further = (
            int.from_bytes(hashlib.blake2b(f"seed {k}".encode(), digest_size=8).digest(), "little") % 1_000_000
            for k in itertools.count()
        )
        distinct = dict.fromkeys(itertools.chain(PAPER_SEEDS, itertools.islice(further, 2 * MOST)))
        return list(distinct)[:number]
    if number is not None or isinstance(seeds, Set | Mapping | str | bytes) or not isinstance(seeds, Iterable):
        given: list[int | None] = []
    else:
        given = [whole_number(seed) for seed in seeds]
    listed = [seed for seed in given if seed is not None and 0 <= seed <= LARGEST]
    if not listed or len(listed) < len(given):
        raise ConfigError(
            f"seeds must be a number of seeds, 1 to {MOST:,}, or a list of whole numbers from 0 that fit 64 bits, not "
            f"{shown(seeds)}."
        )
    if len(set(listed)) < len(listed):
        raise ConfigError(f"seeds has a seed twice: {shown(listed)}. List each one once.")
    return listed
