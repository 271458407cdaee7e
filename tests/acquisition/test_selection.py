"""From scores to a selection: order, ties, contract."""

import numpy as np
import pytest
import torch

from cal.acquisition.base import Acquisition, top
from cal.acquisition.mix import Mix
from cal.acquisition.random import Random
from cal.acquisition.spec import make_strategies
from cal.errors import StrategyError
from cal.streams import Streams

SMALL = {"hidden": 8, "n_epochs": 4, "batch_size": 16, "lr": 1e-2}
SPECS = ["random", "least_confidence", "margin", "entropy", "bald", "mc_entropy", {"dal": SMALL}, {"cal": SMALL}]
SCORED = list(make_strategies(SPECS).values())
X, GOLD = (lambda rng: (rng.normal(size=(70, 5)), torch.from_numpy(rng.integers(0, 3, 70))))(np.random.default_rng(0))


@pytest.mark.parametrize("strategy", SCORED, ids=lambda strategy: strategy.name)
def test_permuting_the_pool_permutes_the_scores(trained_pool, strategy):
    order = torch.from_numpy(np.random.default_rng(1).permutation(50))
    straight, permuted = (strategy.score(trained_pool(X, GOLD, [3, 4], order=o)) for o in (None, order))
    torch.testing.assert_close(straight[:, order], permuted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("strategy", SCORED, ids=lambda strategy: strategy.name)
def test_a_run_of_a_stack_scores_as_alone_bit_for_bit(trained_pool, strategy):
    together = strategy.score(trained_pool(X, GOLD, [3, 4, 3]))
    for run, seed in enumerate([3, 4, 3]):
        assert torch.equal(together[run], strategy.score(trained_pool(X, GOLD, [seed]))[0])


def test_fewer_are_the_first_of_more(trained_pool):
    pool = trained_pool(X, GOLD, [3, 4])
    for strategy in SCORED:
        few, many = (strategy.select(pool, n).positions for n in (5, 20))
        assert torch.equal(few, many[:, :5])


def test_strategies_of_a_seed_break_ties_alike(trained_pool):
    pool = trained_pool(np.ones((60, 5), np.float32), torch.arange(60) % 3, [1])
    strategies = make_strategies(["least_confidence", "entropy", {"cal": SMALL}]).values()
    chosen = [strategy.select(pool, 10).positions for strategy in strategies]
    assert torch.equal(chosen[0], chosen[1])
    assert torch.equal(chosen[0], chosen[2])


@pytest.mark.oracle("random")
def test_random_is_the_order_of_draws_that_belong_to_instances(trained_pool):
    pool = trained_pool(X, GOLD, [3, 4])
    draws = Streams([3, 4], 1).uniform("random", 70)
    for run, positions in enumerate(Random().select(pool, 8).positions.tolist()):
        by_draw = sorted(pool.candidates[run].tolist(), key=lambda row, run=run: -draws[run, row])
        assert pool.candidates[run, positions].tolist() == by_draw[:8]


def test_two_rounds_and_two_seeds_pick_other_candidates_at_random(trained_pool):
    chosen = [
        Random().score(trained_pool(X, GOLD, [seed], round=round))[0, :5].tolist()
        for seed in (1, 2)
        for round in (1, 2)
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
        (lambda pool: pool.probs[..., 0] / 0, "16 of the 16 scores of .* are NaN or infinite"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_told_how(oracle_pool, function, message):
    pool = oracle_pool(torch.zeros(2, 12, 3))
    with pytest.raises(StrategyError, match=message):
        Given(function).select(pool, 3)
    with pytest.raises(StrategyError, match=message):
        Mix([Given(function), Random()], [1, 1]).select(pool, 3)


def test_nothing_is_an_empty_selection(trained_pool):
    nothing = trained_pool(X, GOLD, [3, 4]).nothing()
    assert nothing.positions.shape == nothing.scores.shape == (2, 0)


def test_uniform_numbers_belong_to_instances(trained_pool):
    pool = trained_pool(X, GOLD, [3, 4])
    whole = Streams([3, 4], 1).uniform("p", 70)
    assert torch.equal(pool.uniform("p"), whole.gather(1, pool.candidates))
