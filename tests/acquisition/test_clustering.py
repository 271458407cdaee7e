"""k-means and k-means++ against scikit-learn and against loops over plain numbers, on the same draws."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as SklearnKMeans

from cal.acquisition.clustering import CHUNK, Clusters, KMeans, KMeansPlusPlus, assigned, d2_sampling, k_means, lloyd
from cal.acquisition.probcover import ProbCover
from cal.acquisition.typiclust import TypiClust
from cal.errors import ConfigError

SEEDS = [5, 6, 5]
N, N_LABELLED, WIDTH = 60, 12, 4


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def pool(oracle_pool):
    """Three runs, each with embeddings of its own."""
    return oracle_pool(vectors(3, N, 3), n_labelled=N_LABELLED, embeddings=vectors(3, N, WIDTH, seed=1), seeds=SEEDS)


def slow_d2(x, draws):
    """k-means++ seeding, drawing by adding up shares one by one."""
    chosen = [int(draws[0] * len(x))]
    for draw in draws[1:]:
        weights = [min(sum((a - b) ** 2 for a, b in zip(row, x[c], strict=True)) for c in chosen) for row in x]
        total, gone = sum(weights), 0.0
        for instance, weight in enumerate(weights):
            gone += weight / total
            if gone > draw:
                chosen.append(instance)
                break
    return chosen


def shuffled(pool, run):
    """Positions in the random order in which these strategies see them."""
    return sorted(range(pool.candidates.shape[1]), key=lambda i: float(pool.uniform("ties")[run, i]))


@pytest.mark.parametrize("seed", range(5))
def test_d2_sampling_is_a_loop_that_adds_up_shares(seed):
    x, draws = vectors(40, 3, seed=seed), torch.rand(12, generator=torch.Generator().manual_seed(seed)).double()
    drawn = d2_sampling(lambda i: (x - x[i]).square().sum(dim=1), 40, draws)
    assert drawn.tolist() == slow_d2(x.tolist(), draws.tolist())


def test_d2_sampling_draws_in_proportion_to_squared_distance():
    x = torch.tensor([0.0, 1.0, 3.0])
    second = [
        int(d2_sampling(lambda i: (x - x[i]) ** 2, 3, torch.tensor([0.2, (place + 0.5) / 1000]))[1])
        for place in range(1000)
    ]
    assert [second.count(i) for i in range(3)] == [0, 100, 900]


def test_d2_sampling_draws_copies_last_and_in_their_order():
    x = torch.tensor([2.0, 1.0, 2.0, 1.0, 2.0, 0.0])
    drawn = d2_sampling(lambda i: (x - x[i]) ** 2, 6, torch.tensor([0.4, 0.7, 0.3, 0.9, 0.0, 0.9])).tolist()
    assert sorted(x[drawn[:3]].tolist()) == [0, 1, 2]
    assert drawn[3:] == sorted(set(range(6)) - set(drawn[:3]))


def test_a_draw_of_zero_is_no_instance_twice():
    x = torch.tensor([0.0, 0.0, 2.0])
    assert d2_sampling(lambda i: (x - x[i]) ** 2, 3, torch.zeros(3)).tolist() == [0, 2, 1]


def test_rounding_errors_of_distances_are_no_reason_to_draw_an_instance_twice():
    x, draws = vectors(20), torch.rand(20, generator=torch.Generator().manual_seed(0)).double()
    drawn = d2_sampling(lambda i: (x - x[i]).square() + 0.5, 20, draws)
    assert sorted(drawn.tolist()) == list(range(20))


@pytest.mark.parametrize("max_iterations", [1, 2, 300])
def test_lloyd_is_scikit_learns(max_iterations):
    x = vectors(CHUNK + 500, WIDTH)
    sklearn = SklearnKMeans(7, init=x[:7].numpy(), n_init=1, max_iter=max_iterations, tol=0).fit(x.numpy())
    clusters = lloyd(x, x[:7], max_iterations)
    torch.testing.assert_close(clusters.centres, torch.from_numpy(sklearn.cluster_centers_))
    assert clusters.assignment.tolist() == sklearn.labels_.tolist()
    torch.testing.assert_close(clusters.distances, torch.from_numpy(sklearn.transform(x.numpy()).min(axis=1)))


def test_an_empty_cluster_stays_where_it_is():
    x = torch.tensor([[0.0], [1.0], [9.0]])
    clusters = lloyd(x, torch.tensor([[0.0], [50.0], [10.0]]), 5)
    assert clusters.centres.tolist() == [[0.5], [50.0], [9.0]]


def test_large_clusters_come_first_and_the_next_nearest_stand_in_for_empty_ones():
    clusters = Clusters(
        torch.zeros(5, 1), torch.tensor([0, 0, 0, 2, 2, 3]), torch.tensor([0.5, 0.3, 0.4, 0.9, 0.1, 0.7])
    )
    places, sizes = clusters.nearest(5)
    assert places.tolist() == [1, 4, 5, 2, 0]
    assert sizes.tolist() == [3, 2, 1, 0, 0]


@pytest.mark.oracle("kmeans")
@pytest.mark.parametrize("max_iterations", [1, 50])
def test_kmeans_chooses_the_candidate_nearest_each_centre_of_scikit_learns(pool, max_iterations):
    n = 9
    selection = KMeans(max_iterations).select(pool, n)
    for run in range(3):
        order = shuffled(pool, run)
        x = pool.embeddings[run].numpy()[order]
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        first = slow_d2(x.tolist(), pool.streams.uniform("k-means++", n)[run].tolist())
        sklearn = SklearnKMeans(n, init=x[first], n_init=1, max_iter=max_iterations, tol=0).fit(x)
        distances = np.linalg.norm(x - sklearn.cluster_centers_[sklearn.labels_], axis=1)
        members = [np.flatnonzero(sklearn.labels_ == c).tolist() for c in range(n)]
        members.sort(key=len, reverse=True)
        for position, rows in zip(selection.positions[run].tolist(), members, strict=True):
            place = order.index(position)
            assert place in rows
            assert distances[place] == pytest.approx(distances[rows].min())  # of two, both are as near
        assert selection.scores[run].tolist() == [len(rows) for rows in members]


@pytest.mark.oracle("kmeans_plus_plus")
def test_kmeans_plus_plus_is_a_loop_on_the_draws_of_each_run(pool):
    selection = KMeansPlusPlus().select(pool, 9)
    for run in range(3):
        order = shuffled(pool, run)
        x = pool.embeddings[run][order].tolist()
        expected = slow_d2(x, pool.streams.uniform("k-means++", 9)[run].tolist())
        assert selection.positions[run].tolist() == [order[i] for i in expected]
    assert selection.scores.tolist() == [list(range(9, 0, -1))] * 3


def test_fewer_by_kmeans_plus_plus_are_the_first_of_more(pool):
    few, many = (KMeansPlusPlus().select(pool, n).positions for n in (5, 30))
    assert torch.equal(few, many[:, :5])


def test_kmeans_finds_every_one_of_well_separated_groups(oracle_pool):
    group = torch.arange(N) % 6
    x = 100 * torch.eye(6)[group] + vectors(1, N, 6).float()
    pool = oracle_pool(torch.zeros(1, N, 2), n_labelled=N_LABELLED, embeddings=x)
    for strategy in (KMeans(), KMeansPlusPlus()):
        positions = strategy.select(pool, 6).positions[0]
        assert sorted(group[pool.candidates[0, positions]].tolist()) == list(range(6))


def test_as_many_clusters_as_instances_leave_none_out():
    x = torch.tensor([[0.0], [0.0], [0.0], [1.0]])
    places, _ = k_means(x, torch.tensor([0.0, 0.5, 0.5, 0.5])).nearest(4)
    assert sorted(places.tolist()) == [0, 1, 2, 3]


def test_no_vectors_are_assigned_to_nothing():
    assert assigned(torch.zeros(0, 2), torch.zeros(3, 2)).assignment.tolist() == []


def test_a_count_of_iterations_is_at_least_one():
    with pytest.raises(ConfigError, match="max_iterations must be a whole number of at least 1, not 0"):
        KMeans(max_iterations=0)


@pytest.mark.parametrize("strategy", [KMeans(), TypiClust(), ProbCover(), ProbCover(delta=1.2)])
@pytest.mark.parametrize("n", [6, 40])
def test_embeddings_without_a_direction_come_last(oracle_pool, strategy, n):
    """Zeros lie where the centre of spread out directions does, at distance 1 of all of them."""
    embeddings = vectors(1, N, 8)
    embeddings[0, :: N // 10] *= 1e-12  # rounding errors in place of zeros
    embeddings[0, N_LABELLED] = 0
    pool = oracle_pool(torch.zeros(1, N, 3), n_labelled=N_LABELLED, embeddings=embeddings)
    short = (pool.embeddings[0].norm(dim=1) < 1e-9).nonzero().flatten().tolist()
    positions = strategy.select(pool, n).positions[0].tolist()
    n_others = pool.candidates.shape[1] - len(short)
    assert not set(positions[:n_others]) & set(short)
    assert len(set(positions)) == n
    nothing = oracle_pool(torch.zeros(1, N, 3), n_labelled=N_LABELLED, embeddings=0 * embeddings)
    assert len(set(strategy.select(nothing, n).positions[0].tolist())) == n


@pytest.mark.parametrize("strategy", [KMeans(), TypiClust(), ProbCover()])
def test_lengths_of_embeddings_play_no_part(oracle_pool, strategy):
    embeddings = vectors(1, N, 5)
    lengths = 2.0 ** torch.randint(-9, 9, (N,), generator=torch.Generator().manual_seed(0))
    first, second = (
        strategy.select(oracle_pool(torch.zeros(1, N, 3), n_labelled=N_LABELLED, embeddings=x), 12)
        for x in (embeddings, embeddings * lengths.unsqueeze(1))
    )
    assert torch.equal(first.positions, second.positions)
