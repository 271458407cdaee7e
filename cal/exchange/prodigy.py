"""Prodigy: JSONL of tasks and of what `db-out` gives, with a choice among labels or one label to accept or reject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cal.exchange.answers import answer_id, last_answers, last_id, number_of, time_of, with_answers
from cal.exchange.carried import ID, storable
from cal.exchange.json_files import read_objects, write_lines
from cal.exchange.losses import Losses
from cal.exchange.plain_rows import text_id
from cal.exchange.records import KEEP, RELABEL, AnnotatedDocument, Answer, LabelSet, Suggested
from cal.exchange.tool_documents import data_of, document_in, labels_of, said
from cal.exchange.transfer import Reading, Written, clean

ANSWER_ID = "cal_answer"
RESERVED = frozenset(
    {
        *("label", "options", "accept", "answer", "meta", "config", "priority", "score", "spans", "tokens", "html"),
        *(
            ANSWER_ID,
            "_input_hash",
            "_task_hash",
            "_timestamp",
            "_annotator_id",
            "_session_id",
            "_view_id",
            "_is_binary",
        ),
    }
)
_ACCEPT, _REJECT, _IGNORE = "accept", "reject", "ignore"


def write_prodigy(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes tasks with a choice among labels: one per answer, or one without an answer."""
    return _write(documents, labels, path, binary=False)


def write_prodigy_binary(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes tasks that ask whether a label is right: the suggested one, or else the one that holds."""
    return _write(documents, labels, path, binary=True)


def read_prodigy(path: Path) -> Reading:
    """The documents in a file of tasks, with or without answers.

    Raises:
        DataError: if it is no JSON, or a task has no text.
    """
    losses = Losses(str(path))
    return Reading(_documents(read_objects(path), losses), losses)


def _write(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path, binary: bool) -> Written:
    losses = Losses(str(path))

    def tasks() -> Iterator[dict[str, Any]]:
        for document in clean(documents, losses):
            task = {"text": storable(document.text), **data_of(document, RESERVED), "meta": {}}
            if document.suggestions:
                best = document.suggestions[0]
                task["meta"] = {"suggested": storable(best.label)}
                task["meta"] |= {} if best.score is None else {"score": best.score}
            answers = [answer for answer in last_answers(document.answers) if _is_shown(answer, document, binary)]
            for answer in answers:
                yield {**task, **_question(document, labels, binary, answer), **_said(answer)}
            if not answers:
                yield {**task, **_question(document, labels, binary)}

    write_lines(path, tasks())
    view = "classification" if binary else "choice"
    return Written([path], losses, [f"Prodigy shows the tasks with the interface {view}, as {path.name} has them."])


def _is_shown(answer: Answer, document: AnnotatedDocument, binary: bool) -> bool:
    return answer.action != KEEP or document.given is not None


def _label(answer: Answer, document: AnnotatedDocument) -> str | None:
    return answer.label if answer.action == RELABEL else document.given if answer.action == KEEP else None


def _question(
    document: AnnotatedDocument, labels: LabelSet, binary: bool, answer: Answer | None = None
) -> dict[str, Any]:
    chosen = _label(answer, document) if answer else None
    if binary:
        best = document.suggestions[0].label if document.suggestions else document.label
        asked = chosen if chosen is not None else best
        return {"label": storable(asked or ""), "_view_id": "classification"}
    names = dict.fromkeys(map(storable, [*labels.names, *labels_of(document)]))
    return {
        "options": [{"id": name, "text": name} for name in names],
        "accept": [] if chosen is None else [storable(chosen)],
        "config": {"choice_style": "single"},
        "_view_id": "choice",
    }


def _said(answer: Answer) -> dict[str, Any]:
    decides = answer.action in (KEEP, RELABEL)
    made: dict[str, Any] = {"answer": _ACCEPT if decides else _IGNORE, ANSWER_ID: answer.id}
    if answer.time is not None:
        made["_timestamp"] = int(answer.time.timestamp())
    if answer.reviewer:
        made["_annotator_id"] = storable(answer.reviewer)
    return made


def _documents(tasks: Iterable[Mapping[str, Any]], losses: Losses) -> Iterator[AnnotatedDocument]:
    """The documents, each where its first task stands."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for task in tasks:
        meta = task.get("meta") if isinstance(task.get("meta"), Mapping) else {}
        key = next((each for each in (task.get(ID), (meta or {}).get(ID), task.get("id")) if each), None)
        key = key or task.get("_input_hash") or text_id(str(task.get("text")))
        groups.setdefault(str(key), []).append(task)
    number = 1
    for key, of_document in groups.items():
        yield _document(key, of_document, number, losses)
        number += len(of_document)


def _document(key: str, tasks: Sequence[Mapping[str, Any]], number: int, losses: Losses) -> AnnotatedDocument:
    first = tasks[0]
    meta = first.get("meta") if isinstance(first.get("meta"), Mapping) else None
    data = first if ID in first or not meta else {**meta, **first}
    document = document_in(data, key, RESERVED, losses, number)
    answers = [answer for task in tasks if (answer := _answer(task, document, losses)) is not None]
    return with_answers(document, answers, _suggested(first, meta or {}, document))


def _suggested(task: Mapping[str, Any], meta: Mapping[str, Any], document: AnnotatedDocument) -> Iterator[Suggested]:
    """What a task of others suggests: the label that it asks about, with the score in its meta."""
    label, score = task.get("label"), meta.get("score")
    if ANSWER_ID in task or ID in task or not isinstance(label, str) or isinstance(score, bool):
        return
    if isinstance(score, int | float) and score - score == 0:
        yield Suggested(label, score, str(meta.get("source") or ""))


def _answer(task: Mapping[str, Any], document: AnnotatedDocument, losses: Losses) -> Answer | None:
    if (answer := task.get("answer")) is None:
        return None
    for known in document.answers:
        if known.id == task.get(ANSWER_ID) and _is_unchanged(task, known, document):
            return known
    chosen, is_choice = task.get("accept"), "options" in task or "accept" in task
    if answer == _REJECT:
        which = chosen if is_choice else task.get("label")
        losses.add(document.id, "answer", which, "was rejected, which does not say what is right")
        return None
    labels = ([chosen] if isinstance(chosen, str) else chosen or []) if is_choice else [task.get("label")]
    labels = [str(each) for each in labels if each not in (None, "")]
    what = said(document, labels, losses, comment=_comment(task), skipped=answer == _IGNORE)
    if what is None:
        return None
    try:
        time = time_of(number_of(task.get("_timestamp")))
    except ValueError as error:
        losses.add(document.id, "_timestamp", task.get("_timestamp"), str(error))
        time = None
    reviewer = str(task.get("_annotator_id") or task.get("_session_id") or "")
    key = answer_id("prodigy", document.id, reviewer, time or last_id(document, reviewer), what)
    return Answer(key, reviewer, what.action, what.label, what.comment, None, time)


def _comment(task: Mapping[str, Any]) -> str:
    return task["user_input"] if isinstance(task.get("user_input"), str) else ""


def _is_unchanged(task: Mapping[str, Any], answer: Answer, document: AnnotatedDocument) -> bool:
    """Whether a task says what we exported for an answer."""
    written = _said(answer)
    label = _label(answer, document)
    shown = [] if label is None else [storable(label)]
    says = task.get("accept") if "options" in task or "accept" in task else [task.get("label")] if label else []
    names = ("answer", "_timestamp")
    return says == shown and all(task.get(name) == written.get(name) for name in names)
