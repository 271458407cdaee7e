"""Progress: what labelling has gained so far, round by round, and what cannot be told yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from cal.active.accuracy import LiveAccuracy, live_accuracy
from cal.active.movement import Movement
from cal.errors import in_words, quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from cal.active.random_labels import RandomLabels
    from cal.active.round_record import RoundRecord
    from cal.active.slips import Slip


@dataclass(frozen=True)
class RoundProgress:
    """What is known of one training.

    Attributes:
        round: its number, from 0.
        n_labelled: number of documents that it was trained on.
        n_decided: number of documents that people had decided by then, test documents included.
        accuracy: how right it is, by the labels that are known now.
        movement: how the seed map moved since the training before; None for the first.
        met: stopping criteria that are met for the first time.
    """

    round: int
    n_labelled: int
    n_decided: int
    accuracy: LiveAccuracy
    movement: Movement | None = None
    met: Sequence[str] = ()


@dataclass(frozen=True, repr=False)
class LearningProgress:
    """What labelling has gained so far. `print` shows it in words, a notebook with the curve.

    Attributes:
        rounds: what is known of each training, the first one first.
        n_labelled: number of documents that are labelled now and can be trained on.
        n_test: number of test documents that are labelled now.
        counts: number of labelled documents of each label.
        random: what as many random labels would have given, as far as that can be told; None if nobody asked.
        slips: labels that look like slips of the hand, the most likely first.
        remarks: what else people should know, in sentences.
    """

    rounds: Sequence[RoundProgress]
    n_labelled: int
    n_test: int
    counts: Mapping[str, int]
    random: RandomLabels | None = None
    slips: Sequence[Slip] = ()
    remarks: Sequence[str] = field(default_factory=tuple)

    @property
    def accuracy(self) -> LiveAccuracy | None:
        """How right the latest classifier is; None if there is none."""
        return self.rounds[-1].accuracy if self.rounds else None

    @property
    def met(self) -> dict[str, int]:
        """Number of labelled documents at which each stopping criterion was met first."""
        return {label: each.n_labelled for each in self.rounds for label in each.met}

    def to_frame(self) -> pd.DataFrame:
        """The curve: one row per training.

        Returns:
            Columns round, n_labelled, n_decided, n_test, accuracy, low and high (NaN where too few test documents are
            labelled), macro, moved (share of the seed map that changed region) and met.
        """
        import pandas as pd

        rows = []
        for each in self.rounds:
            share, macro = each.accuracy.accuracy, each.accuracy.macro
            told = [share.estimate, share.low, share.high] if each.accuracy.is_told else [None] * 3
            moved = each.movement.changed if each.movement else None
            sizes = (each.round, each.n_labelled, each.n_decided, share.n)
            rows.append((*sizes, *told, macro[0] if macro else None, moved, ", ".join(each.met)))
        columns = ["round", "n_labelled", "n_decided", "n_test", "accuracy", "low", "high", "macro", "moved", "met"]
        numbers = dict.fromkeys(["accuracy", "low", "high", "macro", "moved"], float)
        return pd.DataFrame(rows, columns=columns).astype(numbers)

    def plot(self) -> Figure:
        """The curve with its intervals, recall by label, and how the seed map moved."""
        from cal.active.progress_plot import progress_figure

        return progress_figure(self)

    def lines(self) -> list[str]:
        """What was gained, a sentence each."""
        return [*self._lines()]

    def _lines(self) -> Iterator[str]:
        test = f", and {quantity(self.n_test, 'test document')}" if self.n_test else ""
        yield f"{quantity(self.n_labelled, 'document')} labelled{test}."
        if self.accuracy is None:
            yield "No classifier is trained yet."
        else:
            yield str(self.accuracy)
            yield from self.accuracy.notes()
            if self.accuracy.macro:
                mean, low, high = (100 * each for each in self.accuracy.macro)
                yield f"Mean over labels {mean:.0f} % (95 % interval {low:.0f} to {high:.0f} %)."
            if self.rounds[-1].movement:
                yield str(self.rounds[-1].movement)
        for label, n in self.met.items():
            yield f"The stopping criterion {label} was met with {quantity(n, 'label')}."
        if self.random:
            yield str(self.random)
        if self.slips:
            yield f"{quantity(len(self.slips), 'label')} may be {'a slip' if len(self.slips) == 1 else 'slips'}."
        yield from self.remarks

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        told = self.accuracy.accuracy if self.accuracy and self.accuracy.is_told else "unknown accuracy"
        return (
            f"LearningProgress: {quantity(len(self.rounds), 'training')}, {quantity(self.n_labelled, 'label')}, {told}"
        )

    def _repr_html_(self) -> str:
        from cal.report.markup import image
        from cal.report.plot_style import rendered

        words = "".join(f"<p>{escape(line)}</p>" for line in self.lines())
        if not self.rounds:
            return words
        return words + image(rendered(self.plot(), ["svg"])["svg"], f"Accuracy by labels: {in_words(self.lines()[:2])}")


def progress_of(
    records: Sequence[RoundRecord],
    names: Sequence[str],
    labels: Mapping[int, str | None],
    test_rows: Collection[int],
    **known: Any,
) -> LearningProgress:
    """The progress from what is kept of each training and the labels that are known now.

    Args:
        records: what is kept of each training.
        names: names of the labels, by the classes of the records.
        labels: label of each document that people have decided, by row; None if they could not label it.
        test_rows: rows of the test sample.
        **known: the other attributes of `LearningProgress`.
    """
    of_class = dict(enumerate(names))
    rounds = [
        RoundProgress(
            round=record.round,
            n_labelled=record.n_labelled,
            n_decided=record.n_decided,
            accuracy=live_accuracy(
                {row: of_class[each] for row, each in record.test.items()},
                labels,
                names=names,
                round=record.round,
                n_labelled=record.n_labelled,
            ),
            movement=Movement.of(record.movement),
            met=tuple(record.stopping.get("met", ())),
        )
        for record in records
    ]
    aside = set(test_rows)
    given = Counter(label for row, label in labels.items() if label is not None and row not in aside)
    n_test = sum(label is not None for row, label in labels.items() if row in aside)
    return LearningProgress(rounds, given.total(), n_test, {name: given[name] for name in names}, **known)
