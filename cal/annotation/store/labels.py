"""The labels of a project: what follows from the events that add, rename, recolour, order and merge them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cal.errors import DataError, UnknownNameError

ADD, RENAME, RECOLOUR, REORDER, MERGE = LABEL_ACTIONS = (
    *("add_label", "rename_label", "recolour_label", "reorder_labels", "merge_labels"),
)
COLOURS = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#997700", "#009988", "#ee7733", "#0077bb"),
    *("#33bbee", "#cc3311", "#ee3377", "#882255", "#44aa99", "#999933", "#332288", "#117733", "#ddcc77", "#88ccee"),
)
"""Colours that people with colour blindness tell apart (Paul Tol's bright, vibrant and muted schemes), in turn."""


@dataclass(frozen=True)
class Label:
    """A label of a project.

    Args:
        id: its number, which never changes.
        name: what it is called now.
        position: its place in the order of the labels, from 0.
        colour: its colour, such as `#4477aa`.
        merged_into: number of the label that it was merged into, or None.
    """

    id: int
    name: str
    position: int
    colour: str
    merged_into: int | None = None


@dataclass(frozen=True)
class LabelEvent:
    """An event about labels.

    Args:
        action: one of `LABEL_ACTIONS`.
        label: number of the label; None for an order.
        value: the new name, the new colour, or the number of the label to merge into; for an order all numbers.
    """

    action: str
    label: int | None
    value: str | int | Sequence[int]


def labels(events: Iterable[LabelEvent]) -> list[Label]:
    """The labels after these events, in their order; those merged into others come last.

    Example:
        >>> events = [LabelEvent(ADD, 1, "HUM"), LabelEvent(ADD, 2, "LOC"), LabelEvent(RENAME, 1, "person")]
        >>> [each.name for each in labels(events)]
        ['person', 'LOC']
    """
    of: dict[int, Label] = {}
    for event in events:
        if event.action == REORDER:
            assert not isinstance(event.value, str | int)
            order = [*event.value, *(number for number in of if number not in event.value)]
            of = {number: of[number] for number in order if number in of}
        elif event.action == ADD:
            assert event.label is not None
            of[event.label] = Label(event.label, str(event.value), 0, COLOURS[(event.label - 1) % len(COLOURS)])
        elif event.label in of:
            field = {RENAME: "name", RECOLOUR: "colour", MERGE: "merged_into"}[event.action]
            of[event.label] = replace(of[event.label], **{field: event.value})  # type: ignore[arg-type]
    ordered = sorted(of.values(), key=lambda each: each.merged_into is not None)
    return [replace(each, position=position) for position, each in enumerate(ordered)]


class LabelNames:
    """Labels by number and by name, with merged ones leading to what they were merged into."""

    def __init__(self, all_labels: Iterable[Label]) -> None:
        self.all = list(all_labels)
        self._by_id: Mapping[int, Label] = {each.id: each for each in self.all}
        self._by_name = {each.name: each for each in reversed(self.all) if each.merged_into is None}

    @property
    def current(self) -> list[Label]:
        """The labels that are in use, in their order."""
        return [each for each in self.all if each.merged_into is None]

    @property
    def names(self) -> list[str]:
        """Names of the labels in use, in their order."""
        return [each.name for each in self.current]

    def resolved(self, number: int | None) -> int | None:
        """The number of a label, or of what it was merged into."""
        while number is not None and (into := self._by_id[number].merged_into) is not None:
            number = into
        return number

    def name(self, number: int | None) -> str | None:
        """The present name of a label."""
        resolved = self.resolved(number)
        return None if resolved is None else self._by_id[resolved].name

    def number(self, name: str) -> int:
        """The number of a label.

        Raises:
            DataError: if there is none of this name; one that was merged says where it went.
        """
        if name in self._by_name:
            return self._by_name[name].id
        for each in self.all:
            if each.name == name:
                raise DataError(f"The label '{name}' was merged into '{self.name(each.id)}'. Use that one.")
        raise UnknownNameError("label", name, self.names, "Add a new one with Project.add_label.")

    def __contains__(self, name: object) -> bool:
        return name in self._by_name
