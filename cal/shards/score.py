"""The work of `cal score`: train, score every part, and choose."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from cal.acquisition.digest import digest
from cal.errors import DataError, quantity, shown
from cal.learners.tasks import Executor, FileTask, carry_out, executor_of, remove_others
from cal.pickled import write_pickled
from cal.provenance import provenance
from cal.shards.best import Best
from cal.shards.files import ShardPart, find_shards, has_column, parts_of
from cal.shards.finding import draw_documents, find_documents, refuse_repeated
from cal.shards.labelled import ShardLabels, read_labels
from cal.shards.reading import ShardColumns, vectors_of
from cal.shards.score_result import ChosenDocuments
from cal.shards.scorer import LabelledDocuments, Scorer, refuse_learner, scorer_in
from cal.shards.scoring import PHASES, ScoredPart, read_scored, score_part, scores_file
from cal.shards.vectors import ColumnVectors, TextVectors

if TYPE_CHECKING:
    from cal.shards.score_request import ScoreRequest


class ScoreInputs(NamedTuple):
    """What `cal score` reads before it begins.

    Attributes:
        parts: the parts of the shards.
        labels: what is labelled.
    """

    parts: Sequence[ShardPart]
    labels: ShardLabels


def read_inputs(request: ScoreRequest, quiet: bool = True) -> ScoreInputs:
    """Looks at the shards, and reads the labels.

    Raises:
        DataError: if a file is missing, or not as it should be.
    """
    columns = request.columns._replace(label=request.label_column)
    required = {name: column for name, column in columns.required().items() if name != "label_column"}
    refuse_learner(request.learner, request.needs)
    return ScoreInputs(parts_of(find_shards(request.shards), required, quiet), read_labels(request.labelled, columns))


def score_shards(request: ScoreRequest, inputs: ScoreInputs, folder: Path, quiet: bool = True) -> ChosenDocuments:
    """Chooses documents.

    Args:
        request: what to choose, and how.
        inputs: parts and labels.
        folder: folder for the files of the work, in which finished parts are found again.
        quiet: hide progress bars.
    """
    folder = folder.absolute()  # workers may be in other folders
    work, parts = folder / "parts", inputs.parts
    work.mkdir(parents=True, exist_ok=True)
    executor = executor_of(request.workers, request.cluster, folder, sorted({part.path for part in parts}))
    path, lacking = _scorer(request, inputs, executor, work)
    n, scores = request.n if request.alone else request.candidates, folder / "scores"
    tasks = [
        FileTask.named(
            *(work, score_part, str(path), tuple(part), n),
            str(scores / f"part-{number:05d}-") if request.scores else None,
        )
        for number, part in enumerate(parts)
    ]
    _keep_only(tasks if request.scores else [], scores)
    carry_out(tasks, executor, "part", quiet)
    best, totals = Best(n, request.seed), _Totals()
    for number, task in enumerate(tasks):
        each = read_scored(task.output)
        totals.add(each)
        if len(each.best):
            best.merge(each.best.append_column("part", pa.array([number] * len(each.best))))
    table = best.table
    refuse_repeated(table["id"])
    notes = [_lacking(lacking)] if lacking else []
    where = [parts[number] for number in sorted(set(table["part"].to_pylist()))] if len(table) else []
    if not request.alone and len(table):
        seen = find_documents(table["id"].to_pylist(), where, request.columns, executor, work)
        table, told = scorer_in(str(path)).choose(request.chooser, seen, request.n)
        notes += [_prefiltered(request, best.table, totals.n_candidates), *told]
    return ChosenDocuments(
        _rows(request, table, where, executor, work),
        request.label,
        totals.n_documents,
        totals.n_candidates,
        totals.n_candidates if request.alone else len(best.table),
        totals.seconds,
        totals.memory,
        [*notes, *totals.notes],
    )


class _Totals:
    """Sums over scored parts."""

    def __init__(self) -> None:
        self.n_documents, self.n_candidates, self.memory = 0, 0, 0
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.notes: dict[str, None] = {}

    def add(self, part: ScoredPart) -> None:
        """Adds a part."""
        self.n_documents += part.n_documents
        self.n_candidates += part.n_candidates
        self.memory = max(self.memory, part.memory)
        self.notes |= dict.fromkeys(part.notes)
        for phase in self.seconds:
            self.seconds[phase] += part.seconds.get(phase, 0.0)


def _keep_only(tasks: Sequence[FileTask], scores: Path) -> None:
    """Removes scores of other commands, and lets parts be scored again whose scores somebody has removed."""
    wanted = {scores_file(str(task.arguments[3]), task.output): task for task in tasks}
    if wanted:
        scores.mkdir(exist_ok=True)
    remove_others(scores, [*map(str, wanted)])
    for path, task in wanted.items():
        if not path.exists():
            Path(task.output).unlink(missing_ok=True)


def _scorer(request: ScoreRequest, inputs: ScoreInputs, executor: Executor, work: Path) -> tuple[Path, int]:
    """The file with the trained classifier, and the number of labelled documents that the shards lack.

    It is trained once for the same documents, labels and parameters.
    """
    parts, labels = inputs
    found = find_documents(list(labels.known), parts, request.columns, executor, work)
    documents = labelled_documents(found, labels, request.columns)
    used = {name: value for name, value in request.as_data().items() if name in _LEARNT}
    strategies = [digest(each) for each in ((request.chooser,) if request.alone else (request.chooser, request.filter))]
    digested = hashlib.blake2b(repr((used, strategies, tuple(request.columns), provenance("cpu")["versions"])).encode())
    digested.update(repr((sorted(labels.known.items()), sorted(labels.nobody_knows))).encode())
    for name in documents.column_names:
        is_vector = name == "vector"
        digested.update(vectors_of(documents).tobytes() if is_vector else repr(documents[name].to_pylist()).encode())
    if request.vector_column is None:
        told = {name: value for name, value in request.as_data().items() if name in ("features", "sample")}
        digested.update(repr((told, [tuple(part) for part in parts])).encode())
    path = work / f"scorer-{digested.hexdigest()[:24]}"
    if not path.exists():
        write_pickled(path, train_scorer(request, labels, documents, parts, executor, work))
    return path, len(documents) - len(found)


_LEARNT = ("learner", "n_epochs", "n", "seed")
"""Parameters that the classifier and the strategy depend on, beside the documents and the columns."""


def train_scorer(
    request: ScoreRequest,
    labels: ShardLabels,
    documents: pa.Table,
    parts: Sequence[ShardPart],
    executor: Executor,
    folder: Path,
) -> Scorer:
    """Trains the classifier that scores.

    Args:
        request: what to choose, and how.
        labels: what is labelled.
        documents: the labelled documents.
        parts: all parts, from which the documents are drawn that vectors of texts are fitted on.
        executor: what draws them.
        folder: folder for the files of the work.
    """
    columns = request.columns
    vectors: ColumnVectors | TextVectors = ColumnVectors()
    if request.vector_column is None:
        sample = draw_documents(request.sample, parts, columns, request.seed, executor, folder)
        vectors = TextVectors.fitted(request.features, [*documents["text"].to_pylist(), *sample["text"].to_pylist()])
    ids, names = documents["id"].to_pylist(), labels.names
    gold = np.array([names.index(labels.known[each]) for each in ids], dtype=np.int64)
    training = LabelledDocuments(
        ids, gold, names, vectors(documents), documents["text"].to_pylist() if columns.text is not None else None
    )
    scorer = Scorer(
        request.chooser if request.alone else request.filter,
        request.learner,
        training,
        vectors,
        columns,
        request.needs,
        request.seed,
        request.n,
        [*labels.known, *labels.nobody_knows],
    )
    scorer.scores(scorer.pool(documents.slice(0, 1)))  # so that what the strategy learns is in the file, too
    return scorer


def labelled_documents(found: pa.Table, labels: ShardLabels, columns: ShardColumns) -> pa.Table:
    """The labelled documents in the order of their ids, those that the shards lack from the files of the labels.

    Raises:
        DataError: if a document is nowhere, or its vector is not like the others.
    """
    documents = _with_lacking(found, labels, columns)
    order = np.argsort(np.array(documents["id"].to_pylist(), dtype=object), kind="stable")
    return documents.take(pa.array(order))


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
            made[name] = _vectors(source, lacking, found)
    extra = pa.table(made)
    return extra if not len(found) else pa.concat_tables([found, extra.select(found.column_names)])


def _vectors(source: Mapping[str, Any], ids: Sequence[str], found: pa.Table) -> pa.Array:
    """Vectors of some documents in the files of the labels, as long as those in the shards."""
    width = found["vector"].type.list_size if len(found) else None
    rows = []
    for each in ids:
        try:
            row = np.asarray(source[each], dtype=np.float32)
        except (TypeError, ValueError):
            row = np.empty(0, np.float32)
        width = width or row.size
        if row.shape != (width,) or not width or not np.isfinite(row).all():
            raise DataError(
                f"The labels give '{each}' the vector {shown(source[each])}, and not {width or 'some'} finite numbers. "
                "Give a list of numbers, in a Parquet file or a data frame."
            )
        rows.append(row)
    return pa.FixedSizeListArray.from_arrays(pa.array(np.concatenate(rows)), width)


def _lacking(n: int) -> str:
    return (
        f"{quantity(n, 'labelled document')} {'is' if n == 1 else 'are'} not in the shards, by id; what the classifier "
        "read of them came with the labels."
    )


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
    if ids and any(has_column(part, request.text_column) for part in parts):
        read = ShardColumns(request.id_column, shown=request.text_column)
        found = find_documents(ids, parts, read, executor, work)
        text_of = dict(zip(found["id"].to_pylist(), found["shown"].to_pylist(), strict=True))
        columns["text"] = [text_of[each] for each in ids]
    columns["label"] = [""] * len(ids)
    for name in ("suggested", "probability", "score"):
        columns[name] = table[name].to_pylist() if ids else []
    return pd.DataFrame(columns)
