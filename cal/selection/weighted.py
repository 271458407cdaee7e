"""Weights: weights for the instances of a data map, in memory and as a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cal.arguments import check_arguments
from cal.selection.folder import WEIGHTS, read_folder, write_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Weights:
    """Training weights of the instances of a data map.

    Attributes:
        rows: one row per instance, in the order of the map: id, gold, gold_label if known, and weight.
        about: request, source and versions, as in manifest.json.
    """

    rows: pd.DataFrame
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.rows)

    def to_frame(self) -> pd.DataFrame:
        """`rows`."""
        return self.rows

    def plot(self) -> Figure:
        """Histogram of the weights."""
        from cal.selection.plot import weights_figure

        return weights_figure(self)

    def save(self, folder: Path | str) -> None:
        """Writes the folder of `cal weights`, replacing earlier weights in it.

        Raises:
            StorageError: if the folder holds something else or cannot be written.
        """
        check_arguments(Weights.save, locals())
        write_weights(Path(folder), self.rows, self.about)

    @classmethod
    def load(cls, folder: Path | str) -> Weights:
        """Reads the folder of `cal weights`.

        Raises:
            StorageError: if the folder holds no weights.
        """
        check_arguments(Weights.load, locals())
        about, rows = read_folder(Path(folder), WEIGHTS, "weights.csv", {"weight": (0, inf)})
        return cls(rows, about)

    def __str__(self) -> str:
        weight = self.rows["weight"]
        return f"{self!r}: mean 1, from {weight.min():.3g} to {weight.max():.3g}."

    def __repr__(self) -> str:
        return f"Weights of {len(self):,} instances by {self.about['config']['by']}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>{self.rows.head(10).to_html(index=False)}"
