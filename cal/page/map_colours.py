"""What the points of a map are coloured by: names or numbers of the documents, as codes that the browser draws."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.queues.basis import Basis
from cal.annotation.queues.homes import COLUMN, HOMES, MAP, SUSPECTS
from cal.annotation.queues.scores import Score, find_score, known_scores
from cal.annotation.store.column_types import AnyText
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, GIVEN, MAP_POINT, REVIEWER, STATE, SUGGESTION, VERDICT
from cal.exchange.records import STATES
from cal.page.models.maps import ColourChoice
from cal.page.points import NO_REGION, REGIONS, RunPoints
from cal.page.reading import rows_about, scattered
from cal.page.selections import is_blind, is_ever_blind

RINGS, CROSSES = ("kept", "relabelled", "ambiguous"), ("excluded", "skipped")
"""States whose points are rings and crosses; a disagreement is drawn as what it was before: a disc that waits."""

MOST_NAMES = 11  # the map tells about a dozen colours apart
_LOOKED_AT = 500  # documents by which it is decided whether a column holds names or numbers

FIXED = {
    "region": ("Region", "map"),
    "correctness": ("Correctness", "map"),
    "given": ("Given label", "labels"),
    "suggested": ("Suggested label", "labels"),
    "label": ("Label now", "labels"),
    "state": ("State", "reviews"),
    "reviewer": ("Reviewer", "reviews"),
    "split": ("Split", "columns"),
}

_FOR_ALL = {
    "p_wrong": "Probability that the label is wrong",
    "p_label": "Probability of the given label",
    "p_likely": "Probability of the suggested label",
    "score": "Suspicion",
    "rank": "Rank among the suspects",
    "confidence": "Confidence",
    "variability": "Variability",
}
"""Scores that labellers understand; others are measures for whoever knows them."""

_SPELT = {"aum": "AUM", "el2n": "EL2N"}
_WITHOUT_MEANING = ("row",)


@dataclass(frozen=True, eq=False)
class Colouring:
    """Colours of points.

    Attributes:
        facts: what the map in the browser takes, without its codes or values: kind, title, names and colours, or range.
        codes: (point,) positions in the names, as uint16.
        values: (point,) numbers as float32; NaN where one is missing.
    """

    facts: dict[str, Any]
    codes: np.ndarray | None = None
    values: np.ndarray | None = None

    @property
    def array(self) -> dict[str, np.ndarray]:
        """The codes or the values by name."""
        return {"codes": self.codes} if self.codes is not None else {"values": np.asarray(self.values)}


def colour_choices(connection: Connection, run: int) -> list[ColourChoice]:
    """What the points of a run can be coloured by."""
    basis = Basis.of(connection, run)
    found = [ColourChoice(colour=name, title=title, group=group) for name, (title, group) in FIXED.items()]
    alone = {SUSPECTS: Basis(suspects=basis.suspects), MAP: Basis(map=basis.map)}
    for home, of_home in alone.items():
        for name in known_scores(connection, of_home, columns=False):
            if name not in FIXED and name not in _WITHOUT_MEANING:
                group = home if name in _FOR_ALL else "measures"
                found.append(ColourChoice(colour=f"{home}.{name}", title=in_words_of(name), group=group))
    for name in column_kinds(connection):
        found.append(ColourChoice(colour=f"{COLUMN}.{name}", title=name, group="columns"))
    return found


def in_words_of(name: str) -> str:
    """A score as people call it.

    Example:
        >>> in_words_of("p_wrong"), in_words_of("first_learnt"), in_words_of("rank_aum")
        ('Probability that the label is wrong', 'First learnt', 'Rank by AUM alone')
    """
    if name.startswith("rank_"):
        word = name.removeprefix("rank_")
        return f"Rank by {_SPELT.get(word, word)} alone"
    return _FOR_ALL.get(name) or _SPELT.get(name) or (name[:1].upper() + name[1:]).replace("_", " ")


def colour_by(
    connection: Connection, points: RunPoints, positions: np.ndarray, by: str, veiled: np.ndarray
) -> Colouring:
    """The colours of some points.

    Args:
        connection: a transaction that reads.
        points: the points of a run.
        positions: positions of the points to colour, ascending.
        by: one of `FIXED`, or a score or column as `find_score` takes it.
        veiled: numbers of documents whose decisions do not show, ascending.

    Raises:
        CalError: if there is no such score.
        Refused: if the project has nothing of the kind.
    """
    numbers = points.numbers[positions]
    if by == "region":
        return _of_regions(points.region[positions])
    if by in ("given", "suggested", "label"):
        return _of_labels(connection, points, numbers, by, veiled)
    if by == "state":
        codes = state_codes(connection, numbers, veiled)
        return Colouring({"kind": "names", "title": "State", "names": list(STATES)}, codes)
    if by == "reviewer":
        return _of_reviewers(connection, numbers, veiled)
    if by == "split":
        query = sa.select(DOCUMENT.c.id, DOCUMENT.c.split)
        whole = sa.select(DOCUMENT.c.split).group_by(DOCUMENT.c.split).order_by(sa.func.count().desc())
        splits = connection.execute(whole.where(DOCUMENT.c.split.is_not(None)).limit(MOST_NAMES)).scalars()
        names = [str(each) for each in splits]
        rows = [(row[0], row[1]) for row in rows_about(connection, query, DOCUMENT.c.id, numbers)]
        return _of_names(numbers, rows, names, "Split")
    return _of_score(connection, points, numbers, by)


def veiled_numbers(connection: Connection, reviewer: str | None) -> np.ndarray:
    """Numbers of the documents about which this reviewer must not see what others have decided, ascending."""
    if not is_ever_blind(connection):
        return np.array([], dtype=np.int32)
    query = sa.select(DOCUMENT.c.id).where(is_blind(reviewer)).order_by(DOCUMENT.c.id)
    return np.array(list(connection.execute(query).scalars()), dtype=np.int32)


def state_codes(connection: Connection, numbers: np.ndarray, veiled: np.ndarray) -> np.ndarray:
    """Positions of the states of documents in `STATES`, read anew; 0 of those that are veiled."""
    code = sa.case(*((STATE.c.state == name, position) for position, name in enumerate(STATES)), else_=0)
    rows = list(rows_about(connection, sa.select(STATE.c.document_id, code), STATE.c.document_id, numbers))
    codes = _scattered(numbers, rows, 0)
    codes[np.isin(numbers, veiled)] = 0
    return codes


def marks_of(codes: np.ndarray) -> np.ndarray:
    """Marks of states: 0 a disc, 1 a ring, 2 a cross."""
    table: np.ndarray = np.array(
        [1 if each in RINGS else 2 if each in CROSSES else 0 for each in STATES], dtype=np.uint8
    )
    marks: np.ndarray = table[codes]
    return marks


def column_kinds(connection: Connection) -> dict[str, str]:
    """Columns of the corpus with number or name as their kind, from the first documents."""
    query = sa.select(DOCUMENT.c["columns"]).where(DOCUMENT.c["columns"].is_not(None)).order_by(DOCUMENT.c.id)
    kinds: dict[str, str] = {}
    for columns in connection.execute(query.limit(_LOOKED_AT)).scalars():
        for name, value in columns.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            kinds[name] = "number" if number and kinds.get(name, "number") == "number" else "name"
    return kinds


def _scattered(numbers: np.ndarray, rows: list[Any], otherwise: int) -> np.ndarray:
    pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return scattered(numbers, pairs[:, 0], pairs[:, 1], otherwise, np.uint16)


def _of_regions(regions: np.ndarray) -> Colouring:
    used = [*REGIONS[:-1], *(REGIONS[-1:] if np.any(regions >= NO_REGION - 1) else ())]
    codes = np.minimum(regions, len(REGIONS) - 1).astype(np.uint16)
    return Colouring({"kind": "names", "title": "Region", "names": used, "rest": len(used) == len(REGIONS)}, codes)


def _of_labels(
    connection: Connection, points: RunPoints, numbers: np.ndarray, by: str, veiled: np.ndarray
) -> Colouring:
    names, basis = read_labels(connection), Basis.of(connection, points.run)
    if by == "suggested":
        table = MAP_POINT if basis.suspects is None else SUGGESTION
        column = table.c.predicted_id if basis.suspects is None else table.c.label_id
        query = sa.select(table.c.document_id, column)
        query = query.where(table.c.run_id == (basis.map if basis.suspects is None else basis.suspects))
        labels = _labels(connection, query.where(column.is_not(None)), table.c.document_id, numbers)
    else:
        query = sa.select(GIVEN.c.document_id, GIVEN.c.label_id)
        query = query.where(GIVEN.c.version_id == basis.version, GIVEN.c.label_id.is_not(None))
        labels = _labels(connection, query, GIVEN.c.document_id, numbers)
        if by == "label":
            query = sa.select(STATE.c.document_id, STATE.c.label_id).where(STATE.c.label_id.is_not(None))
            decided = _labels(connection, query, STATE.c.document_id, numbers)
            labels = np.where((decided >= 0) & ~np.isin(numbers, veiled), decided, labels)
    return _coloured_labels(names, labels, FIXED[by][0])


def _labels(connection: Connection, query: Any, column: Any, numbers: np.ndarray) -> np.ndarray:
    rows = np.array(list(rows_about(connection, query, column, numbers)), dtype=np.int64).reshape(-1, 2)
    return scattered(numbers, rows[:, 0], rows[:, 1], -1, np.int64)


def _coloured_labels(names: LabelNames, labels: np.ndarray, title: str) -> Colouring:
    current = names.current
    position = {each.id: k for k, each in enumerate(current)}
    table = np.full(max((each.id for each in names.all), default=0) + 2, len(current), dtype=np.uint16)
    for each in names.all:
        number = names.resolved(each.id)
        table[each.id] = len(current) if number is None else position.get(number, len(current))
    return Colouring(
        {
            "kind": "names",
            "title": title,
            "names": [*(each.name for each in current), "no label"],
            "colours": [each.colour for each in current],
            "rest": True,
        },
        table[labels],
    )


def _of_reviewers(connection: Connection, numbers: np.ndarray, veiled: np.ndarray) -> Colouring:
    reviewers = list(connection.execute(sa.select(REVIEWER.c.name).order_by(REVIEWER.c.name)).scalars())
    query = sa.select(VERDICT.c.document_id, VERDICT.c.reviewer, VERDICT.c.seq)
    rows = sorted(rows_about(connection, query, VERDICT.c.document_id, numbers), key=lambda row: row[2])
    stored = AnyText()  # the driver gives texts as they are stored
    last = {
        row[0]: stored.process_result_value(row[1], connection.dialect) for row in rows
    }  # the latest decision counts
    for number in veiled.tolist():
        last.pop(number, None)
    return _of_names(numbers, list(last.items()), reviewers[:MOST_NAMES], "Reviewer", "nobody yet")


def _of_names(
    numbers: np.ndarray, rows: list[tuple[int, Any]], names: list[str], title: str, rest: str = "others"
) -> Colouring:
    position = {name: k for k, name in enumerate(names)}
    others = len(names)
    codes = _scattered(numbers, [(number, position.get(value, others)) for number, value in rows], others)
    return Colouring({"kind": "names", "title": title, "names": [*names, rest], "rest": True}, codes)


def _of_score(connection: Connection, points: RunPoints, numbers: np.ndarray, by: str) -> Colouring:
    basis = Basis.of(connection, points.run)
    home, _, name = by.partition(".")
    if home == COLUMN and column_kinds(connection).get(name) == "name":
        return _of_column(connection, points, numbers, name)
    runs = {MAP: points.run, SUSPECTS: basis.suspects, COLUMN: None}
    if by == "correctness":
        score = Score(MAP, by, points.run)
    elif home in HOMES and (runs[home] is not None or home == COLUMN):
        score = Score(home, name, runs[home])
    else:
        score = find_score(connection, basis, by)
    query = sa.select(DOCUMENT.c.id, score.number(connection.dialect.name))

    def values(of: np.ndarray) -> np.ndarray:
        rows = rows_about(connection, query, DOCUMENT.c.id, of)
        pairs = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 2)
        return scattered(of, pairs[:, 0], pairs[:, 1], np.nan, np.float32)

    def bounds() -> list[float] | None:
        known = values(points.some_numbers)
        known = known[np.isfinite(known)]
        return [float(known.min()), float(known.max())] if len(known) else None

    title = score.name if score.home == COLUMN else in_words_of(score.name)
    found = {"kind": "numbers", "title": title, "range": points.remembered((by, basis), bounds)}
    return Colouring(found, values=values(numbers))


def _of_column(connection: Connection, points: RunPoints, numbers: np.ndarray, name: str) -> Colouring:
    query = sa.select(DOCUMENT.c.id, DOCUMENT.c["columns"]).where(DOCUMENT.c["columns"].is_not(None))

    def rows(of: np.ndarray) -> list[tuple[int, str]]:
        return [(row[0], _said(row[1], name)) for row in rows_about(connection, query, DOCUMENT.c.id, of)]

    def names() -> list[str]:
        counts = Counter(value for _, value in rows(points.some_numbers) if value)
        return [value for value, _ in counts.most_common(MOST_NAMES)]

    known = points.remembered((f"{COLUMN}.{name}", Basis.of(connection, points.run)), names)
    return _of_names(numbers, rows(numbers), known, name, "others or none")


def _said(columns: str, name: str) -> str:
    value = orjson.loads(columns).get(name)
    return "" if value is None else str(value)


__all__ = ["FIXED", "Colouring", "colour_by", "colour_choices", "marks_of", "state_codes"]
