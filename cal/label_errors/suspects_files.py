"""Files of a list of suspects that hold evidence about every document: similar documents, and curves."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cal.files import write_whole
from cal.label_errors.similar_documents import NEIGHBOURS
from cal.maps.curves_file import CURVES, read_curves, write_curves
from cal.stored import Stored

NEIGHBOURS_FILE = "neighbours.parquet"


def write_evidence(folder: Path, neighbours: pd.DataFrame | None, curves: np.ndarray | None) -> None:
    """Writes what there is, and removes what an earlier list left.

    Args:
        folder: folder of the list.
        neighbours: rows of `similar_documents`.
        curves: (document, epoch, class) probabilities, those of rank 1 first.
    """
    if neighbours is None:
        (folder / NEIGHBOURS_FILE).unlink(missing_ok=True)
    else:
        content = io.BytesIO()
        neighbours.to_parquet(content, index=False)
        write_whole(folder / NEIGHBOURS_FILE, content.getvalue())
    if curves is None:
        (folder / CURVES).unlink(missing_ok=True)
    else:
        write_curves(folder / CURVES, torch.from_numpy(curves).movedim(0, 1))


def read_evidence(stored: Stored, n: int) -> tuple[pd.DataFrame | None, np.ndarray | None]:
    """The neighbours and curves of the documents of a list; None for a file that is absent.

    Args:
        stored: folder of the list.
        n: the last rank of the list.

    Raises:
        StorageError: if a file is damaged.
    """
    neighbours, curves = None, None
    if (stored.folder / NEIGHBOURS_FILE).is_file():
        neighbours = stored.table(NEIGHBOURS_FILE, _read_neighbours, {}, NEIGHBOURS, unique="id")
    if (stored.folder / CURVES).is_file():
        try:
            curves = read_curves(stored.folder / CURVES).movedim(1, 0).numpy()
        except (OSError, ValueError) as error:
            raise stored.damaged(CURVES, str(error)) from error
        if len(curves) < n:
            raise stored.damaged(CURVES, f"it has curves of {len(curves):,} documents, and the list has {n:,}")
    return neighbours, curves


def _read_neighbours(path: Path) -> pd.DataFrame:
    rows = pd.read_parquet(path)
    lists = {name: [each.tolist() for each in rows[name]] for name in NEIGHBOURS[1:] if name in rows}
    if any(len(near) != len(of) for near, of in zip(*lists.values(), strict=True)):
        raise ValueError("a document has other numbers of neighbours and similarities")
    return rows.assign(**lists)
