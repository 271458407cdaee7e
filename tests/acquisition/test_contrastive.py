"""Contrastive active learning against scikit-learn's neighbours and SciPy's divergence."""

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from cal.acquisition.contrastive import ContrastiveAl
from cal.errors import ConfigError

N_RUNS, N, N_LABELLED, N_CLASSES = 2, 60, 25, 4


@pytest.fixture
def task():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(N_RUNS, N, N_CLASSES, generator=generator) * 2
    return logits, torch.relu(torch.randn(N_RUNS, N, 6, generator=generator)) + 0.01


@pytest.mark.oracle("contrastive_al")
@pytest.mark.parametrize("k", [1, 10, N_LABELLED, 99])
def test_it_is_the_mean_divergence_from_the_nearest_labelled(oracle_pool, task, k, monkeypatch):
    monkeypatch.setattr("cal.acquisition.distances.CHUNK", 8)
    logits, embeddings = task
    expected = np.empty((N_RUNS, N - N_LABELLED))
    for run in range(N_RUNS):
        probs = torch.softmax(logits[run].double(), dim=-1).numpy()
        x = normalize(embeddings[run].double().numpy())
        finder = NearestNeighbors(n_neighbors=min(k, N_LABELLED), algorithm="brute").fit(x[:N_LABELLED])
        for candidate in range(N - N_LABELLED):
            near = finder.kneighbors(x[[N_LABELLED + candidate]], return_distance=False)[0]
            divergences = [scipy.stats.entropy(probs[i], probs[N_LABELLED + candidate]) for i in near]
            expected[run, candidate] = np.mean(divergences)
    pool = oracle_pool(logits, n_labelled=N_LABELLED, embeddings=embeddings)
    torch.testing.assert_close(
        ContrastiveAl(n_neighbours=k).score(pool), torch.from_numpy(expected), rtol=0, atol=1e-10
    )


def test_it_prefers_candidates_that_differ_from_near_ones_to_such_that_differ_from_far_ones(oracle_pool):
    embeddings = torch.tensor([[[9.0, 0.0], [0.0, 9.0], [0.1, 0.0], [0.1, 0.0]]])
    logits = torch.tensor([[[5.0, 0.0], [0.0, 5.0], [0.0, 5.0], [5.0, 0.0]]])
    other, alike = ContrastiveAl(1).score(oracle_pool(logits, n_labelled=2, embeddings=embeddings))[0]
    assert other > alike
    assert alike.item() == pytest.approx(0)


def test_certain_predictions_that_contradict_each_other_are_finite(oracle_pool):
    logits = torch.tensor([[[1e4, -1e4], [-1e4, 1e4], [1e4, -1e4]]])
    scores = ContrastiveAl().score(oracle_pool(logits, n_labelled=1))[0]
    assert scores.tolist() == [pytest.approx(2e4), 0]


def test_at_least_one_neighbour():
    with pytest.raises(ConfigError, match="n_neighbours must be a whole number of at least 1, not 0"):
        ContrastiveAl(0)


def test_neighbours_far_along_one_axis_are_told_apart(oracle_pool):
    """Directions that differ by a millionth; the nearest has the probabilities of the candidate, the others not."""
    angles = torch.tensor([[0.0, 1e-6, 2e-6, 1.1e-6, -0.1e-6]]).double()
    embeddings = 1e6 * torch.stack([angles.cos(), angles.sin()], dim=-1)
    logits = torch.tensor([[[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0], [4.0, 0.0]]])
    scores = ContrastiveAl(1).score(oracle_pool(logits, n_labelled=3, embeddings=embeddings))
    assert scores.abs().max() < 1e-12


def test_a_labelled_instance_without_a_direction_is_near_to_nothing(oracle_pool):
    """Zeros are at distance 1 of all directions, nearer than those at a right angle."""
    embeddings = torch.tensor([[[0.0, 0.0], [0.0, 2.0], [3.0, 0.1]]])
    logits = torch.tensor([[[0.0, 5.0], [5.0, 0.0], [5.0, 0.0]]])
    score = ContrastiveAl(1).score(oracle_pool(logits, n_labelled=2, embeddings=embeddings))
    assert score.item() == pytest.approx(0)
