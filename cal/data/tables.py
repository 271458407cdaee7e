"""Tables: documents as named columns, their values as they were written."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from cal.data.spelling import normal_form, quoted
from cal.errors import DataError, nearest_name

if TYPE_CHECKING:
    import datasets

logger = logging.getLogger(__name__)
SEQUENCES = "sequences"


class Disagreement(tuple[str, ...]):
    """The labels of a document about which annotators disagree, in a column of labels."""


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


def rows_of(columns: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> LazyColumns:
    """Some of the rows of columns, which are read when they are used."""
    return LazyColumns([*columns], lambda name: [columns[name][row] for row in rows])


@dataclass(frozen=True)
class Wording:
    """What the settings of a reader are called where its user is.

    Args:
        keywords: Python's name of each setting; None if settings are those of the command line.
        where: key of the command line that holds the settings; empty if they stand by themselves.
        fixed: whether the reader expects certain columns, so that no setting names others.

    Example:
        >>> Wording().setting("id_column", None), Wording({"id_column": "id"}).setting("id_column", None)
        ('dataset.id_column=null', 'id=None')
    """

    keywords: Mapping[str, str] | None = None
    where: str = "dataset"
    fixed: bool = False

    def setting(self, option: str, value: object) -> str:
        """A setting as people write it."""
        if self.keywords is not None:
            return f"{self.keywords.get(option, option)}={value!r}"
        key = f"{self.where}.{option}" if self.where else option
        if isinstance(value, str) and not re.fullmatch(r"[\w./-]+", value):  # no single word to a shell and Hydra
            return f"\"{key}='{value}'\""
        return f"{key}={'null' if value is None else str(value).replace(' ', '').replace(chr(39), '')}"


ON_COMMAND_LINE = Wording()


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
        wording: what settings are called in messages.

    Example:
        >>> RawTable("a.csv", {"text": ["Who?"], "label": ["HUM"]}).column("text", "text_column")
        ['Who?']
    """

    source: str
    columns: Mapping[str, list[Any]]
    unit: str = "row"
    numbers: Sequence[Any] | None = None
    orders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    wording: Wording = ON_COMMAND_LINE

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), [])) if self.numbers is None else len(self.numbers)

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
        """The values of a column, also if its name is written with other blanks or capitals; a warning says so.

        Args:
            name: name of the column.
            option: setting that names the column, for the message.

        Raises:
            DataError: if there is no such column.
        """
        alike = [each for each in self.columns if normal_form(each) == normal_form(name) and each != name]
        if name in self.columns or len(alike) == 1:
            if alike:
                logger.warning("%s", self._how_read(name, alike))
            return self.columns[name if name in self.columns else alike[0]]
        nearest = alike[0] if alike else nearest_name(name, self.columns)
        suggestion = f" Did you mean '{nearest}'?" if nearest else ""
        if len(self.columns) == 1 and self.wording.keywords is None:
            raise DataError(
                f"{self.source} has no column '{name}'; its only column is '{next(iter(self.columns))}'. If another "
                f"character separates its columns, name that, such as {self.wording.where}.separator=semicolon. "
                f"Otherwise name the column: {self.wording.setting(option, nearest or 'NAME')}."
            )
        way_out = (
            f"Rename the column, or read the file with dataset=files and name it with dataset.{option}."
            if self.wording.fixed
            else f"Name the column: {self.wording.setting(option, nearest or 'NAME')}."
        )
        raise DataError(
            f"{self.source} has no column '{name}'.{suggestion} Columns: {', '.join(map(quoted, self.columns))}. "
            f"{way_out}"
        )

    def has_column(self, name: str) -> bool:
        """Whether `column` finds it, written with whatever blanks and capitals."""
        return name in self.columns or sum(normal_form(each) == normal_form(name) for each in self.columns) == 1

    def _how_read(self, name: str, alike: Sequence[str]) -> str:
        if name in self.columns:
            others = " and ".join(f"'{each}'" for each in alike)
            return f"{self.source} has the columns '{name}' and {others}; '{name}' is read."
        return f"{self.source}: column '{alike[0]}' is read as '{name}'."

    def with_column(self, name: str, values: list[Any]) -> RawTable:
        """The table with one more column, or another one of that name."""
        names = dict.fromkeys([*self.columns, name])
        return replace(self, columns=LazyColumns([*names], lambda each: values if each == name else self.columns[each]))

    def without(self, name: str) -> RawTable:
        """The table without a column, written with whatever blanks and capitals."""
        names = [each for each in self.columns if normal_form(each) != normal_form(name)]
        columns = LazyColumns(names, lambda each: self.columns[each])
        return replace(self, columns=columns, numbers=[self.number(row) for row in range(self.n_rows)])

    def take(self, rows: Sequence[int]) -> RawTable:
        """The table of some of the rows, which keep their numbers in messages."""
        return replace(self, columns=rows_of(self.columns, rows), numbers=[self.number(row) for row in rows])


def is_nested(table: RawTable) -> bool:
    """Whether the table has the sequences that `Corpus.to_frame` writes of documents with several texts."""

    def nested(value: Any) -> bool:
        return (
            (isinstance(value, Sequence) or hasattr(value, "tolist")) and not isinstance(value, str) and len(value) > 0
        )

    values = table.columns[SEQUENCES] if SEQUENCES in table.columns else []
    return bool(values) and all(nested(value) and all(map(nested, value)) for value in values)


def joined(tables: Sequence[RawTable]) -> RawTable:
    """The rows of several tables with the same columns, one after the other.

    Example:
        >>> tables = [RawTable(name, {"text": [f"Who is {name}?"]}) for name in ("a.csv", "b.csv")]
        >>> joined(tables).column("text", "text_column"), joined(tables).place(1)
        (['Who is a.csv?', 'Who is b.csv?'], 'a.csv and b.csv, row 1 of b.csv')
    """
    if len(tables) == 1:
        return tables[0]
    first = tables[0]

    def read(name: str) -> list[Any]:
        if lacking := [table for table in tables if name not in table.columns]:
            holder = next(table for table in tables if name in table.columns)
            raise DataError(
                f"{lacking[0].source} has no column '{name}', but {holder.source} has. Give files with the same "
                "columns, or read them one by one."
            )
        return [value for table in tables for value in table.columns[name]]

    numbers = [
        f"{table.number(row)} of {PurePath(table.source).name}" for table in tables for row in range(table.n_rows)
    ]
    others = f"{tables[1].source}" if len(tables) == 2 else f"{len(tables) - 1} other files"
    names = dict.fromkeys(name for table in tables for name in table.columns)
    return replace(first, source=f"{first.source} and {others}", columns=LazyColumns([*names], read), numbers=numbers)


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
