"""Live accuracy: how right a classifier is, from documents that nobody chose.

Test documents are a simple random sample without replacement of all documents, and no classifier is trained on them. So
to a classifier they are new documents, as the next ones of the same kind would be, and its right answers among n of
them follow a binomial distribution whatever the strategy has chosen beside them. The interval is that of Clopper and
Pearson: it holds the accuracy with a probability of at least 95 %, for every n and every accuracy, and each of its ends
is right with 97.5 %. What else one should know:

- It is about new documents like those of the corpus. There is no correction for the finite number of documents: it
  would make the interval narrower only for the corpus itself, of which a part was trained on, and is answered better.
- It counts agreement with the labels that people gave. If they slip, no classifier can be fully right.
- It holds at each time of looking. The best of many rounds looks better than it is.
- It is from the first test documents, up to the first that is not decided. So which of them measure does not depend on
  what people choose to label.
- The classes come as often in the sample as among all documents, so accuracy needs no weights, and the shares of the
  classes can be told too. If people skip test documents, what is left is no random sample: those that are easy to label
  are easier for a classifier as well. `LiveAccuracy.bounds` holds whatever the skipped ones would have been.
- Recalls are about the documents of one label; given their number they are binomial again. A mean of recalls, such as
  the macro average, has bounds by Hoeffding's inequality, which hold for any accuracies.

References:
    The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial (Clopper and Pearson, 1934)
    https://doi.org/10.1093/biomet/26.4.404
    Probability Inequalities for Sums of Bounded Random Variables (Hoeffding, 1963)
    https://doi.org/10.1080/01621459.1963.10500830
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cal.active.test_sample import sample_so_far
from cal.arguments import check_arguments
from cal.checks import numbers_in, refuse, whole_numbers
from cal.errors import ConfigError, in_words, quantity

LEAST = 10
"""Fewest test documents for which an accuracy is shown. The interval would be right but wide: of nine right
answers out of nine it says "66 % or more", and of five out of nine "21 to 86 %"."""
LEAST_OF_LABEL = 5
"""Test documents of a label below which its recall, and so the macro average, is not told."""
_ALPHA = 0.05


@dataclass(frozen=True)
class Share:
    """A share of random documents, with what it says about all of them.

    Attributes:
        n: number of documents.
        n_right: number of those that have it.
        estimate: their share; None if there is no document.
        low: lower end of the 95 % interval.
        high: upper end.
    """

    n: int
    n_right: int
    estimate: float | None
    low: float
    high: float

    @classmethod
    def of(cls, n_right: int, n: int) -> Share:
        """From counts.

        Example:
            >>> print(Share.of(42, 50))
            84 % (95 % interval 70 to 93 %, from 50 documents)
        """
        low, high = binomial_bounds(n_right, n)
        return cls(n, n_right, n_right / n if n else None, low, high)

    def __str__(self) -> str:
        if self.estimate is None:
            return "unknown, from no document"
        bounds = f"{_floor(self.low)} to {_ceiling(self.high)} %"
        return f"{100 * self.estimate:.0f} % (95 % interval {bounds}, from {quantity(self.n, 'document')})"


@dataclass(frozen=True)
class LiveAccuracy:
    """How right the classifier of a round is.

    Attributes:
        round: number of the training.
        n_labelled: number of documents that it was trained on.
        accuracy: share of the test documents that it labels as people do.
        recalls: the same among the test documents of each label.
        shares: share of each label among the test documents.
        n_open: number of test documents that people skipped or found ambiguous, that they label differently, or whose
            label a model suggested and nobody read.
        n_excluded: number of test documents that people excluded: the accuracy is not about such.
        open_as: how many of the open ones the classifier gives each label.
        bounds: ends of an interval that holds whatever the open documents would have been.
        macro: mean of the recalls of all labels, with the ends of its interval; None if it cannot be told.
        reason: why there is no accuracy or no macro average to tell, in sentences; else empty.
    """

    round: int
    n_labelled: int
    accuracy: Share
    recalls: Mapping[str, Share]
    shares: Mapping[str, Share]
    n_open: int
    n_excluded: int
    open_as: Mapping[str, int]
    bounds: tuple[float, float]
    macro: tuple[float, float, float] | None
    reason: str

    @property
    def is_told(self) -> bool:
        """Whether there are enough test documents to tell an accuracy."""
        return self.accuracy.n >= LEAST

    def at(self, shares: Mapping[str, float]) -> tuple[float, float, float] | None:
        """Accuracy where labels come as often as you say, with the ends of its 95 % interval.

        Use it if the classifier will meet other shares of labels than the corpus has. It takes for granted that within
        a label the documents are alike.

        Args:
            shares: share of each label; they add up to 1.

        Returns:
            Estimate, lower and upper end; None if a label with a share has fewer than 5 test documents.
        """
        check_arguments(LiveAccuracy.at, locals())
        refuse(each for share in shares.values() for each in numbers_in("[0, 1]", shares=share))
        if not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
            raise ConfigError(f"The shares of the labels must add up to 1, not to {sum(shares.values()):.4g}.")
        return _mean_recall(self.recalls, {label: share for label, share in shares.items() if share})

    def notes(self) -> list[str]:
        """What else the reader should know, a sentence each."""
        found = []
        if self.n_open:
            low, high = self.bounds
            calls = [f"{label} ({n:,})" for label, n in Counter(self.open_as).most_common(2)]
            mostly = "mostly " if len(self.open_as) > 2 else ""
            model = f" The model labels them {mostly}{in_words(calls)}." if calls else ""
            found.append(
                f"{quantity(self.n_open, 'test document')} {'measures' if self.n_open == 1 else 'measure'} nothing, "
                f"because people skipped {'it' if self.n_open == 1 else 'them'}, could not agree, or accepted a "
                f"suggestion without reading the text. Whatever {'its label' if self.n_open == 1 else 'their labels'}, "
                f"the accuracy is {_floor(low)} to {_ceiling(high)} %.{model}"
            )
        if self.n_excluded:
            found.append(f"The accuracy is not about documents like the {self.n_excluded} that people excluded.")
        return found

    def __str__(self) -> str:
        return f"Accuracy {self.accuracy}." if self.is_told else self.reason


def live_accuracy(
    predicted: Mapping[Any, Hashable],
    labels: Mapping[Any, Hashable | None],
    *,
    names: Mapping[Any, str] | Sequence[str] | None = None,
    excluded: Collection[Any] = (),
    round: int = 0,
    n_labelled: int = 0,
) -> LiveAccuracy:
    """The accuracy of a classifier from the labels of test documents.

    Args:
        predicted: label that it gives each document of the test sample, in the order in which people label them.
        labels: label that people gave each test document that they have decided; None if they skipped it, found it
            ambiguous or could not agree. Documents that were not asked for yet are missing.
        names: name of each label that is known, by label; a sequence if labels are their own names.
        excluded: documents that people excluded from the corpus.
        round: number of the training.
        n_labelled: number of documents that it was trained on.

    Example:
        >>> predicted = {id: "HUM" if id % 3 else "LOC" for id in range(60)}
        >>> print(live_accuracy(predicted, {id: "HUM" for id in range(30)}, names=["HUM", "LOC"]))
        Accuracy 67 % (95 % interval 47 to 83 %, from 30 documents).
        >>> print(live_accuracy(predicted, {0: "LOC"}))
        Too few test documents are labelled to tell the accuracy: 1, and it takes 10.
    """
    check_arguments(live_accuracy, locals())
    known = dict(names) if isinstance(names, Mapping) else {name: name for name in names or ()}
    decided = sample_so_far([*predicted], {*labels, *excluded})
    asked = [id for id in decided if id not in excluded]
    judged = [id for id in asked if labels[id] is not None]
    right = Counter(labels[id] for id in judged if predicted[id] == labels[id])
    counts = Counter(labels[id] for id in judged)
    of_names = {**known, **{label: str(label) for label in counts if label not in known}}
    accuracy = Share.of(right.total(), len(judged))
    recalls = {name: Share.of(right[label], counts[label]) for label, name in of_names.items()}
    n_open = len(asked) - len(judged)
    worst, best = Share.of(right.total(), len(asked)), Share.of(right.total() + n_open, len(asked))
    open_as = Counter(predicted[id] for id in asked if labels[id] is None)
    macro = _mean_recall(recalls, dict.fromkeys(recalls, 1 / len(recalls))) if recalls else None
    return LiveAccuracy(
        round=round,
        n_labelled=n_labelled,
        accuracy=accuracy,
        recalls=recalls,
        shares={name: Share.of(counts[label], len(judged)) for label, name in of_names.items()},
        n_open=n_open,
        n_excluded=len(decided) - len(asked),
        open_as={of_names.get(label, str(label)): n for label, n in open_as.items()},
        bounds=(worst.low, best.high),
        macro=macro if len(judged) >= LEAST else None,
        reason=_reason(len(judged), recalls),
    )


def binomial_bounds(n_right: int, n: int, *, alpha: float = _ALPHA) -> tuple[float, float]:
    """Ends of the interval of Clopper and Pearson for a probability.

    Args:
        n_right: number of successes.
        n: number of trials.
        alpha: probability that the interval misses, at most.

    Raises:
        ConfigError: if a number is out of range.

    Example:
        >>> [round(end, 3) for end in binomial_bounds(9, 10)], binomial_bounds(0, 0)
        ([0.555, 0.997], (0.0, 1.0))
    """
    check_arguments(binomial_bounds, locals())
    refuse(whole_numbers(0, n_right=n_right, n=n) + numbers_in("(0, 1)", alpha=alpha))
    if n_right > n:
        raise ConfigError(f"Of {n} documents, {n_right} cannot be right.")
    from scipy.special import betaincinv

    low = float(betaincinv(n_right, n - n_right + 1, alpha / 2)) if n_right else 0.0
    high = float(betaincinv(n_right + 1, n - n_right, 1 - alpha / 2)) if n_right < n else 1.0
    return low, high


def _mean_recall(recalls: Mapping[str, Share], weights: Mapping[str, float]) -> tuple[float, float, float] | None:
    """Weighted mean of recalls and its 95 % bounds; None if a label has too few documents."""
    if any(label not in recalls or recalls[label].n < LEAST_OF_LABEL for label in weights):
        return None
    mean = sum(weight * (recalls[label].estimate or 0) for label, weight in weights.items())
    spread = sum(weight**2 / recalls[label].n for label, weight in weights.items())
    width = math.sqrt(spread * math.log(2 / _ALPHA) / 2)
    return mean, max(mean - width, 0.0), min(mean + width, 1.0)


def _reason(n: int, recalls: Mapping[str, Share]) -> str:
    if n < LEAST:
        return f"Too few test documents are labelled to tell the accuracy: {n}, and it takes {LEAST}."
    if few := [label for label, share in recalls.items() if share.n < LEAST_OF_LABEL]:
        few_of = f"fewer than {LEAST_OF_LABEL} test documents are {in_words(few, 'or')}"
        return f"The mean over labels cannot be told: {few_of}."
    return ""


def _floor(share: float) -> int:
    return math.floor(100 * share + 1e-9)


def _ceiling(share: float) -> int:
    return math.ceil(100 * share - 1e-9)
