"""Wrappers against loops that do what they say."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from cal.acquisition.bald import Bald
from cal.acquisition.base import Acquisition
from cal.acquisition.clustering import KMeansPlusPlus
from cal.acquisition.one_run import OneRun
from cal.acquisition.pool import Batch
from cal.acquisition.spec import Function, make_strategies
from cal.acquisition.uncertainty import Entropy, LeastConfidence, Margin
from cal.acquisition.wrappers import Balanced, Power, Prefilter, Subpool
from cal.errors import ConfigError, StrategyError

N_CLASSES, N = 3, 40


@pytest.fixture
def logits():
    return torch.randn(2, N + 4, N_CLASSES, generator=torch.Generator().manual_seed(0)) * 2


@pytest.fixture
def pool(oracle_pool, logits):
    embeddings = torch.randn(2, N + 4, 3, generator=torch.Generator().manual_seed(1))
    return oracle_pool(logits, embeddings=embeddings)


class FirstAndLast(Acquisition):
    """A batch strategy that has no score: the candidates of the lowest positions."""

    needs = frozenset({"texts"})

    def select(self, pool, n):
        positions = torch.arange(n).expand(len(pool), n)
        return Batch(positions, -positions.double())


@pytest.mark.oracle("prefilter")
def test_prefilter_chooses_among_the_best(pool):
    """The least confident of the 3 x 4 with the smallest margins."""
    chosen = Prefilter(by=Margin(), then=LeastConfidence(), factor=3).select(pool, 4)
    margins, doubts = Margin().score(pool).tolist(), LeastConfidence().score(pool).tolist()
    for run in range(2):
        best = sorted(range(N), key=lambda i, run=run: -margins[run][i])[:12]
        expected = sorted(best, key=lambda i, run=run: -doubts[run][i])[:4]
        assert chosen.positions[run].tolist() == expected
        assert chosen.scores[run].tolist() == [doubts[run][i] for i in expected]


def test_prefilter_may_choose_batches_as_a_whole(pool):
    chosen = Prefilter(then=FirstAndLast(), factor=2).select(pool, 3)
    assert torch.equal(chosen.positions, Margin().select(pool, 6).positions[:, :3])


def test_a_prefilter_of_all_is_the_second_strategy(pool):
    chosen, alone = Prefilter(factor=20).select(pool, 5), KMeansPlusPlus().select(pool, 5)
    assert torch.equal(chosen.positions, alone.positions)


@pytest.mark.oracle("subpool")
@pytest.mark.parametrize("size", [10, 3])
def test_subpool_chooses_from_a_random_part(pool, size):
    chosen = Subpool(of=Entropy(), size=size).select(pool, 5)
    scores, draws = Entropy().score(pool).tolist(), pool.uniform("subpool").tolist()
    for run in range(2):
        part = sorted(range(N), key=lambda i, run=run: draws[run][i])[: max(size, 5)]
        assert chosen.positions[run].tolist() == sorted(part, key=lambda i, run=run: -scores[run][i])[:5]


def test_a_subpool_of_all_is_the_strategy(pool):
    assert torch.equal(Subpool().select(pool, 5).positions, Margin().select(pool, 5).positions)


def test_a_subpool_predicts_no_more_than_itself(pool):
    Subpool(size=10).select(pool, 5)
    assert "_prediction" not in pool.__dict__


@pytest.mark.oracle("balanced")
@pytest.mark.parametrize("n", [1, 9, 25, N])
def test_balanced_fills_the_class_with_the_fewest_labels(oracle_pool, logits, n):
    pool = oracle_pool(logits + torch.tensor([1.5, 0.0, 0.0]))
    pool.gold = torch.tensor([[0, 0, 1, 2], [1, 1, 1, 1]])
    chosen = Balanced(of=Entropy()).select(pool, n)
    scores, predicted = Entropy().score(pool).tolist(), pool.probs.argmax(-1).tolist()
    for run in range(2):
        labels = [pool.gold[run].tolist().count(c) for c in range(N_CLASSES)]
        left, expected = set(range(N)), []
        for _ in range(n):
            fewest = min(labels[predicted[run][i]] for i in left)
            allowed = [i for i in left if labels[predicted[run][i]] == fewest]
            best = max(allowed, key=lambda i, run=run: scores[run][i])
            expected.append(best)
            left.remove(best)
            labels[predicted[run][best]] += 1
        assert chosen.positions[run].tolist() == expected
        assert chosen.scores[run].tolist() == [scores[run][i] for i in expected]


def gumbel(pool):
    return torch.from_numpy(scipy.stats.gumbel_r.ppf(pool.uniform("power").numpy()))


@pytest.mark.oracle("power")
@pytest.mark.parametrize("beta", [0.0, 1.0, 5.0])
def test_power_adds_gumbel_noise(pool, beta):
    entropy, margin = Entropy().score(pool), Margin().score(pool)
    expected = beta * entropy.log() + gumbel(pool)
    torch.testing.assert_close(Power(beta=beta).score(pool), expected, rtol=0, atol=1e-9)
    expected = beta * margin + gumbel(pool)
    torch.testing.assert_close(Power(Margin(), beta, "softmax").score(pool), expected, rtol=0, atol=1e-9)
    ranks = torch.from_numpy(scipy.stats.rankdata(-margin.numpy(), axis=1))
    expected = -beta * ranks.log() + gumbel(pool)
    torch.testing.assert_close(Power(Margin(), beta, "rank").score(pool), expected, rtol=0, atol=1e-9)


def test_power_draws_in_proportion_to_the_score(oracle_pool):
    """The first of 2,000 batches; the shares of the chi-squared test fail for one set of seeds in a million."""
    shares = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    pool = oracle_pool(torch.zeros(2000, 4, 2), n_labelled=1)
    first = Power(Function(lambda pool: shares.expand(2000, 3))).select(pool, 1).positions[:, 0]
    assert scipy.stats.chisquare(torch.bincount(first), 2000 * shares).pvalue > 1e-6


def test_power_takes_what_scores_nothing_last(oracle_pool):
    pool = oracle_pool(torch.zeros(50, 24, 2))
    scores = torch.tensor([0.0] * 10 + [1e-3] * 10, dtype=torch.float64).expand(50, 20)
    chosen = Power(Function(lambda pool: scores)).select(pool, 20)
    assert (chosen.positions[:, :10] >= 10).all()
    assert len({tuple(rows) for rows in chosen.positions[:, 10:].tolist()}) == 50  # and in random order


def test_power_of_rounding_below_zero_is_that_of_zero(pool):
    scores = torch.full((2, N), -1e-16, dtype=torch.float64)
    zero = Power(Function(lambda pool: torch.zeros_like(scores))).score(pool)
    assert torch.equal(Power(Function(lambda pool: scores)).score(pool), zero)


def test_power_refuses_scores_below_zero(pool):
    with pytest.raises(StrategyError, match=r"Margin are negative, down to -.*; set kind to softmax or rank"):
        Power(Margin()).score(pool)


class ChoosesOneRun(OneRun):
    def select_run(self, pool, n):
        return np.arange(n)


@pytest.mark.parametrize("of", [FirstAndLast(), ChoosesOneRun(), Prefilter()], ids=lambda of: of.name)
@pytest.mark.parametrize("wrapper", [Balanced, Power])
def test_wrappers_that_order_scores_refuse_strategies_without(wrapper, of):
    with pytest.raises(
        ConfigError, match=f"{wrapper.__name__.lower()} orders scores, but {of.name} chooses whole batches"
    ):
        wrapper(of)


def test_wrappers_need_what_their_strategies_need():
    assert Prefilter(by=Bald(), then=FirstAndLast()).needs == {"dropout", "texts"}
    assert Subpool(FirstAndLast()).needs == {"texts"}
    assert Balanced(Bald()).needs == Power(Bald()).needs == {"dropout"}


def test_strategies_within_are_written_like_others():
    spec = {"prefilter": {"by": {"power": {"of": "bald", "beta": 2}}, "then": {"subpool": {"size": 50}}, "factor": 3}}
    (made,) = make_strategies([spec]).values()
    assert made == Prefilter(Power(Bald(), beta=2), Subpool(Margin(), 50), 3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"prefilter": {"by": "margn"}}, "by: Unknown strategy 'margn'. Did you mean 'margin'"),
        ({"prefilter": {"factor": 0}}, "factor must be a whole number of at least 1, not 0"),
        ({"subpool": {"size": 0}}, "size must be a whole number of at least 1, not 0"),
        ({"power": {"beta": -1}}, "beta must be a finite number of at least 0, not -1"),
        ({"power": {"beta": math.inf}}, "beta must be a finite number of at least 0, not inf"),
        ({"power": {"kind": "softrank"}}, "kind must be power, softmax or rank, not 'softrank'"),
        ({"balanced": {"of": "prefilter"}}, "balanced orders scores, but Prefilter chooses whole batches"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_before_it_is_run(spec, message):
    with pytest.raises(ConfigError) as caught:
        make_strategies([spec])
    assert message in str(caught.value)
