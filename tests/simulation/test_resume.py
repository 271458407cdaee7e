"""A simulation that was stopped, however it was stopped, ends as one that was not."""

import errno
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from cal.acquisition.cartography import Cal
from cal.data.features import Features
from cal.errors import StorageError
from cal.learners.mlp import MLP, MLPLearner
from cal.simulation.curves import LearningCurves
from cal.simulation.request import simulate
from cal.simulation.run_folder import Run, RunFolder

SCRIPT = """
import pickle, signal, sys
from dataclasses import asdict
from pathlib import Path

from cal.simulation.request import simulate

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell runs the tests in the background
    (corpus, features), arguments = pickle.loads(Path(sys.argv[1]).read_bytes())
    simulate(corpus, features=features, **arguments, output=sys.argv[2])
"""


@pytest.fixture(scope="module")
def finished(simulated, tmp_path_factory):
    """A folder of the whole simulation, and its curves."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, simulated(full_data=True, output=folder)


@pytest.fixture(scope="module")
def whole(finished):
    return finished[1]


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of that folder, to damage."""
    return shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)


def test_a_finished_simulation_is_not_done_again(simulated, assert_same, whole, tmp_path, monkeypatch):
    assert_same(simulated(full_data=True), whole)
    assert_same(simulated(full_data=True, output=tmp_path), whole)
    monkeypatch.setattr(MLP, "build", lambda *_: pytest.fail("trained again"))
    assert_same(simulated(full_data=True, output=tmp_path), whole)


@pytest.mark.parametrize("n_kept", [1, 3, 4])
def test_a_pool_that_ran_empty_ends_the_same(simulated, assert_same, tmp_path, n_kept):
    """Four rounds of the ten, all of which are finished when the pool is empty."""
    empty = {"query_size": 20, "rounds": 9}
    expected = simulated(**empty, output=tmp_path)
    assert len(expected.rounds) == 6 * 4
    for path in tmp_path.glob("rounds/*.jsonl"):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:n_kept]))
    assert_same(simulated(**empty, output=tmp_path), expected)


@pytest.mark.parametrize("cut", range(8))
def test_cut_anywhere_it_ends_the_same(simulated, assert_same, whole, copied, tmp_path, cut):
    """Each run's file is cut at some byte, most of them inside a line; a map may be lost with its record."""
    rng = np.random.default_rng(cut)
    for path in sorted(tmp_path.glob("rounds/*.jsonl")):
        size = int(rng.integers(0, path.stat().st_size + 1))
        os.truncate(path, size)
        if size == 0:
            path.unlink()
            for drawn in tmp_path.glob(f"maps/{path.stem}-*"):
                drawn.unlink()
    assert_same(simulated(full_data=True, output=tmp_path), whole)


@pytest.mark.parametrize("n_rounds", [0, 1, 2, 3])
def test_stopped_between_rounds_it_ends_the_same(simulated, assert_same, whole, copied, tmp_path, n_rounds):
    for path in tmp_path.glob("rounds/*.jsonl"):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:n_rounds]))
    assert_same(simulated(full_data=True, output=tmp_path), whole)


def test_what_the_last_batch_changed_is_the_same_after_an_interruption(simulated, assert_same, tmp_path):
    expected = simulated(strategies=["round_change"], output=tmp_path)
    for path in tmp_path.glob("rounds/*.jsonl"):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    assert_same(simulated(strategies=["round_change"], output=tmp_path), expected)


def test_rounds_of_an_unfinished_simulation_can_be_read(simulated, whole, copied, tmp_path):
    path = RunFolder(tmp_path).rounds_file(Run("entropy", 2))
    os.truncate(path, path.stat().st_size - 3)
    given = LearningCurves.load(tmp_path).rounds
    expected = whole.rounds[
        ~((whole.rounds.strategy == "entropy") & (whole.rounds.seed == 2) & (whole.rounds["round"] == 3))
    ]
    assert given.accuracy.tolist() == expected.accuracy.tolist()


@dataclass
class WarmMLP(MLP):
    """Perceptrons that start from the weights of the run's last round."""

    carries = True

    def build(self, inputs, n_classes, n_runs, device):
        return Warm(self, inputs, n_classes, n_runs, device)


class Warm(MLPLearner):
    def start(self, streams):
        if not self.net.flat.any():
            super().start(streams)


@pytest.mark.parametrize("n_kept", [0, 1, 3])
def test_what_a_learner_carries_from_round_to_round_is_there_after_a_stop(simulated, assert_same, tmp_path, n_kept):
    learner = WarmMLP(hidden=[8, 8], n_epochs=4, batch_size=8, lr=1e-2)
    expected = simulated(learner=learner, output=tmp_path, workers=1)
    fresh = simulated(workers=1).rounds.accuracy
    assert (
        expected.rounds.accuracy[expected.rounds["round"] == 0].tolist()
        == fresh[expected.rounds["round"] == 0].tolist()
    )
    assert expected.rounds.accuracy.tolist() != fresh.tolist()
    for path in tmp_path.glob("rounds/entropy*.jsonl"):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:n_kept]))
    assert_same(simulated(learner=learner, output=tmp_path, workers=1), expected)


# --- processes that are really killed


GATE = """
import time
from pathlib import Path


def held(pool):
    while Path(__file__).with_name("hold").exists() and pool.labelled.shape[-1] > 18:  # before its fourth round
        time.sleep(0.01)
    return pool.uniform("held")
"""
N_HELD = 2 + 2 * 3  # rounds when both workers wait: the first of random, and three of the strategy that waits
N_ROUNDS = 2 * 2 * 7


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """A folder with a strategy that waits there as long as it holds the file `hold`."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "gate_of_tests.py").write_text(GATE)
    (folder / "script.py").write_text(SCRIPT)
    sys.path.append(str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def slow(small, gate):
    """A simulation that two workers can be held in."""
    return small | {
        "strategies": [import_module("gate_of_tests").held, "random"],
        "query_size": 3,
        "rounds": 6,
        "workers": 2,
    }


@pytest.fixture(scope="module")
def uninterrupted(make_task, slow):
    corpus, features = make_task()
    return simulate(corpus, features=features, **slow | {"workers": 1})


def start(gate, make_task, slow, tmp_path, **how):
    """A process that simulates into tmp_path / "run"."""
    (tmp_path / "task.pickle").write_bytes(pickle.dumps((tuple(make_task()), slow)))
    command = [sys.executable, gate / "script.py", tmp_path / "task.pickle", tmp_path / "run"]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(gate), *sys.path])}
    return subprocess.Popen(command, stderr=subprocess.PIPE, env=env, **how)


@pytest.fixture
def started(gate, make_task, slow, tmp_path):
    """That process, when both of its workers wait in the middle."""
    (gate / "hold").touch()
    process = start(gate, make_task, slow, tmp_path)
    while n_rounds(tmp_path) < N_HELD:
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.01)
    yield process
    (gate / "hold").unlink(missing_ok=True)
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stderr.close()


def n_rounds(tmp_path):
    return sum(path.read_bytes().count(b"\n") for path in tmp_path.glob("run/rounds/*.jsonl"))


def finish(gate, make_task, slow, tmp_path):
    (gate / "hold").unlink(missing_ok=True)
    corpus, features = make_task()
    return simulate(corpus, features=features, **slow | {"workers": 1}, output=tmp_path / "run")


def test_killed_and_started_again_it_ends_the_same(
    started, gate, make_task, slow, uninterrupted, assert_same, tmp_path
):
    workers = worker_processes(started.pid)
    started.kill()  # SIGKILL: nothing can be tidied up
    started.wait()
    assert n_rounds(tmp_path) == N_HELD
    assert_same(finish(gate, make_task, slow, tmp_path), uninterrupted)
    assert_end(workers)  # the old workers did not live on beside the new ones


def worker_processes(parent):
    """From /proc; none where there is no such thing."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue  # it ended while we looked
        if int(fields[1]) == parent and b"LokyProcess" in command:
            found.append(status.parent)
    return found


def assert_end(processes):
    for process in processes:
        while (process / "stat").exists() and "LokyProcess" in (process / "cmdline").read_text():
            time.sleep(0.05)  # or this test never ends


def test_interrupted_and_started_again_it_ends_the_same(
    started, gate, make_task, slow, uninterrupted, assert_same, tmp_path
):
    workers = worker_processes(started.pid)
    started.send_signal(signal.SIGINT)
    assert started.wait() != 0
    assert n_rounds(tmp_path) == N_HELD
    assert_end(workers)
    assert_same(finish(gate, make_task, slow, tmp_path), uninterrupted)


def test_two_at_once_are_refused_and_the_first_is_left_alone(started, make_task, slow, tmp_path):
    corpus, features = make_task()
    before = (tmp_path / "run/config.yaml").read_bytes(), (tmp_path / "run/run.json").read_bytes()
    for changes in ({}, {"rounds": 2}):
        with pytest.raises(StorageError, match=r"Another command is writing to .*another output folder"):
            simulate(corpus, features=features, **slow | changes, output=tmp_path / "run")
    assert started.poll() is None
    assert ((tmp_path / "run/config.yaml").read_bytes(), (tmp_path / "run/run.json").read_bytes()) == before


def test_a_second_start_before_the_first_round_changes_nothing(simulated, make_task, small, tmp_path):
    """The first simulation holds the folder while it makes its vectors; it has no rounds yet."""
    corpus, features = make_task()

    class Slow:
        def compute(self, corpus):
            with pytest.raises(StorageError, match="Another command is writing"):
                simulated(rounds=1, output=tmp_path)
            assert not (tmp_path / "config.yaml").exists()
            return features

    simulate(corpus, features=Slow(), **small, output=tmp_path)


# --- a disk that is full


@pytest.mark.parametrize("torn", [0, 7], ids=["line whole", "line torn"])
@pytest.mark.parametrize("n_before", [0, 5, 11])
def test_a_full_disk_is_reported_and_the_rest_is_done_later(
    simulated, assert_same, whole, tmp_path, monkeypatch, n_before, torn
):
    left = [n_before]
    fsync = os.fsync

    def full(descriptor):
        if not Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".jsonl":
            return
        if left[0] == 0:
            if torn:
                os.ftruncate(descriptor, os.fstat(descriptor).st_size - torn)
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("cal.files.os.fsync", full)
        with pytest.raises(StorageError, match=r"No space left on device.*make room and rerun the same command"):
            simulated(full_data=True, output=tmp_path)
    assert_same(simulated(full_data=True, output=tmp_path), whole)


def test_a_write_that_fails_in_a_worker_process_is_reported(
    gate, make_task, slow, uninterrupted, assert_same, tmp_path
):
    """Files are limited to a size that the first rounds fit into, as on a disk that fills up."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))

    process = start(gate, make_task, slow, tmp_path, preexec_fn=limit)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "StorageError: Cannot write" in errors.decode()
    assert "make room and rerun the same command to resume" in errors.decode()
    assert 0 < n_rounds(tmp_path) < N_ROUNDS
    assert_same(finish(gate, make_task, slow, tmp_path), uninterrupted)


# --- another simulation


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learner": MLP(hidden=[8, 8], n_epochs=4, batch_size=8, lr=2e-2)}, r"learner\.lr: 0.01 -> 0.02"),
        ({"query_size": 6, "seed_size": 13}, "query_size: 5 -> 6; seed_size: 12 -> 13"),
    ],
    ids=str,
)
def test_another_configuration_is_refused_and_its_keys_named(simulated, tmp_path, changes, message):
    simulated(output=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(StorageError, match=rf"another simulation\. Different: .*{message}"):
        simulated(output=tmp_path, **changes)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_other_parameters_of_a_strategy_object_are_another_configuration(simulated, tmp_path):
    simulated(strategies=[Cal(hidden=8, n_epochs=2)], output=tmp_path)
    with pytest.raises(StorageError, match=r"holds more than is asked for: strategy Cal\("):
        simulated(strategies=[Cal(hidden=8, n_epochs=2, threshold=0.4)], output=tmp_path)


def test_other_documents_are_refused(simulated, make_task, tmp_path):
    simulated(output=tmp_path)
    with pytest.raises(StorageError, match="Different"):
        simulated(make_task(n_test=31), output=tmp_path)


def test_other_documents_with_the_same_vectors_are_refused(simulated, make_task, tmp_path):
    corpus, features = make_task()
    simulated((corpus, features), output=tmp_path)
    corpus.train.texts[0] += "!"
    del corpus.__dict__["fingerprint"]
    with pytest.raises(StorageError, match="Different: the documents of the corpus"):
        simulated((corpus, features), output=tmp_path)


def test_other_vectors_are_refused(simulated, make_task, tmp_path):
    simulated(output=tmp_path)
    corpus, features = make_task()
    with pytest.raises(StorageError, match="Different: the document vectors"):
        simulated((corpus, Features(features.train * 2, features.test)), output=tmp_path)


def test_number_of_workers_may_change_on_the_way(simulated, assert_same, whole, copied, tmp_path):
    for path in tmp_path.glob("rounds/*.jsonl"):
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert_same(simulated(full_data=True, workers=2, output=tmp_path), whole)


def test_a_folder_that_cannot_be_made_is_reported(simulated, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"Cannot read the folder .*Not a directory"):
        simulated(output=tmp_path / "file")


class ReadsTexts(MLP):
    """A learner whose inputs are not the vectors that it is given, as a transformer's."""

    reads_features = False
    own = None

    def inputs(self, corpus, features, needs=frozenset()):
        return self.own


def test_other_vectors_of_the_seed_set_are_refused_where_the_learner_reads_none(simulated, make_task, small, tmp_path):
    corpus, features = make_task()
    learner = ReadsTexts(**asdict(small["learner"]))
    learner.own = features
    given = {"learner": learner, "seed_set": "kmeans", "output": tmp_path}
    simulated((corpus, Features(features.train + 1, features.test)), **given)
    with pytest.raises(StorageError, match="Different: the document vectors"):
        simulated((corpus, Features(features.train * 2, features.test)), **given)


def test_maps_that_were_cut_off_while_they_were_written_are_removed(simulated, copied):
    left = copied / "maps" / ".entropy-4-0.parquet.9c8192fc"
    left.write_bytes(b"PAR1")
    simulated(full_data=True, output=copied)
    assert not left.exists()
    assert any((copied / "maps").iterdir())
