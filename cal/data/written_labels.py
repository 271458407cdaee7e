"""Labels as files hold them, and as they are meant: lists of one label, decimal numbers for whole ones."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import orjson

ACCEPTED, ANSWERS = "accept", frozenset({"accept", "reject", "ignore"})
"""What Prodigy writes into a column `answer`."""


def plain_labels(written: Sequence[Any]) -> list[Any]:
    """The labels of a column: a list of one label is that label, an empty one none, and 1.0 is 1.

    Text is taken for lists only if all of the column is, as `pandas` writes a column of lists into CSV. Lists of
    several labels stay lists.

    Example:
        >>> plain_labels([["HUM"], [], ["LOC", "HUM"]]), plain_labels(["['HUM']", '["LOC"]']), plain_labels([1.0, None])
        (['HUM', None, ['LOC', 'HUM']], ['HUM', 'LOC'], [1, None])
    """
    texts = [value for value in written if value is not None]
    if texts and all(isinstance(value, str) and value.strip()[:1] == "[" for value in texts):
        parsed = [None if value is None else _parsed(value) for value in written]
        written = parsed if all(value is None or isinstance(value, list) for value in parsed) else written
    return [_plain(value) for value in written]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        if len(value) > 1:
            return list(value)
        value = value[0] if value else None
    if isinstance(value, float):
        return None if value != value else int(value) if value.is_integer() else value
    return value


def _parsed(text: str) -> Any:
    """The list that a text is, in JSON or Python; other texts stay."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text


def unconfirmed(answers: Sequence[Any]) -> list[int]:
    """The rows whose label an annotator did not accept, if these are answers of Prodigy.

    Example:
        >>> unconfirmed(["accept", "reject", "ignore"]), unconfirmed(["yes", "reject"])
        ([1, 2], [])
    """
    if not {answer if isinstance(answer, str) else "" for answer in answers} <= ANSWERS:
        return []
    return [row for row, answer in enumerate(answers) if answer != ACCEPTED]
