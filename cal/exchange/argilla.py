"""Argilla 2: records as its client writes them, nested (`to_json`) or flat (`to_list(flatten=True)`).

Argilla knows users by UUID only. Answers of others travel in the metadata `cal`, and Argilla shows none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cal.errors import DataError
from cal.exchange.answers import (
    ACTION_FIELD,
    COMMENT_FIELD,
    OTHER_ACTIONS,
    answer_id,
    last_answers,
    last_id,
    number_of,
    with_answers,
)
from cal.exchange.carried import from_json, storable, to_json
from cal.exchange.json_files import read_objects, write_list
from cal.exchange.losses import Losses
from cal.exchange.records import KEEP, RELABEL, SKIP, AnnotatedDocument, Answer, LabelSet, Suggested
from cal.exchange.tool_documents import data_of, document_in, labels_of, said
from cal.exchange.transfer import Reading, Written, clean
from cal.files import write_whole

LABEL_FIELD = "label"
RESERVED = frozenset(
    {LABEL_FIELD, ACTION_FIELD, COMMENT_FIELD, "status", "_server_id", "fields", "metadata", "vectors"}
)
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SUBMITTED, _DISCARDED, _DRAFT = "submitted", "discarded", "draft"
_NO_STATUS = "a response without a status may be a draft; export with to_list(flatten=True), which keeps it"


def write_argilla(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes records for `records.from_json`, and beside them the settings of the dataset, as `.settings.json`."""
    losses = Losses(str(path))
    settings = path.with_name(f"{path.stem}.settings.json")
    names: dict[str, None] = dict.fromkeys(labels.names)

    def records() -> Iterator[dict[str, Any]]:
        for document in clean(documents, losses):
            names.update(dict.fromkeys(labels_of(document)))
            yield _record(document)

    write_list(path, records())
    write_whole(settings, to_json(_settings(names, labels)))
    return Written(
        [path, settings],
        losses,
        [
            f"In Argilla, make the dataset with rg.Settings.from_json({settings.name!r}), then load the records with "
            f"dataset.records.from_json({path.name!r}). Export them with to_list(flatten=True), which keeps the status "
            "of responses."
        ],
    )


def read_argilla(path: Path) -> Reading:
    """The documents in a file of records, nested or flat.

    Raises:
        DataError: if it is no JSON, or an object is no record.
    """
    path = path / "records.json" if path.is_dir() else path  # as `Dataset.to_disk` names it
    losses = Losses(str(path))
    return Reading(_documents(read_objects(path), losses), losses, _labels_beside(path))


def _settings(names: Iterable[str], labels: LabelSet) -> dict[str, Any]:
    """The settings as `Settings.to_json` writes them."""

    def question(name: str, title: str, about: dict[str, Any], required: bool) -> dict[str, Any]:
        return {"name": name, "title": title, "settings": about, "required": required, "type": about["type"]}

    def choice(of: Iterable[str]) -> dict[str, Any]:
        return {
            "type": "label_selection",
            "options": [{"value": storable(each), "text": storable(each)} for each in of],
        }

    text = {"type": "text", "use_markdown": False}
    given = {"name": "given", "title": "given", "settings": {"type": "terms", "visible_for_annotators": False}}
    return {
        "guidelines": storable(labels.guidelines) or None,
        "fields": [{"name": "text", "title": "text", "settings": text, "required": True, "type": "text"}],
        "questions": [
            question(LABEL_FIELD, "Label", choice(names), True),
            question(ACTION_FIELD, "Or is it", choice(OTHER_ACTIONS), False),
            question(COMMENT_FIELD, "Comment", text, False),
        ],
        "metadata": [{**given, "visible_for_annotators": False}],
        "vectors": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def _labels_beside(path: Path) -> LabelSet:
    """The labels in the settings that lie beside the records, if they do."""
    for settings in (path.with_name(f"{path.stem}.settings.json"), path.parent / ".argilla" / "settings.json"):
        if settings.is_file():
            try:
                about = from_json(settings.read_bytes())
                [options] = [each["settings"]["options"] for each in about["questions"] if each["name"] == LABEL_FIELD]
                return LabelSet(tuple(each["value"] for each in options), about.get("guidelines") or "")
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{settings} is not as Argilla writes settings: {error!r}. Remove it.") from error
    return LabelSet()


def _record(document: AnnotatedDocument) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": storable(document.id),
        "fields": {"text": storable(document.text)},
        "metadata": data_of(document, RESERVED),
        "suggestions": {},
        "responses": {},
        "vectors": {},
        "status": "pending",
    }
    if document.suggestions:
        best = document.suggestions[0]
        about = {"score": best.score, "agent": storable(best.source)}
        known = {name: value for name, value in about.items() if value not in (None, "")}
        record["suggestions"][LABEL_FIELD] = {"value": storable(best.label), **known}
    for answer in last_answers(document.answers):
        if _UUID.fullmatch(answer.reviewer):
            for name, value in _values(answer, document.given).items():
                status = _DISCARDED if answer.action == SKIP else _SUBMITTED
                each = {"value": value, "user_id": answer.reviewer, "status": status}
                record["responses"].setdefault(name, []).append(each)
                record["status"] = "completed" if status == _SUBMITTED else record["status"]
    return record


def _values(answer: Answer, given: str | None) -> dict[str, str | None]:
    """The values of an answer by question."""
    label = answer.label if answer.action == RELABEL else given if answer.action == KEEP else None
    values: dict[str, str | None] = {}
    if label is not None or answer.action == SKIP:
        values[LABEL_FIELD] = None if label is None else storable(label)
    if answer.action in OTHER_ACTIONS:
        values[ACTION_FIELD] = answer.action
    if answer.comment:
        values[COMMENT_FIELD] = storable(answer.comment)
    return values


class _Response(NamedTuple):
    """What one user responded to all questions of a record."""

    values: dict[str, Any]
    status: str | None


def _documents(records: Iterable[Mapping[str, Any]], losses: Losses) -> Iterator[AnnotatedDocument]:
    for number, record in enumerate(records, start=1):
        if isinstance(record.get("fields"), Mapping):
            data = {**_one_text(record["fields"]), **(record.get("metadata") or {})}
            suggestions, responses = record.get("suggestions") or {}, _nested(record.get("responses") or {})
        else:
            data = {name: value for name, value in record.items() if not _is_answer(name)}
            suggestions, responses = _flat_suggestions(record), _flat(record)
        document = document_in(data, record.get("id") or record.get("_server_id"), RESERVED, losses, number)
        question = _question(suggestions, responses)
        shown = _suggested(document, suggestions.get(question), losses)
        answers = [
            _answer(document, question, user, response, record.get("status"), losses)
            for user, response in responses.items()
        ]
        known = {(storable(each.label), each.score, storable(each.source)) for each in document.suggestions}
        new = [each for each in shown if (each.label, each.score, each.source) not in known]
        for name, value in _not_read(record, question, responses):
            losses.add(document.id, name, value, "is about something else than the label")
        yield with_answers(document, filter(None, answers), new)


def _one_text(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record with one named `text`; of several fields it is all of them, as people read them."""
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    return dict(fields) if "text" in fields or not texts else {**fields, "text": " / ".join(texts.values())}


def _is_answer(name: str) -> bool:
    return any(part in name for part in (".responses", ".suggestion"))


def _question(suggestions: Mapping[str, Any], responses: Mapping[str, _Response]) -> str:
    """The question about the label: `label`, or the only other one."""
    names = [name for response in responses.values() for name in response.values]
    others = dict.fromkeys([*names, *suggestions])
    for name in (ACTION_FIELD, COMMENT_FIELD):
        others.pop(name, None)
    return LABEL_FIELD if LABEL_FIELD in others or len(others) != 1 else next(iter(others))


def _not_read(
    record: Mapping[str, Any], question: str, responses: Mapping[str, _Response]
) -> Iterator[tuple[str, Any]]:
    """Vectors, and responses to other questions."""
    if record.get("vectors"):
        yield "vectors", record["vectors"]
    for response in responses.values():
        for name, value in response.values.items():
            if name not in (question, ACTION_FIELD, COMMENT_FIELD) and value is not None:
                yield name, value


def _nested(responses: Mapping[str, Any]) -> dict[str, _Response]:
    made: dict[str, _Response] = {}
    for name, of_question in responses.items():
        for each in of_question or ():
            user = str(each.get("user_id") or "")
            before = made.get(user, _Response({}, each.get("status")))
            made[user] = _Response({**before.values, name: each.get("value")}, before.status)
    return made


def _flat(record: Mapping[str, Any]) -> dict[str, _Response]:
    made: dict[str, _Response] = {}
    for key, values in record.items():
        name, found, rest = key.rpartition(".responses")
        if not found or rest or not values:
            continue
        users = record.get(f"{key}.users") or [""] * len(values)
        statuses = record.get(f"{key}.status") or [None] * len(values)
        for user, value, status in zip(users, values, statuses, strict=False):
            before = made.get(str(user), _Response({}, status))
            made[str(user)] = _Response({**before.values, name: value}, before.status)
    return made


def _flat_suggestions(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    names = [key.removesuffix(".suggestion") for key, value in record.items() if key.endswith(".suggestion") and value]
    return {
        name: {"value": record[f"{name}.suggestion"]}
        | {key: record.get(f"{name}.suggestion.{key}") for key in ("score", "agent")}
        for name in names
    }


def _suggested(
    document: AnnotatedDocument, suggestion: Mapping[str, Any] | None, losses: Losses
) -> Iterator[Suggested]:
    if suggestion is None:
        return
    if not isinstance(value := suggestion.get("value"), str):
        losses.add(document.id, "suggestion", value, "is not one label")
        return
    try:
        score = number_of(suggestion.get("score"))
    except ValueError as error:
        losses.add(document.id, "score", suggestion.get("score"), str(error))
        score = None
    yield Suggested(value, score, str(suggestion.get("agent") or ""))


def _answer(
    document: AnnotatedDocument, question: str, user: str, response: _Response, record_status: Any, losses: Losses
) -> Answer | None:
    for known in last_answers(document.answers):
        if known.reviewer == user and _values(known, document.given) == response.values:
            return known
    status = response.status or (_SUBMITTED if record_status == "completed" else None)
    if status in (None, _DRAFT):
        losses.add(document.id, "response", response.values, "a draft is not an answer" if status else _NO_STATUS)
        return None
    value = response.values.get(question)
    labels = [str(each) for each in value] if isinstance(value, list) else [] if value is None else [str(value)]
    action, comment = response.values.get(ACTION_FIELD), response.values.get(COMMENT_FIELD) or ""
    what = said(document, labels, losses, action, str(comment), status == _DISCARDED)
    if what is None:
        return None
    key = answer_id("argilla", document.id, user, last_id(document, user), what)
    return Answer(key, user, what.action, what.label, what.comment)
