"""Pickled: an object in one file, from which any number of processes map its arrays without a copy."""

from __future__ import annotations

import mmap
import pickle
from pathlib import Path
from typing import Any

from cal.files import write_whole

_ALIGNED = 64


def write_pickled(path: Path, thing: Any) -> None:
    """Writes an object completely or not at all; functions and classes of a notebook included.

    The file holds the length of its index, the index (lengths of the parts), and the parts: a pickle of protocol 5 and
    the buffers of its arrays, each from a multiple of 64 bytes on.

    Args:
        path: file to write or replace.
        thing: what to write.

    Raises:
        StorageError: if it cannot be written.
    """
    import cloudpickle

    buffers: list[pickle.PickleBuffer] = []
    content = cloudpickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(content), *(buffer.raw() for buffer in buffers)]
    index = pickle.dumps([part.nbytes for part in parts])

    def write(file: Any) -> None:
        for part in (memoryview(len(index).to_bytes(8, "little")), memoryview(index), *parts):
            file.write(part)
            file.write(bytes(-part.nbytes % _ALIGNED))

    write_whole(path, write)


def read_pickled(path: Path) -> Any:
    """The object in a file; its arrays are read-only, and stay on disk until they are used.

    Only read files that this machine's user has written: a pickle can run any code.

    Args:
        path: file of `write_pickled`.
    """
    with path.open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    n_index = int.from_bytes(mapped[:8], "little")
    lengths = pickle.loads(mapped[_ALIGNED : _ALIGNED + n_index])
    start, parts = _ALIGNED + _whole(n_index), []
    for length in lengths:
        parts.append(mapped[start : start + length])
        start += _whole(length)
    return pickle.loads(parts[0], buffers=parts[1:])


def _whole(length: int) -> int:
    """The length with the padding after it."""
    return length + -length % _ALIGNED
