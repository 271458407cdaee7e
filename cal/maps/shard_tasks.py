"""Tasks on the parts of a map: regions by a border that holds for all parts, and what a page shows of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cal.dynamics.regions import AMBIGUOUS, EASY, HARD, OTHER, RULES
from cal.maps.page import Density
from cal.shards.finding import write_table
from cal.streams import uniform_of

REGIONS = (EASY, AMBIGUOUS, HARD, OTHER)
_BINS = 300, 100
_RANGES = [[-0.01, 0.51], [-0.04, 1.04]]  # of variability and confidence
_ABOUT, _SUMS = b"cal", ("confidence", "variability")


def write_regions(
    output: str, measured: str, rule: str, parameters: tuple[tuple[str, float], ...], border: float | None
) -> None:
    """Task: writes the rows of a measured part with their regions.

    Args:
        output: file to write.
        measured: file of `cal.shards.measuring.measure_part`.
        rule: name of the rule.
        parameters: its parameters.
        border: border of the rule over all parts; None if the rule has none.
    """
    table = pq.read_table(measured)
    points = table.select(["confidence", "variability", "aleatoric"]).to_pandas()
    given = dict(parameters) | ({} if border is None else {"border": border})
    codes = pd.Categorical(RULES[rule](points, **given), categories=REGIONS).codes
    regions = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(REGIONS))
    write_table(Path(output), table.append_column("region", regions))


class PartSummary(NamedTuple):
    """What is known of a part.

    Attributes:
        n: number of instances.
        n_correct: number of instances that the last epoch predicts correctly.
        regions: number of instances of each region.
        sums: sums of confidence c, variability v, c c, v v and c v.
        counts: (y, x) number of instances in each cell of the density.
        sample: sampled rows, with `draw`, by which samples of several parts are merged.
    """

    n: int
    n_correct: int
    regions: Mapping[str, int]
    sums: Sequence[float]
    counts: np.ndarray
    sample: pa.Table


def summarise_part(output: str, rows: str, n_classes: int, most: int, seed: int) -> None:
    """Task: writes a sample of a part and, beside it, what `PartSummary` has.

    Args:
        output: file to write.
        rows: file of `write_regions`.
        n_classes: number of labels.
        most: greatest number of rows to sample of each region and label.
        seed: seed of the sample.
    """
    table = pq.read_table(rows)
    gold, region = table["gold"].to_numpy(), table["region"].combine_chunks().indices.to_numpy()
    confidence, variability = (table[name].to_numpy() for name in _SUMS)
    counts, _, _ = np.histogram2d(variability, confidence, bins=_BINS, range=_RANGES)
    draws = uniform_of(seed, "map/sample", table["id"].to_pylist())[:, 0]
    chosen = lowest_of_each(region * n_classes + gold, draws, most)
    about = {
        "n": len(table),
        "n_correct": int((table["predicted"].to_numpy() == gold).sum()),
        "regions": dict(zip(REGIONS, np.bincount(region, minlength=len(REGIONS)).tolist(), strict=True)),
        "sums": [float(each.sum()) for each in (confidence, variability, confidence**2, variability**2)],
        "counts": counts.T.astype(int).ravel().tolist(),
    }
    about["sums"].append(float(confidence @ variability))
    sample = table.take(pa.array(chosen)).append_column("draw", pa.array(draws[chosen]))
    write_table(Path(output), sample.replace_schema_metadata({_ABOUT: orjson.dumps(about)}))


def read_summary(path: str) -> PartSummary:
    """What `summarise_part` has written."""
    table = pq.read_table(path)
    about = orjson.loads(table.schema.metadata[_ABOUT])
    counts = np.array(about["counts"]).reshape(_BINS[::-1])
    return PartSummary(
        about["n"], about["n_correct"], about["regions"], about["sums"], counts, table.replace_schema_metadata(None)
    )


def density_of(summaries: Sequence[PartSummary]) -> Density:
    """The density of all parts, without the empty margin to its right."""
    counts = np.sum([each.counts for each in summaries], axis=0)
    n_bins = int(np.flatnonzero(counts.any(axis=0)).max()) + 2
    (low, high), y_range = _RANGES
    return Density(counts[:, :n_bins], [[low, low + (high - low) * min(n_bins, _BINS[0]) / _BINS[0]], y_range])


def lowest_of_each(groups: np.ndarray, draws: np.ndarray, most: int) -> np.ndarray:
    """Positions of the `most` lowest draws of each group, ascending.

    Example:
        >>> lowest_of_each(np.array([0, 0, 0, 1]), np.array([0.3, 0.1, 0.2, 0.9]), 2).tolist()
        [1, 2, 3]
    """
    order = np.lexsort((draws, groups))
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) != 0])
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    return np.sort(order[place < most])


def quantile_of(paths: Sequence[str], column: str, share: float) -> float:
    """The quantile of a column over several files, exactly as `numpy.quantile` of all values gives it.

    The values are counted in narrow bins first; then those of the bins that hold the quantile are sorted.

    Args:
        paths: Parquet files.
        column: column of numbers in [0, 1].
        share: share of the values that lie below.
    """
    n_bins = 2**16

    def bins_of(path: str) -> tuple[np.ndarray, np.ndarray]:
        values = pq.read_table(path, columns=[column])[column].to_numpy()
        return values, np.minimum((values * n_bins).astype(np.int64), n_bins - 1)

    counts = np.zeros(n_bins, np.int64)
    for path in paths:
        counts += np.bincount(bins_of(path)[1], minlength=n_bins)
    place = (counts.sum() - 1) * share
    low, below = int(np.floor(place)), np.concatenate([[0], counts.cumsum()])
    ranks = low, min(low + 1, int(counts.sum()) - 1)
    first, last = (int(np.searchsorted(below, rank, side="right")) - 1 for rank in ranks)
    found = [values[(bins >= first) & (bins <= last)] for values, bins in map(bins_of, paths)]
    near = np.sort(np.concatenate(found))
    a, b = near[low - below[first]], near[min(low + 1 - below[first], len(near) - 1)]
    part = place - low
    return float(a + (b - a) * part if part < 0.5 else b - (b - a) * (1 - part))  # as NumPy rounds
