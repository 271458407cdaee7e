import math
import os

import numpy as np
import pandas as pd
import pytest

from cal.errors import StorageError
from cal.simulation.identity import flat
from cal.simulation.run_folder import Run, RunFolder


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create({"rounds": 3, "learner": {"lr": 0.1}}, {"corpus_fingerprint": "fingerprint", "device": "cpu"})
    return folder


def record(round: int, **changes) -> dict:
    """A round that labels two documents."""
    batch = {"confidence": 0.5, "variability": 0.1, "correctness": 0.5}
    seconds = {"fit": 1.0, "evaluate": 0.1, "acquire": 0.1}
    scores = {"accuracy": 0.1 + 0.2, "macro_f1": 0.3, "batch": batch, "seconds": seconds, "notes": []}
    acquired = {"acquired": [f"a{round}", f"é{round}\n"], "scores": [1e-300, None]}
    which = {"strategy": "cal", "seed": 1, "round": round, "n_labelled": 3 + 2 * round}
    return {**which, **scores, **acquired, **changes}


def test_what_is_written_is_read(folder):
    records = [record(0, seed_set=["x", "y", "z"]), record(1)]
    for each in records:
        folder.append(Run("cal", 1), each)
    assert folder.records(Run("cal", 1)) == records


def test_configuration_and_origin_are_read_back(folder):
    assert folder.config() == {"rounds": 3, "learner": {"lr": 0.1}}
    assert folder.about() == {"corpus_fingerprint": "fingerprint", "device": "cpu"}


def test_a_run_without_rounds_has_no_records(folder):
    assert folder.records(Run("cal", 1)) == []


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_cut_short_does_not_count_and_is_mended(folder, cut):
    run = Run("cal", 1)
    folder.append(run, record(0))
    whole = folder.rounds_file(run).stat().st_size
    folder.append(run, record(1))
    os.truncate(folder.rounds_file(run), whole + cut)
    assert folder.records(run) == [record(0)]
    folder.cut(run, 2)
    assert folder.rounds_file(run).stat().st_size == whole
    folder.append(run, record(1))
    assert folder.records(run) == [record(0), record(1)]


def test_cutting_keeps_the_first_rounds(folder):
    run = Run("cal", 1)
    folder.cut(run, 3)  # nothing is there yet
    rounds = [record(round) for round in range(3)]
    for each in rounds:
        folder.append(run, each)
    for n in (3, 2, 0):
        folder.cut(run, n)
        assert folder.records(run) == rounds[:n]


def test_a_damaged_line_is_reported_with_its_file(folder):
    run = Run("cal", 1)
    folder.append(run, record(0))
    with folder.rounds_file(run).open("ab") as file:
        file.write(b"\0\0\0\0\n{}\n")
    with pytest.raises(StorageError, match=r"cal-1\.jsonl is damaged, line 2.*Remove it"):
        folder.records(run)


NAMES = [
    "cal",
    "cal(threshold=0.4)",
    "mix(dal=0.5,cal=0.5)",
    "a/b",
    "a_b",
    "a b",
    "../up",
    ".",
    "é",
    "x" * 300,
    "x" * 301,
]


def test_every_run_has_a_file_of_its_own_in_the_folder(folder):
    files = [folder.rounds_file(Run(name, seed)) for name in NAMES for seed in (1, 11)]
    assert len(set(files)) == len(files)
    for path in files:
        assert path.parent == folder.path / "rounds"
        path.write_text("")  # the file system accepts the name
        assert path.resolve().parent == (folder.path / "rounds").resolve()


def test_a_map_is_read_back(folder):
    columns = {"id": ["a", "b"], "gold": np.array([0, 1]), "confidence": np.array([0.25, 0.5], np.float32)}
    folder.write_map(Run("cal", 1), 0, columns)
    given = pd.read_parquet(folder.map_file(Run("cal", 1), 0))
    assert given.to_dict("list") == {"id": ["a", "b"], "gold": [0, 1], "confidence": [0.25, 0.5]}


def test_a_folder_that_is_gone_is_reported(folder):
    for path in sorted(folder.path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(StorageError, match="Cannot write"):
        folder.append(Run("cal", 1), {"round": 0})


def test_a_folder_of_something_else_is_reported(tmp_path):
    with pytest.raises(StorageError, match="is not the folder of a simulation"):
        RunFolder(tmp_path).config()


def test_a_nested_configuration_has_dotted_keys():
    assert flat({"a": {"b": {"c": 1}, "d": [1, 2]}, "e": math.inf}) == {"a.b.c": 1, "a.d": [1, 2], "e": math.inf}
