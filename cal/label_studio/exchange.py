"""Exchange: a thread that keeps up with Label Studio through its API, if the user has given a token.

It reads all tasks and annotations when the backend starts and when a project connects, so that nothing is missed that
happened meanwhile. It sends the predictions of each new model, the next tasks first, and makes them the ones that the
project uses. So Label Studio's uncertainty sampling follows our order without anybody's help.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from itertools import islice

from pydantic import ValidationError

from cal.errors import CalError
from cal.label_studio.changes import Change
from cal.label_studio.client import AwayError, Client
from cal.label_studio.labelling import labelling_of
from cal.label_studio.payloads import PredictMessage
from cal.label_studio.predictions import predicted
from cal.label_studio.state import BackendState, KnownProject

logger = logging.getLogger(__name__)

PART = 500
"""Predictions that are sent together."""

WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds after which it tries again: at first, and at most."""


class Exchange:
    """Reads from Label Studio and sends to it.

    Args:
        state: what is known.
        client: calls the API.
        question: name of the choices to learn, for labelling configurations with several.
        tell: takes sentences for whoever has started the backend.
        changed: takes projects about which something new was read.
    """

    def __init__(
        self,
        state: BackendState,
        client: Client,
        question: str | None,
        tell: Callable[[str], None],
        changed: Callable[[str], None],
    ) -> None:
        self.state, self.client, self.question = state, client, question
        self._tell, self._read = tell, changed
        self._to_read: dict[str, None] = {}
        self._to_send: dict[str, None] = {}
        self._was_read: set[str] = set()
        self._said: dict[str, str] = {}
        self._is_closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="cal-label-studio-exchange", daemon=True)

    def start(self) -> None:
        """Begins, with all projects that are known."""
        for uid in self.state.projects():
            self.read(uid)
            self.send(uid)
        self._thread.start()

    def read(self, uid: str, again: bool = False) -> None:
        """Wants the tasks and annotations of a project.

        Args:
            uid: the project.
            again: whether to read them though they were read before.
        """
        with self._changed:
            if again or uid not in self._was_read:
                self._was_read.add(uid)
                self._to_read[uid] = None
                self._changed.notify()

    def send(self, uid: str) -> None:
        """Says that a project has a new model."""
        with self._changed:
            self._to_send[uid] = None
            self._changed.notify()

    def close(self, patience: float = 5.0) -> None:
        """Stops; what was not sent is sent after the next start.

        Args:
            patience: seconds to wait for the call that is under way.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(patience)

    def _work(self) -> None:
        wait = WAIT
        while (job := self._next()) is not None:
            what, uid = job
            try:
                if what == "read":
                    self.read_now(uid)
                else:
                    self.send_now(uid)
                wait = WAIT
            except AwayError as error:
                self._say(uid, f"{error} It is tried again.")
                with self._changed:
                    (self._to_read if what == "read" else self._to_send)[uid] = None
                    self._changed.wait_for(lambda: self._is_closing, wait)
                wait = min(2 * wait, LONGEST_WAIT)
            except CalError as error:
                self._say(uid, str(error))
                if what == "send":  # perhaps a task is gone, and nobody has told us
                    self.read(uid)
            except Exception as error:
                logger.exception("The exchange with Label Studio failed", exc_info=error)
                self._say(uid, f"The exchange with Label Studio failed: {error!r}.")

    def _next(self) -> tuple[str, str] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or self._to_read or self._to_send)
            if self._is_closing:
                return None
            what, waiting = ("read", self._to_read) if self._to_read else ("send", self._to_send)
            uid = next(iter(waiting))
            del waiting[uid]
            return what, uid

    def read_now(self, uid: str) -> None:
        """Reads all tasks and annotations of a project.

        Raises:
            CalError: if that fails.
        """
        project = self.state.project(uid)
        about = self.client.project(project.number)
        config = about.get("label_config")
        tasks, annotations = self.state.numbers(uid)  # whatever comes up from now on is not gone
        for part in self.client.tasks(project.number):
            try:
                change = PredictMessage.model_validate({"project": uid, "label_config": config, "tasks": part}).change()
            except ValidationError as error:
                told = "; ".join(each["msg"] for each in error.errors()[:3])
                raise CalError(f"{self.client.address} lists tasks that cannot be read: {told}.") from error
            self.state.record(uid, change)
            tasks -= change.tasks.keys()
            annotations -= {each.id for each in change.annotations}
        self.state.record(uid, Change(deleted_tasks=sorted(tasks), deleted_annotations=sorted(annotations)))
        self._look_at_sampling(project, about.get("sampling"))
        self._read(uid)

    def send_now(self, uid: str) -> None:
        """Sends the predictions of the model at present, unless they were sent.

        Raises:
            CalError: if that fails.
        """
        project = self.state.project(uid)
        version, found = self.state.predictions(uid)
        sent = self.state.sent(uid)
        if not version or sent.get(version) == "done" or project.config is None:
            return
        labelling = labelling_of(project.config, self.question)
        if sent.get(version) == "begun":  # and not finished: nobody knows how far it came
            self.client.remove_version(project.number, version)
        self.state.mark_sent(uid, version, "begun")
        waiting = iter(found.values())
        is_used = False
        while part := list(islice(waiting, PART)):
            if self._is_outdated(uid, version):
                return
            told = [{"task": each.task} | predicted(each, version, labelling).model_dump() for each in part]
            self.client.send_predictions(project.number, told)
            if not is_used:
                self._look_at_sampling(project, self.client.use_version(project.number, version).get("sampling"))
                is_used = True
        self.state.mark_sent(uid, version, "done")
        for old, state in sent.items():
            if old != version and state != "removed":  # Label Studio may have asked for them itself
                self.client.remove_version(project.number, old)
                self.state.mark_sent(uid, old, "removed")

    def _is_outdated(self, uid: str, version: str) -> bool:
        model = self.state.model(uid)
        return self._is_closing or model is None or model.version != version

    def _look_at_sampling(self, project: KnownProject, sampling: object) -> None:
        if isinstance(sampling, str) and not sampling.lower().startswith("uncertainty"):
            self._say(
                project.uid,
                f"Label Studio serves tasks by '{sampling}'. To have them in our order, choose Uncertainty sampling "
                "under Settings, General, Task Sampling.",
            )

    def _say(self, uid: str, text: str) -> None:
        if self._said.get(uid) != text:
            self._said[uid] = text
            self._tell(f"Project {uid.partition('.')[0]}: {text}")
