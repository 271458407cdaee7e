"""Selection: the chosen instances, in memory and as a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cal.arguments import check_arguments
from cal.selection.folder import SELECT, read_dropped, read_folder, write_selection

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Selection:
    """The instances of a map or corpus chosen to train on.

    Attributes:
        rows: one row per chosen instance, most valuable first: id, gold, label name, region, the metrics it was
            chosen by and its text, as far as known.
        about: request, source, versions and tie-breaking rule, as in manifest.json.
        dropped: rows of the instances left out as suspects, most suspicious first.
        label_names: name of each gold class, if known.
        remarks: sentences about what was left out of the toolkit's folders.
        points: one row per instance of the map, for `plot`; None without a map.
        toolkit_files: yields paths and contents of the toolkit's folders, if asked for.
    """

    rows: pd.DataFrame
    about: Mapping[str, Any]
    dropped: pd.DataFrame | None = None
    label_names: Sequence[str] | None = None
    remarks: Sequence[str] = ()
    points: pd.DataFrame | None = field(default=None, repr=False)
    toolkit_files: Callable[[], Iterable[tuple[str, bytes]]] = field(default=tuple, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ids(self) -> list[Any]:
        """The chosen ids, most valuable first."""
        return list(self.rows["id"])

    def to_frame(self) -> pd.DataFrame:
        """`rows`."""
        return self.rows

    def plot(self) -> Figure:
        """The data map with the chosen instances highlighted or, without a map, the number chosen of each label."""
        from cal.selection.plot import counts_figure, selection_figure

        return counts_figure(self) if self.points is None else selection_figure(self, self.points)

    def save(self, folder: Path | str, formats: Sequence[str] = ()) -> None:
        """Writes the folder of `cal select`, replacing an earlier selection in it.

        Args:
            folder: path of the folder.
            formats: formats to write beside selected.csv: ids, jsonl, parquet, huggingface and allenai.

        Raises:
            StorageError: if the folder holds something else or cannot be written.
        """
        check_arguments(Selection.save, locals())
        write_selection(
            Path(folder),
            self.rows,
            self.about,
            formats=formats,
            label_names=self.label_names,
            dropped=self.dropped,
            other_files=self.toolkit_files(),
        )

    @classmethod
    def load(cls, folder: Path | str) -> Selection:
        """Reads the folder of `cal select`; selected.csv has no texts and no map, so neither has the result.

        Raises:
            StorageError: if the folder holds no selection.
        """
        check_arguments(Selection.load, locals())
        about, rows = read_folder(Path(folder), SELECT, "selected.csv", {})
        return cls(rows, about, read_dropped(Path(folder)))

    def __str__(self) -> str:
        config = self.about["config"]
        how = f"by {config.get('recipe') or config.get('metric')}"
        how += "" if config.get("direction", "best") == "best" else f" ({config['direction']})"
        how += "" if config.get("within") is None else f", within each {config['within']}"
        lines = [f"Chosen: {len(self):,} of {self.about['n_instances']:,} instances {how}.", *self.remarks]
        if self.dropped is not None:
            by = self.about["recipe"]["suspicion"]
            lines.append(f"Left out first: {len(self.dropped):,} suspects by {by}, in dropped.csv.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Selection of {len(self):,} of {self.about['n_instances']:,} instances by {self.about['metric']}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.rows.head(10).to_html(index=False)}"
