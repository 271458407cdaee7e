"""Active learning as a way to select training data: the documents that an active learner labels first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cal.acquisition.spec import StrategySpec
from cal.checks import refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import vectors_of
from cal.learners.grid import Setup
from cal.simulation.request import simulate


def active_selection(
    corpus: Corpus,
    setup: Setup,
    *,
    strategy: StrategySpec,
    count: int,
    seed: int,
    seed_size: int | None = None,
    query_size: int | None = None,
) -> np.ndarray:
    """The first `count` documents of the train split that an active learner labels.

    With `strategy="entropy"` this is the baseline AL-uncertainty of the paper on dataset cartography (section 4), with
    `strategy="coreset"` it is AL-greedyK. The learner starts from a stratified seed set.

    Args:
        corpus: corpus whose train split is selected from.
        setup: classifier, vectors and machine.
        strategy: a name, `{name: parameters}`, an object or a function of a pool.
        count: number of documents to select.
        seed: seed of the seed set and the classifiers.
        seed_size: size of the seed set; by default 10 % of `count`, and at least one document of each class.
        query_size: number of documents acquired per round; by default enough for ten rounds. The last batch is cut to
            `count`.

    Returns:
        (count,) rows of the train split in order of acquisition; the seed set comes first, in no particular order.

    Raises:
        ConfigError: if `count` is too small or too large, or `simulate` refuses an argument.
        FeatureError: if the vectors do not fit the corpus.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics (Swayamdipta et al., 2020)
        https://aclanthology.org/2020.emnlp-main.746

    Example:
        >>> from cal.data.features import Features
        >>> from cal.learners.mlp import MLP
        >>> corpus = Corpus.from_texts(["How far?", "Who was it?"] * 3, [0, 1] * 3, test=(["Who is he?"], [1]))
        >>> vectors = Features(np.eye(6, 2, dtype=np.float32), np.zeros((1, 2), np.float32))
        >>> setup = Setup(MLP(hidden=[4], n_epochs=2), vectors, workers=1)
        >>> rows = active_selection(corpus, setup, strategy="entropy", count=4, seed=7)
        >>> len(set(rows.tolist()))
        4
    """
    seed_size, query_size = _sizes(corpus, count, seed_size, query_size)
    ids, features = corpus.train.ids, setup.features
    if corpus.test is None:  # a simulation measures accuracy, which nobody asks for here: one document will do
        first = np.arange(len(ids)) == 0
        if (vectors := vectors_of(corpus, features)) is not None:
            features = replace(vectors, test=vectors.train[:1])
        corpus = replace(corpus, test=corpus.train.where(first, "test"))
    curves = simulate(
        corpus,
        [strategy],
        features=features,
        learner=setup.learner,
        seeds=[seed],
        seed_size=seed_size,
        query_size=query_size,
        rounds=-(-(count - seed_size) // query_size),
        full_data=False,
        device=setup.device,
        workers=setup.workers,
        quiet=setup.quiet,
    )
    rows = {instance_id: row for row, instance_id in enumerate(ids)}
    return np.array([rows[instance_id] for instance_id in curves.acquired["id"][:count]], dtype=np.int64)


def _sizes(corpus: Corpus, count: int, seed_size: int | None, query_size: int | None) -> tuple[int, int]:
    """Size of the seed set and of a batch."""
    refuse(whole_numbers(count=count))
    n_train, n_present = len(corpus.train), len(np.unique(corpus.train.gold))
    n_start = max(count // 10, n_present) if seed_size is None else seed_size
    per_round = max(-(-(count - n_start) // 10), 1) if query_size is None else query_size
    problems = whole_numbers(seed_size=n_start, query_size=per_round)
    if not problems and count > n_train:
        problems = [f"count is {count:,}, but there are only {n_train:,} training documents."]
    elif not problems and count <= n_start:
        problems = [
            f"count is {count:,}, but the learner starts from {n_start:,} documents, at least one of each of the "
            f"{n_present} classes. Give at least {n_start + 1:,}."
        ]
    refuse(problems)
    return n_start, per_round
