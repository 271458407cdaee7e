"""What reading a file of another tool gives, and what writing one gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from cal.errors import ConfigError, shown
from cal.exchange.losses import Losses
from cal.exchange.records import AnnotatedDocument, LabelSet

_RANGE = 2**63
LEADING = 10_000  # documents that are looked at to find the columns of a table


@dataclass(frozen=True)
class Reading:
    """The documents of a file, read as they are asked for.

    Attributes:
        documents: the documents, once.
        losses: what could not be taken; complete when the documents are.
        labels: the labels to choose from, as far as the file says.
    """

    documents: Iterator[AnnotatedDocument]
    losses: Losses
    labels: LabelSet = field(default_factory=LabelSet)

    def all(self) -> list[AnnotatedDocument]:
        """All documents, after which `losses` are complete."""
        return list(self.documents)


@dataclass(frozen=True)
class Written:
    """Files that were written.

    Attributes:
        files: the files, the documents first.
        losses: what the format could not hold.
        notes: sentences about how to load the files.
    """

    files: list[Path]
    losses: Losses
    notes: list[str] = field(default_factory=list)


def leading(documents: Iterable[AnnotatedDocument]) -> tuple[list[AnnotatedDocument], Iterator[AnnotatedDocument]]:
    """The first documents, and all of them again."""
    rest = _checked(documents)
    first = list(islice(rest, LEADING))
    return first, chain(first, rest)


def clean(documents: Iterable[AnnotatedDocument], losses: Losses) -> Iterator[AnnotatedDocument]:
    """The documents with only JSON values in their columns; what is changed goes to the losses.

    Example:
        >>> losses = Losses("a.csv")
        >>> [document] = clean([AnnotatedDocument("q-1", "Who?", columns={"score": float("nan")})], losses)
        >>> document.columns, losses.message()
        ({'score': None}, "a.csv: 1 value was lost. column score: 1 (JSON has no such number), e.g. document 'q-1'.")
    """
    for document in _checked(documents):
        if all(isinstance(value, str) for value in document.columns.values()):
            yield document
            continue
        columns = {
            name: _json_value(value, document.id, f"column {name}", losses) for name, value in document.columns.items()
        }
        yield replace(document, columns=columns)


def _checked(documents: Iterable[Any]) -> Iterator[AnnotatedDocument]:
    """The documents, if that is what they are."""
    try:
        every = iter(documents)
    except TypeError as error:
        raise ConfigError(f"documents must be annotated documents, not {shown(documents)}.") from error
    for document in every:
        if not isinstance(document, AnnotatedDocument):
            raise ConfigError(f"documents must be annotated documents; one is {shown(document)}.")
        yield document


def _json_value(value: Any, document: str, field: str, losses: Losses) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if -_RANGE <= value < _RANGE:
            return value
        losses.add(document, field, value, "readers of JSON have no whole number beyond 64 bits, so it becomes text")
        return str(value)
    if isinstance(value, float):
        if value - value == 0:
            return value
        losses.add(document, field, value, "JSON has no such number")
        return None
    if isinstance(value, list | tuple):
        return [_json_value(each, document, field, losses) for each in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _json_value(each, document, field, losses) for name, each in value.items()}
    losses.add(document, field, value, f"JSON has no {type(value).__name__}, so it becomes text")
    return str(value)
