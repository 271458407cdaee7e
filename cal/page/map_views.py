"""What is shown of a map: points with their colours and states, the density below them, and the way they came."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import UNDECIDED
from cal.annotation.project import Project
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import Filter
from cal.annotation.queues.matching import matching
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, DRAW, GIVEN, QUEUE
from cal.annotation.store.statements import raw_rows
from cal.page.binary import dumped
from cal.page.changes import changed_documents
from cal.page.errors import Refused
from cal.page.map_colours import colour_by, state_codes, veiled_numbers
from cal.page.map_sample import draw
from cal.page.models.maps import MapAsked, PointTip
from cal.page.points import REGIONS, Places, RunPoints, points_of, withdrawn_numbers

TOP = 1000
"""Documents that wait in the queue and are always drawn where they are in view."""

_TEXT = 240  # characters of a text


def map_view(project: Project, asked: MapAsked, reviewer: str | None = None) -> bytes:
    """The answer to `MapAsked`, as `dumped` packs it.

    Its header holds `run`, `epochs` (that are shown), `n_epochs` (that could be; 0 without curves), `total`, `in_view`,
    `sampled` (whether some points in view are not drawn), `whole` (whether all points are here), `matching`, `density`,
    `regions` (name, number, and the middle of each), `colour` (see `Colouring`) and `moved` (see `moved_between`).
    Its arrays are `numbers`, `x`, `y`, `states` (positions in the states), `codes` or `values`, and perhaps `matches`,
    `from_x` and `from_y`, and `counts`. What others have decided about documents that wait for a blind second decision
    does not show.

    Raises:
        Refused: if there is no such map.
        CalError: if there is no such colour, or the filter is none.
    """
    points = points_of(project, asked.run)
    places = points.places(project, asked.epochs)
    before = None if asked.from_run is None else points_of(project, asked.from_run)
    from_places = None if before is None else before.places(project, asked.from_epochs)
    view = _view(asked)
    with project.reading() as connection:
        shown = np.ones(len(points.numbers), dtype=bool)
        at, has = points.at(withdrawn_numbers(connection))
        shown[at[has]] = False
        matches = None if not asked.filter else matching_points(connection, points, asked.filter)
        always = _always(connection, points, asked)
        drawn = draw(places, points.order, shown, matches, always, view)
        numbers = points.numbers[drawn.positions]
        veiled = veiled_numbers(connection, reviewer)
        colour = colour_by(connection, points, drawn.positions, asked.colour, veiled)
        states = state_codes(connection, numbers, veiled).astype(np.uint8)
    arrays = {"numbers": numbers, "x": places.x[drawn.positions], "y": places.y[drawn.positions], "states": states}
    arrays |= colour.array
    if matches is not None:
        arrays["matches"] = matches[drawn.positions].astype(np.uint8)
    if before is not None and from_places is not None:
        arrays |= _ways(before, from_places, numbers)
    if drawn.counts is not None:
        arrays["counts"] = drawn.counts
    total = int(shown.sum())
    header = {
        "run": asked.run,
        "epochs": asked.epochs or points.n_epochs or None,
        "n_epochs": points.n_epochs,
        "total": total,
        "in_view": drawn.n_in_view,
        "sampled": drawn.sampled,
        "whole": len(numbers) == total,
        "matching": None if matches is None else int((matches & shown).sum()),
        "density": drawn.density,
        "regions": regions_of(points, places),
        "colour": colour.facts,
        "moved": moved_between(before, points) if before is not None and before.run != points.run else None,
    }
    return dumped(header, arrays)


def _view(asked: MapAsked) -> tuple[float, float, float, float] | None:
    if asked.x0 is None or asked.x1 is None or asked.y0 is None or asked.y1 is None:
        return None
    if not (asked.x0 < asked.x1 and asked.y0 < asked.y1):
        raise Refused(400, "request", "A view of the map goes from a smaller to a greater number, both ways.")
    return asked.x0, asked.x1, asked.y0, asked.y1


def matching_points(connection: Connection, points: RunPoints, filter: str) -> np.ndarray:
    """(point,) whether each document matches a filter.

    Raises:
        ConfigError: if it is none.
    """
    clauses = matching(connection, Filter.of(filter), Basis.of(connection), read_labels(connection))
    rows = raw_rows(connection, sa.select(DOCUMENT.c.id).where(*clauses))
    numbers = np.array([row[0] for row in rows], dtype=np.int32)
    found = np.zeros(len(points.numbers), dtype=bool)
    at, has = points.at(numbers)
    found[at[has]] = True
    return found


def top_of_queue(connection: Connection, queue: int | None) -> np.ndarray:
    """Numbers of the documents that wait in a queue, those that come first."""
    number = queue or connection.execute(sa.select(sa.func.max(QUEUE.c.id))).scalar()
    query = sa.select(DRAW.c.document_id).where(DRAW.c.queue_id == number, DRAW.c.is_open)
    found = list(connection.execute(query.order_by(DRAW.c.position).limit(TOP)).scalars()) if number else []
    return np.array(found, dtype=np.int32)


def _always(connection: Connection, points: RunPoints, asked: MapAsked) -> np.ndarray:
    numbers = top_of_queue(connection, asked.queue)
    if asked.document is not None:
        numbers = np.append(numbers, np.int32(asked.document))
    at, has = points.at(numbers)
    return np.unique(at[has])


def _ways(before: RunPoints, places: Places, numbers: np.ndarray) -> dict[str, np.ndarray]:
    at, has = before.at(numbers)
    unknown = np.float32(np.nan)
    return {"from_x": np.where(has, places.x[at], unknown), "from_y": np.where(has, places.y[at], unknown)}


def regions_of(points: RunPoints, places: Places) -> list[dict[str, Any]]:
    """The regions of a map, with the number of their points and the middle of them."""
    counts = np.bincount(points.region, minlength=len(REGIONS) + 1)
    some = points.order[:20_000]
    found = []
    for code, name in enumerate(REGIONS):
        of_region = some[points.region[some] == code]
        of_region = of_region[~np.isnan(places.x[of_region])]
        if len(of_region):
            x, y = float(np.median(places.x[of_region])), float(np.median(places.y[of_region]))
            found.append({"name": name, "n": int(counts[code]), "x": x, "y": y})
    return found


def moved_between(before: RunPoints, after: RunPoints) -> dict[str, Any]:
    """How many documents are in another region than on an earlier map, and the ways that most of them took.

    Returns:
        `both` (documents on both maps), `moved`, and `ways`: [[from, to, number], ...], the most frequent first.
    """
    at, has = before.at(after.numbers)
    old, new = before.region[at[has]].astype(np.int64), after.region[has].astype(np.int64)
    known = (old < len(REGIONS)) & (new < len(REGIONS))
    ways = np.bincount(old[known] * len(REGIONS) + new[known], minlength=len(REGIONS) ** 2)
    listed = [
        [REGIONS[k // len(REGIONS)], REGIONS[k % len(REGIONS)], int(ways[k])]
        for k in np.argsort(-ways, kind="stable").tolist()
        if ways[k] and k // len(REGIONS) != k % len(REGIONS)
    ]
    return {"both": int(has.sum()), "moved": sum(each[2] for each in listed), "ways": listed}


def point_tip(project: Project, number: int, reviewer: str | None = None, *, hidden: bool) -> PointTip:
    """What is said about a document when its point is hovered over.

    Raises:
        Refused: if there is no such document.
    """
    with project.reading() as connection:
        basis, names = Basis.of(connection), read_labels(connection)
        row = connection.execute(
            sa.select(
                DOCUMENT.c.external_id, sa.func.substr(DOCUMENT.c.text, 1, _TEXT + 1).label("text"), GIVEN.c.label_id
            )
            .outerjoin(GIVEN, sa.and_(GIVEN.c.document_id == DOCUMENT.c.id, GIVEN.c.version_id == basis.version))
            .where(DOCUMENT.c.id == number)
        ).first()
        if row is None:
            raise Refused(404, "missing", f"There is no document number {number} in the project.")
        (now,) = changed_documents(connection, [number])
        veiled = number in veiled_numbers(connection, reviewer)
        given = names.name(row.label_id)
    beginning = row.text if len(row.text) <= _TEXT else f"{row.text[:_TEXT]}…"
    return PointTip(
        number=number,
        document=row.external_id,
        text=beginning,
        given=None if hidden else given,
        label=None if hidden else given if veiled else now.label,
        state=UNDECIDED if veiled else now.state,
    )


__all__ = ["map_view", "moved_between", "point_tip", "regions_of"]
