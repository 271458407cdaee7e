"""The user's cache: results that depend only on their recipe are computed once and kept in a folder.

The folder can be deleted at any time; what is missing is computed again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np

from cal.errors import StorageError
from cal.files import write_whole

logger = logging.getLogger(__name__)

_DIGEST_BYTES = 16


def cache_dir() -> Path:
    """The user's cache folder: `$CAL_CACHE`, else `$XDG_CACHE_HOME/cal`, else `~/.cache/cal`.

    Example:
        >>> cache_dir().is_absolute()
        True
    """
    if folder := os.environ.get("CAL_CACHE"):
        return Path(folder).expanduser().absolute()
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder).absolute() / "cal"
    return Path.home() / ".cache" / "cal"


def cache_path(name: str, recipe: Mapping[str, object], suffix: str) -> Path:
    """The cache file for the result of a recipe; equal recipes have equal paths.

    Args:
        name: kind of result, such as `features/lsa`.
        recipe: everything that the result depends on, as values whose `repr` shows their content.
        suffix: suffix of the file, such as `.npy`.

    Example:
        >>> path = cache_path("features/lsa", {"n_components": 300, "recipe": 1}, ".npy")
        >>> path == cache_path("features/lsa", {"recipe": 1, "n_components": 300}, ".npy")
        True
    """
    key = hashlib.blake2b(repr(sorted(recipe.items())).encode(), digest_size=16).hexdigest()
    return cache_dir() / f"{name}-{key}{suffix}"


def try_write(path: Path, content: bytes | Callable[[IO[bytes]], object]) -> bool:
    """Writes a file of the cache completely or not at all, and returns whether it could.

    A cache folder that cannot be written is one warning, not an error.

    Args:
        path: file to write; its folder is made.
        content: its bytes, or a function that writes them to an open file.
    """
    try:
        write_whole(path, content)
    except StorageError as error:
        _warn_once(path.parent, str(getattr(error.__cause__, "strerror", None) or error))
        return False
    return True


def cached_array(name: str, recipe: Mapping[str, object], make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array of a recipe: read from the cache, or else computed and kept there.

    The file is a `.npy` with a digest of the numbers at its end, so a damaged file is noticed and computed again.

    Args:
        name: kind of array, such as `features/lsa`.
        recipe: everything that the array depends on.
        make: computes the array if the cache does not have it.

    Returns:
        A read-only array, memory-mapped if the cache can be written.
    """
    path = cache_path(name, recipe, ".npy")
    if (array := _load(path)) is not None:
        logger.info("Using cached %s: %s", name, path)
        return array
    made = np.ascontiguousarray(make())

    def write(file: IO[bytes]) -> None:
        np.save(file, made)
        file.write(_digest(made))

    if try_write(path, write):
        array = _load(path)
    if array is None:
        array = made
        array.flags.writeable = False
    return array


def _load(path: Path) -> np.ndarray | None:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            file.seek(-_DIGEST_BYTES, os.SEEK_END)
            digest = file.read()
    except (OSError, ValueError, EOFError):  # absent, truncated, or not an array at all
        return None
    return array if digest == _digest(array) else None


def _digest(array: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=_DIGEST_BYTES).digest()


@cache
def _warn_once(folder: Path, reason: str) -> None:
    logger.warning(
        "Cannot write to the cache folder %s (%s); results are computed again each time. "
        "Set CAL_CACHE to a writable folder.",
        folder,
        reason,
    )
