"""The files of a corpus in shards, divided into parts that a worker reads at once."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from cal.checks import is_path
from cal.dynamics.find_logs import RECORDED
from cal.errors import CalError, DataError, quantity, shown
from cal.progress import bar

MARKS = ("score.json", "shards.json", RECORDED)
"""Files in the output folders of the commands that read shards, and of recorders, whose Parquet files are no shards."""

ROWS = 250_000
"""Rows of a part, if row groups allow: few enough for many workers, enough that starting one costs little."""


class ShardPart(NamedTuple):
    """Row groups of a file.

    Attributes:
        path: path or address of the file.
        stamp: what tells this version of the file from others: its size and time.
        groups: first row group, and the one after the last.
        start: row of the file where it starts, from 0.
        n_rows: number of rows.
    """

    path: str
    stamp: str
    groups: tuple[int, int]
    start: int
    n_rows: int


def find_shards(given: Any) -> list[str]:
    """Paths and addresses of Parquet files.

    Args:
        given: a file, a folder, a pattern such as `corpus/*.parquet`, an address that fsspec knows, such as
            `s3://bucket/corpus/*.parquet`, or a list of these.

    Raises:
        DataError: if one names no file.

    Example:
        >>> find_shards("nowhere/*.parquet")
        Traceback (most recent call last):
        cal.errors.DataError: There is no Parquet file at nowhere/*.parquet. Check the path; it is relative to ...
    """
    listed = [given] if is_path(given) else given
    if not isinstance(listed, list | tuple) or not listed or not all(map(is_path, listed)):
        raise DataError(f"shards must be a path, a pattern or a list of them, not {shown(given)}.")
    found: list[str] = []
    for each in map(str, listed):
        paths = _remote(each) if "://" in each else _local(each)
        if not paths:
            where = "" if "://" in each else f" Check the path; it is relative to {Path.cwd()}."
            raise DataError(f"There is no Parquet file at {each}.{where}")
        found += paths
    if len(set(found)) < len(found):
        twice = next(path for path in found if found.count(path) > 1)
        raise DataError(f"{twice} is named twice. Name each file once.")
    return found


def _local(given: str) -> list[str]:
    path = Path(given).absolute()  # workers may be in other folders
    if path.is_file():
        return [str(path)]
    if path.is_dir():
        return sorted(str(each) for each in path.rglob("*.parquet") if not _is_ours(each, path))
    base = Path(path.anchor) if Path(given).is_absolute() else Path.cwd()
    pattern = str(path.relative_to(path.anchor)) if Path(given).is_absolute() else given
    return sorted(str(each) for each in base.glob(pattern) if each.is_file()) if glob.has_magic(given) else []


def _is_ours(path: Path, folder: Path) -> bool:
    """Whether a file below a folder of shards is hidden, or a result of `cal score` or `cal map-shards`."""
    below = path.relative_to(folder).parts
    hidden = any(name.startswith((".", "_")) for name in below)
    return hidden or any((folder.joinpath(*below[:n]) / mark).exists() for n in range(len(below)) for mark in MARKS)


def _remote(given: str) -> list[str]:
    import fsspec

    with _explained(given):
        files, path = fsspec.core.url_to_fs(given)
        if glob.has_magic(path):
            found = files.glob(path)
        elif files.isdir(path):
            found = [each for each in files.find(path) if each.endswith(".parquet")]
        else:
            found = [path] if files.exists(path) else []
        return [files.unstrip_protocol(each) for each in sorted(found)]


@contextmanager
def open_shard(path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file, of which only what is read is fetched.

    Raises:
        DataError: if it cannot be read.
    """
    with _explained(path):
        if "://" not in path:
            with pq.ParquetFile(path, memory_map=True) as file:
                yield file
            return
        import fsspec

        with fsspec.open(path, "rb") as content, pq.ParquetFile(content) as file:
            yield file


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Names the file in whatever pyarrow, fsspec and its file systems raise."""
    try:
        yield
    except CalError:
        raise
    except ImportError as error:
        raise DataError(f"{path} needs a package that is not installed: {error}.") from error
    except Exception as error:
        told = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise DataError(f"{path} cannot be read as Parquet: {told}.") from error


def parts_of(paths: Sequence[str], columns: Mapping[str, str | None], quiet: bool = True) -> list[ShardPart]:
    """The parts of some files, in their order.

    Args:
        paths: the files.
        columns: columns that each of them must have, by the parameters that name them; None for one that is not read.
        quiet: hide the progress bar.

    Raises:
        DataError: if a file cannot be read or lacks a column, or vectors have other lengths in other files.
    """
    parts: list[ShardPart] = []
    width: tuple[int, str] | None = None
    for path in bar(paths, desc="Looking at shards", unit="file", disable=quiet or None):
        with open_shard(path) as file:
            schema = file.schema_arrow
            for parameter, name in columns.items():
                if name is not None and name not in schema.names:
                    raise DataError(
                        f"{path} has no column '{name}'; its columns are {', '.join(schema.names)}. Give {parameter}=."
                    )
            if (vectors := columns.get("vector_column")) and (n := getattr(schema.field(vectors).type, "list_size", 0)):
                width = width or (n, path)
                if n != width[0]:
                    raise DataError(
                        f"The vectors of {path} have {n} numbers, those of {width[1]} {width[0]}. Give files alike."
                    )
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        stamp, start, first, n_rows = _stamp(path), 0, 0, 0
        for group, size in enumerate(sizes):
            if n_rows and n_rows + size > ROWS:
                parts.append(ShardPart(path, stamp, (first, group), start, n_rows))
                start, first, n_rows = start + n_rows, group, 0
            n_rows += size
        if n_rows:
            parts.append(ShardPart(path, stamp, (first, len(sizes)), start, n_rows))
    if not parts:
        raise DataError(f"{quantity(len(paths), 'file')} of shards have no rows. Give files with documents.")
    if columns.get("id_column") is None:
        names = [file_name(path) for path in paths]
        if twice := [name for name in names if names.count(name) > 1]:
            raise DataError(
                f"Two files are called {twice[0]}, so ids made of file and row would be the same. Give id_column=."
            )
    return parts


def file_name(path: str) -> str:
    """The name of a file, without its folders.

    Example:
        >>> file_name("s3://bucket/corpus/part-0.parquet")
        'part-0.parquet'
    """
    return path.rpartition("/")[2] if "://" in path else Path(path).name


def has_column(part: ShardPart, name: str) -> bool:
    """Whether the file of a part has a column."""
    with open_shard(part.path) as file:
        return name in file.schema_arrow.names


def row_groups(part: ShardPart) -> list[ShardPart]:
    """The row groups of a part, each as a part."""
    with open_shard(part.path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(*part.groups)]
    found, start = [], part.start
    for group, size in enumerate(sizes, part.groups[0]):
        found.append(part._replace(groups=(group, group + 1), start=start, n_rows=size))
        start += size
    return [each for each in found if each.n_rows]


def _stamp(path: str) -> str:
    if "://" not in path:
        about = Path(path).stat()
        return f"{about.st_size} {about.st_mtime_ns}"
    import fsspec

    with _explained(path):
        files, plain = fsspec.core.url_to_fs(path)
        info = files.info(plain)
    told = {key: str(value) for key, value in sorted(info.items()) if "access" not in key.lower()}
    return hashlib.blake2b(repr(told).encode(), digest_size=12).hexdigest()
