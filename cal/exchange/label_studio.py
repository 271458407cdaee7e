"""Label Studio: tasks with predictions and annotations for import, and everything that it exports as JSON.

The answers of reviewers become annotations of the user who imports them; who gave them and when travels in `cal`. An
annotation gets a new `unique_id` there, but comes back with the number that we give it, as `import_id`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from cal.errors import DataError
from cal.exchange.answers import (
    ACTION_FIELD,
    COMMENT_FIELD,
    answer_id,
    last_answers,
    number_of,
    time_of,
    with_answers,
)
from cal.exchange.carried import REST, storable
from cal.exchange.delimited import delimited_rows
from cal.exchange.json_files import first_character, read_objects, write_list
from cal.exchange.label_studio_config import labelling_config, labels_in
from cal.exchange.label_studio_rows import LABEL_FIELD, RESERVED, documents_in_rows, is_annotation
from cal.exchange.losses import Losses
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
from cal.exchange.tool_documents import data_of, document_in, labels_of, said
from cal.exchange.transfer import Reading, Written, clean
from cal.files import write_whole


def write_label_studio(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes tasks for import, and beside them the labelling configuration of the project, as `.xml`."""
    losses = Losses(str(path))
    config = path.with_suffix(".xml")
    names: dict[str, None] = dict.fromkeys(labels.names)

    def tasks() -> Iterator[dict[str, Any]]:
        for document in clean(documents, losses):
            names.update(dict.fromkeys(labels_of(document)))
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
    """The documents in an export of Label Studio: JSON, JSON-MIN, CSV, TSV, a snapshot, a file of a target storage.

    A file to import is read, too.

    Raises:
        DataError: if it cannot be read, or an item is no task.
    """
    losses = Losses(str(path))
    config = path.with_suffix(".xml")
    labels = LabelSet(tuple(labels_in(config))) if config.is_file() else LabelSet()
    return Reading(_read(path, losses), losses, labels)


def _read(path: Path, losses: Losses) -> Iterator[AnnotatedDocument]:
    if first_character(path) not in ("[", "{"):
        yield from documents_in_rows(delimited_rows(path, "\t" if path.suffix.lower() == ".tsv" else ","), losses)
        return
    items = read_objects(path)
    first = list(islice(items, 1))
    every = chain(first, items)
    yield from documents_in_rows(every, losses) if first and is_annotation(first[0]) else _documents(every, losses)


def _task(document: AnnotatedDocument) -> dict[str, Any]:
    data = {"text": storable(document.text), "id": storable(document.id), **data_of(document, RESERVED)}
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
    made = {"id": _import_id(answer), "unique_id": answer.id, "ground_truth": False}
    made |= {"was_cancelled": answer.action == SKIP, "result": result}
    return made if answer.seconds is None else made | {"lead_time": answer.seconds}


def _import_id(answer: Answer) -> int:
    """A number for an answer that fits the `import_id` of an annotation."""
    return int.from_bytes(hashlib.blake2b(answer.id.encode(), digest_size=8).digest()) >> 1


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
    document = document_in(data, task.get("id"), RESERVED, losses, number)
    shown = [each["prediction"] for each in annotations if isinstance(each, dict) and each.get("prediction")]
    by_number = {each.get("id"): each for each in shown if isinstance(each, dict)}
    suggestions = []
    for given in task.get("predictions") or ():
        prediction = given if isinstance(given, dict) else by_number.get(given)
        if prediction is None:
            if not document.suggestions:
                losses.add(document.id, "suggestion", given, "the export holds only its number")
        elif suggested := _suggested(prediction, document, losses):
            suggestions.append(suggested)
    for draft in task.get("drafts") or ():
        losses.add(document.id, "draft", draft, "a draft is no answer")
    found = [_answer(each, document, losses) for each in annotations if isinstance(each, dict)]
    ours = {(storable(each.label), each.score, storable(each.source)) for each in document.suggestions}
    other = [each for each in suggestions if (each.label, each.score, each.source) not in ours]
    return with_answers(document, filter(None, found), other, side_by_side=True)


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
    """Labels, action and comment in a result; if several questions offer choices, `label` is the one that counts."""
    labels: dict[str, list[str]] = {}
    action, comments = None, []
    for item in result:
        value, name = item.get("value") or {}, item.get("from_name")
        if item.get("type") == "textarea" or "text" in value:
            texts = value.get("text") or []
            comments += [texts] if isinstance(texts, str) else [str(each) for each in texts]
        for choice in value.get("choices") or value.get("taxonomy") or ():
            if name == ACTION_FIELD:
                action = str(choice)
            else:
                label = " / ".join(map(str, choice)) if isinstance(choice, list) else str(choice)
                labels.setdefault(str(name), []).append(label)
    of_label = labels.get(LABEL_FIELD) or [label for each in labels.values() for label in each]
    return _Chosen(of_label, action, "\n".join(comments))


def _answer(annotation: Mapping[str, Any], document: AnnotatedDocument, losses: Losses) -> Answer | None:
    result = annotation.get("result")
    chosen = _chosen(result if isinstance(result, list) else [])
    skipped = bool(annotation.get("was_cancelled", annotation.get("skipped")))
    if annotation.get("ground_truth"):
        losses.add(document.id, "ground_truth", True, "an answer has no such mark")
    key = annotation.get("unique_id") or None
    import_id = annotation.get("import_id", annotation.get("id"))
    if known := next((each for each in document.answers if each.id == key or _import_id(each) == import_id), None):
        written = _annotation(known, document.given)
        if (_chosen(written["result"]), written["was_cancelled"]) == (chosen, skipped):
            return known
    what = said(document, chosen.labels, losses, chosen.action, chosen.comment, skipped)
    if what is None:
        return None
    reviewer = annotation.get("completed_by")
    if isinstance(reviewer, dict):
        reviewer = reviewer.get("email") or reviewer.get("id")
    details = _details(annotation, document, losses)
    edited = details.created and details.updated and (details.updated - details.created).total_seconds() >= 1
    if not key or known or edited:
        when = details.updated or details.created
        who = reviewer if known is None else annotation.get("updated_by") or reviewer
        key = answer_id("label_studio", document.id, key or annotation.get("id"), who, when, what)
    seen = annotation.get("prediction")
    return Answer(
        str(key),
        "" if reviewer is None else str(reviewer),
        what.action,
        what.label,
        what.comment,
        details.seconds,
        details.updated if edited or known else details.created or details.updated,
        _suggested(seen, document, losses) if isinstance(seen, dict) and seen.get("result") else None,
    )


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
