"""Files that survive a crash, and folders that belong to one command."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from cal.errors import StorageError

LOCK = "cal"  # of a whole output folder, whichever command writes to it
_ROOM = 1_000_000  # bytes that even the smallest result needs
_taken = threading.local()  # `.paths`: folders that this thread has taken


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


@contextmanager
def path_errors() -> Iterator[None]:
    """Turns an `OSError` about a path that the system refuses, such as one too long, into a `StorageError`."""
    try:
        yield
    except OSError as error:
        if error.filename is None or not error.strerror:
            raise
        raise StorageError(f"Cannot use {error.filename}: {error.strerror}. Give another path.") from error


def write_whole(
    path: Path, content: bytes | Callable[[IO[bytes]], object], remedy: str = "Make room, or give another path."
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
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
                file.write(content) if isinstance(content, bytes) else content(file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        for folder in [path.parent, *(folder.parent for folder in made)]:
            sync_folder(folder)


def append(path: Path, content: bytes, remedy: str = "Make room, or give another path.") -> None:
    """Adds bytes to the end of a file; when this function returns, they are on disk.

    Raises:
        StorageError: if they cannot be written; part of them may then be in the file.
    """
    with storage_errors(f"write {path}", remedy), path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)  # the file may be new


def sync_folder(folder: Path) -> None:
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
    """Makes a folder under `parent` named after the current time and `name`, which no other process gets.

    Raises:
        StorageError: if it cannot be made.
    """
    plain = re.sub(r"[^\w.-]", "_", name).encode()[:100].decode(errors="ignore")
    stem = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{plain}"
    for n in itertools.count(1):
        path = parent / (stem if n == 1 else f"{stem}-{n}")
        with storage_errors(f"make a folder in {parent}", "Give an output folder that can be written."):
            parent.mkdir(parents=True, exist_ok=True)
            try:
                path.mkdir()
            except FileExistsError:
                continue
        return path
    raise AssertionError


def refuse_unwritable(folder: Path) -> None:
    """Makes sure that files can be written to a folder, by making it and writing one.

    Raises:
        StorageError: if they cannot.
    """
    # A name as long as those of results, so that a path that is too long is noticed, too.
    probe = folder / f".{secrets.token_hex(4)}.{'probe':_<80}"
    with storage_errors(f"write to {folder}", "Give another output folder."):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with probe.open("xb") as file:
                file.write(b"0" * 1000)
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
        free = shutil.disk_usage(folder).free
    if free < _ROOM:
        raise StorageError(f"Cannot write to {folder}: its disk has {free:,} bytes left. Make room and try again.")


def taken(folder: OwnedFolder | None) -> AbstractContextManager[None]:
    """`folder.taken()`, or nothing without a folder."""
    return nullcontext() if folder is None else folder.taken()


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

    @contextmanager
    def taken(self, again: bool = False) -> Iterator[None]:
        """Keeps the folder for one command until the end of the block.

        Before the block it makes sure that the folder is new, empty or the command's own, that no other command uses
        it, and that it can be written. If the block fails and has written nothing, a new folder is removed again.

        Args:
            again: for a part of a command, within the block of which it has the folder already.

        Raises:
            StorageError: if the folder cannot be taken.
        """
        paths: set[Path] = _taken.__dict__.setdefault("paths", set())
        if (path := self.path.absolute()) in paths and again:
            self.refuse_foreign()
            yield
            return
        self.refuse_foreign()
        made = [each for each in (path, *path.parents) if not each.exists()]
        is_new = bool(made) or not any(path.iterdir())
        try:
            with self.lock():
                try:
                    paths.add(path)
                    self.refuse_foreign()  # once more: another command may have written since
                    refuse_unwritable(path)
                    yield
                finally:
                    paths.discard(path)
                    with contextlib.suppress(OSError):  # Windows keeps it until the lock is given back
                        self._lock_file().unlink()
        except BaseException:
            if is_new:
                self._remove_if_empty(made)
            raise

    def _remove_if_empty(self, made: Collection[Path]) -> None:
        """Removes the folder and those made for it, if nothing is in them."""
        with contextlib.suppress(OSError):
            self._lock_file().unlink(missing_ok=True)
            for path in dict.fromkeys([self.path.absolute(), *made]):
                path.rmdir()  # or fail, if something is in it

    def kept(self) -> dict[str, Any]:
        """What the file that marks the folder says about the result; empty if there is none, or it is damaged."""
        import orjson

        try:
            content = orjson.loads((self.path / self.mark).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        return content if isinstance(content, dict) else {}

    def refuse_other_data(self, about: Mapping[str, Any]) -> None:
        """Makes sure that no result of other data is replaced, unless the data come from the same place.

        Args:
            about: what the file that marks the folder will say: `data`, a digest of the documents, and `data_from`,
                where they came from, or None if they had no name.

        Raises:
            StorageError: if the folder has a result of other data.
        """
        kept = self.kept()
        refreshed = about.get("data_from") is not None and kept.get("data_from") == about["data_from"]
        if "data" in about and kept.get("data", about["data"]) != about["data"] and not refreshed:
            raise StorageError(
                f"{self.path} holds the result of {self.command} for other data, which would be replaced. Give another "
                "output folder, or remove this one."
            )

    def refuse_foreign(self) -> None:
        """Makes sure that the folder is new, empty or the command's own.

        Raises:
            StorageError: if it holds something else.
        """
        with storage_errors(f"read the folder {str(self.path)!a}", "Give another folder."):
            if unusable := re.search("[\0\ud800-\udfff]", str(self.path)):  # it could not be kept in a configuration
                raise OSError(errno.EINVAL, f"its name has the character {unusable[0]!a}")
        with storage_errors(f"read the folder {self.path}", "Give another folder."):
            if (self.path / self.mark).exists() or not self.path.exists():
                return
            names = sorted(path.name for path in self.path.iterdir())
        ours = re.compile(rf"\.({re.escape(self.mark)}\..*|[^/]*\.lock)")
        if others := [name for name in names if name not in self._spared and not ours.fullmatch(name)]:
            raise StorageError(
                f"{self.path} is no folder of {self.command}: it has {others[0]} and no {self.mark}. "
                "Give another folder."
            )

    def _lock_file(self, name: str = LOCK) -> Path:
        return self.path / f".{name}.lock"

    def write(self, name: str, content: bytes | Callable[[IO[bytes]], object]) -> None:
        """Writes a file of the folder completely or not at all; `name` may have folders in it: see `write_whole`.

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
    def lock(self, name: str = LOCK, wait: float = 0) -> Iterator[None]:
        """Keeps other processes out of the folder, or out of a part of it; a killed process gives the lock back.

        Args:
            name: name of the lock: that of the whole folder, or of a part.
            wait: seconds to wait for another process.

        Raises:
            StorageError: if another process holds the lock, or the folder cannot be written.
        """
        from filelock import FileLock, Timeout

        file = self._lock_file(name)
        lock = FileLock(file, timeout=wait)
        with storage_errors(f"write to the folder {self.path}", "Give another output folder."):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
                if not file.exists():  # its last holder removed it meanwhile
                    lock.release()
                    lock.acquire()
            except Timeout:
                who = "Another command" if name == LOCK else f"Another {self.command}"
                raise StorageError(
                    f"{who} is writing to {self.path} and holds its lock '{name}'. Wait for it, stop it, or give "
                    "another output folder."
                ) from None
            except NotImplementedError:  # a file system without locks
                pass
        try:
            yield
        finally:
            lock.release()
