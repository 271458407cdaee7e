"""Tables of documents that were decided, and of those on which reviewers disagree: what a team sends back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.decisions.verdicts import (
    DECIDES,
    DISAGREEMENT,
    KEPT,
    RELABELLED,
    SETTLED,
    Verdict,
)
from cal.annotation.decisions.view import undone
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, EVENT, GIVEN, STATE, VERDICT
from cal.annotation.store.statements import chunks
from cal.exchange.records import ACTIONS, AMBIGUOUS, EXCLUDE, KEEP, RELABEL

if TYPE_CHECKING:
    import pandas as pd

DECIDED_COLUMNS = ("id", "text", "given", "label", "state", "reviewer", "when", "comment", "returns")
DISAGREEMENT_COLUMNS = ("document", "text", "given", "reviewers", "labels", "comments")


def decided_frame(connection: Connection) -> pd.DataFrame:
    """A row per decided document, with the columns `DECIDED_COLUMNS`, in the order of the corpus.

    The reviewer and the time are those of the decision that counts: the last one, or the one that settled a
    disagreement. Comments are those of all reviewers, the oldest first, with a slash between them.
    """
    import pandas as pd

    names = read_labels(connection)
    rows = _documents(connection, SETTLED)
    verdicts = _verdicts(connection, SETTLED)
    said = _comments(connection, SETTLED)
    times = _times(connection, [each.seq for of in verdicts.values() for each in of.values()])
    table = []
    for row in rows:
        reviewer, last = _counting(verdicts[row.id])
        given = names.name(row.given)
        label = given if row.label_id is None else names.name(row.label_id)
        comment = " / ".join(text for _, text in said.get(row.id, []))
        about = (row.external_id, row.text, given, label, row.state, reviewer, times[last.seq], comment, row.returned)
        table.append(about)
    return pd.DataFrame(table, columns=list(DECIDED_COLUMNS))


def changes_in(decided: pd.DataFrame) -> pd.DataFrame:
    """The rows of decided documents whose label is now another than the given one, or that had none."""
    changed = decided["state"].isin((KEPT, RELABELLED)) & (decided["label"] != decided["given"])
    return decided[changed].reset_index(drop=True)


def disagreement_frame(connection: Connection) -> pd.DataFrame:
    """A row per document in disagreement: reviewers in alphabetical order, and beside each their label and comment.

    A reviewer who gave no label has the action instead, ambiguous or exclude, in brackets.
    """
    import pandas as pd

    names = read_labels(connection)
    verdicts, said = _verdicts(connection, [DISAGREEMENT]), _comments(connection, [DISAGREEMENT])
    table = []
    for row in _documents(connection, [DISAGREEMENT]):
        reviewers = sorted(name for name, each in verdicts[row.id].items() if each.action in DECIDES)
        labels = tuple(answer(names, verdicts[row.id][name].action, verdicts[row.id][name].label) for name in reviewers)
        comments = tuple(" / ".join(text for who, text in said.get(row.id, []) if who == name) for name in reviewers)
        table.append((row.external_id, row.text, names.name(row.given), tuple(reviewers), labels, comments))
    return pd.DataFrame(table, columns=list(DISAGREEMENT_COLUMNS))


def answer(names: LabelNames, action: str, label: int | None) -> str:
    """What a reviewer says about a document: the label they kept or gave, or else the action in brackets."""
    return str(names.name(label)) if action in (KEEP, RELABEL) else f"[{action}]"


ANSWERS_WITHOUT_LABEL = (f"[{AMBIGUOUS}]", f"[{EXCLUDE}]")


def _documents(connection: Connection, states: Collection[str]) -> Sequence[Any]:
    """Documents in these states with their given label in the latest version."""
    latest = latest_version(connection)
    columns = (DOCUMENT.c.id, DOCUMENT.c.external_id, DOCUMENT.c.text, STATE.c.state, STATE.c.label_id)
    query = sa.select(*columns, STATE.c.returned, GIVEN.c.label_id.label("given"))
    query = query.select_from(STATE).join(DOCUMENT, DOCUMENT.c.id == STATE.c.document_id)
    of_latest = sa.and_(GIVEN.c.document_id == STATE.c.document_id, GIVEN.c.version_id == latest)
    query = query.outerjoin(GIVEN, of_latest).where(STATE.c.state.in_(states))
    return connection.execute(query.order_by(DOCUMENT.c.id)).all()


def _verdicts(connection: Connection, states: Collection[str]) -> dict[int, dict[str, Verdict]]:
    """The verdicts about documents in these states, by document and reviewer."""
    found: dict[int, dict[str, Verdict]] = {}
    query = sa.select(VERDICT).join(STATE, STATE.c.document_id == VERDICT.c.document_id)
    for row in connection.execute(query.where(STATE.c.state.in_(states))):
        verdict = Verdict(row.action, row.label_id, row.adjudicates, row.seq)
        found.setdefault(row.document_id, {})[row.reviewer] = verdict
    return found


def _counting(of: dict[str, Verdict]) -> tuple[str, Verdict]:
    """The reviewer and the verdict from which the state of a document follows."""
    decided = [(name, each) for name, each in of.items() if each.action in DECIDES]
    return max(decided, key=lambda pair: (pair[1].adjudicates, pair[1].seq))


def _comments(connection: Connection, states: Collection[str]) -> dict[int, list[tuple[str, str]]]:
    """Reviewer and text of the comments on documents in these states, the oldest first."""
    found: dict[int, list[tuple[str, str]]] = {}
    query = sa.select(EVENT.c.document_id, EVENT.c.reviewer, EVENT.c.comment)
    query = query.join(STATE, STATE.c.document_id == EVENT.c.document_id)
    query = query.where(STATE.c.state.in_(states), EVENT.c.comment.is_not(None), EVENT.c.action.in_(ACTIONS))
    for document, reviewer, text in connection.execute(query.where(~undone()).order_by(EVENT.c.seq)):
        found.setdefault(document, []).append((reviewer, text))
    return found


def _times(connection: Connection, seqs: Iterable[int]) -> dict[int, Any]:
    """When each decision was taken: the time of the client, or else of the store."""
    found: dict[int, Any] = {}
    for some in chunks(seqs):
        query = sa.select(EVENT.c.seq, EVENT.c.client_time, EVENT.c.server_time).where(EVENT.c.seq.in_(some))
        found |= {row.seq: row.client_time or row.server_time for row in connection.execute(query)}
    return found
