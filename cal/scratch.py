"""Scratch folders: temporary folders that the next command removes if their process was killed.

A folder belongs to the process that holds a lock on it, which the system gives back when that process ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows, where nothing is swept
    fcntl = None  # type: ignore[assignment]

SHARED_MEMORY = Path("/dev/shm")
_PREFIX = "cal-scratch-"
_ROOM = 2e9  # bytes; a smaller shared memory, as in many containers, is left alone


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new temporary folder, removed at the end of the block; those of killed processes are removed first.

    Args:
        parent: folder to make it in; None is the system's folder for temporary files.

    Example:
        >>> with scratch_folder() as folder:
        ...     folder.is_dir()
        True
        >>> folder.exists()
        False
    """
    sweep()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = _locked(folder)
        if folder.is_dir():  # another process may have swept it before the lock was taken
            break
        _unlock(lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


def sweep() -> None:
    """Removes the scratch folders of processes that were killed."""
    for parent in {SHARED_MEMORY, Path(tempfile.gettempdir()), array_folder()}:
        for folder in parent.glob(f"{_PREFIX}*"):
            if (lock := _locked(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                _unlock(lock)


def array_folder() -> Path:
    """Where processes share large arrays: `$JOBLIB_TEMP_FOLDER`, shared memory, or the folder for temporary files."""
    if given := os.environ.get("JOBLIB_TEMP_FOLDER"):
        return Path(given).expanduser().absolute()
    with contextlib.suppress(OSError):
        if os.access(SHARED_MEMORY, os.W_OK) and shutil.disk_usage(SHARED_MEMORY).free > _ROOM:
            return SHARED_MEMORY
    return Path(tempfile.gettempdir())


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the lock of a folder; None if another process has it, or there are no locks here."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
