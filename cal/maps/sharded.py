"""The work of `cal map-shards`: train on shards, measure every part, and draw the map."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cal.dynamics.regions import border_of, region_rule
from cal.learners.tasks import Executor, FileTask, carry_out, executor_of, remove_others
from cal.maps.page import SAMPLE, map_page
from cal.maps.shard_tasks import (
    REGIONS,
    MapTotals,
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
from cal.shards.files import ShardPart, has_column, parts_of
from cal.shards.finding import draw_documents, find_documents
from cal.shards.logged import MeasuredParts, measure_logs
from cal.shards.measuring import count_labels, measure_part, training_in, write_vectors
from cal.shards.reading import ShardColumns
from cal.shards.streaming import VECTORS, StreamedTraining, refuse_unlabelled, train_streamed
from cal.shards.vectors import ColumnVectors, TextVectors

if TYPE_CHECKING:
    from cal.maps.sharded_request import MapShardsRequest

logger = logging.getLogger(__name__)

_LEARNT = ("learner", "n_epochs", "seed")
"""Parameters that the training depends on, beside the documents and the columns."""


def map_shards_in(
    request: MapShardsRequest, parts: Sequence[ShardPart], folder: Path, quiet: bool = True
) -> ShardedMap:
    """Draws the map of a corpus in shards.

    Args:
        request: what to draw, and how.
        parts: the parts of the shards.
        folder: folder for the map, in which finished parts are found again.
        quiet: hide progress bars.
    """
    folder = folder.absolute()  # workers may be in other folders
    work = folder / "parts"
    work.mkdir(parents=True, exist_ok=True)
    executor = executor_of(request.workers, request.cluster, folder, sorted({part.path for part in parts}))
    if request.logs is None:
        measured = _trained(request, parts, executor, work, quiet)
    else:
        measured = measure_logs(
            Path(request.logs).absolute(), request.log_options, executor, request.workers, work, quiet
        )
    return _drawn(request, measured, parts, executor, folder, quiet)


def _trained(
    request: MapShardsRequest, parts: Sequence[ShardPart], executor: Executor, work: Path, quiet: bool
) -> MeasuredParts:
    """The parts, measured by a perceptron that is trained on all of them."""
    counting = [FileTask.named(work, count_labels, tuple(part), request.label_column) for part in parts]
    carry_out(counting, executor, "part", quiet)
    counts = counts_in([task.output for task in counting])
    training, path = _training(request, counts, parts, executor, work)
    trained = parts
    if request.vector_column is None:
        making = [FileTask.named(work, write_vectors, str(path), tuple(part)) for part in parts]
        carry_out(making, executor, "part", quiet)
        trained = parts_of([task.output for task in making], VECTORS.required())
        training, path = _read_from(training, path.parent)
    total = training.n_documents * training.config.n_epochs
    with bar(total=total, desc="Training", unit="document", unit_scale=True, disable=quiet or None) as shown:
        epochs = tuple(train_streamed(training, trained, path.parent, shown.update))
    measuring = [FileTask.named(work, measure_part, str(path), epochs, tuple(part)) for part in trained]
    carry_out(measuring, executor, "part", quiet)
    names, n_epochs = list(training.counts), training.config.n_epochs
    return MeasuredParts([task.output for task in measuring], names, n_epochs, "end", [request.seed])


def counts_in(paths: Sequence[str]) -> dict[str, int]:
    """The number of documents of each label, from files of `count_labels`.

    Raises:
        DataError: if there are documents without a label, or fewer than two labels.
    """
    found: Counter[str | None] = Counter()
    for path in paths:
        table = pq.read_table(path)
        found.update(dict(zip(table["label"].to_pylist(), table["n_sum"].to_pylist(), strict=True)))
    return refuse_unlabelled(found)


def _training(
    request: MapShardsRequest, counts: dict[str, int], parts: Sequence[ShardPart], executor: Executor, work: Path
) -> tuple[StreamedTraining, Path]:
    """The training, and its file, which is written once for the same documents and parameters."""
    columns, texts = request.columns._replace(label=request.label_column), request.vector_column is None
    names = (*_LEARNT, "features", "sample") if texts else _LEARNT
    told = {name: value for name, value in request.as_data().items() if name in names}
    about = repr((told, tuple(columns), counts, [tuple(part) for part in parts], provenance("cpu")["versions"]))
    path = work / hashlib.blake2b(about.encode(), digest_size=12).hexdigest() / "training"
    if path.exists():
        return training_in(str(path)), path
    training = training_of(request, counts, parts, executor, work)
    write_pickled(path, training)
    return training, path


def training_of(
    request: MapShardsRequest, counts: dict[str, int], parts: Sequence[ShardPart], executor: Executor, work: Path
) -> StreamedTraining:
    """What is trained; what makes vectors of texts is fitted on some of them.

    Args:
        request: what to draw, and how.
        counts: number of documents of each label.
        parts: the parts of the shards.
        executor: what draws the texts.
        work: folder for the files of the work.
    """
    columns = request.columns._replace(label=request.label_column)
    vectors: ColumnVectors | TextVectors = ColumnVectors()
    if request.vector_column is None:
        of_texts = columns._replace(label=None)
        sample = draw_documents(request.sample, parts, of_texts, request.seed, executor, work)
        vectors = TextVectors.fitted(request.features, sample["text"].to_pylist())
        vectors(sample.slice(0, 1))  # fits it
    return StreamedTraining(request.learner, columns, counts, vectors, request.seed)


def _read_from(training: StreamedTraining, folder: Path) -> tuple[StreamedTraining, Path]:
    """The training on files of vectors, and its file."""
    read, path = training.on_vectors(), folder / "training-of-vectors"
    if not path.exists():
        write_pickled(path, read)
    return read, path


def _drawn(
    request: MapShardsRequest,
    measured: MeasuredParts,
    parts: Sequence[ShardPart],
    executor: Executor,
    folder: Path,
    quiet: bool,
) -> ShardedMap:
    """The map of the measured parts."""
    work, names = folder / "parts", measured.label_names
    rule, parameters = region_rule(request.region)
    border = border_of(rule, parameters)
    at = None if border is None else quantile_of(measured.files, *border)
    given = tuple(sorted(parameters.items()))
    tasks = [
        FileTask.named(folder / "map", write_regions, path, rule, given, at, prefix=f"part-{number:05d}-")
        for number, path in enumerate(measured.files)
    ]
    carry_out(tasks, executor, "part", quiet)
    rows = [task.output for task in tasks]
    remove_others(folder / "map", rows)  # of an earlier rule
    most = max(SAMPLE // (len(REGIONS) * len(names)), 1)
    summing = [FileTask.named(work, summarise_part, path, len(names), most, request.seed) for path in rows]
    carry_out(summing, executor, "part", quiet)
    found = MapTotals(len(names), most)
    for task in summing:
        found.add(read_summary(task.output))
    summary = _summary(request, measured, found, rule, parameters)
    points = _sample(found.sample, names)
    if any(has_column(part, request.text_column) for part in parts):
        points = _with_texts(request, points, parts, executor, work)
    points_are = (
        "all of them" if len(points) == found.n else f"{len(points):,} of them, evenly from regions and labels,"
    )
    first = summary_text(summary).splitlines()[0]
    note = f"{first} Shown: the density of all {found.n:,} instances, and {points_are} as points."
    page = map_page(with_label_names(points), title=summary["name"], note=note, density=found.density)
    return ShardedMap(folder, summary, points, rows, page)


def _summary(
    request: MapShardsRequest,
    measured: MeasuredParts,
    found: MapTotals,
    rule: str,
    parameters: dict[str, Any],
) -> dict[str, Any]:
    """The same summary as `cal.maps.summary.map_summary` gives for a map in memory."""
    names = measured.label_names
    c, v, cc, vv, cv = found.sums / found.n
    spread = float(np.sqrt(max(cc - c * c, 0) * max(vv - v * v, 0)))
    return {
        "name": request.name,
        "n_instances": found.n,
        "n_epochs": measured.n_epochs,
        "capture": measured.capture,
        "seeds": list(measured.seeds),
        "label_names": list(names),
        "region_rule": {rule: parameters},
        "regions": {name: n for name, n in sorted(found.regions.items(), key=lambda each: -each[1]) if n},
        "correct_at_the_end": found.n_correct / found.n,
        "correlation_of_confidence_and_variability": float((cv - c * v) / spread) if spread > 0 else None,
        "correlation_between_seeds": None,
    }


def _sample(table: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    """The sampled rows, with the names of their labels."""
    points = table.drop_columns(["draw"]).to_pandas()
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
    columns = ShardColumns(request.id_column, shown=request.text_column)
    found = find_documents(points["id"].tolist(), parts, columns, executor, work)
    if n_lacking := len(points) - len(found):
        logger.warning(
            "%d of %d instances on the page have no text: the shards lack their ids.", n_lacking, len(points)
        )
    if not len(found):
        return points
    text_of = dict(zip(found["id"].to_pylist(), found["shown"].to_pylist(), strict=True))
    with_texts: pd.DataFrame = points.assign(text=points["id"].map(text_of).fillna(""))
    return with_texts
