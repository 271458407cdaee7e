"""ActiveLearner: the loop in Python, which asks for labels, takes them, and predicts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cal.active.loop import Loop
from cal.active.new_texts import NewTexts
from cal.active.progress import LearningProgress, progress_of
from cal.active.random_labels import compare_with_random
from cal.active.round import TrainedRound
from cal.active.round_record import RoundRecord
from cal.active.slips import Slip, find_slips
from cal.active.state import LoopState
from cal.active.tables import learner_html
from cal.active.telling import refuse_unknown
from cal.arguments import check_arguments
from cal.arrays import as_list
from cal.errors import FeatureError, LearnerError, quantity

if TYPE_CHECKING:
    import pandas as pd


class ActiveLearner(Loop):
    """Active learning on documents of your own: `ask` for documents, `tell` their labels, `predict`.

    A tenth of what it asks for is drawn at random and measures accuracy: see `test_share`. What is asked for depends on
    the documents, the options, and the order in which labels were told, and on nothing else.

    Args:
        documents: a list of texts or of pairs; a data frame or a mapping of columns with the texts, and perhaps with
            ids and labels; a `.csv`, `.tsv`, `.jsonl` or `.parquet` file; a `Corpus`, of whose train split the labels
            are not used (`corpus.to_frame()` gives them, too); or a labelling project. Without ids, these are derived
            from the texts.
        strategy: strategy that chooses, a name, `{name: parameters}`, an object or a function of the pool.
        learner: classifier, a name, `{name: parameters}`, a scikit-learn classifier or an object; None is the
            small perceptron, `small_mlp`.
        labels: labels in their order, if you know them; others may come up at any time.
        text: column with the texts, or two columns for pairs.
        id: column with the ids, if the table has it.
        label: column with labels, if the table has it. Documents without a label have nothing in it.
        **options: the other parameters of `cal.active.options.LoopOptions`. `features` may also be an array with a row
            for each document.

    Raises:
        ConfigError: listing every option that is wrong.
        DataError: if the documents cannot be used as given.

    Example:
        >>> texts = [f"How far is it to town {i}?" for i in range(20)] + [f"Who wrote book {i}?" for i in range(20)]
        >>> learner = ActiveLearner(texts, features="lsa")
        >>> ids = learner.ask(8)
        >>> learner.tell(ids, ["NUM" if "far" in learner.text(id) else "HUM" for id in ids])
        >>> learner
        ActiveLearner 'corpus': 40 documents, 8 labelled, 2 labels, strategy=margin
        >>> learner.predict(["How far is it to the sea?"]).tolist()
        ['NUM']
    """

    def predict(self, texts: Any = None, *, features: Any = None) -> np.ndarray:
        """(text,) labels that the classifier predicts.

        It is trained on all labels so far, unless it is already.

        Args:
            texts: new texts, as a list or in a table whose columns are called as those of the documents; None for all
                documents, in the order in which they were given.
            features: (text, feature) vectors of the texts, if those of the documents were given as an array.

        Raises:
            LearnerError: if fewer than two labels occur.
            CalError: if the texts cannot be read or turned into vectors.
        """
        probs = self._probs(texts, features)
        found: np.ndarray = np.array(self._state.label_names, dtype=object)[probs.argmax(axis=1)]
        return found

    def predict_proba(self, texts: Any = None, *, features: Any = None) -> pd.DataFrame:
        """Probabilities of the labels, a column for each; see `predict`.

        Returns:
            A row per text or, without texts, a row per document with the id as its index.
        """
        import pandas as pd

        probs = self._probs(texts, features)
        index = pd.Index(self._documents.ids, name="id") if texts is None else None
        return pd.DataFrame(probs, index=index, columns=self._state.label_names)

    def suggestions(self, ids: Iterable[str]) -> pd.DataFrame:
        """What the classifier thinks of some documents, for people who check its answers.

        Returns:
            Columns `id`, `label` and `score`, the probability of the label.

        Raises:
            DataError: if an id is unknown.
            LearnerError: if fewer than two labels occur.
        """
        import pandas as pd

        names = list(map(str, as_list("ids", ids)))
        refuse_unknown(names, self._row)
        probs = self._now().probs(np.array([self._row[each] for each in names], dtype=np.int64))
        labels = np.array(self._state.label_names, dtype=object)[probs.argmax(axis=1)]
        return pd.DataFrame({"id": names, "label": labels, "score": probs.max(axis=1)})

    @property
    def trained(self) -> TrainedRound | None:
        """The latest training; None if there is none yet."""
        return self._trained and self._trained[1]

    def progress(self, *, compare: bool = True) -> LearningProgress:
        """What labelling has gained so far: accuracy with its interval, the curve, and what cannot be told yet.

        Args:
            compare: whether to compare with random labels, which trains ten small classifiers, and to look for slips.
        """
        check_arguments(ActiveLearner.progress, {"compare": compare})
        self._refresh()
        state, test_rows = self._state, self._chooser.test_rows
        records, tested, random = self.records, self.tested, None
        if compare and self._trained and len(tested):
            answers = {record.n_labelled: [record.test.get(row, -1) for row in tested] for record in records}
            known, seed, device = [*tested.values()], self.options.seed, self.options.choices.device
            learner = self._trained[1].learner
            random = compare_with_random(learner, [*tested], known, answers, seed=seed, device=device)
        slips = self.slips() if compare else ()
        return progress_of(records, state.label_names, state.labels, test_rows, random=random, slips=slips)

    def slips(self) -> list[Slip]:
        """Labels that look like slips of the hand, the most likely ones first, with their ids and reasons."""
        self._refresh()
        known, chooser, trained = self._known(), self._chooser, self.trained
        of_map = trained is not None and np.array_equal(trained.known.rows, known.rows)
        return find_slips(
            self._ids(known.rows),
            [chooser.corpus.train.texts[row] for row in known.rows.tolist()],
            known.gold,
            known.label_names,
            None if chooser.vectors is None else chooser.vectors.train[known.rows],
            trained.data_map.confidence.cpu().numpy() if trained is not None and of_map else None,
            seed=self.options.seed,
        )

    @property
    def records(self) -> list[RoundRecord]:
        """What is kept of each training."""
        return [batch.record for batch in self._state.trainings if batch.record is not None]

    @property
    def tested(self) -> dict[int, int]:
        """Class of each test document that is labelled, by row, in the order of the sample."""
        return self._state.tested(self._chooser.test_rows.tolist())

    # On disk, and shown

    def save(self, folder: str | Path) -> None:
        """Keeps the loop in a folder: documents, labels, what was asked, and vectors that were given as an array.

        A save that is interrupted leaves what was there before.

        Raises:
            ConfigError: if the labels are kept elsewhere, in a labelling project.
            StorageError: if the folder belongs to something else or cannot be written.
        """
        check_arguments(ActiveLearner.save, {"folder": folder})
        from cal.active.saved import save

        save(Path(folder), self._documents, self._state, self.options)

    @classmethod
    def load(cls, folder: str | Path, **options: Any) -> ActiveLearner:
        """The loop that `save` kept. It asks and predicts as the one that was saved.

        Args:
            folder: the folder.
            **options: options to change. Those that were objects or functions must be given again.

        Raises:
            ConfigError: if an option was an object and is not given again.
            StorageError: if there is no such folder, or it is damaged.
        """
        check_arguments(cls.load, {"folder": folder})
        from cal.active.saved import load

        documents, state, kept = load(Path(folder), options)
        made = cls(documents, **kept)
        made._restore(state)
        return made

    def __repr__(self) -> str:
        n = len(self._state.labels)
        return (
            f"ActiveLearner '{self._documents.corpus.name}': {quantity(len(self), 'document')}, {n:,} labelled, "
            f"{quantity(len(self._state.label_names), 'label')}, strategy={self.options.choices.strategy_label}"
        )

    def _repr_html_(self) -> str:
        return learner_html(repr(self), self._state)

    # Within

    def _restore(self, state: LoopState) -> None:
        super()._restore(state)
        self._new_texts = NewTexts(self._chooser, self._documents.text)

    def _now(self) -> TrainedRound:
        self._refresh()
        known = self._known()
        if known.n_present < 2:
            only = [name for name, n in zip(known.label_names, known.counts.tolist(), strict=True) if n]
            what = f"the only label is {only[0]}" if only else "no document to train on is labelled"
            raise LearnerError(f"There is no classifier yet, because {what}. Tell documents of two labels at least.")
        return self._train(known)

    def _probs(self, texts: Any, features: Any) -> np.ndarray:
        trained = self._now()
        if texts is None and features is not None:
            raise FeatureError("features are vectors of new texts, and there are no texts. Give both or neither.")
        if texts is not None:
            return self._new_texts.probs(trained, texts, features)
        return trained.probs(np.array([self._row[each] for each in self._documents.ids], dtype=np.int64))
