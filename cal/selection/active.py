"""Active learning as a way to select training data: what a learner has labelled when it holds so many documents."""

from __future__ import annotations

import numpy as np

from cal.acquisition.spec import StrategySpec
from cal.checks import refuse, whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import FeatureKind, Features
from cal.learners.base import LearnerConfig
from cal.simulation.simulate import simulate


def active_selection(
    corpus: Corpus,
    *,
    features: Features | FeatureKind | str | None,
    learner: LearnerConfig | None,
    strategy: StrategySpec,
    count: int,
    seed: int,
    seed_size: int | None = None,
    query_size: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    quiet: bool = True,
) -> np.ndarray:
    """The documents of the train split that an active learner has labelled when it holds `count` of them.

    With `strategy="entropy"` it is the baseline AL-uncertainty, with `strategy="coreset"` AL-greedyK of the paper on
    dataset cartography (section 4). The learner starts from a stratified seed set.

    Args:
        corpus: whose train split is selected from.
        features: vectors of its documents, or a way to make them; None for a learner that reads the texts.
        learner: hyperparameters of the classifiers; None is `MLP()`.
        strategy: a name, `{name: parameters}`, an object or a function of a pool.
        count: how many documents shall be selected.
        seed: of the seed set and the classifiers.
        seed_size: documents of the seed set; by default 10 % of `count`, and one of each class at least.
        query_size: documents acquired a round, of the last only as many as are still to be selected, its first; by
            default so many that there are ten rounds.
        device: `cpu`, `cuda` or `auto`.
        workers: processes on a CPU.
        quiet: whether to show no progress bar.

    Returns:
        (count,) rows of the train split, in order of acquisition: the seed set first, in no order of value.

    Raises:
        ConfigError: if so many cannot be selected, or `simulate` refuses an argument.
        FeatureError: if the vectors do not fit the corpus.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics (Swayamdipta et al., 2020)
        https://aclanthology.org/2020.emnlp-main.746

    Example:
        >>> from cal.data.corpus import Split
        >>> from cal.learners.mlp import MLP
        >>> train = Split("abcdef", ["How far?", "Who was it?"] * 3, [0, 1] * 3)
        >>> corpus = Corpus(train, Split(["t"], ["Who is he?"], [1]), ["number", "person"])
        >>> vectors = Features(np.eye(6, 2, dtype=np.float32), np.zeros((1, 2), np.float32))
        >>> how = {"features": vectors, "learner": MLP(hidden=[4], n_epochs=2), "strategy": "entropy"}
        >>> rows = active_selection(corpus, **how, count=4, seed=7, device="cpu", workers=1)
        >>> len(set(rows.tolist()))
        4
    """
    refuse(whole_numbers(count=count))
    n_train, n_present = len(corpus.train), len(np.unique(corpus.train.gold))
    n_start = max(count // 10, n_present) if seed_size is None else seed_size
    per_round = max(-(-(count - n_start) // 10), 1) if query_size is None else query_size
    problems = whole_numbers(seed_size=n_start, query_size=per_round)
    if not problems and count > n_train:
        problems = [f"count is {count:,}, but there are {n_train:,} training documents; give fewer."]
    elif not problems and count <= n_start:
        problems = [
            f"count is {count:,}, but the learner starts from {n_start:,} documents, one of each of the {n_present} "
            f"classes at least; the smallest count is {n_start + 1:,}."
        ]
    refuse(problems)
    curves = simulate(
        corpus,
        [strategy],
        features=features,
        learner=learner,
        seeds=[seed],
        seed_size=n_start,
        query_size=per_round,
        rounds=-(-(count - n_start) // per_round),
        full_data=False,
        device=device,
        workers=workers,
        quiet=quiet,
    )
    rows = {instance_id: row for row, instance_id in enumerate(corpus.train.ids)}
    return np.array([rows[instance_id] for instance_id in curves.acquired["id"][:count]], dtype=np.int64)
