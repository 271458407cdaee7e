"""TypiClust against scikit-learn's clusters and loops over plain numbers."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.neighbors import NearestNeighbors

from cal.acquisition.clustering import CHUNK, spread
from cal.acquisition.typiclust import TypiClust, typical
from cal.errors import ConfigError


def blobs(n, n_centres, seed=0):
    """Some dense, some sparse places: (n, 3)."""
    rng = np.random.default_rng(seed)
    centre = rng.integers(0, n_centres, n)
    x = rng.normal(size=(n_centres, 3))[centre] * 4 + rng.normal(size=(n, 3)) * (0.2 + centre[:, None] / n_centres)
    return torch.from_numpy(x)


def slow_typical(x, labelled, n, draws, n_neighbours):
    together = torch.cat([x, labelled])
    first = together[spread(together, draws)].numpy()
    sklearn = SklearnKMeans(len(first), init=first, n_init=1, max_iter=20, tol=0).fit(together.numpy())
    cluster, known = sklearn.labels_[: len(x)], sklearn.labels_[len(x) :].tolist()
    chosen, scores = [], []
    while len(chosen) < n:

        def urgency(c):
            n_members = sum(sklearn.labels_ == c)
            return n_members <= 5, known.count(c), -n_members

        turn = min({cluster[i] for i in range(len(x)) if i not in chosen}, key=lambda c: (*urgency(c), c))
        members = [i for i in range(len(x)) if cluster[i] == turn]
        typicality = {}
        for i in (i for i in members if i not in chosen):
            near = sorted(float(np.linalg.norm(x[i] - x[j])) for j in members if j != i)
            near = near[: min(n_neighbours, len(members) // 2)]
            typicality[i] = -sum(near) / max(len(near), 1)
        best = max(typicality, key=typicality.get)
        chosen.append(best)
        scores.append(typicality[best])
        known.append(turn)
    return chosen, scores


@pytest.mark.oracle("typiclust")
@pytest.mark.parametrize(("n", "max_clusters"), [(6, 500), (30, 500), (6, 4), (80, 12)])
def test_typiclust_is_a_loop_over_clusters_and_neighbours(oracle_pool, n, max_clusters):
    embeddings = torch.stack([blobs(90, 8, seed) for seed in range(2)])
    pool = oracle_pool(torch.zeros(2, 90, 3), n_labelled=10, embeddings=embeddings, seeds=[5, 6])
    selection = TypiClust(n_neighbours=4, max_clusters=max_clusters).select(pool, n)
    for run in range(2):
        order = pool.uniform("ties")[run].argsort()
        draws = pool.streams.uniform("k-means++", min(10 + n, max_clusters))[run]
        x, labelled = (e[run] / e[run].norm(dim=1, keepdim=True) for e in (pool.embeddings, pool.labelled_embeddings))
        x = x[order]
        places, scores = slow_typical(x, labelled, n, draws, 4)
        assert selection.positions[run].tolist() == order[places].tolist()
        assert selection.scores[run].tolist() == pytest.approx(scores, abs=1e-5)


def test_typicality_is_that_of_scikit_learns_neighbours():
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(CHUNK + 300, 3)))
    distances, _ = NearestNeighbors(n_neighbors=21).fit(x.numpy()).kneighbors(x.numpy())
    means = distances[:, 1:].mean(axis=1)
    places, scores = typical(x, x[:0], 5, torch.tensor([0.5]))
    assert places.tolist() == means.argsort()[:5].tolist()
    np.testing.assert_allclose(scores.numpy(), -np.sort(means)[:5], rtol=1e-5)


def test_clusters_with_labelled_instances_are_left_alone():
    """Four groups far apart, two of which are labelled: one from each of the others, the larger one first."""
    group = torch.cat([torch.full((size,), label) for label, size in enumerate([20, 20, 8, 12])])
    x = 50 * torch.eye(4)[group] + blobs(60, 1).float()[:, [0, 1, 2, 0]] / 10
    for seed in range(5):
        draws = torch.rand(4, generator=torch.Generator().manual_seed(seed)).double()
        places, _ = typical(x, 50 * torch.eye(4)[[0, 1]], 2, draws)
        assert group[places].tolist() == [3, 2]


def test_outliers_come_last():
    x = torch.cat([blobs(30, 1).float(), torch.tensor([[900.0, 0, 0], [0, 900.0, 0]])])
    places, _ = typical(x, x[:0], 3, torch.tensor([0.1, 0.4, 0.6]))
    assert places[0] < 30
    assert sorted(places[1:].tolist()) != [30, 31]
    everything, scores = typical(x, x[:0], 32, torch.tensor([0.1, 0.4, 0.6]))
    assert sorted(everything[-2:].tolist()) == [30, 31]
    assert scores[-2:].tolist() == [0, 0]  # alone in their clusters


@pytest.mark.parametrize("n", [5, 60])
def test_a_sample_of_the_pool_gives_as_many_instances(n):
    x = blobs(60, 3)
    places, scores = typical(x, x[:4], n, torch.rand(8, generator=torch.Generator().manual_seed(0)), max_points=10)
    assert len(set(places.tolist())) == n
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", ["n_neighbours", "max_clusters", "max_points"])
def test_counts_are_at_least_one(name):
    with pytest.raises(ConfigError, match=f"{name} must be a whole number of at least 1, not 0"):
        TypiClust(**{name: 0})
