"""Weights of the instances of a data map, in memory and as a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from cal.errors import StorageError
from cal.selection.folder import MANIFEST, read_rows, write_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights for training, in the order of the map.

    Attributes:
        rows: id, gold, gold_label if known, and weight, a row per instance.
        about: what was asked, source and versions, as manifest.json has it.
    """

    rows: pd.DataFrame
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.rows)

    def to_frame(self) -> pd.DataFrame:
        """The rows."""
        return self.rows

    def plot(self) -> Figure:
        """How many instances have which weight."""
        from cal.selection.plot import weights_figure

        return weights_figure(self)

    def save(self, folder: Path | str) -> None:
        """Writes the folder of `cal weights`.

        Raises:
            StorageError: if the folder holds something else or cannot be written.
        """
        write_weights(Path(folder), self.rows, self.about)

    @classmethod
    def load(cls, folder: Path | str) -> Weights:
        """The weights in a folder of `cal weights`.

        Raises:
            StorageError: if the folder holds none.
        """
        folder = Path(folder)
        try:
            about = orjson.loads((folder / MANIFEST).read_bytes())
            rows = read_rows(folder / "weights.csv")
        except (OSError, ValueError) as error:
            raise StorageError(f"{folder} is not the folder of weights: {error}. Make one with cal weights.") from error
        return cls(rows, {name: value for name, value in about.items() if name not in ("made_by", "ids_sha256")})

    def __str__(self) -> str:
        values = self.rows["weight"]
        return (
            f"Weights of {len(self):,} instances by {self.about['config']['by']}: mean 1, from {values.min():.3g} to "
            f"{values.max():.3g}."
        )

    def __repr__(self) -> str:
        return f"Weights of {len(self):,} instances by {self.about['config']['by']}"

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>{self.rows.head(10).to_html(index=False)}"
