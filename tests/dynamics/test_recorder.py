import pickle
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from cal.dynamics import batches as batches_module
from cal.dynamics.recorder import DynamicsRecorder, RecordingError
from cal.dynamics.store import LogStore
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import ConfigError, DataError, StorageError

IDS = ["a", "b", "c", "d", "e"]
GOLD = torch.tensor([0, 1, 2, 0, 1])


def some_logits(n_epochs=3, n=5, n_classes=3):
    return torch.randn(n_epochs, n, n_classes, generator=torch.Generator().manual_seed(0))


def record_epoch(recorder, ids, logits, gold, order=None, batch_size=2):
    order = range(len(ids)) if order is None else order
    for start in range(0, len(order), batch_size):
        rows = list(order[start : start + batch_size])
        recorder.record([ids[row] for row in rows], logits[rows], gold[rows])
    recorder.end_epoch()


def recorded(logits=None, ids=IDS, gold=GOLD, **options):
    recorder = DynamicsRecorder(**options)
    for epoch in some_logits() if logits is None else logits:
        record_epoch(recorder, ids, epoch, gold)
    return recorder


def assert_same_dynamics(one, other):
    for name in ("gold", "gold_prob", "loss", "margin", "el2n", "predicted"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("ids", [IDS, [30, 1, 2, -4, 5]])
def test_shuffling_each_epoch_changes_nothing(ids):
    logits, recorder = some_logits(), DynamicsRecorder()
    generator = torch.Generator().manual_seed(1)
    for epoch in logits:
        record_epoch(recorder, ids, epoch, GOLD, torch.randperm(5, generator=generator).tolist())
    order = sorted(range(5), key=ids.__getitem__)
    assert recorder.ids == sorted(ids)
    expected = TrainingDynamics.from_logits(logits[:, order], GOLD[order])
    assert_same_dynamics(recorder.dynamics(), expected)
    assert recorder.data_map().ids == sorted(ids)


FORMS = {
    "float64": (IDS, lambda z: z.double(), GOLD),
    "needs gradient": (IDS, lambda z: z.clone().requires_grad_() * 1, GOLD),
    "numpy": (np.array(IDS), lambda z: z.numpy(), GOLD.numpy()),
    "lists": (tuple(IDS), lambda z: z.tolist(), GOLD.tolist()),
    "int32 gold": (IDS, lambda z: z, GOLD.int()),
    "transposed": (IDS, lambda z: z.T.contiguous().T, GOLD),
}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_holds_the_logits_the_dynamics_are_the_same(form):
    ids, of, gold = FORMS[form]
    recorder = DynamicsRecorder()
    for epoch in some_logits():
        recorder.record(ids, of(epoch), gold)
        recorder.end_epoch()
    assert_same_dynamics(recorder.dynamics(), recorded().dynamics())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_before_anything_is_computed(dtype):
    logits = some_logits().to(dtype)
    assert_same_dynamics(recorded(logits).dynamics(), recorded(logits.float()).dynamics())


@pytest.mark.parametrize("of", [torch.tensor, np.array, list])
def test_whole_numbers_may_be_tensors_arrays_or_lists(of):
    recorder = DynamicsRecorder()
    recorder.record(of([2, 0, 1]), some_logits(1, 3)[0], torch.tensor([0, 1, 2]))
    recorder.end_epoch()
    assert recorder.ids == [0, 1, 2]
    assert recorder.dynamics().gold.tolist() == [1, 2, 0]


def test_the_graph_and_the_buffers_of_a_batch_are_let_go():
    recorder = DynamicsRecorder()
    ids, logits, gold = np.arange(5), some_logits(1)[0], GOLD.clone()
    recorder.record(ids, logits, gold)
    ids[:], logits[:], gold[:] = 0, 0, 0
    recorder.end_epoch()
    assert_same_dynamics(recorder.dynamics(), recorded(some_logits(1)).dynamics())


def test_a_full_buffer_is_emptied_without_a_trace(monkeypatch):
    monkeypatch.setattr(batches_module, "_BUFFER", 10)
    logits = some_logits()
    expected = TrainingDynamics.from_logits(logits, GOLD)
    assert_same_dynamics(recorded(logits).dynamics(), expected)


FAULTS = {
    "missing": ([0, 1, 2, 4], None, [("d", 1, "missing")]),
    "duplicate": ([0, 1, 2, 3, 4, 1], None, [("b", 1, "duplicate")]),
    "late": ([0, 1, 2, 3, 4, 5], None, [("f", 1, "late")]),
    "gold": ([0, 1, 2, 3, 4], torch.tensor([0, 1, 1, 0, 1, 0]), [("c", 1, "gold")]),
}


def with_fault(kind, on_missing):
    """Three epochs of five instances, the second with a fault."""
    rows, gold, _ = FAULTS[kind]
    ids, logits, all_gold = [*IDS, "f"], some_logits(3, 6), torch.cat([GOLD, torch.tensor([0])])
    recorder = DynamicsRecorder(on_missing=on_missing)
    record_epoch(recorder, ids, logits[0], all_gold, range(5))
    record_epoch(recorder, ids, logits[1], all_gold if gold is None else gold, rows)
    record_epoch(recorder, ids, logits[2], all_gold, range(6) if kind == "late" else range(5))
    return recorder, logits


@pytest.mark.parametrize("kind", FAULTS)
def test_error_refuses_the_epoch_and_says_which_ids(kind):
    with pytest.raises(RecordingError, match=r"Epoch 1 was not recorded\. Ids") as raised:
        with_fault(kind, "error")
    ((instance_id, epoch, fault),) = FAULTS[kind][2]
    assert raised.value.report.values.tolist() == [[instance_id, epoch, fault]]
    assert f": 1 ({instance_id!r})" in str(raised.value)
    assert "on_missing='drop' or 'partial'" in str(raised.value)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("on_missing", ["drop", "partial"])
def test_what_is_let_pass_is_reported(kind, on_missing):
    recorder, _ = with_fault(kind, on_missing)
    assert [tuple(row) for row in recorder.report().values] == FAULTS[kind][2]
    assert recorder.n_epochs == 3


@pytest.mark.parametrize(
    ("kind", "left"), [("missing", "abce"), ("duplicate", "abcde"), ("late", "abcde"), ("gold", "abde")]
)
def test_drop_leaves_out_what_some_epoch_lacks(kind, left):
    recorder, logits = with_fault(kind, "drop")
    assert recorder.ids == list(left)
    rows = ["abcdef".index(instance_id) for instance_id in left]
    expected = TrainingDynamics.from_logits(logits[:, rows], torch.cat([GOLD, GOLD[:1]])[rows])
    assert_same_dynamics(recorder.dynamics(), expected)


@pytest.mark.parametrize(("kind", "row", "epochs"), [("missing", 3, [0, 2]), ("late", 5, [1, 2]), ("gold", 2, [0, 2])])
def test_partial_places_an_instance_by_the_epochs_it_has(kind, row, epochs):
    recorder, logits = with_fault(kind, "partial")
    gold = torch.cat([GOLD, GOLD[:1]])
    expected = TrainingDynamics.from_logits(logits[epochs][:, [row]], gold[[row]]).gold_prob.mean()
    assert recorder.data_map().confidence[row].item() == pytest.approx(expected.item(), abs=1e-6)


def test_a_refused_epoch_may_be_recorded_again():
    recorder = recorded()
    recorder.record(IDS[:2], some_logits()[0, :2], GOLD[:2])
    with pytest.raises(RecordingError):
        recorder.end_epoch()
    record_epoch(recorder, IDS, some_logits()[0], GOLD)
    assert recorder.n_epochs == 4


def test_an_error_crosses_from_a_worker_process_whole():
    report = pd.DataFrame({"id": ["a"], "epoch": [1], "fault": ["late"]})
    given = pickle.loads(pickle.dumps(RecordingError("message", report)))
    assert str(given) == "message"
    pd.testing.assert_frame_equal(given.report, report)


@pytest.mark.parametrize(
    ("ids", "logits", "gold", "said"),
    [
        (IDS[:4], some_logits()[0], GOLD, "Ids of shape (4,), logits of shape (5, 3) and gold labels of shape (5,)"),
        (IDS, some_logits()[0], GOLD[:4], "logits of shape (5, 3) and gold labels of shape (4,)"),
        (IDS, some_logits()[0], GOLD[:, None], "gold has a row of 1 number per instance"),
        (torch.tensor(5), some_logits()[0], GOLD, "ids is a single value"),
        (IDS, some_logits()[0], 0, "gold is 0; give a list"),
        (IDS, some_logits()[0, :, 0], GOLD, "logits has shape (5,); give a row per instance"),
        (IDS, some_logits()[0, :, :1], GOLD, "give the columns 0 and z"),
        (IDS, some_logits()[0, :, :2], GOLD, "Logits of 2 classes, where 3 were expected"),
        (["a", "b", "c", "d", 5], some_logits()[0], GOLD, "all strings or all whole numbers"),
        (torch.arange(5).float(), some_logits()[0], GOLD, "all strings or all whole numbers, not float"),
        (set(IDS), some_logits()[0], GOLD, "ids is a set, which has no order"),
        (IDS, some_logits()[0], GOLD / 2, "gold must be whole numbers, not 0.5 at position 1"),
        (IDS, some_logits()[0], torch.eye(3)[GOLD], "gold has a row of 3 numbers per instance, as one-hot labels"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused_where_it_is_recorded(ids, logits, gold, said):
    with pytest.raises(DataError) as raised:
        DynamicsRecorder(n_classes=3).record(ids, logits, gold)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("ids", "logits", "gold", "said"),
    [
        (IDS, some_logits()[0], GOLD + 1, "classes from 0 to 2, not 3: wrong for 1 of 5 instances, id 'c'"),
        (IDS, some_logits()[0], GOLD - 1, "classes from 0 to 2, not -1: wrong for 2 of 5 instances, id 'a', 'd'"),
        (np.arange(5), some_logits()[0], GOLD + 1, "not 3: wrong for 1 of 5 instances, id 2."),
        (IDS, some_logits()[0] / 0, GOLD, "Logits are not finite for 5 of 5 instances: id 'a', 'b', 'c', ..."),
    ],
)
def test_values_that_make_no_sense_are_refused_at_the_end_of_the_epoch(ids, logits, gold, said):
    recorder = DynamicsRecorder()
    recorder.record(ids, logits, gold)
    with pytest.raises(DataError) as raised:
        recorder.end_epoch()
    assert said in str(raised.value)
    assert recorder.n_epochs == 0


def test_ids_of_two_kinds_are_refused():
    recorder = DynamicsRecorder()
    recorder.record(["1"], some_logits()[0, :1], GOLD[:1])
    recorder.record([1], some_logits()[0, :1], GOLD[:1])
    with pytest.raises(DataError, match="all strings or all whole numbers, not int, str"):
        recorder.end_epoch()


def test_an_epoch_without_logits_is_refused():
    with pytest.raises(DataError, match=r"No logits were recorded in epoch 0; call record\(\)"):
        DynamicsRecorder().end_epoch()


def test_a_new_recorder_on_the_folder_goes_on(tmp_path):
    recorded(some_logits()[:2], folder=tmp_path, capture="during")
    again = DynamicsRecorder(folder=tmp_path, capture="during")
    assert again.n_epochs == 2
    record_epoch(again, IDS, some_logits()[2], GOLD)
    assert_same_dynamics(again.dynamics(), recorded().dynamics())
    assert LogStore(tmp_path).n_epochs == 3


def test_a_resumed_recorder_still_knows_the_ids(tmp_path):
    recorded(some_logits()[:2], folder=tmp_path)
    again = DynamicsRecorder(folder=tmp_path)
    again.record(["z"], some_logits()[0, :1], GOLD[:1])
    with pytest.raises(RecordingError, match="Ids missing: 5") as raised:
        again.end_epoch()
    assert raised.value.report["fault"].value_counts().to_dict() == {"missing": 5, "late": 1}


def test_rewinding_forgets_epochs_and_batches(tmp_path):
    recorder = recorded(folder=tmp_path)
    recorder.record(["half an epoch"], some_logits()[0, :1], GOLD[:1])
    recorder.rewind(1)
    for epoch in some_logits()[1:]:
        record_epoch(recorder, IDS, epoch, GOLD)
    assert_same_dynamics(DynamicsRecorder(folder=tmp_path).dynamics(), recorded().dynamics())


def test_another_capture_cannot_go_on(tmp_path):
    recorded(folder=tmp_path, capture="during")
    with pytest.raises(StorageError, match="capture='during', not 'end'"):
        DynamicsRecorder(folder=tmp_path, capture="end")


LOOP = """
import sys, time, torch
from cal.dynamics.recorder import DynamicsRecorder

recorder = DynamicsRecorder(folder=sys.argv[1])
for epoch in range(recorder.n_epochs, 5):
    generator = torch.Generator().manual_seed(epoch)
    logits = torch.randn(6, 2, generator=generator)
    for rows in torch.randperm(6, generator=generator).split(2):
        recorder.record(rows, logits[rows], rows % 2)
        if epoch == 3 and sys.argv[2] == "hang":
            print("hanging", flush=True)
            time.sleep(600)
    recorder.end_epoch()
"""


def test_recording_goes_on_after_kill_9(tmp_path):
    hanging = subprocess.Popen(
        [sys.executable, "-c", LOOP, tmp_path / "logs", "hang"], stdout=subprocess.PIPE, text=True
    )
    assert hanging.stdout.readline() == "hanging\n"
    hanging.send_signal(signal.SIGKILL)
    hanging.communicate()
    assert DynamicsRecorder(folder=tmp_path / "logs").n_epochs == 3
    for folder in ("logs", "undisturbed"):
        subprocess.run([sys.executable, "-c", LOOP, tmp_path / folder, "go on"], check=True)
    one, other = (DynamicsRecorder(folder=tmp_path / folder) for folder in ("logs", "undisturbed"))
    assert one.n_epochs == 5
    assert_same_dynamics(one.dynamics(), other.dynamics())


@pytest.mark.parametrize("n_classes", [0, 1, 2.5, "3"])
def test_a_number_of_classes_that_makes_no_sense_is_refused(n_classes):
    with pytest.raises(ConfigError, match="n_classes must be a whole number of at least 2"):
        DynamicsRecorder(n_classes)


def test_logs_of_other_classes_are_refused_before_anything_is_trained(tmp_path):
    recorded(some_logits(), folder=tmp_path)
    assert DynamicsRecorder(folder=tmp_path).n_classes == DynamicsRecorder(3, folder=tmp_path).n_classes == 3
    with pytest.raises(StorageError, match="holds logits of 3 classes, not 5"):
        DynamicsRecorder(5, folder=tmp_path)
