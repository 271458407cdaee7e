"""Detectors on a task with planted errors: what they are trained on, what they share, and what they find."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from cal.data.corpus import Split
from cal.dynamics.data_map import DataMap
from cal.errors import ConfigError, DataError
from cal.help import configured_help
from cal.label_errors import detectors, evidence
from cal.label_errors.consensus import MEMBERS
from cal.label_errors.detector_names import SUMMARIES
from cal.label_errors.detectors import DETECTORS, refused_detectors
from cal.learners.grid import Setup, Training, cross_validation, train_all
from cal.learners.mlp import MLP
from cal.maps.request import MapRequest
from cal.maps.training import train_map


def full_map(corpus, **given):
    return train_map(MapRequest(**given), corpus, None, quiet=True)


LEARNER = MLP(hidden=[16], n_epochs=3, batch_size=8, lr=1e-2)
HOW = {"learner": LEARNER, "device": "cpu", "workers": 1, "folds": 3}
N, N_CLASSES, SEEDS = 300, 3, [3, 5]
NAMES = [name for name in DETECTORS if not refused_detectors([name])]  # cleanlab where it is installed


def detect(corpus, names, *, features, learner, device, workers, **how):
    return detectors.detect(corpus, names, Setup(learner, features, device, workers), **{"stops": False} | how)


def with_errors(task):
    """The task with every tenth document's label replaced by one of the other two, and which were."""
    train = task.corpus.train
    number = np.array([int(name.removeprefix("train")) for name in train.ids])
    wrong = number % 10 == 0
    gold = np.where(wrong, (train.gold + 1 + number // 10 % 2) % N_CLASSES, train.gold)
    return task._replace(corpus=replace(task.corpus, train=Split(train.ids, train.texts, gold, "train"))), wrong


@pytest.fixture(scope="module")
def task(make_task):
    return with_errors(make_task(n_train=N, n_classes=N_CLASSES, signal=3.0))


@pytest.fixture(scope="module")
def found(task):
    """All detections, and the arguments of every call of train_all."""
    calls, real = [], evidence.train_all

    def watched(corpus, trainings, setup, **given):
        calls.append((trainings, given["n_classes"]))
        return real(corpus, trainings, setup, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "train_all", watched)
        (corpus, features), _ = task
        return detect(corpus, NAMES, features=features, seeds=SEEDS, **HOW), calls


@pytest.mark.parametrize("name", [name for name in NAMES if name != "variability"])
def test_errors_are_more_suspicious_than_right_labels(task, found, name):
    assert roc_auc_score(task[1], found[0][name].score) > 0.9


@pytest.mark.parametrize("name", ["cleanlab", "clusters", "noise_detector", "threshold_samples"])
def test_errors_are_flagged_more_often_than_right_labels(task, found, name):
    if name not in NAMES:
        pytest.skip("cleanlab is not installed")
    flagged = found[0][name].flagged
    assert flagged[task[1]].mean() > 0.6 > 0.3 > flagged[~task[1]].mean()


def test_only_these_draw_a_line(found):
    with_line = {name for name, detection in found[0].items() if detection.flagged is not None}
    assert with_line == {"cleanlab", "clusters", "noise_detector", "threshold_samples"} & set(NAMES)


def test_errors_are_estimated(task, found):
    estimate, wrong = found[0]["calibrated"].estimate, task[1]
    assert estimate.n_errors_low <= wrong.sum() <= estimate.n_errors_high
    assert estimate.probability[wrong].mean() > 0.5 > 0.1 > estimate.probability[~wrong].mean()


@pytest.mark.parametrize(
    "name", ["consensus", "stack", "logistic", "aum", "cv_loss", "calibrated", "noise_detector", "threshold_samples"]
)
def test_a_detector_says_the_same_alone(task, found, name):
    corpus, features = task[0]
    alone = detect(corpus, [name], features=features, seeds=SEEDS, **HOW)
    assert list(alone) == [name]
    np.testing.assert_array_equal(alone[name].score, found[0][name].score)


def test_variability_is_that_of_the_mean_map(task, found):
    corpus, features = task[0]
    dynamics = full_map(corpus, features=features, learner=LEARNER, seeds=SEEDS, device="cpu", workers=1)
    runs = [DataMap.of(dynamics).run(run).variability.double().numpy() for run in range(2)]
    np.testing.assert_allclose(found[0]["variability"].score, np.mean(runs, axis=0), rtol=1e-12)


@pytest.mark.parametrize("name", ["aum", "confidence", "loss", "el2n", "correctness"])
def test_scores_in_training_are_those_of_the_folds_that_saw_it(task, found, name):
    corpus, features = task[0]
    gold, sign = corpus.train.gold, -1 if name in ("aum", "confidence", "correctness") else 1
    total, n_seen = np.zeros(N), np.zeros(N)
    for seed in SEEDS:
        for each in cross_validation(gold, seed, 3):
            alone = Training(seed, each.rows, each.gold)
            (trained,) = train_all(corpus, [alone], Setup(LEARNER, features, workers=1))
            total[each.rows] += sign * getattr(DataMap.of(trained.dynamics), name).double().numpy()
            n_seen[each.rows] += 1
    np.testing.assert_allclose(found[0][name].score, total / n_seen, rtol=1e-4, atol=1e-6)


def test_cross_validated_scores_are_those_of_the_fold_that_did_not_see_it(task, found):
    corpus, features = task[0]
    given = {"learner": LEARNER, "seeds": SEEDS, "capture": "out_of_fold", "folds": 3, "device": "cpu", "workers": 1}
    dynamics = full_map(corpus, features=features, **given)
    last = dynamics.gold_prob[:, -1].double().mean(dim=0).numpy()
    np.testing.assert_allclose(found[0]["cv_self_confidence"].score, -last, rtol=1e-5)
    probs = found[0]["cv_self_confidence"].probs
    np.testing.assert_allclose(probs[np.arange(N), corpus.train.gold], last, rtol=1e-5)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(found[0]["cv_loss"].score, dynamics.loss.double().mean(dim=(0, 1)).numpy(), rtol=1e-6)


def test_trainings_that_several_read_are_done_once_and_together(found):
    sizes = [len(trainings) for trainings, _ in found[1]]
    # plain, three folds and two versions with flips; then those that need a plain one; then those of another class
    assert sizes == [2 * (1 + 3 + 2), 2, 2 * 2]
    assert [n_classes for _, n_classes in found[1]] == [N_CLASSES, N_CLASSES, N_CLASSES + 1]


def changed_in(trainings, gold):
    """Rows whose labels are changed in trainings on everything, version by version."""
    labels = {training.gold.tobytes(): training.gold for training in trainings if len(training.rows) == len(gold)}
    return [np.flatnonzero(each != gold) for each in labels.values() if (each != gold).any()]


def test_flips_are_a_tenth_of_the_labels_others_in_each_version(task, found):
    first, second = changed_in(found[1][0][0], task[0].corpus.train.gold)
    assert len(first) == len(second) == N // 10
    assert not set(first) & set(second)


def test_threshold_samples_are_as_many_as_of_a_class_others_in_each_version(task, found):
    trainings = found[1][2][0]
    first, second = changed_in(trainings, task[0].corpus.train.gold)
    assert len(first) == len(second) == N // (N_CLASSES + 1)
    assert not set(first) & set(second)
    assert all((training.gold == N_CLASSES).sum() == len(first) for training in trainings)


def test_a_label_is_flagged_below_the_threshold_samples(task, make_task):
    corpus, features = make_task(n_train=60, n_classes=2)
    calls = []

    def trained(corpus, trainings, setup, **given):
        calls.append([training.gold for training in trainings])
        return real(corpus, trainings, setup, **given)

    real = evidence.train_all
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "train_all", trained)
        detection = detect(corpus, ["threshold_samples"], features=features, seeds=[1], **HOW)["threshold_samples"]
    below = np.zeros((2, 60))
    for version, labels in enumerate(calls[0]):
        (alone,) = real(corpus, [Training(1, np.arange(60), labels)], Setup(LEARNER, features, workers=1), n_classes=3)
        aum = alone.dynamics.margin.double().mean(dim=0).numpy()
        samples = labels == 2
        below[version] = np.where(samples, np.nan, np.quantile(aum[samples], 0.99) - aum)
    np.testing.assert_allclose(detection.score, np.nanmean(below, axis=0), rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(detection.flagged, detection.score > 0)


def test_rows_in_another_order_have_the_same_scores(make_task, found):
    (corpus, features), _ = with_errors(make_task(n_train=N, n_classes=N_CLASSES, signal=3.0, row_order=7))
    names = ["consensus", "stack", "aum", "calibrated", "noise_detector"]
    shuffled = detect(corpus, names, features=features, seeds=SEEDS, **HOW)
    for name in names:
        np.testing.assert_array_equal(shuffled[name].score, found[0][name].score)


def test_no_label_is_changed(make_task, found, task):
    again, _ = with_errors(make_task(n_train=N, n_classes=N_CLASSES, signal=3.0))
    np.testing.assert_array_equal(task[0].corpus.train.gold, again.corpus.train.gold)


def test_seconds_grow_with_the_documents_trained_on(found):
    seconds = {name: detection.seconds for name, detection in found[0].items()}
    assert 0 < seconds["aum"] < seconds["calibrated"]
    assert 0 < seconds["noise_detector"] < seconds["calibrated"]


def test_the_consensus_is_the_mean_rank_of_its_members(found):
    ranks = {name: rankdata(found[0][name].score) / N for name in MEMBERS}
    mean = sum(MEMBERS[name] * ranks[name] for name in ranks) / sum(MEMBERS.values())
    np.testing.assert_allclose(found[0]["consensus"].score, mean)
    probs = (found[0]["logistic"].probs + found[0]["cv_self_confidence"].probs) / 2
    np.testing.assert_allclose(found[0]["consensus"].probs, probs)


def test_epochs_count_until_twice_the_lowest_loss_out_of_fold(task):
    corpus, features = task[0]
    learner = replace(LEARNER, n_epochs=8, lr=3e-2, dropout=0.0)
    how = HOW | {"learner": learner}
    every = detect(corpus, ["cv_loss", "aum"], features=features, seeds=SEEDS, stops=False, **how)
    losses = [
        detect(corpus, ["cv_loss"], features=features, seeds=SEEDS, stops=False, **how | {"learner": some})
        for some in (replace(learner, n_epochs=n) for n in range(1, 9))
    ]
    totals = [n * each["cv_loss"].score.mean() for n, each in enumerate(losses, start=1)]
    lowest = 1 + int(np.diff(totals, prepend=0).argmin())
    kept = detect(corpus, ["cv_loss", "aum"], features=features, seeds=SEEDS, stops=True, **how)
    assert every["aum"].n_epochs == 8
    assert kept["aum"].n_epochs == kept["cv_loss"].n_epochs == min(2 * lowest, 8) < 8
    np.testing.assert_allclose(kept["cv_loss"].score, losses[2 * lowest - 1]["cv_loss"].score, rtol=1e-6)


def test_multiple_choice_has_no_linear_models(make_task):
    corpus, features = make_task(n_train=60, n_classes=2)
    with pytest.raises(ConfigError, match="stack cannot be used: all documents have the same vectors and words"):
        detect(corpus, ["aum", "stack"], features=features, seeds=[1], views=[], **HOW)
    found = detect(corpus, ["consensus", "el2n", "cv_aum"], features=features, seeds=[1], views=[], **HOW)
    ranks = rankdata(found["el2n"].score) + rankdata(found["cv_aum"].score)
    np.testing.assert_allclose(found["consensus"].score, ranks / 120)


def test_each_detector_has_a_line_in_the_help():
    assert list(SUMMARIES) == list(DETECTORS)
    for command in ("suspects", "audit"):
        assert all(f"  {name} " in configured_help(command) for name in SUMMARIES)


def test_an_unknown_detector_is_refused(task):
    corpus, features = task[0]
    with pytest.raises(ConfigError, match="Did you mean 'aum'"):
        detect(corpus, ["aumm"], features=features, seeds=SEEDS, **HOW)


def test_no_name_is_a_problem():
    assert refused_detectors([])[0].startswith("There are no detectors")


def test_more_folds_than_documents_are_refused(task):
    corpus, features = task[0]
    with pytest.raises(DataError, match="fewer folds"):
        detect(corpus, ["cv_loss"], features=features, seeds=SEEDS, **HOW | {"folds": N + 1})


def test_means_leave_out_what_was_changed():
    values, changed = np.array([[1.0, 2.0], [3.0, 9.0]]), np.array([[False, False], [False, True]])
    assert detectors._mean_unchanged(values, changed).tolist() == [2.0, 2.0]
