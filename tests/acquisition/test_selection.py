"""Laws of every strategy: order of the pool, ties, spread, contract."""

import numpy as np
import pytest
import scipy.stats
import torch

from cal import registry
from cal.acquisition.base import Acquisition, top
from cal.acquisition.mix import Mix
from cal.acquisition.spec import make_strategies
from cal.errors import StrategyError
from cal.streams import Streams

_SMALL = {"hidden": 8, "n_epochs": 4, "batch_size": 16, "lr": 1e-2}
_PARAMETERS = {"dal": _SMALL, "cal": _SMALL}
SPECS = {name: {name: _PARAMETERS.get(name, {})} for name in registry.STRATEGIES if name != "mix"}
SPECS["mix"] = {"mix": {"random": 0.25, "entropy": 0.5, "bald": 0.25}}


def strategy_of(name: str) -> Acquisition:
    strategy = next(iter(make_strategies([SPECS[name]]).values()))
    if name == "mix":  # with the discriminators, made small
        parts = make_strategies([SPECS["dal"], SPECS["cal"]])
        return Mix([*strategy.parts, *parts.values()], [*strategy.shares, 0.5, 0.5])
    return strategy


def noise(n, width=5, n_classes=3, seed=0):
    """Features that say nothing of the labels, nor of where an instance stands."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, width)).astype(np.float32), torch.from_numpy(rng.integers(0, n_classes, n))


@pytest.fixture(params=SPECS)
def strategy(request):
    return strategy_of(request.param)


def test_permuting_the_pool_permutes_the_selection(trained_pool, strategy):
    x, gold = noise(70)
    order = torch.from_numpy(np.random.default_rng(1).permutation(50))
    pools = [trained_pool(x, gold, [3, 4]), trained_pool(x, gold, [3, 4], order=order)]
    chosen = [strategy.select(pool, 12) for pool in pools]
    instances = [pool.candidates.gather(1, one.positions) for pool, one in zip(pools, chosen, strict=True)]
    assert torch.equal(*instances)
    torch.testing.assert_close(chosen[0].scores, chosen[1].scores, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in SPECS if name != "mix"])
def test_permuting_the_pool_permutes_the_scores(trained_pool, name):
    x, gold = noise(70)
    order = torch.from_numpy(np.random.default_rng(1).permutation(50))
    straight, permuted = (strategy_of(name).score(trained_pool(x, gold, [3, 4], order=o)) for o in (None, order))
    torch.testing.assert_close(straight[:, order], permuted, rtol=0, atol=1e-6)


def test_without_a_signal_picks_are_spread_evenly_over_the_pool(trained_pool, strategy):
    """Features are drawn alike for every position, so no position may be favoured.

    The mean relative position of 8 x 15 picks is .5 with a standard deviation of at most
    1/sqrt(12 x 120) = .026. Five of them: a right strategy fails for one set of seeds in 1.7 million.
    """
    positions = []
    for seed in range(8):
        x, gold = noise(140, seed=seed)
        positions += strategy.select(trained_pool(x, gold, [seed]), 15).positions[0].tolist()
    assert abs((np.array(positions) + 0.5).mean() / 120 - 0.5) < 5 / np.sqrt(12 * 120)


def test_ties_are_broken_at_random(trained_pool, strategy):
    """All documents alike, so all scores are equal: the picks must be uniform over the pool.

    Kolmogorov-Smirnov over 20 seeds x 10 picks of 100; the bound lets one set of seeds in a million fail.
    """
    gold = torch.arange(120) % 3
    pool = trained_pool(np.ones((120, 5), np.float32), gold, range(20))
    positions = strategy.select(pool, 10).positions
    assert scipy.stats.kstest((positions.flatten().numpy() + 0.5) / 100, "uniform").pvalue > 1e-6
    assert len({tuple(sorted(chosen)) for chosen in positions.tolist()}) == 20


def test_no_candidate_twice_and_none_outside_the_pool(trained_pool, strategy):
    x, gold = noise(70)
    positions = strategy.select(trained_pool(x, gold, [3, 4]), 50).positions
    assert torch.equal(positions.sort(dim=1).values, torch.arange(50).expand(2, 50))


def test_a_run_of_a_stack_selects_as_alone_bit_for_bit(trained_pool, strategy):
    x, gold = noise(70)
    together = strategy.select(trained_pool(x, gold, [3, 4, 3]), 9)
    for run, seed in enumerate([3, 4, 3]):
        alone = strategy.select(trained_pool(x, gold, [seed]), 9)
        assert torch.equal(together.positions[run], alone.positions[0])
        assert torch.equal(together.scores[run], alone.scores[0])


def test_fewer_are_the_first_of_more(trained_pool):
    x, gold = noise(70)
    pool = trained_pool(x, gold, [3, 4])
    for name in SPECS:
        if name != "mix":
            few, many = (strategy_of(name).select(pool, n).positions for n in (5, 20))
            assert torch.equal(few, many[:, :5])


def test_strategies_of_a_seed_break_ties_alike(trained_pool):
    gold = torch.arange(60) % 3
    pool = trained_pool(np.ones((60, 5), np.float32), gold, [1])
    chosen = [strategy_of(name).select(pool, 10).positions for name in ("least_confidence", "entropy", "cal")]
    assert torch.equal(chosen[0], chosen[1])
    assert torch.equal(chosen[0], chosen[2])


def test_two_rounds_and_two_seeds_pick_other_candidates_at_random(trained_pool):
    x, gold = noise(70)
    random = strategy_of("random")
    chosen = [
        random.score(trained_pool(x, gold, [seed], round=round))[0, :5].tolist() for seed in (1, 2) for round in (1, 2)
    ]
    assert len(set(map(tuple, chosen))) == 4


@pytest.mark.parametrize("n", [1, 7, 40])
def test_top_is_a_sort_by_score_then_draw(n):
    generator = torch.Generator().manual_seed(n)
    scores = torch.randint(0, 4, (3, 40), generator=generator).double()  # many ties
    draws = torch.rand(3, 40, generator=generator)
    chosen = top(scores, n, draws)
    for run in range(3):
        expected = sorted(range(40), key=lambda i, run=run: (-scores[run, i].item(), draws[run, i].item()))[:n]
        assert chosen.positions[run].tolist() == expected
        assert chosen.scores[run].tolist() == [scores[run, i].item() for i in expected]


class Given(Acquisition):
    def __init__(self, function):
        self.function = function

    def score(self, pool):
        return self.function(pool)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda pool: pool.probs, r"returned \(2, 8, 3\); it must return a tensor \(run, candidate\) = \(2, 8\)"),
        (lambda pool: pool.probs[0, :, 0], r"returned \(8,\)"),
        (lambda pool: [1.0], "returned list"),
        (lambda pool: None, "returned NoneType"),
        (lambda pool: pool.probs[..., 0] / 0, "returned 16 scores that are NaN or infinite, of 16"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_told_how(oracle_pool, function, message):
    pool = oracle_pool(torch.zeros(2, 12, 3))
    with pytest.raises(StrategyError, match=message):
        Given(function).select(pool, 3)
    with pytest.raises(StrategyError, match=message):
        Mix([Given(function), strategy_of("random")], [1, 1]).select(pool, 3)


def test_a_pool_does_not_hold_the_gold_labels_of_candidates(trained_pool):
    """Whatever can be reached from a pool changes nothing when the candidates' labels do."""
    x, gold = noise(70)
    candidates = trained_pool(x, gold, [3]).candidates[0]
    shuffled = gold.clone()
    shuffled[candidates] = gold[candidates].flip(0)
    assert not torch.equal(gold, shuffled)
    for name in SPECS:
        given, other = (strategy_of(name).select(trained_pool(x, labels, [3]), 9) for labels in (gold, shuffled))
        assert torch.equal(given.positions, other.positions)
        assert torch.equal(given.scores, other.scores)


def test_nothing_is_an_empty_selection(trained_pool):
    x, gold = noise(70)
    nothing = trained_pool(x, gold, [3, 4]).nothing()
    assert nothing.positions.shape == nothing.scores.shape == (2, 0)


def test_uniform_numbers_belong_to_instances(trained_pool):
    x, gold = noise(70)
    pool = trained_pool(x, gold, [3, 4])
    whole = Streams([3, 4], 1).uniform("p", 70)
    assert torch.equal(pool.uniform("p"), whole.gather(1, pool.candidates))
