"""REAL against scikit-learn's clusters and loops over plain numbers."""

from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as SklearnKMeans

from cal.acquisition.clustering import spread
from cal.acquisition.pseudo_errors import Real, pseudo_errors
from cal.acquisition.uncertainty import Entropy
from cal.errors import ConfigError

N, N_LABELLED = 200, 4


@pytest.fixture(scope="module")
def vectors():
    """Six overlapping groups, two runs."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 6, (2, N))
    return torch.from_numpy(rng.normal(size=(6, 3))[group] * 4 + rng.normal(size=(2, N, 3)))


@pytest.fixture(scope="module")
def logits(vectors):
    """Predictions that follow the vectors, with noise: clusters have a majority and exceptions."""
    rng = np.random.default_rng(1)
    return vectors @ torch.from_numpy(rng.normal(size=(3, 4))) + torch.from_numpy(rng.normal(size=(2, N, 4)))


def slow_choice(probs, cluster, n):
    """The set of pseudo-errors that are chosen, from instances in random order."""
    predicted = [max(range(len(p)), key=p.__getitem__) for p in probs]
    errors, density = {}, {}
    for k in sorted(set(cluster)):
        members = [i for i in range(len(probs)) if cluster[i] == k]
        votes = Counter(predicted[i] for i in members)
        majority = max(votes, key=lambda c: (votes[c], sum(probs[i][c] for i in members)))
        errors[k] = [i for i in members if predicted[i] != majority]
        density[k] = sum(1 - probs[i][majority] for i in errors[k])
    total = min(n, sum(map(len, errors.values())))
    budget = dict.fromkeys(errors, 0)
    for _ in range(total):  # each goes to the cluster that is farthest below its share and has more to give
        open_ = [k for k in errors if budget[k] < len(errors[k])]
        budget[max(open_, key=lambda k: total * density[k] / sum(density.values()) - budget[k])] += 1
    return sorted(i for k in errors for i in errors[k][: budget[k]])


@pytest.mark.oracle("real")
@pytest.mark.parametrize(("n", "n_clusters"), [(1, 25), (8, 25), (30, 5), (60, 3), (196, 4)])
def test_real_is_a_loop_over_clusters(oracle_pool, logits, vectors, n, n_clusters):
    pool = oracle_pool(logits, n_labelled=N_LABELLED, embeddings=vectors, seeds=[5, 6])
    chosen = Real(n_clusters=n_clusters).select(pool, n)
    for run in range(2):
        order = pool.uniform("ties")[run].argsort()
        x = pool.embeddings[run][order]
        first = x[spread(x, pool.streams.uniform("k-means++", min(n_clusters, 9))[run])].numpy()  # 196 // 20
        sklearn = SklearnKMeans(len(first), init=first, n_init=1, max_iter=20, tol=0).fit(x.numpy())
        probs = pool.probs[run][order].tolist()
        places = slow_choice(probs, sklearn.labels_.tolist(), n)
        doubts = Entropy().score(pool)[run][order].tolist()
        left = sorted(set(range(len(x))) - set(places), key=lambda i, doubts=doubts: -doubts[i])
        assert chosen.positions[run].tolist() == order[places + left[: n - len(places)]].tolist()
        assert chosen.scores[run].tolist() == list(range(n, 0, -1))


def test_clusters_that_agree_give_the_highest_entropies(oracle_pool, vectors):
    agreed = torch.rand(2, N, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([1.0, 0, 0])
    pool = oracle_pool(agreed, n_labelled=N_LABELLED, embeddings=vectors)
    assert torch.equal(Real().select(pool, 9).positions, Entropy().select(pool, 9).positions)


def test_dense_clusters_give_more_in_proportion():
    """Two clusters of 1,000 with 90 and 30 equally sure pseudo-errors: three of four come from the first."""
    probs = torch.tensor([0.8, 0.2]).repeat(2000, 1)
    probs[:90] = probs[1000:1030] = torch.tensor([0.2, 0.8])
    cluster = (torch.arange(2000) >= 1000).long()
    chosen = pseudo_errors(probs, cluster, 20)
    assert ((chosen < 90).sum().item(), ((chosen >= 1000) & (chosen < 1030)).sum().item()) == (15, 5)


def test_a_cluster_is_asked_for_no_more_than_it_has():
    """A sure pseudo-error has more weight than an unsure one, but there is only one of it."""
    probs = torch.tensor([[0.51, 0.49]] * 5 + [[0.49, 0.51]] * 2 + [[0.9, 0.1]] * 5 + [[0.01, 0.99]])
    cluster = torch.tensor([0] * 7 + [1] * 6)
    assert pseudo_errors(probs, cluster, 3).tolist() == [5, 6, 12]
    assert pseudo_errors(probs, cluster, 9).tolist() == [5, 6, 12]  # there are no more


def test_a_tie_between_classes_goes_to_the_more_probable():
    probs = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
    assert pseudo_errors(probs, torch.tensor([0, 0]), 1).tolist() == [1]
    assert pseudo_errors(probs.flip(1), torch.tensor([0, 0]), 1).tolist() == [1]  # whatever the order of classes


def test_centres_may_be_those_of_a_random_part(oracle_pool, logits, vectors):
    """A part of 60 has three centres; all 196 candidates are assigned to them."""
    pool = oracle_pool(logits, n_labelled=N_LABELLED, embeddings=vectors)
    chosen = Real(max_points=60).select(pool, 30)
    order = pool.uniform("ties")[0].argsort()
    x = pool.embeddings[0][order]
    first = x[:60][spread(x[:60], pool.streams.uniform("k-means++", 3)[0])].numpy()
    sklearn = SklearnKMeans(3, init=first, n_init=1, max_iter=20, tol=0).fit(x[:60].numpy())
    places = slow_choice(pool.probs[0][order].tolist(), sklearn.predict(x.numpy()).tolist(), 30)
    assert chosen.positions[0, : len(places)].tolist() == order[places].tolist()


@pytest.mark.parametrize("name", ["n_clusters", "max_iterations", "max_points"])
def test_counts_are_at_least_one(name):
    with pytest.raises(ConfigError, match=f"{name} must be a whole number of at least 1, not 0"):
        Real(**{name: 0})
