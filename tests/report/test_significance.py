"""Almost Stochastic Order, the permutation test, and the comparison of many strategies."""

from __future__ import annotations

import subprocess
import sys

import deepsig
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cal.errors import AnalysisError, UnknownNameError
from cal.report import aso, paired_permutation_test, violation_ratio
from cal.report.significance import holm, permutation_p_values, resamples, upper_bounds, violation_ratios

score_lists = st.lists(st.integers(0, 50).map(lambda k: 0.5 + k / 100), min_size=1, max_size=12)
PAIRS = [(10, 10, 0.0), (10, 10, 0.004), (20, 20, 0.002), (12, 20, 0.003), (20, 8, -0.002)]  # sizes, true difference


def scores(n: int, mean: float, seed: int) -> np.ndarray:
    return mean + 0.01 * np.random.default_rng(seed).standard_normal(n)


def ratio_by_grid(a: list[float], b: list[float], n_points: int = 27720) -> float:
    """The definition, on a midpoint grid that every sample size up to 12 divides."""
    levels = (np.arange(n_points) + 0.5) / n_points
    first = np.sort(a)[np.ceil(levels * len(a)).astype(int) - 1]
    second = np.sort(b)[np.ceil(levels * len(b)).astype(int) - 1]
    squared = (second - first) ** 2
    return float(squared[second > first].sum() / squared.sum()) if squared.sum() > 0 else 0.5


@given(score_lists, score_lists)
@settings(deadline=None, max_examples=60)
def test_violation_ratio_is_its_definition(a, b):
    assert violation_ratio(a, b) == pytest.approx(ratio_by_grid(a, b), abs=1e-9)


@given(score_lists, score_lists)
def test_violation_ratios_of_both_directions_sum_to_one(a, b):
    assert violation_ratio(a, b) == pytest.approx(1 - violation_ratio(b, a), abs=1e-12)


@given(score_lists, score_lists)
def test_repeating_every_score_keeps_the_violation_ratio(a, b):
    assert violation_ratio(a * 3, b) == pytest.approx(violation_ratio(a, b), abs=1e-12)


def test_equal_samples_violate_by_half():
    assert violation_ratio([0.7, 0.8], [0.8, 0.7, 0.7, 0.8]) == 0.5


def bound_on_deepsig_resamples(a: np.ndarray, b: np.ndarray, n_bootstrap: int, seed: int, quantile: float) -> float:
    samples_a, samples_b = [], []
    for offset in range(1, n_bootstrap + 1):  # it draws quantile levels from the global generator, reseeded each time
        legacy = np.random.RandomState(seed + offset)
        samples_a.append(np.sort(a)[np.ceil(len(a) * legacy.uniform(0, 1, len(a))).astype(int) - 1])
        samples_b.append(np.sort(b)[np.ceil(len(b) * legacy.uniform(0, 1, len(b))).astype(int) - 1])
    samples = np.sort(samples_a, axis=1), np.sort(samples_b, axis=1)
    return upper_bounds(np.sort(a), np.sort(b), *samples, quantile)[0]


@pytest.mark.parametrize(("n", "m", "difference"), PAIRS)
def test_upper_bound_equals_deepsig_on_a_fine_grid_and_its_resamples(n, m, difference):
    a, b = scores(n, 0.8 + difference, 1), scores(m, 0.8, 2)
    theirs = deepsig.aso(a, b, num_bootstrap_iterations=40, dt=0.001, seed=7, show_progress=False)
    assert bound_on_deepsig_resamples(a, b, 40, 7, stats.norm.ppf(0.95)) == pytest.approx(theirs, abs=1e-2)


@pytest.mark.parametrize("n_comparisons", [1, 15])
def test_deepsig_engine_gets_the_corrected_level(n_comparisons):
    a, b = scores(5, 0.812, 1), scores(5, 0.8, 2)
    theirs = aso(a, b, n_comparisons=n_comparisons, n_bootstrap=100, seed=7, engine="deepsig")
    assert 0.01 < theirs < 0.99  # else the clip to [0, 1] would hide the level
    quantile = stats.norm.ppf(1 - 0.05 / n_comparisons)
    assert bound_on_deepsig_resamples(a, b, 100, 7, quantile) == pytest.approx(theirs, abs=1e-2)


@pytest.mark.slow
def test_engines_agree_at_many_bootstraps():
    a, b = scores(10, 0.812, 1), scores(10, 0.8, 2)
    theirs = aso(a, b, n_bootstrap=2000, engine="deepsig")
    assert 0.01 < theirs < 0.99  # else the clip to [0, 1] would make the engines agree
    assert aso(a, b, n_bootstrap=20_000) == pytest.approx(theirs, abs=1e-2)


def test_deepsig_engine_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    aso([0.7, 0.8], [0.6, 0.7], n_bootstrap=5, engine="deepsig")
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_resamples_have_the_frequencies_of_drawing_with_replacement():
    drawn = resamples(np.array([0.1, 0.2, 0.3]), 20_000, np.random.default_rng(0))
    counts = np.array([(drawn == value).sum(axis=1).mean() for value in (0.1, 0.2, 0.3)])
    np.testing.assert_allclose(counts, 1, atol=0.02)
    assert (drawn == drawn[:, :1]).all(axis=1).mean() == pytest.approx(1 / 9, abs=0.01)


def test_margin_is_the_normal_quantile_times_the_bootstrap_deviation():
    a, b = scores(10, 0.8, 1), scores(10, 0.8, 2)
    samples = [resamples(s, 400, np.random.default_rng(k)) for k, s in enumerate((a, b))]
    spread = np.std([ratio_by_grid(x, y) for x, y in zip(*samples, strict=True)])
    expected = ratio_by_grid(a, b) + 0.1 * spread
    assert upper_bounds(np.sort(a), np.sort(b), *samples, 0.1)[0] == pytest.approx(expected, abs=1e-3)


def test_more_comparisons_never_lower_the_bound():
    a, b = scores(10, 0.803, 1), scores(10, 0.8, 2)
    bounds = [aso(a, b, n_comparisons=m) for m in (1, 3, 15, 66)]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[-1]


def test_scale_and_shift_change_nothing():
    a, b = scores(9, 0.802, 1), scores(7, 0.8, 2)
    assert aso(100 * a - 3, 100 * b - 3) == pytest.approx(aso(a, b), abs=1e-9)


@pytest.mark.parametrize("bad", [[], [[0.1]], [0.1, float("nan")], ["high"]])
def test_unusable_scores_are_refused(bad):
    with pytest.raises(AnalysisError, match="The scores of a"):
        aso(bad, [0.1, 0.2])


def test_unknown_engine_is_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'deepsig'"):
        aso([0.1], [0.2], engine="deepsg")


@pytest.mark.parametrize("n", [2, 5, 9])
def test_permutation_p_equals_scipy_when_exact(n):
    a, b = scores(n, 0.805, 3), scores(n, 0.8, 4)
    expected = stats.permutation_test(
        (a, b), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True, axis=-1
    )
    assert paired_permutation_test(a, b) == pytest.approx(expected.pvalue, abs=1e-12)


def test_permutation_p_is_near_scipy_when_sampled():
    a, b = scores(25, 0.805, 3), scores(25, 0.8, 4)
    expected = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=50_000,
        axis=-1,
        rng=np.random.default_rng(0),
    )
    assert paired_permutation_test(a, b) == pytest.approx(expected.pvalue, abs=0.01)


def test_equal_differences_give_the_smallest_p_of_so_many_seeds():
    base = np.array([0.71, 0.72, 0.745, 0.7, 0.69])  # rounding makes the five differences differ in their last bits
    assert paired_permutation_test(base + 0.1, base) == 2 / 2**5


def test_no_difference_gives_p_one():
    assert paired_permutation_test([0.7, 0.8], [0.7, 0.8]) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_sequential_procedure_rejects(p_values):
    alpha, rejected = 0.05, set()
    for step, k in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        if p_values[k] * (len(p_values) - step) > alpha:
            break
        rejected.add(k)
    assert {k for k, p in enumerate(holm(p_values)) if p <= alpha} == rejected


def test_aso_is_importable_without_heavy_libraries():
    code = "import sys; from cal.report import aso; aso([.1], [.2]); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "pandas", "scipy", "torch", "deepsig"} & set(loaded)


def test_stacked_ratios_equal_single_ones():
    rng = np.random.default_rng(0)
    a, b = np.sort(rng.random((6, 5)), axis=1), np.sort(rng.random((6, 7)), axis=1)
    np.testing.assert_allclose(violation_ratios(a, b, 0), [violation_ratio(x, y) for x, y in zip(a, b, strict=True)])


@pytest.mark.parametrize("n", [5, 40])
def test_pairs_tested_together_are_those_tested_alone(n):
    rng = np.random.default_rng(n)
    scores = rng.normal(0.8, 0.02, (4, n))
    together = permutation_p_values(scores[1:], scores[:1].repeat(3, axis=0), seed=3)
    alone = [paired_permutation_test(other, scores[0], seed=3) for other in scores[1:]]
    assert together.tolist() == pytest.approx(alone, abs=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
@pytest.mark.parametrize("engine", ["vectorised", "deepsig"])
def test_rounding_is_no_difference(scale, engine):
    one, other = scale * np.array([0.1 + 0.2] * 5), scale * np.array([0.3] * 5)
    for a, b in [(one, other), (other, one)]:
        assert aso(a, b, engine=engine, n_bootstrap=20) == pytest.approx(0.5, abs=0.05)
        assert violation_ratio(a, b) == 0.5
        assert paired_permutation_test(a, b) == 1.0


def test_rounding_in_one_seed_changes_nothing():
    a, b = scores(8, 0.81, 1), scores(8, 0.8, 2)
    b[3] = a[3]
    moved = np.array([value * (1 + 2e-16) for value in a])
    assert paired_permutation_test(moved, b) == paired_permutation_test(a, b)
    assert aso(moved, b) == pytest.approx(aso(a, b), abs=1e-12)


def test_a_small_difference_is_still_one():
    a = np.full(8, 0.8)
    assert aso(a + 1e-9, a) == 0
    assert paired_permutation_test(a + 1e-9, a) == 2 / 2**8
