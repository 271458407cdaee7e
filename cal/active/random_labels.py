"""If you had labelled at random: what as many random labels would have given, as far as that can be told.

The labelled test documents are random labels. A classifier of the same kind, trained on some of them, is what labelling
at random gives; by cross-validation each of them is answered by one that did not see it. The classifier of a round that
was trained on exactly as many chosen documents answers the same test documents. So both have equally many labels and
equal questions, and the exact test of McNemar compares their answers pair by pair.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RandomLabels:
    """What random labels would have given.

    Attributes:
        n: number of test documents that both classifiers answered.
        n_labels: number of labels that each of them was trained on; 0 if there is no comparison.
        chosen: share of right answers after training on chosen documents; None if there is no comparison.
        random: share of right answers after training on random ones.
        difference: the first less the second, with the ends of its 95 % interval.
        needed: number of test documents from which on a difference of this size could be told; None if unknown.
        message: what can be said, in a sentence or two.
    """

    n: int
    n_labels: int
    chosen: float | None
    random: float | None
    difference: tuple[float, float, float] | None
    needed: int | None
    message: str

    def __str__(self) -> str:
        return self.message
