"""The rows of a run, as the database takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cal.annotation.imports.run_tables import RunTable


def map_points(
    run: RunTable, documents: Sequence[int], numbers: Mapping[Any, int], number: int
) -> Iterator[dict[str, Any]]:
    """The rows of `MAP_POINT` of a map.

    Args:
        run: the map.
        documents: number of the document of each of its rows.
        numbers: number of the label that each name or class stands for.
        number: number of the run.
    """
    columns = ("confidence", "variability", "correctness", "region", "metrics", "predicted")
    for at, (document, *values, predicted) in enumerate(table_rows(run, documents, columns)):
        yield {
            "run_id": number,
            "document_id": document,
            **dict(zip(columns[:-1], values, strict=True)),
            "predicted_id": None if predicted is None else numbers[predicted],
            "curves": None if run.curves is None else run.curves[at].tobytes(),
        }


def table_rows(run: RunTable, found: Sequence[Any], names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The document and some columns of each row; what is missing is None."""
    columns = [run.rows[name].astype(object).where(run.rows[name].notna(), None).tolist() for name in names]
    yield from zip(found, *columns, strict=True)
