"""What the map of some random parts of the shards costs here."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cal.dynamics.regions import border_of, region_rule
from cal.errors import quantity
from cal.learners.tasks import LocalProcesses, most_memory
from cal.maps.shard_tasks import quantile_of, summarise_part, write_regions
from cal.maps.sharded import counts_in, training_of
from cal.pickled import write_pickled
from cal.planning.clock import Seconds, in_waves, seconds_to_start, seconds_to_start_workers
from cal.planning.figures import duration
from cal.planning.maps import MapCosts
from cal.planning.scores import ShardSizes
from cal.planning.shard_parts import LEAST, bytes_of, drawn_parts
from cal.shards.files import ShardPart, find_shards, parts_of
from cal.shards.measuring import count_labels, measure_part, training_in, write_vectors
from cal.shards.streaming import TOGETHER, VECTORS, StreamedTraining, train_streamed
from cal.shards.vectors import ColumnVectors

if TYPE_CHECKING:
    from cal.planning.maps_request import MapsPlanRequest

_NEEDED = "cal.maps.sharded, cal.learners.mlp"
_HERE = LocalProcesses(1)
_LONG_ENOUGH, _MOST_EPOCHS = 3.0, 50  # seconds that are measured of the training, if so many epochs take them


class TimedPiece(NamedTuple):
    """What the map of a part has cost.

    Attributes:
        seconds: seconds by phase.
        memory: most memory that the worker had so far, in bytes.
        n_bytes: bytes that were written of its rows, and bytes of what sums them up.
    """

    seconds: dict[str, float]
    memory: int
    n_bytes: tuple[int, int]


def measure_map(request: MapsPlanRequest, folder: Path, quiet: bool = True) -> MapCosts:
    """Trains on some random parts for an epoch, and measures and draws them, as the command would.

    Args:
        request: what is planned.
        folder: folder for the files of the work.
        quiet: hide progress bars.
    """
    began, n_processes = time.perf_counter(), request.n_processes
    start = seconds_to_start(f"cal.cli, hydra, {_NEEDED}")
    starting = seconds_to_start_workers(_NEEDED, n_processes)
    columns = request.columns._replace(label=request.label_column)
    with Seconds() as looking:
        paths = find_shards(request.shards)
        parts = parts_of(paths, columns.required(), quiet)
    drawn, other = drawn_parts(request, parts, request.seed)
    labels = [str(folder / f"{row}-labels") for row in range(len(drawn))]
    to_count = [(output, tuple(part), columns.label, tuple(other)) for output, part in zip(labels, drawn, strict=True)]
    counted = in_waves(count_part, to_count, n_processes, len(drawn))
    warm = str(folder / "other-labels")
    count_labels(warm, tuple(other), request.label_column)  # it may have labels that the others lack
    n_all, n_counted = sum(part.n_rows for part in parts), sum(part.n_rows for part in (*drawn, other))
    counts = {name: math.ceil(n * n_all / n_counted) for name, n in counts_in([*labels, warm]).items()}
    with Seconds() as fitting:
        training = training_of(request, counts, drawn, _HERE, folder)
    path = folder / "training"
    write_pickled(path, training)
    train, epoch = _trained(training, drawn[:TOGETHER], folder)
    epochs = (epoch,) * training.config.n_epochs
    rule, parameters = region_rule(request.region)
    how = (epochs, rule, tuple(sorted(parameters.items())), len(counts))
    given = [(str(folder / f"{row}"), str(path), tuple(part), tuple(other), how) for row, part in enumerate(drawn)]
    timed = in_waves(map_part, given, n_processes, min(LEAST, len(drawn)))
    drawn, counted = drawn[: len(timed)], counted[: len(timed)]
    n_documents = np.array([part.n_rows for part in drawn], dtype=float)
    phases = {name: np.array([each.seconds[name] for each in timed]) / n_documents for name in timed[0].seconds}
    phases = {"count": np.array(counted) / n_documents, **phases}
    return MapCosts(
        sizes=ShardSizes(n_all, len(paths), len(parts), sum(part.groups[1] - part.groups[0] for part in parts)),
        per_document=phases,
        train=train,
        n_epochs=training.config.n_epochs,
        start=start + (0.0 if request.n_workers == 1 else starting if n_processes > 1 else start),
        file=looking.seconds / len(paths),
        sample=fitting.seconds if request.vector_column is None else 0.0,
        memory=max(each.memory for each in timed),
        bytes_of_document=sum(map(bytes_of, drawn)) / n_documents.sum(),
        bytes_of_row=sum(each.n_bytes[0] for each in timed) / n_documents.sum(),
        bytes_of_part=sum(each.n_bytes[1] for each in timed) / len(timed),
        measured=f"{quantity(len(drawn), 'part')} with {int(n_documents.sum()):,} of {n_all:,} documents, by "
        f"{quantity(n_processes, 'process', 'processes')} at once, in {duration(time.perf_counter() - began)}",
    )


def count_part(output: str, part: tuple[Any, ...], label: str, other: tuple[Any, ...]) -> float:
    """Task: counts the labels of a part, and of another one before; returns the seconds."""
    _count_once(str(Path(output).with_name(f"{os.getpid()}-warm-labels")), other, label)
    with Seconds() as counting:
        count_labels(output, part, label)
    return counting.seconds


@lru_cache(maxsize=1)
def _count_once(output: str, part: tuple[Any, ...], label: str) -> None:
    """Makes a worker warm: memory that it has used before is faster."""
    count_labels(output, part, label)


@lru_cache(maxsize=1)
def _map_once(output: str, *given: Any) -> None:
    """Makes a worker warm."""
    _timed_part(output, *given)


def map_part(
    output: str, training: str, part: tuple[Any, ...], other: tuple[Any, ...], how: tuple[Any, ...]
) -> TimedPiece:
    """Task: makes the vectors of a part, measures and draws it, and another one before; `how` as for `_timed_part`."""
    _map_once(str(Path(training).with_name(f"{os.getpid()}-warm")), training, other, *how)
    return _timed_part(output, training, part, *how)


def _timed_part(
    output: str,
    training: str,
    part: tuple[Any, ...],
    epochs: tuple[str, ...],
    rule: str,
    parameters: tuple[tuple[str, float], ...],
    n_classes: int,
) -> TimedPiece:
    """Seconds and bytes of the vectors of a part, its measures and its place in the map."""
    loaded, seconds, files = training_in(training), dict[str, float](), list[str]()
    if not isinstance(loaded.vectors, ColumnVectors):
        files.append(f"{output}-vectors")
        with Seconds() as making:
            write_vectors(files[-1], training, part)
        seconds["vectors"] = making.seconds
        (made,) = parts_of([files[-1]], VECTORS.required())
        part, training = tuple(made), f"{output}-training"
        write_pickled(Path(training), loaded.on_vectors())
    files += [f"{output}-measured", f"{output}-rows", f"{output}-sum"]
    with Seconds() as measuring:
        measure_part(files[-3], training, epochs, part)
    with Seconds() as drawing:
        border = border_of(rule, dict(parameters))
        at = None if border is None else quantile_of([files[-3]], *border)
        write_regions(files[-2], files[-3], rule, parameters, at)
        summarise_part(files[-1], files[-2], n_classes, 1_000, 0)
    seconds |= {"measure": measuring.seconds, "draw": drawing.seconds}
    *of_rows, of_part = (Path(each).stat().st_size for each in files)
    return TimedPiece(seconds, most_memory(), (sum(of_rows), of_part))


def _trained(training: StreamedTraining, parts: Sequence[ShardPart], folder: Path) -> tuple[float, str]:
    """Seconds to train on a document once, and the file of the perceptron after an epoch."""
    once = replace(training, config=replace(training.config, n_epochs=1))
    if not isinstance(training.vectors, ColumnVectors):  # the command trains on vectors that are made before
        write_pickled(folder / "training", training)
        write_vectors(str(folder / "vectors"), str(folder / "training"), tuple(parts[0]))
        parts = parts_of([str(folder / "vectors")], VECTORS.required())
        once = once.on_vectors()
    with Seconds() as first:
        (epoch,) = train_streamed(once, parts, folder)
    n_epochs = min(math.ceil(_LONG_ENOUGH / first.seconds), _MOST_EPOCHS)
    again = replace(once, config=replace(once.config, n_epochs=n_epochs))
    with Seconds() as warm:
        train_streamed(again, parts, folder / "again")
    return warm.seconds / n_epochs / sum(part.n_rows for part in parts), epoch
