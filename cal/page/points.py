"""Points of maps as arrays: read once per run, placed for the first epochs, found inside a polygon.

The points of a run never change, so that they are kept in memory, as many runs as have room. Whatever people decide is
read anew each time, elsewhere.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.store.schema import DOCUMENT, GIVEN, MAP_POINT, RUN
from cal.annotation.store.statements import raw_rows
from cal.dynamics.regions import AMBIGUOUS, EASY, HARD, OTHER
from cal.page.errors import Refused
from cal.page.polygons import Heights
from cal.page.reading import batches, read_numbers, scattered

if TYPE_CHECKING:
    from cal.annotation.project import Project

REGIONS = (EASY, AMBIGUOUS, HARD, OTHER)
NO_REGION = len(REGIONS)
MOST_BYTES = 512 * 2**20
"""Most bytes of points that a project keeps in memory; the run in use is kept in any case."""

_SOME = 20_000
_PLACINGS = 4  # numbers of epochs whose places are kept


@dataclass(frozen=True, eq=False)
class Places:
    """Where points are.

    Attributes:
        x: (point,) variability as float32; NaN if it is not known.
        y: (point,) confidence.
        heights: the points in the order of their confidence, which polygons need.
    """

    x: np.ndarray
    y: np.ndarray
    heights: Heights = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "heights", Heights(self.x, self.y))


@dataclass(eq=False)
class RunPoints:
    """The points of a run, in the order of their documents.

    Attributes:
        run: number of the run.
        numbers: (point,) numbers of the documents as int32, ascending.
        whole: places after all epochs.
        region: (point,) positions in `REGIONS`, or `NO_REGION`.
        order: (point,) the points in a random order that is always the same.
        n_epochs: number of epochs of the curves; 0 if the run has none.
    """

    run: int
    numbers: np.ndarray
    whole: Places
    region: np.ndarray
    order: np.ndarray
    n_epochs: int = 0
    _curves: np.ndarray | None = None  # (epoch, point) float16: p of the given label
    _placed: OrderedDict[int, Places] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _remembered: dict[Any, Any] = field(default_factory=dict)

    @property
    def some_numbers(self) -> np.ndarray:
        """Numbers of documents at random, ascending: enough to say what a column holds."""
        return np.sort(self.numbers[self.order[:_SOME]])

    def remembered(self, key: Any, find: Callable[[], Any]) -> Any:
        """What `find` gave the first time: colours must mean the same in each view of a map."""
        if key not in self._remembered:
            self._remembered[key] = find()
        return self._remembered[key]

    @property
    def n_bytes(self) -> int:
        """Bytes that it holds at most."""
        curves = 2 * self.n_epochs * len(self.numbers)
        return len(self.numbers) * (4 + 1 + 4 + 24 * (1 + _PLACINGS)) + curves

    def places(self, project: Project, epochs: int | None = None) -> Places:
        """Where the points are after the first epochs: mean and standard deviation of p(given label) over them.

        Args:
            project: the project.
            epochs: number of epochs; None takes all.

        Raises:
            Refused: if the run has no curves.
        """
        if epochs is None or epochs == self.n_epochs:
            return self.whole
        if not self.n_epochs:
            raise Refused(400, "data", "This map has no curves, so that it can show only all of its epochs.")
        if not 1 <= epochs <= self.n_epochs:
            raise Refused(400, "data", f"This map has 1 to {self.n_epochs} epochs; given {epochs}.")
        with self._lock:
            if self._curves is None:
                with project.reading() as connection:
                    self._curves = read_given_curves(connection, self.run, self.numbers, self.n_epochs)
            if epochs not in self._placed:
                self._placed[epochs] = placed(self._curves[:epochs])
            self._placed.move_to_end(epochs)
            while len(self._placed) > _PLACINGS:
                self._placed.popitem(last=False)
            return self._placed[epochs]

    def at(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions of documents, and whether each has a point."""
        if not len(self.numbers):
            return np.zeros(len(numbers), dtype=np.int64), np.zeros(len(numbers), dtype=bool)
        at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return at, self.numbers[at] == numbers


def placed(curves: np.ndarray) -> Places:
    """Mean and deviation over the epochs of (epoch, point) probabilities; epochs that are missing do not count."""
    n_points = curves.shape[1]
    total, squares, known = np.zeros(n_points), np.zeros(n_points), np.zeros(n_points, dtype=np.int32)
    for row in curves:
        values = row.astype(np.float64)
        has = ~np.isnan(values)
        values[~has] = 0.0
        total += values
        squares += values * values
        known += has
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / known
        spread = np.sqrt(np.maximum(squares / known - mean * mean, 0.0))
    return Places(spread.astype(np.float32), mean.astype(np.float32))


def read_points(connection: Connection, run: int) -> RunPoints:
    """Reads the points of a run.

    Raises:
        Refused: if there is no such run, or it places no documents.
    """
    found = connection.execute(sa.select(RUN.c.name, RUN.c.label_ids).where(RUN.c.id == run)).first()
    if found is None:
        raise Refused(404, "missing", f"There is no run number {run} in the project.")
    point = MAP_POINT.c
    region = sa.case(*((point.region == name, code) for code, name in enumerate(REGIONS)), else_=NO_REGION)
    query = sa.select(point.document_id, point.variability, point.confidence, region)
    rows = read_numbers(
        connection, query.where(point.run_id == run, point.confidence.is_not(None), point.variability.is_not(None))
    )
    if not len(rows):
        raise Refused(404, "missing", f"The run {found.name} places no documents on a map.")
    if np.any(np.diff(rows[:, 0]) < 0):
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
    return RunPoints(
        run,
        rows[:, 0].astype(np.int32),
        Places(rows[:, 1].astype(np.float32), rows[:, 2].astype(np.float32)),
        rows[:, 3].astype(np.uint8),
        np.random.default_rng(0).permutation(len(rows)).astype(np.int32),
        _epochs_of(connection, run, len(found.label_ids or ())),
    )


def _epochs_of(connection: Connection, run: int, n_classes: int) -> int:
    has = (MAP_POINT.c.run_id == run, MAP_POINT.c.curves.is_not(None))
    stored = connection.execute(sa.select(MAP_POINT.c.curves).where(*has).limit(1)).scalar()
    return 0 if not stored or not n_classes else len(stored) // (2 * n_classes)


def read_given_curves(connection: Connection, run: int, numbers: np.ndarray, n_epochs: int) -> np.ndarray:
    """Probabilities of the given label, from the curves of all classes.

    Args:
        connection: a transaction that reads.
        run: number of the run.
        numbers: (point,) numbers of the documents, ascending.
        n_epochs: number of epochs.

    Returns:
        (epoch, point) float16; NaN where the curves, the given label or an epoch are missing.
    """
    row = connection.execute(sa.select(RUN.c.label_ids, RUN.c.version_id).where(RUN.c.id == run)).one()
    classes: Sequence[int | None] = row.label_ids
    given = read_numbers(
        connection, sa.select(GIVEN.c.document_id, GIVEN.c.label_id).where(GIVEN.c.version_id == row.version_id)
    )
    known = given[~np.isnan(given[:, 1])]
    label = scattered(numbers, known[:, 0], known[:, 1], -1, np.int64)
    at_class = np.full(len(numbers), -1)
    for position, each in enumerate(classes):
        if each is not None:
            at_class[label == each] = position
    curves = np.full((n_epochs, len(numbers)), np.nan, dtype=np.float16)
    width = n_epochs * len(classes)
    query = sa.select(MAP_POINT.c.document_id, MAP_POINT.c.curves)
    query = query.where(MAP_POINT.c.run_id == run, MAP_POINT.c.curves.is_not(None))
    for part in batches(raw_rows(connection, query)):
        part = [each for each in part if len(each[1]) == 2 * width]
        documents = np.array([each[0] for each in part])
        values = np.frombuffer(b"".join(each[1] for each in part), dtype="<f2").reshape(-1, n_epochs, len(classes))
        at = np.minimum(np.searchsorted(numbers, documents), len(numbers) - 1)
        used = np.flatnonzero((numbers[at] == documents) & (at_class[at] >= 0))
        curves[:, at[used]] = values[used, :, at_class[at[used]]].T
    return curves


class _Kept:
    """The runs of a project that are in memory, those used last at the end."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runs: OrderedDict[int, RunPoints] = OrderedDict()

    def get(self, project: Project, run: int) -> RunPoints:
        with self.lock:  # whoever asks while it is read waits, and does not read it again
            if run not in self.runs:
                with project.reading() as connection:
                    self.runs[run] = read_points(connection, run)
            self.runs.move_to_end(run)
            while len(self.runs) > 1 and sum(each.n_bytes for each in self.runs.values()) > MOST_BYTES:
                self.runs.popitem(last=False)
            return self.runs[run]


_KEPT: WeakKeyDictionary[Any, _Kept] = WeakKeyDictionary()
_LOCK = threading.Lock()


def points_of(project: Project, run: int) -> RunPoints:
    """The points of a run, from memory if they were read before.

    Raises:
        Refused: if there is no such run, or it places no documents.
    """
    with _LOCK:
        kept = _KEPT.setdefault(project, _Kept())
    return kept.get(project, run)


def withdrawn_numbers(connection: Connection) -> np.ndarray:
    """Numbers of the documents that the latest import left out."""
    query = sa.select(DOCUMENT.c.id).where(sa.text("document.withdrawn"))  # as its index has it, and not `= 1`
    return np.array([row[0] for row in raw_rows(connection, query)], dtype=np.int32)


def inside(
    project: Project, connection: Connection, run: int, epochs: int | None, polygon: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Numbers of the documents below a lasso, whether or not they were drawn, ascending.

    Args:
        project: the project.
        connection: a transaction that reads.
        run: number of the run whose map the lasso is on.
        epochs: number of first epochs that the map shows; None for all.
        polygon: corners of the lasso, each with its variability and its confidence.

    Raises:
        Refused: if the run has no such map.
    """
    points = points_of(project, run)
    found = points.numbers[points.places(project, epochs).heights.inside(polygon)]
    return np.setdiff1d(found, withdrawn_numbers(connection), assume_unique=True)
