"""Metrics against loops over plain Python numbers."""

import itertools
import math
import statistics

import pytest
import torch

from cal.dynamics import metrics
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError

N_RUNS, N_EPOCHS, N, N_CLASSES = 2, 5, 7, 4


@pytest.fixture
def logits():
    return torch.randn(N_RUNS, N_EPOCHS, N, N_CLASSES, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def gold():
    return torch.randint(0, N_CLASSES, (N_RUNS, N), generator=torch.Generator().manual_seed(2))


def per_epoch(logits, gold, function):
    """Values of function(list of logits, gold class) in the order of (run, epoch, instance)."""
    return [
        [[function(logits[r, e, i].tolist(), gold[r, i].item()) for i in range(N)] for e in range(N_EPOCHS)]
        for r in range(N_RUNS)
    ]


def slow_gold_prob(row, label):
    return math.exp(row[label]) / sum(math.exp(value) for value in row)


def slow_margin(row, label):
    return row[label] - max(value for other, value in enumerate(row) if other != label)


def over_epochs(values, function):
    """function(values of one instance) for (run, instance)."""
    return [[function([values[r][e][i] for e in range(N_EPOCHS)]) for i in range(N)] for r in range(N_RUNS)]


def expanded(gold):
    return gold.unsqueeze(1).expand(N_RUNS, N_EPOCHS, N)


def assert_equals(given, expected):
    torch.testing.assert_close(given, torch.tensor(expected, dtype=given.dtype), rtol=0, atol=1e-12)


def test_gold_prob_is_the_softmax_at_the_gold_label(logits, gold):
    assert_equals(metrics.gold_prob(logits, expanded(gold)), per_epoch(logits, gold, slow_gold_prob))


def test_gold_prob_of_huge_logits_is_finite():
    given = metrics.gold_prob(torch.tensor([[1e4, -1e4], [1e4, -1e4]]), torch.tensor([0, 1]))
    assert given.tolist() == [1.0, 0.0]


def test_correct_is_whether_the_first_largest_logit_is_gold():
    logits = torch.randint(0, 3, (500, 6), generator=torch.Generator().manual_seed(3)).double()  # many ties
    gold = torch.randint(0, 6, (500,), generator=torch.Generator().manual_seed(4))
    expected = [row.index(max(row)) == label for row, label in zip(logits.tolist(), gold.tolist(), strict=True)]
    assert metrics.correct(logits, gold).tolist() == expected


def test_margin_is_the_gold_logit_minus_the_largest_other(logits, gold):
    assert_equals(metrics.margin(logits, expanded(gold)), per_epoch(logits, gold, slow_margin))


def test_margin_is_positive_only_where_gold_is_the_only_largest():
    logits = torch.tensor([[2.0, 2.0], [2.0, 1.0], [1.0, 2.0]])
    assert metrics.margin(logits, torch.tensor([0, 0, 0])).tolist() == [0.0, 1.0, -1.0]


def test_confidence_is_the_mean_over_epochs(logits, gold):
    probs = per_epoch(logits, gold, slow_gold_prob)
    assert_equals(metrics.confidence(torch.tensor(probs, dtype=torch.float64)), over_epochs(probs, statistics.fmean))


def test_variability_is_the_population_standard_deviation(logits, gold):
    probs = per_epoch(logits, gold, slow_gold_prob)
    assert_equals(metrics.variability(torch.tensor(probs, dtype=torch.float64)), over_epochs(probs, statistics.pstdev))


def test_variability_of_one_epoch_is_zero():
    assert metrics.variability(torch.tensor([[0.3, 0.9]])).tolist() == [0.0, 0.0]


def test_correctness_is_a_fraction_of_epochs():
    correct = torch.rand(N_RUNS, N_EPOCHS, N, generator=torch.Generator().manual_seed(5)) < 0.5
    expected = over_epochs(correct.tolist(), lambda values: sum(values) / len(values))
    assert_equals(metrics.correctness(correct), expected)


def test_correctness_in_six_of_thirty_epochs_is_the_number_a_fifth():
    correct = torch.arange(30).unsqueeze(1) < 6
    assert metrics.correctness(correct).item() == 0.2


def test_aum_is_the_mean_margin(logits, gold):
    margins = per_epoch(logits, gold, slow_margin)
    assert_equals(metrics.aum(torch.tensor(margins, dtype=torch.float64)), over_epochs(margins, statistics.fmean))


def slow_loss(row, label):
    return math.log(sum(math.exp(value) for value in row)) - row[label]


def slow_el2n(row, label):
    total = sum(math.exp(value) for value in row)
    return math.dist([math.exp(value) / total for value in row], [float(k == label) for k in range(len(row))])


def test_loss_is_the_cross_entropy(logits, gold):
    assert_equals(metrics.loss(logits, expanded(gold)), per_epoch(logits, gold, slow_loss))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_of_huge_logits_is_finite_where_the_probability_is_not_above_zero(dtype):
    logits, gold = torch.tensor([[1e4, -1e4], [1e4, -1e4]], dtype=dtype), torch.tensor([0, 1])
    assert metrics.loss(logits, gold).tolist() == [0.0, 2e4]


def test_el2n_is_the_length_of_the_error(logits, gold):
    assert_equals(metrics.el2n(logits, expanded(gold)), per_epoch(logits, gold, slow_el2n))


def test_el2n_ends_at_the_root_of_two():
    logits = torch.tensor([[1e4, -1e4], [1e4, -1e4]], dtype=torch.float64)
    assert metrics.el2n(logits, torch.tensor([0, 1])).tolist() == [0.0, math.sqrt(2)]


ALL_SEQUENCES = torch.tensor(list(itertools.product([False, True], repeat=5))).T  # (epoch, instance)


def test_forgetting_counts_correct_then_incorrect():
    expected = [sum(a and not b for a, b in itertools.pairwise(column)) for column in ALL_SEQUENCES.T.tolist()]
    assert metrics.forgetting(ALL_SEQUENCES).tolist() == expected


def test_an_early_error_is_not_forgetting():
    assert metrics.forgetting(torch.tensor([[False], [False], [True]])).item() == 0


def test_first_learnt_is_the_first_correct_epoch():
    expected = [column.index(True) if True in column else -1 for column in ALL_SEQUENCES.T.tolist()]
    assert metrics.first_learnt(ALL_SEQUENCES).tolist() == expected


def test_last_learnt_is_the_last_epoch_that_turned_correct():
    expected = []
    for column in ALL_SEQUENCES.T.tolist():
        turned = [e for e, now in enumerate(column) if now and (e == 0 or not column[e - 1])]
        expected.append(turned[-1] if turned else -1)
    assert metrics.last_learnt(ALL_SEQUENCES).tolist() == expected


def test_one_epoch_is_learnt_in_it_or_never():
    correct = torch.tensor([[True, False]])
    assert metrics.forgetting(correct).tolist() == [0, 0]
    assert metrics.first_learnt(correct).tolist() == metrics.last_learnt(correct).tolist() == [0, -1]


def test_threshold_closeness_is_of_the_mean_and_aleatoric_the_mean_of_each():
    probs = torch.tensor([[0.0], [1.0]])
    assert metrics.threshold_closeness(metrics.confidence(probs)).item() == 0.25
    assert metrics.aleatoric(probs).item() == 0.0


def test_aleatoric_and_variance_add_up_to_threshold_closeness(logits, gold):
    probs = metrics.gold_prob(logits, expanded(gold))  # E[p (1 - p)] + Var[p] = E[p] (1 - E[p])
    closeness = metrics.threshold_closeness(metrics.confidence(probs))
    torch.testing.assert_close(metrics.aleatoric(probs) + metrics.variability(probs) ** 2, closeness)


def test_variability_with_interval_adds_the_deviation_of_the_variance():
    probs = [0.1, 0.4, 0.9]
    variance = statistics.pvariance(probs)
    given = metrics.variability_with_interval(metrics.variability(torch.tensor(probs).double().unsqueeze(1)), 3)
    assert given.item() == pytest.approx(math.sqrt(variance + variance**2 / 2))


def test_variability_with_interval_ranks_as_variability_does():
    variability = torch.rand(50, generator=torch.Generator().manual_seed(7)) / 2
    assert torch.equal(metrics.variability_with_interval(variability, 4).argsort(), variability.argsort())


def test_variability_with_interval_of_one_epoch_is_refused():
    with pytest.raises(AnalysisError, match="at least two epochs, not 1"):
        metrics.variability_with_interval(torch.tensor([0.0]), 1)


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_leading_axes_are_carried_along(leading):
    generator = torch.Generator().manual_seed(6)
    logits = torch.randn(*leading, N_EPOCHS, N, N_CLASSES, generator=generator)
    gold = torch.randint(0, N_CLASSES, (*leading, N), generator=generator)
    dynamics = TrainingDynamics.from_logits(logits, gold)
    whole = metrics.variability(dynamics.gold_prob)
    assert whole.shape == (*leading, N)
    flat = logits.reshape(-1, N_EPOCHS, N, N_CLASSES), gold.reshape(-1, N)
    parts = [metrics.variability(TrainingDynamics.from_logits(*one).gold_prob) for one in zip(*flat, strict=True)]
    torch.testing.assert_close(whole.reshape(-1, N), torch.stack(parts))
