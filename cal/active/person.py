"""A simulated person who labels, and whole sessions with them: the same code that serves people.

So what is measured in a simulation is what a team gets, slips of the hand included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cal.active.learner import ActiveLearner
from cal.active.progress import LearningProgress
from cal.active.round import TrainedRound
from cal.active.slips import n_to_check
from cal.active.test_sample import n_of_share
from cal.arguments import check_arguments
from cal.checks import numbers_in, refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import as_features, vectors_of


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody who labels by what they know.

    A careless person gives some documents a wrong label, always the same ones; shown the same document again with a
    reason, they look properly. Whom a person slips to does not depend on the order of the documents.

    Args:
        answers: the right label of each document, by id.
        slips: the label that they give instead, by id, the first time they see the document.
        seconds: seconds that a decision takes them.

    Attributes:
        seen: number of times that they have seen each document.
    """

    answers: Mapping[str, str]
    slips: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    seen: dict[str, int] = field(default_factory=dict, init=False)

    @classmethod
    def of(
        cls,
        corpus: Corpus,
        *,
        careless: float = 0.0,
        kind: str = "uniform",
        seed: int = 0,
        seconds: float = 0.0,
        **how: Any,
    ) -> Person:
        """Somebody who knows the labels of a corpus.

        Args:
            corpus: corpus whose labels are right.
            careless: share of the documents to which they give a wrong label at first.
            kind: how they err, one of the kinds of noise of `cal audit`: `uniform`, or `class_dependent`, `annotator`
                and `confused`.
            seed: seed of the errors.
            seconds: seconds that a decision takes them.
            **how: what a kind of noise needs, such as `probs` or `confusions`.

        Example:
            >>> from cal.data.corpus import Split
            >>> train = Split(list("abcdefgh"), ["text"] * 8, [0, 1] * 4)
            >>> person = Person.of(Corpus(train, None, ["no", "yes"]), careless=0.25, seed=1)
            >>> first = {id: person.label(id) for id in "abcdefgh"}
            >>> sum(person.answers[id] != label for id, label in first.items()), person.slips.keys() <= first.keys()
            (2, True)
            >>> all(person.label(id) == person.answers[id] for id in person.slips)  # the second time
            True
        """
        from cal.data.noise import inject

        check_arguments(cls.of, {"corpus": corpus, "seed": seed})
        refuse(numbers_in("[0, 1)", careless=careless) + numbers_in("[0, inf)", seconds=seconds))
        train, names = corpus.train, corpus.label_names
        answers = {id: names[label] for id, label in zip(train.ids, train.gold.tolist(), strict=True)}
        slips = {}
        if careless:
            noised = inject(corpus, kind, careless, seed, **how)
            rows = np.flatnonzero(noised.wrong).tolist()
            slips = {train.ids[row]: names[noised.corpus.train.gold[row]] for row in rows}
        return cls(answers, slips, seconds)

    def label(self, id: str) -> str:
        """The label that they give a document now."""
        self.seen[id] = self.seen.get(id, 0) + 1
        return self.slips[id] if self.seen[id] == 1 and id in self.slips else self.answers[id]


@dataclass(frozen=True, eq=False)
class Session:
    """A simulated session.

    Attributes:
        learner: the learner as the session left it.
        progress: what it told at the end.
        curve: a row per training: the columns of `LearningProgress.to_frame`, and the true accuracy on each split that
            is held out, in a column named for it: `test`, and those of further test sets.
        ids: ids of the documents, by row.
        decided: ids in the order in which they were decided; those that were looked at again occur twice.
        checked: whether the label was changed, by the id of each document that was looked at again.
        minutes: minutes that the person labelled.
    """

    learner: ActiveLearner
    progress: LearningProgress
    curve: pd.DataFrame
    ids: Sequence[str]
    decided: list[str]
    checked: Mapping[str, bool]
    minutes: float


def simulate_session(
    corpus: Corpus,
    person: Person,
    n_decisions: int,
    *,
    seed_size: int = 50,
    batch: int = 25,
    compare: bool = False,
    check_share: float = 0.0,
    features: Any = "lsa",
    **options: Any,
) -> Session:
    """Somebody labels the train split of a corpus from nothing.

    Args:
        corpus: corpus whose train split is labelled, and on whose other splits the true accuracy is measured.
        person: who labels.
        n_decisions: number of decisions; after the last one a last classifier is trained.
        seed_size: number of documents before the first training.
        batch: number of documents between two trainings.
        compare: whether to compare with random labels at the end.
        check_share: share of each batch that are labels to look at again, because they look like slips; they count as
            decisions, and none is looked at twice.
        features: document vectors, or a way to compute them.
        **options: the other arguments of `ActiveLearner`, such as `strategy`.
    """
    check_arguments(simulate_session, {"corpus": corpus, "person": person, "compare": compare})
    refuse(whole_numbers(1, n_decisions=n_decisions, seed_size=seed_size, batch=batch))
    refuse(numbers_in("[0, 1)", check_share=check_share))
    vectors = vectors_of(corpus, as_features(features))
    learner = ActiveLearner(corpus, features=vectors, **options)
    held_out = [name for name in corpus.splits() if name not in ("train", "dev")]
    decided: list[str] = []
    checked: dict[str, bool] = {}
    true: dict[str, list[float]] = {name: [] for name in held_out}
    while True:
        n = min(batch if decided else seed_size, n_decisions - len(decided))
        before = learner.trained
        n_checks = min(n_of_share(len(decided), n, check_share), n_to_check(len(checked), sum(checked.values())))
        ids = learner.ask(max(n - n_checks, 1))
        if learner.trained is not None and learner.trained is not before:
            for name in held_out:
                true[name].append(_accuracy(learner.trained, name, corpus))
        if not n or not ids:
            break
        found = learner.slips() if n_checks and learner.trained is not None else []
        open_slips = [slip for slip in found if slip.row not in checked][:n_checks]
        learner.tell({id: person.label(id) for id in ids})
        for slip in open_slips:
            label = person.label(slip.row)
            checked[slip.row] = label != slip.label
            learner.tell({slip.row: label})
        decided += [*ids, *(slip.row for slip in open_slips)]
    progress = learner.progress(compare=compare)
    minutes = len(decided) * person.seconds / 60
    return Session(learner, progress, progress.to_frame().assign(**true), corpus.train.ids, decided, checked, minutes)


def _accuracy(trained: TrainedRound, name: str, corpus: Corpus) -> float:
    """Share of a split that a classifier labels rightly."""
    known = {label: label for label in corpus.label_names}
    own, split = list(corpus.label_names), corpus.splits()[name]
    if name in corpus.tests:  # has labels of its own
        own, label_of = list(corpus.tests[name].label_names), corpus.tests[name].label_of.tolist()
        known = {label: own[label_of[number]] for number, label in enumerate(corpus.label_names)}
    says = np.array([known.get(label) for label in trained.known.label_names], dtype=object)
    answers = trained.learner.predict_split(name)[0].argmax(dim=-1).cpu().numpy()
    return float(np.mean(says[answers] == np.array(own, dtype=object)[split.gold]))
