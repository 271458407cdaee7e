"""A replay of all events, which must come to the verdicts, states and labels that the database holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import RETURN, Event, State, Verdict, state, verdicts
from cal.annotation.decisions.view import live_events
from cal.annotation.store.label_store import label_events
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import labels
from cal.annotation.store.schema import EVENT, STATE, VERDICT


def differences(connection: Connection) -> list[str]:
    """A sentence about each document and label where the view differs from the events.

    Args:
        connection: a transaction that reads.
    """
    events: dict[int, list[Event]] = defaultdict(list)
    for event in live_events(connection):
        events[event.document].append(event)
    query = sa.select(EVENT.c.document_id, sa.func.max(EVENT.c.seq)).where(EVENT.c.document_id.is_not(None))
    latest = dict(connection.execute(query.group_by(EVENT.c.document_id)).all())
    given = {number: verdicts(of) for number, of in events.items()}
    found = _differing("verdicts", {key: each for key, each in given.items() if each}, _stored_verdicts(connection))
    names = read_labels(connection)
    merged = {
        number: {reviewer: each._replace(label=names.resolved(each.label)) for reviewer, each in of.items()}
        for number, of in given.items()
    }
    states = {
        number: state(merged.get(number, {}), [each for each in events[number] if each.action == RETURN], seq)
        for number, seq in latest.items()
    }
    stored = {row.document_id: State(*row[1:]) for row in connection.execute(sa.select(STATE))}
    found += _differing("state", states, stored)
    if labels(label_events(connection)) != names.all:
        found.append("The labels differ from what their events say.")
    return found


def _stored_verdicts(connection: Connection) -> dict[int, dict[str, Verdict]]:
    stored: dict[int, dict[str, Verdict]] = defaultdict(dict)
    for row in connection.execute(sa.select(VERDICT)):
        stored[row.document_id][row.reviewer] = Verdict(row.action, row.label_id, row.adjudicates, row.seq)
    return dict(stored)


def _differing(what: str, replayed: Mapping[int, object], stored: Mapping[int, object]) -> list[str]:
    return [
        f"Document {number}: its {what} should be {replayed.get(number)} and {'is' if what == 'state' else 'are'} "
        f"{stored.get(number)}."
        for number in sorted(replayed.keys() | stored.keys())
        if replayed.get(number) != stored.get(number)
    ]
