"""Streaming equals storing, in memory that does not grow."""

import pytest
import torch

from cal.dynamics import metrics
from cal.dynamics.running import RunningDynamics
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError


def random_logits(*leading, n_epochs=7):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(*leading, n_epochs, 5, 3, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, 3, (*leading, 5), generator=generator)


def streamed(logits, gold):
    running = RunningDynamics(gold)
    for epoch in logits.unbind(dim=-3):
        running.add(epoch)
    return running


@pytest.mark.parametrize("leading", [(), (2,)])
def test_after_every_epoch_the_metrics_are_those_of_the_epochs_so_far(leading):
    logits, gold = random_logits(*leading)
    running = RunningDynamics(gold)
    for k, epoch in enumerate(logits.unbind(dim=-3), start=1):
        running.add(epoch)
        stored = TrainingDynamics.from_logits(logits, gold).epochs(slice(k))
        assert running.n_epochs == k
        torch.testing.assert_close(running.confidence, metrics.confidence(stored.gold_prob))
        torch.testing.assert_close(running.variability, metrics.variability(stored.gold_prob))
        torch.testing.assert_close(running.aleatoric, metrics.aleatoric(stored.gold_prob))
        torch.testing.assert_close(running.correctness, metrics.correctness(stored.correct))
        torch.testing.assert_close(running.aum, metrics.aum(stored.margin))
        torch.testing.assert_close(running.loss, stored.loss.mean(dim=-2))
        torch.testing.assert_close(running.el2n, stored.el2n.mean(dim=-2))
        assert torch.equal(running.forgetting, metrics.forgetting(stored.correct))
        assert torch.equal(running.first_learnt, metrics.first_learnt(stored.correct))
        assert torch.equal(running.last_learnt, metrics.last_learnt(stored.correct))
        assert torch.equal(running.predicted, stored.predicted[..., -1, :])


def test_over_stored_epochs_is_the_same_as_over_their_logits():
    logits, gold = random_logits(2)
    over = RunningDynamics.over(TrainingDynamics.from_logits(logits, gold, capture="during"))
    added = streamed(logits, gold)
    assert (over.n_epochs, over.capture) == (7, "during")
    for name in ("confidence", "variability", "aleatoric", "aum", "loss", "el2n", "forgetting", "last_learnt"):
        assert torch.equal(getattr(over, name), getattr(added, name))


def test_memory_does_not_grow_with_epochs():
    def size(running):
        assert {type(value) for value in vars(running).values()} == {torch.Tensor, str, int}  # nothing that collects
        return sum(value.nbytes for value in vars(running).values() if isinstance(value, torch.Tensor))

    assert size(streamed(*random_logits(n_epochs=1))) == size(streamed(*random_logits(n_epochs=200)))


def test_metrics_taken_earlier_stay_as_they_were():
    logits, gold = random_logits()
    running = RunningDynamics(gold)
    names = ("confidence", "variability", "forgetting", "loss", "first_learnt", "correctness")
    running.add(logits[0])
    taken = {name: getattr(running, name) for name in names}
    before = {name: values.clone() for name, values in taken.items()}
    running.add(logits[1])
    for name in names:
        assert torch.equal(taken[name], before[name])


def test_variability_of_equal_epochs_is_zero_however_many():
    logits, gold = random_logits(n_epochs=1)
    running = streamed(logits.expand(1000, -1, -1), gold)
    assert running.variability.max() < 1e-12


@pytest.mark.parametrize("name", ["confidence", "variability", "correctness", "aum"])
def test_metrics_of_no_epoch_are_refused(name):
    with pytest.raises(AnalysisError, match="No epoch was recorded"):
        getattr(RunningDynamics(torch.tensor([0])), name)


@pytest.mark.parametrize("shape", [(2, 5, 3), (6, 3), (5,)])
def test_logits_of_other_instances_are_refused(shape):
    running = RunningDynamics(torch.zeros(5, dtype=torch.long))
    with pytest.raises(AnalysisError, match="do not fit gold classes"):
        running.add(torch.zeros(shape))
