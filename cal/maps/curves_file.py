"""The curves of documents in one file, which is mapped into memory and read where it is looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from cal.files import write_whole

CURVES = "curves.npy"
"""Name of the file: (instance, epoch, class) float16 probabilities, instances in the order of the table beside it. With
one class it is that of the gold label, where there was no room for all."""
_CHUNK = 10_000  # instances written at a time


def write_curves(path: Path, curves: Tensor) -> None:
    """Writes the (epoch, instance, class) curves of instances, completely or not at all.

    Raises:
        StorageError: if the file cannot be written; an old one is then unchanged.
    """
    by_instance = curves.movedim(1, 0)
    shape = tuple(by_instance.shape)

    def write(file: IO[bytes]) -> None:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in by_instance.split(_CHUNK):
            file.write(chunk.half().contiguous().cpu().numpy().astype("<f2", copy=False).tobytes())

    write_whole(path, write)


def read_curves(path: Path, n_instances: int | None = None, n_epochs: int | None = None) -> Tensor:
    """The (epoch, instance, class) float16 curves in a file.

    Args:
        path: the file.
        n_instances: number of instances that they must be of; None takes any.
        n_epochs: number of epochs that they must have; None takes any.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it holds something else.
    """
    try:
        # "c" maps the file as "r" does, and PyTorch takes it. Windows replaces no file that is mapped.
        curves = np.load(path, mmap_mode=None if os.name == "nt" else "c")
    except EOFError as error:
        raise ValueError(f"{path.name} is empty") from error
    if curves.ndim != 3 or curves.dtype != np.float16 or not curves.shape[2]:
        raise ValueError(f"{path.name} holds {curves.dtype} of shape {curves.shape}, and no float16 curves")
    if n_instances not in (None, len(curves)):
        raise ValueError(f"{path.name} has curves of {len(curves)} instances, and not of {n_instances}")
    if n_epochs not in (None, curves.shape[1]):
        raise ValueError(f"{path.name} has {curves.shape[1]} epochs, and not {n_epochs}")
    return torch.from_numpy(curves).movedim(0, 1)
