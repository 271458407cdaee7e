"""Greedy k-centre against a loop over plain numbers."""

import math

import pytest
import torch

from cal.acquisition.clustering import CHUNK
from cal.acquisition.coreset import Coreset, k_centre


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_k_centre(x, centres, n):
    chosen, distances = [], []
    for _ in range(n):
        nearest = {
            i: min(math.dist(row, other) for other in [*centres, *(x[c] for c in chosen)])
            for i, row in enumerate(x)
            if i not in chosen
        }
        chosen.append(max(nearest, key=nearest.get))
        distances.append(nearest[chosen[-1]])
    return chosen, distances


@pytest.mark.oracle("coreset")
def test_coreset_is_a_loop_over_all_distances(oracle_pool):
    pool = oracle_pool(vectors(2, 40, 3), n_labelled=6, embeddings=vectors(2, 40, 4, seed=1))
    selection = Coreset().select(pool, 34)
    for run in range(2):
        x, labelled = pool.embeddings[run].tolist(), pool.labelled_embeddings[run].tolist()
        positions, distances = slow_k_centre(x, labelled, 34)
        assert selection.positions[run].tolist() == positions
        assert selection.scores[run].tolist() == pytest.approx(distances)


def test_a_pool_of_several_chunks_is_one_pool():
    x = vectors(CHUNK + 100, 2)
    x[CHUNK + 50] = 40.0
    places, distances = k_centre(x, x[:1], 1)
    assert places.tolist() == [CHUNK + 50]
    assert distances.item() == pytest.approx(math.dist(x[0], x[CHUNK + 50]))


def test_copies_of_labelled_instances_come_last(oracle_pool):
    embeddings = vectors(1, 30, 3)
    embeddings[0, 10:20] = embeddings[0, :10]
    pool = oracle_pool(torch.zeros(1, 30, 2), n_labelled=10, embeddings=embeddings)
    selection = Coreset().select(pool, 20)
    assert sorted(selection.positions[0, :10].tolist()) == list(range(10, 20))
    assert selection.scores[0, 10:].abs().max() < 1e-6


def test_copies_of_what_was_chosen_are_chosen_once_each():
    places, distances = k_centre(torch.tensor([[1.0], [1.0], [3.0], [3.0]]), torch.zeros(1, 1), 4)
    assert places[:2].tolist() == [2, 0]
    assert sorted(places.tolist()) == [0, 1, 2, 3]
    assert distances.tolist() == [3, 1, 0, 0]


def test_what_is_chosen_gets_ever_nearer(oracle_pool):
    pool = oracle_pool(vectors(2, 200, 3), embeddings=vectors(2, 200, 5, seed=3))
    assert (Coreset().select(pool, 60).scores.diff() <= 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_copies_of_labelled_points_far_from_zero_do_not_win_over_farther_ones(oracle_pool, dtype, offset):
    """Long vectors of one large and 30 small coordinates: distances are far below the rounding error of squares."""
    embeddings = torch.cat([torch.full((1, 60, 1), offset), vectors(1, 60, 30, seed=2) / 1e3], dim=2).to(dtype)
    embeddings[0, 20:40] = embeddings[0, :20]
    pool = oracle_pool(torch.zeros(1, 60, 2), n_labelled=20, embeddings=embeddings)
    selection = Coreset().select(pool, 40)
    assert sorted(selection.positions[0, :20].tolist()) == list(range(20, 40))
    assert (selection.scores[0, 20:] == 0).all()
    x, labelled = pool.embeddings[0].double().tolist(), pool.labelled_embeddings[0].double().tolist()
    assert selection.positions[0, :20].tolist() == slow_k_centre(x, labelled, 20)[0]
