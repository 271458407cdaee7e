"""Finding documents by their ids, and drawing some at random, without reading all that the shards hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cal.errors import DataError
from cal.files import write_whole
from cal.learners.tasks import Executor, FileTask, carry_out
from cal.shards.best import Best
from cal.shards.files import ShardPart
from cal.shards.reading import ShardColumns, find_in_part, read_part
from cal.streams import uniform_of


def find_documents(
    ids: Sequence[str], parts: Sequence[ShardPart], columns: ShardColumns, executor: Executor, folder: Path
) -> pa.Table:
    """The documents with some ids, in the order of the shards.

    Args:
        ids: ids to look for; the result may lack some.
        parts: parts where they may be.
        columns: what to read of them.
        executor: what carries out the search.
        folder: folder for the files of the search.

    Raises:
        DataError: if an id occurs twice.
    """
    wanted = folder / f"ids-{hashlib.blake2b(repr(list(ids)).encode(), digest_size=12).hexdigest()}.parquet"
    if not wanted.exists():
        write_table(wanted, pa.table({"id": pa.array(ids, pa.string())}))
    tasks = [FileTask.named(folder, write_found, str(wanted), tuple(part), tuple(columns)) for part in parts]
    carry_out(tasks, executor)
    tables = [table for task in tasks if len(table := pq.read_table(task.output, memory_map=True))]
    if not tables:
        return pa.table({"id": pa.array([], pa.string())})
    try:
        found = pa.concat_tables(tables)
    except pa.ArrowInvalid as error:
        raise DataError(f"The vectors in column '{columns.vector}' differ in length. Give files alike.") from error
    refuse_repeated(found["id"])
    return found


def write_found(output: str, wanted: str, part: tuple[Any, ...], columns: tuple[str | None, ...]) -> None:
    """Task: writes those documents of a part whose ids are in a file."""
    ids = pq.read_table(wanted)["id"].to_pylist()
    tables = list(find_in_part(ShardPart(*part), ShardColumns(*columns), ids))
    write_table(Path(output), pa.concat_tables(tables) if tables else pa.table({"id": pa.array([], pa.string())}))


def draw_documents(
    n: int, parts: Sequence[ShardPart], columns: ShardColumns, seed: int, executor: Executor, folder: Path
) -> pa.Table:
    """N random documents, or all of them if there are no more; which ones depends on the ids and the seed alone.

    Args:
        n: number of documents.
        parts: all parts.
        columns: what to read of them.
        seed: seed of the draws.
        executor: what reads the ids, and the documents.
        folder: folder for the files of the work.
    """
    tasks = [FileTask.named(folder, write_drawn, tuple(part), columns.id, n, seed) for part in parts]
    carry_out(tasks, executor)
    drawn = Best(n, seed)
    for task in tasks:
        if len(table := pq.read_table(task.output)):
            drawn.merge(table)
    ids = drawn.table["id"].to_pylist()
    found = find_documents(ids, parts, columns, executor, folder)
    place = {each: position for position, each in enumerate(ids)}
    order = np.argsort([place[each] for each in found["id"].to_pylist()])
    return found.take(pa.array(order))


def write_drawn(output: str, part: tuple[Any, ...], id_column: str | None, n: int, seed: int) -> None:
    """Task: writes the ids of a part that have the highest random numbers."""
    best = Best(n, seed)
    for documents in read_part(ShardPart(*part), ShardColumns(id_column)):
        best.add(uniform_of(seed, "shards/sample", documents["id"].to_pylist())[:, 0], documents)
    write_table(Path(output), best.table)


def refuse_repeated(ids: pa.ChunkedArray) -> None:
    """Refuses documents of which two have the same id.

    Raises:
        DataError: naming the id.
    """
    counts = ids.value_counts()
    if len(counts) < len(ids):
        twice = next(each for each in counts.to_pylist() if each["counts"] > 1)
        raise DataError(
            f"{twice['counts']} documents of the shards have the id '{twice['values']}'. Make ids distinct."
        )


def write_table(path: Path, table: pa.Table) -> None:
    """Writes a table as Parquet, whole or not at all."""
    write_whole(path, lambda file: pq.write_table(table, file))


def write_tables(path: Path, tables: Iterator[pa.Table]) -> None:
    """Writes tables with the same columns below each other as they come, whole or not at all."""

    def write(file: Any) -> None:
        first = next(tables)
        with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
            for table in chain([first], tables):
                writer.write_table(table)

    write_whole(path, write)
