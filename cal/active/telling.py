"""What people tell: labels of documents, in whatever form they hold them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cal.arrays import as_list, is_missing
from cal.checks import as_plain
from cal.data.spelling import normal_form
from cal.data.splits import few
from cal.errors import DataError, nearest_name, quantity, shown

logger = logging.getLogger(__name__)


def told(ids: Any, labels: Any = None) -> dict[str, str | None]:
    """Labels by id, from whatever a user gives.

    Args:
        ids: ids of documents; or, without `labels`, a mapping from ids to labels, a Series of labels with ids as its
            index, or a data frame with the columns `id` and `label`.
        labels: one label per id. None and NaN stand for a document that nobody can label.

    Raises:
        DataError: if there are more ids than labels or the reverse, an id has two labels, or a label is no name.

    Example:
        >>> told(["a", "b"], ["HUM", None]), told({"a": 3})
        ({'a': 'HUM', 'b': None}, {'a': '3'})
    """
    if labels is None:
        ids, labels = _of_one(ids)
    ids, labels = list(map(_id, as_list("ids", ids))), as_list("labels", labels)
    if len(ids) != len(labels):
        raise DataError(
            f"{quantity(len(ids), 'id')} and {quantity(len(labels), 'label')} do not fit together. "
            "Give one label per id, and None for a document that nobody can label."
        )
    found: dict[str, str | None] = {}
    for id, label in zip(ids, labels, strict=True):
        name = _label(id, label)
        if found.setdefault(id, name) != name:
            raise DataError(
                f"Document '{id}' has two labels, {shown(found[id])} and {shown(name)}. Give each document one."
            )
    return found


def refuse_unknown(ids: Iterable[str], known: Mapping[str, Any]) -> None:
    """Refuses ids that no document has.

    Raises:
        DataError: naming some of them.
    """
    if unknown := [id for id in ids if id not in known]:
        nearest = nearest_name(unknown[0], list(known)) if len(known) <= 100_000 else None
        hint = f" Did you mean '{nearest}'?" if nearest else ""
        raise DataError(
            f"No document has the {'id' if len(unknown) == 1 else 'ids'} {few(unknown)}.{hint} Ids are those that ask "
            "returns, and all are in to_frame()."
        )


def warn_of_likeness(labels: Iterable[str | None], names: Collection[str]) -> None:
    """Warns of new labels that look like known ones, as a slip of the keys makes them."""
    form = {normal_form(name): name for name in names}
    for label in dict.fromkeys(label for label in labels if label is not None and label not in names):
        if (like := form.get(normal_form(label))) is not None:
            logger.warning(
                "The label %r is new, and differs from %r only in blanks, case or Unicode form. If it is a slip, tell "
                "these documents again.",
                *(label, like),
            )


def _of_one(given: Any) -> tuple[Any, Any]:
    """Ids and labels of a single argument."""
    if isinstance(given, Mapping):
        return list(given), list(given.values())
    if hasattr(given, "columns"):
        if missing := [name for name in ("id", "label") if name not in list(given.columns)]:
            raise DataError(
                f"The data frame has no column '{missing[0]}', only {', '.join(map(str, given.columns))}. "
                "Give the columns 'id' and 'label'."
            )
        return given["id"], given["label"]
    if hasattr(given, "index") and hasattr(given, "items"):  # a Series
        return list(given.index), list(given)
    raise DataError(
        f"There are no labels, only {shown(given)}. Give tell(ids, labels), a mapping from ids to labels, or a data "
        "frame with the columns 'id' and 'label'."
    )


def _id(value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise DataError(f"An id is text or a whole number, not {shown(value)}.")
    return str(value)


def _label(id: str, given: Any) -> str | None:
    label = as_plain(given)
    if is_missing(label):
        return None
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if not isinstance(label, str | int):
        raise DataError(f"The label of '{id}' is {shown(label)}. A label is a name or a whole number.")
    if not (name := str(label).strip()):
        raise DataError(f"The label of '{id}' is empty. Give None if nobody can label it, or leave the document out.")
    return name
