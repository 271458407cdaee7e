"""The work of `cal map-shards`: train on shards, measure every part, and draw the map."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cal.dynamics.regions import border_of, region_rule
from cal.learners.tasks import Executor, FileTask, carry_out, executor_of
from cal.maps.page import SAMPLE, map_page
from cal.maps.shard_tasks import (
    REGIONS,
    PartSummary,
    density_of,
    lowest_of_each,
    quantile_of,
    read_summary,
    summarise_part,
    write_regions,
)
from cal.maps.sharded_result import ShardedMap
from cal.maps.summary import summary_text, with_label_names
from cal.pickled import write_pickled
from cal.progress import bar
from cal.provenance import provenance
from cal.shards.files import ShardPart, find_shards, has_column, parts_of
from cal.shards.finding import draw_documents, find_documents
from cal.shards.measuring import MADE, count_labels, measure_part, write_vectors
from cal.shards.reading import ShardColumns
from cal.shards.streaming import StreamedTraining, refuse_unlabelled, train_streamed
from cal.shards.vectors import ColumnVectors, TextVectors

if TYPE_CHECKING:
    from cal.maps.sharded_request import MapShardsRequest

_NOT_LEARNT = ("workers", "cluster", "output", "region")
"""Parameters on which the training does not depend."""


def map_shards_in(request: MapShardsRequest, folder: Path, quiet: bool = True) -> ShardedMap:
    """Draws the map of a corpus in shards.

    Args:
        request: what to draw, and how.
        folder: folder for the map, in which finished parts are found again.
        quiet: hide progress bars.
    """
    folder = folder.absolute()  # workers may be in other folders
    work = folder / "parts"
    work.mkdir(parents=True, exist_ok=True)
    columns = request.columns._replace(label=request.label_column)
    paths = find_shards(request.shards)
    parts = parts_of(paths, columns.names, quiet)
    mark = work / "shared"
    mark.touch()
    executor = executor_of(request.workers, request.cluster, mark)
    counting = [FileTask.named(work, count_labels, tuple(part), request.label_column) for part in parts]
    carry_out(counting, executor, "part counted", quiet)
    counts = _counts([task.output for task in counting])
    told = {name: value for name, value in request.as_data().items() if name not in _NOT_LEARNT}
    about = repr((told, counts, [tuple(part) for part in parts], provenance("cpu")["versions"]))
    name = hashlib.blake2b(about.encode(), digest_size=12).hexdigest()
    trained, training, path = _training(request, columns, counts, parts, work / name)
    if request.vector_column is None:
        making = [FileTask.named(work, write_vectors, str(path), tuple(part)) for part in parts]
        carry_out(making, executor, "part of vectors", quiet)
        trained = parts_of([task.output for task in making], MADE.names)
        training, path = _read_from(training, work / name)
    total = training.n_documents * training.config.n_epochs
    with bar(total=total, desc="Training", unit="document", unit_scale=True, disable=quiet or None) as shown:
        epochs = tuple(train_streamed(training, trained, path.parent, shown.update))
    measuring = [FileTask.named(work, measure_part, str(path), epochs, tuple(part)) for part in trained]
    carry_out(measuring, executor, "part measured", quiet)
    return _drawn(request, training, [task.output for task in measuring], parts, executor, folder, quiet)


def _counts(paths: Sequence[str]) -> dict[str, int]:
    found: Counter[str | None] = Counter()
    for path in paths:
        table = pq.read_table(path)
        found.update(dict(zip(table["label"].to_pylist(), table["n_sum"].to_pylist(), strict=True)))
    return refuse_unlabelled(found)


def _training(
    request: MapShardsRequest, columns: Any, counts: dict[str, int], parts: Sequence[ShardPart], folder: Path
) -> tuple[Sequence[ShardPart], StreamedTraining, Path]:
    """The parts to train on, the training, and its file."""
    folder.mkdir(exist_ok=True)
    vectors: ColumnVectors | TextVectors = ColumnVectors()
    if request.vector_column is None:
        sample = draw_documents(request.sample, parts, columns._replace(label=None), request.seed)
        vectors = TextVectors.fitted(request.features, sample["text"].to_pylist())
        vectors(sample.slice(0, 1))  # fits it
    training = StreamedTraining(request.learner, columns, counts, vectors, request.seed)
    path = folder / "training"
    write_pickled(path, training)
    return parts, training, path


def _read_from(training: StreamedTraining, folder: Path) -> tuple[StreamedTraining, Path]:
    """The training on files of vectors, and its file."""
    read = StreamedTraining(training.config, MADE, training.counts, ColumnVectors(), training.seed)
    path = folder / "training-of-vectors"
    write_pickled(path, read)
    return read, path


def _drawn(
    request: MapShardsRequest,
    training: StreamedTraining,
    measured: Sequence[str],
    parts: Sequence[ShardPart],
    executor: Executor,
    folder: Path,
    quiet: bool,
) -> ShardedMap:
    """The map of the measured parts."""
    work, names = folder / "parts", list(training.counts)
    rule, parameters = region_rule(request.region)
    border = border_of(rule, parameters)
    at = None if border is None else quantile_of(measured, *border)
    given = tuple(sorted(parameters.items()))
    tasks = [
        FileTask.named(folder / "map", write_regions, path, rule, given, at, prefix=f"part-{number:05d}-")
        for number, path in enumerate(measured)
    ]
    carry_out(tasks, executor, "part of the map", quiet)
    rows = [task.output for task in tasks]
    for other in {*map(str, (folder / "map").iterdir())} - {*rows}:  # of an earlier rule
        Path(other).unlink()
    most = max(SAMPLE // (len(REGIONS) * len(names)), 1)
    summing = [FileTask.named(work, summarise_part, path, len(names), most, request.seed) for path in rows]
    carry_out(summing, executor, "part summed up", quiet)
    found = [read_summary(task.output) for task in summing]
    summary = _summary(request, training, found, rule, parameters)
    points = _sample(found, names, most)
    if has_column(parts[0], request.text_column):
        points = _with_texts(request, points, parts, executor, work)
    note = (
        f"{summary_text(summary).splitlines()[0]} Shown: the density of all {summary['n_instances']:,} instances, and "
        f"{len(points):,} of them as points, drawn evenly from regions and labels."
    )
    page = map_page(with_label_names(points), title=summary["name"], note=note, density=density_of(found))
    return ShardedMap(folder, summary, points, rows, page)


def _summary(
    request: MapShardsRequest,
    training: StreamedTraining,
    found: Sequence[PartSummary],
    rule: str,
    parameters: dict[str, Any],
) -> dict[str, Any]:
    """What `cal.maps.summary.map_summary` says of a map in memory."""
    n = sum(each.n for each in found)
    c, v, cc, vv, cv = np.sum([each.sums for each in found], axis=0) / n
    spread = float(np.sqrt(max(cc - c * c, 0) * max(vv - v * v, 0)))
    regions = {name: sum(each.regions[name] for each in found) for name in REGIONS}
    return {
        "name": request.name,
        "n_instances": n,
        "n_epochs": training.config.n_epochs,
        "capture": "end",
        "seeds": [request.seed],
        "label_names": list(training.counts),
        "region_rule": {rule: parameters},
        "regions": {name: count for name, count in sorted(regions.items(), key=lambda each: -each[1]) if count},
        "correct_at_the_end": sum(each.n_correct for each in found) / n,
        "correlation_of_confidence_and_variability": float((cv - c * v) / spread) if spread > 0 else None,
        "correlation_between_seeds": None,
    }


def _sample(found: Sequence[PartSummary], names: Sequence[str], most: int) -> pd.DataFrame:
    """The sampled rows of all parts, as many of each region and label as of another where there are enough."""
    table = pa.concat_tables([each.sample for each in found], promote_options="permissive").combine_chunks()
    codes = pd.Categorical(table["region"].to_pylist(), categories=REGIONS).codes.astype(np.int64)
    gold = table["gold"].to_numpy()
    rows = lowest_of_each(codes * len(names) + gold, table["draw"].to_numpy(), most)
    points = table.drop_columns(["draw"]).take(pa.array(rows)).to_pandas()
    labels = np.array(names, dtype=object)
    points["region"] = points["region"].astype(str)
    for name in ("first_learnt", "last_learnt"):
        points[name] = points[name].where(points[name] >= 0).astype("Int64")
    named: pd.DataFrame = points.assign(gold_label=labels[points["gold"]], predicted_label=labels[points["predicted"]])
    return named


def _with_texts(
    request: MapShardsRequest, points: pd.DataFrame, parts: Sequence[ShardPart], executor: Executor, work: Path
) -> pd.DataFrame:
    """The points with their texts."""
    columns = ShardColumns(request.id_column, request.text_column)
    found = find_documents(points["id"].tolist(), parts, columns, executor, work)
    text_of = dict(zip(found["id"].to_pylist(), found["text"].to_pylist(), strict=True))
    with_texts: pd.DataFrame = points.assign(text=points["id"].map(text_of))
    return with_texts
