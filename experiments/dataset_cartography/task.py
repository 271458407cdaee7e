"""What all experiments of this folder share: a corpus with a test set out of distribution, and tables to end in."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from cal.config import compose
from cal.data.corpus import Corpus, Split, TestSet
from cal.data.features import vectors_of
from cal.data.lsa import Lsa
from cal.dynamics.data_map import DataMap
from cal.errors import CalError, DataError
from cal.label_errors.audit_tables import interval_over_seeds
from cal.learners.grid import Setup, TestScores, Trained, Training, train_all
from cal.maps.request import MapRequest
from cal.maps.training import train_map
from cal.report.plot_style import rendered
from cal.streams import stream

N_SEEDS = 5


@dataclass(frozen=True)
class Task:
    """A corpus, what learns it, and where results go.

    Attributes:
        corpus: its extra test sets are out of distribution.
        request: of `cal map`: seeds, learner, features and machine.
        output: folder of tables and figures.
    """

    corpus: Corpus
    request: MapRequest
    output: Path

    @property
    def seeds(self) -> list[int]:
        """Seeds of maps and trainings."""
        return self.request.seeds

    @property
    def setup(self) -> Setup:
        """What all trainings have in common."""
        return self.request.setup(quiet=False)

    def train(self, trainings: Sequence[Training], **more: Any) -> list[Trained]:
        """`train_all` of this task."""
        return train_all(self.corpus, trainings, self.setup, **more)

    def maps(self) -> list[DataMap]:
        """A data map of the train split for each seed."""
        drawn = DataMap.of(train_map(self.request, self.corpus, None, quiet=False), self.corpus.train.ids)
        return [drawn.run(k) for k in range(len(self.seeds))]

    def accuracies(self, parts: dict[str, list[np.ndarray]]) -> pd.DataFrame:
        """A row per part of the train split and seed: its name, the seed, and accuracy on each test set.

        Args:
            parts: for each name the rows to train on with each seed.
        """
        gold = self.corpus.train.gold
        keys = [(name, seed, rows) for name, of in parts.items() for seed, rows in zip(self.seeds, of, strict=True)]
        trained = self.train(
            [Training(seed, rows, gold[rows]) for _, seed, rows in keys], ask=TestScores.of(self.corpus)
        )
        rows = [
            {"training": name, "seed": seed, "n": len(chosen)}
            | {test: scores[0].item() for test, scores in each.answers.items()}
            for (name, seed, chosen), each in zip(keys, trained, strict=True)
        ]
        return pd.DataFrame(rows)


def write_table(folder: Path, name: str, table: pd.DataFrame) -> Path:
    """Writes a table to a folder of results; returns its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    table.to_csv(path, index=False, float_format="%.5f")
    return path


def write_figure(folder: Path, name: str, figure: Any) -> None:
    """Writes a figure to a folder of results."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in rendered(figure).items():
        (folder / f"{name}.{suffix}").write_bytes(content)


def run(main: Callable[[Task], str], description: str, argv: Sequence[str] | None = None) -> None:
    """Reads the command line, runs an experiment and prints what it found; errors in one line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="+", metavar="KEY=VALUE", help="as of cal map: dataset=trec n_epochs=10 ...")
    parser.add_argument("--out", choices=["length", "topic"], help="make a test set out of distribution of the corpus")
    parser.add_argument("--output", type=Path, help="folder of tables and figures, under runs/ by default")
    given = parser.parse_intermixed_args(argv)
    try:
        print(main(read_task(given.overrides, given.out, given.output or _default_output(main, given))))
    except CalError as error:
        raise SystemExit(f"{error}") from error


def read_task(overrides: Sequence[str], out: str | None, output: Path) -> Task:
    """The task of a configuration of `cal map`, five seeds by default."""
    says_seeds = any(line.startswith(("seeds=", "experiment=")) for line in overrides)
    given = [*overrides] if says_seeds else [*overrides, f"seeds={N_SEEDS}"]
    request = compose(MapRequest, "map", given)
    corpus = request.read_corpus()
    if out:
        corpus = {"length": longest_apart, "topic": topics_apart}[out](corpus)
    request.features = vectors_of(corpus, request.features)  # once, not for each grid of trainings
    return Task(corpus, request, output)


def longest_apart(corpus: Corpus, share: float = 0.25) -> Corpus:
    """The corpus without its longest documents, which become the test set `longer`.

    Args:
        corpus: documents of any length.
        share: of the train split, about, that is longer than all that stay.
    """
    words = {name: np.array([len(text.split()) for text in split.texts]) for name, split in corpus.splits().items()}
    longest = np.quantile(words["train"], 1 - share)
    return _apart(corpus, {name: lengths > longest for name, lengths in words.items()}, "longer")


def topics_apart(corpus: Corpus, n_topics: int = 4) -> Corpus:
    """The corpus without one topic of each class, which become the test set `other topics`.

    Topics of a class are clusters of its documents' LSA vectors; the smallest one is set apart.

    Args:
        corpus: documents with several topics in a class.
        n_topics: clusters a class.
    """
    vectors = vectors_of(corpus, Lsa())
    unit = {name: x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-9) for name, x in vectors.splits().items()}
    apart = {name: np.zeros(len(split), dtype=bool) for name, split in corpus.splits().items()}
    for label in range(corpus.n_classes):
        of_class = corpus.train.gold == label
        seed = int(stream(0, "topics", label).initial_seed() % 2**32)
        clusters = KMeans(n_topics, n_init=10, random_state=seed).fit(unit["train"][of_class])
        smallest = np.bincount(clusters.labels_, minlength=n_topics).argmin()
        for name, split in corpus.splits().items():
            rows = np.flatnonzero(split.gold == label)
            if len(rows):
                apart[name][rows[clusters.predict(unit[name][rows]) == smallest]] = True
    return _apart(corpus, apart, "other topics")


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a mean: bootstrap over seeds."""
    low, high = interval_over_seeds(values)
    return float(low), float(high)


def said(values: Sequence[float] | pd.Series, digits: int = 3) -> str:
    """Mean and interval, such as `.812 [.806, .818]`."""
    array = np.asarray(values, dtype=float)
    mean, low, high = (re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}f}") for value in (array.mean(), *interval(array)))
    return f"{mean} [{low}, {high}]"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a README."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _apart(corpus: Corpus, apart: dict[str, np.ndarray], name: str) -> Corpus:
    """The corpus with some documents of train and test set apart as one test set."""
    if corpus.tests:
        raise DataError(f"{corpus.name} has further test sets, {', '.join(corpus.tests)}: leave --out out.")
    kept = {split_name: _some(split, ~apart[split_name]) for split_name, split in corpus.splits().items()}
    out = [_some(split, apart[split_name]) for split_name, split in corpus.splits().items() if split_name != "dev"]
    together = Split(
        [f"{split.name} {instance_id}" for split in out for instance_id in split.ids],
        [text for split in out for text in split.texts],
        np.concatenate([split.gold for split in out]),
        name,
        None if out[0].sequences is None else [sequences for split in out for sequences in split.sequences],
    )
    test = TestSet(together, corpus.label_names, np.arange(corpus.n_classes))
    return replace(corpus, **kept, tests={name: test})


def _some(split: Split, chosen: np.ndarray) -> Split:
    rows = np.flatnonzero(chosen)
    return Split(
        [split.ids[row] for row in rows],
        [split.texts[row] for row in rows],
        split.gold[rows],
        split.name,
        None if split.sequences is None else [split.sequences[row] for row in rows],
    )


def _default_output(main: Callable[[Task], str], given: argparse.Namespace) -> Path:
    named = (line.partition("=")[2] for line in given.overrides if line.startswith(("dataset=", "experiment=")))
    dataset = next(named, "task")
    parts = [dataset] + ([given.out] if given.out else [])
    return Path(
        "runs", "dataset_cartography", main.__module__ if main.__module__ != "__main__" else "", *["_".join(parts)]
    )
