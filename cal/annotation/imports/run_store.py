"""Runs in the database: trainings and rankings, beside the documents that they are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.verdicts import AMBIGUOUS_STATE, EXCLUDED, RELABELLED
from cal.annotation.imports.returning import append_returns
from cal.annotation.imports.run_rows import map_points, table_rows
from cal.annotation.imports.run_tables import MAP, RunTable
from cal.annotation.imports.staging import content_digest
from cal.annotation.store.column_types import now
from cal.annotation.store.evidence import packed_neighbours
from cal.annotation.store.label_store import names_and_former_names
from cal.annotation.store.labels import LabelNames
from cal.annotation.store.schema import (
    DOCUMENT,
    EVENT,
    GIVEN,
    LABEL_VERSION,
    MAP_POINT,
    RUN,
    STATE,
    SUGGESTION,
    VERDICT,
)
from cal.annotation.store.statements import chunks
from cal.errors import DataError, quantity, shown
from cal.maps.labels import one_to_one


def add_run(
    connection: Connection, run: RunTable, labels: LabelNames, *, partial: bool = False, hint: Any = None
) -> tuple[str, int]:
    """Adds a run, unless it is there already.

    Args:
        connection: a transaction that writes; what is raised here must undo it.
        run: the run.
        labels: the labels of the project.
        partial: whether it may lack some documents of the splits that it is about.
        hint: gives a sentence about ids that the project lacks.

    Returns:
        A sentence about the run, and the number of relabelled documents that it brings back.

    Raises:
        DataError: if its documents or labels are not those of the project.
    """
    digest = run.digest
    known = connection.execute(sa.select(RUN.c.name).where(RUN.c.digest == digest)).scalar()
    if known is not None:
        return f"{run.source} is there already, as run {known}.", 0
    found = _documents(connection, run, hint)
    numbers = _label_numbers(connection, run, found, labels)
    name = _free_name(connection, run.name)
    version = _version(connection, run, found, numbers, labels)
    row = {"kind": run.kind, "name": name, "digest": digest, "version_id": version, "imported": now(), **run.about}
    if run.curves is not None:
        row["label_ids"] = [numbers.get(each) for each in run.classes]
    number = connection.execute(sa.insert(RUN).values(**row).returning(RUN.c.id)).scalar_one()
    table, rows = MAP_POINT, map_points(run, [each.id for each in found], numbers, number)
    if run.kind != MAP:
        table, rows = SUGGESTION, _suggestions(run, found, numbers, number, _numbers_of(connection, run, found))
    for some in chunks(rows):
        connection.execute(sa.insert(table), some)
    if not partial:
        _refuse_gaps(connection, run, table, number)
    n_returned = append_returns(connection, _returns(connection, run, found, numbers, labels, number, name))
    return f"Run {name}: {run.kind} of {quantity(len(found), 'document')}.", n_returned


def add_suggestions(connection: Connection, run: RunTable, labels: LabelNames) -> list[str]:
    """Adds suggestions that came with documents: as a run, or to the ranking of that name those that it lacks."""
    query = sa.select(RUN.c.id, RUN.c.kind).where(RUN.c.name == run.name)
    known = connection.execute(query).one_or_none()
    if known is None:
        return [add_run(connection, replace(run, by_name=True), labels, partial=True)[0]]
    table = MAP_POINT if known.kind == MAP else SUGGESTION
    query = sa.select(DOCUMENT.c.external_id).join(table, table.c.document_id == DOCUMENT.c.id)
    there = set(connection.execute(query.where(table.c.run_id == known.id)).scalars())
    rows = run.rows[~run.rows["id"].isin(there)].reset_index(drop=True)
    if known.kind == MAP or rows.empty:  # a map is there as a whole
        return []
    run = replace(run, rows=rows)
    found = _documents(connection, run, None)
    for some in chunks(_suggestions(run, found, _label_numbers(connection, run, found, labels), known.id)):
        connection.execute(sa.insert(SUGGESTION), some)
    return [f"Run {run.name}: {quantity(len(found), 'document')} more."]


@dataclass(frozen=True)
class _Document:
    id: int
    digest: str
    given: int | None
    plain: bool


def _documents(connection: Connection, run: RunTable, hint: Any) -> list[_Document]:
    """The document of each row.

    Raises:
        DataError: if the project lacks some, or they say something else.
    """
    ids = run.rows["id"].tolist()
    if twice := [each for each, n in Counter(ids).items() if n > 1]:
        raise DataError(f"{run.source} has the id {shown(twice[0])} in several rows. Give each document one.")
    latest = sa.select(sa.func.max(LABEL_VERSION.c.id)).scalar_subquery()
    of_latest = sa.and_(GIVEN.c.document_id == DOCUMENT.c.id, GIVEN.c.version_id == latest)
    columns = (DOCUMENT.c.external_id, DOCUMENT.c.id, DOCUMENT.c.digest, GIVEN.c.label_id, DOCUMENT.c.sequences)
    query = sa.select(*columns[:-1], columns[-1].is_(None)).select_from(DOCUMENT).outerjoin(GIVEN, of_latest)
    there: dict[str, _Document] = {}
    for some in chunks(ids):
        for external_id, *document in connection.execute(query.where(DOCUMENT.c.external_id.in_(some))):
            there[external_id] = _Document(*document)
    if absent := [each for each in ids if each not in there]:
        examples = ", ".join(shown(each) for each in absent[:3])
        way_out = hint(absent) if hint is not None else ""
        n = quantity(len(ids), "id")
        raise DataError(
            f"{len(absent):,} of {n} of {run.source} are not among the documents of the project, e.g. {examples}. "
            f"{way_out or f'Give the dataset that this {run.kind} was made of, with the same ids.'}"
        )
    found = [there[each] for each in ids]
    if "text" in run.rows:
        _refuse_other_texts(run, found)
    return found


def _refuse_other_texts(run: RunTable, found: Sequence[_Document]) -> None:
    """Refuses a run whose ids mean other documents, as row numbers of another file do."""
    texts = zip(run.rows["id"], run.rows["text"], found, strict=True)
    compared = [(id, text, each) for id, text, each in texts if each.plain and isinstance(text, str) and text]
    differ = [id for id, text, each in compared if content_digest(_encodable(text)) != each.digest]
    if len(differ) > len(compared) / 2:
        some = ", ".join(shown(each) for each in differ[:3])
        raise DataError(
            f"{run.source} has other texts than the project for {len(differ):,} of {quantity(len(compared), 'id')}, "
            f"e.g. {some}: its ids mean other documents. Give the dataset that it was made of."
        )


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()


def _label_numbers(
    connection: Connection, run: RunTable, found: Sequence[_Document], labels: LabelNames
) -> dict[Any, int]:
    """The number of the label that each name or class of a run stands for.

    Raises:
        DataError: if some are none of the project.
    """
    columns = [run.rows[name] for name in ("gold", "predicted", "likely") if name in run.rows]
    used = dict.fromkeys(each for column in columns for each in column.dropna().unique().tolist())
    used |= dict.fromkeys(run.label_names or ())
    if any(not isinstance(each, str) for each in used):
        return _class_numbers(run, found, labels)
    known = names_and_former_names(connection)
    if unknown := [each for each in used if each not in known]:
        some = ", ".join(shown(each) for each in unknown[:3])
        raise DataError(
            f"{run.source} has {quantity(len(unknown), 'label')} that the project lacks: {some}. Labels of the "
            f"project: {', '.join(labels.names[:20])}. Give the dataset that this {run.kind} was made of."
        )
    return {each: known[each] for each in used}


def _class_numbers(run: RunTable, found: Sequence[_Document], labels: LabelNames) -> dict[Any, int]:
    """The label of each class of a run without names: the one that its documents have."""
    pairs = [
        (int(k), given)
        for k, document in zip(run.rows["gold"], found, strict=True)
        if k is not None and k == k and (given := labels.resolved(document.given)) is not None
    ]
    matched = one_to_one(*map(list, zip(*pairs, strict=True))) if pairs else None
    classes = {int(k) for name in ("gold", "predicted") for k in run.rows[name].dropna().unique().tolist()}
    if matched is None or classes - matched.keys():
        raise DataError(
            f"{run.source} numbers its classes and does not name them, and they do not correspond to the labels of the "
            "project one to one. Draw it with names, and give the new folder: cal map map=FILE (or logs=FOLDER) "
            "dataset=NAME output=FOLDER"
        )
    return matched


def _free_name(connection: Connection, name: str) -> str:
    taken, free, count = set(connection.execute(sa.select(RUN.c.name)).scalars()), name, 1
    while free in taken:
        count += 1
        free = f"{name} ({count})"
    return free


def _version(
    connection: Connection, run: RunTable, found: Sequence[_Document], numbers: Mapping[Any, int], labels: LabelNames
) -> int | None:
    """The latest label version that has the labels which the run saw; None if none has."""
    seen = {
        document.id: labels.resolved(numbers[gold])
        for document, gold in zip(found, run.rows["gold"], strict=True)
        if gold is not None and gold == gold
    }
    versions = connection.execute(sa.select(LABEL_VERSION.c.id).order_by(LABEL_VERSION.c.id.desc())).scalars().all()
    for version in versions if seen else ():
        query = sa.select(GIVEN.c.document_id, GIVEN.c.label_id).where(GIVEN.c.version_id == version)
        if all(
            labels.resolved(row.label_id) == seen[row.document_id]
            for some in chunks(seen)
            for row in connection.execute(query.where(GIVEN.c.document_id.in_(some)))
        ):
            return int(version)
    return None


def _suggestions(
    run: RunTable,
    found: Sequence[_Document],
    numbers: Mapping[Any, int],
    number: int,
    number_of: Mapping[str, int] | None = None,
) -> Iterator[dict[str, Any]]:
    names = ("likely", "score", "p_wrong", "why", "columns")
    for at, (document, likely, score, p_wrong, why, columns) in enumerate(table_rows(run, found, names)):
        yield {
            "run_id": number,
            "document_id": document.id,
            "label_id": None if likely is None else numbers[likely],
            "score": score,
            "p_wrong": p_wrong,
            "why": why,
            "columns": columns,
            "neighbours": None if run.neighbours is None else _packed(run.neighbours[at], number_of or {}),
            "curves": None if run.curves is None else run.curves[at].tobytes(),
        }


def _numbers_of(connection: Connection, run: RunTable, found: Sequence[_Document]) -> dict[str, int]:
    """The number of each document of the run and of each neighbour, of those that are in the project."""
    number_of = {id: document.id for id, document in zip(run.rows["id"], found, strict=True)}
    query = sa.select(DOCUMENT.c.external_id, DOCUMENT.c.id)
    for some in chunks({id for near in run.neighbours or () for id, _ in near} - number_of.keys()):
        number_of |= dict(connection.execute(query.where(DOCUMENT.c.external_id.in_(some))).all())
    return number_of


def _packed(neighbours: Sequence[tuple[str, float]], number_of: Mapping[str, int]) -> bytes:
    """The neighbours that are documents of the project, by their numbers."""
    return packed_neighbours([(number_of[id], of) for id, of in neighbours if id in number_of])


def _refuse_gaps(connection: Connection, run: RunTable, table: Any, number: int) -> None:
    """Refuses a run that lacks documents of a split that it is about, other than those that nobody would train on."""
    of_run = sa.and_(table.c.document_id == DOCUMENT.c.id, table.c.run_id == number)
    left_out = sa.func.coalesce(STATE.c.state, "").in_((EXCLUDED, AMBIGUOUS_STATE))
    lacking = sa.and_(~DOCUMENT.c.withdrawn, ~left_out, table.c.document_id.is_(None))
    tables = DOCUMENT.join(table, of_run, isouter=True).join(STATE, STATE.c.document_id == DOCUMENT.c.id, isouter=True)
    conditions = (sa.true(), table.c.document_id.is_not(None), lacking)
    n, n_known, n_lacking = (sa.func.count().filter(each) for each in conditions)
    query = sa.select(DOCUMENT.c.split, n, n_known, n_lacking).select_from(tables).group_by(DOCUMENT.c.split)
    for split, n_documents, known, lacks in connection.execute(query).all():
        if known and lacks:
            absent = sa.select(DOCUMENT.c.external_id).select_from(tables).where(DOCUMENT.c.split == split, lacking)
            examples = connection.execute(absent.order_by(DOCUMENT.c.id).limit(3)).scalars()
            raise DataError(
                f"{run.source} lacks {lacks:,} of {quantity(n_documents, 'document')} of {split}, e.g. "
                f"{', '.join(map(shown, examples))}. Give {'a map' if run.kind == MAP else 'suspects'} of all of them, "
                "or add partial=true to leave these without."
            )


def _returns(
    connection: Connection,
    run: RunTable,
    found: Sequence[_Document],
    numbers: Mapping[Any, int],
    labels: LabelNames,
    number: int,
    name: str,
) -> Iterator[dict[str, Any]]:
    """Events for relabelled documents of which the run, being later, says something else."""
    decided = _relabelled(connection, run.about.get("made") or now())
    columns = ("predicted", *(("likely", "score") if "score" in run.rows else ()))
    for at, (document, predicted, *more) in enumerate(table_rows(run, found, columns)):
        if document.id not in decided or predicted is None:
            continue
        label = labels.resolved(decided[document.id])
        if labels.resolved(numbers[predicted]) == label:
            continue
        share = more[1] if more and more[0] == predicted else _share(run, at, predicted)
        sure = "" if share is None else f" with {100 * share:.0f} %"
        said = labels.name(numbers[predicted])
        yield {
            "document_id": document.id,
            "run_id": number,
            "digest": document.digest,
            "seen": {"label": said, "score": share, "source": name},
            "comment": f"Run {name} predicts {said}{sure}, and it was relabelled to {labels.name(label)}.",
        }


def _share(run: RunTable, at: int, predicted: Any) -> float | None:
    """Probability of the predicted label after the last epoch, if it is known."""
    if run.curves is None:
        return None
    return float(run.curves[at, -1, run.classes.index(predicted)])


def _relabelled(connection: Connection, made: datetime) -> dict[int, int]:
    """The label of each document that was relabelled before a run was made, and has not come back since."""
    decision = sa.func.max(sa.func.coalesce(EVENT.c.client_time, EVENT.c.server_time), type_=EVENT.c.server_time.type)
    query = (
        sa.select(STATE.c.document_id, STATE.c.label_id, decision)
        .join(VERDICT, VERDICT.c.document_id == STATE.c.document_id)
        .join(EVENT, EVENT.c.seq == VERDICT.c.seq)
        .where(STATE.c.state == RELABELLED, STATE.c.returned.is_(None))
        .group_by(STATE.c.document_id, STATE.c.label_id)
    )
    return {number: label for number, label, time in connection.execute(query) if time < made}
