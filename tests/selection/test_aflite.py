"""AFLite beside scikit-learn: its probes, its rounds, and what it is for."""

import warnings

import numpy as np
import pytest
import torch

from cal.errors import AnalysisError, ConfigError
from cal.selection.aflite import RIDGE, aflite, train_probes
from cal.streams import Streams


def task(n=300, width=8, n_classes=2, signal=0.8):
    """(instance, feature) vectors of overlapping classes, of features of different scales, and their classes."""
    rng = np.random.default_rng(n_classes)
    gold = np.arange(n) % n_classes
    x = signal * np.eye(n_classes, width)[gold] + rng.normal(size=(n, width))
    return x * 2.0 ** np.arange(-4, width - 4), gold


def probe_of_sklearn(x, gold, ridge):
    from sklearn.linear_model import LogisticRegression

    # In a softmax of two classes each has coefficients of its own, half as long as those of scikit-learn.
    strength = (2.0 if len(np.unique(gold)) == 2 else 1.0) / ridge
    return LogisticRegression(C=strength, max_iter=1000, tol=1e-6).fit(x, gold)


def slow_aflite(x, gold, count, *, n_probes, slice_size, threshold, seed):
    """The remaining positions, one probe of scikit-learn after the other."""
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    left = list(range(len(x)))
    for round in range(len(x)):
        trained_on = Streams([seed], round).start("aflite").keep(0.5, len(x), n_probes)[0].numpy()
        scores = []
        probes = []
        for probe in range(n_probes):
            rows = [i for i in left if trained_on[i, probe]]
            probes.append(probe_of_sklearn(x[rows], gold[rows], RIDGE * 0.5 * len(left)))
        probs = np.stack([probe.predict_proba(x) for probe in probes])  # (probe, instance, class)
        for i in left:
            asked = [probs[probe, i] for probe in range(n_probes) if not trained_on[i, probe]]
            predictability = np.mean([answer.argmax() == gold[i] for answer in asked])
            scores.append((-predictability, -np.mean([answer[gold[i]] for answer in asked]), i))
        scores.sort()
        excess = len(left) - count
        found = sum(-score >= threshold for score, _, _ in scores)
        gone = {i for _, _, i in scores[: min(slice_size, excess) if found >= slice_size else excess]}
        left = [i for i in left if i not in gone]
        if len(left) == count:
            return left


@pytest.mark.parametrize(("n_classes", "signal"), [(2, 0.8), (2, 3.0), (3, 1.5), (5, 3.0)])
def test_probes_predict_as_those_of_scikit_learn(n_classes, signal):
    x, gold = task(600, 20, n_classes, signal)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    trained_on = torch.rand(600, 6, generator=torch.Generator().manual_seed(0)) < 0.5
    inputs = torch.from_numpy(np.column_stack([x, np.ones(600)])).float()
    predicted, gold_prob = train_probes(inputs, torch.from_numpy(gold), trained_on, RIDGE * 300)
    same, apart = [], []
    for probe in range(6):
        rows = trained_on[:, probe].numpy()
        theirs = probe_of_sklearn(x[rows], gold[rows], RIDGE * 300)
        same.append(predicted[:, probe].numpy()[~rows] == theirs.predict(x[~rows]))
        probs = theirs.predict_proba(x[~rows])[np.arange((~rows).sum()), gold[~rows]]
        apart.append(np.abs(gold_prob[:, probe].numpy()[~rows] - probs))
    assert np.concatenate(same).mean() >= 0.99
    assert np.concatenate(apart).max() < 0.05


@pytest.mark.parametrize(("n", "width", "n_classes"), [(150, 300, 2), (150, 300, 6), (300, 300, 3), (400, 60, 2)])
def test_probes_converge_with_few_instances_per_feature(n, width, n_classes):
    x, gold = np.random.default_rng(0).normal(size=(n, width)), np.arange(n) % n_classes
    trained_on = torch.rand(n, 2, generator=torch.Generator().manual_seed(0)) < 0.5
    inputs = torch.from_numpy(np.column_stack([x, np.ones(n)])).float()
    predicted, _ = train_probes(inputs, torch.from_numpy(gold), trained_on, RIDGE * n / 2)
    for probe in range(2):
        rows = trained_on[:, probe].numpy()
        theirs = probe_of_sklearn(x[rows], gold[rows], RIDGE * n / 2).predict(x[~rows])
        assert (predicted[:, probe].numpy()[~rows] == theirs).mean() > 0.98


@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_remains_is_what_a_slow_loop_leaves(n_classes):
    x, gold = task(160, 5, n_classes, 2.0)
    how = {"n_probes": 12, "slice_size": 10, "threshold": 0.75, "seed": 3}
    remaining = aflite(x, gold, 80, **how)
    assert len(np.intersect1d(remaining, slow_aflite(x, gold, 80, **how))) >= 78


@pytest.mark.parametrize("n_classes", [2, 3])
def test_instances_that_give_their_label_away_go_first(n_classes):
    x, gold = task(600, 20, n_classes, 0.0)
    leaking = np.random.default_rng(0).permutation(600)[:200]
    x = np.column_stack([x, np.random.default_rng(1).normal(size=(600, n_classes))])
    x[leaking, 20:] += 6 * np.eye(n_classes)[gold[leaking]]
    dropped = np.setdiff1d(np.arange(600), aflite(x, gold, 500, seed=7))
    assert np.isin(dropped, leaking).all()


@pytest.mark.parametrize(("count", "slice_size"), [(300, None), (299, 7), (151, 7), (2, 50), (1, None)])
def test_exactly_as_many_remain_as_asked_for(count, slice_size):
    x, gold = task(signal=3.0)
    remaining = aflite(x, gold, count, n_probes=8, slice_size=slice_size)
    assert len(remaining) == count
    assert (np.diff(remaining) > 0).all()
    assert 0 <= remaining[0] <= remaining[-1] < 300


def test_a_seed_says_what_remains():
    x, gold = task()
    first, again, other = (aflite(x, gold, 150, n_probes=8, seed=seed).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_scales_of_features_and_names_of_classes_change_nothing():
    x, gold = task(n_classes=3)
    given = aflite(x, gold, 150, n_probes=8)
    assert (aflite(x * 2.0 ** np.arange(8), 7 * gold - 3, 150, n_probes=8) == given).all()


def test_a_constant_feature_tells_nothing():
    x, gold = task(signal=3.0)
    constant = np.column_stack([x, np.full(300, 0.1)])
    assert len(np.intersect1d(aflite(constant, gold, 150, n_probes=8), aflite(x, gold, 150, n_probes=8))) >= 149


def test_where_too_few_reach_the_threshold_the_rest_goes_at_once(caplog):
    x, gold = task(signal=0.0)
    with caplog.at_level("INFO", logger="cal"):
        stopped = aflite(x, gold, 200, slice_size=50, threshold=1.0, n_probes=32)
    assert "Round 0: " in caplog.text
    assert "Round 1: " not in caplog.text
    assert (stopped == aflite(x, gold, 200, slice_size=100, threshold=0.01, n_probes=32)).all()


def test_a_last_slice_that_reaches_the_threshold_is_no_early_end(caplog):
    x, gold = task(signal=5.0)
    with caplog.at_level("INFO", logger="cal"):
        aflite(x, gold, 297, slice_size=2, n_probes=8)
    assert not caplog.text


def test_nothing_is_warned_of_when_a_class_is_used_up():
    x, gold = task(40, 3, signal=9.0)
    gold[:38] = 0
    with warnings.catch_warnings(action="error"):
        assert len(aflite(x, gold, 1, slice_size=1, n_probes=4)) == 1


def test_all_arguments_that_are_refused_are_listed():
    x, gold = task(20)
    with pytest.raises(ConfigError) as caught:
        aflite(x, gold, 0, n_probes=0, slice_size=1.5, train_share=1, threshold=0)
    assert [problem.split()[0] for problem in caught.value.problems] == [
        *("count", "n_probes", "slice_size", "train_share", "threshold")
    ]


@pytest.mark.parametrize(
    ("x", "gold", "count", "error", "message"),
    [
        (np.eye(4), np.arange(4), 5, ConfigError, "count is 5, but there are only 4 instances"),
        (np.eye(4), np.arange(3), 2, AnalysisError, "do not match"),
        (np.ones(4), np.arange(4), 2, AnalysisError, "do not match"),
        (np.full((4, 4), np.inf), np.arange(4), 2, AnalysisError, "NaN or infinity"),
        (np.eye(4), np.zeros(4, int), 2, AnalysisError, "the same class"),
    ],
)
def test_what_cannot_be_filtered_is_an_error(x, gold, count, error, message):
    with pytest.raises(error, match=message):
        aflite(x, gold, count)
