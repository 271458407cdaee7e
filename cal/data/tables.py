"""Tables: documents as named columns, their values as they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cal.errors import DataError, nearest_name

if TYPE_CHECKING:
    import datasets


class LazyColumns(Mapping[str, list[Any]]):
    """Columns that are read when first used: a frame may have hundreds that are no document's.

    Args:
        names: names of the columns.
        read: called with a name for the values of that column.

    Example:
        >>> columns = LazyColumns(["text", "label"], lambda name: [f"a {name}"])
        >>> list(columns), columns["text"]
        (['text', 'label'], ['a text'])
    """

    def __init__(self, names: Sequence[str], read: Callable[[str], list[Any]]) -> None:
        self._names, self._read = dict.fromkeys(names), read
        self._known: dict[str, list[Any]] = {}

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class RawTable:
    """Rows of documents, column by column.

    Args:
        source: origin of the rows, for messages.
        columns: values of each column; where a column stores labels as numbers with names, the names.
        unit: what messages count: `row`, where the first after the header is 1, `line`, where the header is 1, or
            anything else with `numbers`.
        numbers: number of each row in messages, such as the index of a data frame.
        orders: order of the labels in columns that define one.
        keywords: Python's name of each setting in messages; None if settings are those of the command line.

    Example:
        >>> RawTable("a.csv", {"text": ["Who?"], "label": ["HUM"]}).column("text", "text_column")
        ['Who?']
    """

    source: str
    columns: Mapping[str, list[Any]]
    unit: str = "row"
    numbers: Sequence[Any] | None = None
    orders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keywords: Mapping[str, str] | None = None

    def number(self, row: int) -> Any:
        """The number of a row in messages; rows themselves count from 0."""
        return row + (2 if self.unit == "line" else 1) if self.numbers is None else self.numbers[row]

    def place(self, *rows: int) -> str:
        """Source and numbers of up to five rows, for messages."""
        first, last = [str(self.number(row)) for row in rows[:5]], " ..."
        if 1 < len(rows) <= 5:
            last = f" and {first.pop()}"
        unit = self.unit if len(rows) == 1 or self.unit == "index" else f"{self.unit}s"
        return f"{self.source}, {unit} {', '.join(first)}{'' if len(rows) == 1 else last}"

    def column(self, name: str, option: str) -> list[Any]:
        """The values of a column.

        Args:
            name: name of the column.
            option: setting that names the column, for the message.

        Raises:
            DataError: if there is no such column.
        """
        if name in self.columns:
            return self.columns[name]
        nearest = nearest_name(name, self.columns)
        suggestion = f" Did you mean '{nearest}'?" if nearest else ""
        only = next(iter(self.columns)) if len(self.columns) == 1 else ""
        if other := next((mark for mark in ";|\t" if mark in only), None):
            raise DataError(
                f"{self.source} seems to separate its columns by {other!r}: the first line is read as one column, "
                f"{only!r}. Write it again with commas, or with tabs as .tsv."
            )
        way_out = (
            f"Rename the column, or read the file with `dataset=files` and name it with `dataset.{option}`."
            if self.keywords is None
            else f"Name the column: {setting(option, nearest or '...', self.keywords)}."
        )
        raise DataError(
            f"{self.source} has no column '{name}'.{suggestion} Columns: {', '.join(self.columns)}. {way_out}"
        )

    def with_column(self, name: str, values: list[Any]) -> RawTable:
        """The table with one more column, or another one of that name."""
        names = dict.fromkeys([*self.columns, name])
        return replace(self, columns=LazyColumns([*names], lambda each: values if each == name else self.columns[each]))

    def take(self, rows: Sequence[int]) -> RawTable:
        """The table of some of the rows, which keep their numbers in messages."""
        columns = LazyColumns([*self.columns], lambda name: [self.columns[name][row] for row in rows])
        return replace(self, columns=columns, numbers=[self.number(row) for row in rows])


def setting(option: str, value: object, keywords: Mapping[str, str] | None) -> str:
    """A setting as people write it, for a message.

    Args:
        option: name of the setting.
        value: value of the setting.
        keywords: Python's names of settings; None writes it as on the command line.

    Example:
        >>> setting("id_column", None, None), setting("id_column", None, {"id_column": "id"})
        ('dataset.id_column=null', 'id=None')
    """
    if keywords is not None:
        return f"{keywords.get(option, option)}={value!r}"
    return f"dataset.{option}={'null' if value is None else str(value).replace(' ', '').replace(chr(39), '')}"


def to_table(rows: datasets.Dataset, source: str) -> RawTable:
    """A Hugging Face dataset as a table; numbers that stand for names become the names."""
    from datasets import ClassLabel

    names = {
        name: list(feature.names)
        for name, feature in rows.features.items()
        if isinstance(feature, ClassLabel) and feature.names
    }

    def read(name: str) -> list[Any]:
        values: list[Any] = rows.select_columns([name]).to_dict()[name]
        if name not in names:
            return values
        # -1 is how hub datasets write "nobody labelled this".
        return [names[name][label] if label is not None and label >= 0 else None for label in values]

    return RawTable(source, LazyColumns(rows.column_names, read), orders=names)
