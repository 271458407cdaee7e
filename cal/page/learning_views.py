"""Active learning as the page shows it. Nothing is estimated here that `cal.annotation.learning` does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.learning.progress import read_progress
from cal.annotation.learning.reading import Learning, LearningBatch, read_learning
from cal.annotation.learning.roles import CHECK, RESERVE
from cal.annotation.project import Project
from cal.annotation.store.database import as_word
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT, DRAW, STATE
from cal.errors import quantity
from cal.page.about import count_documents, count_given
from cal.page.label_uses import read_label_uses
from cal.page.learning_line import read_line
from cal.page.learning_start import StartsWorkers
from cal.page.models.learning import (
    AccuracyView,
    BatchView,
    LabelFound,
    LearningFacts,
    LearningLine,
    LearningView,
    SlipView,
)

if TYPE_CHECKING:
    from cal.active.accuracy import LiveAccuracy
    from cal.active.progress import RoundProgress

MOST_SLIPS = 50
_BEGINNING = 300  # characters of a text


def learning_view(project: Project, trainer: StartsWorkers | None) -> LearningView:
    """Whether the project learns, and what was gained so far.

    Args:
        project: the project.
        trainer: what starts a worker; None if this server starts none.
    """
    with project.reading() as connection:
        learning, line = read_learning(connection), read_line(connection)
        facts = None if learning is None or line is None else _facts(connection, learning, line)
        return LearningView(
            learning=facts,
            n_unlabelled=count_documents(connection) - count_given(connection),
            starts=trainer is not None,
            starting=trainer is not None and trainer.is_learning and (line is None or not line.alive),
            command=f"cal annotate learn {as_word(connection)}",
        )


def _facts(connection: Connection, learning: Learning, line: LearningLine) -> LearningFacts:
    options = learning.options
    counts = _counts(connection, learning.queue)
    progress = read_progress(connection, learning)
    rounds = {each.round: each for each in progress.rounds}
    curve = [
        _accuracy(each.batch, rounds[each.round].accuracy)
        for each in learning.batches
        if each.round is not None and rounds[each.round].accuracy.is_told
    ]
    latest = progress.accuracy
    return LearningFacts(
        line=line,
        strategy=_name(options.get("strategy")),
        learner=_name(options.get("learner")),
        batch_size=int(options.get("batch") or 0),
        seed_size=int(options.get("seed_size") or 0),
        test_share=float(options.get("test_share") or 0),
        labels=[LabelFound(name=each.name, n=each.n_now) for each in read_label_uses(connection)],
        batches=[_batch(each, rounds.get(each.round or 0), counts) for each in learning.batches],
        curve=curve,
        why_no_curve="" if curve else _why_no_curve(options, latest),
        notes=latest.notes() if curve and latest is not None else [],
        stopping=[f"{label}, with {quantity(n, 'label')}" for label, n in progress.met.items()],
        slips=_slips(connection, learning.queue),
    )


def _why_no_curve(options: Mapping[str, Any], latest: LiveAccuracy | None) -> str:
    if not options.get("test_share"):
        return "No test documents are drawn, because test_share is 0. So nothing measures how right the model is."
    return "No model was trained yet: every label needs an example first." if latest is None else latest.reason


def _accuracy(batch: int, of: LiveAccuracy) -> AccuracyView:
    share = of.accuracy
    return AccuracyView(
        batch=batch,
        n_labelled=of.n_labelled,
        n_test=share.n,
        accuracy=share.estimate or 0.0,
        low=share.low,
        high=share.high,
    )


def _batch(batch: LearningBatch, of: RoundProgress | None, counts: Mapping[int, tuple[int, int]]) -> BatchView:
    record, moved = batch.record, None if of is None or batch.round is None else of.movement
    n, n_decided = counts.get(batch.batch, (0, 0))
    return BatchView(
        batch=batch.batch,
        round=batch.round,
        run=batch.run,
        made=batch.made,
        n_documents=n,
        n_decided=n_decided,
        n_labelled=record.n_labelled,
        n_labels=record.n_classes,
        seconds=sum(record.seconds.values()),
        moved="" if moved is None else f"{100 * moved.changed:.0f} % changed region",
        slips=record.slips,
        notes=list(record.notes),
    )


def _slips(connection: Connection, queue: int) -> list[SlipView]:
    """Documents that wait for a second look, because their label looks like a slip."""
    names = read_labels(connection)
    columns = (DOCUMENT.c.id, DOCUMENT.c.external_id, DOCUMENT.c.text, STATE.c.label_id, STATE.c.returned)
    tables = DRAW.join(DOCUMENT, DOCUMENT.c.id == DRAW.c.document_id).join(STATE, STATE.c.document_id == DOCUMENT.c.id)
    waits = (DRAW.c.queue_id == queue, DRAW.c.role == CHECK, DRAW.c.is_open, STATE.c.returned.is_not(None))
    query = sa.select(*columns).select_from(tables).where(*waits).order_by(DRAW.c.position).limit(MOST_SLIPS)
    return [
        SlipView(
            number=row.id,
            document=row.external_id,
            text=row.text[:_BEGINNING],
            label=names.name(row.label_id),
            why=row.returned,
        )
        for row in connection.execute(query)
    ]


def _counts(connection: Connection, queue: int) -> dict[int, tuple[int, int]]:
    """Number of documents of each batch, and of those decided or skipped; those that stand by do not count."""
    done = sa.or_(~DRAW.c.is_open, DRAW.c.seen_by != "")
    columns = (DRAW.c.batch, sa.func.count(), sa.func.count(sa.case((done, 1))))
    query = sa.select(*columns).where(DRAW.c.queue_id == queue, DRAW.c.batch.is_not(None), DRAW.c.role != RESERVE)
    return {batch: (n, n_done) for batch, n, n_done in connection.execute(query.group_by(DRAW.c.batch))}


def _name(option: Any) -> str:
    """The name of a strategy or classifier as its option gives it."""
    if isinstance(option, Mapping):
        return " + ".join(map(str, option))
    return str(option or "")


__all__ = ["learning_view"]
