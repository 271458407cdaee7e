"""A ShardRecorder keeps what it is given, epoch by epoch, whoever dies in between."""

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from cal.dynamics.shard_recorder import ShardRecorder, epoch_folders
from cal.errors import AnalysisError, ConfigError, DataError, StorageError

IDS, GOLD = ["a", "b", "c", "d", "e"], torch.tensor([0, 1, 2, 0, 1])


def some_logits(n_epochs=3):
    return torch.randn(n_epochs, 5, 3, generator=torch.Generator().manual_seed(0))


def record_epoch(recorder, logits, ids=IDS):
    for rows in torch.arange(5).split(2):
        recorder.record([ids[row] for row in rows], logits[rows], GOLD[rows])
    recorder.end_epoch()


def record_and_end(recorder, ids, logits, gold):
    recorder.record(ids, logits, gold)
    recorder.end_epoch()


def epoch_of(folder, epoch):
    return pd.concat(map(pd.read_parquet, sorted(epoch_folders(folder)[epoch].iterdir())), ignore_index=True)


@pytest.mark.parametrize("buffer", [2**24, 1, 10])
def test_what_is_recorded_is_there(buffer, tmp_path, monkeypatch):
    monkeypatch.setattr("cal.dynamics.batches._BUFFER", buffer)
    recorder, logits = ShardRecorder(tmp_path / "logs"), some_logits()
    for epoch in logits:
        record_epoch(recorder, epoch)
    assert (recorder.n_epochs, recorder.n_classes) == (3, 3)
    for epoch, expected in enumerate(logits):
        rows = epoch_of(recorder.folder, epoch)
        assert rows["id"].tolist() == IDS
        assert rows["gold"].tolist() == GOLD.tolist()
        np.testing.assert_array_equal(np.stack(rows["logits"]), expected)
    assert len(list(epoch_folders(recorder.folder)[0].iterdir())) == (1 if buffer > 100 else 3 if buffer == 1 else 2)


def test_ids_may_be_numbers(tmp_path):
    recorder = ShardRecorder(tmp_path)
    recorder.record(torch.arange(5), some_logits()[0], GOLD)
    recorder.end_epoch()
    assert epoch_of(tmp_path, 0)["id"].tolist() == [0, 1, 2, 3, 4]


def test_a_new_recorder_continues(tmp_path):
    record_epoch(ShardRecorder(tmp_path), some_logits()[0])
    again = ShardRecorder(tmp_path)
    assert (again.n_epochs, again.n_classes) == (1, 3)
    record_epoch(again, some_logits()[1])
    assert again.n_epochs == 2


def test_rewinding_forgets_epochs_and_batches(tmp_path):
    recorder = ShardRecorder(tmp_path)
    for epoch in some_logits():
        record_epoch(recorder, epoch)
    recorder.record(["z"], torch.zeros(1, 3), [0])
    recorder.rewind(1)
    record_epoch(recorder, some_logits()[2])
    assert recorder.n_epochs == 2
    np.testing.assert_array_equal(np.stack(epoch_of(tmp_path, 1)["logits"]), some_logits()[2])
    with pytest.raises(AnalysisError, match="Cannot go back to 3 epochs: 2 are finished"):
        recorder.rewind(3)


DIES = """
import sys, os, signal, torch
from cal.dynamics import batches
from cal.dynamics.shard_recorder import ShardRecorder
batches._BUFFER = 1
recorder = ShardRecorder(sys.argv[1])
recorder.record(["a", "b"], torch.zeros(2, 3), [0, 1])
recorder.record(["c", "d"], torch.zeros(2, 3), [0, 1])
recorder.record(["e"], torch.zeros(1, 3), [0])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_epoch_that_was_killed_leaves_nothing(tmp_path):
    record_epoch(ShardRecorder(tmp_path), some_logits()[0])
    assert subprocess.run([sys.executable, "-c", DIES, tmp_path], check=False).returncode == -signal.SIGKILL
    assert any((tmp_path / ".unfinished").iterdir())
    recorder = ShardRecorder(tmp_path)
    assert recorder.n_epochs == 1
    record_epoch(recorder, some_logits()[1])
    assert epoch_of(tmp_path, 1)["id"].tolist() == IDS
    assert not (tmp_path / ".unfinished").exists()


@pytest.mark.parametrize(
    ("ids", "logits", "gold", "message"),
    [
        (["a"], [[1.0, 2.0, 3.0]], [3], "Gold labels must be classes from 0 to 2, not 3"),
        (["a"], [[1.0, np.nan, 3.0]], [0], "Logits are not finite for 1 of 1 instance: id 'a'"),
        (["a", "b"], [[1.0, 2.0, 3.0]], [0, 1], "give an id and a gold label per row"),
        (["a", 1], [[1.0, 2.0], [1.0, 3.0]], [0, 1], "must be all strings or all whole numbers"),
        (
            [str(i) for i in range(9)],
            np.full((9, 2), 0.5) + np.linspace(0, 0.4, 9)[:, None] * [1, -1],
            [0] * 9,
            "probab",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_and_forgotten(ids, logits, gold, message, tmp_path):
    recorder = ShardRecorder(tmp_path)
    with pytest.raises(DataError, match=message):
        record_and_end(recorder, ids, np.array(logits), gold)
    with pytest.raises(DataError):
        recorder.end_epoch()
    if recorder.n_classes == 3:
        record_epoch(recorder, some_logits()[0])
        assert epoch_of(tmp_path, 0)["id"].tolist() == IDS


def test_an_epoch_without_logits_is_refused(tmp_path):
    with pytest.raises(DataError, match="No logits were recorded in epoch 0"):
        ShardRecorder(tmp_path).end_epoch()


def test_probabilities_are_recorded_as_their_logarithms(tmp_path):
    recorder = ShardRecorder(tmp_path, values="probabilities")
    recorder.record(["a"], [[0.25, 0.75]], [1])
    recorder.end_epoch()
    np.testing.assert_allclose(np.exp(np.stack(epoch_of(tmp_path, 0)["logits"])), [[0.25, 0.75]], rtol=1e-6)


def test_a_folder_of_something_else_is_refused(tmp_path):
    record_epoch(ShardRecorder(tmp_path / "logs"), some_logits()[0])
    with pytest.raises(StorageError, match=r"capture='end', not 'during'\. Give that, or another folder"):
        ShardRecorder(tmp_path / "logs", capture="during")
    with pytest.raises(StorageError, match="n_classes=3, not 4"):
        ShardRecorder(tmp_path / "logs", n_classes=4)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="is no folder of a ShardRecorder"):
        ShardRecorder(tmp_path)
    with pytest.raises(ConfigError, match="capture"):
        ShardRecorder(tmp_path / "new", capture="sometimes")


def test_a_missing_epoch_is_told(tmp_path):
    recorder = ShardRecorder(tmp_path)
    for epoch in some_logits():
        record_epoch(recorder, epoch)
    (tmp_path / "epoch_0001").rename(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="has the epochs 0, 2, so one is missing"):
        ShardRecorder(tmp_path)


@pytest.mark.parametrize("n_processes", [1, 2])
def test_a_problem_within_an_epoch_is_told_and_forgotten(n_processes, tmp_path, monkeypatch, caplog):
    """One process of several must not stop alone, where the others would wait for it."""
    monkeypatch.setattr("cal.dynamics.batches._BUFFER", 1)
    monkeypatch.setattr("cal.dynamics.shard_recorder.n_processes", lambda: n_processes)
    recorder = ShardRecorder(tmp_path)
    recorder.record(["a"], [[1.0, 2.0, 0.0]], [9])
    if n_processes == 1:
        with pytest.raises(DataError, match="not 9"):
            recorder.record(["b"], [[1.0, 2.0, 0.0]], [0])
    else:
        recorder.record(["b"], [[1.0, 2.0, 0.0]], [0])
        assert "This epoch will be refused when it ends." in caplog.text
    recorder.record(["c"], [[1.0, 2.0, 0.0]], [0])
    with pytest.raises(DataError, match="not 9"):
        recorder.end_epoch()
    record_epoch(recorder, some_logits()[0])
    assert epoch_of(tmp_path, 0)["id"].tolist() == IDS


def test_empty_batches_are_nothing(tmp_path):
    recorder = ShardRecorder(tmp_path)
    recorder.record([], np.zeros((0, 3)), [])
    with pytest.raises(DataError, match="No logits were recorded"):
        recorder.end_epoch()
    record_epoch(recorder, some_logits()[0])
    recorder.record([], np.zeros((0, 3)), [])
    record_epoch(recorder, some_logits()[1])
    assert recorder.n_epochs == 2


def test_after_rewinding_to_nothing_anything_may_follow(tmp_path):
    recorder = ShardRecorder(tmp_path)
    record_epoch(recorder, some_logits()[0])
    recorder.rewind(0)
    other = ShardRecorder(tmp_path, capture="during")
    other.record(["a", "b"], np.eye(2), [0, 1])
    other.end_epoch()
    assert (other.n_epochs, other.n_classes) == (1, 2)


def test_many_instances_with_few_classes_are_written_early(tmp_path, monkeypatch):
    monkeypatch.setattr("cal.dynamics.batches._MOST", 3)
    recorder = ShardRecorder(tmp_path)
    record_epoch(recorder, some_logits()[0])
    assert len(list(epoch_folders(tmp_path)[0].iterdir())) == 2
