"""Stored results: JSON and tables that cal has written, checked when they are read again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.errors import StorageError

if TYPE_CHECKING:
    import pandas as pd


class Stored:
    """The folder of a result.

    Args:
        folder: path of the folder.
        what: what it should hold, in words, such as "list of suspects".
        command: the command that makes one.

    Example:
        >>> Stored("nowhere", "audit", "cal audit").json("audit.json", {})
        Traceback (most recent call last):
        cal.errors.StorageError: nowhere holds no audit: audit.json is missing. Make one with cal audit.
    """

    def __init__(self, folder: Path | str, what: str, command: str) -> None:
        self.folder, self._what, self._command = Path(folder), what, command

    def json(self, name: str, needed: Mapping[str, Any]) -> dict[str, Any]:
        """The object in a JSON file.

        Args:
            name: name of the file.
            needed: type, or tuple of types, of each key that must be there.

        Raises:
            StorageError: if the file is missing or damaged.
        """
        import orjson

        return self._object(name, needed, lambda path: orjson.loads(path.read_bytes()))

    def yaml(self, name: str, needed: Mapping[str, Any]) -> dict[str, Any]:
        """The mapping in a YAML file, as `json` reads it."""
        import yaml

        return self._object(name, needed, lambda path: yaml.safe_load(path.read_bytes()))

    def table(
        self,
        name: str,
        read: Callable[[Path], pd.DataFrame],
        numbers: Mapping[str, tuple[float, float]],
        others: tuple[str, ...] = (),
        unique: str | None = None,
    ) -> pd.DataFrame:
        """A table, with every number within its bounds or missing.

        Args:
            name: name of the file.
            read: reads it.
            numbers: columns that must be there, with their least and greatest number.
            others: further columns that must be there.
            unique: column that must not repeat a value.

        Raises:
            StorageError: if the file is missing or damaged; naming the row.
        """
        import pandas as pd

        rows: pd.DataFrame = self._read(name, read)
        if absent := [column for column in (*numbers, *others) if column not in rows]:
            raise self.damaged(name, f"it has no column '{absent[0]}'")
        for column, (least, most) in numbers.items():
            given = pd.to_numeric(rows[column], errors="coerce")
            missing = rows[column].isna() | (rows[column].astype(str).str.strip() == "")
            wrong = ((given < least) | (given > most) | (given.isna() & ~missing)).to_numpy()
            if wrong.any():
                row, bounds = int(wrong.argmax()), f"{least:g} to {most:g}"
                expected = "a finite number" if math.isinf(least) else f"a number from {bounds}"
                value = rows[column].tolist()[row]  # Python's own, whose repr is short
                raise self.damaged(name, f"row {row + 1}: {column} is {value!r}, not {expected}")
        if unique is not None and (twice := rows[unique].duplicated()).any():
            row = int(twice.to_numpy().argmax())
            raise self.damaged(name, f"row {row + 1}: {unique} {rows[unique].tolist()[row]!r} is there twice")
        return rows

    def damaged(self, name: str, reason: str) -> StorageError:
        """The error about a file that is not as it was written."""
        path = self.folder / name
        return StorageError(f"{path} is damaged: {reason}. Restore it from a copy, or repeat {self._command}.")

    def _object(self, name: str, needed: Mapping[str, Any], read: Callable[[Path], Any]) -> dict[str, Any]:
        content = self._read(name, read)
        if not isinstance(content, dict):
            raise self.damaged(name, "it holds no keys and values")
        for key, kind in needed.items():
            if key not in content:
                raise self.damaged(name, f"it has no {key}")
            if not isinstance(content[key], kind):
                raise self.damaged(name, f"{key} is {content[key]!r}")
        return content

    def _read(self, name: str, read: Callable[[Path], Any]) -> Any:
        path = self.folder / name
        if not path.exists():
            raise StorageError(
                f"{self.folder} holds no {self._what}: {name} is missing. Make one with {self._command}."
            )
        try:
            return read(path)
        except Exception as error:  # orjson, yaml, pandas, pyarrow and codecs each raise their own
            reason = " ".join(str(getattr(error, "strerror", None) or error).split()).rstrip(".")
            raise self.damaged(name, reason or type(error).__name__) from error
