"""A stratified test split held out of one set of documents, which depends on the documents alone."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from cal.shares import largest_remainder


def held_out(
    ids: Sequence[str], texts: Sequence[str], labels: Sequence[str], fraction: float, seed: int = 0
) -> list[bool]:
    """Whether each document is held out for test.

    Documents are chosen by a hash of their ids, so the order of the rows has no effect. Each label contributes its
    share (rounded so that the shares add up, and leaving one document to train). Documents with the same text stay
    together, even if a share is then missed.

    Args:
        ids: distinct ids.
        texts: text of each document.
        labels: label of each document.
        fraction: fraction of the documents to hold out, between 0 and 1.
        seed: seed of the choice.

    Example:
        >>> sum(held_out(list("abcdefghij"), list("abcdefghij"), ["x", "y"] * 5, 0.2))
        2
    """
    shares = _shares(Counter(labels), fraction)
    same_text = defaultdict(list)
    for row, text in enumerate(texts):
        same_text[text].append(row)
    groups = sorted(same_text.values(), key=lambda rows: min(_hash(ids[row], seed) for row in rows))
    taken: Counter[str] = Counter()
    held = [False] * len(ids)
    for rows in groups:
        wanted = Counter(labels[row] for row in rows)
        if all(taken[label] + n <= shares[label] for label, n in wanted.items()):
            taken += wanted
            for row in rows:
                held[row] = True
    return held


def why_none(texts: Sequence[str], labels: Sequence[str]) -> str:
    """Why no document can be held out, and what to do.

    Example:
        >>> why_none(["Who?", "Who?"], ["a", "b"])[:72]
        'no document can be held out for test, because every label occurs once, a'
    """
    once = len(set(labels)) == len(labels)
    reason = "every label occurs once" if once else f"there are {len(set(texts))} different texts"
    return (
        f"no document can be held out for test, because {reason}, and one of each label stays in train. Check the "
        "column of labels, add documents, or hold out a larger fraction."
    )


def _shares(sizes: Counter[str], fraction: float) -> dict[str, int]:
    """Test documents per label, which add up to the fraction of all documents; one of each label stays for train."""
    labels = sorted(sizes)
    total = max(1, round(sizes.total() * fraction))
    shares = largest_remainder([sizes[label] * fraction for label in labels], total)
    return {label: min(share, sizes[label] - 1) for label, share in zip(labels, shares, strict=True)}


def _hash(instance_id: str, seed: int) -> tuple[bytes, str]:
    salt = seed.to_bytes(16, "little", signed=True)
    return hashlib.blake2b(instance_id.encode(), digest_size=8, person=b"cal test", salt=salt).digest(), instance_id
