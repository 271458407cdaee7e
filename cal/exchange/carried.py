"""What a format cannot say in fields of its own travels as JSON text in one field, which tools give back unchanged.

Two fields go with every document: `cal_id`, its id, because a field named `id` is overwritten by some tools; and `cal`,
an object with all that the format's own fields do not hold. It is text in ASCII, so that it also survives a CSV file
and a database that refuses half a character or a zero byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import orjson

from cal.errors import CalError
from cal.exchange.records import AnnotatedDocument, Answer, Suggested

ID, REST = "cal_id", "cal"
"""Names of the two fields."""

FIELDS = ("given", "label", "state", "split", "suggestions", "answers", "columns", "sequences")
"""What a document has beside its id and text, in the order in which formats write it."""

_DEFAULTS: Mapping[str, Any] = {
    **{"given": None, "label": None, "state": "undecided", "split": None, "sequences": None},
    **{"suggestions": (), "answers": (), "columns": {}},
}


def values_of(document: AnnotatedDocument, without: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a document as JSON values, without those that say nothing.

    Args:
        document: the document.
        without: fields to leave out.

    Example:
        >>> values_of(AnnotatedDocument("q-1", "Who?", given="HUM", suggestions=(Suggested("LOC", 0.9),)))
        {'given': 'HUM', 'suggestions': [{'label': 'LOC', 'score': 0.9}]}
    """
    values: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(document, name)
        if name not in without and value != _DEFAULTS[name]:
            plain = _PLAIN.get(name)
            values[name] = plain(value) if plain else value
    return values


def document_of(document_id: str, text: str, values: Mapping[str, Any]) -> AnnotatedDocument:
    """The document that `values_of` was given.

    Raises:
        CalError, KeyError, TypeError, ValueError: if somebody changed the values.
    """
    made = {name: values[name] for name in FIELDS if name in values}
    if "suggestions" in made:
        made["suggestions"] = tuple(Suggested(**each) for each in made["suggestions"])
    if "answers" in made:
        made["answers"] = tuple(map(answer_of, made["answers"]))
    if made.get("sequences") is not None:
        made["sequences"] = tuple(tuple(map(str, choice)) for choice in made["sequences"])
    return AnnotatedDocument(document_id, text, **made)


def answer_values(answer: Answer) -> dict[str, Any]:
    """An answer as JSON values, without what is unknown.

    Example:
        >>> answer_values(Answer("8c2f6a52-7d0e-4d7a-9a5e-0d5f3c1b2a10", "ann", "skip", seconds=1.5))
        {'id': '8c2f6a52-7d0e-4d7a-9a5e-0d5f3c1b2a10', 'reviewer': 'ann', 'action': 'skip', 'seconds': 1.5}
    """
    values: dict[str, Any] = {"id": answer.id, "reviewer": answer.reviewer, "action": answer.action}
    if answer.label is not None:
        values["label"] = answer.label
    if answer.comment:
        values["comment"] = answer.comment
    if answer.seconds is not None:
        values["seconds"] = answer.seconds
    if answer.time is not None:
        values["time"] = answer.time.isoformat()
    if answer.seen is not None:
        values["seen"] = suggested_values(answer.seen)
    if answer.adjudicates:
        values["adjudicates"] = True
    return values


def answer_of(values: Mapping[str, Any]) -> Answer:
    """The answer that `answer_values` was given."""
    made = dict(values)
    if isinstance(made.get("time"), str):
        made["time"] = datetime.fromisoformat(made["time"])
    if "seen" in made:
        made["seen"] = Suggested(**made["seen"])
    return Answer(**made)


def suggested_values(suggested: Suggested) -> dict[str, Any]:
    """A suggestion as JSON values, without what is unknown."""
    values: dict[str, Any] = {"label": suggested.label}
    if suggested.score is not None:
        values["score"] = suggested.score
    if suggested.source:
        values["source"] = suggested.source
    return values


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "suggestions": lambda given: [suggested_values(each) for each in given],
    "answers": lambda given: [answer_values(each) for each in given],
    "columns": dict,
}


def to_json(value: Any) -> bytes:
    r"""A value as JSON in UTF-8, with half characters as escapes.

    Example:
        >>> to_json({"text": "caf\u00e9"}), to_json("\ud83d")
        (b'{"text":"caf\xc3\xa9"}', b'"\\ud83d"')
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # half a character, or a whole number beyond 64 bits
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def from_json(content: str | bytes) -> Any:
    """The value that is written as JSON, also with half characters, which orjson refuses.

    Raises:
        ValueError: if it is none.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)


def storable(text: str) -> str:
    r"""A text without what some databases refuse: half characters and zero bytes become U+FFFD.

    Example:
        >>> storable("a\x00b\ud83d"), storable("=1+1")
        ('a�b�', '=1+1')
    """
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def rest_of(document: AnnotatedDocument, shown: Collection[str] = (), columns: Mapping[str, Any] | None = None) -> str:
    """The field `cal` of a document: what other fields of a format do not hold; empty if they hold all.

    Args:
        document: the document.
        shown: fields that the format holds.
        columns: columns of the corpus that it does not hold; None carries all of them, unless they are `shown`.

    Example:
        >>> rest_of(AnnotatedDocument("q-1", "Who?", given="HUM", split="test"), shown=["given"])
        '{"split":"test"}'
    """
    values = values_of(document, shown if columns is None else {*shown, "columns"})
    if columns:
        values["columns"] = dict(columns)
    for name in ("id", "text"):
        if storable(whole := getattr(document, name)) != whole:
            values[name] = whole
    return json.dumps(values, separators=(",", ":"), allow_nan=False) if values else ""


def restored(document_id: str, text: str, rest: Any, shown: Mapping[str, Any]) -> AnnotatedDocument | None:
    """The document whose field `cal` this is.

    Args:
        document_id: id as the format shows it.
        text: text as the format shows it; one that was changed in the tool wins.
        rest: what `rest_of` made; empty if all is shown.
        shown: other fields that the format holds, as `values_of` has them; those of `cal` win.

    Returns:
        The document; None if the field is not what `rest_of` makes.
    """
    try:
        values = from_json(rest) if rest else {}
        columns = {**shown.get("columns", {}), **values.get("columns", {})}
        whole_id, whole = values.get("id", document_id), values.get("text", text)
        return document_of(
            whole_id if storable(whole_id) == document_id else document_id,
            whole if storable(whole) == storable(text) else text,
            {**shown, **values, "columns": columns},
        )
    except (CalError, KeyError, TypeError, ValueError, AttributeError):
        return None
