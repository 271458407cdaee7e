"""Selection: the instances that were chosen, in memory and as a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from cal.errors import StorageError
from cal.selection.folder import MANIFEST, read_rows, write_selection

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Selection:
    """The instances of a map or corpus that were chosen to train on.

    Attributes:
        rows: row per chosen instance, most valuable first: id, gold, label name, region, the metrics it was chosen
            by, and the text, as far as they are known.
        about: what was asked, source, versions, and how ties were broken, as manifest.json has it.
        dropped: rows of the instances left out as suspect, most suspicious first.
        label_names: by gold class; None where they are not known.
        remarks: sentences about what was left out.
        points: row per instance of the map, for `plot`; None where there was no map.
    """

    rows: pd.DataFrame
    about: Mapping[str, Any]
    dropped: pd.DataFrame | None = None
    label_names: Sequence[str] | None = None
    remarks: Sequence[str] = ()
    points: pd.DataFrame | None = field(default=None, repr=False)
    toolkit_files: Iterable[tuple[str, bytes]] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ids(self) -> list[Any]:
        """The chosen ids, most valuable first."""
        return list(self.rows["id"])

    def to_frame(self) -> pd.DataFrame:
        """The chosen rows."""
        return self.rows

    def plot(self) -> Figure:
        """The data map with the chosen instances in front.

        Raises:
            AnalysisError: if the selection was not made from a map.
        """
        from cal.selection.plot import selection_figure

        return selection_figure(self)

    def save(self, folder: Path | str, formats: Sequence[str] = ()) -> None:
        """Writes the folder of `cal select`.

        Args:
            folder: where to; another selection in it is replaced.
            formats: beside selected.csv, of ids, jsonl, parquet, huggingface and allenai.

        Raises:
            StorageError: if the folder holds something else or cannot be written.
        """
        write_selection(
            Path(folder),
            self.rows,
            self.about,
            formats=formats,
            label_names=self.label_names,
            dropped=self.dropped,
            further=self.toolkit_files,
        )

    @classmethod
    def load(cls, folder: Path | str) -> Selection:
        """The selection in a folder of `cal select`.

        Raises:
            StorageError: if the folder holds none.
        """
        folder = Path(folder)
        try:
            about = orjson.loads((folder / MANIFEST).read_bytes())
            rows = read_rows(folder / "selected.csv")
            dropped = read_rows(folder / "dropped.csv") if (folder / "dropped.csv").exists() else None
        except (OSError, ValueError) as error:
            raise StorageError(
                f"{folder} is not the folder of a selection: {error}. Make one with cal select."
            ) from error
        about = {name: value for name, value in about.items() if name not in ("made_by", "ids_sha256")}
        return cls(rows, about, dropped)

    def __str__(self) -> str:
        config = self.about["config"]
        how = f"by {config.get('recipe') or config.get('metric')}"
        how += "" if config.get("direction", "best") == "best" else f" ({config['direction']})"
        how += "" if config.get("within") is None else f", within each {config['within']}"
        return "\n".join([f"Chosen: {len(self):,} of {self.about['n_instances']:,} instances {how}.", *self.remarks])

    def __repr__(self) -> str:
        return f"Selection of {len(self):,} of {self.about['n_instances']:,} instances by {self.about['metric']}"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.rows.head(10).to_html(index=False)}"
