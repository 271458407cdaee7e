import json
import os

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cal.dynamics.data_map import DataMap
from cal.dynamics.ids import as_ids
from cal.dynamics.metrics import METRICS
from cal.dynamics.store import LogStore
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError, ConfigError, DataError, StorageError

IDS = ["a", "b", "c", "d"]
GOLD = [0, 1, 2, 0]


def some_logits(n_epochs=3, n=4, n_classes=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n_epochs, n, n_classes)).astype(np.float32)


def stored(folder, logits, ids=IDS, gold=GOLD, **options):
    store = LogStore(folder, **options)
    for epoch in logits:
        store.append(ids, gold, epoch)
    return store


def assert_same_map(one, other):
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame(), check_exact=True)


@pytest.mark.parametrize("ids", [IDS, [7, 3, 5, -1]])
def test_a_folder_gives_back_what_was_put_in(tmp_path, ids):
    logits = some_logits()
    stored(tmp_path / "logs", logits, ids, capture="during")
    again = LogStore(tmp_path / "logs")
    assert again.ids.tolist() == ids
    assert list(map(type, again.ids.tolist())) == list(map(type, ids))
    assert again.gold.tolist() == GOLD
    assert (again.capture, again.n_epochs, again.n_classes) == ("during", 3, 3)
    assert np.array_equal(np.stack(list(again)), logits)


@given(
    logits=arrays(np.float32, (2, 3, 2), elements=st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False)),
    ids=st.one_of(
        st.lists(st.text(st.characters(codec="utf-8")), min_size=3, max_size=3, unique=True),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3, unique=True),
    ),
    gold=st.lists(st.integers(0, 1), min_size=3, max_size=3),
)
def test_writing_and_reading_is_identity(tmp_path_factory, logits, ids, gold):
    folder = tmp_path_factory.mktemp("logs")
    stored(folder, logits, ids, gold)
    again = LogStore(folder)
    assert again.ids.tolist() == ids
    assert again.gold.tolist() == gold
    assert np.array_equal(np.stack(list(again)), logits)


def test_one_pass_and_stored_epochs_draw_the_same_map_as_the_logits(tmp_path):
    logits = some_logits()
    store = stored(tmp_path, logits)
    expected = TrainingDynamics.from_logits(torch.from_numpy(logits), torch.tensor(GOLD))
    for name in METRICS:
        torch.testing.assert_close(
            getattr(store.data_map(), name), getattr(DataMap.of(expected), name), rtol=0, atol=1e-6
        )
    for name in ("gold_prob", "loss", "margin", "el2n", "predicted"):
        assert torch.equal(getattr(store.dynamics(), name), getattr(expected, name))
    assert store.data_map().ids == store.kept_ids() == IDS


def test_memory_and_folder_are_alike(tmp_path):
    assert_same_map(stored(tmp_path, some_logits()).data_map(), stored(None, some_logits()).data_map())


def test_what_is_kept_in_memory_is_a_copy():
    logits = some_logits(1)
    store = stored(None, logits)
    logits[:] = 0
    assert np.array_equal(store[0], some_logits(1)[0])


def test_epochs_of_a_folder_are_memory_mapped(tmp_path):
    assert isinstance(stored(tmp_path, some_logits())[1], np.memmap)


def test_late_instances_stand_behind_and_are_nan_before(tmp_path):
    logits = some_logits()
    store = LogStore(tmp_path)
    store.append(IDS[:3], GOLD[:3], logits[0, :3])
    store.append(IDS, GOLD, logits[1])
    again = LogStore(tmp_path)
    assert again.ids.tolist() == IDS
    assert np.array_equal(again[0][:3], logits[0, :3])
    assert np.isnan(again[0][3]).all()


def lacking():
    """Three epochs: `a` has all, `b` lacks the first, `c` the second, `d` all but the last."""
    logits = some_logits()
    logits[0, 1] = logits[1, 2] = logits[:2, 3] = np.nan
    return logits


def test_error_refuses_results_when_an_epoch_lacks_an_instance(tmp_path):
    store = stored(tmp_path, lacking())
    for result in (store.running, store.dynamics, store.data_map, store.kept_ids):
        with pytest.raises(DataError, match=r"3 of 4 instances lack an epoch, e\.g\. 'b', 'c', 'd'"):
            result()


def test_drop_is_as_if_incomplete_instances_had_never_been():
    store = stored(None, lacking(), on_missing="drop")
    assert store.kept_ids() == ["a"]
    assert_same_map(store.data_map(), stored(None, some_logits()[:, :1], IDS[:1], GOLD[:1]).data_map())


def test_drop_refuses_results_when_it_would_leave_nobody():
    with pytest.raises(DataError, match="No instance is in every epoch; give on_missing='partial'"):
        stored(None, lacking()[:, 1:], IDS[1:], GOLD[1:], on_missing="drop").data_map()


def test_partial_is_as_if_each_instance_had_only_the_epochs_it_has():
    logits = lacking()
    data_map = stored(None, logits, on_missing="partial").data_map()
    assert data_map.ids == IDS
    assert data_map.n_epochs == 3
    for row in range(4):
        epochs = [epoch for epoch in range(3) if not np.isnan(logits[epoch, row, 0])]
        alone = stored(None, logits[epochs][:, [row]], IDS[:1], GOLD[row : row + 1]).data_map()
        for name in set(METRICS) - {"first_learnt", "last_learnt"}:
            assert getattr(data_map, name)[row].item() == getattr(alone, name)[0].item(), name
        for name in ("first_learnt", "last_learnt"):
            step = getattr(alone, name)[0].item()
            assert getattr(data_map, name)[row].item() == (epochs[step] if step >= 0 else -1), name


def test_partial_dynamics_are_nan_where_an_epoch_is_lacking():
    logits = lacking()
    dynamics = stored(None, logits, on_missing="partial").dynamics()
    lacks = torch.from_numpy(np.isnan(logits[..., 0]))
    assert torch.equal(dynamics.gold_prob.isnan(), lacks)
    assert torch.equal(dynamics.predicted == -1, lacks)


def test_one_pass_refuses_partial_instances():
    with pytest.raises(AnalysisError, match="use data_map"):
        stored(None, lacking(), on_missing="partial").running()


def test_rewinding_is_as_if_the_later_epochs_had_never_been(tmp_path):
    store = stored(tmp_path, some_logits())
    faults = pd.DataFrame({"id": ["e"], "epoch": [3], "fault": ["late"]})
    store.append([*IDS, "e"], [*GOLD, 1], some_logits(1, 5)[0], faults)
    assert len(LogStore(tmp_path).faults) == 1
    store.rewind(2)
    for short in (store, LogStore(tmp_path)):
        assert (short.n_epochs, len(short), len(short.faults)) == (2, 4, 0)
        assert_same_map(short.data_map(), stored(None, some_logits()[:2]).data_map())
    store.append(IDS, GOLD, some_logits()[2])
    store.append(IDS, GOLD, some_logits()[2])
    assert LogStore(tmp_path).faults.empty


def test_rewinding_past_the_end_is_refused():
    with pytest.raises(AnalysisError, match="Cannot go back to 4 epochs: 3 are finished"):
        stored(None, some_logits()).rewind(4)


def test_no_epoch_no_results():
    with pytest.raises(AnalysisError, match="No epoch is finished"):
        LogStore().data_map()


def test_an_instances_file_ahead_of_its_epoch_does_not_count(tmp_path):
    stored(tmp_path, some_logits())
    pd.DataFrame({"id": [*IDS, "late"], "gold": [*GOLD, 0]}).to_parquet(tmp_path / "instances.parquet")
    assert LogStore(tmp_path).ids.tolist() == IDS


def test_half_written_files_do_not_count(tmp_path):
    stored(tmp_path, some_logits())
    (tmp_path / ".epoch_0003.npy.partial").write_bytes(b"half")
    assert LogStore(tmp_path).n_epochs == 3


@pytest.mark.parametrize(
    ("ids", "gold", "logits", "said"),
    [
        (["a"], [0], some_logits(1, 2)[0], "1 ids, 1 gold labels and logits of shape"),
        (["a", "b"], [0, 1], np.zeros(2), "logits has shape .2,.; give a row per instance"),
        (["a", "a"], [0, 1], some_logits(1, 2)[0], "ids occur more than once"),
        (["a", "b"], [0, 3], some_logits(1, 2)[0], r"run from 0 to 3, but the logits have 3 classes \(0 to 2\)"),
        (["a", 1], [0, 1], some_logits(1, 2)[0], "all strings or all whole numbers, not int, str"),
        ([1.5, 1], [0, 1], some_logits(1, 2)[0], "all strings or all whole numbers, not float, int"),
        ([True, False], [0, 1], some_logits(1, 2)[0], "not bool"),
        ([2**70, 1], [0, 1], some_logits(1, 2)[0], "more than 64 bits"),
        ([], [], np.zeros((0, 3)), "0 ids"),
        (["a"], [0], np.zeros((1, 1)), "Logits of 1 classes; give 2"),
    ],
)
def test_an_epoch_that_makes_no_sense_is_refused(ids, gold, logits, said):
    with pytest.raises(DataError, match=said):
        LogStore().append(ids, gold, logits)


@pytest.mark.parametrize(
    ("ids", "gold", "n_classes", "said"),
    [
        (["b", "a", "c", "d"], GOLD, 3, "differ from earlier epochs"),
        (IDS[:3], GOLD[:3], 3, "differ from earlier epochs"),
        (IDS, [1, 1, 2, 0], 3, "differ from earlier epochs"),
        (IDS, GOLD, 4, "Logits of 4 classes; give 3"),
    ],
)
def test_an_epoch_unlike_those_before_is_refused(ids, gold, n_classes, said):
    store = stored(None, some_logits())
    with pytest.raises(DataError, match=said):
        store.append(ids, gold, some_logits(1, len(ids), n_classes)[0])
    assert store.n_epochs == 3


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


DAMAGE = {
    "truncated epoch": lambda folder: truncate(folder / "epoch_0001.npy"),
    "empty epoch": lambda folder: (folder / "epoch_0001.npy").write_bytes(b""),
    "epoch of other numbers": lambda folder: np.save(folder / "epoch_0001.npy", np.zeros((4, 3))),
    "epoch of other classes": lambda folder: np.save(folder / "epoch_0001.npy", np.zeros((4, 2), np.float32)),
    "epoch of fewer rows": lambda folder: np.save(folder / "epoch_0001.npy", np.zeros((3, 3), np.float32)),
    "epoch of more rows": lambda folder: np.save(folder / "epoch_0001.npy", np.zeros((5, 3), np.float32)),
    "pickled epoch": lambda folder: np.save(folder / "epoch_0001.npy", np.array([{}]), allow_pickle=True),
    "epoch lost": lambda folder: (folder / "epoch_0001.npy").unlink(),
    "instances lost": lambda folder: (folder / "instances.parquet").unlink(),
    "instances truncated": lambda folder: truncate(folder / "instances.parquet"),
    "instances foreign": lambda folder: pd.DataFrame({"x": [1]}).to_parquet(folder / "instances.parquet"),
    "store.json lost": lambda folder: (folder / "store.json").unlink(),
    "store.json empty": lambda folder: (folder / "store.json").write_text(""),
    "store.json a list": lambda folder: (folder / "store.json").write_text("[]"),
    "store.json newer": lambda folder: (folder / "store.json").write_text(
        json.dumps(json.loads((folder / "store.json").read_text()) | {"version": 99})
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_folder_is_a_storage_error_that_names_a_path(tmp_path, kind):
    stored(tmp_path, some_logits())
    DAMAGE[kind](tmp_path)
    with pytest.raises(StorageError, match=str(tmp_path)):
        LogStore(tmp_path)


def test_nobody_is_told_to_load_a_damaged_epoch_unsafely(tmp_path):
    stored(tmp_path, some_logits())
    (tmp_path / "epoch_0001.npy").write_text("broken")
    with pytest.raises(StorageError, match=r"epoch_0001\.npy cannot be read: .*[^.]\. Put it back") as raised:
        LogStore(tmp_path)
    assert "pickle" not in str(raised.value)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(StorageError, match=r"has no store\.json"):
        LogStore(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot read the folder"):
        LogStore(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Finished epochs are kept"):
        stored(tmp_path / "logs", some_logits())


def test_a_place_that_cannot_be_a_folder_is_a_storage_error(tmp_path):
    store = LogStore(tmp_path / "logs")
    (tmp_path / "logs").write_text("in the way")
    with pytest.raises(StorageError, match="Cannot write"):
        store.append(IDS, GOLD, some_logits(1)[0])
    assert store.n_epochs == 0


def test_another_capture_is_refused(tmp_path):
    stored(tmp_path, some_logits(), capture="during")
    with pytest.raises(StorageError, match="holds logs with capture='during', not 'end'"):
        LogStore(tmp_path, "end")


def test_options_are_checked_at_once():
    with pytest.raises(ConfigError) as raised:
        LogStore(None, "sometimes", "ignore")
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize("ids", [[3, 1], np.array([3, 1], np.int32), torch.tensor([3, 1]), (np.int64(3), 1)])
def test_whole_numbers_become_one_kind(ids):
    assert as_ids(ids).dtype == np.int64
    assert as_ids(ids).tolist() == [3, 1]


@pytest.mark.parametrize("ids", [["b", "a"], np.array(["b", "a"]), pd.Series(["b", "a"]), ("b", np.str_("a"))])
def test_strings_become_one_kind(ids):
    assert as_ids(ids).dtype == object
    assert as_ids(ids).tolist() == ["b", "a"]
