"""What a loop has labelled as a corpus that all commands read."""

from __future__ import annotations

from collections.abc import Sequence

from cal.active.state import LoopState
from cal.data.corpus import Corpus
from cal.data.places import places_at
from cal.data.splits import Split, few
from cal.data.unlabelled import UnlabelledCorpus
from cal.errors import DataError, in_words, quantity


def labelled_corpus(documents: UnlabelledCorpus, state: LoopState, test_rows: Sequence[int], test: bool) -> Corpus:
    """What is labelled: the documents that classifiers are trained on, and the test documents as the test split.

    Args:
        documents: all documents.
        state: what people have said.
        test_rows: rows of the test sample.
        test: whether to add the test split.

    Raises:
        DataError: if fewer than two labels occur in train, or one in test that is not in train.
    """
    labels = {row: label for row, label in state.labels.items() if label is not None}
    tested = {row for row in test_rows if row in labels}
    used = {label for row, label in labels.items() if row not in tested}
    if len(used) < 2:
        what = f"only '{next(iter(used))}' occurs" if used else "nothing is labelled"
        raise DataError(f"A corpus needs two labels, and in train {what}. Tell more labels.")
    names = [name for name in state.label_names if name in used]
    if documents.n_choices > 1:
        names = list(state.label_names)
    number = {name: position for position, name in enumerate(names)}

    def split(rows: Sequence[int], name: str) -> Split:
        train = documents.train
        return Split(
            [train.ids[row] for row in rows],
            [train.texts[row] for row in rows],
            [number[labels[row]] for row in rows],  # type: ignore[arg-type]
            name,
            train.sequences and [train.sequences[row] for row in rows],
            train.places and places_at(train.places, rows),
            train.named,
        )

    if not test or not tested:
        return Corpus(split([row for row in labels if row not in tested], "train"), None, names, name=documents.name)
    if foreign := [row for row in sorted(tested) if labels[row] not in number]:
        others = in_words(sorted({str(labels[row]) for row in foreign}))
        raise DataError(
            f"{quantity(len(foreign), 'test document')} ({few([documents.train.ids[row] for row in foreign])}) have "
            f"labels that no document of train has: {others}. Label some more, or give corpus(test=False)."
        )
    rest = [row for row in labels if row not in tested]
    return Corpus(split(rest, "train"), split(sorted(tested), "test"), names, name=documents.name)
