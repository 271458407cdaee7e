"""The history of a document as the page shows it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cal.annotation.decisions.history import read_history
from cal.annotation.decisions.recording import undone_ids
from cal.annotation.project import Project
from cal.annotation.store.schema import DOCUMENT, DRAW
from cal.page.errors import Refused
from cal.page.models.history import EarlierView, EventView, HistoryView


def read_history_view(project: Project, number: int, reviewer: str, *, hidden: bool) -> HistoryView:
    """What has happened to a document.

    Args:
        project: the project.
        number: number of the document.
        reviewer: who asks: what others did is left out while two reviewers decide the document blindly.
        hidden: whether to leave out given labels, and what others did.

    Raises:
        Refused: if there is no such document.
    """
    with project.reading() as connection:
        document = connection.execute(sa.select(DOCUMENT.c.external_id).where(DOCUMENT.c.id == number)).scalar()
        if document is None:
            raise Refused(404, "missing", f"There is no document number {number} in the project.")
        blind = sa.select(DRAW.c.position).where(DRAW.c.document_id == number, DRAW.c.is_open, DRAW.c.n_reviewers > 1)
        only_mine = hidden or connection.execute(blind.limit(1)).first() is not None
        history, undone = read_history(connection, document), undone_ids(connection)
    events = [each for each in history.events if not only_mine or each["reviewer"] == reviewer]
    given = [] if hidden else list(history.given.values())
    return HistoryView(
        number=number,
        document=document,
        events=[_event(each, undone) for each in events],
        given=[each for k, each in enumerate(given) if k == 0 or each != given[k - 1]],
        earlier=[EarlierView(text=each["text"], changed=each["changed"]) for each in history.earlier],
        only_mine=only_mine,
    )


def _event(event: dict[str, Any], undone: frozenset[str]) -> EventView:
    return EventView(
        action=event["action"],
        reviewer=event["reviewer"],
        label=event["new_value"],
        comment=event["comment"],
        seconds=event["seconds"],
        time=event["server_time"],
        bulk=event["bulk"] is not None,
        undone=event["uuid"] in undone or event["bulk"] in undone,
        source=event["source"],
    )
