"""Values that users hold become ours without loss of order or of a value."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import cal
from cal.arrays import as_classes, as_list, as_reals, as_texts, as_whole
from cal.dynamics.ids import as_ids
from cal.errors import CalError, ConfigError, DataError
from cal.learners.compute import resolve_device
from cal.maps.request import MapRequest
from cal.seeds import list_seeds

IDS = [f"d{i}" for i in range(40)]


@pytest.mark.parametrize(
    "given",
    [
        [1, 0, 2],
        (1, 0, 2),
        [1.0, 0.0, 2.0],
        np.array([1, 0, 2], np.uint8),
        np.array([1, 0, 2], object),
        np.array([1.0, 0.0, 2.0], np.float16),
        torch.tensor([1, 0, 2], dtype=torch.int32),
        torch.tensor([1.0, 0.0, 2.0], requires_grad=True),
        torch.tensor([1.0, 0.0, 2.0], dtype=torch.bfloat16),
        [torch.tensor(1), np.int64(0), 2.0],
        pd.Series([1, 0, 2], index=[7, 7, 7]),
        pd.Series([1, 0, 2], dtype="Int64"),
        pd.Index([1, 0, 2]),
        pd.Categorical([1, 0, 2]),
        pa.array([1, 0, 2]),
        pa.chunked_array([[1, 0], [2]]),
        {"a": 1, "b": 0, "c": 2}.values(),
        (value for value in (1, 0, 2)),
    ],
    ids=lambda given: type(given).__name__,
)
def test_every_container_with_an_order_gives_the_same_classes(given):
    classes = as_classes("gold", given, 3)
    assert (classes.tolist(), classes.dtype) == ([1, 0, 2], np.int64)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({0, 1}, "gold is a set, which has no order"),
        (frozenset({0, 1}), "gold is a frozenset, which has no order"),
        ({"a": 0}, "gold is a dict"),
        ([0.9, 0.1], "gold must be whole numbers, not 0.9 at position 0"),
        ([1, None], "not a missing value at position 1"),
        (pd.Series([1, None], dtype="Int64"), "not a missing value at position 1"),
        (np.ma.array([1, 0], mask=[False, True]), "not a missing value at position 1"),
        (["1", "0"], "not '1' at position 0. Number the classes from 0"),
        ([1j], "not 1j"),
        (np.eye(3), "gold has a row of 3 numbers per instance, as one-hot labels have.*argmax"),
        ([[0, 1], [1, 0]], "gold has a row of 2 numbers"),
        (torch.tensor([[1], [0]]), "gold has a row of 1 number.*ravel"),
        (np.array([2**64 - 1], np.uint64), "18446744073709551615 at position 0, which does not fit in 64 bits"),
        ([10**30], "does not fit in 64 bits"),
        ([0, 3], "gold must be classes from 0 to 2, not 3 at position 1"),
        ([-1], "classes from 0 to 2, not -1"),
        (np.array(1), "gold is a single value"),
        (3, "gold is 3; give a list"),
        ("01", "gold is '01'"),
        (None, "gold is None"),
    ],
)
def test_no_class_is_made_up(given, said):
    with pytest.raises(DataError, match=said):
        as_classes("gold", given, 3)


def test_ids_beyond_64_bits_do_not_wrap():
    with pytest.raises(DataError, match="more than 64 bits; give it as a string"):
        as_ids(np.array([2**64 - 1], np.uint64))
    assert as_ids(np.array([2**63 - 1], np.uint64)).tolist() == [2**63 - 1]


@pytest.mark.parametrize("wrong", [1.5, None, True, b"a", float("nan"), ("a",)])
def test_an_id_is_text_or_a_whole_number(wrong):
    with pytest.raises(DataError, match="ids"):
        as_ids(["a", wrong])
    with pytest.raises(DataError, match="ids"):
        cal.Split(["a", wrong], ["x", "y"], [0, 1])


@pytest.mark.parametrize(
    ("ids", "logits", "gold", "told"),
    [
        (["a\ud800", "b"], [[1.0, 2.0]] * 2, [0, 1], "half a character"),
        ([("a", 1), ("b", 2)], [[1.0, 2.0]] * 2, [0, 1], "Give each instance one id"),
        (["a", "b"], torch.empty(2, 2, device="meta"), [0, 1], "logits is a tensor of the device 'meta'"),
        (["a", "b"], [[1.0, 2.0]] * 2, torch.empty(2, device="meta"), "gold is a tensor of the device 'meta'"),
    ],
)
def test_a_recorder_takes_nothing_that_no_file_can_hold(ids, logits, gold, told):
    with pytest.raises(CalError, match=told):
        cal.DynamicsRecorder().record(ids, logits, gold)


def test_numbers_of_every_kind_are_numbers_and_nothing_else_is():
    for given in ([[1, 2]], np.array([[1, 2]]), torch.tensor([[1.0, 2.0]], requires_grad=True), pd.DataFrame([[1, 2]])):
        assert as_reals("logits", given, 2).tolist() == [[1.0, 2.0]]
    for wrong in ([["1", "2"]], [[1], [2, 3]], np.array([[1j]]), [[True]], {1}, None, [1, 2]):
        with pytest.raises(DataError, match="logits"):
            as_reals("logits", wrong, 2)


def test_texts_are_text():
    assert as_texts("texts", pd.Series(["a", "b"], index=[3, 1])) == ["a", "b"]
    with pytest.raises(DataError, match="texts must be text, not a missing value at position 1"):
        as_texts("texts", ["a", float("nan")])


def test_a_table_is_no_list():
    with pytest.raises(DataError, match="of shape"):
        as_list("ids", pd.DataFrame({"a": [1], "b": [2]}))


def test_sets_of_ids_pair_no_gold_with_another_id():
    logits = torch.zeros(40, 2)
    for refused in (set(IDS), frozenset(IDS)):
        with pytest.raises(DataError, match="no order"):
            cal.DynamicsRecorder().record(refused, logits, [0] * 40)
        with pytest.raises(DataError, match="no order"):
            cal.Split(refused, IDS, [0] * 40)
        with pytest.raises(DataError, match="no order"):
            cal.Corpus.from_texts(refused, [0, 1] * 20)


def test_a_bare_whole_number_of_numpy_or_pytorch_is_a_number():
    assert list_seeds(np.int64(2)) == list_seeds(torch.tensor(2)) == list_seeds(2)
    assert list_seeds(np.array([3, 4])) == list_seeds(torch.tensor([3, 4])) == [3, 4]
    request = MapRequest(seeds=np.int64(2), n_epochs=np.int32(3), folds=np.array(4), workers=torch.tensor(1))
    data = request.as_data()
    assert (data["folds"], data["workers"], data["learner"]["n_epochs"]) == (4, 1, 3)
    assert {type(value) for value in (data["folds"], data["workers"], data["learner"]["n_epochs"])} == {int}


def test_ten_thousand_seeds_are_distinct_and_more_are_refused():
    assert len(set(list_seeds(10_000))) == 10_000
    for wrong in (10_001, {1, 2}, [2**63], [True], 2.0):
        with pytest.raises(ConfigError, match="seeds must be a number of seeds"):
            list_seeds(wrong)


def test_a_device_of_pytorch_is_a_device():
    assert resolve_device(torch.device("cpu")) == "cpu"
    with pytest.raises(ConfigError, match="Unknown device 'mps'"):
        resolve_device(torch.device("mps"))


@pytest.mark.parametrize("device", ["gpu", "cuda:99", torch.device("meta"), 7])
def test_a_device_that_cannot_be_used_is_named(device):
    model, dataset = torch.nn.Linear(2, 2), torch.utils.data.TensorDataset(torch.eye(2), torch.tensor([0, 1]))
    with pytest.raises(CalError, match="device"):
        cal.compute_training_dynamics(model, dataset, 1, device=device)


def test_numbers_beyond_64_bits_are_refused_by_the_name_of_the_parameter():
    with pytest.raises(ConfigError, match=r"n_epochs must be a whole number below 2\^63"):
        cal.MLP(n_epochs=10**30)
    with pytest.raises(ConfigError, match="hardest must fit in 64 bits"):
        MapRequest(hardest=10**5000)


def test_whole_floats_stay_whole():
    assert as_whole("chosen", [2.0, 0]).tolist() == [2, 0]
