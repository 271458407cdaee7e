"""Label Studio: tasks with predictions and annotations for import, and everything that it exports as JSON.

The answers of reviewers become annotations of the user who imports them; who gave them and when travels in `cal`. An
annotation gets a new `unique_id` there, but comes back with the number that we give it, as `import_id`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from cal.errors import DataError
from cal.exchange.answers import (
    ACTION_FIELD,
    COMMENT_FIELD,
    last_answers,
    number_of,
)
from cal.exchange.carried import REST, storable
from cal.exchange.delimited import delimited_rows
from cal.exchange.json_files import first_character, read_objects, write_list
from cal.exchange.label_studio_config import labelling_config, labels_in
from cal.exchange.label_studio_rows import (
    LABEL_FIELD,
    RESERVED,
    annotation_id,
    beside,
    documents_in_rows,
    is_annotation,
    made_of,
)
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
    """The documents in an export of Label Studio: JSON, JSON-MIN, CSV, TSV, a snapshot, or a target storage.

    A storage is a folder of files, or one of them. A file to import is read, too.

    Raises:
        DataError: if it cannot be read, or an item is no task.
    """
    losses = Losses(str(path))
    config = path.with_suffix(".xml")
    labels = LabelSet(tuple(labels_in(config))) if config.is_file() else LabelSet()
    return Reading(_read(path, losses), losses, labels)


def _read(path: Path, losses: Losses) -> Iterator[AnnotatedDocument]:
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if is_stored(each))
        yield from _documents(_by_task(item for file in files for item in read_objects(file)), losses)
        return
    if first_character(path) not in ("[", "{"):
        yield from documents_in_rows(delimited_rows(path, "\t" if path.suffix.lower() == ".tsv" else ","), losses)
        return
    items = read_objects(path)
    first = next(items, {})
    every = chain([first] if first else [], items)
    if is_annotation(first):
        yield from documents_in_rows(every, losses)
    else:
        yield from _documents(_by_task(every) if isinstance(first.get("task"), dict) else every, losses)


def is_stored(path: Path) -> bool:
    """Whether a file is one of a target storage, which holds one annotation; its name is a number."""
    return path.is_file() and path.stem.isdecimal() and path.suffix.lower() in ("", ".json")


def _by_task(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tasks of annotations that hold their task, as a target storage has them."""
    tasks: dict[str, dict[str, Any]] = {}
    for item in items:
        if isinstance(task := item.get("task"), dict):
            task = tasks.setdefault(str(task.get("id", len(tasks))), {**task, "annotations": []})
            task["annotations"].append({**item, "task": None})
        else:
            tasks[f"task {len(tasks)}"] = dict(item)
    return [*tasks.values()]


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
        data = task.get("data", task if "annotations" not in task else None)
        if not isinstance(data, Mapping) or not isinstance(annotations, list):
            raise DataError(
                f"{losses.source}, item {number} is not a task of Label Studio: it has no object 'data'. It has: "
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
        losses.add(document.id, "draft", draft, "a draft is not an answer")
    for name, why in (("meta", "is not read; put it into data"), ("comment_count", "the export holds no comments")):
        if task.get(name):
            losses.add(document.id, name, task[name], why)
    found = [_answer(each, document, losses) for each in annotations if isinstance(each, dict)]
    ours = {(storable(each.label), each.score, storable(each.source)) for each in document.suggestions}
    other = [each for each in suggestions if (each.label, each.score, each.source) not in ours]
    return beside(document, found, losses, other)


def _suggested(prediction: Mapping[str, Any], document: AnnotatedDocument, losses: Losses) -> Suggested | None:
    labels = _chosen(prediction.get("result") or [])[0]
    if len(labels) != 1:
        losses.add(document.id, "suggestion", labels, "is not one label")
        return None
    try:
        score = number_of(prediction.get("score"))
    except ValueError:
        losses.add(document.id, "score", prediction.get("score"), "is not a finite number")
        score = None
    return Suggested(labels[0], score, str(prediction.get("model_version") or ""))


class _Chosen(NamedTuple):
    labels: list[str]
    action: str | None
    comment: str
    others: list[tuple[str, Any]]  # what other questions were answered with


def _chosen(result: Iterable[Mapping[str, Any]]) -> _Chosen:
    """Labels, action and comment in a result; if several questions offer choices, `label` is the one that counts."""
    labels: dict[str, list[str]] = {}
    action, comments, others = None, [], []
    for item in result:
        value, name = item.get("value") or {}, str(item.get("from_name"))
        choices = value.get("choices") or value.get("taxonomy") or ()
        if item.get("type", "textarea") == "textarea" and "text" in value:
            texts = value.get("text") or []
            comments += [texts] if isinstance(texts, str) else [str(each) for each in texts]
        elif not choices:
            others.append((name, value))
        for choice in choices:
            if name == ACTION_FIELD:
                action = str(choice)
            else:
                label = " / ".join(map(str, choice)) if isinstance(choice, list) else str(choice)
                labels.setdefault(name, []).append(label)
    of_label = labels.pop(LABEL_FIELD, None)
    if of_label is None:
        of_label = [label for each in labels.values() for label in each]
        labels = {}
    return _Chosen(of_label, action, "\n".join(comments), [*labels.items(), *others])


def _answer(annotation: Mapping[str, Any], document: AnnotatedDocument, losses: Losses) -> Answer | None:
    result = annotation.get("result")
    chosen = _chosen(result if isinstance(result, list) else [])
    skipped = bool(annotation.get("was_cancelled", annotation.get("skipped")))
    if annotation.get("ground_truth"):
        losses.add(document.id, "ground_truth", True, "an answer has no such mark")
    for name, value in chosen.others:
        losses.add(document.id, name, value, "is about something else than the label")
    key, import_id = annotation.get("unique_id"), annotation.get("import_id", annotation.get("id"))
    known = next((each for each in document.answers if each.id == key or _import_id(each) == import_id), None)
    if known is not None:
        written = _annotation(known, document.given)
        if (_chosen(written["result"])[:3], written["was_cancelled"]) == (chosen[:3], skipped):
            return known
    what = said(document, chosen.labels, losses, chosen.action, chosen.comment, skipped)
    if what is None:
        return None
    reviewer = annotation.get("completed_by")
    if isinstance(reviewer, dict):
        reviewer = reviewer.get("email") or reviewer.get("id")
    made, seen = made_of(annotation, document, losses), annotation.get("prediction")
    return Answer(
        annotation_id(document, annotation.get("id"), reviewer, made, what),
        "" if reviewer is None else str(reviewer),
        what.action,
        what.label,
        what.comment,
        made.seconds,
        made.updated if known else made.decided,
        _suggested(seen, document, losses) if isinstance(seen, dict) and seen.get("result") else None,
    )
