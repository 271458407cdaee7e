"""Arrays as one answer that browsers read without parsing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np


def dumped(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """A header and arrays as bytes: the length of the header, the header as JSON, and the arrays, little-endian.

    The header lists the arrays under `arrays` as {name, type, offset, length}: their type is int32, float32, uint16 or
    uint8, and their offset counts bytes from the end of the header. Each begins at a multiple of 8 bytes.
    """
    listed, parts, offset = [], [], 0
    for name, array in arrays.items():
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
        listed.append({"name": name, "type": array.dtype.name, "offset": offset, "length": len(array)})
        parts.append(data + bytes(-len(data) % 8))
        offset += len(parts[-1])
    said = json.dumps({**header, "arrays": listed}, ensure_ascii=True).encode()
    said += b" " * (-(len(said) + 4) % 8)
    return b"".join([len(said).to_bytes(4, "little"), said, *parts])
