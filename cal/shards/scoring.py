"""Scoring: the task that reads a part of the shards and keeps its best documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from cal.learners.tasks import most_memory
from cal.shards.best import Best
from cal.shards.files import ShardPart
from cal.shards.finding import write_table
from cal.shards.reading import read_part
from cal.shards.scorer import scorer_in
from cal.stopwatch import Stopwatch, phase

_ABOUT = b"cal"
PHASES = ("read", "vectors", "score")
"""Phases of a part whose seconds are kept."""


class ScoredPart(NamedTuple):
    """What is known of a part that was scored.

    Attributes:
        best: its best documents, as `Best.table`, with `suggested` and `probability`.
        n_documents: number of documents.
        n_candidates: number of those that may be chosen.
        notes: what the strategy said.
        seconds: seconds by phase: read, vectors, score.
        memory: most memory that the worker had so far, in bytes; 0 where the system does not say.
    """

    best: pa.Table
    n_documents: int
    n_candidates: int
    notes: list[str]
    seconds: dict[str, float]
    memory: int


def score_part(output: str, scorer: str, part: tuple[Any, ...], n: int, scores: str | None) -> None:
    """Task: writes the n best documents of a part, with the label and probability that the classifier gives them.

    Args:
        output: file to write.
        scorer: file with the scorer.
        part: the part.
        n: number of documents to keep.
        scores: path, without its end, for the score of every candidate of the part; None keeps only the best.
    """
    loaded, watch = scorer_in(scorer), Stopwatch()
    best, n_documents, n_candidates, notes = Best(n, loaded.seed), 0, 0, dict[str, None]()
    every: list[pa.Table] = []
    batches = read_part(ShardPart(*part), loaded.columns, width=loaded.width if loaded.columns.vector else None)
    with watch:
        while True:
            with phase("read"):
                documents = next(batches, None)
            if documents is None:
                break
            candidates = loaded.candidates(documents)
            n_documents, n_candidates = n_documents + len(documents), n_candidates + len(candidates)
            if not len(candidates):
                continue
            with phase("vectors"):
                pool = loaded.pool(candidates)
            with phase("score"):
                scored = loaded.scores(pool)
                if len(positions := best.worth(scored)):
                    kept = candidates.select(["id"]).take(pa.array(positions))
                    best.add(scored[positions], loaded.with_predicted(kept, pool, positions))
            notes |= dict.fromkeys(pool.notes[0])
            if scores is not None:
                every.append(pa.table({"id": candidates["id"], "score": scored}))
    if scores is not None:
        empty = pa.table({"id": pa.array([], pa.string()), "score": pa.array([], pa.float64())})
        write_table(scores_file(scores, output), pa.concat_tables([empty, *every]))
    about: dict[str, Any] = {
        "documents": n_documents,
        "candidates": n_candidates,
        "notes": list(notes),
        "seconds": {name: watch.seconds.get(name, 0.0) for name in PHASES},
        "memory": most_memory(),
    }
    table = best.table.replace_schema_metadata({_ABOUT: orjson.dumps(about)})
    write_table(Path(output), table)


def scores_file(start: str, output: str) -> Path:
    """The file for the score of every candidate, named like the output of the task."""
    return Path(f"{start}{Path(output).name}")


def read_scored(path: str) -> ScoredPart:
    """What `score_part` has written."""
    table = pq.read_table(path)
    about = orjson.loads(table.schema.metadata[_ABOUT])
    return ScoredPart(table, about["documents"], about["candidates"], about["notes"], about["seconds"], about["memory"])
