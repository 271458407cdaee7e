"""A corpus as annotated documents, the form in which everything comes into a project."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from cal.data.spelling import normal_form
from cal.errors import DataError, shown
from cal.exchange.records import AnnotatedDocument

if TYPE_CHECKING:
    from cal.data.corpus import Corpus

SPLITS = ("train", "test", "dev")
_LABEL = "label"
_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def read_with_columns(source: Any) -> Corpus:
    """A corpus with the other columns of its rows, as far as its reader can keep them.

    Args:
        source: a reader, or whatever `cal.read_corpus` takes.

    Raises:
        DataError: if it cannot be used, or has two columns of labels.
    """
    from cal.data import read_corpus, reader_of
    from cal.data.hub import Hub
    from cal.data.local_files import LocalFiles

    reader = reader_of(source) if isinstance(source, str | os.PathLike) else source
    if isinstance(reader, LocalFiles | Hub):
        corpus = reader.read(columns=True)
    else:
        corpus = reader.read() if hasattr(reader, "read") else read_corpus(reader)
    if getattr(reader, "label_column", _LABEL) == _LABEL:
        _refuse_two_labels(corpus)
    return corpus


def _refuse_two_labels(corpus: Corpus) -> None:
    """Refuses a table with two columns of labels, where nobody said which one counts."""
    alike = [name for name in corpus.train.columns or () if normal_form(name) == _LABEL]
    if alike:
        raise DataError(
            f"{corpus.name} has two columns of labels, '{_LABEL}' and {shown(alike[0])}. Rename or remove one of them."
        )


def corpus_documents(corpus: Corpus) -> Iterator[AnnotatedDocument]:
    """The documents of train, test and dev, each with the label that the corpus gives it.

    Example:
        >>> from cal.data.corpus import Corpus
        >>> corpus = Corpus.from_texts(["How far?", "Who?"], ["NUM", "HUM"], ids=["a", "b"])
        >>> [(each.id, each.given, each.split) for each in corpus_documents(corpus)]
        [('a', 'NUM', 'train'), ('b', 'HUM', 'train')]
    """
    names = [str(name) for name in corpus.label_names]
    for split_name, split in corpus.splits().items():
        if split_name not in SPLITS:  # extra test sets have labels of their own
            continue
        parts = None if split.sequences is None else split.as_sequences()
        columns = RowColumns(split.columns or {})
        for at, (id, text, label) in enumerate(zip(split.ids, split.texts, split.gold.tolist(), strict=True)):
            given, sequences = names[label], None if parts is None else parts[at]
            yield AnnotatedDocument(
                *(id, text, given, given), split=split_name, columns=columns.row(at), sequences=sequences
            )


class RowColumns:
    """Columns of a table, row by row, as JSON has them."""

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._values = {name: columns[name] for name in columns}

    def row(self, at: int) -> dict[str, Any]:
        return {name: as_json(values[at]) for name, values in self._values.items()}


def as_json(value: Any) -> Any:
    """A value of a table as JSON has it; what JSON cannot hold becomes text, and no number becomes None.

    Example:
        >>> from decimal import Decimal
        >>> as_json(0.5), as_json(float("nan")), as_json(Decimal("0.10")), as_json(2**70)
        (0.5, None, '0.10', '1180591620717411303424')
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    try:
        return orjson.loads(orjson.dumps(value, option=_JSON))
    except (TypeError, ValueError):
        return str(value).encode(errors="backslashreplace").decode()
