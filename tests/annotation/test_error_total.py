"""The number of errors in a queue: exact laws by enumeration, and coverage at every time of looking."""

import json
from itertools import combinations, pairwise, permutations, product

import numpy as np
import pytest

from cal.annotation.proof.betting import FEWER, MORE, SPENT, Bets, Capital, error_bounds
from cal.annotation.proof.error_total import error_total, lure
from cal.annotation.queues.draw_order import draw_order, draw_weights
from cal.errors import CalError
from cal.streams import stream

WEIGHTS = np.array([4.0, 1.0, 2.0, 0.5, 2.5]) / 2
N = len(WEIGHTS)
SHARE = 0.3


def all_orders(order):
    """Every order of drawing with its probability, those of its draws, and which draws took any document."""
    for documents in permutations(range(N)):
        for at_random in product([False, True], repeat=N) if order == "mixed" else [(order == "random",) * N]:
            left, path, shares = list(range(N)), 1.0, []
            for document, random in zip(documents, at_random, strict=True):
                if order == "sampled":
                    shares.append(WEIGHTS[document] / WEIGHTS[left].sum())
                    path *= shares[-1]
                elif order == "random":
                    shares.append(1 / len(left))
                    path *= shares[-1]
                else:
                    top = document == max(left, key=lambda each: WEIGHTS[each])
                    shares.append(SHARE / len(left) + (1 - SHARE) * top)
                    path *= SHARE / len(left) if random else (1 - SHARE) * top
                left.remove(document)
            if path:
                yield np.array(documents), path, np.array(shares), np.array(at_random)


@pytest.mark.parametrize("order", ["sampled", "random", "mixed"])
def test_the_estimate_is_unbiased_over_all_orders_of_drawing(order):
    orders = list(all_orders(order))
    assert sum(path for _, path, _, _ in orders) == pytest.approx(1)
    errors = np.array([0, 1, 1, 0, 1])
    for n_reads in range(1, N + 1):
        mean = sum(path * lure(errors[drawn[:n_reads]], q[:n_reads], N) for drawn, path, q, _ in orders)
        assert mean == pytest.approx(3, rel=1e-12)


@pytest.mark.parametrize("sign", [FEWER, MORE])
@pytest.mark.parametrize("order", ["sampled", "random", "mixed"])
def test_the_capital_against_the_truth_is_1_on_average_for_every_placement_of_the_errors(order, sign):
    documents, paths, _, at_random = map(np.array, zip(*all_orders(order), strict=True))
    bets = Bets.of(WEIGHTS, order)
    for n_errors in range(N + 1):
        for wrong in combinations(range(N), n_errors):
            errors = np.isin(documents, wrong)
            counted = at_random if order == "mixed" else None
            capital = Capital(bets, sign, WEIGHTS[documents], errors, counted)
            logs = capital.logs(np.full(len(documents), n_errors))
            np.testing.assert_allclose(paths @ np.exp(logs), 1, rtol=1e-9)


def read(order, n=300, n_errors=30, n_reads=150, n_queues=400):
    """Reads of many queues of one corpus whose scores are somewhat better than chance."""
    rng = np.random.default_rng(0)
    errors = np.arange(n) < n_errors
    weights = draw_weights(rng.normal(size=n) + 1.5 * errors, probability=False)
    drawn = [draw_order(weights, order, generator=stream(seed, "queue")) for seed in range(n_queues)]
    documents = np.stack([each.documents[:n_reads] for each in drawn])
    at_random = np.stack([each.at_random[:n_reads] for each in drawn])
    return Bets.of(weights, order), weights[documents], errors[documents], at_random


@pytest.mark.parametrize("order", ["sampled", "random", "mixed"])
def test_the_truth_is_inside_at_all_times_in_95_percent_of_queues(order):
    bets, weights, errors, at_random = read(order)
    counted = at_random if order == "mixed" else None
    truth = np.full(len(weights), 30)
    above = Capital(bets, FEWER, weights, errors, counted).logs(truth).max(axis=1) >= -np.log(0.05 * SPENT[FEWER])
    below = Capital(bets, MORE, weights, errors, counted).logs(truth).max(axis=1) >= -np.log(0.05 * SPENT[MORE])
    assert (above | below).mean() <= 0.05
    low, high = error_bounds(bets, weights, errors, counted=counted)
    np.testing.assert_array_equal((low > 30) | (high < 30), above | below)


@pytest.mark.parametrize("order", ["sampled", "random", "mixed"])
def test_an_interval_lies_within_the_earlier_ones_and_ends_at_the_truth(order):
    bets, weights, errors, at_random = read(order, n_reads=300, n_queues=2)
    ends = []
    for n_reads in (1, 20, 60, 150, 299, 300):
        counted = at_random[:, :n_reads] if order == "mixed" else None
        ends.append(error_bounds(bets, weights[:, :n_reads], errors[:, :n_reads], counted=counted))
    for (low, high), (next_low, next_high) in pairwise(ends):
        assert (low <= next_low).all()
        assert (next_high <= high).all()
    assert ends[-1][0].tolist() == ends[-1][1].tolist() == [30, 30]


def test_bounds_between_looks_at_every_read_and_at_every_few_differ_little(monkeypatch):
    bets, weights, errors, _ = read("sampled", n_queues=20)
    low, high = error_bounds(bets, weights, errors)
    monkeypatch.setattr("cal.annotation.proof.betting._LOOKS", 30)
    fewer_looks = error_bounds(bets, weights, errors)
    assert (fewer_looks[0] <= low).all()
    assert (fewer_looks[1] >= high).all()
    assert (fewer_looks[1] - high).mean() < 5


def test_what_is_not_known_widens_the_interval_and_holds_both_answers():
    bets, weights, errors, _ = read("sampled", n_queues=1)
    errors = errors.astype(float)
    unknown = errors.copy()
    unknown[0, [3, 10, 40, 80]] = np.nan
    low, high = error_bounds(bets, weights, unknown)
    for answers in product([0.0, 1.0], repeat=4):
        errors[0, [3, 10, 40, 80]] = answers
        decided = error_bounds(bets, weights, errors)
        assert low[0] <= decided[0][0] <= decided[1][0] <= high[0]


def test_bets_depend_on_no_sequence_and_survive_json():
    shuffled = np.random.default_rng(0).permutation(WEIGHTS)
    bets, again = Bets.of(WEIGHTS), Bets.of(shuffled * 7)
    assert Bets.from_data(json.loads(json.dumps(bets.as_data()))) == bets
    np.testing.assert_allclose(again.fewer_total, bets.fewer_total)
    np.testing.assert_allclose(again.more, bets.more)


def total_of(order="sampled", n_reads=100, **changed):
    rng = np.random.default_rng(1)
    errors = rng.random(400) < np.r_[np.full(40, 0.8), np.full(360, 0.01)]
    weights = draw_weights(np.r_[np.full(40, 0.8), np.full(360, 0.01)], probability=True)
    drawn = draw_order(weights, order, generator=stream(1, "queue"))
    outcomes = errors[drawn.documents[:n_reads]].astype(float)
    given = {
        "bets": Bets.of(weights, order),
        "weights": drawn.weights[:n_reads],
        "outcomes": outcomes,
        "probability": drawn.probability[:n_reads],
        "at_random": drawn.at_random[:n_reads],
    }
    return error_total(**given | changed), int(errors.sum())


@pytest.mark.parametrize("order", ["sampled", "mixed", "random"])
def test_errors_left_are_told_with_an_interval(order):
    total, truth = total_of(order)
    assert total.found <= total.low <= truth <= total.high <= 400 - (100 - total.found)
    assert total.low <= total.estimate <= total.high
    left = total.left()
    assert left["high"] == total.high - total.found
    assert "95 % interval" in str(total)


def test_of_a_ranked_queue_and_of_few_reads_nothing_is_told_but_why():
    ranked, _ = total_of("ranked")
    assert ranked.low is ranked.high is ranked.estimate is None
    assert "ranked" in ranked.reason
    few, _ = total_of(n_reads=19)
    assert few.left() == {"estimate": None, "low": None, "high": None}
    assert "at least 20 documents" in few.reason
    assert total_of(n_reads=0)[0].reason


@pytest.mark.parametrize("order", ["sampled", "mixed", "random", "ranked"])
def test_of_a_queue_that_is_read_everything_is_known(order):
    total, truth = total_of(order, n_reads=400)
    assert total.found == total.low == total.high == total.estimate == truth
    assert str(total).endswith(", none left.")


def test_decisions_on_documents_not_drawn_yet_count_too():
    alone, _ = total_of()
    total, _ = total_of(errors_elsewhere=2, right_elsewhere=290)
    assert total.found == alone.found + 2
    assert total.read == 392
    assert total.low >= total.found
    assert total.high <= total.found + 8


def test_skipped_documents_leave_the_estimate_where_it_was():
    outcomes = np.zeros(100)
    outcomes[::10] = 1
    plain, _ = total_of("random", outcomes=outcomes)
    outcomes[1::10] = np.nan
    skipped, _ = total_of("random", outcomes=outcomes)
    assert plain.estimate == pytest.approx(40)
    assert skipped.estimate == pytest.approx(400 / 9)
    assert skipped.unknown == 10
    assert skipped.high > plain.high


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"outcomes": np.zeros(99)}, "99 outcomes, 100 weights and 100 probabilities"),
        ({"outcomes": np.full(100, 2.0)}, "neither 1"),
        ({"weights": np.full(100, 1e-3)}, "the lowest of the queue"),
        ({"probability": np.zeros(100)}, "probability is not above 0"),
        ({"probability": np.full(100, np.nan)}, "probability is not above 0"),
        ({"errors_elsewhere": 301}, "More documents"),
        ({"errors_elsewhere": -1}, "errors_elsewhere"),
        ({"alpha": 0}, "alpha"),
    ],
)
def test_impossible_reads_are_refused(changed, message):
    with pytest.raises(CalError, match=message):
        total_of(**changed)


@pytest.mark.parametrize("at_random", [None, [True], np.zeros(100)])
def test_a_mixed_queue_needs_to_know_its_random_draws(at_random):
    with pytest.raises(CalError, match="at_random"):
        total_of("mixed", at_random=at_random)
