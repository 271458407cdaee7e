"""Label Studio: tasks with predictions and annotations for import, and everything that it exports as JSON.

The answers of reviewers become annotations of the user who imports them; who gave them and when travels in `cal`, and
an annotation comes back under the id of the answer (`unique_id`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cal.errors import DataError
from cal.exchange.answers import (
    ACTION_FIELD,
    COMMENT_FIELD,
    action_for,
    answer_id,
    last_answers,
    number_of,
    time_of,
    with_answers,
)
from cal.exchange.carried import ID, REST, rest_of, restored, storable
from cal.exchange.json_files import read_objects, write_list
from cal.exchange.label_studio_config import labelling_config, labels_in
from cal.exchange.losses import Losses
from cal.exchange.plain_rows import text_id
from cal.exchange.records import (
    AMBIGUOUS,
    EXCLUDE,
    KEEP,
    RELABEL,
    SKIP,
    AnnotatedDocument,
    Answer,
    LabelSet,
    Suggested,
)
from cal.exchange.transfer import Reading, Written, clean
from cal.files import write_whole

LABEL_FIELD = "label"
RESERVED = frozenset(
    {
        *("text", "id", ID, REST, "given", LABEL_FIELD, ACTION_FIELD, COMMENT_FIELD),
        *("annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"),
    }
)
"""Names of data that mean something, or that JSON-MIN and CSV overwrite."""


def write_label_studio(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes tasks for import, and beside them the labelling configuration of the project, as `.xml`."""
    losses = Losses(str(path))
    config = path.with_suffix(".xml")
    names: dict[str, None] = dict.fromkeys(labels.names)

    def tasks() -> Iterator[dict[str, Any]]:
        for document in clean(documents, losses):
            names.update(dict.fromkeys(_labels_of(document)))
            yield _task(document)

    write_list(path, tasks())
    write_whole(config, labelling_config(names, labels, losses).encode())
    return Written(
        [path, config],
        losses,
        [
            f"In Label Studio, make a project with the labelling configuration in {config.name}, then import "
            f"{path.name}. Answers become annotations of whoever imports them, and keep their reviewers in `{REST}`."
        ],
    )


def read_label_studio(path: Path) -> Reading:
    """The documents in a file of tasks: an export as JSON, a snapshot, a file of a target storage, or one to import.

    Raises:
        DataError: if it is no JSON, or an object is no task.
    """
    losses = Losses(str(path))
    config = path.with_suffix(".xml")
    labels = LabelSet(tuple(labels_in(config))) if config.is_file() else LabelSet()
    return Reading(_documents(read_objects(path), losses), losses, labels)


def _labels_of(document: AnnotatedDocument) -> Iterator[str]:
    """Every label that a task names."""
    yield from (label for label in (document.given, document.label) if label)
    yield from (each.label for each in document.suggestions)
    yield from (answer.label for answer in document.answers if answer.label)


def _task(document: AnnotatedDocument) -> dict[str, Any]:
    shown = {
        name: value
        for name, value in document.columns.items()
        if isinstance(value, str) and name not in RESERVED and name and storable(name + value) == name + value
    }
    hidden = {name: value for name, value in document.columns.items() if name not in shown}
    document_id = storable(document.id)
    data = {"text": storable(document.text), "id": document_id, ID: document_id}
    if document.given is not None:
        data["given"] = storable(document.given)
    data |= shown
    data[REST] = rest_of(document, columns=hidden)
    return {
        "data": data,
        "predictions": [_prediction(each, number) for number, each in enumerate(document.suggestions)],
        "annotations": [_annotation(answer, document.given) for answer in last_answers(document.answers)],
    }


def _choice(label: str, number: object, field: str = LABEL_FIELD) -> dict[str, Any]:
    value = {"choices": [storable(label)]}
    return {"id": f"{field}-{number}", "from_name": field, "to_name": "text", "type": "choices", "value": value}


def _prediction(suggested: Suggested, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {"model_version": storable(suggested.source), "result": [_choice(suggested.label, number)]}
    if suggested.score is not None:
        made["score"] = made["result"][0]["score"] = suggested.score
    return made


def _annotation(answer: Answer, given: str | None) -> dict[str, Any]:
    label = answer.label if answer.action == RELABEL else given if answer.action == KEEP else None
    result = [] if label is None else [_choice(label, answer.id)]
    if answer.action in (AMBIGUOUS, EXCLUDE):
        result.append(_choice(answer.action, answer.id, ACTION_FIELD))
    if answer.comment and answer.action != SKIP:
        text = {"text": [storable(answer.comment)]}
        result.append(
            {"id": f"comment-{answer.id}", "from_name": COMMENT_FIELD, "to_name": "text", "type": "textarea"}
            | {"value": text}
        )
    made = {"unique_id": answer.id, "was_cancelled": answer.action == SKIP, "ground_truth": False, "result": result}
    return made if answer.seconds is None else made | {"lead_time": answer.seconds}


def _documents(tasks: Iterable[Mapping[str, Any]], losses: Losses) -> Iterator[AnnotatedDocument]:
    for number, task in enumerate(tasks, start=1):
        annotations = task.get("annotations", task.get("completions", []))
        if isinstance(inner := task.get("task"), dict):  # a target storage holds one annotation with its task
            annotations, task = [{**task, "task": None}], inner
        data = task.get("data", task if "annotations" not in task else None)
        if not isinstance(data, Mapping) or not isinstance(annotations, list):
            raise DataError(
                f"{losses.source}, item {number} is no task of Label Studio: it has no object 'data'. It has: "
                f"{', '.join(map(repr, task))}."
            )
        yield _document(task, data, annotations, number, losses)


def _document(
    task: Mapping[str, Any], data: Mapping[str, Any], annotations: list[Any], number: int, losses: Losses
) -> AnnotatedDocument:
    document = document_of_data(data, task.get("id"), losses, number)
    suggestions = []
    for prediction in task.get("predictions") or ():
        if not isinstance(prediction, dict):
            if not document.suggestions:
                losses.add(document.id, "suggestion", prediction, "the export holds only its number")
        elif suggested := _suggested(prediction, document, losses):
            suggestions.append(suggested)
    for draft in task.get("drafts") or ():
        losses.add(document.id, "draft", draft, "a draft is no answer")
    found = [_answer(each, document, losses) for each in annotations if isinstance(each, dict)]
    shown = {(storable(each.label), each.score, storable(each.source)) for each in document.suggestions}
    other = [each for each in suggestions if (each.label, each.score, each.source) not in shown]
    return with_answers(document, filter(None, found), other)


def document_of_data(data: Mapping[str, Any], task_id: Any, losses: Losses, number: int) -> AnnotatedDocument:
    """The document in the data of a task, with all that our export put there.

    Args:
        data: what the task shows.
        task_id: Label Studio's id of the task, for data without an id.
        losses: takes what cannot be read.
        number: number of the task, for messages.

    Raises:
        DataError: if it has no text.
    """
    text = data.get("text")
    if text is None and len(names := [name for name, value in data.items() if isinstance(value, str)]) == 1:
        text, data = data[names[0]], {name: value for name, value in data.items() if name != names[0]}
    if not isinstance(text, str | int | float):
        raise DataError(
            f"{losses.source}, task {number} has no text in data.text. It has: {', '.join(map(repr, data))}. Rename "
            "the field with the texts to 'text'."
        )
    text = str(text)
    document_id = next(
        (str(each) for each in (data.get(ID), data.get("id"), task_id) if each not in (None, "")), text_id(text)
    )
    columns = {name: value for name, value in data.items() if name not in RESERVED}
    shown: dict[str, Any] = {"columns": columns}
    if isinstance(given := data.get("given"), str):
        shown["given"] = shown["label"] = given
    if (rest := data.get(REST)) is not None:
        for name in ("given", "label"):
            shown.pop(name, None)
        if (document := restored(document_id, text, rest, shown)) is not None:
            return document
        losses.add(document_id, REST, rest, "was changed, so what we exported is not read")
        if given is not None:
            shown["given"] = shown["label"] = str(given)
    return AnnotatedDocument(document_id, text, **shown)


def _suggested(prediction: Mapping[str, Any], document: AnnotatedDocument, losses: Losses) -> Suggested | None:
    labels = _chosen(prediction.get("result") or [])[0]
    if len(labels) != 1:
        losses.add(document.id, "suggestion", labels, "is not one label")
        return None
    try:
        score = number_of(prediction.get("score"))
    except ValueError:
        losses.add(document.id, "score", prediction.get("score"), "is no finite number")
        score = None
    return Suggested(labels[0], score, str(prediction.get("model_version") or ""))


class _Chosen(NamedTuple):
    labels: list[str]
    action: str | None
    comment: str


def _chosen(result: Iterable[Mapping[str, Any]]) -> _Chosen:
    """Labels, action and comment in a result."""
    labels, action, comments = [], None, []
    for item in result:
        value, name = item.get("value") or {}, item.get("from_name")
        if item.get("type") == "textarea" or "text" in value:
            texts = value.get("text") or []
            comments += [texts] if isinstance(texts, str) else [str(each) for each in texts]
        for choice in value.get("choices") or value.get("taxonomy") or ():
            if name == ACTION_FIELD:
                action = str(choice)
            else:
                labels.append(" / ".join(map(str, choice)) if isinstance(choice, list) else str(choice))
    return _Chosen(labels, action, "\n".join(comments))


def _answer(annotation: Mapping[str, Any], document: AnnotatedDocument, losses: Losses) -> Answer | None:
    result = annotation.get("result")
    chosen = _chosen(result if isinstance(result, list) else [])
    skipped = bool(annotation.get("was_cancelled", annotation.get("skipped")))
    if annotation.get("ground_truth"):
        losses.add(document.id, "ground_truth", True, "an answer has no such mark")
    key = annotation.get("unique_id") or None
    if known := next((each for each in document.answers if each.id == key), None):
        written = _annotation(known, document.given)
        if (_chosen(written["result"]), written["was_cancelled"]) == (chosen, skipped):
            return known
    said = decided(document, chosen.labels, chosen.action, chosen.comment, skipped, losses)
    if said is None:
        return None
    reviewer = annotation.get("completed_by")
    if isinstance(reviewer, dict):
        reviewer = reviewer.get("email") or reviewer.get("id")
    details = _details(annotation, document, losses)
    edited = details.created and details.updated and (details.updated - details.created).total_seconds() >= 1
    if not key or known or edited:
        when = details.updated or details.created
        who = reviewer if known is None else annotation.get("updated_by") or reviewer
        key = answer_id("label_studio", document.id, key or annotation.get("id"), who, when, said)
    seen = annotation.get("prediction")
    return Answer(
        str(key),
        "" if reviewer is None else str(reviewer),
        said.action,
        said.label,
        said.comment,
        details.seconds,
        details.updated if edited or known else details.created or details.updated,
        _suggested(seen, document, losses) if isinstance(seen, dict) and seen.get("result") else None,
    )


class Said(NamedTuple):
    """What an annotation says."""

    action: str
    label: str | None
    comment: str


def decided(
    document: AnnotatedDocument,
    labels: list[str],
    action: str | None,
    comment: str,
    skipped: bool,
    losses: Losses,
) -> Said | None:
    """What an annotation with these choices says; None, and a loss, if that is nothing we have a word for."""
    if skipped:
        return Said(SKIP, None, comment)
    if len(labels) > 1:
        losses.add(document.id, "label", labels, "a document has one label")
        return None
    label = labels[0] if labels else None
    given = None if document.given is None else storable(document.given)
    if label is not None and label != given:  # a label that only we can write
        label = next((each for each in _labels_of(document) if storable(each) == label), label)
    does = action_for(given, label, action, comment)
    if does is None:
        losses.add(document.id, "label", None, "the annotation is empty")
        return None
    return Said(does, label if does == RELABEL else None, comment)


class _Details(NamedTuple):
    created: datetime | None
    updated: datetime | None
    seconds: float | None


def _details(annotation: Mapping[str, Any], document: AnnotatedDocument, losses: Losses) -> _Details:
    found: list[Any] = []
    for name, parse in (("created_at", time_of), ("updated_at", time_of), ("lead_time", number_of)):
        try:
            found.append(parse(annotation.get(name)))
        except ValueError as error:
            losses.add(document.id, name, annotation.get(name), str(error))
            found.append(None)
    return _Details(*found)
