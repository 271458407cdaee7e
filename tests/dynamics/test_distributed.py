"""Two real processes of torch.distributed record what one does."""

import json
import subprocess
import sys
from functools import cache

import pytest
import torch

import cal
from cal.dynamics.recorder import DynamicsRecorder

N, N_EPOCHS = 11, 3  # odd, so that a sampler for two processes must repeat an instance

LOOP = """
import json, sys
import torch, torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler
from cal.dynamics.recorder import DynamicsRecorder
from cal.errors import CalError

def logits_of(rows, epoch):
    return torch.sin(torch.outer(rows + 1.0, torch.tensor([1.0, 2.0, 3.0])) * (epoch + 1))

def name(rows):
    return rows if ids == "numbers" else [f"id {row}" for row in rows.tolist()]

rank, folder, ids, fault = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
torch.set_num_threads(1)
if rank >= 0:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
rows = torch.arange(int(sys.argv[5]))
sampler = DistributedSampler(rows, seed=1) if rank >= 0 else None
loader = DataLoader(rows, batch_size=2, sampler=sampler, generator=torch.Generator())
recorder = DynamicsRecorder(folder=f"{folder}/logs" if fault != "memory" else None)
said = ""
try:
    for epoch in range(int(sys.argv[6])):
        if sampler:
            sampler.set_epoch(epoch)
        batches = list(loader)
        if fault == "doubled" and epoch == 1 and rank == 1:
            batches.insert(0, batches[0])
        if fault == "last" and rank == 1:
            batches.append(batches[0])
        for batch in batches:
            recorder.record(name(batch), logits_of(batch, epoch), batch % 3)
        recorder.end_epoch()
        if fault == "rewind" and epoch == 1:
            recorder.rewind(2)
except CalError as error:
    said = type(error).__name__ + ": " + str(error)
frame = recorder.data_map().to_frame()
with open(f"{folder}/result-{rank}.json", "w") as file:
    json.dump({"map": frame.to_dict("list"), "said": said, "n_epochs": recorder.n_epochs}, file, default=str)
if rank >= 0:
    dist.barrier()
    dist.destroy_process_group()
"""


def run(folder, ranks, ids="numbers", fault=""):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LOOP, *map(str, (rank, folder, ids, fault, N, N_EPOCHS))],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ranks
    ]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(ranks), errors
    return [json.loads((folder / f"result-{rank}.json").read_text()) for rank in ranks]


@pytest.fixture(scope="module")
def of_one(tmp_path_factory):
    """of_one(ids): what one process records, run once for each kind of ids."""
    return cache(lambda ids: run(tmp_path_factory.mktemp("one"), [-1], ids)[0])


@pytest.mark.parametrize(
    ("ids", "fault"),
    [
        ("numbers", ""),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in (("strings", "memory"), ("numbers", "last"))),
        pytest.param("numbers", "rewind", marks=pytest.mark.slow),
    ],
)
def test_two_processes_draw_the_map_of_one(tmp_path, of_one, ids, fault):
    two, one = run(tmp_path, [0, 1], ids, fault), of_one(ids)
    assert len(one["map"]["id"]) == N
    for result in two:
        assert result["said"] == ""
        assert result["n_epochs"] == N_EPOCHS
        assert result["map"]["id"] == one["map"]["id"]
        for name in ("gold", "predicted", "confidence", "variability", "correctness", "aum", "el2n", "loss"):
            torch.testing.assert_close(
                torch.tensor(result["map"][name]), torch.tensor(one["map"][name]), rtol=0, atol=1e-6
            )
    if fault == "":
        assert DynamicsRecorder(folder=tmp_path / "logs").n_epochs == N_EPOCHS


def test_what_one_process_doubles_is_refused_by_all(tmp_path):
    for result in run(tmp_path, [0, 1], fault="doubled"):
        assert result["said"].startswith("RecordingError: Epoch 1 was not recorded. Ids recorded more than once: 2 (")
        assert result["n_epochs"] == 1


SHARDS = """
import sys
import torch, torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler
from cal.dynamics.shard_recorder import ShardRecorder
from cal.errors import DataError

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
rows = torch.arange(int(sys.argv[3]))
sampler = DistributedSampler(rows, seed=1)
loader = DataLoader(rows, batch_size=2, sampler=sampler)
recorder = ShardRecorder(f"{folder}/logs")
for epoch in range(int(sys.argv[4])):
    sampler.set_epoch(epoch)
    for batch in loader:
        logits = torch.sin(torch.outer(batch + 1.0, torch.tensor([1.0, 2.0, 3.0])) * (epoch + 1))
        recorder.record(batch, logits, batch % 3)
    recorder.end_epoch()
assert recorder.n_epochs == int(sys.argv[4])
if rank == 1:
    recorder.record([0], torch.zeros(1, 3), [7])
try:
    recorder.end_epoch()
    raise SystemExit(f"process {rank} ended an epoch with a label that is none")
except DataError as error:
    assert "not 7" in str(error), error
dist.barrier()
dist.destroy_process_group()
"""


def test_two_processes_record_into_shards_what_one_does(tmp_path, of_one):
    words = [[sys.executable, "-c", SHARDS, str(rank), str(tmp_path), str(N), str(N_EPOCHS)] for rank in range(2)]
    processes = [subprocess.Popen(each, stderr=subprocess.PIPE, text=True) for each in words]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    drawn = cal.map_shards(logs=tmp_path / "logs", output=tmp_path / "map", workers=1)
    rows, one = next(drawn.frames()).astype({"id": int}).sort_values("id"), of_one("numbers")["map"]
    assert rows["id"].tolist() == sorted(map(int, one["id"]))
    for name in ("gold", "predicted", "confidence", "variability", "correctness", "aum", "el2n", "loss"):
        expected = torch.tensor(one[name])[torch.tensor(list(map(int, one["id"]))).argsort()]
        torch.testing.assert_close(torch.tensor(rows[name].to_numpy()), expected, rtol=0, atol=1e-6, check_dtype=False)
