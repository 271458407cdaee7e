"""Decisions from a file: which kind of file it is, and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from cal.annotation.decisions.bulk import Taken, take_decisions, take_rows
from cal.annotation.decisions.bulk_problems import not_taken
from cal.annotation.decisions.decision import TABLE
from cal.annotation.decisions.decision_table import is_annotated, is_decisions, read_decisions
from cal.annotation.exports.answers import decision_of
from cal.checks import one_of, refuse
from cal.errors import DataError, quantity, shown
from cal.exchange.carried import REST
from cal.exchange.formats import FORMATS, find_format, read_annotated
from cal.exchange.losses import Losses
from cal.exchange.records import AnnotatedDocument
from cal.exchange.states import settled


def take(connection: Connection, given: Any, format: str | None, default: Mapping[str, Any], new_labels: bool) -> Taken:
    """Records the decisions in a file or table, all of them or none.

    Args:
        connection: a transaction that writes.
        given: file, data frame or columns.
        format: name of the format; None tells it by the content.
        default: fields of decisions that it does not give: reviewer, adjudicates.
        new_labels: whether labels that the project does not have are added.
    """
    refuse(one_of([TABLE, *FORMATS], or_null=True, format=format))
    path = Path(given) if isinstance(given, str | Path) else None
    if path is None or format == TABLE or (format is None and _is_table(path)):
        table = read_decisions(given)
        name = path.name if path is not None else table.source
        return take_rows(connection, table.rows, name, default, new_labels, table.problems)
    format = format or find_format(path)
    reading = read_annotated(path, format)
    documents = list(reading.documents)
    decisions = [
        decision_of(document.id, answer, path.name, default["reviewer"])
        for document in documents
        for answer in document.answers
    ]
    if format in ("csv", "tsv"):
        _check_sheet(documents, reading.losses, path.name)
    lost = reading.losses.message()
    if not decisions:
        advice = "Give one that does, or a table with the columns id and action."
        raise DataError(f"{path} holds no answers. {lost or advice}")
    notes = [lost] if lost else []
    return take_decisions(connection, decisions, path.name, new_labels, notes, is_sheet=format in ("csv", "tsv"))


def _is_table(path: Path) -> bool:
    """Whether a file is a table of decisions, or none that anybody knows, which such a table's errors suit best."""
    if is_decisions(path):
        return True
    try:
        find_format(path)
    except DataError:
        return path.is_file() and not is_annotated(path)
    return False


def _check_sheet(documents: Iterable[AnnotatedDocument], losses: Losses, name: str) -> None:
    """Refuses an export that was edited in a way that would be lost.

    Raises:
        DataError: listing the documents.
    """
    problems = [
        f"Document {shown(each.document)}: {each.field} {shown(each.value)} {each.why}."
        for each in losses
        if each.field == "action"
    ]
    if broken := [each.document for each in losses if each.field == REST]:
        problems.append(
            f"{quantity(len(broken), 'document')} whose column '{REST}' was changed, perhaps cut by a spreadsheet: "
            f"{', '.join(map(shown, broken[:3]))}{' ...' * (len(broken) > 3)}. Export them again, or give a table of "
            "the columns id, action, label, reviewer and comment."
        )
    changed = [each.id for each in documents if each.label not in _settled(each)]
    if changed:
        some = ", ".join(shown(each) for each in changed[:3])
        problems.append(
            f"{quantity(len(changed), 'document')} with another label, but no new action: {some}"
            f"{' ...' * (len(changed) > 3)}. Write relabel into the column action, and your name into reviewer."
        )
    if problems:
        raise DataError(not_taken(name, problems))


def _settled(document: AnnotatedDocument) -> set[str | None]:
    """The label that the answers of a document come to, by their times and in the order of the store."""
    in_order = [replace(each, time=None) for each in document.answers]
    return {settled(document.given, answers)[0] for answers in (document.answers, in_order)}
