import pytest
import torch

from cal.dynamics.training_dynamics import TrainingDynamics

FIELDS = ("gold_prob", "correct", "margin")


def random_logits(*leading):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(*leading, 4, 6, 3, generator=generator)  # (*runs, epoch, instance, class)
    return logits, torch.randint(0, 3, (*leading, 6), generator=generator)


@pytest.mark.parametrize("leading", [(), (2,)])
def test_recording_epoch_by_epoch_equals_all_at_once(leading):
    logits, gold = random_logits(*leading)
    recorded = TrainingDynamics.empty(*leading, 4, 6)
    for epoch in (2, 0, 3, 1):
        recorded.record(epoch, logits[..., epoch, :, :], gold)
    at_once = TrainingDynamics.from_logits(logits, gold)
    for name in FIELDS:
        assert torch.equal(getattr(recorded, name), getattr(at_once, name))


def test_some_of_the_runs_are_those_runs():
    logits, gold = random_logits(3)
    whole = TrainingDynamics.from_logits(logits, gold, capture="during")
    part = whole[[2, 0]]
    assert part.capture == "during"
    for name in FIELDS:
        assert torch.equal(getattr(part, name), getattr(whole, name)[[2, 0]])


def test_n_epochs_counts_epochs():
    assert TrainingDynamics.from_logits(*random_logits(2)).n_epochs == 4
