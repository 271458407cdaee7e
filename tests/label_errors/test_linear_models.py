"""Linear models of labels, against scikit-learn refitted without each instance or fold."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as ScikitRidge
from sklearn.metrics import log_loss

from cal.errors import AnalysisError
from cal.label_errors import linear_models
from cal.label_errors.linear_models import Logistic, Ridge, log_shares, margin_against, odds_against
from cal.learners.out_of_fold import folds_of
from cal.streams import stream


def task(n=60, n_classes=3, seed=0):
    """Two views of documents that show their classes, classes of different sizes, and folds."""
    rng = np.random.default_rng(seed)
    gold = rng.choice(n_classes, size=n, p=np.arange(1, n_classes + 1) / np.arange(1, n_classes + 1).sum())
    gold[:n_classes] = np.arange(n_classes)
    views = [
        (rng.normal(size=(n, width)) + 2 * rng.normal(size=(n_classes, width))[gold]).astype(np.float32)
        for width in (4, 6)
    ]
    return views, gold, folds_of(gold, 3, stream(seed, "folds"))


def test_ridge_is_that_of_every_other_instance():
    views, gold, _ = task(40)
    x, targets = np.concatenate(views, axis=1).astype(np.float64), np.eye(3)[gold]
    by_penalty = []
    for penalty in linear_models._RIDGES:
        rows = [np.delete(np.arange(40), i) for i in range(40)]
        models = [ScikitRidge(alpha=penalty).fit(x[others], targets[others]) for others in rows]
        by_penalty.append(np.stack([model.predict(x[[i]])[0] for i, model in enumerate(models)]))
    errors = [np.square(found - targets).sum() for found in by_penalty]
    np.testing.assert_allclose(Ridge(views).scores(gold, 3), by_penalty[int(np.argmin(errors))], atol=1e-5)


def test_ridge_does_not_depend_on_how_rows_are_read(monkeypatch):
    views, gold, _ = task(50)
    whole = Ridge(views).scores(gold, 3)
    monkeypatch.setattr(linear_models, "_CHUNK", 70)  # seven rows at a time
    np.testing.assert_allclose(Ridge(views).scores(gold, 3), whole, atol=1e-6)


def test_one_ridge_judges_any_labels():
    views, gold, _ = task(40)
    other = (gold + 1) % 3
    np.testing.assert_array_equal(Ridge(views).scores(other, 3), Ridge(views).scores(gold, 3)[:, [2, 0, 1]])


def test_logistic_probabilities_are_those_of_models_that_never_saw_the_fold():
    views, gold, folds = task()
    model = Logistic.chosen(views, gold, 3, folds[0])
    probs = model.probs(gold, 3, folds)
    for trained, held_out in folds:
        scikit = LogisticRegression(C=1 / model.penalty, tol=1e-8, max_iter=2_000).fit(model.x[trained], gold[trained])
        np.testing.assert_allclose(probs[held_out], scikit.predict_proba(model.x[held_out]), atol=5e-3)


def test_penalty_and_views_have_the_lowest_loss_on_the_fold():
    views, gold, folds = task()
    trained, held_out = folds[0]
    losses = {}
    for name, x in {"first": views[0], "second": views[1], "both": np.concatenate(views, axis=1)}.items():
        for penalty in linear_models._PENALTIES:
            scikit = LogisticRegression(C=1 / penalty, tol=1e-3, max_iter=100).fit(x[trained], gold[trained])
            losses[name, penalty] = log_loss(gold[held_out], scikit.predict_proba(x[held_out]), labels=[0, 1, 2])
    model = Logistic.chosen(views, gold, 3, folds[0])
    name, penalty = min(losses, key=losses.get)
    assert model.penalty == penalty
    assert model.x.shape[1] == {"first": 4, "second": 6, "both": 10}[name]


def test_a_view_of_noise_is_left_out():
    views, gold, folds = task(300)
    noise = np.random.default_rng(1).normal(size=(300, 40)).astype(np.float32)
    assert Logistic.chosen([views[0], noise], gold, 3, folds[0]).x.shape[1] == 4


def test_a_class_that_a_fold_lacks_has_no_probability_there():
    x, gold = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 2])
    folds = [
        (np.array([0, 1, 2]), np.array([3])),
        (np.array([0, 1]), np.array([2])),
        (np.array([2, 3]), np.array([0, 1])),
    ]
    probs = Logistic(x, 1.0).probs(gold, 3, folds)
    assert probs[3, 2] == 0
    assert probs[2].tolist() == [1, 0, 0]
    np.testing.assert_allclose(probs.sum(axis=1), 1)


def test_with_classes_of_one_size_odds_and_margins_are_plain():
    gold = np.array([0, 1, 0, 1])
    probs = np.array([[0.8, 0.2], [0.8, 0.2], [0.5, 0.5], [0.1, 0.9]])
    np.testing.assert_allclose(odds_against(probs, gold), np.log([0.25, 4, 1, 1 / 9]))
    np.testing.assert_allclose(margin_against(probs, gold), [-0.6, 0.6, 0, -0.8])


def test_a_rare_class_needs_more_evidence():
    gold = np.array([0] * 9 + [1])
    probs = np.full((10, 2), 0.5)
    assert odds_against(probs, gold)[9] < odds_against(probs, gold)[0]
    assert margin_against(probs, gold)[9] < margin_against(probs, gold)[0]
    np.testing.assert_allclose(np.exp(log_shares(gold, 5)), [1.8] * 9 + [0.2])  # classes without labels do not count


def test_a_certain_prediction_stays_finite():
    assert np.isfinite(odds_against(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0]))).all()


def test_views_of_other_instances_are_refused():
    with pytest.raises(AnalysisError, match="do not match"):
        Ridge([np.zeros((3, 2), np.float32)]).scores(np.array([0, 1]), 2)
    with pytest.raises(AnalysisError, match="no views"):
        Logistic.chosen([], np.array([0, 1]), 2, (np.array([0]), np.array([1])))


def test_many_classes_of_few_documents_raise_no_warning(recwarn):
    views, gold = [np.eye(12, dtype=np.float32)], np.arange(12) % 8
    folds = folds_of(gold, 3, stream(0, "folds"))
    assert Logistic.chosen(views, gold, 8, folds[0]).probs(gold, 8, folds).shape == (12, 8)
    assert not recwarn.list
