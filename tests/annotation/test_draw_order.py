"""Draws: their probabilities against enumeration and frequencies, and weights from scores of any kind."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from cal.annotation.queues.draw_order import draw_order, draw_weights
from cal.annotation.queues.orders import ORDERS
from cal.errors import CalError
from cal.streams import stream

WEIGHTS = np.array([4.0, 1.0, 2.0, 0.5])
SHARE = 0.3


def chances(order, documents):
    """The probability of each draw of an order, from its definition."""
    left = list(range(len(WEIGHTS)))
    for document in documents:
        if order == "sampled":
            yield WEIGHTS[document] / WEIGHTS[left].sum()
        elif order == "random":
            yield 1 / len(left)
        else:
            top = max(left, key=lambda each: WEIGHTS[each])
            yield SHARE / len(left) + (1 - SHARE) * (document == top)
        left.remove(document)


@pytest.mark.parametrize("order", ["sampled", "random", "mixed"])
def test_recorded_probabilities_are_those_of_the_definition_and_of_what_is_drawn(order):
    drawn = [draw_order(WEIGHTS, order, generator=stream(seed, "queue"), random_share=SHARE) for seed in range(2000)]
    for each in drawn[:100]:
        np.testing.assert_allclose(each.probability, list(chances(order, each.documents)), rtol=1e-12)
    seen = Counter(tuple(each.documents.tolist()) for each in drawn)
    expected = {each: np.prod(list(chances(order, each))) * 2000 for each in permutations(range(4))}
    assert sum(expected.values()) == pytest.approx(2000)
    chi_square = sum((seen[each] - n) ** 2 / n for each, n in expected.items())
    assert chi_square < 49.7  # the quantile .999 with 23 degrees of freedom


def test_probabilities_are_exact_at_the_tail_of_a_long_queue():
    weights = np.r_[np.full(100_000, 1e6), [3.0, 1.0, 1e-6]]
    drawn = draw_order(weights, generator=stream(1, "queue"))
    assert sorted(drawn.documents[-3:].tolist()) == [100_000, 100_001, 100_002]
    left = drawn.weights[-3:]
    np.testing.assert_allclose(drawn.probability[-3:], left / left[::-1].cumsum()[::-1], rtol=1e-12)


def test_a_ranked_queue_has_no_probabilities_and_breaks_ties_at_random():
    firsts = {
        draw_order([1.0, 3.0, 3.0, 2.0], "ranked", generator=stream(seed, "queue")).documents[0] for seed in range(20)
    }
    drawn = draw_order([1.0, 3.0, 3.0, 2.0], "ranked", generator=stream(1, "queue"))
    assert firsts == {1, 2}
    assert drawn.documents[2:].tolist() == [3, 0]
    assert np.isnan(drawn.probability).all()
    assert not drawn.at_random.any()


def test_random_draws_of_a_mixed_queue_are_marked_and_the_others_are_ranked():
    drawn = draw_order(np.arange(1, 2001), "mixed", generator=stream(1, "queue"))
    assert 130 < drawn.at_random.sum() < 270
    ranked = drawn.documents[~drawn.at_random]
    assert (np.diff(ranked) < 0).all()
    assert sorted(drawn.documents.tolist()) == list(range(2000))


@pytest.mark.parametrize("order", ORDERS)
def test_one_seed_draws_one_order_whatever_the_scale_of_the_weights(order):
    first, again = (draw_order(WEIGHTS * by, order, generator=stream(3, "queue")) for by in (1, 1024))
    assert first.documents.tolist() == again.documents.tolist()
    assert first.weights.mean() == pytest.approx(1)


def test_probabilities_are_taken_as_they_are_with_a_tenth_of_their_mean():
    p_wrong = np.array([0.5, 0.25, 0.0, np.nan])
    weights = draw_weights(p_wrong, probability=True)
    mean = 0.75 / 4
    np.testing.assert_allclose(weights * 1.1 * mean, [0.5 + mean / 10, 0.25 + mean / 10, mean / 10, mean / 10])


@pytest.mark.parametrize("change", [np.exp, lambda scores: 1e300 * scores, lambda scores: -1 / (scores + 9)])
def test_other_scores_count_by_their_rank(change):
    scores = np.array([0.5, -3.0, 2.0, 2.0, np.nan])
    weights = draw_weights(scores, probability=False)
    np.testing.assert_array_equal(weights, draw_weights(change(scores), probability=False))
    assert weights[2] == weights[3] == weights.max()
    assert weights[4] == weights.min() > 0


@pytest.mark.parametrize("scores", [[np.inf, 0, -np.inf], [5, 5, 5], [0.0, 0.0, 0.0], [1e308, -1e308, 0]])
def test_scores_at_the_ends_of_their_range_give_usable_weights(scores):
    weights = draw_weights(scores, probability=False)
    assert np.isfinite(draw_order(weights, generator=stream(1, "queue")).probability).all()


def test_probabilities_that_are_all_0_or_missing_give_every_document_the_same_chance():
    assert draw_weights([0.0, np.nan, 0.0], probability=True).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.5, 1.2], "1.2, which is not a probability"),
        ([0.5, -0.1], "-0.1, which is not a probability"),
        ([0.5, np.inf], "inf, which is not a probability"),
        ([np.nan, np.nan], "No document has a score"),
        ([], "No document has a score"),
        (["high"], "scores"),
    ],
)
def test_what_is_no_probability_is_refused(scores, message):
    with pytest.raises(CalError, match=message):
        draw_weights(scores, probability=True)


@pytest.mark.parametrize("weights", [[1.0, 0.0], [1.0, -1.0], [np.nan], [np.inf, 1.0], [], [1e308, 1e-308]])
def test_weights_that_cannot_be_drawn_by_are_refused(weights):
    with pytest.raises(CalError, match=r"weight|no documents"):
        draw_order(weights, generator=stream(1, "queue"))
