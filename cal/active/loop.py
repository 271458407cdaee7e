"""Loop: documents that people label batch by batch, and what is known of them. `ActiveLearner` adds predictions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from cal.active.asking import next_batch
from cal.active.chooser import DocumentChooser
from cal.active.known import KnownLabels
from cal.active.labelled_corpus import labelled_corpus
from cal.active.options import LoopOptions
from cal.active.round import TrainedRound
from cal.active.sources import documents_of, vectors_in_order
from cal.active.state import LoopState
from cal.active.tables import documents_table
from cal.active.telling import refuse_unknown, told, warn_of_likeness
from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.errors import ConfigError, UnknownNameError, in_words, quantity

if TYPE_CHECKING:
    import pandas as pd

    from cal.dynamics.data_map import DataMap

logger = logging.getLogger(__name__)


class Loop:
    """Documents of your own that people label batch by batch; see `ActiveLearner`."""

    def __init__(
        self,
        documents: Any,
        strategy: Any = "margin",
        learner: Any = None,
        labels: Sequence[str] | None = None,
        *,
        text: str | Sequence[str] = "text",
        id: str | None = "id",
        label: str = "label",
        **options: Any,
    ) -> None:
        check_arguments(type(self).__init__, {"id": id, "label": label})
        learner = "small_mlp" if learner is None else learner
        given = {"strategy": strategy, "learner": learner, "labels": labels, **options}
        self._documents = documents_of(documents, text, id, label)
        known = [each.name for each in fields(LoopOptions) if each.init]
        if unknown := [str(UnknownNameError("option", name, known)) for name in given if name not in known]:
            raise ConfigError(unknown)
        if len(getattr(given.get("features"), "shape", ())) == 2:
            given["features"] = vectors_in_order(self._documents, given["features"])
        self.options = LoopOptions(**given)
        choices = self.options.chosen()
        corpus, self._store = self._documents.corpus, self._documents.store
        self._row = {each: row for row, each in enumerate(corpus.train.ids)}
        state = LoopState(list(choices.labels))
        state.name(self._documents.label_names)
        state.take({self._row[each]: name for each, name in self._documents.labels.items()})
        self._restore(replace(state, given=frozenset(state.labels), version=0, n_named=len(state.label_names)))

    def _restore(self, state: LoopState) -> None:
        """Begins with a state of the loop."""
        self._state = state
        self._chooser = DocumentChooser(self._documents.corpus, self.options.choices, state.given)
        self._trained: tuple[tuple[int, int], TrainedRound] | None = None
        self._said: set[str] = set()
        self._refresh()

    # The loop

    def ask(self, n: int = 10) -> list[str]:
        """Ids of the n documents to label next, in the order in which to label them.

        Test documents are among them, at random places. Until a label comes in, it gives the same documents for the
        same n. Then what was asked and not told goes back to the others, and test documents that were not told come
        first. It gives fewer than n if fewer are left, and none if all documents are decided.

        Args:
            n: number of documents.

        Raises:
            CalError: if the vectors cannot be computed, or the training or the strategy fails.
        """
        check_arguments(Loop.ask, {"n": n})
        refuse(whole_numbers(1, n=n))
        self._refresh()
        latest = self._state.latest
        if latest is None or latest.wanted != n:
            latest = next_batch(self._chooser, self._state, n, self._train)
            self._state.keep(latest)
            self._report(latest.round >= 0)
        if not len(latest.rows):
            logger.warning("All %s are decided, so nothing is left to ask.", quantity(len(self), "document"))
        return self._ids(latest.rows)

    def tell(self, ids: Any, labels: Any = None) -> None:
        """Takes the labels that people gave. A label told again corrects the one before.

        Args:
            ids: ids of any documents; or, without `labels`, a mapping from ids to labels, a Series of labels with the
                ids as its index, or a data frame with the columns `id` and `label`.
            labels: one label per id. None or NaN: nobody can label the document; it is neither trained on nor asked
                for again.

        Raises:
            DataError: if an id is unknown or has two labels, or there is not one label per id. Nothing is then taken.
        """
        given = told(ids, labels)
        refuse_unknown(given, self._row)
        self._refresh()
        warn_of_likeness(given.values(), self._state.label_names)
        if self._store is None:
            self._state.take({self._row[each]: label for each, label in given.items()})
        else:
            self._store.take_labels(given)
            self._refresh()

    # What it knows

    def __len__(self) -> int:
        """Number of documents."""
        return len(self._documents.corpus)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels, those that were named beforehand first, others in the order of their coming."""
        self._refresh()
        return tuple(self._state.label_names)

    @property
    def labels(self) -> pd.Series:
        """Labels so far, by id, in the order in which they were told; None for documents that nobody can label."""
        import pandas as pd

        self._refresh()
        rows, labels = list(self._state.labels), list(self._state.labels.values())
        index = pd.Index(self._ids(rows), name="id", dtype=object)
        return pd.Series(labels, index=index, name="label", dtype=object)

    def text(self, id: str | int) -> str:
        """The text of a document.

        Raises:
            DataError: if no document has this id.
        """
        check_arguments(Loop.text, {"id": id})
        refuse_unknown([str(id)], self._row)
        return str(self._documents.corpus.train.texts[self._row[str(id)]])

    def to_frame(self) -> pd.DataFrame:
        """All documents in the order in which they were given.

        Returns:
            Columns `id`, `text`, `label`, `role` (why it was asked for: chosen, explore or test; given if it was
            labelled before, told if it was never asked for) and `round`, the training that chose it, from 0.
        """
        self._refresh()
        return documents_table(self._documents, self._row, self._state)

    def corpus(self, *, test: bool = True) -> Corpus:
        """What is labelled as a corpus, which `cal.simulate` and all other commands read.

        Args:
            test: whether the labelled test documents are its test split; otherwise they are left out. They are never
                in train.

        Raises:
            DataError: if fewer than two labels occur, or test documents have labels that no other document has.
        """
        check_arguments(Loop.corpus, {"test": test})
        self._refresh()
        return labelled_corpus(self._documents.corpus, self._state, self._chooser.test_rows.tolist(), test)

    @property
    def data_map(self) -> DataMap | None:
        """The data map of the latest training, of the documents that it was trained on; None before the first."""
        if self._trained is None:
            return None
        trained, train = self._trained[1], self._documents.corpus.train
        rows, names = trained.known.rows.tolist(), list(trained.known.label_names)
        texts = [train.texts[row] for row in rows]
        name = self._documents.corpus.name
        return replace(trained.data_map, ids=self._ids(rows), texts=texts, label_names=names, name=name)

    # Within

    def _refresh(self) -> None:
        """Takes over what others have decided, if the labels are kept elsewhere."""
        if self._store is not None:
            labels = {self._row[each]: label for each, label in self._store.loop_labels().items() if each in self._row}
            self._state.replace(labels, self._store.loop_label_names())

    def _known(self) -> KnownLabels:
        return self._state.known(self._chooser.test_rows.tolist())

    def _train(self, known: KnownLabels) -> TrainedRound:
        """The training on the labels so far, which is done once."""
        key = self._state.version, self._state.round
        if self._trained is None or self._trained[0] != key:
            self._trained = key, self._chooser.train(known, self._state.round, 0)
        return self._trained[1]

    def _report(self, trained: bool) -> None:
        """Says once what the user should know."""
        told = [self._chooser.vectors_told] if self._chooser.vectors_told else []
        for sentence in told:
            self._say(logging.INFO, sentence)
        if trained and self._trained is not None:
            for note in self._trained[1].pool.notes[0]:
                self._say(logging.WARNING, note)
            if rare := self._known().lacking(self.options.per_class):
                self._say(
                    logging.WARNING,
                    f"The classifier no longer waits for {in_words(rare)}, of which too few documents are labelled. "
                    "Tell such a document as soon as you see one.",
                )

    def _say(self, level: int, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            logger.log(level, "%s", sentence)

    def _ids(self, rows: Iterable[int]) -> list[str]:
        return [self._documents.corpus.train.ids[int(row)] for row in rows]
