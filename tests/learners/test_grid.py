"""A grid of trainings: each is what a learner of our own leaves, whatever else is trained beside it."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from cal.data.corpus import Corpus, Split, TestSet
from cal.errors import CalError
from cal.learners.grid import Setup, TestScores, Training, _equally_long, _trained, cross_validation, final_probs
from cal.learners.grid import train_all as train_all_of
from cal.learners.mlp import MLP, MLPLearner
from cal.streams import Streams

LEARNER = MLP(hidden=[8], n_epochs=3, batch_size=16, lr=1e-2)
MEASURED = ("gold", "gold_prob", "loss", "margin", "el2n", "predicted")


@pytest.fixture(scope="module")
def task(make_task):
    return make_task(n_train=60, n_classes=4)


def train_all(task, trainings, **changes):
    setup = Setup(LEARNER, task.features, workers=changes.pop("workers", 1))
    return train_all_of(task.corpus, trainings, setup, **changes)


def assert_equal_dynamics(given, expected):
    for name in MEASURED:
        assert torch.equal(getattr(given, name), getattr(expected, name)), name


def grid(gold):
    """Different seeds, rows and labels, one with flips, one that holds out."""
    everything = np.arange(len(gold))
    half, rest = everything[::2], everything[1::2]
    return [
        Training(3, everything, gold),
        Training(3, everything, (gold + (everything % 5 == 0)) % 4),
        Training(8, half, gold[half]),
        Training(8, half, gold[half], rest, gold[rest]),
    ]


def test_each_is_a_learner_trained_alone(task):
    trainings = grid(task.corpus.train.gold)
    for training, trained in zip(trainings, train_all(task, trainings, ask=final_probs), strict=True):
        learner = MLPLearner(LEARNER, task.features, 4, 1)
        rows, gold = torch.from_numpy(training.rows)[None], torch.from_numpy(training.gold)[None]
        held_out = None
        if training.held_out is not None:
            held_out = torch.from_numpy(training.held_out)[None], torch.from_numpy(training.held_out_gold)[None]
        capture = "out_of_fold" if held_out else "end"
        expected = learner.fit(rows, gold, Streams([training.seed], 0), capture=capture, held_out=held_out)
        assert_equal_dynamics(trained.dynamics, expected[0])
        assert trained.dynamics.capture == capture
        probs = learner.predict(torch.from_numpy(training.recorded)[None]).probs[0].float()
        assert torch.equal(trained.answers["probs"], probs)


def test_others_beside_it_order_and_workers_change_nothing(task):
    trainings = grid(task.corpus.train.gold)
    together = train_all(task, trainings, workers=2)
    backwards = train_all(task, trainings[::-1])[::-1]
    for number, training in enumerate(trainings):
        (alone,) = train_all(task, [training])
        assert_equal_dynamics(together[number].dynamics, alone.dynamics)
        assert_equal_dynamics(backwards[number].dynamics, alone.dynamics)


def test_a_stack_is_each_of_its_trainings(task):
    """How a GPU trains them: folds of 60 instances are equally long, and go with nothing else."""
    gold = task.corpus.train.gold
    folds = cross_validation(gold, 3, 3)
    assert _equally_long([*folds, *grid(gold)]) == [[0, 1, 2], [3, 4], [5], [6]]
    rest = (task.features, 4, LEARNER, final_probs, "end", "cpu", None, True)
    for fold, trained in zip(folds, _trained(folds, *rest), strict=True):
        (alone,) = _trained([fold], *rest)
        assert_equal_dynamics(trained.dynamics, alone.dynamics)
        assert torch.equal(trained.answers["probs"], alone.answers["probs"])


def test_scores_of_all_test_sets_are_those_of_scikit_learn(task):
    other = TestSet(Split(["x", "y", "z"], ["text x", "text y", "text z"], [0, 1, 0]), ["even", "odd"], [0, 1, 0, 1])
    corpus = Corpus(task.corpus.train, task.corpus.test, task.corpus.label_names, tests={"parity": other})
    x_other = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    features = type(task.features)(task.features.train, task.features.test, tests={"parity": x_other})
    whole = Training(3, np.arange(60), corpus.train.gold)
    setup = Setup(LEARNER, features, workers=1)
    (trained,) = train_all_of(corpus, [whole], setup, ask=TestScores.of(corpus))

    learner = MLPLearner(LEARNER, features, 4, 1)
    learner.fit(torch.arange(60)[None], torch.from_numpy(corpus.train.gold)[None], Streams([3], 0))
    for name, gold, label_of in (
        ("test", corpus.test.gold, np.arange(4)),
        ("parity", other.split.gold, other.label_of),
    ):
        predicted = label_of[learner.predict_split(name)[0].argmax(-1).numpy()]
        expected = [accuracy_score(gold, predicted), f1_score(gold, predicted, average="macro", zero_division=0)]
        assert trained.answers[name].tolist() == pytest.approx(expected)


def test_a_class_more_than_the_corpus_has(task):
    gold = np.where(np.arange(60) < 12, 4, task.corpus.train.gold)
    (trained,) = train_all(task, [Training(3, np.arange(60), gold)], n_classes=5, ask=final_probs)
    assert trained.answers["probs"].shape == (60, 5)
    assert trained.dynamics.gold.unique().tolist() == [0, 1, 2, 3, 4]


def test_nothing_to_train_is_nothing(task):
    assert train_all(task, []) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"gold": [0, 1]}, "3 rows and 2 gold"),
        ({"rows": [0, 1, 2.5]}, "rows must be whole numbers, not 2.5"),
        ({"rows": [0, 1, -1]}, "rows must be whole numbers from 0, not -1"),
        ({"rows": {0, 1, 2}}, "rows is a set, which has no order"),
        ({"rows": [0, 1, 60]}, "rows up to 60 .* 60 training documents"),
        ({"gold": [0, 1, 4]}, "classes up to 4; .* have 4 classes"),
        ({"held_out": [5, 6], "held_out_gold": [0]}, "2 held_out and 1 held_out_gold"),
        ({"held_out": [5, 6]}, "held_out_gold is None"),
    ],
)
def test_a_training_that_does_not_fit_is_refused(task, changed, said):
    with pytest.raises(CalError, match=said):
        train_all(task, [Training(**{"seed": 3, "rows": [0, 1, 2], "gold": [0, 1, 2]} | changed)])
