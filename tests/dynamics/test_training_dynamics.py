import pytest
import torch

from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError, ConfigError, DataError

MEASURED = ("gold_prob", "loss", "margin", "el2n", "predicted")


def random_logits(*leading):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(*leading, 4, 6, 3, generator=generator)  # (*runs, epoch, instance, class)
    return logits, torch.randint(0, 3, (*leading, 6), generator=generator)


def assert_equal(given, expected):
    for name in ("gold", *MEASURED):
        assert torch.equal(getattr(given, name), getattr(expected, name)), name
    assert given.capture == expected.capture


@pytest.mark.parametrize("leading", [(), (2,)])
def test_recording_epoch_by_epoch_equals_all_at_once(leading):
    logits, gold = random_logits(*leading)
    recorded = TrainingDynamics.empty(gold, n_epochs=4)
    for epoch in (2, 0, 3, 1):
        recorded.record(epoch, logits[..., epoch, :, :])
    assert_equal(recorded, TrainingDynamics.from_logits(logits, gold))


def test_some_of_the_runs_are_those_runs():
    logits, gold = random_logits(3)
    part = TrainingDynamics.from_logits(logits, gold, capture="during")[[2, 0]]
    assert_equal(part, TrainingDynamics.from_logits(logits[[2, 0]], gold[[2, 0]], capture="during"))


@pytest.mark.parametrize("leading", [(), (2,)])
@pytest.mark.parametrize("chosen", [slice(2), slice(None, None, 3), slice(-1, None), [3, 1], [-1], (0, 2)])
def test_some_of_the_epochs_are_those_epochs(leading, chosen):
    logits, gold = random_logits(*leading)
    rows = chosen if isinstance(chosen, slice) else list(chosen)
    part = TrainingDynamics.from_logits(logits, gold, capture="during").epochs(chosen)
    assert_equal(part, TrainingDynamics.from_logits(logits[..., rows, :, :], gold, capture="during"))


def test_an_epoch_that_was_not_recorded_is_named():
    with pytest.raises(AnalysisError, match=r"Epochs \[4, 9\] were not recorded; choose among the 4"):
        TrainingDynamics.from_logits(*random_logits()).epochs([0, 4, 9])


def test_n_epochs_counts_epochs():
    assert TrainingDynamics.from_logits(*random_logits(2)).n_epochs == 4


def test_correct_is_whether_gold_was_predicted():
    dynamics = TrainingDynamics.from_logits(*random_logits(2))
    expected = [
        [[p == g for p, g in zip(epoch, gold, strict=True)] for epoch in run]
        for run, gold in zip(dynamics.predicted.tolist(), dynamics.gold.tolist(), strict=True)
    ]
    assert dynamics.correct.tolist() == expected


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_logits_in_half_precision_are_measured_in_single(dtype):
    logits, gold = random_logits()
    half = logits.to(dtype)
    assert_equal(TrainingDynamics.from_logits(half, gold), TrainingDynamics.from_logits(half.float(), gold))


@pytest.mark.parametrize("shape", [(4, 5, 3), (6, 3), (2, 4, 6, 3)])
def test_logits_that_do_not_fit_gold_are_refused(shape):
    with pytest.raises(AnalysisError, match=r"do not fit gold classes of shape \(6,\)"):
        TrainingDynamics.from_logits(torch.zeros(shape), torch.zeros(6, dtype=torch.long))


def test_what_is_put_in_place_is_what_was_measured():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 7, 4, generator=generator)  # (run, epoch, instance, class)
    gold = torch.randint(0, 4, (2, 7), generator=generator)
    expected = TrainingDynamics.from_logits(logits, gold)
    whole = TrainingDynamics.empty(gold, 3)
    for run in range(2):
        for rows in (torch.tensor([5, 0, 2]), torch.tensor([1, 3, 4, 6])):
            part = TrainingDynamics.from_logits(logits[:, :, rows], gold[:, rows])
            whole.put(run, rows, part[run])
    for name in ("gold", "gold_prob", "loss", "margin", "el2n", "predicted"):
        assert torch.equal(getattr(whole, name), getattr(expected, name))


def test_probabilities_are_refused_or_accepted_by_name():
    logits, gold = random_logits()
    probs = logits.softmax(dim=-1)
    with pytest.raises(DataError, match=r'not logits but probabilities.*values="probabilities"'):
        TrainingDynamics.from_logits(probs, gold)
    accepted = TrainingDynamics.from_logits(probs, gold, values="probabilities")
    torch.testing.assert_close(accepted.gold_prob.float(), TrainingDynamics.from_logits(logits, gold).gold_prob)
    taken = TrainingDynamics.from_logits(probs, gold, values="logits").gold_prob
    torch.testing.assert_close(taken, probs.softmax(-1).gather(-1, gold.expand(4, -1)[..., None])[..., 0])
    with pytest.raises(ConfigError, match="values must be"):
        TrainingDynamics.from_logits(probs, gold, values="percent")
