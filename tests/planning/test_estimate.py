"""The arithmetic that plans share, against slow and obvious counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cal.planning.estimate import half_width, held, makespan

DURATIONS = st.lists(st.floats(0.1, 10), min_size=1, max_size=30)


@given(DURATIONS, st.integers(1, 40))
def test_work_in_any_order_is_bounded_by_the_longest_and_by_what_all_share(durations, workers):
    least = max([*durations, sum(durations) / workers])
    seconds = makespan([(each, 1) for each in durations], workers)
    assert least * (1 - 1e-9) <= seconds <= (sum(durations) / workers + max(durations)) * (1 + 1e-9)


@given(DURATIONS, st.integers(30, 99))
def test_workers_beyond_the_tasks_help_nothing(durations, workers):
    assert makespan([(each, 1) for each in durations], workers) == max(durations)


def test_tasks_go_to_whoever_is_free_first():
    assert makespan([(4.0, 1), (1.0, 1), (2.0, 2)], 2) == 5.0  # 4, and 1 + 2 + 2


def test_very_many_tasks_are_counted_at_once():
    assert makespan([(2.0, 10**15)], 10) == pytest.approx(2e14)
    assert makespan([], 3) == makespan([(2.0, 0)], 3) == 0.0


def test_the_interval_holds_what_comes_nine_times_in_ten():
    rng = np.random.default_rng(0)
    held_in = 0
    for _ in range(2_000):
        samples, ahead = rng.normal(10, 1, 4), rng.normal(10, 1, 20).mean()
        held_in += abs(ahead - samples.mean()) <= half_width(samples, 20) * samples.mean()
    assert 0.88 < held_in / 2_000 < 0.92


def test_one_sample_has_no_spread():
    assert half_width([3.0], 9) == half_width([0.0, 0.0], 9) == 0.0


def test_places_that_hold_some_are_counted_by_drawing():
    rng = np.random.default_rng(0)
    drawn = [len(set(rng.integers(0, 40, 60))) / 40 for _ in range(3_000)]
    assert held(40, 60) == pytest.approx(np.mean(drawn), abs=0.005)
