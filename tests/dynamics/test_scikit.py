import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from cal.dynamics.recorder import DynamicsRecorder
from cal.dynamics.scikit import record_partial_fit, record_stages
from cal.errors import ConfigError, DataError

N = 24


def task(n_classes):
    names = np.array(["low", "high", "middle"])  # not in alphabetical order
    gold = np.arange(N) % n_classes
    return np.abs(np.eye(3)[gold] + 0.3 * np.random.default_rng(0).normal(size=(N, 3))), names[gold]


PARTIAL = {
    "sgd": lambda: SGDClassifier(loss="log_loss", random_state=0),
    "mlp": lambda: MLPClassifier([4], random_state=0),
    "nb": MultinomialNB,
}
STAGED = {
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=4, random_state=0),
    "histograms": lambda: HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=2, random_state=0),
    "ada": lambda: AdaBoostClassifier(n_estimators=3, random_state=0),
}


def gold_probs(probs, y, classes):
    return np.stack([p[range(N), [list(classes).index(label) for label in y]] for p in probs])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", PARTIAL)
def test_each_partial_fit_is_an_epoch(name, n_classes):
    (x, y), recorder, classifier = task(n_classes), DynamicsRecorder(), PARTIAL[name]()
    record_partial_fit(recorder, PARTIAL[name](), x, y, 3)
    probs = []
    for _ in range(3):
        classifier.partial_fit(x, y, classes=np.unique(y))
        probs.append(classifier.predict_proba(x))
    expected = gold_probs(probs, y, classifier.classes_)
    np.testing.assert_allclose(recorder.dynamics().gold_prob, expected, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", STAGED)
def test_each_stage_is_an_epoch(name, n_classes):
    (x, y), recorder = task(n_classes), DynamicsRecorder()
    classifier = STAGED[name]().fit(x, y)
    record_stages(recorder, classifier, x, y)
    expected = gold_probs(list(classifier.staged_predict_proba(x)), y, classifier.classes_)
    np.testing.assert_allclose(recorder.dynamics().gold_prob, expected, atol=1e-6)
    predictions = np.stack(list(classifier.staged_predict(x)))
    assert (classifier.classes_[recorder.dynamics().predicted] == predictions).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_without_probabilities_the_decision_function_is_the_logits(n_classes):
    (x, y), recorder = task(n_classes), DynamicsRecorder()
    classifier = SGDClassifier(loss="hinge", random_state=0)
    record_partial_fit(recorder, classifier, x, y, 1)
    logits = classifier.decision_function(x)
    if n_classes == 2:
        logits = np.stack([np.zeros(N), logits], axis=1)
    np.testing.assert_allclose(recorder.store[0], logits, rtol=1e-6)
    assert (classifier.classes_[recorder.dynamics().predicted[0]] == classifier.predict(x)).all()


class StagedDecisions:
    """An ensemble that has stages of decisions only, as a column for two classes."""

    classes_ = np.array(["no", "yes"])

    def staged_decision_function(self, x):
        return iter([x, 2 * x])


def test_stages_of_decisions_will_do():
    recorder, x = DynamicsRecorder(), np.array([[-1.0], [2.0]])
    record_stages(recorder, StagedDecisions(), x, ["no", "yes"])
    expected = torch.sigmoid(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    torch.testing.assert_close(recorder.dynamics().gold_prob, expected)


def test_certainty_has_finite_logits():
    (x, y), recorder = task(2), DynamicsRecorder()
    record_partial_fit(recorder, MultinomialNB(alpha=1e-10), 1e4 * x, y, 2)
    assert np.isfinite(np.stack(list(recorder.store))).all()
    assert recorder.data_map().loss.isfinite().all()


def test_sparse_features_and_ids_are_taken():
    (x, y), recorder = task(3), DynamicsRecorder()
    record_partial_fit(recorder, MultinomialNB(), csr_array(x), y, 1, ids=[f"{row:02}" for row in range(N)])
    assert recorder.ids[:2] == ["00", "01"]


def test_a_folder_with_epochs_is_continued(tmp_path):
    (x, y), whole = task(3), DynamicsRecorder()
    record_partial_fit(whole, PARTIAL["mlp"](), x, y, 4)
    for n_epochs in (2, 4):
        recorder = DynamicsRecorder(folder=tmp_path)
        record_partial_fit(recorder, PARTIAL["mlp"](), x, y, n_epochs)
    assert torch.equal(recorder.dynamics().gold_prob, whole.dynamics().gold_prob)


def test_a_label_the_classifier_never_saw_is_refused():
    (x, y), classifier = task(2), STAGED["gradient boosting"]()
    classifier.fit(x, y)
    with pytest.raises(DataError, match=r"24 gold labels are not among the classifier's classes, e\.g\. 'new"):
        record_stages(DynamicsRecorder(), classifier, x, ["new"] * N)


@pytest.mark.parametrize(
    "record", [lambda r, x, y: record_partial_fit(r, SVC(), x, y, 2), lambda r, x, y: record_stages(r, SVC(), x, y)]
)
def test_a_classifier_that_cannot_be_followed_is_refused(record):
    with pytest.raises(ConfigError, match="SVC has no"):
        record(DynamicsRecorder(), *task(2))


def test_no_epochs_are_refused():
    with pytest.raises(ConfigError, match="n_epochs"):
        record_partial_fit(DynamicsRecorder(), MultinomialNB(), *task(2), 0)


def test_there_is_no_during():
    with pytest.raises(ConfigError, match="capture='end', not 'during'"):
        record_stages(DynamicsRecorder(capture="during"), STAGED["ada"]().fit(*task(2)), *task(2))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.full((N, 2), 0.9), r"gives no probabilities: \[0.9, 0.9\] in row 0"),
        (np.array([[0.5, 0.5]] * (N - 1) + [[2.0, -1.0]]), r"no probabilities: \[2.0, -1.0\] in row 23"),
        (np.full(N, 0.5), r"shape \(24,\)"),
    ],
)
def test_what_predict_proba_gives_must_be_probabilities(answer, words):
    class Own:
        def partial_fit(self, *_, **__):
            return self

        def predict_proba(self, x):
            return answer

    with pytest.raises(DataError, match=words):
        record_partial_fit(DynamicsRecorder(), Own(), *task(2), n_epochs=1)
