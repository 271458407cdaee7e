"""State: what the backend knows of the projects of a Label Studio, in one SQLite file.

Each message is one transaction, so that whatever was answered is on the disk, and a backend that is killed resumes with
it. Annotations that were deleted, or changed since, do not come back with a message that is late.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cal.errors import StorageError
from cal.label_studio.changes import Annotation, Change

FILE = "state.db"
_VERSION = 1
_PART = 500
_SCHEMA = """
CREATE TABLE project (
    uid TEXT PRIMARY KEY, mark TEXT NOT NULL, config TEXT, documents INTEGER NOT NULL DEFAULT 0,
    wanted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE task (
    uid TEXT, id INTEGER, data TEXT NOT NULL, is_ranked INTEGER NOT NULL DEFAULT 0,
    is_given INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (uid, id)
) WITHOUT ROWID;
CREATE TABLE annotation (
    uid TEXT, id INTEGER, task INTEGER, result TEXT, annotator TEXT, is_skip INTEGER, is_truth INTEGER, changed REAL,
    is_deleted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (uid, id)
) WITHOUT ROWID;
CREATE TABLE model (
    uid TEXT, number INTEGER, version TEXT NOT NULL, round INTEGER NOT NULL, is_trained INTEGER NOT NULL,
    documents INTEGER NOT NULL, options TEXT NOT NULL, decided TEXT NOT NULL, told TEXT NOT NULL,
    sent TEXT NOT NULL DEFAULT '', PRIMARY KEY (uid, number)
) WITHOUT ROWID;
CREATE TABLE prediction (
    uid TEXT, task INTEGER, place INTEGER NOT NULL, score REAL NOT NULL, label TEXT, probability REAL,
    PRIMARY KEY (uid, task)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class KnownProject:
    """A project.

    Attributes:
        uid: its number and, if known, when it was made.
        mark: what the versions of its models end with, so that those of another folder are others.
        config: its labelling configuration; None if no message has said it.
        documents: changes with each change of its tasks or of its configuration.
        wanted: how often somebody wanted a model since the last one.
    """

    uid: str
    mark: str
    config: str | None
    documents: int
    wanted: int

    @property
    def number(self) -> int:
        """Its number in Label Studio."""
        return int(self.uid.partition(".")[0])


@dataclass(frozen=True)
class Model:
    """A model, or the order of the tasks before there is one.

    Attributes:
        number: 1 for the first.
        version: its name in Label Studio.
        round: number of the last training, 0 for the first; -1 if nothing was trained yet.
        is_trained: whether it is a model.
        documents: what `KnownProject.documents` was.
        options: the options, as text.
        decided: what was decided, by task.
        told: a sentence about it.
    """

    number: int
    version: str
    round: int
    is_trained: bool
    documents: int
    options: str
    decided: Mapping[int, str | None]
    told: str

    def n_changed(self, decided: Mapping[int, str | None]) -> int:
        """Number of tasks about which something else is decided now."""
        new = sum(self.decided.get(task, "") != label for task, label in decided.items())  # "" is no label
        return new + len(self.decided.keys() - decided.keys())


class TaskPrediction(NamedTuple):
    """What a model says about a task.

    Attributes:
        task: number of the task.
        place: its place in the order, 0 for the next.
        score: the place as a number from 0 to 1.
        label: its label; None if it gets no suggestion.
        probability: that of the label.
    """

    task: int
    place: int
    score: float
    label: str | None
    probability: float | None


class BackendState:
    """What the backend knows.

    Args:
        folder: folder of its file, which is made if it is not there.

    Raises:
        StorageError: if it cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.RLock()
        with _errors(self.path):
            self._connection = sqlite3.connect(self.path, timeout=30, check_same_thread=False, isolation_level=None)
            self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
            (found,) = self._connection.execute("PRAGMA user_version").fetchone()
            if found not in (0, _VERSION):
                raise StorageError(f"{self.path} was written by another version of cal. Give another folder.")
            if found == 0:
                self._connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT;")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def projects(self) -> list[str]:
        """The projects that messages were about."""
        return [uid for (uid,) in self._read("SELECT uid FROM project ORDER BY uid")]

    def project(self, uid: str) -> KnownProject:
        """A project.

        Raises:
            KeyError: if no message was about it.
        """
        rows = self._read("SELECT uid, mark, config, documents, wanted FROM project WHERE uid = ?", (uid,))
        if not rows:
            raise KeyError(uid)
        return KnownProject(*rows[0])

    def record(self, uid: str, change: Change) -> bool:
        """Takes in what a message says.

        Returns:
            Whether anything of it is new.
        """
        with self._writing() as do:
            before = do.total_changes
            do.execute("INSERT OR IGNORE INTO project (uid, mark) VALUES (?, ?)", (uid, secrets.token_hex(2)))
            changed = self._configured(uid, change.config) if change.config is not None else False
            for id, data in change.tasks.items():
                changed |= self._task(uid, id, json.dumps(data))
            for annotation in change.annotations:
                self._annotation(uid, annotation)
            for id in change.deleted_tasks:
                changed |= do.execute("DELETE FROM task WHERE uid = ? AND id = ?", (uid, id)).rowcount > 0
                do.execute(
                    "UPDATE annotation SET is_deleted = 1 WHERE uid = ? AND task = ? AND NOT is_deleted", (uid, id)
                )
            for id in change.deleted_annotations:
                do.execute("INSERT OR IGNORE INTO annotation (uid, id) VALUES (?, ?)", (uid, id))
                do.execute(
                    "UPDATE annotation SET is_deleted = 1 WHERE uid = ? AND id = ? AND NOT is_deleted", (uid, id)
                )
            if changed or change.train:
                do.execute(
                    "UPDATE project SET documents = documents + ?, wanted = wanted + ? WHERE uid = ?",
                    (int(changed), int(change.train), uid),
                )
            return do.total_changes > before

    def tasks(self, uid: str) -> dict[int, dict[str, Any]]:
        """Data of all tasks of a project, by number."""
        rows = self._read("SELECT id, data FROM task WHERE uid = ? ORDER BY id", (uid,))
        return {id: json.loads(data) for id, data in rows}

    def annotations(self, uid: str) -> list[Annotation]:
        """The annotations of the tasks of a project."""
        rows = self._read(
            "SELECT annotation.id, task, result, annotator, is_skip, is_truth, changed FROM annotation "
            "JOIN task ON task.uid = annotation.uid AND task.id = annotation.task "
            "WHERE annotation.uid = ? AND NOT is_deleted ORDER BY annotation.id",
            (uid,),
        )
        return [
            Annotation(id, task, json.loads(result), who, bool(skip), bool(truth), changed)
            for id, task, result, who, skip, truth, changed in rows
        ]

    def given(self, uid: str, decided: Collection[int]) -> set[int]:
        """Tasks that were decided before they had a place in an order.

        Args:
            uid: the project.
            decided: tasks that are decided.
        """
        rows = self._read("SELECT id, is_given FROM task WHERE uid = ? AND (is_given OR NOT is_ranked)", (uid,))
        among = set(decided)
        return {id for id, is_given in rows if is_given or id in among}

    def numbers(self, uid: str) -> tuple[set[int], set[int]]:
        """Numbers of the tasks and of the annotations of a project."""
        tasks = self._read("SELECT id FROM task WHERE uid = ?", (uid,))
        annotations = self._read("SELECT id FROM annotation WHERE uid = ? AND NOT is_deleted", (uid,))
        return {id for (id,) in tasks}, {id for (id,) in annotations}

    def model(self, uid: str) -> Model | None:
        """The model of a project at present; None if there is none."""
        rows = self._read(
            "SELECT number, version, round, is_trained, documents, options, decided, told FROM model WHERE uid = ? "
            "ORDER BY number DESC LIMIT 1",
            (uid,),
        )
        if not rows:
            return None
        number, version, round, is_trained, documents, options, decided, told = rows[0]
        about = (number, version, round, bool(is_trained), documents, options)
        return Model(*about, {int(task): label for task, label in json.loads(decided).items()}, told)

    def not_wanted(self, uid: str, wanted: int) -> None:
        """Says that a model was wanted, and that none could be made."""
        with self._writing() as do:
            do.execute("UPDATE project SET wanted = max(0, wanted - ?) WHERE uid = ?", (wanted, uid))

    def save(self, uid: str, model: Model, predictions: Sequence[TaskPrediction], wanted: int = 0) -> None:
        """Makes a model the one at present.

        Args:
            uid: the project.
            model: the model.
            predictions: what it says about the tasks.
            wanted: how often a model was wanted when its training began.
        """
        with self._writing() as do:
            do.execute(
                "INSERT INTO model (uid, number, version, round, is_trained, documents, options, decided, told) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(uid, model.number, model.version, model.round, model.is_trained, model.documents),
                    *(model.options, json.dumps(model.decided), model.told),
                ),
            )
            do.execute("DELETE FROM prediction WHERE uid = ?", (uid,))
            do.executemany("INSERT INTO prediction VALUES (?, ?, ?, ?, ?, ?)", ((uid, *each) for each in predictions))
            given = ((uid, task) for task in model.decided)
            do.executemany("UPDATE task SET is_given = 1 WHERE uid = ? AND id = ? AND NOT is_ranked", given)
            ranked = ((uid, each.task) for each in predictions)
            do.executemany("UPDATE task SET is_ranked = 1 WHERE uid = ? AND id = ? AND NOT is_ranked", ranked)
            do.execute("UPDATE project SET wanted = max(0, wanted - ?) WHERE uid = ?", (wanted, uid))

    def predictions(self, uid: str, tasks: Sequence[int] | None = None) -> tuple[str, dict[int, TaskPrediction]]:
        """The version of the model at present, and what it says about some tasks or about all, in their order."""
        columns = "SELECT task, place, score, label, probability FROM prediction WHERE uid = ?"
        with self._lock:
            model = self.model(uid)
            if tasks is None:
                rows = self._read(f"{columns} ORDER BY place, task", (uid,))
            else:
                rows = []
                for at in range(0, len(tasks), _PART):
                    part = tasks[at : at + _PART]
                    among = ", ".join("?" * len(part))
                    rows += self._read(f"{columns} AND task IN ({among})", (uid, *part))  # nosec B608: question marks
        return model.version if model else "", {row[0]: TaskPrediction(*row) for row in rows}

    def sent(self, uid: str) -> dict[str, str]:
        """How far models are sent to Label Studio, by version: "" not, "begun", "done" or "removed"; oldest first."""
        return dict(self._read("SELECT version, sent FROM model WHERE uid = ? ORDER BY number", (uid,)))

    def mark_sent(self, uid: str, version: str, sent: str) -> None:
        """Says how far a model is sent."""
        with self._writing() as do:
            do.execute("UPDATE model SET sent = ? WHERE uid = ? AND version = ?", (sent, uid, version))

    def _configured(self, uid: str, config: str) -> bool:
        query = "UPDATE project SET config = ? WHERE uid = ? AND config IS NOT ?"
        return self._connection.execute(query, (config, uid, config)).rowcount > 0

    def _task(self, uid: str, id: int, data: str) -> bool:
        query = (
            "INSERT INTO task (uid, id, data) VALUES (?, ?, ?) "
            "ON CONFLICT (uid, id) DO UPDATE SET data = excluded.data WHERE data <> excluded.data"
        )
        return self._connection.execute(query, (uid, id, data)).rowcount > 0

    def _annotation(self, uid: str, made: Annotation) -> None:
        query = (
            "INSERT INTO annotation (uid, id, task, result, annotator, is_skip, is_truth, changed) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid, id) DO UPDATE SET task = excluded.task, "
            "result = excluded.result, annotator = excluded.annotator, is_skip = excluded.is_skip, "
            "is_truth = excluded.is_truth, changed = excluded.changed "
            "WHERE NOT is_deleted AND excluded.changed >= coalesce(changed, 0) AND (excluded.task, excluded.result, "
            "excluded.annotator, excluded.is_skip, excluded.is_truth, excluded.changed) IS NOT "
            "(task, result, annotator, is_skip, is_truth, changed)"
        )
        told = (made.id, made.task, json.dumps(made.result), made.annotator, made.is_skip, made.is_truth, made.changed)
        self._connection.execute(query, (uid, *told))

    def _read(self, query: str, given: Sequence[Any] = ()) -> list[Any]:
        with self._lock, _errors(self.path):
            return self._connection.execute(query, given).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(
            f"Cannot use {path}: {error}. Make room if its disk is full; if it is no file of cal annotate "
            "label-studio, give another folder."
        ) from error
