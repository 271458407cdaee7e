"""Conformance tests: laws that every strategy must keep, checked on small trained classifiers."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from cal.acquisition.base import Acquisition, chosen, is_pointwise, unmet_needs
from cal.acquisition.pool import Batch, Pool, PoolDocuments
from cal.acquisition.spec import StrategySpec, make_strategy
from cal.arguments import check_arguments
from cal.arrays import as_classes, as_float32, as_whole
from cal.checks import numbers_in, refuse, whole_numbers
from cal.data.features import Features
from cal.errors import CalError, DataError, StrategyError
from cal.learners.mlp import MLP, MLPLearner
from cal.learners.snapshots import Snapshots
from cal.streams import Streams

_MLP = MLP(hidden=[16, 16], n_epochs=6, batch_size=8, lr=1e-2)
_BYTES_PER_CANDIDATE = 16_384  # 2 GB for 120,000 candidates


class Outcome(NamedTuple):
    """A law, and how a strategy breaks it; None if the strategy keeps it."""

    law: str
    problem: str | None


def check_acquisition(strategy: StrategySpec) -> None:
    """Checks that a strategy keeps every law of `LAWS`.

    Args:
        strategy: a name, `{name: parameters}`, an object, a class or a function of the pool.

    Raises:
        StrategyError: listing each law that the strategy breaks, and how.
        ConfigError: if the strategy cannot be built.

    Example:
        >>> check_acquisition("margin")
        >>> check_acquisition(lambda pool: pool.probs[..., 0] / 0)
        Traceback (most recent call last):
        cal.errors.StrategyError: <lambda> breaks 12 of 13 laws:
        ...
    """
    made = make_strategy(strategy)[1]
    outcomes = list(conformance(made))
    if broken := [f"- {law}: {problem}" for law, problem in outcomes if problem]:
        raise StrategyError(f"{made.name} breaks {len(broken)} of {len(outcomes)} laws:\n" + "\n".join(broken))


def conformance(strategy: Acquisition) -> Iterator[Outcome]:
    """Checks the laws one after the other, and yields the outcome of each.

    Raises:
        ConfigError: if the strategy has an unknown need.
    """
    check_arguments(conformance, locals())
    unmet_needs(strategy, ())
    for law, check in LAWS.items():
        try:
            yield Outcome(law, check(strategy))
        except CalError as error:
            yield Outcome(law, str(error))


def practice_pool(
    x: np.ndarray,
    gold: Tensor,
    seeds: Sequence[int],
    *,
    strategy: Acquisition | None = None,
    query_size: int = 12,
    n_labelled: int = 20,
    order: Tensor | None = None,
    round: int = 1,
    sharpness: float = 1.0,
) -> Pool:
    """Builds a pool for tests of strategies, with small perceptrons trained on a random labelled set for each seed.

    Args:
        x: (instance, feature) vectors.
        gold: (instance,) gold classes.
        seeds: seed of each run.
        strategy: strategy to build the pool for; texts, predictions and dropout samples are available only if it needs
            them. By default everything is available.
        query_size: number of candidates that each run acquires in this round.
        n_labelled: number of labelled instances.
        order: permutation of the candidates of every run, which are ascending by default.
        round: round of the simulation; after round 0, the last third of the labelled instances is its batch.
        sharpness: factor for the trained weights of the last layer.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = practice_pool(rng.normal(size=(50, 4)), torch.arange(50) % 3, seeds=[1, 2])
        >>> tuple(pool.probs.shape)
        (2, 30, 3)
    """
    check_arguments(practice_pool, locals())
    vectors, gold = as_float32("x", x, n_axes=2), torch.from_numpy(as_classes("gold", gold))
    seeds = as_whole("seeds", seeds).tolist()
    problems = whole_numbers(query_size=query_size, n_labelled=n_labelled) + whole_numbers(0, round=round)
    refuse(problems + numbers_in("[0, 1000000000]", sharpness=sharpness))
    _check_sizes(len(vectors), len(gold), len(seeds), n_labelled)
    n, n_classes = len(vectors), max(int(gold.max()) + 1, 2)
    needs = frozenset({"texts", "predictions", "dropout"}) if strategy is None else strategy.needs
    learner = _Practice(_MLP, Features(vectors, vectors[:1]), n_classes, len(seeds))
    learner.samples = "dropout" in needs
    shuffled = [torch.from_numpy(np.random.default_rng(seed).permutation(n)) for seed in seeds]
    labelled = torch.stack([rows[:n_labelled].sort().values for rows in shuffled])
    candidates = torch.stack([rows[n_labelled:].sort().values for rows in shuffled])
    last = torch.stack([rows[:n_labelled].argsort() for rows in shuffled]) >= n_labelled - n_labelled // 3
    if order is not None:
        order = torch.from_numpy(as_whole("order", order))
        if sorted(order.tolist()) != list(range(n - n_labelled)):
            raise DataError(f"order must be a permutation of the {n - n_labelled} candidates.")
        candidates = candidates[:, order]
    streams, kept = Streams(seeds, round), Snapshots()
    looks = "predictions" in needs
    dynamics = learner.fit(
        labelled, gold[labelled], streams, on_epoch_end=lambda epoch: kept.add(learner) if looks else None
    )
    learner.net.weights[-1].mul_(sharpness)
    return Pool(
        learner,
        candidates,
        labelled,
        gold[labelled],
        dynamics,
        streams,
        PoolDocuments(
            [f"id{i}" for i in range(n)],
            [f"class {label}" for label in range(n_classes)],
            [f"text {i}" for i in range(n)] if "texts" in needs else None,
        ),
        query_size,
        kept.of(range(len(seeds))) if looks else None,
        round * last.long(),
    )


def _check_sizes(n_vectors: int, n_gold: int, n_seeds: int, n_labelled: int) -> None:
    if not n_seeds:
        raise DataError("seeds is empty; give one for each run.")
    if n_gold != n_vectors or n_labelled >= n_vectors:
        raise DataError(
            f"{n_vectors} vectors, {n_gold} gold classes and n_labelled={n_labelled}; give a class for each vector, "
            "and more vectors than labelled ones."
        )


class _Practice(MLPLearner):
    samples: bool

    def dropout_probs(self, instances: Tensor, n_samples: int, streams: Streams) -> Tensor:
        if not self.samples:
            raise StrategyError("A strategy that uses dropout samples must declare it: needs = frozenset({'dropout'}).")
        return super().dropout_probs(instances, n_samples, streams)


def _noise(n: int = 90, seed: int = 0, n_classes: int = 3) -> tuple[np.ndarray, Tensor]:
    """Features that carry no information about labels and positions."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 5)), torch.from_numpy(rng.integers(0, n_classes, n))


def _choose(strategy: Acquisition, n: int = 12, **given: Any) -> tuple[Pool, Batch]:
    x, gold = given.pop("data", None) or _noise()
    seeds = given.pop("seeds", [3, 4])
    pool = practice_pool(x, gold, seeds, strategy=strategy, query_size=n, **given)
    return pool, chosen(strategy, pool, n)


def _kept(strategy: Acquisition) -> None:
    _choose(strategy)


def _same_again(strategy: Acquisition) -> str | None:
    (_, first), (_, again) = _choose(strategy), _choose(strategy)
    same = torch.equal(first.positions, again.positions) and torch.equal(first.scores, again.scores)
    return (
        None
        if same
        else "two calls on equal pools choose different candidates; draw from pool.uniform or pool.streams."
    )


def _any_order(strategy: Acquisition) -> str | None:
    order = torch.from_numpy(np.random.default_rng(1).permutation(70))
    (straight, first), (permuted, other) = _choose(strategy), _choose(strategy, order=order)
    instances = straight.candidates.gather(1, first.positions), permuted.candidates.gather(1, other.positions)
    n_other = sum(len(set(a) - set(b)) for a, b in zip(*(rows.tolist() for rows in instances), strict=True))
    if n_other:
        return f"{n_other} of 24 choices change with the order of the pool; draw from pool.uniform."
    return None


def _spread(strategy: Acquisition) -> str | None:
    # The mean relative position of 8 x 15 choices is .5 with a standard deviation of at most 1/sqrt(12 x 120).
    # A correct strategy deviates by more than five of them for one set of seeds in 1.7 million.
    positions = [
        position
        for seed in range(8)
        for position in _choose(strategy, 15, data=_noise(140, seed), seeds=[seed])[1].positions[0].tolist()
    ]
    mean = (float(np.mean(positions)) + 0.5) / 120
    if abs(mean - 0.5) < 5 / math.sqrt(12 * len(positions)):
        return None
    return f"features are uninformative, but the mean relative position of its choices is {mean:.2f} instead of .5."


def _ties(strategy: Acquisition) -> str | None:
    x, gold = np.ones((120, 5)), torch.arange(120) % 3
    chosen_sets = _choose(strategy, 10, data=(x, gold), seeds=list(range(20)))[1].positions
    relative = np.sort((chosen_sets.flatten().numpy() + 0.5) / 100)
    # Kolmogorov's distance from a uniform distribution; 2 exp(-2 n d^2) is one in a million.
    steps = np.arange(len(relative) + 1) / len(relative)
    distance = max((steps[1:] - relative).max(), (relative - steps[:-1]).max())
    if distance > math.sqrt(math.log(2e6) / (2 * len(relative))):
        return "all candidates are equal, but it favours some positions; break ties by pool.uniform('ties')."
    if len({tuple(sorted(rows)) for rows in chosen_sets.tolist()}) < 20:
        return "all candidates are equal, but runs with different seeds choose the same; draw from pool.uniform."
    return None


def _one_class(strategy: Acquisition) -> None:
    x, gold = _noise()
    _choose(strategy, data=(x, torch.zeros_like(gold)))


def _whole_pool(strategy: Acquisition) -> None:
    _choose(strategy, 70)


def _one(strategy: Acquisition) -> None:
    _choose(strategy, 1)


def _saturated(strategy: Acquisition) -> None:
    _choose(strategy, sharpness=1e5)


def _alone(strategy: Acquisition) -> str | None:
    seeds = [3, 4, 3]
    together = _choose(strategy, seeds=seeds)[1]
    for run, seed in enumerate(seeds):
        alone = _choose(strategy, seeds=[seed])[1]
        if not torch.equal(together.positions[run], alone.positions[0]):
            return (
                "a run chooses other candidates beside other runs than alone; score each run by its own numbers only."
            )
    return None


def _pointwise(strategy: Acquisition) -> str | None:
    if not is_pointwise(strategy):
        return None
    if not strategy.scores_candidates:
        return "it says that it is pointwise, and defines no score."
    (whole, _), (other, _) = _choose(strategy), _choose(strategy)
    other.learnt.clear()
    few = torch.arange(3, 60, 5).expand(len(other), -1)
    scores, alone = strategy.score(whole).gather(1, few), strategy.score(other.only(few))
    if torch.allclose(scores, alone, rtol=1e-4, atol=1e-5):  # matrix products of other sizes round otherwise
        return None
    return "it says that it is pointwise, but the score of a candidate depends on the others; leave pointwise out."


def _inputs_stay(strategy: Acquisition) -> str | None:
    x, gold = _noise()
    pool = practice_pool(x, gold, [3, 4], strategy=strategy)
    shown = ["candidates", "labelled", "gold", "probs", "logits", "embeddings", "features", "labelled_probs"]
    shown += ["labelled_embeddings", "dynamics.gold_prob", "dynamics.predicted", "data_map.variability"]
    before = {name: attrgetter(name)(pool).clone() for name in shown}
    chosen(strategy, pool, 12)
    changed = [name for name, values in before.items() if not torch.equal(values, attrgetter(name)(pool))]
    return f"it modifies pool.{', pool.'.join(changed)} in place; work on a copy." if changed else None


def _memory(strategy: Acquisition) -> str | None:
    n = 20_000
    x, gold = _noise(n)
    pool = practice_pool(x, gold, [3], strategy=strategy)
    was_tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    tracemalloc.reset_peak()
    base = tracemalloc.get_traced_memory()[0]
    try:
        with _Largest() as largest:
            chosen(strategy, pool, 12)
        used = largest.n_bytes + tracemalloc.get_traced_memory()[1] - base
    finally:
        if not was_tracing:
            tracemalloc.stop()
    if used <= n * _BYTES_PER_CANDIDATE:
        return None
    return (
        f"it uses {used / n / 1024:.0f} KB per candidate in a pool of {n:,}; {_BYTES_PER_CANDIDATE // 1024} KB are "
        "allowed. Compute (candidate, candidate) matrices in chunks."
    )


class _Largest(TorchDispatchMode):
    """Records the size of the largest tensor created."""

    def __init__(self) -> None:
        TorchDispatchMode.__init__(self)
        self.n_bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, Tensor):
                self.n_bytes = max(self.n_bytes, tensor.untyped_storage().nbytes())
        return made


LAWS: dict[str, Callable[[Acquisition], str | None]] = {
    "chooses n different candidates with finite scores": _kept,
    "makes the same choice again": _same_again,
    "ignores the order of the pool": _any_order,
    "favours no position without a signal": _spread,
    "breaks ties at random": _ties,
    "works if all labels are of one class": _one_class,
    "can choose the whole pool": _whole_pool,
    "can choose one candidate": _one,
    "works with saturated probabilities": _saturated,
    "chooses in a run as if it were alone": _alone,
    "scores a candidate alike beside others, if it is pointwise": _pointwise,
    "leaves the pool unchanged": _inputs_stay,
    "uses at most 16 KB per candidate": _memory,
}
"""The laws by name, each with a check that returns how it is broken, or None."""
