"""Anchors against scikit-learn's neighbours and loops over plain numbers."""

from collections import defaultdict

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from cal.acquisition.anchors import Anchors, anchors_of, near
from cal.acquisition.bald import Bald
from cal.acquisition.base import chosen
from cal.acquisition.distances import CHUNK
from cal.acquisition.spec import make_strategies
from cal.acquisition.uncertainty import Entropy, LeastConfidence, Margin
from cal.acquisition.wrappers import Subpool
from cal.errors import ConfigError
from cal.testing import practice_pool

N, N_LABELLED, WIDTH = 120, 30, 4


@pytest.fixture
def pool(oracle_pool):
    """Labels of three classes, the last of which is rare."""
    pool = oracle_pool(torch.randn(2, N, 3, generator=torch.Generator().manual_seed(0)), n_labelled=N_LABELLED)
    vectors = torch.randn(2, N, WIDTH, generator=torch.Generator().manual_seed(1))
    pool.features, pool.labelled_features = vectors[:, N_LABELLED:], vectors[:, :N_LABELLED]
    pool.gold = torch.tensor([[0, 1] * 14 + [2, 2], [1, 0] * 14 + [2, 2]])
    return pool


def slow_anchors(x, gold, draws):
    """k-means++ among the labelled instances of each class, by cumulative sums of squared distances."""
    found = []
    for label, its_draws in enumerate(draws):
        members = [i for i, c in enumerate(gold) if c == label]
        if len(members) <= len(its_draws):
            found += members
            continue
        taken = [members[int(its_draws[0] * len(members))]]
        for draw in its_draws[1:]:
            squares = [min(float(((x[i] - x[j]) ** 2).sum()) for j in taken) for i in members]
            taken.append(members[int(np.searchsorted(np.cumsum(squares), draw * sum(squares), side="right"))])
        found += taken
    return found


def slow_near(x, anchors, n_neighbours):
    """Retrieved ones by their mean similarity, then the others by the similarity to the nearest anchor."""
    distances, retrieved = NearestNeighbors(n_neighbors=n_neighbours, metric="cosine").fit(x).kneighbors(anchors)
    similarities = defaultdict(list)
    for row, its_distances in zip(retrieved.tolist(), distances.tolist(), strict=True):
        for i, distance in zip(row, its_distances, strict=True):
            similarities[i].append(1 - distance)
    first = sorted(similarities, key=lambda i: -np.mean(similarities[i]))
    nearest = 1 - NearestNeighbors(n_neighbors=1, metric="cosine").fit(anchors).kneighbors(x)[0][:, 0]
    return first + sorted(set(range(len(x))) - set(first), key=lambda i: -nearest[i])


@pytest.mark.oracle("anchors")
@pytest.mark.parametrize(("n_anchors", "n_neighbours", "size"), [(3, 4, 20), (1, 2, 30), (20, 10, 10), (5, 200, 60)])
def test_anchors_is_a_loop_over_classes_and_neighbours(pool, n_anchors, n_neighbours, size):
    strategy = Anchors(LeastConfidence(), n_anchors, n_neighbours, size)
    batch, doubts = strategy.select(pool, 15), LeastConfidence().score(pool)
    draws = pool.streams.uniform("anchors", 3, n_anchors)
    for run in range(2):
        labelled = pool.labelled_features[run].double().numpy()
        labelled /= np.linalg.norm(labelled, axis=1, keepdims=True)
        anchors = labelled[slow_anchors(labelled, pool.gold[run].tolist(), draws[run].tolist())]
        part = slow_near(pool.features[run].numpy(), anchors, min(n_neighbours, N - N_LABELLED))[: max(size, 15)]
        best = sorted(part, key=lambda i, run=run: -doubts[run, i])[:15]
        assert batch.positions[run].tolist() == best
        assert batch.scores[run].tolist() == doubts[run, best].tolist()


def test_a_part_of_all_is_the_strategy(pool):
    assert torch.equal(Anchors(size=N).select(pool, 5).positions, Margin().select(pool, 5).positions)


def test_the_part_holds_more_of_a_rare_class_than_a_random_one():
    """2 % of the pool in places of their own: with 600 of 6,000, most of the rare ones instead of a tenth."""
    rng = np.random.default_rng(0)
    n = 6100
    gold = torch.from_numpy((rng.random(n) < 0.02).astype(int))
    x = rng.normal(size=(n, 20)) + gold.numpy()[:, None] * np.linspace(0, 2, 20)
    pool = practice_pool(x, gold, [1, 2, 3], n_labelled=100)
    rare = gold[pool.candidates]
    part = Anchors(size=600).part(pool, 50)
    by_anchors = rare.gather(1, part).sum(dim=1)
    by_chance = rare.gather(1, pool.uniform("subpool").argsort(dim=1)[:, :600]).sum(dim=1)
    assert (by_anchors > 3 * by_chance).all()


def test_a_batch_of_rare_ones_is_larger_too(pool):
    """What is chosen comes from the part, whatever the strategy."""
    part = Anchors(n_anchors=2, n_neighbours=5, size=12).part(pool, 6)
    for of in (Entropy(), Subpool(size=8)):
        batch = chosen(Anchors(of, n_anchors=2, n_neighbours=5, size=12), pool, 6)
        assert all(set(batch.positions[run].tolist()) <= set(part[run].tolist()) for run in range(2))


def test_chunks_of_the_pool_change_nothing():
    x = torch.randn(CHUNK + 500, 3, generator=torch.Generator().manual_seed(0))
    anchors = torch.nn.functional.normalize(torch.randn(7, 3, generator=torch.Generator().manual_seed(1)).double())
    assert near(x, anchors, 40)[:200].tolist() == slow_near(x.double().numpy(), anchors.numpy(), 40)[:200]


def test_vectors_of_zeros_are_no_anchors_and_come_last():
    x = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    assert anchors_of(x, torch.tensor([0, 0, 1]), torch.zeros(2, 1)).tolist() == [0, 2]
    assert near(torch.tensor([[0.0, 0.0], [-1.0, 0.0]]), x[:1], 1).tolist() == [1, 0]


def test_without_an_anchor_the_part_is_random(pool):
    pool.labelled_features = torch.zeros(2, N_LABELLED, WIDTH)
    draws = pool.uniform("ties")
    assert torch.equal(Anchors(size=9).part(pool, 5), draws.argsort(dim=1)[:, :9])


def test_it_is_written_like_others():
    (made,) = make_strategies([{"anchors": {"of": {"subpool": {"of": "bald"}}, "size": 30}}]).values()
    assert made == Anchors(Subpool(Bald()), size=30)
    assert made.needs == {"features", "dropout"}


@pytest.mark.parametrize("name", ["n_anchors", "n_neighbours", "size"])
def test_counts_are_at_least_one(name):
    with pytest.raises(ConfigError, match=f"{name} must be a whole number of at least 1, not 0"):
        Anchors(**{name: 0})
