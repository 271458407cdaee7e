"""How many documents have each label, in the corpus and now."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import GIVEN, STATE
from cal.page.models.settings import LabelUse
from cal.page.withdrawn import withdrawn


def read_label_uses(connection: Connection) -> list[LabelUse]:
    """The labels in use with their numbers of documents, without those that the latest import lacked."""
    names, version = read_labels(connection), latest_version(connection)
    given: Counter[int | None] = Counter()
    counted = sa.select(GIVEN.c.label_id, sa.func.count())
    of_version = (GIVEN.c.version_id == version, GIVEN.c.document_id.not_in(withdrawn()))
    for label, n in connection.execute(counted.where(*of_version).group_by(GIVEN.c.label_id)):
        given[names.resolved(label)] += n
    now, either = Counter(given), Counter(given)
    decided = sa.select(GIVEN.c.label_id.label("given"), STATE.c.label_id, sa.func.count()).select_from(STATE)
    of_latest = sa.and_(GIVEN.c.document_id == STATE.c.document_id, GIVEN.c.version_id == version)
    decided = decided.outerjoin(GIVEN, of_latest)
    decided = decided.where(STATE.c.label_id.is_not(None), STATE.c.document_id.not_in(withdrawn()))
    for before, after, n in connection.execute(decided.group_by(GIVEN.c.label_id, STATE.c.label_id)):
        old, new = names.resolved(before), names.resolved(after)
        if old != new:
            now[old] -= n
            now[new] += n
            either[new] += n
    return [
        LabelUse(
            name=each.name,
            colour=each.colour,
            n_given=given[each.id],
            n_now=now[each.id],
            n_either=either[each.id],
        )
        for each in names.current
    ]
