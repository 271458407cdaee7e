"""MaxHerding and Uncertainty Herding against the greedy algorithm on explicit kernel matrices in NumPy."""

import numpy as np
import pytest
import torch

from cal.acquisition.base import chosen
from cal.acquisition.herding import MaxHerding, UncertaintyHerding, herd, labelled_bandwidth
from cal.acquisition.pool_dynamics import AveragedMargin
from cal.acquisition.spec import make_strategy
from cal.acquisition.uncertainty import Entropy, Margin
from cal.errors import ConfigError

N, N_LABELLED, WIDTH, SEEDS = 90, 20, 6, [5, 6, 5]


def data(seed=0, n=N):
    """Vectors of different lengths, with copies and zeros among labelled and unlabelled ones."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, WIDTH)) * rng.uniform(0.5, 3, size=(n, 1))
    x[rng.integers(0, n, n // 3)] = x[rng.integers(0, n, n // 3)]
    x[rng.integers(0, n, n // 12)] = 0
    return x, torch.from_numpy(rng.integers(0, 3, n))


@pytest.fixture
def make_pool(trained_pool):
    return lambda seed=0, **given: trained_pool(*data(seed), SEEDS, n_labelled=N_LABELLED, **given)


def unit(x):
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0)


def kernel(x, y, h):
    """k, which is 0 of vectors without a direction."""
    squares = ((x[:, None] - y[None]) ** 2).sum(axis=-1)
    return np.exp(-squares / h**2) * x.any(axis=1)[:, None] * y.any(axis=1)


def slow_bandwidth(labelled, rule):
    distances = np.linalg.norm(labelled[:, None] - labelled, axis=-1)
    nearest = [min((d for d in row if d > 1e-6), default=np.nan) for row in distances]
    return np.nanmedian(nearest) if rule == "median" else np.nanmin(nearest)


def slow_herding(x, labelled, u, n, h):
    """Greedy choices by the whole kernel; of equal gains the first, and vectors without a direction last."""
    k = kernel(x, x, h)
    covered = kernel(x, labelled, h).max(axis=1)
    choices, scores, same = [], [], 1e-9 * u.mean()
    for _ in range(n):
        gains = u @ np.maximum(k - covered[:, None], 0) / x.any(axis=1).sum()
        gains[gains <= same] = 0
        gains[~x.any(axis=1)] = -1
        gains[choices] = -2
        choices.append(int((gains >= gains.max() - same).argmax()))
        scores.append(max(gains[choices[-1]], 0))
        covered = np.maximum(covered, k[:, choices[-1]])
    return choices, scores


def numpy_unit(vectors):
    return unit(vectors.numpy().astype(np.float64))


def assert_greedy(pool, strategy, u, vectors, labelled, n, rule="median"):
    selection = chosen(strategy, pool, n)
    for run in range(len(SEEDS)):
        order = pool.uniform("ties")[run].argsort()
        known = numpy_unit(labelled[run])
        h = rule if isinstance(rule, float) else slow_bandwidth(known[known.any(axis=1)], rule)
        expected, gains = slow_herding(numpy_unit(vectors[run][order]), known, u[run][order].numpy(), n, h)
        assert selection.positions[run].tolist() == order[expected].tolist()
        np.testing.assert_allclose(selection.scores[run].numpy(), gains, rtol=1e-9, atol=1e-9)


@pytest.mark.oracle("max_herding")
@pytest.mark.parametrize("rule", ["median", "smallest", 0.3, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_max_herding_is_the_greedy_algorithm_on_the_whole_kernel(make_pool, seed, rule):
    pool = make_pool(seed)
    ones = torch.ones(len(SEEDS), N - N_LABELLED)
    assert_greedy(pool, MaxHerding(bandwidth=rule), ones, pool.features, pool.labelled_features, 70, rule)


@pytest.mark.oracle("uncertainty_herding")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("space", ["features", "embeddings"])
def test_uncertainty_herding_is_the_greedy_algorithm_on_the_weighted_kernel(make_pool, seed, space):
    pool = make_pool(seed)
    first, second = pool.probs.sort(dim=-1, descending=True).values[..., :2].unbind(-1)
    vectors = (pool.features, pool.labelled_features)
    if space == "embeddings":
        vectors = (pool.embeddings, pool.labelled_embeddings)
    assert_greedy(pool, UncertaintyHerding(space=space), 1 - (first - second), *vectors, 30)


def test_averaged_margins_weigh_as_margins_do_and_other_scores_from_the_lowest(make_pool):
    pool = make_pool()
    first, second = pool.predictions.mean_probs.sort(dim=-1, descending=True).values[..., :2].unbind(-1)
    torch.testing.assert_close(UncertaintyHerding(by=AveragedMargin()).weights(pool), 1 - (first - second))
    scores = Entropy().score(pool)
    torch.testing.assert_close(UncertaintyHerding(by=Entropy()).weights(pool), scores - scores.amin(1, keepdim=True))


def test_a_pool_of_several_blocks_is_one_pool():
    rng = np.random.default_rng(0)
    x, u = unit(rng.normal(size=(1300, 4))), rng.uniform(size=1300)
    places, gains = herd(torch.from_numpy(x[20:]), torch.from_numpy(x[:20]), torch.from_numpy(u[20:]), 40, 0.4)
    expected, slow_gains = slow_herding(x[20:], x[:20], u[20:], 40, 0.4)
    assert places.tolist() == expected
    np.testing.assert_allclose(gains, slow_gains)


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_the_scale_of_weights_does_not_matter(scale):
    rng = np.random.default_rng(2)
    x, u = torch.from_numpy(unit(rng.normal(size=(60, 5)))), torch.from_numpy(rng.uniform(size=60))
    (places, gains), (scaled_places, scaled_gains) = (herd(x, x[:3], weights, 20, 1.0) for weights in (u, scale * u))
    assert places.tolist() == scaled_places.tolist()
    torch.testing.assert_close(scaled_gains / scale, gains)


def test_without_any_weight_what_comes_first_is_chosen():
    x = torch.eye(4, dtype=torch.float64)
    places, gains = herd(x, x[:0], torch.zeros(4), 3, 1.0)
    assert (places.tolist(), gains.tolist()) == ([0, 1, 2], [0.0, 0.0, 0.0])


@pytest.mark.parametrize("h", [0.001, 0.02, 0.5, 50.0])
def test_near_copies_are_told_apart_in_float64(h):
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(12, 40))
    x = unit(
        np.repeat(centres, 10, axis=0) + rng.normal(size=(120, 40)) * np.tile([0, 1e-7, 1e-4, 1e-3, 0.1], 24)[:, None]
    )
    given = [torch.from_numpy(part) for part in (x[5:], x[:5], np.ones(115))]
    places, gains = herd(*given, 60, h)
    expected, slow_gains = slow_herding(x[5:], x[:5], np.ones(115), 60, h)
    np.testing.assert_allclose(gains, slow_gains, rtol=1e-6, atol=1e-9)
    assert places.tolist() == expected


def test_gains_never_grow_and_add_up_to_the_objective():
    x, labelled = (torch.from_numpy(unit(data(seed)[0])) for seed in (2, 3))
    x, labelled = x[x.any(dim=1)], labelled[labelled.any(dim=1)]
    u = torch.rand(len(x), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    places, gains = herd(x, labelled, u, len(x), 0.7)
    assert (gains.diff() <= 1e-12).all()
    assert (gains >= 0).all()

    def objective(centres):
        return (u * torch.from_numpy(kernel(x.numpy(), centres.numpy(), 0.7)).amax(dim=1)).mean()

    values = torch.stack([objective(torch.cat([labelled, x[places[:i]]])) for i in range(len(x) + 1)])
    torch.testing.assert_close(values.diff(), gains, rtol=0, atol=1e-8)


def test_a_copy_of_a_labelled_or_chosen_vector_gains_nothing():
    x = torch.from_numpy(unit(np.random.default_rng(0).normal(size=(30, WIDTH))))
    copies = torch.cat([x, x[:10], x[:10]])
    places, gains = herd(copies, x[:5], torch.ones(50), 50, 0.5)
    assert len({i if i < 30 else (i - 30) % 10 for i in places[:25].tolist()} - set(range(5))) == 25
    assert (gains[:25] > 0).all()
    assert gains[25:].tolist() == [0] * 25


@pytest.mark.parametrize("scale", [2.0**-20, 3.7])
def test_lengths_of_vectors_do_not_matter(trained_pool, scale):
    x, gold = data()
    lengths = np.random.default_rng(9).uniform(0.5, 2, size=(N, 1))
    choices = [chosen(MaxHerding(), trained_pool(x * by, gold, SEEDS), 15) for by in (1, scale, lengths)]
    for other in choices[1:]:
        assert torch.equal(choices[0].positions, other.positions)
        torch.testing.assert_close(choices[0].scores, other.scores, rtol=1e-4, atol=1e-6)


def test_equal_weights_are_max_herding(make_pool):
    pool = make_pool(sharpness=0.0)
    assert (pool.probs - 1 / 3).abs().max() < 0.2
    pool.probs = torch.full_like(pool.probs, 1 / 3)
    weighted, plain = UncertaintyHerding().select(pool, 20), MaxHerding().select(pool, 20)
    assert torch.equal(weighted.positions, plain.positions)
    assert torch.equal(weighted.scores, plain.scores)


def test_the_heaviest_take_the_place_of_a_larger_pool(make_pool):
    pool = make_pool()
    best = chosen(Margin(), pool, 25).positions
    part = pool.only(best)
    cut, expected = UncertaintyHerding(max_points=25).select(pool, 8), UncertaintyHerding().select(part, 8)
    assert torch.equal(cut.positions, best.gather(1, expected.positions))
    torch.testing.assert_close(cut.scores, expected.scores)


def test_a_smaller_pool_is_not_cut(make_pool):
    pool = make_pool()
    whole, cut = (UncertaintyHerding(max_points=m).select(pool, 20) for m in (10_000, N - N_LABELLED))
    assert torch.equal(whole.positions, cut.positions)


def test_max_herding_cuts_at_random_and_never_below_the_batch(make_pool):
    pool = make_pool()
    positions = MaxHerding(max_points=3).select(pool, 10).positions
    drawn = pool.uniform("ties").argsort(dim=1)[:, :10]
    assert torch.equal(positions.sort(dim=1).values, drawn.sort(dim=1).values)


@pytest.mark.parametrize("rule", ["median", "smallest"])
def test_the_bandwidth_leaves_copies_out(rule):
    x = unit(np.random.default_rng(0).normal(size=(40, WIDTH)))
    x = torch.from_numpy(np.concatenate([x, x[:15], x[:3]]))
    assert labelled_bandwidth(x, rule) == pytest.approx(slow_bandwidth(x.numpy(), rule), rel=1e-12)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_without_two_different_labelled_vectors_the_bandwidth_is_1(n):
    assert labelled_bandwidth(torch.tensor([[0.6, 0.8]]).double().repeat(n, 1), "median") == 1.0


def test_vectors_of_zeros_come_last(make_pool):
    pool = make_pool()
    selection = chosen(MaxHerding(), pool, N - N_LABELLED)
    for run, positions in enumerate(selection.positions):
        zero = ~pool.features[run][positions].any(dim=1)
        assert zero.sum() == zero.flip(0).cumprod(0).sum() > 0
        assert (selection.scores[run][zero] == 0).all()


def test_what_is_needed_follows_from_the_parts():
    assert MaxHerding().needs == {"features"}
    assert UncertaintyHerding(by=AveragedMargin(), space="embeddings").needs == {"embeddings", "predictions"}


def positions(spec, pool, n=10):
    """(run, n) positions that a strategy chooses; `chosen` has checked that those of a run are n different ones."""
    return chosen(make_strategy(spec)[1], pool, n).positions


def test_a_prefilter_herds_among_the_best_of_another_strategy(make_pool):
    pool = make_pool()
    part = pool.only(chosen(Margin(), pool, 30).positions)
    found = positions({"prefilter": {"by": "margin", "then": "max_herding", "factor": 3}}, pool)
    assert torch.equal(found, part.in_whole(chosen(MaxHerding(), part, 10)).positions)


def test_a_prefilter_takes_the_best_of_what_is_herded(make_pool):
    pool = make_pool()
    part = pool.only(chosen(UncertaintyHerding(), pool, 30).positions)
    found = positions({"prefilter": {"by": "uncertainty_herding", "then": "margin", "factor": 3}}, pool)
    assert torch.equal(found, part.in_whole(chosen(Margin(), part, 10)).positions)


def test_a_subpool_herds_in_a_random_part(make_pool):
    pool = make_pool()
    part = pool.only(pool.uniform("subpool").argsort(dim=1)[:, :40])
    found = positions({"subpool": {"of": {"uncertainty_herding": {"by": "entropy"}}, "size": 40}}, pool)
    assert torch.equal(found, part.in_whole(chosen(UncertaintyHerding(by=Entropy()), part, 10)).positions)


def test_a_mix_shares_the_batch_with_it(make_pool):
    pool = make_pool()
    found = positions({"mix": {"uncertainty_herding": 0.5, "max_herding": 0.5}}, pool)
    first = chosen(UncertaintyHerding(), pool, 5).positions
    left = pool.without(first)
    assert torch.equal(found, torch.cat([first, left.in_whole(chosen(MaxHerding(), left, 5)).positions], dim=1))


@pytest.mark.parametrize(
    "spec",
    [
        {"blend": {"parts": ["margin", "max_herding"]}},
        {"power": {"of": "max_herding"}},
        {"balanced": {"of": "max_herding"}},
    ],
)
def test_it_gives_no_scores_to_be_ordered(spec):
    with pytest.raises(ConfigError, match="MaxHerding chooses whole batches"):
        make_strategy(spec)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"space": "texts"}, "space must be features or embeddings, not 'texts'"),
        ({"bandwidth": "mean"}, "bandwidth must be median, smallest or a number, not 'mean'"),
        ({"bandwidth": 0}, "bandwidth must be a finite number of at least 0.001, not 0"),
        ({"bandwidth": float("inf")}, "bandwidth must be a finite number"),
        ({"max_points": 0}, "max_points must be a whole number"),
        ({"by": "kmeans"}, "KMeans chooses whole batches; give one that scores them, such as margin"),
    ],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(ConfigError, match=message):
        make_strategy({"uncertainty_herding": parameters})
