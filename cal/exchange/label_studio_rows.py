"""Label Studio's exports with a row per annotation: JSON-MIN, CSV and TSV.

They leave out what nobody annotated, what was skipped, predictions, and the ids of annotations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from cal.errors import DataError
from cal.exchange.answers import ACTION_FIELD, COMMENT_FIELD, answer_id, number_of, time_of, with_answers
from cal.exchange.carried import ID, from_json, storable
from cal.exchange.losses import Losses
from cal.exchange.records import COMMENT, SKIP, AnnotatedDocument, Answer, Suggested
from cal.exchange.tool_documents import Said, document_in, said

LABEL_FIELD = "label"
RESERVED = frozenset(
    {
        *(LABEL_FIELD, ACTION_FIELD, COMMENT_FIELD, "annotator", "annotation_id"),
        *("created_at", "updated_at", "lead_time", "agreement"),
    }
)
"""Names that these exports overwrite."""


def is_annotation(row: Mapping[str, Any]) -> bool:
    """Whether this is a row of such an export."""
    return "annotation_id" in row and "data" not in row


def documents_in_rows(rows: Iterable[Mapping[str, Any]], losses: Losses) -> Iterator[AnnotatedDocument]:
    """The documents in such rows, which are grouped first."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row.get(ID) or row.get("id")), []).append(row)
    for number, of_document in enumerate(groups.values(), start=1):
        first = of_document[0]
        document = document_in(first, None, RESERVED, losses, number)
        of_document = [row for row in of_document if row["annotation_id"] not in (None, "")]  # others say nothing
        named = {LABEL_FIELD, ACTION_FIELD, COMMENT_FIELD}
        if of_document and not any(named & row.keys() for row in of_document):
            raise DataError(
                f"{losses.source} has no column '{LABEL_FIELD}'. It has: {', '.join(map(repr, first))}. Rename the one "
                f"with the labels to '{LABEL_FIELD}'."
            )
        yield beside(document, _answers(of_document, document, losses), losses)


def beside(
    document: AnnotatedDocument, answers: Iterable[Answer | None], losses: Losses, suggestions: Iterable[Suggested] = ()
) -> AnnotatedDocument:
    """A document with the answers of all annotators; where one annotator gave several that differ, the loss says so."""
    made = with_answers(document, filter(None, answers), suggestions, side_by_side=True)
    last: dict[str, Answer] = {}
    for answer in made.answers[len(document.answers) :] if made.state == "disagreement" else ():
        earlier = last.get(answer.reviewer)
        if earlier is not None and (earlier.action, earlier.label) != (answer.action, answer.label):
            losses.add(made.id, "annotation", earlier.label, "its annotator gave another; a project counts the later")
        last[answer.reviewer] = answer
    return made


def _answers(rows: Iterable[Mapping[str, Any]], document: AnnotatedDocument, losses: Losses) -> Iterator[Answer]:
    ours = [answer for answer in document.answers if answer.action not in (SKIP, COMMENT)]
    for row in rows:
        what = said(
            document,
            _texts(row.get(LABEL_FIELD), "choices"),
            losses,
            next(iter(_texts(row.get(ACTION_FIELD), "choices")), None),
            "\n".join(_texts(row.get(COMMENT_FIELD), "text")),
        )
        if what is None:
            continue
        made = made_of(row, document, losses)
        if known := next((each for each in ours if _is_ours(each, what, made.seconds)), None):
            ours.remove(known)
            continue
        who = row.get("annotator")
        who = "" if who is None else str(who)
        key = annotation_id(document, row.get("annotation_id"), who, made, what)
        yield Answer(key, who, what.action, what.label, what.comment, made.seconds, made.decided)


class Made(NamedTuple):
    """When an annotation was made.

    Attributes:
        decided: when it was decided: when it began, unless it was changed a second or more after that.
        updated: when it was last changed.
        seconds: how long it took.
    """

    decided: datetime | None
    updated: datetime | None
    seconds: float | None


def made_of(annotation: Mapping[str, Any], document: AnnotatedDocument, losses: Losses) -> Made:
    """When an annotation was made, as JSON and rows say it."""
    created = _parsed(time_of, annotation, "created_at", document, losses)
    updated = _parsed(time_of, annotation, "updated_at", document, losses) or created
    is_changed = created is None or (updated - created).total_seconds() >= 1
    seconds = _parsed(number_of, annotation, "lead_time", document, losses)
    return Made(updated if is_changed else created, updated, seconds)


def annotation_id(document: AnnotatedDocument, number: Any, reviewer: Any, made: Made, what: Said) -> str:
    """The id of an answer, which all exports of an annotation tell; one that is changed there is another answer.

    They know its number, but call its annotator by number or by address, and only JSON knows comments for sure.
    """
    said_by = (str(reviewer), what.comment) if made.updated is None else made.updated.isoformat()
    return answer_id("label_studio", document.id, str(number), said_by, what.action, what.label)


def _is_ours(answer: Answer, what: Said, seconds: float | None) -> bool:
    """Whether a row is an answer that we exported: it took as long, and says the same."""
    return (answer.action, answer.label, storable(answer.comment), answer.seconds) == (*what, seconds)


def _texts(cell: Any, key: str) -> list[str]:
    """One text or several, as a list, an object or its JSON."""
    if isinstance(cell, str) and cell.startswith(("{", "[")):
        try:
            cell = from_json(cell)
        except ValueError:
            return [cell]
    if isinstance(cell, Mapping):
        cell = cell.get(key) or []
    if isinstance(cell, list):
        return [str(each) for each in cell]
    return [str(cell)] if cell not in (None, "") else []


def _parsed(parse: Any, row: Mapping[str, Any], name: str, document: AnnotatedDocument, losses: Losses) -> Any:
    try:
        return parse(row.get(name))
    except ValueError as error:
        losses.add(document.id, name, row.get(name), str(error))
        return None
