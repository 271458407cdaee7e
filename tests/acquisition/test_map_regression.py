"""Predicted maps against a Bayesian regression written out, and blends against ranks of scipy."""

import numpy as np
import pytest
import scipy.stats
import torch

from cal.acquisition.bald import Bald
from cal.acquisition.base import Acquisition
from cal.acquisition.blend import Blend
from cal.acquisition.map_regression import PredictedBoundary, PredictedUcb, PredictedVariability
from cal.acquisition.spec import make_strategies
from cal.acquisition.uncertainty import Entropy, Margin
from cal.dynamics.data_map import DataMap
from cal.errors import ConfigError

RNG = np.random.default_rng(0)
X, GOLD = RNG.normal(size=(90, 5)), torch.from_numpy(RNG.integers(0, 3, 90))


@pytest.fixture
def pool(trained_pool):
    return trained_pool(X, GOLD, [3, 4], n_labelled=40)


def posterior(x, y, x_new):
    """Mean and standard deviation of Bayesian linear regression, by the evidence fixed point, in plain matrices.

    Noise and weights have precisions with flat gamma priors; MacKay's updates are iterated to their end.
    """
    x, y, x_new = (np.asarray(values, np.float64) for values in (x, y, x_new))
    centre, level = x.mean(axis=0), y.mean()
    xc, yc = x - centre, y - level
    noise, prior = 1 / (np.var(y) + 1e-16), 1.0
    for _ in range(300):
        covariance = np.linalg.inv(prior * np.eye(x.shape[1]) + noise * xc.T @ xc)
        weights = noise * covariance @ xc.T @ yc
        effective = x.shape[1] - prior * np.trace(covariance)
        prior = (effective + 2e-6) / (weights @ weights + 2e-6)
        noise = (len(y) - effective + 2e-6) / (((yc - xc @ weights) ** 2).sum() + 2e-6)
    covariance = np.linalg.inv(prior * np.eye(x.shape[1]) + noise * xc.T @ xc)
    weights = noise * covariance @ xc.T @ yc
    xn = x_new - centre
    return xn @ weights + level, np.sqrt(1 / noise + np.einsum("ij,jk,ik->i", xn, covariance, xn))


def expected(pool, metric, seed_map):
    metrics = getattr(seed_map, metric)
    runs = [posterior(pool.labelled_embeddings[r], metrics[r], pool.embeddings[r]) for r in range(len(pool))]
    return (np.stack(values) for values in zip(*runs, strict=True))


@pytest.mark.oracle("predicted_variability")
@pytest.mark.parametrize("seed_map", ["end", "out_of_fold"])
def test_predicted_variability_is_the_regression_of_the_seed_map(pool, seed_map):
    known = pool.data_map if seed_map == "end" else DataMap.of(pool.out_of_fold(3))
    mean, _ = expected(pool, "variability", known)
    scores = PredictedVariability(seed_map, folds=3).score(pool)
    np.testing.assert_allclose(scores, mean, atol=2e-3)
    for run in range(2):
        assert scipy.stats.spearmanr(scores[run], mean[run]).statistic > 0.99


@pytest.mark.oracle("predicted_boundary")
def test_predicted_boundary_is_the_distance_of_predicted_correctness(pool):
    mean, _ = expected(pool, "correctness", pool.data_map)
    np.testing.assert_allclose(PredictedBoundary(threshold=0.6).score(pool), -np.abs(mean - 0.6), atol=5e-3)


@pytest.mark.oracle("predicted_ucb")
@pytest.mark.parametrize("metric", ["variability", "hardness"])
def test_predicted_ucb_adds_standard_deviations(pool, metric):
    mean, std = expected(pool, "variability" if metric == "variability" else "confidence", pool.data_map)
    wanted = (mean if metric == "variability" else 1 - mean) + 2 * std
    np.testing.assert_allclose(PredictedUcb(metric=metric, beta=2).score(pool), wanted, atol=1e-2)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"predicted_variability": {"seed_map": "during", "folds": 1}}, r"(?s)folds.*seed_map must be end"),
        ({"predicted_boundary": {"threshold": 2}}, "threshold must be a number from 0 to 1, not 2"),
        ({"predicted_ucb": {"metric": "loss", "beta": -1}}, r"(?s)metric must be.*beta must be"),
        ({"blend": {"parts": ["margin"]}}, "at least two strategies"),
        ({"blend": {"weights": [1, 2, 3]}}, "a weight above 0 for each"),
        ({"blend": {"parts": ["margin", {"mix": {"dal": 1, "cal": 1}}]}}, "chooses whole batches"),
    ],
)
def test_refused_parameters_say_why(spec, message):
    with pytest.raises(ConfigError, match=message):
        make_strategies([spec])


@pytest.mark.oracle("blend")
def test_a_blend_is_the_weighted_sum_of_ranks(pool):
    scores = [part.score(pool).numpy() for part in (Margin(), Entropy())]
    ranks = [(scipy.stats.rankdata(one, method="min", axis=1) - 1) / one.shape[1] for one in scores]
    np.testing.assert_allclose(Blend([Margin(), Entropy()], [1, 3]).score(pool), ranks[0] + 3 * ranks[1])


def test_a_blend_does_not_ask_for_scales(pool):
    class Stretched(Acquisition):
        def score(self, pool):
            return Entropy().score(pool).exp() * 1e6 - 3

    blends = [Blend([Margin(), other]).select(pool, 9).positions for other in (Entropy(), Stretched())]
    assert torch.equal(*blends)


def test_a_blend_needs_what_its_parts_need():
    assert Blend([Bald(), PredictedVariability()]).needs == {"dropout", "embeddings"}
