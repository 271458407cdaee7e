"""The status of a project in words, for people who never saw statistics."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING

import pandas as pd

from cal.annotation.queue_progress import QueueProgress
from cal.annotation.reviewers import FAST_SECONDS
from cal.annotation.verdicts import UNDECIDED
from cal.errors import quantity

if TYPE_CHECKING:
    from cal.annotation.status import Status

_N_CHANGES = 10


def status_text(status: Status) -> str:
    """What to know first, then tables of reviewers, changed labels and queues."""
    if not status.documents:
        return f"Project '{status.name}' is empty. {status.errors_left_reason}"
    lines = [_progress(status), _found(status), *_left(status), *_stop(status), *_certificates(status)]
    tables = {
        "Queues": _queues(status),
        "Reviewers": _reviewers(status),
        "Changed labels": _changes(status),
    }
    for title, table in tables.items():
        if len(table):
            lines += ["", f"{title}", table.to_string(index=False)]
    return "\n".join([*lines, *_notes(status)])


def _progress(status: Status) -> str:
    counts = status.counts.states
    share = f" ({_percent(status.decided / status.documents)})"
    others = ", ".join(f"{n:,} {name}" for name, n in counts.items() if n and name != UNDECIDED)
    return (
        f"Project '{status.name}': {status.decided:,} of {quantity(status.documents, 'document')} decided{share}, "
        f"{counts[UNDECIDED]:,} not looked at yet.{f' {others}.'.capitalize() if others else ''}"
    )


def _found(status: Status) -> str:
    found = f"Errors found: {quantity(status.errors_found, 'label')} {_was(status.errors_found)} wrong."
    if status.changed != status.errors_found:
        found += f" {quantity(status.changed, 'document')} {_has(status.changed)} another label now than in the corpus."
    return found


def _left(status: Status) -> Iterator[str]:
    left, queue = status.errors_left, status.estimating
    if left is None:
        yield f"Errors left: not known. {status.errors_left_reason}"
    elif queue is None:
        yield "Errors left: none that your reviewers would find, because every document is decided."
    else:
        yield _told(status, queue)


def _told(status: Status, queue: QueueProgress) -> str:
    left, n = status.errors_left, queue.queue.n_documents
    assert left is not None
    among = f"the {quantity(n, 'document')} of queue '{queue.queue.name}'"
    others = f" The {quantity(status.not_counted, 'undecided document')} outside it are not counted."
    others = others if status.not_counted else ""
    if left.low == left.high:
        return f"Errors left: {left.low:,} among {among}, which were all read.{others}"
    found = queue.total.found
    share = f" So at least {_percent(found / (found + left.high))} of its errors are found." if found else ""
    told = (
        f"Errors left: about {round(left.estimate):,} among {among}, and {left.low:,} to {left.high:,} with 95 % "
        f"certainty.{share}\n  This follows from {quantity(queue.n_reads, 'read')}, because chance chose which "
        "documents were read. You may look as often as you like: at most 5 of 100 projects ever miss the true number."
    )
    if queue.total.unknown:
        n_unknown = quantity(queue.total.unknown, "document")
        told += (
            f" {n_unknown} drawn before still {_wait(queue.total.unknown)} for a decision, and may be right or wrong."
        )
    return f"{told}{others}"


def _stop(status: Status) -> Iterator[str]:
    """A line about each queue that was read, the one read last first."""
    for each in sorted(status.queues, key=lambda each: -each.last_event):
        if each.last_event:
            yield f"Queue '{each.queue.name}': {each.next}"


def _certificates(status: Status) -> Iterator[str]:
    for each in status.certified:
        if each.n_errors:
            yield (
                f"Control: chance chose {quantity(each.n_errors, 'error')} in queue '{each.control}', of which the "
                f"review had found {each.n_found:,}. So it finds at least {_percent(each.recall)} of all errors, with "
                "95 % certainty if you fixed beforehand how many to read."
            )
    offers = status.certificates()
    errors = " / ".join(str(each.n_errors) for each in offers)
    recalls = " / ".join(f"{100 * each.recall:.0f}" for each in offers)
    price = ""
    if any(each.n_reads for each in offers):
        reads = " / ".join(f"{each.n_reads:,}" if each.n_reads else "(too few errors)" for each in offers)
        price = f" At the present estimate that takes about {reads} random reads."
    yield (
        f"Proof of recall: {errors} errors among the reads of a queue of order=random, all found by the review, "
        f"certify that it finds {recalls} % of all errors, with 95 % certainty.{price} Make that queue before the "
        "review begins."
    )


def _queues(status: Status) -> pd.DataFrame:
    rows = []
    for each in status.queues:
        queue, total = each.queue, each.total
        left = (
            "not known" if total.low is None else f"{total.low - total.found:,} to {(total.high or 0) - total.found:,}"
        )
        by = queue.by or "chance"
        done = f"{queue.n_decided:,} of {queue.n_documents:,}"
        rows.append((queue.name, queue.order, by, done, f"{total.found:,}", left))
    return pd.DataFrame(rows, columns=["queue", "order", "by", "decided", "errors", "errors left"])


def _reviewers(status: Status) -> pd.DataFrame:
    table = status.reviewers
    shown = table[["reviewer", "decisions", "kept", "relabelled", "ambiguous", "excluded", "skipped"]]
    return shown.assign(
        seconds=[_number(each, "{:.1f}") for each in table["median_seconds"]],
        per_hour=[_number(each, "{:,.0f}") for each in table["per_hour"]],
        agree=[
            f"{_percent(agreed)} of {n:,}" if pd.notna(agreed) else f"too few ({n:,})" if n else "-"
            for agreed, n in zip(table["agreed"], table["n_shared"], strict=True)
        ],
    )


def _changes(status: Status) -> pd.DataFrame:
    first = status.label_changes.head(_N_CHANGES)
    pairs = [
        f"{given} -> {label}" for given, label in zip(first["given"].fillna("(none)"), first["label"], strict=True)
    ]
    return pd.DataFrame({"from -> to": pairs, "documents": first["n"]})


def _notes(status: Status) -> Iterator[str]:
    counts = status.counts
    more = len(status.label_changes) - _N_CHANGES
    if more > 0:
        yield f"... and {quantity(more, 'other pair')}; Status.label_changes has them all."
    notes = []
    if counts.returned:
        notes.append(
            f"{quantity(counts.returned, 'decided document')} {'comes' if counts.returned == 1 else 'come'} back, "
            "because the text, the label or a later run has changed; Project.decided() says why."
        )
    if n := counts.states["disagreement"]:
        notes.append(
            f"Reviewers disagree on {quantity(n, 'document')}. Let somebody settle them: cal annotate queue "
            f"{quote(status.address)} order=random filter=state=disagreement"
        )
    if status.agreement.n_documents:
        notes.append(f"Agreement: {status.agreement}")
    notes += [
        f"{row.reviewer} decided {row.n:,} documents in a row in less than {FAST_SECONDS:g} second each "
        f"({row[2]:%Y-%m-%d %H:%M:%S} to {row[3]:%H:%M:%S} UTC). Have a second look at them."
        for row in status.fast.itertuples()
    ]
    yield from ["", *notes] if notes else []


def _percent(share: float) -> str:
    """A share in per cent: rounded down, so that 100 % means all."""
    return f"{int(100 * share + 1e-9)} %" if share >= 0.01 or share == 0 else "under 1 %"


def _number(value: float, form: str) -> str:
    return "-" if pd.isna(value) else form.format(value)


def _was(n: int) -> str:
    return "was" if n == 1 else "were"


def _wait(n: int) -> str:
    return "waits" if n == 1 else "wait"


def _has(n: int) -> str:
    return "has" if n == 1 else "have"
