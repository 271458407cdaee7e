"""Active learning as the page shows it. Nothing is estimated here that `cal.annotation.learning` does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.active.movement import Movement
from cal.annotation.learning.reading import Learning, LearningBatch, read_learning
from cal.annotation.learning.roles import RESERVE
from cal.annotation.project import Project
from cal.annotation.store.database import as_word
from cal.annotation.store.schema import DRAW
from cal.page.about import count_documents, count_given
from cal.page.label_uses import read_label_uses
from cal.page.learning_accuracy import read_accuracies
from cal.page.learning_line import read_line
from cal.page.learning_start import StartsWorkers
from cal.page.models.learning import BatchView, LabelFound, LearningFacts, LearningLine, LearningView


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
    curve, why_no_curve = read_accuracies(connection, learning)
    return LearningFacts(
        line=line,
        strategy=_name(options.get("strategy")),
        learner=_name(options.get("learner")),
        batch_size=int(options.get("batch") or 0),
        seed_size=int(options.get("seed_size") or 0),
        test_share=float(options.get("test_share") or 0),
        labels=[LabelFound(name=each.name, n=each.n_now) for each in read_label_uses(connection)],
        batches=[_batch(each, counts) for each in learning.batches],
        curve=curve,
        why_no_curve=why_no_curve,
        random="",
        slips=[],
    )


def _batch(batch: LearningBatch, counts: Mapping[int, tuple[int, int]]) -> BatchView:
    record, moved = batch.record, Movement.of(batch.record.movement)
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
        stopping=[],
        slips=record.slips,
        notes=list(record.notes),
    )


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
