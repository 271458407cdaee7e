"""Detection scores against slow loops: every order of ties, every threshold, every pair."""

from itertools import permutations

import numpy as np
import pytest

from cal.label_errors.detection_scores import (
    CURVE,
    REVIEWED,
    class_scores,
    detection_scores,
    first_read,
    found,
    n_read,
    recall_curve,
)
from cal.label_errors.detectors import Detection
from cal.label_errors.error_estimate import ErrorEstimate


@pytest.fixture
def ranking():
    """Scores with ties of 200 documents, of which 30 are wrong, mostly the suspicious ones."""
    rng = np.random.default_rng(3)
    wrong = rng.permutation(200) < 30
    return np.round(rng.normal(size=200) + 1.5 * wrong, 1), wrong


def test_found_is_the_mean_over_every_order_of_ties():
    score, wrong = np.array([2.0, 1.0, 1.0, 1.0, 0.0, 0.0]), np.array([0, 1, 0, 0, 1, 0])
    in_order = [
        np.cumsum([0, *wrong[list(order)]])
        for order in permutations(range(6))
        if (np.diff(score[list(order)]) <= 0).all()
    ]
    np.testing.assert_allclose(found(score, wrong), np.mean(in_order, axis=0))


@pytest.mark.parametrize("k", range(1, 7))
def test_the_first_are_shares_over_every_order_of_ties(k):
    score = np.array([2.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    orders = [order for order in permutations(range(6)) if (np.diff(score[list(order)]) <= 0).all()]
    share = [np.mean([row in order[:k] for order in orders]) for row in range(6)]
    np.testing.assert_allclose(first_read(score, k), share)


def test_wrong_labels_of_classes_add_up_to_all_and_are_counted_one_by_one(ranking):
    score, wrong = ranking
    score = score + 1e-6 * np.arange(200)  # no ties
    right = np.arange(200) % 3
    given = np.where(wrong, (right + 1 + np.arange(200) % 2) % 3, right)
    rows = class_scores(score, right, given, ["a", "b", "c"])
    first = sorted(range(200), key=lambda row: -score[row])[:10]
    for side, labels in (("given", given), ("right", right)):
        for position, name in enumerate("abc"):
            (row,) = [each for each in rows if (each["side"], each["label"]) == (side, name)]
            of_class = [row for row in range(200) if wrong[row] and labels[row] == position]
            assert row["n_wrong"] == len(of_class)
            assert row["found"] == len(set(of_class) & set(first))
        total = sum(each["found"] for each in rows if each["side"] == side)
        assert total / 30 == pytest.approx(detection_scores(Detection(score), wrong)["recall_at_5"])


def test_recall_and_precision_count_what_is_found(ranking):
    score, wrong = ranking
    score = score + 1e-6 * np.arange(200)  # no ties
    scores = detection_scores(Detection(score), wrong)
    for percent in REVIEWED:
        first = sorted(range(200), key=lambda row: -score[row])[: 2 * percent]
        n_found = sum(wrong[row] for row in first)
        assert scores[f"recall_at_{percent}"] == pytest.approx(n_found / 30)
        assert scores[f"precision_at_{percent}"] == pytest.approx(n_found / (2 * percent))


def test_a_perfect_ranking_reaches_the_ceiling_and_no_other_exceeds_it(ranking):
    score, wrong = ranking
    perfect, other = (detection_scores(Detection(each), wrong) for each in (wrong.astype(float), score))
    for percent in REVIEWED:
        assert perfect[f"recall_at_{percent}"] == perfect[f"ceiling_at_{percent}"] == min(1, 2 * percent / 30)
        assert other[f"recall_at_{percent}"] <= other[f"ceiling_at_{percent}"]


def test_average_precision_is_precision_at_each_threshold_by_what_it_adds_to_recall(ranking):
    score, wrong = ranking
    total, before = 0.0, 0.0
    for threshold in sorted(set(score.tolist()), reverse=True):
        at_least = score >= threshold
        recall = wrong[at_least].sum() / wrong.sum()
        total += wrong[at_least].mean() * (recall - before)
        before = recall
    assert detection_scores(Detection(score), wrong)["average_precision"] == pytest.approx(total)


def test_auroc_is_the_share_of_pairs_in_order(ranking):
    score, wrong = ranking
    pairs = [(a > b) + (a == b) / 2 for a in score[wrong] for b in score[~wrong]]
    assert detection_scores(Detection(score), wrong)["auroc"] == pytest.approx(np.mean(pairs))


def test_the_order_of_documents_makes_no_difference(ranking):
    score, wrong = ranking
    order = np.random.default_rng(1).permutation(200)
    shuffled = detection_scores(Detection(score[order]), wrong[order])
    assert shuffled == pytest.approx(detection_scores(Detection(score), wrong), nan_ok=True)


def test_a_recall_curve_ends_where_half_is_read_and_passes_through_recall(ranking):
    score, wrong = ranking
    curve = dict(zip(CURVE, recall_curve(score, wrong), strict=True))
    assert curve[0] == 0
    assert curve[50] == pytest.approx(found(score, wrong)[100] / 30)
    assert curve[5] == detection_scores(Detection(score), wrong)["recall_at_5"]


def test_flags_are_measured_as_a_set():
    wrong, flagged = np.array([1, 1, 1, 0, 0, 0, 0, 0], bool), np.array([1, 0, 0, 1, 0, 0, 0, 0], bool)
    scores = detection_scores(Detection(np.arange(8.0), flagged=flagged), wrong)
    assert (scores["flagged_share"], scores["flag_precision"], scores["flag_recall"]) == (1 / 4, 1 / 2, 1 / 3)


def test_flagging_nothing_has_no_precision():
    scores = detection_scores(Detection(np.arange(4.0), flagged=np.zeros(4, bool)), np.arange(4) < 1)
    assert (scores["flagged_share"], scores["flag_precision"], scores["flag_recall"]) == (0, None, 0)


def test_an_estimate_is_passed_on_and_none_made_up():
    wrong, none = np.arange(4) < 1, np.zeros(4)
    estimate = ErrorEstimate(none, none, none, n_errors=1.5, n_errors_low=1.0, n_errors_high=2.0)
    names = ("n_errors", "n_errors_low", "n_errors_high")
    given = detection_scores(Detection(np.arange(4.0), estimate=estimate), wrong)
    without = detection_scores(Detection(np.arange(4.0)), wrong)
    assert [given[name] for name in names] == [1.5, 1.0, 2.0]
    assert [without[name] for name in names] == [None, None, None]


@pytest.mark.parametrize(("percent", "n", "expected"), [(5, 5452, 273), (1, 10, 1), (20, 60, 12)])
def test_some_percent_are_so_many_documents_and_one_at_least(percent, n, expected):
    assert n_read(percent, n) == expected
