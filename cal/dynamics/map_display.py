"""How a data map shows itself: what draws, writes and reads maps is in rooms above, and imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from cal.arguments import check_arguments
from cal.dynamics.metrics import METRICS
from cal.errors import quantity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cal.selection.result import Selection


class MapDisplay:
    """The methods of `DataMap` that draw, print, save and load it."""

    def plot(self: Any) -> Figure:
        """Confidence over variability, coloured by correctness, and the densities of all three beside it."""
        from cal.report.map_plots import data_maps

        return data_maps({self.name or "all": self.to_frame()}, self.title)

    def page(self: Any, path: Path | str | None = None) -> str:
        """The map as one interactive HTML file that needs no network.

        Args:
            path: file to write; None writes nothing.

        Returns:
            The HTML.
        """
        check_arguments(MapDisplay.page, locals())
        from cal.maps.page import page_of

        return page_of(self, path)

    def select(self: Any, **parameters: Any) -> Selection:
        """The instances to train on: `cal.select` of this map.

        Args:
            parameters: those of `cal.select`, such as `recipe="ambiguous_easy", fraction=0.33`.
        """
        from cal.selection.request import select

        return select(self, **parameters)

    def save(
        self: Any, path: Path | str, *, config: Mapping[str, Any] | None = None, about: Mapping[str, Any] | None = None
    ) -> None:
        """Writes the map: as the folder of `cal map`, or as one `.parquet` or `.csv` file.

        The folder has tables, figures and a page. Of several runs it keeps their mean and the coordinates of each.

        Args:
            path: folder, or file with such a suffix.
            config: configuration, for the folder's config.yaml.
            about: further entries of the folder's map.json, such as versions.

        Raises:
            StorageError: if the folder holds something else, or something cannot be written.

        Example:
            >>> import tempfile, torch
            >>> from cal.dynamics.data_map import DataMap, TrainingDynamics
            >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0]]])
            >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0])), ["a", "b"])
            >>> path = Path(tempfile.mkdtemp()) / "map.csv"
            >>> data_map.save(path)
            >>> DataMap.load(path).ids
            ['a', 'b']
        """
        check_arguments(MapDisplay.save, locals())
        from cal.maps.folder import save_map

        save_map(self, path, config=config or {}, about=about or {})

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """The map that `save` wrote, or that `cal.maps.read.read_map` finds elsewhere.

        Raises:
            DataError: if there is no map, or it cannot be read.
        """
        check_arguments(MapDisplay.load, locals())
        from cal.maps.read import read_map

        return cast(Self, read_map(path))

    @property
    def known_metrics(self: Any) -> list[str]:
        """The metrics that this map has, of `METRICS`; files of other tools may hold the coordinates only."""
        return [name for name in METRICS if not len(self) or not getattr(self, name).isnan().any()]

    @property
    def title(self: Any) -> str:
        """Heading of figures and pages."""
        return f"Data map of {self.name}" if self.name else "Data map"

    def __repr__(self: Any) -> str:
        counts = {"instance": len(self), "epoch": self.n_epochs, "run": self.n_runs}
        listed = ", ".join(quantity(n, noun) for noun, n in counts.items())
        return f"DataMap{f' {self.name!r}' if self.name else ''}: {listed}"

    def __str__(self: Any) -> str:
        from cal.maps.summary import map_summary, summary_text

        return summary_text(map_summary(self))

    def _repr_html_(self: Any) -> str:
        from cal.maps.page import figure_html

        return figure_html(self.plot(), str(self).splitlines()[0])
