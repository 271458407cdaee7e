"""Every registered strategy keeps every law, and every law catches a strategy that breaks it."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from cal import registry
from cal.acquisition.base import Acquisition
from cal.acquisition.one_run import OneRun
from cal.acquisition.pool import Batch
from cal.acquisition.spec import Function, make_strategies
from cal.errors import ConfigError, StrategyError
from cal.testing import LAWS, check_acquisition, conformance

_SMALL = {"hidden": 8, "n_epochs": 4, "batch_size": 64, "lr": 1e-2}
PARAMETERS = {
    "dal": _SMALL,
    "cal": _SMALL,
    "tidal": _SMALL,
    "batch_bald": {"n_samples": 10, "n_configurations": 50},
    "mix": {"random": 0.25, "entropy": 0.5, "bald": 0.25},
}


@pytest.mark.parametrize("name", registry.STRATEGIES)
def test_a_registered_strategy_keeps_every_law(name):
    (strategy,) = make_strategies([{name: PARAMETERS.get(name)}]).values()
    broken = [outcome for outcome in conformance(strategy) if outcome.problem]
    assert broken == []


def test_every_registered_strategy_has_an_oracle():
    """A test marked `oracle("name")` says what the strategy's scores or choices must be, by other means."""
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    marked = {name for source in sources for name in re.findall(r'mark\.oracle\("(\w+)"\)', source)}
    assert set(registry.STRATEGIES) - marked == set()


class Select(Acquisition):
    def __init__(self, function):
        self.function = function

    def select(self, pool, n):
        positions = self.function(pool, n)
        return Batch(positions, torch.zeros_like(positions, dtype=torch.float64))


def first(pool, n):
    return torch.arange(n).expand(len(pool), n)


def restless():
    calls = iter(range(1000))
    return lambda pool: pool.uniform(f"call {next(calls)}")


def squared(pool):
    """Distances between all candidates, at once."""
    n = pool.candidates.shape[1]
    return pool.uniform("u") + pool.probs.new_zeros(1, n, n).sum(dim=-1)


def scaled_in_place(pool):
    return pool.probs.mul_(2).amax(dim=-1)


class Numpy(OneRun):
    """Draws for positions, not for instances."""

    def score_run(self, pool):
        return pool.generator().random(len(pool))


def by_the_stack(pool):
    """Scores that depend on the run beside."""
    return pool.uniform("u") * (1 if len(pool) == 1 else -1)


def by_gold(pool):
    """Fails where all are of one class."""
    return pool.uniform("u") / pool.gold.double().std()


def by_rank(pool):
    """Scores that depend on the other candidates."""
    return pool.probs.amax(dim=-1).argsort(dim=-1).argsort(dim=-1).double()


by_rank.pointwise = True

BREAKERS = {
    "chooses n different candidates with finite scores": Select(
        lambda pool, n: torch.zeros(len(pool), n, dtype=torch.long)
    ),
    "makes the same choice again": Function(restless()),
    "ignores the order of the pool": Numpy(),
    "favours no position without a signal": Select(first),
    "breaks ties at random": Select(first),
    "works if all labels are of one class": Function(by_gold),
    "can choose the whole pool": Select(lambda pool, n: pool.uniform("u")[:, :-1].argsort(dim=-1)[:, :n]),
    "can choose one candidate": Select(lambda pool, n: pool.uniform("u").argsort(dim=-1)[:, : max(n, 2)]),
    "works with saturated probabilities": Function(lambda pool: pool.probs.log().sum(dim=-1)),
    "chooses in a run as if it were alone": Function(by_the_stack),
    "scores a candidate alike beside others, if it is pointwise": Function(by_rank),
    "leaves the pool unchanged": Function(scaled_in_place),
    "uses at most 16 KB per candidate": Function(squared),
}


@pytest.mark.parametrize("law", LAWS)
def test_each_law_catches_a_strategy_that_breaks_it(law):
    problem = next(outcome.problem for outcome in conformance(BREAKERS[law]) if outcome.law == law)
    assert problem is not None


def test_numpy_memory_counts_too():
    class Square(OneRun):
        def score_run(self, pool):
            n = len(pool)
            return pool.uniform("u") + np.zeros((n, n), np.float32)[:, 0]

    assert "KB per candidate" in dict(conformance(Square()))["uses at most 16 KB per candidate"]


def test_what_is_not_declared_is_not_shown():
    class Sampled(Acquisition):
        def score(self, pool):
            return pool.mc_probs(2)[:, 0, :, 0]

    with pytest.raises(StrategyError, match=r"must declare it: needs = frozenset\(\{'dropout'\}\)"):
        check_acquisition(Sampled())


def test_a_check_lists_every_broken_law():
    with pytest.raises(StrategyError, match=r"breaks 12 of 13 laws:\n- chooses n different"):
        check_acquisition(lambda pool: pool.probs[..., 0] / 0)


def test_an_unknown_strategy_cannot_be_checked():
    with pytest.raises(ConfigError, match="Did you mean 'margin'"):
        check_acquisition("margn")
