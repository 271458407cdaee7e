"""ProbCover against loops over all pairs."""

import math

import pytest
import torch

from cal.acquisition.clustering import CHUNK, k_means
from cal.acquisition.probcover import ProbCover, greedy_cover, pure_radius
from cal.errors import ConfigError

SEEDS = [5, 6, 5]
N, N_LABELLED, N_CLASSES, WIDTH = 45, 5, 3, 4


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def pool(oracle_pool):
    logits, embeddings = vectors(3, N, N_CLASSES), vectors(3, N, WIDTH, seed=1)
    return oracle_pool(logits, n_labelled=N_LABELLED, embeddings=embeddings, seeds=SEEDS)


def slow_cover(x, labelled, n, delta):
    near = [{j for j, other in enumerate(x) if math.dist(row, other) < delta} for row in x]
    covered = {j for j, row in enumerate(x) if any(math.dist(row, other) < delta for other in labelled)}
    chosen, gains = [], []
    for _ in range(n):
        gain = {i: len(near[i] - covered) for i in range(len(x)) if i not in chosen}
        chosen.append(max(gain, key=gain.get))
        gains.append(gain[chosen[-1]])
        covered |= near[chosen[-1]]
    return chosen, gains


def slow_radius(x, cluster, purity):
    """The largest of all distances whose balls are pure enough."""
    enough = []
    for delta in sorted({math.dist(row, other) for row in x for other in x}):
        pure = [
            all(cluster[i] == cluster[j] for j in range(len(x)) if math.dist(x[i], x[j]) < delta) for i in range(len(x))
        ]
        enough += [delta] * (sum(pure) >= purity * len(x))
    return max(enough)


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


@pytest.mark.oracle("probcover")
@pytest.mark.parametrize("delta", [0.3, 0.8, None])
def test_probcover_is_a_loop_over_sets_of_neighbours(pool, delta):
    selection = ProbCover(delta, purity=0.6).select(pool, 12)
    for run in range(3):
        order = pool.uniform("ties")[run].argsort()
        x, labelled = unit(pool.embeddings[run][order]), unit(pool.labelled_embeddings[run])
        radius = delta
        if radius is None:
            clusters = k_means(x, pool.streams.uniform("k-means++", N_CLASSES)[run])
            radius = slow_radius(x.tolist(), clusters.assignment.tolist(), 0.6)
        places, gains = slow_cover(x.tolist(), labelled.tolist(), 12, radius)
        assert selection.positions[run].tolist() == order[places].tolist()
        assert selection.scores[run].tolist() == gains


@pytest.mark.parametrize("purity", [0.05, 0.5, 0.9, 0.95, 1.0])
def test_the_radius_is_the_largest_that_is_pure_enough(purity):
    x = vectors(40, 2)
    cluster = (x[:, 0] > 0.2).long()
    assert pure_radius(x, cluster, purity) == pytest.approx(slow_radius(x.tolist(), cluster.tolist(), purity))


def test_all_balls_in_one_cluster_are_pure():
    assert pure_radius(vectors(10, 2), torch.zeros(10), 0.95) == math.inf


def test_a_pool_of_several_chunks_is_one_pool():
    x = torch.arange(CHUNK + 100.0).unsqueeze(1)
    places, gains = greedy_cover(x, x[:1], 3, 500.5)
    # 0 covers up to 500; then 501 and 500 to either side, and what is left from 1502 on.
    assert gains.tolist() == [1001, min(1001, CHUNK + 100 - 1502), 0]
    assert places[0] == 1001


def test_once_all_is_covered_choices_are_random_and_different(pool):
    positions = ProbCover(delta=1.9).select(pool, N - N_LABELLED).positions
    assert torch.equal(positions.sort(dim=1).values[0], torch.arange(N - N_LABELLED))
    assert not torch.equal(positions[0, 5:], positions[1, 5:])


def test_of_a_large_pool_a_random_sample_is_covered(pool):
    selection = ProbCover(delta=0.5, max_points=20).select(pool, 6)
    sample = pool.only(pool.uniform("ties").argsort(dim=1)[:, :20])
    expected = sample.in_whole(ProbCover(delta=0.5).select(sample, 6))
    assert torch.equal(selection.positions, expected.positions)
    assert torch.equal(selection.scores, expected.scores)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"delta": 0}, "delta must be a finite number above 0 or null, not 0"),
        ({"delta": math.inf}, "delta must be a finite number above 0"),
        ({"purity": 0}, "purity must be a number above 0 and at most 1, not 0"),
        ({"purity": 1.1}, "purity must be"),
        ({"max_points": 0}, "max_points must be a whole number"),
    ],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(ConfigError, match=message):
        ProbCover(**parameters)
