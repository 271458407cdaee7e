"""What people had said after each event: the labels that a batch follows from are those at one event, not of now.

The events are read once, in their order. So a batch that is made again, later or by another worker, follows from the
same labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import (
    DECIDES,
    KEPT,
    RELABELLED,
    RETURN,
    UNDECIDED,
    UNDO,
    Event,
    State,
    state,
    verdicts,
)
from cal.annotation.store.labels import LABEL_ACTIONS, LabelEvent, LabelNames
from cal.annotation.store.labels import labels as labels_after
from cal.annotation.store.schema import EVENT
from cal.annotation.suggestions.sources import is_accepted
from cal.exchange.records import SKIP

_COLUMNS = (
    *(EVENT.c.seq, EVENT.c.uuid, EVENT.c.action, EVENT.c.document_id, EVENT.c.bulk, EVENT.c.undoes, EVENT.c.reviewer),
    *(EVENT.c.adjudicates, EVENT.c.label_id, EVENT.c.new_value, EVENT.c.seen),
)


class SaidLabels(NamedTuple):
    """What people have said, in the numbers of the project.

    Attributes:
        labels: label of each document that has one, by their numbers.
        aside: documents that are decided, or were skipped, and have no label: ambiguous, excluded, in disagreement.
        unread: documents whose label nobody gave: a model suggested it, and it was accepted in bulk.
    """

    labels: dict[int, int]
    aside: set[int]
    unread: set[int]


class _Kept(NamedTuple):
    event: Event
    uuid: str
    bulk: str | None
    accepted: bool


@dataclass
class LabelHistory:
    """The events so far, as what they say about documents and labels.

    Attributes:
        seq: number of the latest event that was read.
    """

    seq: int = 0
    _of: dict[int, list[_Kept]] = field(default_factory=lambda: defaultdict(list))  # live events by document
    _documents: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # by uuid and by bulk
    _label_events: list[LabelEvent] = field(default_factory=list)
    _names: LabelNames | None = None

    def add(self, row: Any) -> list[int]:
        """Takes the next event. Returns the documents that it is about."""
        self.seq = row.seq
        if row.action in LABEL_ACTIONS:
            value = row.new_value if row.seen is None else row.seen
            self._label_events.append(LabelEvent(row.action, row.label_id, value))
            self._names = None
            return []
        if row.action == UNDO:
            documents = self._documents.pop(row.undoes, [])
            for number in documents:
                self._of[number] = [each for each in self._of[number] if row.undoes not in (each.uuid, each.bulk)]
            return documents
        if row.document_id is None:
            return []
        event = Event(row.seq, row.document_id, row.action, row.reviewer, row.label_id, row.adjudicates)
        self._of[row.document_id].append(_Kept(event, row.uuid, row.bulk, is_accepted(row.seen)))
        if row.action != RETURN:
            self._documents[row.uuid if row.bulk is None else row.bulk].append(row.document_id)
        return [row.document_id]

    @property
    def names(self) -> LabelNames:
        """The labels of the project after these events."""
        if self._names is None:
            self._names = LabelNames(labels_after(self._label_events))
        return self._names

    def is_done(self, document: int, after: int = 0) -> bool:
        """Whether somebody has decided or skipped a document, since an event."""
        return any(
            each.event.seq > after and (each.event.action in DECIDES or each.event.action == SKIP)
            for each in self._of.get(document, ())
        )

    def state(self, document: int) -> State:
        """The state of a document, as the project would have shown it."""
        events = [each.event for each in self._of.get(document, ())]
        of = {who: each._replace(label=self.names.resolved(each.label)) for who, each in verdicts(events).items()}
        returns = [each for each in events if each.action == RETURN]
        return state(of, returns, events[-1].seq if events else 0)

    def said(self) -> SaidLabels:
        """What people have said about documents, without the labels that documents came with."""
        found = SaidLabels({}, set(), set())
        for document in self._of:
            each = self.state(document)
            if each.state in (KEPT, RELABELLED) and each.label is not None:
                found.labels[document] = each.label
                kept = [each for each in self._of[document] if each.event.action in DECIDES]
                if all({each.event.reviewer: each.accepted for each in kept}.values()):
                    found.unread.add(document)
            elif each.state != UNDECIDED:
                found.aside.add(document)
        return found


def events_after(connection: Connection, seq: int) -> Iterator[Any]:
    """The events after one, in their order, none of which can still come in between.

    Args:
        connection: a transaction that reads.
        seq: number of the event.
    """
    if connection.dialect.name == "postgresql":  # whoever is deciding finishes first
        connection.exec_driver_sql("LOCK TABLE event IN SHARE MODE")
    yield from connection.execute(sa.select(*_COLUMNS).where(EVENT.c.seq > seq).order_by(EVENT.c.seq))


def last_event(connection: Connection) -> int:
    """Number of the latest event that can be seen, which costs next to nothing."""
    return connection.execute(sa.select(sa.func.max(EVENT.c.seq))).scalar() or 0
