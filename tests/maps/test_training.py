"""Full-dataset mode: which training an instance's dynamics come from."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from cal.data.features import Features
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import ConfigError, DataError
from cal.learners.grid import cross_validation
from cal.learners.mlp import MLP, MLPLearner
from cal.maps.request import MapRequest
from cal.maps.training import train_map
from cal.streams import Streams

LEARNER = MLP(hidden=[8], n_epochs=3, batch_size=16, lr=1e-2)
MEASURED = ("gold_prob", "loss", "margin", "el2n", "predicted")


@pytest.fixture(scope="module")
def task(make_task):
    return make_task(n_train=61, n_classes=4)


def drawn(task, **changes):
    arguments = {"learner": LEARNER, "seeds": [3], "device": "cpu", "workers": 1} | changes
    return train_map(MapRequest(features=task.features, **arguments), task.corpus, None, quiet=True)


def assert_equal_dynamics(given, expected):
    for name in MEASURED:
        assert torch.equal(getattr(given, name), getattr(expected, name)), name


def alone(task, seed, trained, recorded):
    """A learner of our own on some rows, and its fit."""
    gold = torch.from_numpy(task.corpus.train.gold)
    learner = MLPLearner(LEARNER, task.features, 4, 1)
    rows, watched = (torch.from_numpy(index).unsqueeze(0) for index in (trained, recorded))
    dynamics = learner.fit(rows, gold[rows], Streams([seed], 0))
    return learner, dynamics, watched


def test_at_the_end_every_instance_is_trained_on_and_recorded(task):
    everything = np.arange(61)
    _, expected, _ = alone(task, 3, everything, everything)
    assert_equal_dynamics(drawn(task), expected)


@pytest.mark.parametrize("capture", ["end", "during", "out_of_fold"])
def test_a_seed_gives_the_same_beside_others(task, capture):
    together = drawn(task, seeds=[5, 3], capture=capture)
    assert_equal_dynamics(together[[1]], drawn(task, capture=capture))
    assert together.capture == capture
    assert not torch.equal(together.gold_prob[0], together.gold_prob[1])


def test_workers_change_nothing(task):
    assert_equal_dynamics(drawn(task, seeds=2, workers=2), drawn(task, seeds=2, workers=1))


def test_during_is_what_the_end_of_the_epoch_before_saw(task):
    # With one batch an epoch and no dropout, the training pass sees the weights that the last epoch left.
    learner = MLP(hidden=[8], n_epochs=4, batch_size=61, lr=1e-2, dropout=0)
    during, end = (drawn(task, learner=learner, capture=capture) for capture in ("during", "end"))
    torch.testing.assert_close(during.gold_prob[:, 1:], end.gold_prob[:, :-1])
    assert not torch.allclose(during.gold_prob[:, 0], end.gold_prob[:, 0])


def test_during_is_with_dropout(task):
    learner = MLP(hidden=[64], n_epochs=2, batch_size=61, lr=1e-2, dropout=0.5)
    during, end = (drawn(task, learner=learner, capture=capture) for capture in ("during", "end"))
    assert not torch.allclose(during.gold_prob[:, 1], end.gold_prob[:, 0], atol=1e-3)


def test_recording_out_of_fold_is_the_view_of_a_model_trained_on_the_other_folds(task):
    dynamics = drawn(task, capture="out_of_fold", folds=3)
    for training in cross_validation(task.corpus.train.gold, 3, 3):
        recorded = training.held_out
        learner, _, watched = alone(task, 3, training.rows, recorded)
        probs = learner.predict(watched).probs[0]
        expected = probs[range(len(recorded)), task.corpus.train.gold[recorded]].float()
        torch.testing.assert_close(dynamics.gold_prob[0, -1, recorded], expected)


@dataclass
class Spy:
    """A learner that notes what it is asked to train on and to record."""

    dropout: float = 0.0
    reads_features: bool = False
    uses_gpu: bool = False
    asked: list = field(default_factory=list)

    def inputs(self, corpus, features):
        return None

    def build(self, inputs, n_classes, n_runs, device):
        return self

    def fit(self, labelled, gold, streams, *, capture, held_out, checkpoint, quiet):
        self.asked.append((streams.seeds, labelled[0].tolist(), held_out[0][0].tolist()))
        return TrainingDynamics.from_logits(torch.zeros(1, 2, len(held_out[0][0]), 4), held_out[1], capture)


def test_folds_hold_out_every_instance_once_and_are_stratified(task):
    spy = Spy()
    drawn(task, learner=spy, capture="out_of_fold", folds=4, seeds=[7])
    gold = task.corpus.train.gold
    assert len(spy.asked) == 4
    assert sorted(row for _, _, held_out in spy.asked for row in held_out) == list(range(61))
    for _, trained, held_out in spy.asked:
        assert sorted(trained + held_out) == list(range(61))
    counts = np.array([np.bincount(gold[held_out], minlength=4) for _, _, held_out in spy.asked])
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1


def test_folds_differ_between_seeds(task):
    spy = Spy()
    drawn(task, learner=spy, capture="out_of_fold", folds=2, seeds=[7, 8])
    held_out = {seeds[0]: set(rows) for seeds, _, rows in spy.asked}
    assert held_out[7] not in (held_out[8], set(range(61)) - held_out[8])


def test_everything_wrong_is_said_at_once():
    with pytest.raises(ConfigError) as caught:
        MapRequest(seeds=0, capture="ende", folds=1, device="gpu", workers=0)
    assert len(caught.value.problems) == 5
    assert "Did you mean 'end'" in str(caught.value)


def test_more_folds_than_documents_are_refused(task):
    with pytest.raises(DataError, match="folds is 62"):
        drawn(task, capture="out_of_fold", folds=62)


def test_a_map_needs_no_test_split(task):
    alone = task._replace(corpus=replace(task.corpus, test=None), features=Features(task.features.train))
    assert_equal_dynamics(drawn(alone), drawn(task))
