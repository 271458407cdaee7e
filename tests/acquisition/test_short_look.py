"""A short look at the pool against a look after each epoch."""

import numpy as np
import pytest
import torch

from cal.acquisition import short_look
from cal.acquisition.base import chosen
from cal.acquisition.pool_dynamics import AveragedEntropy, AveragedMargin, EpochDisagreement, LabelDispersion
from cal.acquisition.short_look import shortlist
from cal.errors import ConfigError
from cal.testing import practice_pool

STRATEGIES = [AveragedMargin, AveragedEntropy, EpochDisagreement, LabelDispersion]


@pytest.fixture
def pools(monkeypatch):
    """pools(): a pool of 2,000 candidates in two runs, of which 200 are sampled."""
    monkeypatch.setattr(short_look, "_N_SAMPLED", 200)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_000, 6)).astype(np.float32)
    gold = torch.from_numpy((x[:, :3] + rng.normal(size=(2_000, 3))).argmax(axis=1))
    return lambda seeds=(1, 2), **given: practice_pool(x, gold, list(seeds), query_size=20, **given)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_chooses_nearly_what_a_full_look_chooses(pools, strategy):
    short, full = chosen(strategy(full_look=100), pools(), 20), chosen(strategy(), pools(), 20)
    same = [len(set(a) & set(b)) for a, b in zip(short.positions.tolist(), full.positions.tolist(), strict=True)]
    assert min(same) >= 18
    for run in range(2):  # what it chooses has the same scores
        of = dict(zip(full.positions[run].tolist(), full.scores[run].tolist(), strict=True))
        found = zip(short.positions[run].tolist(), short.scores[run].tolist(), strict=True)
        both = [(score, of[position]) for position, score in found if position in of]
        np.testing.assert_allclose(*zip(*both, strict=True), atol=1e-5)


def test_few_candidates_are_predicted_after_every_epoch(pools, monkeypatch):
    pool, predicted = pools(), []
    predict = type(pool.snapshots._snapshots).predict

    def counted(self, number, epoch, instances):
        predicted.append(len(instances))
        return predict(self, number, epoch, instances)

    monkeypatch.setattr(type(pool.snapshots._snapshots), "predict", counted)
    chosen(AveragedMargin(full_look=100), pool, 5)
    n, n_epochs = pool.candidates.shape[1], 6
    assert sum(predicted) == 2 * (3 * n + n_epochs * (200 + round(0.1 * n)))


def test_the_order_of_the_pool_does_not_matter(pools):
    order = torch.from_numpy(np.random.default_rng(1).permutation(1_980))
    straight, permuted = pools(), pools(order=order)
    ids = [
        pool.candidates.gather(1, chosen(EpochDisagreement(full_look=100), pool, 20).positions)
        for pool in (straight, permuted)
    ]
    assert torch.equal(*ids)


def test_a_run_chooses_beside_others_what_it_chooses_alone(pools):
    together = chosen(AveragedMargin(full_look=100), pools(), 20)
    alone = chosen(AveragedMargin(full_look=100), pools(seeds=[2]), 20)
    assert torch.equal(together.positions[1], alone.positions[0])


@pytest.mark.parametrize(("n", "full_look"), [(20, 8_000), (100, 100), (1_980, 100)])
def test_small_pools_and_large_batches_are_looked_at_in_full(pools, n, full_look):
    one, other = (chosen(AveragedMargin(full_look=full), pools(), n) for full in (full_look, 10**9))
    assert torch.equal(one.positions, other.positions)


def test_what_has_predicted_the_pool_already_is_used(pools):
    pool = pools()
    assert shortlist(AveragedMargin().rated, pool, 20).shape == (2, 400)
    assert pool.predictions.n_epochs == 6
    assert shortlist(AveragedMargin().rated, pool, 20) is None


def test_a_full_look_is_a_whole_number():
    with pytest.raises(ConfigError, match="full_look must be a whole number"):
        LabelDispersion(full_look=0.5)
