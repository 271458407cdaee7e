"""What scoring some random parts of the shards costs here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from cal.errors import quantity
from cal.learners.tasks import LocalProcesses, most_memory
from cal.pickled import write_pickled
from cal.planning.clock import Seconds, in_waves, seconds_to_start, seconds_to_start_workers
from cal.planning.figures import duration
from cal.planning.scores import ScoreCosts, ShardSizes
from cal.planning.shard_parts import LEAST, bytes_of, drawn_parts
from cal.shards.best import Best
from cal.shards.files import ShardPart, find_shards, open_shard, parts_of, row_groups
from cal.shards.finding import draw_documents
from cal.shards.labelled import ShardLabels, read_labels
from cal.shards.reading import ShardColumns, find_in_part, read_part
from cal.shards.score import labelled_documents, train_scorer
from cal.shards.scorer import refuse_learner, scorer_in
from cal.shards.scoring import PHASES, ScoredPart, read_scored, score_part, scores_file

if TYPE_CHECKING:
    from cal.planning.scores_request import ScoresPlanRequest

_HERE = LocalProcesses(1)
_NEEDED = "cal.shards.score, cal.learners.mlp, cal.acquisition.uncertainty"


class SearchedPart(NamedTuple):
    """What searching a part for ids has cost.

    Attributes:
        seconds: seconds to read its ids, and find none.
        seconds_of_texts: seconds to read its texts, if that was asked for.
        found: the documents with the ids.
        n_groups: number of its row groups.
        n_held: number of those that hold some of the documents.
        n_bytes: bytes of the part in its file.
    """

    seconds: float
    seconds_of_texts: float
    found: list[pa.Table]
    n_groups: int
    n_held: int
    n_bytes: int


class TimedPart(NamedTuple):
    """What scoring a part has cost.

    Attributes:
        load: seconds until the worker had the classifier, and had tried it.
        seconds: seconds to score the part.
        memory: most memory that the worker had so far, in bytes.
    """

    load: float
    seconds: float
    memory: int


def measure_scores(request: ScoresPlanRequest, folder: Path, quiet: bool = True) -> ScoreCosts:
    """Searches and scores some random parts, as the command would, and says what it has cost.

    Args:
        request: what is planned.
        folder: folder for the files of the work.
        quiet: hide progress bars.
    """
    refuse_learner(request.learner, request.needs)
    began, n_processes, columns = time.perf_counter(), request.n_processes, request.columns
    start = seconds_to_start(f"cal.cli, hydra, {_NEEDED}")
    starting = seconds_to_start_workers(_NEEDED, n_processes)
    with Seconds() as looking:
        paths = find_shards(request.shards)
        parts = parts_of(paths, columns.required(), quiet)
    with Seconds() as training:
        labels = read_labels(request.labelled, columns._replace(label=request.label_column))
    drawn, other = drawn_parts(request, parts, request.seed)
    ids = list(labels.known)
    with open_shard(parts[0].path) as file:
        has_texts = request.text_column in file.schema_arrow.names
    texts = request.text_column if has_texts and columns.text is None else None
    least = min(LEAST, len(drawn))
    to_search = [(tuple(part), tuple(columns), ids, texts, tuple(other)) for part in drawn]
    searched = in_waves(search_part, to_search, n_processes, least)
    drawn = drawn[: len(searched)]
    found, n_stand_ins = _labelled(searched, labels, drawn, columns, request.seed, folder)
    path, alone = folder / "scorer", request.alone
    with training:
        write_pickled(
            path, train_scorer(request, labels, labelled_documents(found, labels, columns), drawn, _HERE, folder)
        )
    n = request.n if alone else request.candidates
    files = [(str(folder / f"{row}.parquet"), str(folder / "scores-")) for row in range(len(drawn))]
    to_score = [
        (output, str(path), tuple(part), n, scores if request.scores else None, tuple(other))
        for part, (output, scores) in zip(drawn, files, strict=True)
    ]
    timed = in_waves(time_part, to_score, n_processes, least)
    drawn, searched, files = drawn[: len(timed)], searched[: len(timed)], files[: len(timed)]
    with Seconds() as merging:
        scored = [read_scored(output) for output, _ in files]
        best = Best(n, request.seed)
        for each in scored:
            if len(each.best):
                best.merge(each.best)
    choose, notes = (0.0, []) if alone else _choosing(request, path, drawn)
    if n_stand_ins:
        notes.append(
            f"{n_stand_ins:,} of {quantity(len(ids), 'labelled document')} are not in the parts measured; random "
            "documents stood in for them in the training."
        )
    n_measured, n_all = sum(part.n_rows for part in drawn), sum(part.n_rows for part in parts)
    return ScoreCosts(
        sizes=ShardSizes(n_all, len(paths), len(parts), sum(part.groups[1] - part.groups[0] for part in parts)),
        per_document=_per_document(drawn, searched, timed, scored, texts is not None),
        start=start + _of_new_workers(request.n_workers, n_processes, start, starting) + max(e.load for e in timed),
        file=looking.seconds / len(paths),
        train=training.seconds,
        merge=merging.seconds / len(scored),
        choose=choose,
        n_chosen=request.n,
        n_candidates=0 if alone else request.candidates,
        n_labelled=len(ids),
        labelled_share=sum(each.n_held for each in searched) / sum(each.n_groups for each in searched),
        has_texts=has_texts,
        memory=max(each.memory for each in timed),
        bytes_of_document=sum(each.n_bytes for each in searched) / n_measured,
        bytes_of_part=_n_bytes(output for output, _ in files) / len(files),
        bytes_of_score=_n_bytes(scores_file(scores, output) for output, scores in files) / n_measured,
        measured=f"{quantity(len(drawn), 'part')} with {n_measured:,} of {n_all:,} documents, by "
        f"{quantity(n_processes, 'process', 'processes')} at once, in {duration(time.perf_counter() - began)}",
        notes=tuple(notes),
    )


def search_part(
    part: tuple[Any, ...],
    columns: tuple[str | None, ...],
    ids: Sequence[str],
    texts: str | None,
    other: tuple[Any, ...],
) -> SearchedPart:
    """Task: searches a part for ids that it cannot hold, with a clock, and then for some that it may hold.

    Args:
        part: the part.
        columns: columns to read of what is found.
        ids: ids that it may hold.
        texts: column with texts to read, too; None for none.
        other: part that a new worker searches first, without a clock.
    """
    of, read = ShardPart(*part), ShardColumns(*columns)
    unknown = tuple(f"\0{number}" for number in range(len(ids)))
    _search_once(other, columns, unknown)
    with Seconds() as searching:
        list(find_in_part(of, read, unknown))
    with Seconds() as reading:
        if texts is not None:
            for _ in read_part(of, ShardColumns(read.id, texts)):
                pass
    groups = row_groups(of)
    found = [list(find_in_part(group, read, ids)) for group in groups]
    n_bytes = bytes_of(of)
    tables = [table for each in found for table in each]
    return SearchedPart(searching.seconds, reading.seconds, tables, len(groups), sum(map(bool, found)), n_bytes)


@lru_cache(maxsize=1)
def _search_once(part: tuple[Any, ...], columns: tuple[str | None, ...], ids: tuple[str, ...]) -> None:
    """Makes a worker warm: memory that it has used before is faster."""
    list(find_in_part(ShardPart(*part), ShardColumns(*columns), ids))


def time_part(
    output: str, scorer: str, part: tuple[Any, ...], n: int, scores: str | None, other: tuple[Any, ...]
) -> TimedPart:
    """Task: scores a part as the command does, with a clock that starts when the worker is warm.

    Args:
        output: file to write.
        scorer: file with the scorer.
        part: the part.
        n: number of documents to keep.
        scores: file for the score of every candidate of the part; None keeps only the best.
        other: part that a new worker scores first, without a clock.
    """
    with Seconds() as loading:
        loaded = scorer_in(scorer)
        some = next(read_part(ShardPart(*part), loaded.columns)).slice(0, 64)
        loaded.scores(loaded.pool(some))
    _score_once(scorer, other, n)
    with Seconds() as scoring:
        score_part(output, scorer, part, n, scores)
    return TimedPart(loading.seconds, scoring.seconds, most_memory())


@lru_cache(maxsize=1)
def _score_once(scorer: str, part: tuple[Any, ...], n: int) -> None:
    """Makes a worker warm."""
    score_part(f"{scorer}-{os.getpid()}.warm", scorer, part, n, None)


def _per_document(
    drawn: Sequence[ShardPart],
    searched: Sequence[SearchedPart],
    timed: Sequence[TimedPart],
    scored: Sequence[ScoredPart],
    has_texts: bool,
) -> dict[str, np.ndarray]:
    """(part,) seconds for a document, by phase; what no phase has is `write`."""
    n_documents = np.array([part.n_rows for part in drawn], dtype=float)
    seconds = {phase: [each.seconds.get(phase, 0.0) for each in scored] for phase in PHASES}
    rest = np.array([each.seconds for each in timed]) - np.sum([*seconds.values()], axis=0)
    seconds |= {"write": [max(each, 0.0) for each in rest], "search": [each.seconds for each in searched]}
    if has_texts:
        seconds["texts"] = [each.seconds_of_texts for each in searched]
    return {phase: np.array(each) / n_documents for phase, each in seconds.items()}


def _n_bytes(paths: Iterable[str | Path]) -> int:
    """Bytes of those files that there are."""
    return sum(path.stat().st_size for path in map(Path, paths) if path.exists())


def _labelled(
    searched: Sequence[SearchedPart],
    labels: ShardLabels,
    drawn: Sequence[ShardPart],
    columns: ShardColumns,
    seed: int,
    folder: Path,
) -> tuple[pa.Table, int]:
    """The labelled documents that were found, with random ones under the ids of others, and the number of these."""
    tables = [table for each in searched for table in each.found]
    known = {each for table in tables for each in table["id"].to_pylist()}
    source = labels.texts if columns.vector is None else labels.vectors
    lacking = [each for each in labels.known if each not in known and each not in source]
    if lacking:
        some = draw_documents(len(lacking), drawn, columns, seed, _HERE, folder)
        some = some.take(pa.array(np.arange(len(lacking)) % len(some)))
        tables.append(some.set_column(some.column_names.index("id"), "id", pa.array(lacking, pa.string())))
    if not tables:
        return pa.table({"id": pa.array([], pa.string())}), 0
    return pa.concat_tables(tables), len(lacking)


def _choosing(request: ScoresPlanRequest, scorer: Path, drawn: Sequence[ShardPart]) -> tuple[float, list[str]]:
    """Seconds to choose among the candidates that a prefilter leaves, and what to say about that."""
    loaded = scorer_in(str(scorer))
    some = loaded.candidates(
        draw_documents(request.candidates, drawn, request.columns, request.seed, _HERE, scorer.parent)
    )
    with Seconds() as choosing:
        loaded.choose(request.chooser, some, request.n)
    if len(some) >= 0.9 * request.candidates:
        return choosing.seconds, []
    told = f"Choosing was measured among {len(some):,} candidates, and is taken to grow with their number."
    return choosing.seconds * request.candidates / max(len(some), 1), [told]


def _of_new_workers(n_workers: int, n_processes: int, start: float, starting: float) -> float:
    """Seconds until workers have started, if the command has any but itself."""
    return 0.0 if n_workers == 1 else starting if n_processes > 1 else start
