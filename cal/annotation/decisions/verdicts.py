"""What follows from events: the verdict of each reviewer about a document, and the state of the document.

These functions are pure. The store applies them to the few events of one document after each decision, and
`Project.check` to all events, which must come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cal.exchange.records import AMBIGUOUS, EXCLUDE, KEEP, RELABEL, SKIP, STATES

UNDO = "undo"
RETURN = "return"
"""Recorded by an import: a decided document comes back, and `comment` says why."""

DECIDES = (KEEP, RELABEL, AMBIGUOUS, EXCLUDE)
UNDECIDED, KEPT, RELABELLED, AMBIGUOUS_STATE, EXCLUDED, SKIPPED, DISAGREEMENT = STATES
STATE_AFTER = {KEEP: KEPT, RELABEL: RELABELLED, AMBIGUOUS: AMBIGUOUS_STATE, EXCLUDE: EXCLUDED}
SETTLED = tuple(STATE_AFTER.values())
"""States of documents that are decided: a disagreement still waits for somebody, and a skipped one for anybody."""


@dataclass(frozen=True)
class Event:
    """The part of an event about a document that its state follows from.

    Args:
        seq: number of the event, in the order in which the store took them.
        document: number of the document.
        action: one of `ACTIONS` of `cal.exchange.records`, or return.
        reviewer: name of the reviewer.
        label: number of the label that is kept or given; None for other actions.
        adjudicates: whether it settles a disagreement.
        reason: why the document comes back, for return.
    """

    seq: int
    document: int
    action: str
    reviewer: str
    label: int | None = None
    adjudicates: bool = False
    reason: str | None = None


class Verdict(NamedTuple):
    """A reviewer's last decision about a document, or that they skipped it."""

    action: str
    label: int | None
    adjudicates: bool
    seq: int


class State(NamedTuple):
    """Where a document stands.

    Attributes:
        state: one of `STATES`.
        label: number of the decided label; None keeps the given one.
        returned: why a decided document comes back, or None.
        n_verdicts: number of reviewers who have decided it.
        seq: number of the latest event about it.
    """

    state: str
    label: int | None
    returned: str | None
    n_verdicts: int
    seq: int


def verdicts(events: Iterable[Event]) -> dict[str, Verdict]:
    """The verdict of each reviewer from the events of one document that were not undone, in their order.

    Example:
        >>> events = [Event(1, 7, "keep", "ann", 0), Event(2, 7, "relabel", "ann", 2)]
        >>> verdicts(events)
        {'ann': Verdict(action='relabel', label=2, adjudicates=False, seq=2)}
    """
    last: dict[str, Verdict] = {}
    for event in events:
        if event.action in DECIDES or event.action == SKIP:
            last[event.reviewer] = Verdict(event.action, event.label, event.adjudicates, event.seq)
    return last


def state(of: Mapping[str, Verdict], returns: Sequence[Event] = (), seq: int = 0) -> State:
    """The state of a document from its verdicts.

    Reviewers agree if they give it the same label, whether they kept or changed it, or take the same action. Otherwise
    it is in disagreement until somebody adjudicates it.

    Args:
        of: verdict of each reviewer, with merged labels as what they were merged into.
        returns: events that brought the document back, in their order.
        seq: number of the latest event about the document.

    Example:
        >>> state({"ann": Verdict("keep", 0, False, 1), "bob": Verdict("relabel", 2, False, 2)}, seq=2).state
        'disagreement'
    """
    decided = sorted((each for each in of.values() if each.action in DECIDES), key=lambda each: each.seq)
    latest = decided[-1].seq if decided else 0
    returned = returns[-1].reason if returns and returns[-1].seq > latest else None
    if not decided:
        return State(SKIPPED if of else UNDECIDED, None, returned, 0, seq)
    settled = [each for each in decided if each.adjudicates]
    if settled or len({_outcome(each) for each in decided}) == 1:
        last = (settled or decided)[-1]
        return State(STATE_AFTER[last.action], last.label, returned, len(decided), seq)
    return State(DISAGREEMENT, None, returned, len(decided), seq)


def _outcome(verdict: Verdict) -> Any:
    return verdict.label if verdict.action in (KEEP, RELABEL) else verdict.action
