"""Finding documents by their ids, and drawing some at random, without reading all that the shards hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from cal.errors import DataError
from cal.files import write_whole
from cal.learners.tasks import Executor, FileTask, carry_out
from cal.shards.files import ShardPart, row_groups
from cal.shards.reading import ShardColumns, find_in_part, read_part
from cal.streams import stream

_READ = 20  # documents that are read for one that is drawn


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
    found = pa.concat_tables(tables)
    refuse_repeated(found["id"])
    return found


def write_found(output: str, wanted: str, part: tuple[Any, ...], columns: tuple[str | None, ...]) -> None:
    """Task: writes those documents of a part whose ids are in a file."""
    ids = pq.read_table(wanted)["id"].to_pylist()
    tables = list(find_in_part(ShardPart(*part), ShardColumns(*columns), ids))
    write_table(Path(output), pa.concat_tables(tables) if tables else pa.table({"id": pa.array([], pa.string())}))


def draw_documents(n: int, parts: Sequence[ShardPart], columns: ShardColumns, seed: int) -> pa.Table:
    """N random documents, or all of them if there are no more.

    They come from row groups that are drawn first, which together hold about twenty times as many.

    Args:
        n: number of documents.
        parts: all parts.
        columns: what to read of them.
        seed: seed of the draws.
    """
    generator = stream(seed, "shards/sample")
    drawn, total = [], 0
    for position in torch.randperm(len(parts), generator=generator).tolist():
        for group in row_groups(parts[position]):
            drawn.append(group)
            total += group.n_rows
        if total >= _READ * n:
            break
    order = torch.randperm(len(drawn), generator=generator).tolist()
    tables, n_read = [], 0
    for position in order:
        tables += list(read_part(drawn[position], columns))
        n_read += drawn[position].n_rows
        if n_read >= _READ * n:
            break
    read = pa.concat_tables(tables)
    rows = torch.randperm(len(read), generator=generator)[:n].sort().values
    return read.take(pa.array(rows.numpy()))


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
