"""Progress of a live run: records of rounds, the movement of the seed map, stopping criteria, the curve."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from cal.active.movement import MapPoints, Movement, map_movement
from cal.active.person import Person, simulate_session
from cal.active.progress import progress_of
from cal.active.random_labels import LEVEL, compare_with_random, paired
from cal.active.round_record import RoundRecord
from cal.dynamics.data_map import DataMap
from cal.simulation.request import simulate
from cal.simulation.run_folder import Run, RunFolder
from cal.simulation.stopping import Observation

STOPPING = ["expected_gain", {"overall_uncertainty": {"threshold": 1.0}}, {"max_rounds": {"rounds": 2}}]


def session(topics, n=100, **options):
    given = {"learner": "small_mlp", "test_share": 0.2, "seed": 3, "stopping": STOPPING, **options}
    return simulate_session(topics, Person.of(topics), n, seed_size=20, batch=20, **given)


@pytest.fixture(scope="module")
def finished(topics):
    return session(topics)


def test_the_curve_tells_what_the_rounds_were(finished):
    curve = finished.curve
    assert curve["round"].tolist() == [0, 1, 2, 3, 4]
    assert curve["n_decided"].tolist() == [20, 40, 60, 80, 100]
    assert (curve["n_labelled"] + curve["n_decided"] * 0.2).tolist() == curve["n_decided"].tolist()
    assert (curve["n_test"] == 20).all()  # all rounds are judged by the labels that are known now
    assert (curve["low"] <= curve["accuracy"]).all()
    assert (curve["accuracy"] <= curve["high"]).all()
    assert curve["accuracy"].iloc[-1] > curve["accuracy"].iloc[0]
    assert np.isnan(curve["moved"].iloc[0])
    assert curve["moved"].iloc[1:].between(0, 1).all()


def test_test_documents_are_never_trained_on_and_never_chosen(finished):
    learner = finished.learner
    aside = set(learner.tested)
    assert len(aside) == 20
    assert not aside & set(learner.trained.known.rows.tolist())
    assert not aside & set(learner.trained.pool.candidates[0].tolist())


def test_accuracy_counts_the_answers_that_the_classifier_of_the_round_gives(finished, topics):
    learner, accuracy = finished.learner, finished.progress.accuracy
    rows = np.array([*learner.tested])
    says = [learner.label_names[number] for number in learner.trained.probs(rows).argmax(axis=1)]
    right = [topics.label_names[gold] for gold in topics.train.gold[rows]]
    assert accuracy.accuracy.n_right == sum(one == other for one, other in zip(says, right, strict=True))
    assert accuracy.n_labelled == len(learner.trained.known.rows)


def test_rounds_are_kept_as_plain_data(finished):
    for record in finished.learner.records:
        assert RoundRecord.of(json.loads(json.dumps(record.as_data()))) == record


def test_labels_that_come_later_judge_earlier_rounds(finished):
    records, learner = finished.learner.records, finished.learner
    names, rows = learner.label_names, [*learner.tested]
    labels = {row: names[number] for row, number in learner.tested.items()}
    few = progress_of(records, names, {row: labels[row] for row in rows[:4]}, rows)
    assert not few.rounds[0].accuracy.is_told
    assert few.to_frame()["accuracy"].isna().all()
    skipped = progress_of(records, names, labels | {rows[0]: None}, rows)
    assert skipped.accuracy.n_open == 1
    assert skipped.n_test == 19


def test_the_same_session_tells_the_same(topics, finished):
    again = session(topics)
    assert again.decided == finished.decided
    assert again.progress == finished.progress


def test_criteria_see_what_they_see_in_a_simulation(topics, tmp_path):
    live = session(topics, test_share=0.0, labels=list(topics.label_names), strategy="margin")
    told = dict(seeds=[3], seed_size=20, seed_set="kmeans", query_size=20, rounds=4, features="lsa", workers=1)
    simulate(
        topics, ["margin"], output=tmp_path / "run", learner="small_mlp", stopping=STOPPING, stop=False, quiet=True,
        full_data=False, **told,
    )  # fmt: skip
    simulated = RunFolder(tmp_path / "run").records(Run("margin", 3))
    assert len(simulated) == len(live.learner.records) == 5
    for record, other in zip(live.learner.records, simulated, strict=True):
        here, there = record.observation, Observation.of(other)
        assert (here.round, here.n_labelled, here.met) == (there.round, there.n_labelled, there.met)
        assert (here.predicted == there.predicted).all()
        assert here.expected_accuracy == pytest.approx(there.expected_accuracy, abs=1e-6)
        assert here.uncertainty == pytest.approx(there.uncertainty, abs=1e-6)
    assert live.progress.met["max_rounds(rounds=2)"] == 60


def test_target_accuracy_looks_at_the_test_documents(topics):
    live = session(topics, n=80, stopping=[{"target_accuracy": {"accuracy": 0.1}}])
    first = next(record for record in live.learner.records if record.observation.met)
    seen = [record.observation.dev_accuracy for record in live.learner.records]
    assert first.n_decided == 60  # of which 12 are test documents; with 40 there are 8, too few to tell
    assert seen[:2] == [None, None]
    assert seen[2] is not None


def test_target_macro_f1_waits_until_each_label_has_some_test_documents(topics, monkeypatch):
    monkeypatch.setattr("cal.active.live_stopping.LEAST_OF_LABEL", 2)
    live = session(topics, n=100, test_share=0.3, stopping=[{"target_macro_f1": {"macro_f1": 0.0}}])
    learner, told = live.learner, {}
    for record in learner.records:
        tested = [row for row in record.test if row in learner.tested][: int(0.3 * record.n_decided)]
        gold, says = topics.train.gold[tested], [record.test[row] for row in tested]
        enough = np.bincount(gold, minlength=topics.n_classes).min() >= 2
        told[record.round] = record.observation.dev_macro_f1
        assert (told[record.round] is not None) == enough
        names = [learner.label_names[number] for number in says]
        if enough:
            right = [topics.label_names[label] for label in gold]
            assert told[record.round] == pytest.approx(f1_score(right, names, average="macro"))
    assert None in told.values()
    assert any(told.values())


def test_movement_worked_by_hand():
    before = MapPoints([5, 2, 9], [0.5, 0.5, 0.5], [0.1, 0.1, 0.1], ["easy", "hard", "easy"])
    after = MapPoints([9, 7, 2], [0.9, 0.1, 0.5], [0.4, 0.3, 0.1], ["easy", "easy", "easy"])
    moved = map_movement(before, after)
    assert (moved.n, moved.confidence, moved.variability, moved.distance) == (2, 0.2, 0.15, 0.25)
    assert (moved.changed, moved.moves) == (0.5, {"hard -> easy": 1})
    assert Movement.of(json.loads(json.dumps(moved.as_data()))) == moved
    assert map_movement(before, MapPoints([1], [0.5], [0.1], ["easy"])) is None
    assert Movement.of({}) is None


def test_a_map_that_stays_does_not_move(finished):
    data_map = finished.learner.trained.data_map
    assert isinstance(data_map, DataMap)
    points = MapPoints.of(range(len(data_map)), data_map)
    moved = map_movement(points, points)
    assert (moved.n, moved.distance, moved.changed) == (len(data_map), 0, 0)


def test_the_curve_is_drawn_with_and_without_data(finished, topics):
    figure = finished.progress.plot()
    assert len(figure.axes) == 3
    drawn = figure.axes[0].lines[0].get_ydata()
    assert drawn == pytest.approx(100 * finished.curve["accuracy"].to_numpy())
    assert "<svg" in finished.progress._repr_html_() or "data:image" in finished.progress._repr_html_()
    empty = progress_of([], ["a"], {}, [])
    assert "No classifier is trained yet." in str(empty)
    assert not any(axes.lines for axes in empty.plot().axes)
    assert "None" not in str(finished.progress)


@pytest.mark.parametrize("n", [0, 1, 5, 12, 25])
def test_a_difference_is_claimed_exactly_if_mcnemar_tells_it(n):
    for n_chosen in range(n + 1):
        n_random = n - n_chosen
        one = [True] * n_chosen + [False] * n_random + [True] * 30
        other = [False] * n_chosen + [True] * n_random + [True] * 30
        found = paired(one, other, 50)
        p = binomtest(n_chosen, n).pvalue if n else 1.0
        assert found.is_told == (p < LEVEL)
        mean, low, high = found.difference
        assert low <= mean <= high
        assert mean == pytest.approx((n_chosen - n_random) / (n + 30))
        assert ("cannot be told" in found.message) == (not found.is_told)


def test_with_as_many_test_documents_as_are_said_to_be_needed_the_difference_is_told():
    for n_chosen, n_random in [(12, 6), (9, 8), (3, 0), (0, 2), (30, 22)]:
        n = 60
        needed = paired([True] * n_chosen + [False] * (n - n_chosen), [False] * n_chosen + [True] * n_random
                        + [False] * (n - n_chosen - n_random), 50).needed  # fmt: skip
        one, other = (round(each * needed / n) for each in (n_chosen, n_random))
        rest = [False] * (needed - one - other)
        assert paired([True] * one + [False] * other + rest, [False] * one + [True] * other + rest, 50).is_told
    assert paired([True, False] * 20, [False, True] * 20, 50).needed is None  # no difference at all


def test_random_labels_are_judged_on_documents_that_they_were_not_trained_on(topics):
    """With labels drawn by lot nothing can be learnt, unless a document's own label is seen."""
    learner = session(topics, n=40).learner
    rows, lots = np.arange(0, 400, 2), np.random.default_rng(0).integers(0, 2, 200)
    found = compare_with_random(learner.trained.learner, rows, lots, {100: np.zeros(200)}, seed=1)
    assert (found.n, found.n_labels) == (200, 100)
    assert found.random < 0.65
    assert found.chosen == (lots == 0).mean()


def test_what_random_labels_give_needs_as_many_of_them(topics):
    learner = session(topics, n=40).learner
    classes = topics.train.gold
    rows = np.arange(60)
    early = compare_with_random(learner.trained.learner, rows, classes[rows], {55: np.zeros(60)}, seed=1)
    assert early.n_labels == 0
    assert "cannot be told yet" in early.message
    assert early.needed == 63
    rows = np.arange(63)
    answers = {55: np.zeros(63), 90: np.ones(63)}
    assert compare_with_random(learner.trained.learner, rows, classes[rows], answers, seed=1).n_labels == 55
