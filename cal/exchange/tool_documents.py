"""Documents in the data of labelling tools: ours, with `cal_id` and `cal`, and others, as far as they can be told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from cal.errors import DataError, nearest_name
from cal.exchange.answers import action_for
from cal.exchange.carried import ID, REST, rest_of, restored, storable
from cal.exchange.losses import Losses
from cal.exchange.plain_rows import text_id
from cal.exchange.records import COMMENT, RELABEL, SKIP, AnnotatedDocument

OWN = frozenset({"text", "id", ID, REST, "given"})
"""Names of data that mean something to us in every tool."""


def data_of(
    document: AnnotatedDocument, reserved: Collection[str], columns: Collection[str] | None = None
) -> dict[str, Any]:
    """What our exports put into the data of a tool: `cal_id`, `given`, columns of the corpus, and `cal`.

    Args:
        document: the document.
        reserved: names that mean something else to the tool; such columns travel in `cal`.
        columns: columns of the corpus to show, of which others travel in `cal`, too; None shows all.

    Example:
        >>> data_of(AnnotatedDocument("q-1", "Who?", "HUM", columns={"source": "web", "label": "x"}), {"label"})
        {'cal_id': 'q-1', 'given': 'HUM', 'source': 'web', 'cal': '{"given":"HUM","columns":{"label":"x"}}'}
    """
    data: dict[str, Any] = {ID: storable(document.id)}
    if document.given is not None:
        data["given"] = storable(document.given)
    hidden = {}
    for name, value in document.columns.items():
        shown = is_shown(name, reserved) and (columns is None or name in columns)
        if shown and isinstance(value, str) and value and storable(value) == value:
            data[name] = value
            continue
        hidden[name] = value  # CSV files of tools have no numbers, so that these travel twice
        if shown and isinstance(value, int | float):
            data[name] = value
    data[REST] = rest_of(document, columns=hidden)
    return data


def is_shown(name: str, reserved: Collection[str]) -> bool:
    """Whether a column of the corpus can have a field of its own in a tool."""
    return bool(name) and name not in OWN and name not in reserved and storable(name) == name


def document_in(
    data: Mapping[str, Any], other_id: Any, reserved: Collection[str], losses: Losses, number: int
) -> AnnotatedDocument:
    """The document in the data of a tool, with all that our export put there.

    Args:
        data: the fields.
        other_id: the tool's own id, for data without an id.
        reserved: names that mean something else to the tool.
        losses: takes what cannot be read.
        number: number of the item, for messages.

    Raises:
        DataError: if it has no text.
    """
    text, data = _text(data, reserved, losses, number)
    document_id = next(
        (str(each) for each in (data.get(ID), data.get("id"), other_id) if each not in (None, "")), text_id(text)
    )
    columns = {
        name: value
        for name, value in data.items()
        if name not in OWN and name not in reserved and value not in ("", None)
    }
    given = data.get("given")
    given = str(given) if isinstance(given, str | int) and given != "" else None
    if isinstance(rest := data.get(REST), str):
        if (document := restored(document_id, text, rest, {"columns": columns})) is not None:
            return document
        losses.add(document_id, REST, rest, "was changed, so what we exported is not read")
    return AnnotatedDocument(document_id, text, given, given, columns=columns)


def _text(
    data: Mapping[str, Any], reserved: Collection[str], losses: Losses, number: int
) -> tuple[str, Mapping[str, Any]]:
    """The text, and the data without it."""
    text = data.get("text")
    if text is None:  # there may be just one that can be it
        names = [
            name
            for name, value in data.items()
            if isinstance(value, str) and name not in OWN and name not in reserved and not name.startswith("_")
        ]
        if len(names) == 1:
            return str(data[names[0]]), {name: value for name, value in data.items() if name != names[0]}
    if isinstance(text, str | int | float):
        return str(text), data
    nearest = nearest_name("text", data)
    raise DataError(
        f"{losses.source}, item {number} has no 'text'.{f' Did you mean {nearest!r}?' if nearest else ''} It has: "
        f"{', '.join(map(repr, data))}. Rename the field with the texts to 'text'."
    )


class Said(NamedTuple):
    """What somebody said about a document in a tool, in our terms."""

    action: str
    label: str | None
    comment: str


def said(
    document: AnnotatedDocument,
    labels: Collection[str],
    losses: Losses,
    action: str | None = None,
    comment: str = "",
    skipped: bool = False,
) -> Said | None:
    """What an answer with these choices says; a loss, and None or its comment, if we have no word for that.

    Args:
        document: what it is about.
        labels: labels that were chosen.
        losses: takes an answer without meaning.
        action: what was chosen beside a label, if anything.
        comment: what was written.
        skipped: whether the document was skipped, whatever else was chosen.
    """
    if skipped:
        return Said(SKIP, None, comment)
    if len(labels) > 1:
        losses.add(document.id, "label", list(labels), "a document has one label")
        return Said(COMMENT, None, comment) if comment else None
    label = next(iter(labels), None)
    if label is not None:  # the tool may have shown it without what it cannot hold
        label = next((each for each in labels_of(document) if storable(each) == label), label)
    does = action_for(document.given, label, action, comment)
    if does is None:
        losses.add(document.id, "label", None, "the answer is empty")
        return None
    return Said(does, label if does == RELABEL else None, comment)


def labels_of(document: AnnotatedDocument) -> Iterator[str]:
    """Every label that a document names."""
    yield from (label for label in (document.given, document.label) if label)
    yield from (each.label for each in document.suggestions)
    yield from (answer.label for answer in document.answers if answer.label)
