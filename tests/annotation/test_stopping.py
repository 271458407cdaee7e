"""Whether to stop: expectations against simulated queues, and certificates against the exact distribution."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from cal.annotation.proof.stopping import certificate, certified_recall, next_reads
from cal.annotation.queues.draw_order import draw_order, draw_weights
from cal.errors import CalError
from cal.streams import stream


@pytest.mark.parametrize("order", ["sampled", "ranked", "mixed", "random"])
def test_as_many_errors_come_as_are_expected_and_in_a_ranked_queue_no_more(order):
    rng = np.random.default_rng(0)
    p = rng.beta(0.1, 1, size=2000)
    expected, came = [], []
    for seed in range(60):
        errors = rng.random(2000) < p
        drawn = draw_order(draw_weights(p, probability=True), order, generator=stream(seed, "queue"))
        weights, y = drawn.weights, errors[drawn.documents]
        for n_reads in (100, 300, 600):
            told = next_reads(weights[:n_reads], y[:n_reads], weights[n_reads : n_reads + 100])
            expected.append(told.expected)
            came.append(y[n_reads : n_reads + 100].sum())
    ratio = np.mean(expected) / np.mean(came)
    assert 0.93 < ratio < (1.5 if order == "ranked" else 1.1)


def test_the_user_is_told_to_stop_below_the_number_set_and_that_it_is_no_promise():
    weights, y = np.ones(400), np.arange(400) % 50 == 0
    told = next_reads(weights, y, weights[:100], errors=3)
    assert told.expected == pytest.approx(100 * 2.5 / 101)
    assert told.may_stop
    assert "fewer than the 3 that you set: you can stop here" in str(told)
    assert "not a promise" in str(told)
    going_on = next_reads(weights, y, weights[:100], errors=2)
    assert not going_on.may_stop
    assert str(going_on).endswith("read on.")


def test_few_reads_tell_nothing_and_the_end_of_a_queue_is_said():
    few = next_reads(np.ones(49), np.zeros(49), np.ones(100))
    assert few.expected is None
    assert not few.may_stop
    assert "Read at least 50" in str(few)
    end = next_reads(np.ones(60), np.ones(60), [])
    assert end.may_stop
    assert str(end) == "Every document has been read."


def test_unknown_outcomes_tell_nothing():
    weights, y = np.ones(200), np.zeros(200)
    y[100:] = np.nan
    assert next_reads(weights, y, [1.0]).expected == next_reads(weights[:100], y[:100], [1.0]).expected


def test_certified_recall_holds_for_finite_numbers_of_errors():
    for n_errors, n_found, n_control in [(40, 30, 14), (300, 280, 59), (20, 16, 10)]:
        seen = np.arange(n_control + 1)
        chances = hypergeom.pmf(seen, n_errors, n_found, n_control)
        too_high = [certified_recall(n_control, int(k)) > n_found / n_errors for k in seen]
        assert chances[too_high].sum() <= 0.05


def test_the_price_of_a_certificate_is_the_mean_place_of_the_last_error_needed():
    rng = np.random.default_rng(0)
    places = [np.sort(rng.permutation(500)[:60])[13] + 1 for _ in range(4000)]
    assert certificate(0.8, 500, 60).n_reads == pytest.approx(np.mean(places), rel=0.02)
    assert certificate(0.95, 500, 40).n_reads is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: certified_recall(3, 4),
        lambda: certified_recall(-1, 0),
        lambda: certificate(1.0, 10, 5),
        lambda: certificate(0.9, 0, 5),
        lambda: next_reads([1.0], [1, 0], [1.0]),
        lambda: next_reads([1.0], [0.5], [1.0]),
        lambda: next_reads([1.0], [1], [1.0], errors=0),
    ],
)
def test_what_is_out_of_range_is_refused(call):
    with pytest.raises(CalError):
        call()
