"""Uncertainty and dropout strategies against loops over plain numbers."""

import re

import numpy as np
import pytest
import scipy.stats
import torch

from cal.acquisition.bald import Bald, McEntropy, McMargin, VariationRatio
from cal.acquisition.base import unmet_needs
from cal.acquisition.uncertainty import Entropy, LeastConfidence, Margin, entropy
from cal.errors import ConfigError

N_RUNS, N, N_CLASSES, N_SAMPLES, N_LABELLED = 3, 12, 4, 6, 4


def random_logits(*shape, scale=2.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape))) * scale


@pytest.fixture
def logits():
    return random_logits(N_RUNS, N, N_CLASSES)


@pytest.fixture
def samples():
    """(run, sample, instance, class) probabilities."""
    return torch.softmax(random_logits(N_RUNS, N_SAMPLES, N, N_CLASSES).double(), dim=-1)


def softmax(row):
    powers = np.exp(np.asarray(row, np.float64) - np.max(row))
    return powers / powers.sum()


def per_candidate(logits, function):
    return [[function(softmax(logits[r, i].numpy())) for i in range(N_LABELLED, N)] for r in range(len(logits))]


def assert_scores(scores, expected):
    torch.testing.assert_close(scores, torch.tensor(np.array(expected)), rtol=0, atol=1e-12)


@pytest.mark.oracle("least_confidence")
def test_least_confidence_is_one_minus_the_largest_probability(oracle_pool, logits):
    assert_scores(LeastConfidence().score(oracle_pool(logits)), per_candidate(logits, lambda p: 1 - max(p)))


@pytest.mark.oracle("margin")
def test_margin_is_the_negated_gap_between_the_two_largest(oracle_pool, logits):
    expected = per_candidate(logits, lambda p: sorted(p)[-2] - sorted(p)[-1])
    assert_scores(Margin().score(oracle_pool(logits)), expected)


@pytest.mark.oracle("entropy")
def test_entropy_is_scipys_in_bits(oracle_pool, logits):
    expected = per_candidate(logits, lambda p: scipy.stats.entropy(p, base=2))
    assert_scores(Entropy().score(oracle_pool(logits)), expected)


def test_entropy_of_a_uniform_distribution_is_the_log_of_its_classes():
    assert entropy(torch.full((8,), 1 / 8)).item() == pytest.approx(3)


@pytest.mark.oracle("bald")
def test_bald_is_the_mutual_information_of_class_and_network(oracle_pool, logits, samples):
    expected = [
        [
            scipy.stats.entropy(np.mean([p[i] for p in run], axis=0), base=2)
            - np.mean([scipy.stats.entropy(p[i], base=2) for p in run])
            for i in range(N_LABELLED, N)
        ]
        for run in samples.numpy()
    ]
    assert_scores(Bald(n_samples=N_SAMPLES).score(oracle_pool(logits, samples=samples)), expected)


@pytest.mark.oracle("mc_entropy")
def test_mc_entropy_is_the_entropy_of_the_mean_of_samples(oracle_pool, logits, samples):
    expected = [
        [scipy.stats.entropy(np.mean([p[i] for p in run], axis=0), base=2) for i in range(N_LABELLED, N)]
        for run in samples.numpy()
    ]
    assert_scores(McEntropy(n_samples=N_SAMPLES).score(oracle_pool(logits, samples=samples)), expected)


@pytest.mark.oracle("mc_margin")
def test_mc_margin_is_the_negated_margin_of_the_mean_of_samples(oracle_pool, logits, samples):
    means = [[np.sort(np.mean([p[i] for p in run], axis=0)) for i in range(N_LABELLED, N)] for run in samples.numpy()]
    expected = [[p[-2] - p[-1] for p in run] for run in means]
    assert_scores(McMargin(n_samples=N_SAMPLES).score(oracle_pool(logits, samples=samples)), expected)


@pytest.mark.oracle("variation_ratio")
def test_variation_ratio_is_the_share_of_votes_against_the_mode(oracle_pool, logits, samples):
    expected = [
        [1 - scipy.stats.mode([np.argmax(p[i]) for p in run]).count / N_SAMPLES for i in range(N_LABELLED, N)]
        for run in samples.numpy()
    ]
    assert len({share for run in expected for share in run}) > 2
    assert_scores(VariationRatio(n_samples=N_SAMPLES).score(oracle_pool(logits, samples=samples)), expected)


def test_bald_prefers_networks_that_disagree_to_networks_that_all_doubt(oracle_pool):
    doubt, disagree = [[0.5, 0.5]] * 2, [[1.0, 0.0], [0.0, 1.0]]
    samples = torch.tensor([[[0.5, 0.5]] * 1 + [a, b] for a, b in zip(doubt, disagree, strict=True)]).unsqueeze(0)
    pool = oracle_pool(torch.zeros(1, 3, 2), n_labelled=1, samples=samples.double())
    assert Bald(n_samples=2).score(pool).tolist() == [[pytest.approx(0), pytest.approx(1)]]
    assert McEntropy(n_samples=2).score(pool).tolist() == [[pytest.approx(1), pytest.approx(1)]]


@pytest.mark.parametrize("strategy", [LeastConfidence(), Margin(), Entropy()], ids=lambda s: type(s).__name__)
def test_saturated_probabilities_score_lowest_and_are_finite(oracle_pool, strategy):
    logits = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [1e4, -1e4], [-1e4, 1e4], [1.0, 0.9]]])
    scores = strategy.score(oracle_pool(logits, n_labelled=1))[0]
    assert torch.isfinite(scores).all()
    assert scores[0] > scores[3] > scores[1] == scores[2]


def test_saturated_samples_are_finite(oracle_pool):
    samples = torch.tensor([[[[1.0, 0.0]] * 3, [[0.0, 1.0]] * 3]], dtype=torch.float64)
    pool = oracle_pool(torch.zeros(1, 3, 2), n_labelled=1, samples=samples)
    for strategy in (Bald(n_samples=2), McEntropy(n_samples=2), McMargin(n_samples=2), VariationRatio(n_samples=2)):
        assert torch.isfinite(strategy.score(pool)).all()


def test_confident_predictions_stay_apart(oracle_pool):
    """In float32 both would have probability 1; the less confident one must still come first."""
    logits = torch.tensor([[[0.0, 0.0], [30.0, 0.0], [25.0, 0.0]]])
    scores = LeastConfidence().score(oracle_pool(logits, n_labelled=1))[0]
    assert scores[1] > scores[0] > 0


@pytest.mark.parametrize("choice", [Bald, McEntropy, McMargin, VariationRatio])
def test_dropout_strategies_need_dropout(choice):
    assert unmet_needs(choice(), {"dropout"}) == []
    (need,) = unmet_needs(choice(), {"embeddings"})
    assert re.match(r"needs dropout; this learner has none.*learner\.dropout", need)


def test_at_least_one_sample():
    with pytest.raises(ConfigError, match="n_samples must be a whole number of at least 1, not 0"):
        Bald(n_samples=0)
