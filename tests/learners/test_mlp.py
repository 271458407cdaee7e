import dataclasses

import numpy as np
import pytest
import torch

from cal.data.features import Features
from cal.dynamics import metrics
from cal.errors import ConfigError
from cal.learners import backprop, mlp
from cal.learners.mlp import MLP, MLPLearner, SmallMLP
from cal.learners.nn import StackedMLP
from cal.streams import Streams

CONFIG = MLP(hidden=[16, 16, 16], n_epochs=4, batch_size=4, lr=1e-2)
SEEDS = [3, 8, 3]
N_TRAIN, N_CLASSES = 40, 3
_rng = np.random.default_rng(0)
X_TRAIN, X_TEST = (_rng.normal(size=(n, 6)).astype(np.float32) for n in (N_TRAIN, 11))
GOLD = torch.from_numpy(_rng.integers(0, N_CLASSES, N_TRAIN))
LABELLED = torch.stack([torch.from_numpy(_rng.permutation(N_TRAIN)[:17]).sort().values for _ in SEEDS])
POOL = torch.stack([torch.from_numpy(_rng.permutation(N_TRAIN)[:13]) for _ in SEEDS])


def fitted(rows, config=CONFIG, dtype=torch.float32):
    learner = MLPLearner(config, Features(X_TRAIN, X_TEST), N_CLASSES, len(rows), dtype=dtype)
    streams = Streams([SEEDS[row] for row in rows], 1)
    dynamics = learner.fit(LABELLED[rows], GOLD[LABELLED[rows]], streams)
    return learner, dynamics, streams


@pytest.fixture(scope="module")
def stack():
    return fitted([0, 1, 2])


@pytest.fixture(scope="module", params=[0, 1, 2])
def alone(request):
    return request.param, *fitted([request.param])


def test_dynamics_of_a_run_are_those_of_that_run_alone(stack, alone):
    row, _, dynamics, _ = alone
    for name in ("gold_prob", "correct", "margin"):
        assert torch.equal(getattr(stack[1], name)[row], getattr(dynamics, name)[0])


def test_many_instances_are_learnt_where_they_are_as_from_a_copy(alone, monkeypatch):
    row, learner, dynamics, _ = alone
    monkeypatch.setattr(mlp, "_MOST_COPIED", 0)
    other, others, _ = fitted([row])
    assert torch.equal(other.net.flat, learner.net.flat)
    assert torch.equal(others.margin, dynamics.margin)


def test_predictions_of_a_run_are_those_of_that_run_alone(stack, alone):
    row, learner, _, _ = alone
    together, mine = stack[0].predict(POOL), learner.predict(POOL[[row]])
    assert torch.equal(together.logits[row], mine.logits[0])
    assert torch.equal(together.embeddings[row], mine.embeddings[0])
    assert torch.equal(stack[0].predict_split("test")[row], learner.predict_split("test")[0])


def test_dropout_samples_of_a_run_are_those_of_that_run_alone(stack, alone):
    row, learner, _, streams = alone
    together = stack[0].dropout_probs(POOL, 5, stack[2])
    assert torch.equal(together[row], learner.dropout_probs(POOL[[row]], 5, streams)[0])


def test_selected_runs_predict_as_in_the_stack(stack):
    learner, _, streams = stack
    rows = [2, 1]
    chosen = learner.select(rows)
    assert chosen.n_runs == 2
    assert torch.equal(chosen.predict(POOL[rows]).logits, learner.predict(POOL).logits[rows])
    assert torch.equal(chosen.predict_split("test"), learner.predict_split("test")[rows])
    samples = chosen.dropout_probs(POOL[rows], 3, streams[rows])
    assert torch.equal(samples, learner.dropout_probs(POOL, 3, streams)[rows])


def test_selecting_leaves_the_stack_as_it_was(stack):
    learner = stack[0]
    before = learner.predict_split("test")
    learner.select([1])
    assert learner.n_runs == 3
    assert torch.equal(learner.predict_split("test"), before)


def test_last_dynamics_are_the_predictions_after_training(stack):
    """End-of-epoch capture: what the finished classifiers say, dropout off."""
    learner, dynamics, _ = stack
    logits, gold = learner.predict(LABELLED).logits, GOLD[LABELLED]
    torch.testing.assert_close(dynamics.gold_prob[:, -1], metrics.gold_prob(logits, gold), rtol=0, atol=1e-6)
    torch.testing.assert_close(dynamics.margin[:, -1], metrics.margin(logits, gold), rtol=0, atol=1e-5)
    assert torch.equal(dynamics.correct[:, -1], metrics.correct(logits, gold))


def test_first_dynamics_are_the_predictions_after_one_epoch():
    _, whole, _ = fitted([0])
    learner, _, _ = fitted([0], dataclasses.replace(CONFIG, n_epochs=1))
    logits = learner.predict(LABELLED[:1]).logits
    torch.testing.assert_close(whole.gold_prob[:, 0], metrics.gold_prob(logits, GOLD[LABELLED[:1]]), rtol=0, atol=1e-6)


def test_fitting_again_starts_afresh():
    learner, first, streams = fitted([0])
    again = learner.fit(LABELLED[:1], GOLD[LABELLED[:1]], streams)
    assert torch.equal(first.gold_prob, again.gold_prob)


def test_embeddings_lead_to_the_logits_by_the_last_layer(stack):
    learner = stack[0]
    prediction = learner.predict(POOL)
    expected = prediction.embeddings @ learner.net.weights[-1] + learner.net.biases[-1]
    torch.testing.assert_close(prediction.logits, expected, rtol=0, atol=1e-5)


def test_training_on_a_signal_learns_it():
    x = np.eye(3, 6, dtype=np.float32)[np.arange(30) % 3] * 3
    gold = torch.arange(30).unsqueeze(0) % 3
    learner = MLPLearner(dataclasses.replace(CONFIG, n_epochs=20), Features(x, x), 3, 1)
    dynamics = learner.fit(torch.arange(30).unsqueeze(0), gold, Streams([1], 0))
    assert dynamics.correct[0, -1].all()
    assert torch.equal(learner.predict_split("test").argmax(-1), gold)


def test_a_dropout_sample_is_one_network_for_all_instances(stack):
    """Its probabilities are those of the trained network with the units of one mask taken out."""
    learner, _, streams = stack
    draws = streams.start("mc_dropout")
    given = learner.dropout_probs(POOL, 3, streams)  # (run, sample, candidate, class)
    for sample in range(3):
        masks = draws.keep(1 - CONFIG.dropout, 1, sum(CONFIG.hidden)).float() / (1 - CONFIG.dropout)
        h = torch.from_numpy(X_TRAIN)[POOL]
        layers = list(zip(learner.net.weights, learner.net.biases, strict=True))
        for (weight, bias), mask in zip(layers[:-1], masks.split(CONFIG.hidden, dim=-1), strict=True):
            h = torch.relu(h @ weight + bias) * mask
        probs = torch.softmax((h @ layers[-1][0] + layers[-1][1]).double(), dim=-1)
        torch.testing.assert_close(given[:, sample], probs, rtol=0, atol=1e-6)


def test_more_dropout_samples_begin_with_the_fewer(stack):
    learner, _, streams = stack
    assert torch.equal(learner.dropout_probs(POOL, 6, streams)[:, :2], learner.dropout_probs(POOL, 2, streams))


def test_predictions_do_not_depend_on_how_many_are_asked_for(stack, monkeypatch):
    learner = stack[0]
    whole = learner.predict(POOL).logits
    monkeypatch.setattr("cal.learners.mlp._CHUNK", 4)
    torch.testing.assert_close(learner.predict(POOL).logits, whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(learner.predict_split("test"), stack[0].predict_split("test"))


def test_dropout_samples_do_not_depend_on_how_many_are_asked_for(stack, monkeypatch):
    learner, _, streams = stack
    whole = learner.dropout_probs(POOL, 3, streams)
    monkeypatch.setattr("cal.learners.mlp._CHUNK", 4)
    torch.testing.assert_close(learner.dropout_probs(POOL, 3, streams), whole, rtol=0, atol=1e-6)


def test_read_only_vectors_are_used_without_a_warning():
    frozen = X_TRAIN.copy()
    frozen.flags.writeable = False
    assert MLPLearner(CONFIG, Features(frozen, X_TEST), N_CLASSES, 1).x_train.shape == (N_TRAIN, 6)


def test_every_hyperparameter_reaches_the_training():
    config = MLP(hidden=[9, 7], dropout=0.2, n_epochs=3, batch_size=5, lr=2e-2, weight_decay=0.3)
    learner, _, streams = fitted([0, 1], config)
    net = StackedMLP(2, [6, 9, 7, N_CLASSES], dropout=0.2)
    net.initialise(streams, "classifier")
    x = torch.from_numpy(X_TRAIN)[LABELLED[:2]]
    training = {"purpose": "classifier", "n_epochs": 3, "batch_size": 5, "lr": 2e-2, "weight_decay": 0.3}
    backprop.fit(net, x, GOLD[LABELLED[:2]], streams, **training)
    for mine, theirs in zip(learner.net.weights, net.weights, strict=True):
        assert torch.equal(mine, theirs)


def test_few_instances_are_learnt_in_small_steps():
    settings = {"hidden": [5], "n_epochs": 2, "lr": 1e-2}
    _, dynamics, _ = fitted([0], SmallMLP(**settings))
    _, same, _ = fitted([0], MLP(**settings, batch_size=8))
    _, fewer, _ = fitted([0], SmallMLP(**settings, batch_size=4))
    _, alike, _ = fitted([0], MLP(**settings, batch_size=4))
    assert torch.equal(dynamics.margin, same.margin)
    assert torch.equal(fewer.margin, alike.margin)


def test_everything_wrong_with_a_configuration_is_said_at_once():
    with pytest.raises(ConfigError) as caught:
        MLP(hidden=[], dropout=1.0, n_epochs=0, batch_size=0, lr=0.0, weight_decay=-1.0)
    assert len(caught.value.problems) == 6
    for name in ("hidden", "dropout", "n_epochs", "batch_size", "lr", "weight_decay"):
        assert name in str(caught.value)
