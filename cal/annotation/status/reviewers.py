"""Reviewers: what each of them decided and how fast, and decisions that came too fast to have been read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import DECIDES
from cal.annotation.decisions.view import undone
from cal.annotation.store.schema import EVENT
from cal.annotation.store.statements import raw_rows
from cal.exchange.records import AMBIGUOUS, EXCLUDE, KEEP, RELABEL, SKIP

FAST_SECONDS = 1.0
"""A decision is fast if it took less than this."""
FAST_IN_A_ROW = 5
"""Fewest fast decisions in a row that are marked: a single one may be a document that one has just seen."""
PAUSE_SECONDS = 300.0
"""A longer gap between two decisions is a pause, and no working time."""

_COUNTS = {KEEP: "kept", RELABEL: "relabelled", AMBIGUOUS: "ambiguous", EXCLUDE: "excluded", SKIP: "skipped"}
COLUMNS = ("reviewer", "decisions", *_COUNTS.values(), "bulk", "imported", "median_seconds", "per_hour")
FAST_COLUMNS = ("reviewer", "from", "to", "n")


def read_decisions(connection: Connection) -> pd.DataFrame:
    """A row per decision or skip that was not undone, in the order of the store.

    Returns:
        Columns reviewer, action, seconds, time (of the client, or else of the store), bulk and imported.
    """
    columns = (EVENT.c.reviewer, EVENT.c.action, EVENT.c.seconds, EVENT.c.bulk, EVENT.c.source)
    time = sa.func.coalesce(sa.type_coerce(EVENT.c.client_time, sa.Text), sa.type_coerce(EVENT.c.server_time, sa.Text))
    query = sa.select(*columns, time.label("time")).where(EVENT.c.action.in_((*DECIDES, SKIP)), ~undone())
    names = ("reviewer", "action", "seconds", "bulk", "imported", "time")
    values = list(zip(*raw_rows(connection, query.order_by(EVENT.c.seq)), strict=True)) or [()] * len(names)
    frame = pd.DataFrame(dict(zip(names, map(list, values), strict=True)), dtype=object)
    frame["time"] = pd.to_datetime(frame["time"], format="ISO8601", utc=True)
    frame["seconds"] = frame["seconds"].astype(float)
    return frame.assign(bulk=frame["bulk"].notna(), imported=frame["imported"].notna())


def reviewer_frame(decisions: pd.DataFrame) -> pd.DataFrame:
    """A row per reviewer, the busiest first.

    The seconds and the pace are those of decisions that were taken one by one here, without those of a bulk decision
    and imported answers. The pace is decisions and skips per hour of work: each took the time since the one before,
    pauses of more than five minutes left out, or the seconds that the client gives if they are more.

    Args:
        decisions: rows of `read_decisions`.

    Returns:
        Columns `COLUMNS`.
    """
    rows = []
    for reviewer, of in decisions.groupby("reviewer"):
        counts = of["action"].value_counts()
        single = of[~of["bulk"] & ~of["imported"]]
        median = single["seconds"].median() if single["seconds"].notna().any() else np.nan
        n_decisions = int(of["action"].isin(DECIDES).sum())
        by_action = [int(counts.get(action, 0)) for action in _COUNTS]
        rows.append(
            (reviewer, n_decisions, *by_action, int(of["bulk"].sum()), int(of["imported"].sum()), median, _pace(single))
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values(["decisions", "reviewer"], ascending=[False, True]).reset_index(drop=True)


def _pace(single: pd.DataFrame) -> float:
    """Decisions per hour of work; NaN if nothing tells."""
    in_order = single.sort_values("time", kind="stable")
    gaps = in_order["time"].diff().dt.total_seconds()
    took = np.fmax(gaps.where(gaps <= PAUSE_SECONDS), in_order["seconds"])  # several may have been sent at once
    working = float(took.sum())
    return float(3600 * took.count() / working) if working > 0 else np.nan


def fast_decisions(decisions: pd.DataFrame) -> pd.DataFrame:
    """Rows of at least five decisions of a reviewer that took less than a second each, one after another.

    A decision took the seconds that the client gives, or else the time since the reviewer's decision or skip before.
    Skips neither count nor end a row; bulk decisions and imported answers are left out.

    Args:
        decisions: rows of `read_decisions`.

    Returns:
        Columns `FAST_COLUMNS`: from when to when, and how many.
    """
    rows = []
    for reviewer, of in decisions[~decisions["bulk"] & ~decisions["imported"]].groupby("reviewer"):
        in_order = of.sort_values("time", kind="stable")
        took = in_order["seconds"].fillna(in_order["time"].diff().dt.total_seconds())
        decided = in_order["action"].isin(DECIDES).to_numpy()
        fast, times = (took.to_numpy() < FAST_SECONDS)[decided], in_order["time"][decided]
        edges = np.flatnonzero(np.diff(np.concatenate([[0], fast.astype(np.int8), [0]])))
        for start, end in edges.reshape(-1, 2):
            if end - start >= FAST_IN_A_ROW:
                rows.append((reviewer, times.iloc[start], times.iloc[end - 1], int(end - start)))
    return pd.DataFrame(rows, columns=list(FAST_COLUMNS))
