"""Letters: how usual it is, among the texts of a corpus, that the letters of a text stand side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cal.data.spelling import text_form

READ = 400
"""Number of characters that are read of each text, from its beginning."""

_TEXTS = 4096  # texts to hold at a time
_COUNTERS = 2**20  # of triples; the few triples that share one are counted together


def code_points(texts: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The first characters of texts as numbers, a bounded number of texts at a time.

    Args:
        texts: the texts; case and the number of blanks are left out, and each begins and ends with a blank.

    Yields:
        (character,) code points, and (character,) positions of the texts that they belong to.

    Example:
        >>> [(points.tolist(), owner.tolist()) for points, owner in code_points(["A", "b "])]
        [([32, 97, 32, 32, 98, 32], [0, 0, 0, 1, 1, 1])]
    """
    for start in range(0, len(texts), _TEXTS):
        read = [f" {text_form(text[: 2 * READ])[:READ]} " for text in texts[start : start + _TEXTS]]
        points = np.frombuffer("".join(read).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        yield points, np.repeat(np.arange(start, start + len(read)), [len(text) for text in read])


class LetterTriples:
    """The triples of neighbouring letters in texts; all digits count as one letter.

    Args:
        texts: the texts.

    Attributes:
        surprise: (text,) mean of -log(share of the other texts that have a triple) over the triples of each text; a
            triple that no other has counts as had by half a text.

    Example:
        >>> triples = LetterTriples(["how far is it?", "how far is she?", "how far is he?", "zxqvj"])
        >>> int(triples.surprise.argmax()), triples.only_in("zxqvj?")
        (3, ['zxq', 'vj?'])
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = np.zeros(_COUNTERS, dtype=np.int64)
        for triples, owner in _triples(texts):
            in_texts = np.sort(owner * _COUNTERS + triples)
            distinct = in_texts[np.diff(in_texts, prepend=-1) > 0]  # several times faster than np.unique
            self._counts += np.bincount(distinct % _COUNTERS, minlength=_COUNTERS)
        rarity = np.log(max(len(texts), 1)) - np.log(np.maximum(self._counts - 0.5, 0.5))
        total, n = np.zeros(len(texts)), np.zeros(len(texts))
        for triples, owner in _triples(texts):
            total += np.bincount(owner, weights=rarity[triples], minlength=len(texts))
            n += np.bincount(owner, minlength=len(texts))
        self.surprise = np.round(total / np.maximum(n, 1), 9)  # the last bits depend on the order of the texts

    def only_in(self, text: str, most: int = 3) -> list[str]:
        """Some triples of a text that no other text has."""
        found: list[str] = []
        form, at = f" {text_form(text[: 2 * READ])[:READ]} ", 0
        alone = np.concatenate([self._counts[triples] <= 1 for triples, _ in _triples([text])])
        while at < len(alone) and len(found) < most:
            if alone[at] and " " not in (triple := form[at : at + 3]):
                found.append(triple)
                at += 2
            at += 1
        return found


def _triples(texts: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Numbers of the triples of neighbouring letters, and the positions of their texts."""
    for points, owner in code_points(texts):
        letters = points.astype(np.uint64)
        letters[(points >= ord("0")) & (points <= ord("9"))] = ord("0")
        mixed = (letters[:-2] * np.uint64(0x9E3779B1) + letters[1:-1]) * np.uint64(0x85EBCA77) + letters[2:]
        mixed ^= mixed >> np.uint64(29)
        triples = ((mixed * np.uint64(0xC2B2AE3D27D4EB4F)) >> np.uint64(44)).astype(np.int64)
        inside = owner[:-2] == owner[2:]
        yield triples[inside], owner[:-2][inside]
