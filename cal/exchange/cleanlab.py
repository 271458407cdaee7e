"""cleanlab: its data frame of label issues, in memory or as CSV or Parquet, with the documents beside it.

Columns: `given_label`, `predicted_label`, `label_quality` (from 0, wrong, to 1) and `is_label_issue`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.errors import DataError
from cal.exchange.answers import number_of
from cal.exchange.carried import ID, REST, rest_of, restored, storable
from cal.exchange.delimited import delimited_rows
from cal.exchange.losses import Losses
from cal.exchange.plain_rows import text_id
from cal.exchange.records import AnnotatedDocument, LabelSet, Suggested
from cal.exchange.transfer import Reading, Written, clean
from cal.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

GIVEN, PREDICTED, QUALITY, IS_ISSUE = "given_label", "predicted_label", "label_quality", "is_label_issue"
_PARQUET = ".parquet"
_OWN = (ID, "id", "text", GIVEN, PREDICTED, QUALITY, "label_score", REST, "", "Unnamed: 0", "index")


def write_cleanlab(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes the data frame as CSV, or as Parquet if the file is named so."""
    losses = Losses(str(path))
    frame = _frame(documents, losses)
    if path.suffix.lower() == _PARQUET:
        write_whole(path, lambda file: frame.to_parquet(file, index=False))
    else:
        write_whole(path, frame.to_csv(index=False, quoting=1, lineterminator="\n").encode())
    return Written([path], losses)


def read_cleanlab(path: Path) -> Reading:
    """The documents in a data frame of label issues that was saved as CSV or Parquet.

    Raises:
        DataError: if it cannot be read, or has no column `given_label`.
    """
    losses = Losses(str(path))
    return Reading(_documents(_rows(path), losses), losses)


def to_cleanlab(documents: Iterable[AnnotatedDocument]) -> pd.DataFrame:
    """Documents as cleanlab's data frame: the best suggestion of each is the predicted label.

    Example:
        >>> document = AnnotatedDocument("q-1", "Who?", "LOC", suggestions=(Suggested("HUM", 0.75),))
        >>> to_cleanlab([document])[["given_label", "predicted_label", "label_quality", "is_label_issue"]]
          given_label predicted_label  label_quality  is_label_issue
        0         LOC             HUM           0.25            True
    """
    check_arguments(to_cleanlab, locals())
    return _frame(documents, Losses("data frame"))


def from_cleanlab(frame: pd.DataFrame) -> Reading:
    """The documents in cleanlab's data frame; without a column `id`, its index has the ids.

    Raises:
        DataError: if it has no column `given_label`.
    """
    check_arguments(from_cleanlab, locals())
    losses = Losses("data frame")
    return Reading(_documents(_records(_indexed(frame)), losses), losses)


def _indexed(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with its index as the column `id`, unless it has one."""
    return frame if {"id", ID} & set(frame.columns) else frame.rename_axis("id").reset_index()


def _frame(documents: Iterable[AnnotatedDocument], losses: Losses) -> pd.DataFrame:
    import pandas as pd

    columns = ["id", "text", GIVEN, PREDICTED, QUALITY, IS_ISSUE, ID, REST]
    return pd.DataFrame([_row(document) for document in clean(documents, losses)], columns=columns)


def _row(document: AnnotatedDocument) -> tuple[Any, ...]:
    best = document.suggestions[0] if document.suggestions else None
    quality = None if best is None or best.score is None or not 0 <= best.score <= 1 else 1 - best.score
    decided = {"kept": False, "relabelled": True}
    is_issue = decided.get(document.state, best is not None and best.label != document.given)
    shown = (storable(document.id), storable(document.text), storable(document.given or ""))
    return (*shown, storable(best.label) if best else "", quality, is_issue, storable(document.id), rest_of(document))


def _records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in frame.to_dict("records"):
        yield {str(name): value for name, value in row.items()}


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix.lower() != _PARQUET:
        yield from delimited_rows(path, ",", index=True)
        return
    import pandas as pd

    try:
        yield from _records(_indexed(pd.read_parquet(path)))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}. Write it again.") from error


def _documents(rows: Iterable[Mapping[str, Any]], losses: Losses) -> Iterator[AnnotatedDocument]:
    for number, row in enumerate(rows, start=1):
        if GIVEN not in row:
            raise DataError(
                f"{losses.source} has no column '{GIVEN}'. It has: {', '.join(map(repr, row))}. Give cleanlab's data "
                "frame of label issues."
            )
        text = row["text"] if isinstance(row.get("text"), str) else ""
        ids = (row.get(ID), row.get("id"), row.get(""), row.get("Unnamed: 0"), row.get("index"))
        document_id = next((str(each) for each in ids if _is_there(each)), text_id(text) if text else str(number - 1))
        rest = row.get(REST)
        if isinstance(rest, str) and (document := restored(document_id, text, rest, {})) is not None:
            yield document
            continue
        if isinstance(rest, str):
            losses.add(document_id, REST, rest, "was changed, so only the other columns are read")
        if "text" not in row:
            losses.add(document_id, "text", None, "cleanlab's data frame has no texts; the ids tell the documents")
        yield _of_others(row, document_id, text, losses)


def _of_others(row: Mapping[str, Any], document_id: str, text: str, losses: Losses) -> AnnotatedDocument:
    given = str(row[GIVEN]) if _is_there(row[GIVEN]) else None
    suggestions: tuple[Suggested, ...] = ()
    if _is_there(predicted := row.get(PREDICTED)):
        quality = row.get(QUALITY, row.get("label_score"))
        try:
            score = number_of(quality) if _is_there(quality) else None
        except ValueError as error:
            losses.add(document_id, QUALITY, quality, str(error))
            score = None
        suggestions = (Suggested(str(predicted), None if score is None else 1 - score, "cleanlab"),)
    columns = {str(name): value for name, value in row.items() if name not in _OWN and _is_there(value)}
    return AnnotatedDocument(document_id, text, given, given, suggestions=suggestions, columns=columns)


def _is_there(value: Any) -> bool:
    return value is not None and value != "" and value == value
