"""The work of `cal score`: train, score every part, and choose."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cal.acquisition.digest import digest
from cal.errors import DataError, quantity
from cal.learners.tasks import Executor, FileTask, carry_out, executor_of
from cal.pickled import write_pickled
from cal.provenance import provenance
from cal.shards.best import Best
from cal.shards.files import ShardPart, find_shards, has_column, parts_of
from cal.shards.finding import draw_documents, find_documents, refuse_repeated
from cal.shards.labelled import ShardLabels, read_labels
from cal.shards.reading import ShardColumns
from cal.shards.score_result import ChosenDocuments
from cal.shards.scorer import LabelledDocuments, Scorer, scorer_in
from cal.shards.scoring import ScoredPart, read_scored, score_part, scores_file
from cal.shards.vectors import ColumnVectors, TextVectors

if TYPE_CHECKING:
    from cal.shards.score_request import ScoreRequest


_NOT_LEARNT = ("labelled", "scores", "workers", "cluster", "output")
"""Parameters on which the classifier does not depend, or that are told otherwise."""


def score_shards(request: ScoreRequest, folder: Path, quiet: bool = True) -> ChosenDocuments:
    """Chooses documents.

    Args:
        request: what to choose, and how.
        folder: folder for the files of the work, in which finished parts are found again.
        quiet: hide progress bars.
    """
    folder = folder.absolute()  # workers may be in other folders
    work = folder / "parts"
    work.mkdir(parents=True, exist_ok=True)
    columns = request.columns
    paths = find_shards(request.shards)
    parts = parts_of(paths, columns.names, quiet)
    labels = read_labels(request.labelled, columns._replace(label=request.label_column))
    mark = work / "shared"
    mark.touch()
    executor = executor_of(request.workers, request.cluster, mark)
    path = _scorer(request, labels, parts, executor, work)
    alone = request.chooser.pointwise
    n, scores = request.n if alone else request.candidates, folder / "scores"
    tasks = [
        FileTask.named(
            *(work, score_part, str(path), tuple(part), n),
            str(scores / f"part-{number:05d}-") if request.scores else None,
        )
        for number, part in enumerate(parts)
    ]
    if request.scores:
        _keep_only(tasks, scores)
    carry_out(tasks, executor, "part", quiet)
    found = [read_scored(task.output) for task in tasks]
    best = merged(found, n, request.seed)
    table, notes = best.table, dict.fromkeys(note for each in found for note in each.notes)
    n_candidates = sum(each.n_candidates for each in found)
    refuse_repeated(table["id"])
    if not alone and len(table):
        seen = find_documents(table["id"].to_pylist(), parts, columns, executor, work)
        table, told = scorer_in(str(path)).choose(request.chooser, seen, request.n)
        notes |= dict.fromkeys([_prefiltered(request, best.table, n_candidates), *told])
    return ChosenDocuments(
        _rows(request, table, _parts_with(table, parts, found), executor, work),
        request.label,
        sum(each.n_documents for each in found),
        n_candidates,
        n_candidates if alone else len(best.table),
        {phase: sum(each.seconds.get(phase, 0.0) for each in found) for phase in ("read", "vectors", "score")},
        max(each.memory for each in found),
        list(notes),
    )


def _keep_only(tasks: Sequence[FileTask], scores: Path) -> None:
    """Removes scores of other commands, and lets parts be scored again whose scores somebody has removed."""
    scores.mkdir(exist_ok=True)
    wanted = {scores_file(str(task.arguments[3]), task.output): task for task in tasks}
    for other in {*scores.iterdir()} - wanted.keys():
        other.unlink()
    for path, task in wanted.items():
        if not path.exists():
            Path(task.output).unlink(missing_ok=True)


def merged(found: Sequence[ScoredPart], n: int, seed: int) -> Best:
    """The n best documents of some parts."""
    best = Best(n, seed)
    for each in found:
        if len(each.best):
            best.merge(each.best)
    return best


def _scorer(
    request: ScoreRequest, labels: ShardLabels, parts: Sequence[ShardPart], executor: Executor, work: Path
) -> Path:
    """The file with the trained classifier, which is trained once for the same documents, labels and parameters."""
    about = {name: value for name, value in request.as_data().items() if name not in _NOT_LEARNT}
    strategies = [digest(each) for each in (request.chooser, request.filter)]
    read = [sorted(labels.known.items()), sorted(labels.nobody_knows), [tuple(part) for part in parts]]
    told = repr((about, strategies, read, provenance("cpu")["versions"]))
    path = work / f"scorer-{hashlib.blake2b(told.encode(), digest_size=12).hexdigest()}"
    if path.exists():
        return path
    found = find_documents(list(labels.known), parts, request.columns, executor, work)
    write_pickled(path, train_scorer(request, labels, found, parts))
    return path


def train_scorer(request: ScoreRequest, labels: ShardLabels, found: pa.Table, parts: Sequence[ShardPart]) -> Scorer:
    """Trains the classifier that scores.

    Args:
        request: what to choose, and how.
        labels: what is labelled.
        found: the labelled documents that the shards have.
        parts: all parts, from which the documents are drawn that vectors of texts are fitted on.
    """
    columns = request.columns
    documents = _with_lacking(found, labels, columns)
    order = np.argsort(np.array(documents["id"].to_pylist(), dtype=object), kind="stable")
    documents = documents.take(pa.array(order))
    vectors: ColumnVectors | TextVectors = ColumnVectors()
    if request.vector_column is None:
        sample = draw_documents(request.sample, parts, columns, request.seed)
        texts = [*documents["text"].to_pylist(), *sample["text"].to_pylist()]
        vectors = TextVectors.fitted(request.features, texts)
    ids, names = documents["id"].to_pylist(), labels.names
    gold = np.array([names.index(labels.known[each]) for each in ids], dtype=np.int64)
    training = LabelledDocuments(
        ids, gold, names, vectors(documents), documents["text"].to_pylist() if columns.text is not None else None
    )
    needs = request.chooser.needs | request.filter.needs
    strategy = request.chooser if request.chooser.pointwise else request.filter
    scorer = Scorer(
        strategy, request.learner, training, vectors, columns, needs, request.seed, request.n,
        [*labels.known, *labels.nobody_knows],
    )  # fmt: skip
    scorer.scores(scorer.pool(documents.slice(0, 1)))  # so that what the strategy learns is in the file, too
    return scorer


def _with_lacking(found: pa.Table, labels: ShardLabels, columns: ShardColumns) -> pa.Table:
    """The labelled documents, those that the shards lack from the files of the labels."""
    here = set(found["id"].to_pylist())
    lacking = [each for each in labels.known if each not in here]
    if not lacking:
        return found
    made: dict[str, Any] = {"id": pa.array(lacking, pa.string())}
    for name, source, kind in (("text", labels.texts, columns.text), ("vector", labels.vectors, columns.vector)):
        if kind is None:
            continue
        if unknown := [each for each in lacking if each not in source]:
            raise DataError(
                f"{quantity(len(unknown), 'labelled document')} cannot be found: neither the shards nor the files "
                f"of the labels have the {name} of '{unknown[0]}'. Check the ids, or give the labels a column '{kind}'."
            )
        if name == "text":
            made[name] = pa.array([str(source[each]) for each in lacking], pa.string())
        else:
            x = np.array([np.asarray(source[each], dtype=np.float32) for each in lacking])
            made[name] = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1])
    extra = pa.table(made)
    return extra if not len(found) else pa.concat_tables([found, extra.select(found.column_names)])


def _parts_with(chosen: pa.Table, parts: Sequence[ShardPart], scored: Sequence[ScoredPart]) -> list[ShardPart]:
    """The parts that have some of the chosen documents."""
    wanted = set(chosen["id"].to_pylist())
    pairs = zip(parts, scored, strict=True)
    return [part for part, each in pairs if not wanted.isdisjoint(each.best["id"].to_pylist())]


def _prefiltered(request: ScoreRequest, left: pa.Table, n_candidates: int) -> str:
    return (
        f"{request.label} looks at candidates together, so it chose from the {len(left):,} of {n_candidates:,} that "
        f"{request.filter_label} left. candidates=N leaves more."
    )


def _rows(
    request: ScoreRequest, table: pa.Table, parts: Sequence[ShardPart], executor: Executor, work: Path
) -> pd.DataFrame:
    """The chosen documents, with their texts where the shards have any."""
    ids = table["id"].to_pylist()
    columns: dict[str, Any] = {"id": ids}
    if ids and has_column(parts[0], request.text_column):
        read = ShardColumns(request.id_column, request.text_column)
        found = find_documents(ids, parts, read, executor, work)
        text_of = dict(zip(found["id"].to_pylist(), found["text"].to_pylist(), strict=True))
        columns["text"] = [text_of[each] for each in ids]
    columns["label"] = [""] * len(ids)
    for name in ("suggested", "probability", "score"):
        columns[name] = table[name].to_pylist() if ids else []
    return pd.DataFrame(columns)
