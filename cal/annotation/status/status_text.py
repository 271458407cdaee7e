"""The status of a project in words, for people who never saw statistics."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from shlex import quote
from typing import TYPE_CHECKING

import pandas as pd

from cal.annotation.decisions.verdicts import RELABELLED, UNDECIDED
from cal.annotation.status.queue_progress import QueueProgress
from cal.annotation.status.reviewers import FAST_SECONDS
from cal.errors import quantity

if TYPE_CHECKING:
    from cal.annotation.status.status import Status

_N_CHANGES = 10
_LEAST_SHARE = 0.01


def status_text(status: Status) -> str:
    """What to know first, then tables of queues, reviewers and changed labels."""
    lines = [*_lines(status)]
    for title, table in _tables(status).items():
        lines += ["", f"{title}", table.to_string(index=False)]
    return "\n".join([*lines, *_notes(status)])


def status_html(status: Status) -> str:
    """The same for notebooks."""
    told = [f"<p>{escape(line)}</p>" for line in _lines(status)]
    told += [f"<p>{title}</p>{table.to_html(index=False)}" for title, table in _tables(status).items()]
    return "".join([*told, *(f"<p>{escape(note)}</p>" for note in _notes(status) if note)])


def _lines(status: Status) -> list[str]:
    if not status.documents:
        return [f"Project '{status.name}' is empty. {status.errors_left_reason}"]
    learning = [] if status.learning is None else status.learning.lines()
    sources = [f"Labels by {' '.join(each.sentences)}" for each in status.sources]
    if _only_learns(status):
        return [_progress(status), *learning, *sources]
    injected = [] if status.injected is None else [str(status.injected)]
    rest = [*_left(status), *_stop(status), *_certificates(status), *sources]
    return [_progress(status), *learning, _found(status), *injected, *rest]


def _tables(status: Status) -> dict[str, pd.DataFrame]:
    """The tables that have rows."""
    tables = {"Queues": _queues(status), "Labels": _new_labels(status)}
    tables |= {"Reviewers": _reviewers(status), "Changed labels": _changes(status)}
    return {title: table for title, table in tables.items() if len(table)}


def _only_learns(status: Status) -> bool:
    """Whether people label documents that had no labels, so that nobody looks for errors."""
    return status.learning is not None and not status.queues and not status.errors_found


def _progress(status: Status) -> str:
    counts = status.counts.states
    share = f" ({_percent(status.decided / status.documents)})"
    words = {RELABELLED: "labelled"} if _only_learns(status) else {}
    others = ", ".join(f"{n:,} {words.get(name, name)}" for name, n in counts.items() if n and name != UNDECIDED)
    return (
        f"Project '{status.name}': {status.decided:,} of {quantity(status.documents, 'document')} decided{share}, "
        f"{counts[UNDECIDED]:,} not looked at yet.{f' {others}.'.capitalize() if others else ''}"
    )


def _found(status: Status) -> str:
    found = f"Errors found: {quantity(status.errors_found, 'label')} {_was(status.errors_found)} wrong."
    if status.changed != status.errors_found:
        found += f" {quantity(status.changed, 'document')} now {_has(status.changed)} another label than in the corpus."
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
    others = ""
    if status.not_counted:
        outside = quantity(status.not_counted, "undecided document")
        others = f" {outside} outside this queue {_is(status.not_counted)} not counted."
    if left.low == left.high:
        return f"Errors left: {left.low:,} in {among}, which have all been read.{others}"
    n_chosen = queue.n_by_chance
    share = queue.total.found / (queue.total.found + left.high)
    told = (
        f"Errors left: about {round(left.estimate):,} in {among} ({left.low:,} to {left.high:,} with 95 % certainty)."
        f"{f' At least {_percent(share)} of its errors have been found.' if share >= _LEAST_SHARE else ''}\n"
        f"  The estimate rests on {quantity(n_chosen, 'document')} that {_was(n_chosen)} drawn by chance. "
        "Look as often as you like: at most 5 in 100 projects ever miss the true number."
    )
    if queue.total.unknown:
        n_unknown = quantity(queue.total.unknown, "drawn document")
        told += (
            f" {n_unknown} still {_wait(queue.total.unknown)} for a decision; the interval allows for either outcome."
        )
    return f"{told}{others}"


def _stop(status: Status) -> Iterator[str]:
    """A line about each queue that was read, the one read last first."""
    for each in sorted(status.queues, key=lambda each: (-each.last_event, -each.n_reads)):
        if each.last_event or each.n_reads:
            yield f"Queue '{each.queue.name}': {each.next}"


def _certificates(status: Status) -> Iterator[str]:
    for each in status.certified:
        if each.n_errors:
            yield (
                f"Control: queue '{each.control}' drew {quantity(each.n_errors, 'error')} at random, and the review "
                f"had found {each.n_found:,} of them. So it finds at least {_percent(each.recall)} of all errors, "
                "with 95 % certainty if you fixed in advance how many control documents to read."
            )
    offers = status.certificates()
    errors = " / ".join(str(each.n_errors) for each in offers)
    recalls = " / ".join(f"{100 * each.recall:.0f}" for each in offers)
    price = ""
    if any(each.n_reads for each in offers):
        reads = " / ".join(f"{each.n_reads:,}" if each.n_reads else "(too few errors)" for each in offers)
        price = f" At the present estimate, this takes about {reads} random reads."
    when = "Their queue must be made before the review begins."
    if not status.decided:
        when = f"Make their queue before the review begins: cal annotate queue {quote(status.address)} order=random"
    yield (
        f"Certificate of recall: {errors} errors drawn at random, all of them found by the review, certify that it "
        f"finds {recalls} % of all errors, with 95 % certainty.{price} {when}"
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


def _new_labels(status: Status) -> pd.DataFrame:
    """Labels of documents that had none, where a model learns from them."""
    changes = status.label_changes
    new = changes[changes["given"].isna()] if status.learning is not None else changes.head(0)
    return pd.DataFrame({"label": new["label"], "documents": new["n"]})


def _changed(status: Status) -> pd.DataFrame:
    """The label changes that are not among the new labels."""
    changes = status.label_changes
    return changes if status.learning is None else changes[changes["given"].notna()]


def _changes(status: Status) -> pd.DataFrame:
    first = _changed(status).head(_N_CHANGES)
    pairs = [
        f"{given} -> {label}" for given, label in zip(first["given"].fillna("(none)"), first["label"], strict=True)
    ]
    return pd.DataFrame({"from -> to": pairs, "documents": first["n"]})


def _notes(status: Status) -> Iterator[str]:
    counts = status.counts
    more = len(_changed(status)) - _N_CHANGES
    if more > 0:
        yield f"... and {quantity(more, 'other pair')}; Status.label_changes has them all."
    notes = []
    if counts.returned:
        notes.append(
            f"{quantity(counts.returned, 'decided document')} {'comes' if counts.returned == 1 else 'come'} back, "
            "because the text, the label or a later run has changed, or the label looks like a slip; "
            "Project.decided() says why."
        )
    if n := counts.states["disagreement"]:
        notes.append(
            f"Reviewers disagree on {quantity(n, 'document')}. Let somebody settle them: cal annotate queue "
            f"{quote(status.address)} order=random filter=state=disagreement"
        )
    if status.agreement.n_documents:
        told = str(status.agreement)
        notes.append(f"Agreement: {told[0].lower()}{told[1:]}")
    notes += [
        f"{row.reviewer} decided {row.n:,} documents in a row, each in less than {FAST_SECONDS:g} second "
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


def _is(n: int) -> str:
    return "is" if n == 1 else "are"


def _wait(n: int) -> str:
    return "waits" if n == 1 else "wait"


def _has(n: int) -> str:
    return "has" if n == 1 else "have"
