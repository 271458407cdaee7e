"""Spelling: names that differ only in whitespace, case or Unicode form, and words for a missing value."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress

import numpy as np

from cal.errors import in_words

MISSING = frozenset("nan NaN NAN -nan -NaN None null NULL NA N/A n/a #N/A #NA <NA> NaT".split())
"""What software writes into text files instead of a missing value, as `pandas.read_csv` reads it."""

_WHOLE = re.compile(r"-?[0-9]+\.0")

STRICT, MERGE = LABELS = ("strict", "merge")
"""What to do with labels that look like one: keep them apart, or merge them."""


def normal_form(name: str) -> str:
    """A name without what people overlook: whitespace, case and Unicode form; a whole number without `.0`.

    Example:
        >>> normal_form("HUM ") == normal_form("\uff28um"), normal_form("1.0"), normal_form("Sci / Tech")
        (True, '1', 'sci/tech')
    """
    if name.isascii():
        form = "".join(name.split()).lower()
    else:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        form = "".join(mark for mark in folded if not mark.isspace() and unicodedata.category(mark) != "Cf")
    return form[:-2] if form.endswith(".0") and _WHOLE.fullmatch(form) else form


def text_form(text: str) -> str:
    r"""A text without what makes it no other text: case, and how much whitespace is between its words.

    Example:
        >>> text_form("How  far\nis IT? ")
        'how far is it?'
    """
    return " ".join(text.split()).lower()


def repeats(texts: Iterable[str]) -> list[int]:
    """Positions of texts that repeat an earlier one, apart from case and whitespace.

    Example:
        >>> repeats(["How far?", "Who?", "how  far?", "Who?"])
        [2, 3]
    """
    first: dict[str, int] = {}
    return [row for row, text in enumerate(texts) if first.setdefault(text_form(text), row) != row]


def alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of different names with the same normal form, in the order of the names.

    Example:
        >>> alike(["HUM", "LOC", "HUM ", "hum", "LOC"])
        [['HUM', 'HUM ', 'hum']]
    """
    distinct = dict.fromkeys(names)
    hashes = np.fromiter((hash(normal_form(name)) for name in distinct), np.int64, len(distinct))
    values, counts = np.unique(hashes, return_counts=True)
    shared = np.isin(hashes, values[counts > 1])  # the forms of a million names would take a third of a gigabyte
    groups: dict[str, list[str]] = defaultdict(list)
    for name in compress(distinct, shared.tolist()):
        groups[normal_form(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def is_word_for_missing(name: str) -> bool:
    """Whether a label is a word for a missing value.

    Example:
        >>> is_word_for_missing(" nan"), is_word_for_missing("none")
        (True, False)
    """
    return name.strip() in MISSING


def merged(counts: Mapping[str, int], preferred: Sequence[str] = ()) -> dict[str, str]:
    """For each name with another spelling, the spelling to use: a preferred one, else the most frequent.

    Example:
        >>> merged({"HUM": 5, "HUM ": 2, "LOC": 1})
        {'HUM ': 'HUM'}
    """
    first = dict.fromkeys([*preferred, *counts])
    spelling: dict[str, str] = {}
    for group in alike(first):
        best = max(group, key=lambda name: (name in preferred, counts.get(name, 0), name == name.strip()))
        spelling |= {name: best for name in group if name != best}
    return spelling


def doubts_about(places: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence about each group of labels that look like one, and each that looks like a missing value.

    Args:
        places: where each label occurs, such as `row 3`.

    Example:
        >>> doubts_about({"HUM": ["row 1", "row 2"], "HUM ": ["row 3"]})
        ["The labels 'HUM' (2: row 1, row 2) and 'HUM ' (1: row 3) differ only in whitespace, case or Unicode form."]
    """

    def described(name: str) -> str:
        shown = ", ".join(places[name][:3]) + (" ..." if len(places[name]) > 3 else "")
        return f"{visible(name)} ({len(places[name]):,}: {shown})"

    told = []
    for group in alike(places):
        told.append(f"The labels {in_words(map(described, group))} differ only in whitespace, case or Unicode form.")
    words = [name for name in places if is_word_for_missing(name)]
    return told + [f"The label {described(name)} is how software writes a missing value." for name in words]


def visible(name: str) -> str:
    r"""A name in quotes, with everything that does not show written as an escape.

    Example:
        >>> visible("HUM "), visible("HUM\u00a0"), visible("caf\u00e9"), visible("cafe\u0301")
        ("'HUM '", "'HUM\\xa0'", "'café'", "'cafe\\u0301'")
    """
    plain = unicodedata.is_normalized("NFC", name)
    marks = [
        mark if mark.isprintable() and (plain or not unicodedata.combining(mark)) else ascii(mark)[1:-1]
        for mark in name
    ]
    return f"'{''.join(marks)}'"


def quoted(name: str) -> str:
    """A name in a list, in quotes only if it could be misread.

    Example:
        >>> quoted("text"), quoted("Text "), quoted("")
        ('text', "'Text '", "''")
    """
    return name if name and name == name.strip() and name.isprintable() else visible(name)
