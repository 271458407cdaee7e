"""What a valid run folder is: everything else is refused with the file, the line and a way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cal.errors import StorageError
from cal.report.sweep import sweep_table
from cal.simulation.curves import LearningCurves
from cal.simulation.run_folder import Run, RunFolder


@pytest.fixture(scope="module")
def finished(simulated, tmp_path_factory):
    """The folder of a small simulation."""
    path = tmp_path_factory.mktemp("finished") / "run"
    simulated(strategies=["random"], seeds=[1], full_data=True, output=path)
    return path


@pytest.fixture
def folder(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


def records_of(folder: Path) -> tuple[Path, list[dict]]:
    path = RunFolder(folder).rounds_file(Run("random", 1))
    return path, [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, records: list) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def changed(**values):
    return lambda records: records[1].update(values)


def without(key):
    return lambda records: records[1].pop(key)


def swap(records):
    records[1], records[2] = records[2], records[1]


def acquire_again(records):
    records[1]["acquired"][0] = records[0]["seed_set"][0]


def acquire_twice(records):
    records[1]["acquired"][0] = records[1]["acquired"][1]


DAMAGES = {
    "a round is missing": (lambda records: records.pop(1), "line 2: it is round 2, where round 1 belongs"),
    "the first is missing": (lambda records: records.pop(0), "line 1: it is round 1, where round 0 belongs"),
    "two lines are swapped": (swap, "line 2: it is round 2"),
    "a line is there twice": (lambda records: records.insert(1, records[1]), "line 3: it is round 1"),
    "an id of the seed set is acquired": (acquire_again, "line 2: it labels 'train.*' a second time"),
    "an id is acquired twice": (acquire_twice, "line 2: it labels 'train.*' a second time"),
    "an accuracy of 9.9": (changed(accuracy=9.9), "line 2: accuracy is 9.9, not a number from 0 to 1"),
    "an accuracy below 0": (changed(macro_f1=-0.1), "macro_f1 is -0.1"),
    "no number": (changed(accuracy=None), "line 2: accuracy is None"),
    "a text for a number": (changed(accuracy="0.9"), "accuracy is '0.9'"),
    "a truth for a number": (changed(n_labelled=True), "n_labelled is True"),
    "another number of labels": (changed(n_labelled=99), "n_labelled is 99, but 17 were labelled by then"),
    "no accuracy": (without("accuracy"), "it has no accuracy"),
    "no batch": (without("batch"), "it has no batch"),
    "an empty batch": (changed(batch={}), "batch.confidence is 'absent'"),
    "no seconds": (changed(seconds={"fit": 1}), "seconds.evaluate is 'absent'"),
    "ids that are numbers": (changed(acquired=[1, 2, 3, 4, 5]), "its ids are not all text"),
    "scores without ids": (changed(scores=[]), "5 acquired ids, but not 5 numbers"),
    "another seed": (changed(seed=2), "it is of random with seed 2, not of random with seed 1"),
    "another strategy": (changed(strategy="cal"), "it is of cal"),
    "a round after the last": (changed(acquired=[], scores=[]), "line 3: it follows a round that acquired nothing"),
    "a list for an object": (lambda records: records.insert(1, [1]), "line 2: it is list, not an object"),
    "tests that are none": (changed(tests={"hans": {"accuracy": 2}}), "accuracy on hans is 2"),
    "criteria that are none": (changed(stopping={"met": 3}), "stopping is"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_named_with_its_line(folder, damage):
    change, message = DAMAGES[damage]
    path, records = records_of(folder)
    change(records)
    write(path, records)
    with pytest.raises(StorageError, match=rf"random-1\.jsonl is damaged, .*{message}.*Remove it, and rerun"):
        LearningCurves.load(folder)


@pytest.mark.parametrize("line", [b"\0\0\0\n", b"NaN\n", b'{"round": \n', b"\xff\xfe\n", b"\n"])
def test_a_line_that_is_no_json_is_named(folder, line):
    path, _ = records_of(folder)
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(StorageError, match=r"random-1\.jsonl is damaged, line 5: "):
        LearningCurves.load(folder)


def test_half_a_last_line_is_no_damage(folder):
    path, _ = records_of(folder)
    path.write_bytes(path.read_bytes()[:-20])
    assert LearningCurves.load(folder).rounds["round"].max() == 2


def test_the_advice_about_a_damaged_record_works(folder, simulated, assert_same):
    whole = LearningCurves.load(folder)
    path, records = records_of(folder)
    write(path, records[1:])
    again = {"strategies": ["random"], "seeds": [1], "full_data": True, "output": folder}
    with pytest.raises(StorageError, match="Remove it, and rerun the same command"):
        simulated(**again)
    path.unlink()
    assert_same(simulated(**again), whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda records: records[1]["acquired"].__setitem__(0, "unknown"), "it acquires 'unknown', which is unknown"),
        (lambda records: records[0]["seed_set"].__setitem__(0, "unknown"), "its seed set is a different one"),
    ],
)
def test_ids_that_the_corpus_lacks_are_named_when_a_run_goes_on(folder, simulated, change, message):
    path, records = records_of(folder)
    change(records)
    write(path, records[:2])
    with pytest.raises(StorageError, match=message):
        simulated(strategies=["random"], seeds=[1], full_data=True, output=folder)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 and more PAR1", None])
def test_a_damaged_map_is_named(folder, content):
    path = sorted((folder / "maps").iterdir())[0]
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2] if content is None else content)
    with pytest.raises(StorageError, match=rf"{path.name} is damaged: .*Remove it to do without it"):
        LearningCurves.load(folder)
    path.unlink()
    LearningCurves.load(folder)


def test_a_map_with_impossible_numbers_is_named(folder):
    import pandas as pd

    path = sorted((folder / "maps").iterdir())[0]
    pd.read_parquet(path).assign(confidence=5.0).to_parquet(path)
    with pytest.raises(StorageError, match="out of range"):
        LearningCurves.load(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", b"", "is damaged"),
        ("run.json", b"[1]", "holds no keys and values"),
        ("run.json", b'{"seeds": [1]}', "strategies is None"),
        ("run.json", b'{"strategies": ["random"], "seeds": ["1"]}', "seeds is"),
        ("run.json", b'{"strategies": ["random", "random"], "seeds": [1]}', "without repetition"),
        ("run.json", b'{"strategies": "random", "seeds": [1]}', "strategies is 'random'"),
        ("run.json", b'{"strategies": ["rand', "is damaged"),
        ("run.json", b'{"strategies": ["random"], "seeds": [1], "n_train": "60"}', "n_train is '60'"),
        ("config.yaml", b"", "holds no keys and values"),
        ("config.yaml", b"a: [", "is damaged"),
        ("config.yaml", b"\xff\xfe\x00", "is damaged"),
        ("config.yaml", b"\0\0\0", "is damaged"),
    ],
)
def test_a_damaged_companion_is_named(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(StorageError, match=rf"{name} is damaged.*{message if 'damaged' not in message else ''}"):
        LearningCurves.load(folder)


@pytest.mark.parametrize("name", ["run.json", "config.yaml", "rounds/random-1.jsonl", "maps/random-1-0.parquet"])
def test_a_folder_in_the_place_of_a_file_is_refused(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(StorageError, match=Path(name).name):
        LearningCurves.load(folder)


def test_a_damaged_job_is_no_unfinished_one(folder, tmp_path):
    sweep = tmp_path / "sweep"
    for job in "01":
        shutil.copytree(folder, sweep / job)
    assert sweep_table(sweep)["n_labelled"].tolist() == [27, 27]
    path, _ = records_of(sweep / "1")
    path.write_bytes(b"{}\n")
    with pytest.raises(StorageError, match=r"1/rounds/random-1\.jsonl is damaged, line 1"):
        sweep_table(sweep)
    path.write_bytes(b"{")  # interrupted within its first round
    assert sweep_table(sweep)["n_labelled"].isna().tolist() == [False, True]
