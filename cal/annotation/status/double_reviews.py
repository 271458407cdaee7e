"""Documents that several reviewers decided, read from the store for `cal.annotation.status.agreement`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.decided import ANSWERS_WITHOUT_LABEL, answer
from cal.annotation.decisions.verdicts import DECIDES
from cal.annotation.decisions.view import undone
from cal.annotation.status.agreement import LEAST, Agreement
from cal.annotation.store.database import as_word, storage
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DRAW, EVENT, MAP_POINT, RUN, VERDICT
from cal.annotation.store.statements import chunks
from cal.errors import DataError, shown


def read_agreement(connection: Connection, engine: sa.Engine, *, blind: bool = True, least: int = LEAST) -> Agreement:
    """The agreement of the reviewers of a project.

    Args:
        connection: a transaction that reads.
        engine: engine of the project, for maps that are asked for later.
        blind: count only what reviewers said about a document that a queue gave to two of them or more, none of whom
            saw what the others said; otherwise the last decision of each reviewer about any document. What settled a
            disagreement counts in neither.
        least: fewest shared documents from which a figure is shown.
    """
    names = read_labels(connection)
    rows = connection.execute(_blind() if blind else _all()).all()
    last = {(row.document_id, row.reviewer): answer(names, row.action, row.label_id) for row in rows}  # in their order
    keys = list(zip(*last, strict=True)) or [(), ()]
    table = pd.DataFrame({"document": keys[0], "reviewer": keys[1], "answer": list(last.values())})
    shared = table[table.groupby("document")["reviewer"].transform("size") > 1].reset_index(drop=True)

    def regions_of(run: int | str | None) -> Mapping[int, str]:
        with storage(engine) as later:
            return _regions(later, run, map(int, shared["document"].unique()))

    return Agreement(shared, [*names.names, *ANSWERS_WITHOUT_LABEL], blind, least, regions_of)


def _blind() -> sa.Select[tuple[int, str, str, int | None]]:
    """Decisions about draws for several reviewers."""
    query = sa.select(EVENT.c.document_id, EVENT.c.reviewer, EVENT.c.action, EVENT.c.label_id)
    same = sa.and_(
        DRAW.c.queue_id == EVENT.c.queue_id,
        DRAW.c.position == EVENT.c.position,
        DRAW.c.document_id == EVENT.c.document_id,
    )
    query = query.join(DRAW, same).where(DRAW.c.n_reviewers > 1, EVENT.c.action.in_(DECIDES), ~EVENT.c.adjudicates)
    return query.where(~undone()).order_by(EVENT.c.seq)


def _all() -> sa.Select[tuple[int, str, str, int | None]]:
    """The last decision of each reviewer about each document that several have decided."""
    decides = sa.and_(VERDICT.c.action.in_(DECIDES), ~VERDICT.c.adjudicates)
    several = sa.select(VERDICT.c.document_id).where(decides).group_by(VERDICT.c.document_id)
    several = several.having(sa.func.count() > 1)
    query = sa.select(VERDICT.c.document_id, VERDICT.c.reviewer, VERDICT.c.action, VERDICT.c.label_id)
    return query.where(decides, VERDICT.c.document_id.in_(several)).order_by(VERDICT.c.seq)


def _regions(connection: Connection, run: int | str | None, documents: Iterable[int]) -> dict[int, str]:
    """Region of documents in a map run; those that it does not hold are missing.

    Raises:
        DataError: if there is no such run.
    """
    maps = connection.execute(sa.select(RUN.c.id, RUN.c.name).where(RUN.c.kind == "map").order_by(RUN.c.id)).all()
    if not maps:
        raise DataError(
            "The project has no data map, so there are no regions. Import one: cal annotate import "
            f"{as_word(connection)} map=FOLDER"
        )
    matching = [row.id for row in maps if run in (None, row.id, row.name)]
    if not matching:
        known = ", ".join(f"{row.id} ({row.name})" for row in maps)
        raise DataError(f"There is no map run {shown(run)}. Known: {known}.")
    found: dict[int, str] = {}
    for some in chunks(documents):
        query = sa.select(MAP_POINT.c.document_id, MAP_POINT.c.region)
        query = query.where(MAP_POINT.c.run_id == matching[-1], MAP_POINT.c.document_id.in_(some))
        found |= {row.document_id: row.region for row in connection.execute(query) if row.region is not None}
    return found
