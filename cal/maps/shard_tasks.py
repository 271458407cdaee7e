"""Tasks on the parts of a map: regions by a border that holds for all parts, and what a page shows of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
_MOST_WAITING = 200_000  # rows of samples that wait to be merged
_N_BINS, _MOST_SORTED, _MOST_PASSES = 2**12, 1_000_000, 6  # of a quantile


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


class MapTotals:
    """Sums over the parts of a map, and an even sample of them.

    Args:
        n_classes: number of labels.
        most: greatest number of rows to sample of each region and label.

    Attributes:
        n: number of instances.
        n_correct: number of instances that the last epoch predicts correctly.
        regions: number of instances of each region.
        sums: (5,) sums as `PartSummary` has them.
    """

    def __init__(self, n_classes: int, most: int) -> None:
        self._n_classes, self._most = n_classes, most
        self.n, self.n_correct, self.regions = 0, 0, dict.fromkeys(REGIONS, 0)
        self.sums, self._counts = np.zeros(5), np.zeros(_BINS[::-1], np.int64)
        self._samples: list[pa.Table] = []

    def add(self, part: PartSummary) -> None:
        """Adds a part."""
        self.n += part.n
        self.n_correct += part.n_correct
        for name in REGIONS:
            self.regions[name] += part.regions[name]
        self.sums += part.sums
        self._counts += part.counts
        self._samples.append(part.sample)
        if sum(map(len, self._samples)) > _MOST_WAITING:
            self._samples = [self.sample]

    @property
    def sample(self) -> pa.Table:
        """The sampled rows."""
        table = pa.concat_tables(self._samples).unify_dictionaries().combine_chunks()
        region = table["region"].combine_chunks()
        places = np.array([REGIONS.index(name) for name in region.dictionary.to_pylist()])
        groups = places[region.indices.to_numpy()] * self._n_classes + table["gold"].to_numpy()
        return table.take(pa.array(lowest_of_each(groups, table["draw"].to_numpy(), self._most)))

    @property
    def density(self) -> Density:
        """The density of all instances, without the empty margin to its right."""
        n_bins = int(np.flatnonzero(self._counts.any(axis=0)).max()) + 2
        (low, high), y_range = _RANGES
        width = (high - low) * min(n_bins, _BINS[0]) / _BINS[0]
        return Density(self._counts[:, :n_bins], [[low, low + width], y_range])


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

    The values are counted in bins, and those of the bins that hold the quantile in narrower ones, until they are few
    enough to be sorted.

    Args:
        paths: Parquet files.
        column: column of numbers in [0, 1].
        share: share of the values that lie below.
    """
    n, low, high = 0, 0.0, 1.0
    for narrowing in range(_MOST_PASSES):
        counts, below = np.zeros(_N_BINS, np.int64), 0
        edges = np.linspace(low, high, _N_BINS + 1)
        for values in _values(paths, column):
            here = values[(values >= low) & (values <= high)]
            counts += np.histogram(here, bins=edges)[0]
            below += int((values < low).sum())
            n += len(values) if narrowing == 0 else 0
        place = (n - 1) * share
        ranks = int(np.floor(place)), min(int(np.floor(place)) + 1, n - 1)
        ends = below + counts.cumsum()
        first, last = (int(np.searchsorted(ends, rank, side="right")) for rank in ranks)
        low, high = float(edges[first]), float(edges[last + 1])
        if counts[first : last + 1].sum() <= _MOST_SORTED or high - low < np.finfo(float).tiny * _N_BINS:
            break
    found = [values[(values >= low) & (values <= high)] for values in _values(paths, column)]
    n_below = sum(int((values < low).sum()) for values in _values(paths, column))
    near = np.sort(np.concatenate(found))
    a, b = near[ranks[0] - n_below], near[ranks[1] - n_below]
    part = place - np.floor(place)
    return float(a + (b - a) * part if part < 0.5 else b - (b - a) * (1 - part))  # as NumPy rounds


def _values(paths: Sequence[str], column: str) -> Iterator[np.ndarray]:
    for path in paths:
        yield pq.read_table(path, columns=[column])[column].to_numpy()
