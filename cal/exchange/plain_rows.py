"""Plain rows: documents of tables that no labelling tool wrote, with columns such as `id`, `text` and `label`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from cal.errors import DataError, nearest_name, shown
from cal.exchange.carried import ID
from cal.exchange.losses import Losses
from cal.exchange.records import AnnotatedDocument

_CATS = "cats"


def one_label(written: Any) -> Any:
    """The label that a value means: a list of one is that label, and of spaCy's `cats` it is the one that holds.

    Returns:
        The label as it is written, None if there is none, or a list if there are several.

    Example:
        >>> one_label(["HUM"]), one_label({"HUM": 1.0, "LOC": 0.0}), one_label({"HUM": 1, "LOC": 1}), one_label([])
        ('HUM', 'HUM', ['HUM', 'LOC'], None)
    """
    if isinstance(written, Mapping):
        written = [name for name, value in written.items() if isinstance(value, int | float) and value >= 0.5]
    if isinstance(written, list | tuple):
        return written[0] if len(written) == 1 else list(written) or None
    return None if isinstance(written, float) and written != written else written


def text_id(text: str) -> str:
    """The id of a document without one: a hash of its text."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


class PlainRows:
    """The rows of one table as documents.

    Args:
        source: origin of the rows, for messages.
        losses: takes what cannot be read.
    """

    def __init__(self, source: str, losses: Losses) -> None:
        self._source, self._losses = source, losses
        self._copies: Counter[str] = Counter()

    def document(self, row: Mapping[str, Any], number: int) -> AnnotatedDocument:
        """The document in a row; its label is the one that is given.

        Args:
            row: values by name of the column; `text` must be there.
            number: number of the row, for messages.

        Raises:
            DataError: if it has no text.
        """
        text = row.get("text")
        if not isinstance(text, str):
            raise self._no_text(row, number)
        document_id = self.id_of(row, text)
        label = one_label(row.get("label", row.get(_CATS)))
        if isinstance(label, list):
            self._losses.add(document_id, "label", label, "a document has one label")
            label = None
        elif label is not None and label != "":
            label = str(label)
        split = row.get("split")
        used = {"id", ID, "text", "label", *([_CATS] if "label" not in row else []), *(["split"] if split else [])}
        columns = {name: value for name, value in row.items() if name not in used and value not in (None, "")}
        return AnnotatedDocument(
            document_id, text, label or None, label or None, split=str(split) if split else None, columns=columns
        )

    def id_of(self, row: Mapping[str, Any], text: str) -> str:
        """The id in a row, or one that its text has; copies of a text are numbered."""
        for name in (ID, "id"):
            if row.get(name) not in (None, ""):
                return str(row[name])
        digest = text_id(text)
        self._copies[digest] += 1
        return digest if self._copies[digest] == 1 else f"{digest}-{self._copies[digest]}"

    def _no_text(self, row: Mapping[str, Any], number: int) -> DataError:
        if "text" in row:
            return DataError(
                f"{self._source}, row {number}: 'text' is {shown(row['text'])}, not text. Give every row a text."
            )
        nearest = nearest_name("text", row)
        return DataError(
            f"{self._source}, row {number} has no 'text'.{f' Did you mean {nearest!r}?' if nearest else ''} It has: "
            f"{', '.join(map(repr, row))}. Rename the field with the texts to 'text'."
        )
