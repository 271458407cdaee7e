"""Files that survive a crash, and folders that belong to one command."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from cal.errors import StorageError


@contextmanager
def storage_errors(action: str, remedy: str) -> Iterator[None]:
    """Turns an `OSError` within a `with` block into a `StorageError`.

    Args:
        action: what the block does, such as "write map.csv".
        remedy: what the user can do about it.

    Example:
        >>> with storage_errors("read notes.txt", "Give another file."):
        ...     raise FileNotFoundError(2, "No such file or directory")
        Traceback (most recent call last):
        cal.errors.StorageError: Cannot read notes.txt: No such file or directory. Give another file.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"Cannot {action}: {error.strerror or error}. {remedy}") from error


def write_whole(
    path: Path, content: bytes | Callable[[IO[bytes]], object], remedy: str = "Make room and try again."
) -> None:
    """Writes a file completely or not at all, and makes its folder.

    The content goes to a hidden file beside the target, which then takes the target's place. Neither another process
    nor a crash ever leaves half a file there; when this function returns, the file is on disk.

    Args:
        path: file to write or replace.
        content: its bytes, or a function that writes them to an open file.
        remedy: last sentence of the error message.

    Raises:
        StorageError: if the file cannot be written; the old one is then unchanged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "tables" / "scores.csv"
        >>> write_whole(path, b"seed,score")
        >>> path.read_text()
        'seed,score'
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with storage_errors(f"write {path}", remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
                file.write(content) if isinstance(content, bytes) else content(file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _sync_folder(path.parent)


def append(path: Path, content: bytes, remedy: str = "Make room and try again.") -> None:
    """Adds bytes to the end of a file; when this function returns, they are on disk.

    Raises:
        StorageError: if they cannot be written; part of them may then be in the file.
    """
    with storage_errors(f"write {path}", remedy), path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Puts the names in a folder on disk, on file systems that can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def digest_of(path: Path) -> str:
    """SHA-256 of a file; for a folder, that of the lines `sha256  path` of all files in it."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{digest_of(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def dated_folder(parent: Path, name: str) -> Path:
    """A path under `parent`, made of the current time and `name`, that does not exist yet."""
    plain = re.sub(r"[^\w.-]", "_", name)
    stem = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{plain}"
    paths = (parent / (stem if n == 1 else f"{stem}-{n}") for n in itertools.count(1))
    return next(path for path in paths if not path.exists())


class OwnedFolder:
    """The output folder of a command: known by a file in it, so that only the same command replaces its contents.

    Args:
        path: the folder; the first write creates it.
        command: the command that owns it, such as "cal map".
        mark: the file that only this command writes, such as "map.json".
        spared: names that an interrupted command may leave in a folder without the mark.

    Example:
        >>> import tempfile
        >>> folder = OwnedFolder(tempfile.mkdtemp(), "cal map", "map.json")
        >>> folder.refuse_foreign()  # empty
        >>> folder.write("notes.txt", b"mine")
        >>> folder.refuse_foreign()  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        cal.errors.StorageError: ... is no folder of cal map: it has notes.txt and no map.json. Give another folder.
    """

    def __init__(self, path: Path | str, command: str, mark: str, spared: Collection[str] = ()) -> None:
        self.path = Path(path)
        self.command = command
        self.mark = mark
        self._spared = spared

    def refuse_foreign(self) -> None:
        """Makes sure that the folder is new, empty or the command's own.

        Raises:
            StorageError: if it holds something else.
        """
        if (self.path / self.mark).exists() or not self.path.exists():
            return
        with storage_errors(f"read the folder {self.path}", "Give another folder."):
            names = sorted(path.name for path in self.path.iterdir())
        ours = re.compile(rf"\.({re.escape(self.mark)}\..*|[^/]*\.lock)")
        if others := [name for name in names if name not in self._spared and not ours.fullmatch(name)]:
            raise StorageError(
                f"{self.path} is no folder of {self.command}: it has {others[0]} and no {self.mark}. "
                "Give another folder."
            )

    def write(self, name: str, content: bytes) -> None:
        """Writes a file of the folder completely or not at all; `name` may have folders in it.

        Raises:
            StorageError: if it cannot be written; the old one is then unchanged.
        """
        write_whole(self.path / name, content)

    def write_json(self, name: str, content: Mapping[str, Any], default: Callable[[Any], object] | None = None) -> None:
        """Writes indented JSON; `default` converts values that JSON does not know."""
        import orjson

        self.write(name, orjson.dumps(content, default, orjson.OPT_INDENT_2))

    def write_yaml(self, name: str, content: Mapping[str, Any]) -> None:
        """Writes YAML in the order of the keys."""
        import yaml

        self.write(name, yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True).encode())

    @contextmanager
    def lock(self, name: str, wait: float = 0) -> Iterator[None]:
        """Keeps other processes out of the folder, or out of a part of it; a killed process gives the lock back.

        Args:
            name: name of the lock; the command's own, or that of a part.
            wait: seconds to wait for another process.

        Raises:
            StorageError: if another process holds the lock, or the folder cannot be written.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / f".{name}.lock", timeout=wait)
        with storage_errors(f"write to the folder {self.path}", "Give another output=DIR."):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                raise StorageError(
                    f"Another {self.command} is writing to {self.path} and holds its lock '{name}'. "
                    "Wait for it, stop it, or give another output=DIR."
                ) from None
        try:
            yield
        finally:
            lock.release()
