"""Predicted loss curves against leaving out one after the other, and even samples against the paper's loop."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as SklearnKMeans

from cal.acquisition.clustering import spread
from cal.acquisition.loss_clusters import LossClusters, evenly, predicted_curves
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import ConfigError

N, N_LABELLED, N_EPOCHS, WIDTH = 90, 25, 6, 4


def regressed(x, y, alpha):
    """Weights and intercept that minimise |y - x w - b|^2 + alpha |w|^2, by the normal equations."""
    centre, mean = x.mean(axis=0), y.mean(axis=0)
    gram = (x - centre).T @ (x - centre) + alpha * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, (x - centre).T @ (y - mean))
    return weights, mean - centre @ weights


def slow_curves(x, y, x_new):
    def left_out(alpha):
        total = 0.0
        for i in range(len(x)):
            others = np.arange(len(x)) != i
            weights, intercept = regressed(x[others], y[others], alpha)
            total += ((x[i] @ weights + intercept - y[i]) ** 2).sum()
        return total

    size = ((x - x.mean(axis=0)) ** 2).sum()
    weights, intercept = regressed(x, y, min((size * 10.0**k for k in np.arange(-6, 2.25, 0.5)), key=left_out))
    return x_new @ weights + intercept


@pytest.fixture(scope="module")
def vectors():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(2, N, WIDTH)))


@pytest.fixture(scope="module")
def losses(vectors):
    """(run, epoch, labelled) losses that fall with the first direction of the vectors, and noise."""
    rng = np.random.default_rng(1)
    steep = torch.exp(vectors[:, None, :N_LABELLED, 0] * torch.arange(1, N_EPOCHS + 1).view(1, -1, 1) / 4)
    return steep + torch.from_numpy(rng.exponential(0.3, (2, N_EPOCHS, N_LABELLED)))


def paper_loop(cluster, n):
    """S2L's algorithm: small clusters first, each gives an equal part of what is left to choose."""
    members = sorted(([i for i, k in enumerate(cluster) if k == c] for c in set(cluster)), key=len)
    taken = []
    for k, each in enumerate(members):
        taken += each[: (n - len(taken)) // (len(members) - k)]
    return taken


@pytest.mark.oracle("loss_clusters")
@pytest.mark.parametrize(("n", "from_each"), [(1, 5), (12, 5), (13, 2), (40, 3), (65, 10)])
def test_loss_clusters_is_a_regression_a_clustering_and_a_loop(oracle_pool, vectors, losses, n, from_each):
    pool = oracle_pool(torch.zeros(2, N, 3), n_labelled=N_LABELLED, embeddings=vectors, seeds=[5, 6])
    given = pool.dynamics
    pool.dynamics = TrainingDynamics(
        given.gold, given.gold_prob, losses, given.margin, given.el2n, predicted=given.predicted
    )
    chosen = LossClusters(from_each).select(pool, n)
    for run in range(2):
        known, new = pool.labelled_embeddings[run].numpy(), pool.embeddings[run].numpy()
        order = pool.uniform("ties")[run].argsort()
        curves = slow_curves(known, losses[run].T.clamp(max=-np.log(1e-3)).numpy(), new)[order]
        draws = pool.streams.uniform("k-means++", -(-n // from_each))[run]
        first = curves[spread(torch.from_numpy(curves), draws).numpy()]
        sklearn = SklearnKMeans(len(first), init=first, n_init=1, max_iter=20, tol=0).fit(curves)
        positions, scores = chosen.positions[run].tolist(), chosen.scores[run].tolist()
        cluster = dict(zip(order.tolist(), sklearn.labels_.tolist(), strict=True))
        counts = np.bincount([cluster[i] for i in positions], minlength=len(first))
        sizes = np.bincount(sklearn.labels_, minlength=len(first))
        wanted = [sklearn.labels_[i] for i in paper_loop(sklearn.labels_.tolist(), n)]
        # Clusters of equal size may change places.
        parts, of_paper = counts, np.bincount(wanted, minlength=len(first))
        assert sorted(zip(sizes, parts, strict=True)) == sorted(zip(sizes, of_paper, strict=True))
        in_order = [i for k in range(len(first)) for i in [p for p in order.tolist() if cluster[p] == k][: counts[k]]]
        assert positions == sorted(in_order, key=order.tolist().index)
        assert scores == list(range(n, 0, -1))


@pytest.mark.parametrize("n_epochs", [N_EPOCHS, 1])
def test_curves_are_those_of_the_strength_with_the_least_error_of_those_left_out(vectors, losses, n_epochs):
    for run in range(2):
        x, y, new = vectors[run, :N_LABELLED], losses[run, :n_epochs].T, vectors[run, N_LABELLED:]
        np.testing.assert_allclose(predicted_curves(x, y, new), slow_curves(*map(np.asarray, (x, y, new))), atol=1e-9)


def test_losses_that_depend_on_the_vectors_are_predicted(vectors):
    known, new = vectors[0, :N_LABELLED], vectors[0, N_LABELLED:]
    weights = torch.from_numpy(np.random.default_rng(2).normal(size=(WIDTH, N_EPOCHS)))
    torch.testing.assert_close(predicted_curves(known, known @ weights + 3, new), new @ weights + 3, rtol=0, atol=1e-4)


@pytest.mark.parametrize("n_labelled", [1, 5])
def test_copies_have_their_mean_curve_and_predict_no_other(vectors, losses, n_labelled):
    y = losses[0].T[:n_labelled]
    curves = predicted_curves(vectors[0, :1].expand(n_labelled, WIDTH) * 1.1, y, vectors[0])
    np.testing.assert_allclose(curves, y.mean(dim=0).expand(N, N_EPOCHS), atol=1e-9)


def test_small_clusters_are_chosen_whole_and_others_evenly():
    cluster = torch.tensor([0] * 50 + [1] * 2 + [2] * 30 + [3])[torch.randperm(83)]
    chosen = cluster[evenly(cluster, 23)].bincount().tolist()
    assert chosen == [10, 2, 10, 1]


@pytest.mark.parametrize("n", [1, 7, 30, 60])
def test_even_parts_are_those_of_the_paper(n):
    cluster = torch.from_numpy(np.random.default_rng(n).choice(5, 60, p=[0.5, 0.2, 0.15, 0.1, 0.05]))
    parts = cluster[evenly(cluster, n)].bincount(minlength=5)
    of_paper = cluster[paper_loop(cluster.tolist(), n)].bincount(minlength=5)
    assert sorted(parts.tolist()) == sorted(of_paper.tolist())


@pytest.mark.parametrize("name", ["from_each", "max_iterations"])
def test_counts_are_at_least_one(name):
    with pytest.raises(ConfigError, match=f"{name} must be a whole number of at least 1, not 0"):
        LossClusters(**{name: 0})
