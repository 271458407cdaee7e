"""ShardedMap: the data map of a corpus in shards, which stays on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.maps.summary import summary_text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ShardedMap:
    """The data map of a corpus in shards.

    Attributes:
        folder: its folder.
        summary: sizes, regions and correlations, as in the map.json of a map in memory.
        sample: rows of some instances, equally many of each region and label where there are enough, with texts if the
            shards have any.
        files: Parquet files with the rows of all instances, in the order of the shards; those of logs that were divided
            by ids are ordered by id within each file.
        html: the page, with the density of all instances and the sample as points.
    """

    folder: Path
    summary: Mapping[str, Any]
    sample: pd.DataFrame
    files: Sequence[str]
    html: str = field(repr=False)

    def __len__(self) -> int:
        """Number of instances."""
        return int(self.summary["n_instances"])

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """The rows of all instances, file by file.

        Args:
            columns: columns to read; None reads all.
        """
        import pandas as pd

        check_arguments(ShardedMap.frames, {"columns": columns})
        for path in self.files:
            yield pd.read_parquet(path, columns=None if columns is None else list(columns))

    def __str__(self) -> str:
        return summary_text(self.summary)

    def __repr__(self) -> str:
        return f"ShardedMap '{self.summary['name']}': {len(self):,} instances in {self.folder}"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>{self.sample.to_html(index=False, max_rows=10)}"
