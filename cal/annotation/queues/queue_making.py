"""Making a queue: its documents are chosen, their order is drawn once, and all of it is written in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
import torch
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import document_numbers
from cal.annotation.proof.betting import Bets
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.draw_order import draw_order, draw_weights
from cal.annotation.queues.draws import follow_later_events, latest_event, write_draws
from cal.annotation.queues.filters import WAITING, Filter
from cal.annotation.queues.matching import count_matching, matching
from cal.annotation.queues.queue_options import QueueOptions
from cal.annotation.queues.queues import Queue, read_queue
from cal.annotation.queues.scores import Score, find_score, known_scores
from cal.annotation.store.column_types import now
from cal.annotation.store.database import as_word
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import DOCUMENT, QUEUE
from cal.annotation.store.statements import among_all
from cal.checks import refuse
from cal.errors import ConfigError, DataError, in_words, quantity
from cal.streams import stream

if TYPE_CHECKING:
    from cal.annotation.project_queues import ProjectQueues

P_WRONG, SCORE = "p_wrong", "score"


def make_queue(project: ProjectQueues, options: QueueOptions, numbers: Sequence[int] | None = None) -> Queue:
    """Makes a queue: reads the scores, draws the order, and writes it.

    Args:
        project: the project.
        options: how it is made.
        numbers: numbers of documents to take, of which those that fit the filter are taken; None takes any.

    Raises:
        ConfigError: listing what is wrong with the options, or saying which score or label is not there.
        DataError: if no document fits the filter, or none has a score.
    """
    refuse(options.problems())
    filter = options.chosen()
    with project.reading() as connection:
        after = latest_event(connection)
    with project.reading() as connection:
        basis, names = Basis.of(connection, options.from_run), read_labels(connection)
        _refuse_taken(connection, options.name)
        clauses = matching(connection, filter, basis, names)
        if options.documents is not None:
            numbers = document_numbers(connection, options.documents)
        if numbers is not None:
            clauses.append(among_all(connection, DOCUMENT.c.id, numbers))
        score, sign = _score(connection, basis, options)
        taken, scores = _read(connection, clauses, score, connection.dialect.name)
        if not len(taken):
            raise DataError(_why_empty(connection, filter, basis, names, numbers))
        empty = bool(scores is not None and score is not None and score.is_probability and np.isnan(scores).all())
        if empty and score is not None:  # suspects have ranks and no probability where it was not validated
            score = replace(score, name=SCORE)
            taken, scores = _read(connection, clauses, score, connection.dialect.name)
        weights = _weights(connection, scores, len(taken), score, sign, basis, options.floor)
        number = 1 + (connection.execute(sa.select(sa.func.max(QUEUE.c.id))).scalar() or 0)
    generator = stream(options.seed, "queue", number)
    drawn = draw_order(weights, options.order, generator=generator, random_share=options.random_share)
    double = torch.rand(len(drawn), generator=stream(options.seed, "double review", number), dtype=torch.float64)
    n_reviewers = 1 + (double.numpy() < options.double_share)
    settings = {name: getattr(options, name) for name in ("floor", "random_share", "double_share", "lease_seconds")}
    settings |= {} if numbers is None else {"chosen": len(numbers)}
    settings["bets"] = Bets.of(drawn.weights, options.order).as_data()
    without = 0 if scores is None else int(np.isnan(scores).sum())
    row: dict[str, Any] = {
        "id": number,
        "name": options.name or f"{options.order}-{number}",
        "by": "" if score is None else _shown_by(score, sign),
        "order": options.order,
        "filter": str(filter),
        "seed": options.seed,
        "settings": settings
        | basis.as_settings()
        | {"without_score": without, "high_first": sign == 1, "without_p_wrong": empty},
        "run_id": _run_of(basis, score),
        "version_id": basis.version,
        "n_documents": len(drawn),
        "after_seq": after,
        "created": now(),
    }
    with project.writing() as connection:
        _refuse_taken(connection, row["name"])
        connection.execute(sa.insert(QUEUE).values(row))
        write_draws(connection, number, taken, drawn, n_reviewers)
        follow_later_events(connection, after)
    with project.reading() as connection:
        return read_queue(connection, number)


def _score(connection: Connection, basis: Basis, options: QueueOptions) -> tuple[Score | None, int]:
    """The score to order by, and 1 if its high values come first, else -1."""
    if options.by is None and options.order == "random":
        return None, 1
    by = (options.by or (SCORE if basis.source is not None else P_WRONG)).strip()
    score = find_score(connection, basis, by.lstrip("+-") if by[0] in "+-" else by)
    if by[0] in "+-":
        return score, 1 if by[0] == "+" else -1
    return score, -1 if score.low_first else 1


def _shown_by(score: Score, sign: int) -> str:
    natural = -1 if score.low_first else 1
    return str(score) if sign == natural else f"{'+' if sign == 1 else '-'}{score}"


def _read(
    connection: Connection, clauses: list[Any], score: Score | None, dialect: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """(instance,) numbers of the documents that fit, and their scores, NaN where there is none."""
    columns = [DOCUMENT.c.id] if score is None else [DOCUMENT.c.id, score.number(dialect)]
    query = sa.select(*columns).where(*clauses).order_by(DOCUMENT.c.id).execution_options(stream_results=True)
    numbers, scores = [np.empty(0, np.int64)], [np.empty(0)]
    for rows in connection.execute(query).partitions(50_000):
        read = list(zip(*rows, strict=True))
        numbers.append(np.array(read[0], np.int64))
        if score is not None:
            scores.append(np.array(read[1], float))
    return np.concatenate(numbers), None if score is None else np.concatenate(scores)


def _weights(
    connection: Connection,
    scores: np.ndarray | None,
    n: int,
    score: Score | None,
    sign: int,
    basis: Basis,
    floor: float,
) -> np.ndarray:
    """(instance,) weights of the draws.

    Raises:
        DataError: if no document has the score.
    """
    if score is None or scores is None:
        return np.ones(n)
    if np.isnan(scores).all():
        others = [each for each in known_scores(connection, basis) if each not in (str(score), score.name)]
        instead = f"Take by={' or by='.join(others[:4])}, or" if others else "Take"
        raise DataError(f"{score} is empty for all {quantity(n, 'document')} that fit. {instead} order=random.")
    if score.name in ("first_learnt", "last_learnt"):  # -1 is never, which is later than any epoch
        scores = np.where(scores < 0, np.nanmax(scores) + 1, scores)
    weights: np.ndarray = draw_weights(sign * scores, probability=score.is_probability and sign == 1, floor=floor)
    return weights


def _run_of(basis: Basis, score: Score | None) -> int | None:
    return basis.suspects if score is None or score.run is None else score.run


def _refuse_taken(connection: Connection, name: str | None) -> None:
    query = sa.select(QUEUE.c.name).order_by(QUEUE.c.id)
    names = connection.execute(query).scalars().all()
    if name in names:
        raise ConfigError(f"There is a queue '{name}' already. Choose another name; there are {in_words(names)}.")


def _why_empty(
    connection: Connection, filter: Filter, basis: Basis, names: LabelNames, numbers: Sequence[int] | None
) -> str:
    """How many documents fit each condition of a filter that fits none."""
    if numbers is not None:
        fit = f" fits the filter {filter}" if filter.conditions else " is in the project"
        return f"None of the {quantity(len(numbers), 'document')} that were chosen{fit}. Choose others."
    n = count_matching(connection, matching(connection, Filter(), basis, names))
    if not n:
        return f"The project holds no documents. Import some: cal annotate import {as_word(connection)} dataset=NAME"
    alone = [
        f"{count_matching(connection, matching(connection, Filter((each,)), basis, names)):,} fit {each}"
        for each in filter.conditions
    ]
    advice = "Leave a condition out, or take filter=all."
    if filter == WAITING:
        advice = "All are decided. To read them again take filter=all, or wait for an import that changes some."
    elif len(alone) > 1:
        advice = "No document fits all of them. " + advice
    return f"No document fits the filter {filter}: of {quantity(n, 'document')}, {in_words(alone)}. {advice}"
