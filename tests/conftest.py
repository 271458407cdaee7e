"""Shared by all tests: a small task with a signal, pools of it, and a simulation that takes a moment."""

from __future__ import annotations

import gc
import io
import logging
import os
import signal
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pandas as pd
import pytest
import torch
from fontTools import subset
from matplotlib.figure import Figure
from torch import Tensor

from cal.acquisition.pool import Pool, PoolDocuments
from cal.data.corpus import Corpus, Split
from cal.data.features import Features
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.learners.base import Prediction
from cal.learners.mlp import MLP
from cal.simulation.curves import LearningCurves
from cal.simulation.request import simulate
from cal.streams import Streams
from cal.testing import practice_pool


def pytest_addoption(parser: pytest.Parser) -> None:
    """Files of tests can be shared out: `--share 2/8` runs the second of eight parts."""
    parser.addoption("--share", help="K/N: run only the files of tests that belong to part K of N")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of files that belong to other parts."""
    if not (share := config.getoption("--share")):
        return
    part, n_parts = map(int, share.split("/"))
    if not 1 <= part <= n_parts:
        raise pytest.UsageError(f"--share {share}: give a part from 1 to {n_parts}.")
    ours = [item for item in items if zlib.crc32(item.nodeid.partition("::")[0].encode()) % n_parts == part - 1]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(ours)])
    items[:] = ours


def pytest_configure(config: pytest.Config) -> None:
    """Keep tests and doctests away from the user's cache and the network.

    What one test run computes is kept for the next in pytest's cache; without one (`-p no:cacheprovider`) it goes
    to a temporary folder.
    """
    if config.pluginmanager.has_plugin("cacheprovider"):
        os.environ["CAL_CACHE"] = str(config.cache.mkdir("cal"))
    else:
        folder = tempfile.TemporaryDirectory(prefix="cal-tests-")
        config.add_cleanup(folder.cleanup)
        os.environ["CAL_CACHE"] = folder.name
    os.environ["HF_HUB_OFFLINE"] = "1"
    hypothesis.settings.register_profile("cal", deadline=None)  # no test depends on how fast the machine is
    hypothesis.settings.load_profile("cal")
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a shell, and commands inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()  # until all is imported


def pytest_collection_finish() -> None:
    """Spare the garbage collector the million objects of imported libraries, which cost a tenth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)
    gc.enable()


class Task(NamedTuple):
    corpus: Corpus
    features: Features


@pytest.fixture(scope="session", autouse=True)
def _fonts_without_layout() -> Iterator[None]:
    """Leave tables that place letters out of the fonts in PDF files, where nothing reads them: a fifth of a report."""
    before = subset.Options._drop_tables_default
    subset.Options._drop_tables_default = [*before, "GSUB", "GPOS", "GDEF"]
    yield
    subset.Options._drop_tables_default = before


BLANK = {
    "png": bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
        "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
    ),
    "pdf": b"%PDF-1.4\n%%EOF\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="1pt" height="1pt" viewBox="0 0 1 1"></svg>',
}


def _draw_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def savefig(figure: Figure, file: io.BytesIO, *, format: str, **options: Any) -> None:
        file.write(BLANK[format])

    monkeypatch.setattr(Figure, "savefig", savefig)
    monkeypatch.setattr(Figure, "get_layout_engine", lambda figure: None)


@pytest.fixture
def blank_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are blank: drawing is most of what a report takes, and other tests look at what is drawn."""
    _draw_nothing(monkeypatch)


@pytest.fixture(scope="module")
def blank_pictures_in_module() -> Iterator[None]:
    """The same for all tests of a module, and for fixtures that they share."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _draw_nothing(monkeypatch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(autouse=True)
def _log_level() -> Iterator[None]:
    """Undo what a command that runs in this process says about the log."""
    logger = logging.getLogger("cal")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 80 documents with the labels number and person, which their words give away."""
    words = {"number": ["far", "many", "much", "long"], "person": ["wrote", "sang", "painted", "ruled"]}
    rows = [
        (f"{label}-{i}", f"Who or what {of[i % 4]} the {i % 13} {of[(i // 4) % 4]} thing {i}?", label)
        for label, of in words.items()
        for i in range(40)
    ]
    path = tmp_path_factory.mktemp("corpus") / "corpus.csv"
    pd.DataFrame(rows, columns=["id", "text", "label"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def make_task() -> Callable[..., Task]:
    """make_task(n_train, n_test, n_classes, width, signal, row_order): a corpus and its vectors.

    A document's vector is drawn from its id, around the centre of its class at distance `signal`.
    `row_order` shuffles the rows that the corpus is built from, and nothing else.
    """

    def make(
        n_train: int = 60,
        n_test: int = 30,
        n_classes: int = 3,
        width: int = 5,
        signal: float = 1.5,
        row_order: int | None = None,
    ) -> Task:
        def split(name: str, n: int) -> Split:
            rows = np.arange(n) if row_order is None else np.random.default_rng(row_order).permutation(n)
            return Split([f"{name}{i}" for i in rows], [f"text {i}" for i in rows], rows % n_classes, name)

        def vectors(split: Split) -> np.ndarray:
            noise = [np.random.default_rng(zlib.crc32(i.encode())).normal(size=width) for i in split.ids]
            return np.asarray(np.array(noise) + signal * np.eye(n_classes, width)[split.gold], np.float32)

        corpus = Corpus(split("train", n_train), split("test", n_test), [f"class {c}" for c in range(n_classes)])
        return Task(corpus, Features(vectors(corpus.train), vectors(corpus.test)))

    return make


def documents(n: int, n_classes: int) -> PoolDocuments:
    """Names for the instances of a pool."""
    return PoolDocuments(
        [f"id{i}" for i in range(n)], [f"class {c}" for c in range(n_classes)], [f"text {i}" for i in range(n)]
    )


class Oracle:
    """A learner that says of (run, instance) what it was given, for every instance of the train split."""

    def __init__(self, logits: Tensor, embeddings: Tensor, samples: Tensor | None = None) -> None:
        self.logits, self.embeddings, self.samples = logits, embeddings, samples
        self.n_runs, self.n_classes, self.batch_size = logits.shape[0], logits.shape[-1], 16
        self.precision = "float32"

    def predict(self, instances: Tensor) -> Prediction:
        rows = torch.arange(self.n_runs).unsqueeze(1)
        return Prediction(self.logits[rows, instances], self.embeddings[rows, instances])

    def dropout_probs(self, instances: Tensor, n_samples: int, streams: Streams) -> Tensor:
        runs = zip(self.samples[:, :n_samples], instances, strict=True)
        return torch.stack([samples[:, rows] for samples, rows in runs])


@pytest.fixture(scope="session")
def oracle_pool() -> Callable[..., Pool]:
    """oracle_pool(logits, ...): the first `n_labelled` of the train split are labelled, the rest are candidates.

    `counts` is in how many of `n_epochs` each labelled instance of each run was classified correctly.
    """

    def make(
        logits: Tensor,
        *,
        n_labelled: int = 4,
        embeddings: Tensor | None = None,
        samples: Tensor | None = None,
        counts: Tensor | None = None,
        n_epochs: int = 30,
        seeds: Sequence[int] | None = None,
    ) -> Pool:
        n_runs, n = logits.shape[:2]
        embeddings = torch.zeros(n_runs, n, 2) if embeddings is None else embeddings
        counts = torch.zeros(n_runs, n_labelled) if counts is None else counts
        correct = torch.arange(n_epochs).view(1, -1, 1) < counts.unsqueeze(1)
        gold = torch.zeros(n_runs, n_labelled, dtype=torch.long)
        return Pool(
            Oracle(logits, embeddings, samples),
            candidates=torch.arange(n_labelled, n).repeat(n_runs, 1),
            labelled=torch.arange(n_labelled).repeat(n_runs, 1),
            gold=gold,
            dynamics=TrainingDynamics(gold, *[correct.float()] * 4, predicted=(~correct).long()),
            streams=Streams(range(n_runs) if seeds is None else seeds, 0),
            documents=documents(n, logits.shape[-1]),
            query_size=5,
        )

    return make


@pytest.fixture(scope="session")
def trained_pool() -> Callable[..., Pool]:
    """trained_pool(x, gold, seeds, ...): after training perceptrons on a random labelled set of each seed."""
    return practice_pool


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """Arguments of a small simulation; the learner is quick, and so are the discriminators."""
    return {
        "strategies": ["random", "entropy", {"cal": {"hidden": 8, "n_epochs": 3, "lr": 1e-2}}],
        "learner": MLP(hidden=[8, 8], n_epochs=4, batch_size=8, lr=1e-2),
        "seeds": [1, 2],
        "seed_size": 12,
        "query_size": 5,
        "rounds": 3,
        "full_data": False,
        "device": "cpu",
        "workers": 1,
        "quiet": True,
    }


@pytest.fixture(scope="session")
def simulated(make_task, small) -> Callable[..., LearningCurves]:
    """simulated(task=None, **changes): the curves of the small simulation with some arguments changed."""

    def run(task: Any = None, **changes: Any) -> LearningCurves:
        corpus, features = task or make_task()
        return simulate(corpus, features=features, **small | changes)

    return run


@pytest.fixture(scope="session")
def assert_same() -> Callable[..., None]:
    """assert_same(given, expected): every number but seconds is the same, whatever the order of runs.

    With `only`, a function of a table's rows, only those rows are compared.
    """

    def compare(
        given: LearningCurves, expected: LearningCurves, only: Callable[[pd.DataFrame], Any] | None = None
    ) -> None:
        for name in ("rounds", "acquired", "maps", "full_data"):
            frames = []
            for curves in (given, expected):
                frame: pd.DataFrame = getattr(curves, name)
                if only is not None and name != "full_data":
                    frame = frame[only(frame)]
                frame = frame[[column for column in frame if not column.startswith("seconds")]]
                keys = [key for key in ("strategy", "seed", "round", "id") if key in frame]
                frames.append(frame.sort_values(keys, kind="stable").reset_index(drop=True))
            pd.testing.assert_frame_equal(*frames, check_exact=True)

    return compare
