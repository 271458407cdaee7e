"""Maps against loops over plain Python numbers; rankings and comparisons of runs against their definitions."""

import itertools
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cal.dynamics.data_map import DataMap
from cal.dynamics.metrics import COORDINATES, METRICS
from cal.dynamics.running import RunningDynamics
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError, UnknownNameError

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


def random_logits(*leading, n_epochs=6, n=5, n_classes=3, dtype=torch.float32, device="cpu"):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(*leading, n_epochs, n, n_classes, generator=generator, dtype=dtype)
    gold = torch.randint(0, n_classes, (*leading, n), generator=generator)
    return logits.to(device), gold.to(device)


def several_runs(n_runs=3, **sizes):
    """A map of runs of the same instances."""
    logits, gold = random_logits(n_runs, **sizes)
    return DataMap.of(TrainingDynamics.from_logits(logits, gold[:1].expand(n_runs, -1)))


def map_of(*correct, ids=None):
    """The map of instances by what was classified correctly in each epoch: map_of("0101", "1110").

    The probability of the gold label is .9 or .1, so two instances of equal correctness tie in everything else too.
    """
    steps = torch.tensor([[float(c) for c in epochs] for epochs in correct]).T  # (epoch, instance)
    logits = torch.stack([steps, 1 - steps], dim=-1) * 2
    return DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(len(correct), dtype=torch.long)), ids)


def streamed(logits, gold):
    running = RunningDynamics(gold)
    for epoch in logits.unbind(dim=-3):
        running.add(epoch)
    return running


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_every_metric_equals_a_plain_loop_stored_and_streamed(leading, dtype, device, assert_map):
    logits, gold = random_logits(*leading, dtype=dtype, device=device)
    assert_map(DataMap.of(TrainingDynamics.from_logits(logits, gold)), logits, gold)
    assert_map(DataMap.of(streamed(logits, gold)), logits, gold)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_ties_and_saturated_logits_of_any_size_equal_a_plain_loop(data, assert_map):
    n_epochs, n, n_classes = (data.draw(st.integers(low, 4)) for low in (1, 1, 2))
    values = st.sampled_from([-1e4, -3.0, 0.0, 0.5, 3.0, 1e4])  # few, so that many tie
    numbers = data.draw(st.lists(values, min_size=n_epochs * n * n_classes, max_size=n_epochs * n * n_classes))
    logits = torch.tensor(numbers).reshape(n_epochs, n, n_classes)
    gold = torch.tensor(data.draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n)))
    assert_map(DataMap.of(TrainingDynamics.from_logits(logits, gold)), logits, gold)
    assert_map(DataMap.of(streamed(logits, gold)), logits, gold)


@pytest.mark.parametrize("chosen", [slice(2), slice(None, None, 2), [4, 0, 3], [5], slice(-2, None)])
def test_the_map_of_some_epochs_is_that_of_their_logits(chosen, assert_map):
    logits, gold = random_logits(2)
    part = TrainingDynamics.from_logits(logits, gold).epochs(chosen)
    assert_map(DataMap.of(part), logits[:, chosen], gold)
    assert_map(DataMap.of(RunningDynamics.over(part)), logits[:, chosen], gold)


def test_the_map_of_one_epoch_has_no_variability():
    logits, gold = random_logits(n_epochs=1)
    assert DataMap.of(streamed(logits, gold)).variability.tolist() == [0.0] * 5


def test_a_map_without_epochs_is_refused():
    logits, gold = random_logits()
    for empty in (TrainingDynamics.from_logits(logits, gold).epochs([]), RunningDynamics(gold)):
        with pytest.raises(AnalysisError, match="at least one epoch"):
            DataMap.of(empty)


def test_ids_must_be_as_many_as_instances():
    logits, gold = random_logits()
    with pytest.raises(AnalysisError, match="2 ids for 5 instances"):
        DataMap.of(TrainingDynamics.from_logits(logits, gold), ids=["a", "b"])


def test_the_map_of_one_run_is_that_of_its_dynamics_alone():
    whole = TrainingDynamics.from_logits(*random_logits(3))
    alone = DataMap.of(whole[[1]])
    for name in METRICS:
        assert torch.equal(getattr(DataMap.of(whole).run(1), name), getattr(alone, name)[0])


def test_a_frame_has_a_row_per_instance_and_null_where_never_learnt():
    frame = map_of("000", "011", ids=["a", "b"]).to_frame()
    assert list(frame) == ["id", "gold", "predicted", *METRICS, "n_epochs", "capture", "region"]
    assert frame["id"].tolist() == ["a", "b"]
    assert frame["predicted"].tolist() == [1, 0]
    assert frame["first_learnt"].isna().tolist() == [True, False]
    assert frame["last_learnt"].dtype == "Int64"
    assert frame["last_learnt"][1] == 1


def test_a_frame_can_be_changed_without_changing_the_map():
    data_map = DataMap.of(TrainingDynamics.from_logits(*random_logits()))
    before, frame = data_map.confidence.clone(), data_map.to_frame()
    frame.loc[:, "confidence"] = 0.25
    assert torch.equal(data_map.confidence, before)


def test_a_ranking_of_several_runs_is_refused():
    with pytest.raises(AnalysisError, match=r"holds \(3,\) runs"):
        several_runs().ranking("confidence")


def test_the_frame_of_several_runs_is_that_of_their_mean_with_its_spread():
    runs = several_runs()
    frame, mean = runs.to_frame(), runs.mean()
    for name in COORDINATES:
        assert frame[name].tolist() == getattr(mean, name).tolist()
        assert frame[f"{name}_spread"].tolist() == runs.spread()[f"{name}_spread"].tolist()


# What each metric puts first among: never learnt, learnt late, forgotten once, forgotten twice, always known.
LATE, ONCE, TWICE, KNOWN, NEVER = 0, 1, 2, 3, 4
DYNAMICS = ("00011", "11011", "10101", "11111", "00000")


@pytest.mark.parametrize(
    ("metric", "first", "last"),
    [
        ("confidence", NEVER, KNOWN),
        ("correctness", NEVER, KNOWN),
        ("aum", NEVER, KNOWN),
        ("loss", NEVER, KNOWN),
        ("el2n", NEVER, KNOWN),
        ("first_learnt", NEVER, KNOWN),
        ("last_learnt", NEVER, KNOWN),
        ("forgetting", NEVER, KNOWN),
        ("variability", LATE, KNOWN),
    ],
)
def test_a_ranking_begins_with_the_most_valuable(metric, first, last):
    order = map_of(*DYNAMICS).ranking(metric).tolist()
    assert (order[0], order[-1]) == (first, last)


@pytest.mark.parametrize("metric", ["aleatoric", "threshold_closeness"])
def test_a_ranking_begins_with_the_instances_whose_probability_is_near_a_half(metric):
    logits = torch.tensor([[[4.0, 0.0], [0.1, 0.0], [-5.0, 0.0]]] * 2)
    data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(3, dtype=torch.long)))
    assert data_map.ranking(metric).tolist() == [1, 0, 2]


def test_a_ranking_by_forgetting_counts_and_puts_never_learnt_first():
    assert map_of(*DYNAMICS).ranking("forgetting").tolist()[:3] == [NEVER, TWICE, ONCE]


@pytest.mark.parametrize("metric", METRICS)
def test_a_ranking_does_not_depend_on_the_order_of_rows(metric):
    rng = np.random.default_rng(0)
    correct = ["".join(str(bit) for bit in rng.integers(0, 2, 3)) for _ in range(40)]  # 8 kinds: mostly ties
    ids = np.array([f"d{i}" for i in range(40)])
    expected = ids[map_of(*correct, ids=ids.tolist()).ranking(metric)]
    order = rng.permutation(40)
    permuted = map_of(*[correct[i] for i in order], ids=ids[order].tolist())
    assert ids[order][permuted.ranking(metric)].tolist() == expected.tolist()


def test_ties_are_ranked_by_mean_loss_highest_first():
    logits = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [2.0, 0.0]]])  # all correct, of unlike loss
    ranked = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0, 0]))).ranking("correctness")
    assert ranked.tolist() == [0, 2, 1]


def test_full_ties_are_not_ranked_by_row():
    ranked = map_of(*["01"] * 30).ranking("confidence").tolist()
    assert sorted(ranked) == list(range(30))
    assert ranked not in (list(range(30)), list(range(29, -1, -1)))


@pytest.mark.parametrize("metric", METRICS)
def test_the_worst_first_are_the_reverse(metric):
    data_map = map_of(*DYNAMICS * 3)
    assert data_map.ranking(metric, worst=True).tolist() == data_map.ranking(metric).tolist()[::-1]


def test_a_ranking_picks_rows_of_a_tensor():
    data_map = map_of(*DYNAMICS)
    assert torch.arange(5)[torch.from_numpy(data_map.ranking("confidence", worst=True))][0] == KNOWN


@pytest.mark.parametrize("ids", [[f"d{i}" for i in range(30)], list(range(100, 130))])
def test_ids_rank_alike_as_numbers_of_python_and_of_numpy(ids):
    ties = ["01"] * 30
    assert (
        map_of(*ties, ids=ids).ranking("loss").tolist()
        == map_of(*ties, ids=list(np.array(ids))).ranking("loss").tolist()
    )


def test_an_unknown_metric_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'confidence'"):
        map_of("01").ranking("confidance")


def test_the_mean_over_runs_is_that_of_each_instance():
    runs = several_runs()
    for name in set(METRICS) - {"first_learnt", "last_learnt", "threshold_closeness", "forgetting"}:
        expected = [statistics.fmean(values) for values in getattr(runs, name).T.tolist()]
        assert getattr(runs.mean(), name).tolist() == pytest.approx(expected)


def forgetfulness(correct):
    """Transitions from correct to incorrect, 1000 where never correct: as the Dataset Cartography toolkit counts."""
    return sum(a and not b for a, b in itertools.pairwise(correct)) if any(correct) else 1000


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_of_forgetting_is_that_of_the_toolkit_s_counts_and_ranks_so(seed):
    rng = np.random.default_rng(seed)
    correct = rng.random((4, 5, 40)) < rng.choice([0.05, 0.3, 0.7, 1.0], 40)  # (run, epoch, instance)
    bits = torch.from_numpy(correct).long()
    logits = torch.stack([bits, 1 - bits], dim=-1).float()  # (run, epoch, instance, class)
    mean = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(4, 40, dtype=torch.long))).mean()
    expected = [statistics.fmean(forgetfulness(run[:, i].tolist()) for run in correct) for i in range(40)]
    assert mean.forgetting.tolist() == pytest.approx(expected)
    ranked = [expected[i] for i in mean.ranking("forgetting")]
    assert ranked == sorted(expected, reverse=True)
    assert any(10 < value < 1000 for value in expected)  # learnt in some runs only


def test_what_one_of_several_runs_never_learnt_is_not_ranked_last():
    correct = torch.tensor([[[1, 0], [1, 0]], [[1, 1], [1, 1]], [[1, 1], [0, 1]]])  # (run, epoch, instance)
    logits = torch.stack([correct, 1 - correct], dim=-1).float()
    mean = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(3, 2, dtype=torch.long))).mean()
    assert mean.ranking("forgetting").tolist() == [1, 0]
    again = DataMap.from_frame(mean.to_frame())
    assert again.ranking("forgetting").tolist() == [1, 0]


@pytest.mark.parametrize("name", ["forgetfulness", "threshold_closeness"])
def test_the_toolkit_s_names_of_metrics_rank(name):
    data_map = map_of(*DYNAMICS)
    ours = {"forgetfulness": "forgetting"}.get(name, name)
    assert data_map.ranking(name).tolist() == data_map.ranking(ours).tolist()


def test_the_mean_of_learning_epochs_leaves_out_runs_that_never_learn():
    correct = torch.tensor([[[0, 0, 1], [0, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0], [1, 0, 1]]])
    logits = torch.stack([correct, 1 - correct], dim=-1).float()  # (run, epoch, instance, class)
    mean = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(2, 3, dtype=torch.long))).mean()
    assert mean.first_learnt.tolist() == [2.0, -1.0, 0.0]
    frame = mean.to_frame()
    assert frame["first_learnt"].isna().tolist() == [False, True, False]
    assert frame["first_learnt"].dtype == "Float64"


def test_what_most_runs_never_learn_is_never_learnt_in_the_mean():
    correct = torch.tensor([[[1, 1]], [[0, 1]], [[0, 0]]])  # (run, epoch, instance)
    logits = torch.stack([correct, 1 - correct], dim=-1).float()
    mean = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(3, 2, dtype=torch.long))).mean()
    assert mean.first_learnt.tolist() == [-1.0, 0.0]
    assert mean.ranking("forgetting").tolist() == [0, 1]


def test_the_mean_map_predicts_what_most_runs_predict():
    logits = torch.eye(3)[torch.tensor([[2, 0], [2, 1], [1, 2]])].unsqueeze(1)  # (run, epoch, instance, class)
    runs = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(3, 2, dtype=torch.long)))
    assert runs.mean().predicted.tolist() == [2, 0]  # a tie goes to the first class


def test_the_mean_of_one_run_is_that_run():
    logits, gold = random_logits()
    alone = DataMap.of(TrainingDynamics.from_logits(logits, gold))
    for name in ("gold", "predicted", *METRICS):
        assert torch.equal(getattr(alone.mean(), name), getattr(alone, name).to(getattr(alone.mean(), name).dtype))


@pytest.mark.parametrize("compare", [DataMap.mean, DataMap.spread, DataMap.correlation])
def test_runs_of_different_instances_are_not_compared(compare):
    logits, _ = random_logits(2)
    gold = torch.tensor([[0, 1, 2, 0, 1], [1, 0, 2, 0, 1]])
    with pytest.raises(AnalysisError, match="not the same instances"):
        compare(DataMap.of(TrainingDynamics.from_logits(logits, gold)))


def test_the_spread_is_the_standard_deviation_of_a_sample_of_runs():
    runs = several_runs(n_runs=4)
    spread = runs.spread()
    for name in COORDINATES:
        expected = [statistics.stdev(values) for values in getattr(runs, name).T.tolist()]
        assert spread[f"{name}_spread"].tolist() == pytest.approx(expected)


def test_the_correlation_is_the_mean_of_pearsons_r_of_all_pairs():
    runs = several_runs(n_runs=4, n=20)
    for name in COORDINATES:
        pairs = itertools.combinations(getattr(runs, name).tolist(), 2)
        expected = statistics.fmean(statistics.correlation(a, b) for a, b in pairs)
        assert runs.correlation()[name] == pytest.approx(expected)


def test_the_correlation_with_a_constant_run_is_not_a_number():
    logits = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]], [[[1.0, 0.0], [2.0, 0.0]]]])
    runs = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(2, 2, dtype=torch.long)))
    assert np.isnan(runs.correlation()["confidence"])


@pytest.mark.parametrize("compare", [DataMap.spread, DataMap.correlation])
@pytest.mark.parametrize("leading", [(), (1,)])
def test_one_run_is_not_compared(compare, leading):
    with pytest.raises(AnalysisError, match="has one run"):
        compare(DataMap.of(TrainingDynamics.from_logits(*random_logits(*leading))))
