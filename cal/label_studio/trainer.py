"""BackendTrainer: a thread that makes models of projects when enough is new, while their last ones still serve."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping

from cal.active.accuracy import LEAST, Share
from cal.active.known import KnownLabels
from cal.errors import CalError, quantity
from cal.label_studio.changes import decisions
from cal.label_studio.labelling import Labelling, labelling_of
from cal.label_studio.options import BackendOptions
from cal.label_studio.ranking import Ranking, TaskRanker
from cal.label_studio.state import BackendState, KnownProject, Model
from cal.threads import one_thread

logger = logging.getLogger(__name__)

QUIET, PATIENCE = 0.3, 3.0
"""Seconds without messages before it looks at a project, and the most that it waits for them."""


class BackendTrainer:
    """Makes models of projects.

    Args:
        state: what is known of them.
        options: how tasks are chosen.
        tell: takes sentences for whoever has started the backend.
        made: takes the project of each new model.
    """

    def __init__(
        self, state: BackendState, options: BackendOptions, tell: Callable[[str], None], made: Callable[[str], None]
    ) -> None:
        self.state, self.options = state, options
        self._tell, self._made = tell, made
        self._rankers: dict[str, tuple[int, TaskRanker]] = {}
        self._said: dict[str, str] = {}  # what was told last about a project
        self._due: dict[str, float] = {}  # when a project was first asked for
        self._last = 0.0
        self._is_closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="cal-label-studio-trainer", daemon=True)

    def start(self) -> None:
        """Begins, with all projects that are known."""
        for uid in self.state.projects():
            self.look_at(uid)
        self._thread.start()

    def look_at(self, uid: str) -> None:
        """Says that something in a project may be new."""
        with self._changed:
            self._last = time.monotonic()
            self._due.setdefault(uid, self._last)
            self._changed.notify()

    def close(self, patience: float = 5.0) -> None:
        """Stops. A training that takes longer is given up: the next start makes it again.

        Args:
            patience: seconds to wait for a training.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(patience)

    def make(self, uid: str) -> Model | None:
        """Makes the model of a project, if enough is new.

        Returns:
            The model; None if the one that there is stays.

        Raises:
            CalError: if it cannot be made.
        """
        project, last = self.state.project(uid), self.state.model(uid)
        if project.config is None:
            return None
        labelling = labelling_of(project.config, self.options.question)
        decided = decisions(self.state.annotations(uid), labelling)
        is_same = last is not None and last.documents == project.documents and last.options == self.options.key
        is_due = not is_same or last is None or self._is_due(project, last, decided)
        ranker = self._ranker(project, labelling, decided) if is_due else None
        if ranker is None:
            return None
        known = ranker.known(decided, labelling.labels, last.decided if last and last.is_trained else None)
        trains = self._trains(project, last, known, len(decided))
        if is_same and last is not None and not self._is_worth(last, decided, trains):
            if project.wanted:
                self._say(project, _why_not(known))
                self.state.not_wanted(uid, project.wanted)
            return None
        round = (last.round if last else -1) + 1 if trains else None
        is_first = round is None and (last is None or not last.decided)
        ranking = ranker.rank(known, decided, self.options.seed_size if is_first else self.options.batch, round)
        model = self._model(project, last, known, ranking, round, decided)
        found = ranking.predictions
        if not self.options.suggest:
            found = [each._replace(label=None, probability=None) for each in found]
        self.state.save(uid, model, found, project.wanted)
        self._say(project, f"{model.told} {ranker.vectors_told}".rstrip() if last is None else model.told)
        self._made(uid)
        return model

    def _is_due(self, project: KnownProject, last: Model, decided: Mapping[int, str | None]) -> bool:
        """Whether enough is new to look closer, if tasks and options are the same."""
        n = last.n_changed(decided)
        may_begin = not last.is_trained and n > 0 and len(decided) >= self.options.seed_size
        return project.wanted > 0 or may_begin or n >= self._step(last)

    def _is_worth(self, last: Model, decided: Mapping[int, str | None], trains: bool) -> bool:
        """Whether what would be made now is better than what there is, if tasks and options are the same."""
        n = last.n_changed(decided)
        return n >= self._step(last) or (trains and (n > 0 or not last.is_trained))

    def _step(self, last: Model) -> int:
        """Number of decisions after which an order or a model is made again."""
        return self.options.batch if last.is_trained or last.decided else self.options.seed_size

    def _trains(self, project: KnownProject, last: Model | None, known: KnownLabels, n_decided: int) -> bool:
        """Whether a classifier is trained."""
        begins = n_decided >= self.options.seed_size or project.wanted > 0 or (last is not None and last.is_trained)
        return begins and known.can_train(self.options.per_class, 2 * self.options.seed_size)

    def _ranker(
        self, project: KnownProject, labelling: Labelling, decided: Mapping[int, str | None]
    ) -> TaskRanker | None:
        """What puts the tasks in order, kept until they change; None if there are too few."""
        kept = self._rankers.get(project.uid)
        if kept is not None and kept[0] == project.documents:
            return kept[1]
        read = {task: labelling.text_of(data) for task, data in self.state.tasks(project.uid).items()}
        texts = {task: text for task, text in read.items() if text is not None}
        if len(texts) < len(read):
            without = next(task for task, text in read.items() if text is None)
            self._say(
                project,
                f"{quantity(len(read) - len(texts), 'task')} of {len(read):,} cannot be put in order, for want of a "
                f"text in '{labelling.field}', such as task {without}.",
            )
        if not texts:
            return None
        ranker = TaskRanker(texts, self.options.choices, self.state.given(project.uid, decided.keys()))
        self._rankers[project.uid] = project.documents, ranker
        return ranker

    def _model(
        self,
        project: KnownProject,
        last: Model | None,
        known: KnownLabels,
        ranking: Ranking,
        round: int | None,
        decided: Mapping[int, str | None],
    ) -> Model:
        number, n = last.number + 1 if last else 1, len(known.rows)
        if round is None:
            version = f"cal-{number}-first-0-{project.mark}"
            told = f"is an order for the first labels, of {quantity(len(ranking.predictions), 'task')}."
        else:
            version = f"cal-{number}-{_plain(self.options.choices.strategy_label)}-{n}-{project.mark}"
            told = f"was trained on {quantity(n, 'label')} of {quantity(len(known.label_names), 'class', 'classes')}."
            if ranking.n_test >= LEAST:
                told += f" Accuracy on test tasks: {Share.of(ranking.n_right, ranking.n_test)}."
        last_round = last.round if last else -1
        return Model(
            *(number, version, last_round if round is None else round, round is not None, project.documents),
            *(self.options.key, decided, f"Version {version} {told}"),
        )

    def _say(self, project: KnownProject, text: str) -> None:
        """Tells something about a project, unless it was the last thing told about it."""
        if self._said.get(project.uid) != text:
            self._said[project.uid] = text
            self._tell(f"Project {project.number}: {text}")

    def _work(self) -> None:
        while (uid := self._next()) is not None:
            try:
                with one_thread():
                    self.make(uid)
            except CalError as error:
                self._say(self.state.project(uid), str(error))
            except Exception as error:
                logger.exception("The training of project %s failed", uid, exc_info=error)
                self._say(self.state.project(uid), f"The training failed: {error!r}. The last model still serves.")

    def _next(self) -> str | None:
        """The project that has waited longest, once messages pause; None if it is closing."""
        with self._changed:
            while not self._is_closing:
                if not self._due:
                    self._changed.wait()
                    continue
                uid = min(self._due, key=lambda each: self._due[each])
                wait = min(self._last + QUIET, self._due[uid] + PATIENCE) - time.monotonic()
                if wait <= 0:
                    del self._due[uid]
                    return uid
                self._changed.wait(wait)
            return None


def _why_not(known: KnownLabels) -> str:
    if known.n_present < 2:
        return "No model can be trained yet: annotators have given fewer than two different labels."
    return "The model is up to date."


def _plain(name: str) -> str:
    """A name as a part of a version."""
    return re.sub(r"[^A-Za-z0-9_.]+", "_", name)[:40]
