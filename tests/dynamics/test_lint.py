"""Every fault of foreign logs is found, in its place, with what to do."""

import json
from pathlib import Path

import numpy as np
import pytest

from cal.cli import main
from cal.dynamics.jsonl import write_epoch
from cal.dynamics.lint import lint_logs
from cal.errors import DataError

PUBLISHED = Path(__file__).resolve().parents[2] / "../shared/data/allenai/training_dynamics"


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for epoch in range(4):
        write_epoch(tmp_path, epoch, list(range(10)), rng.normal(size=(10, 3)), [0] * 10)
    return tmp_path


def change(folder, epoch, edit):
    path = folder / f"dynamics_epoch_{epoch}.jsonl"
    path.write_text("\n".join(edit(path.read_text().splitlines())) + "\n")


def line(folder, epoch, row, **changes):
    def edit(lines):
        lines[row] = json.dumps(json.loads(lines[row]) | changes)
        return lines

    change(folder, epoch, edit)


FAULTS = {
    "stray file": (lambda f: (f / ".DS_Store").write_text(""), ".DS_Store", 0, "not that of a log"),
    "stray folder": (lambda f: (f / "old").mkdir(), "old", 0, "this is a folder"),
    "unfinished file": (lambda f: (f / "dynamics_epoch_4.jsonl.part").write_text(""), ".part", 0, "not that of a log"),
    "gap": (lambda f: (f / "dynamics_epoch_1.jsonl").unlink(), "", 0, "up to epoch 3, but none of 1"),
    "first epochs": (
        lambda f: [(f / f"dynamics_epoch_{epoch}.jsonl").unlink() for epoch in (0, 1)],
        *("", 0, "but none of 0 to 1"),
    ),
    "two logs": (lambda f: (f / "dynamics_epoch_1.jsonl.gz").write_text(""), ".gz", 0, "another log of epoch 1"),
    "gold": (lambda f: line(f, 2, 4, gold=1), "epoch_2.jsonl", 5, "gold of id 4 is 1, and was 0 before"),
    "gold out of range": (lambda f: line(f, 2, 4, gold=3), "epoch_2.jsonl", 5, "gold is 3, but there are 3 logits"),
    "nan": (
        lambda f: line(f, 1, 9, logits_epoch_1=[float("nan"), 0.0, 0.0]),
        *("epoch_1.jsonl", 10, "NaN is not a number"),
    ),
    "width": (
        lambda f: line(f, 1, 9, logits_epoch_1=[0.0, 0.0]),
        "epoch_1.jsonl",
        10,
        "2 logits, but 3 in earlier lines",
    ),
    "width of an epoch": (
        lambda f: write_epoch(f, 2, list(range(10)), np.zeros((10, 4)), [0] * 10),
        *("epoch_2.jsonl", 1, "4 logits, but 3 in earlier epochs"),
    ),
    "colliding ids": (lambda f: line(f, 0, 3, guid="3"), "epoch_0.jsonl", 4, "the id '3' is of another kind"),
    "duplicate": (lambda f: change(f, 2, lambda rows: [*rows, rows[4]]), "epoch_2.jsonl", 11, "also in line 5"),
    "missing": (lambda f: change(f, 1, lambda rows: rows[:-2]), "epoch_1.jsonl", 0, "2 of 10 instances"),
    "partial last epoch": (lambda f: change(f, 3, lambda rows: rows[:3]), "epoch_3.jsonl", 0, "7 of 10 instances"),
    "late": (
        lambda f: change(f, 2, lambda rows: [*rows, rows[0].replace('"guid":0', '"guid":99')]),
        *("epoch_2.jsonl", 11, "1 id not in an earlier epoch, e.g. 99"),
    ),
    "other ids": (
        lambda f: write_epoch(f, 1, list(range(50, 60)), np.zeros((10, 3)), [0] * 10),
        *("epoch_1.jsonl", 0, "none of the 10 instances of earlier epochs is in this one"),
    ),
    "other kind of ids": (
        lambda f: write_epoch(f, 1, [str(i) for i in range(10)], np.zeros((10, 3)), [0] * 10),
        *("epoch_1.jsonl", 1, "ids look like '0', and in earlier epochs like 0"),
    ),
    "empty": (lambda f: (f / "dynamics_epoch_3.jsonl").write_text(""), "epoch_3.jsonl", 1, "the file is empty"),
    "damaged archive": (
        lambda f: (f / "dynamics_epoch_4.jsonl.gz").write_bytes(b"\x1f\x8b"),
        *("epoch_4.jsonl.gz", 1, "cannot be read from here"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_in_its_place(folder, name):
    damage, file, number, words = FAULTS[name]
    damage(folder)
    faults = lint_logs(folder).faults
    assert any(fault.path.name.endswith(file) and fault.line == number and words in fault.what for fault in faults)
    assert all(fault.remedy for fault in faults)


def test_all_faults_are_reported_not_only_the_first(folder):
    (folder / "notes.txt").write_text("")
    line(folder, 0, 1, guid=None)
    line(folder, 0, 2, gold=-1)
    line(folder, 2, 3, gold=1)
    (folder / "dynamics_epoch_1.jsonl").unlink()
    found = [(fault.path.name, fault.line) for fault in lint_logs(folder).faults]
    assert {("notes.txt", 0), (folder.name, 0), *(("dynamics_epoch_0.jsonl", n) for n in (2, 3))} <= set(found)
    assert ("dynamics_epoch_2.jsonl", 4) in found


def test_an_instance_in_a_line_that_cannot_be_read_is_not_called_missing(folder):
    line(folder, 1, 9, logits_epoch_1=[float("nan"), 0.0, 0.0])
    assert [fault.line for fault in lint_logs(folder).faults] == [10]


def test_many_faults_of_a_kind_are_counted(folder):
    for row in range(10):
        line(folder, 3, row, logits_epoch_3=[0.0, float("inf"), 0.0])
    report = lint_logs(folder)
    assert len(report.faults) == 10
    assert str(report).count("Infinity is not a number") == 3
    assert "dynamics_epoch_3.jsonl: ... and 7 more faults of this kind." in str(report)


def test_logs_in_order_are_summarised(folder):
    report = lint_logs(folder)
    assert report.faults == []
    assert str(report) == f"{folder}: no faults. 4 epochs, 10 instances, 3 classes; 10 instances are in every epoch."


def test_the_faults_are_a_table_too(folder):
    line(folder, 1, 9, logits_epoch_1=[float("nan"), 0.0, 0.0])
    report = lint_logs(folder)
    row = report.to_frame().iloc[0]
    assert (row["file"], row["line"], row["fault"]) == ("dynamics_epoch_1.jsonl", 10, "NaN is not a number")
    assert repr(report) == f"LogReport of {str(folder)!r}: 1 fault"
    assert "NaN is not a number" in report._repr_html_()


def test_a_folder_without_logs_is_a_fault(tmp_path):
    assert [fault.what for fault in lint_logs(tmp_path).faults] == ["there is no log"]


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        lint_logs(tmp_path / "none")


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published logs are not beside the checkout")
def test_the_published_samples_are_explained():
    faults = lint_logs(PUBLISHED).faults
    assert [fault.path.name for fault in faults] == [f"dynamics_epoch_{epoch}.jsonl" for epoch in range(1, 5)]
    assert all("none of the" in fault.what and "different instances" in fault.remedy for fault in faults)


def test_the_command_tells_by_its_exit_code(folder, capsys):
    assert main(["lint-logs", str(folder)]) == 0
    assert "no faults" in capsys.readouterr().out
    (folder / "stray").write_text("")
    with pytest.raises(SystemExit, match="1"):
        main(["lint-logs", str(folder)])
    assert "1 fault." in capsys.readouterr().out


def test_the_command_says_what_it_takes(capsys):
    assert main(["lint-logs"]) == 1
    assert "takes one folder of logs, not 0" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="0"):
        main(["lint-logs", "--help"])
    assert "usage: cal lint-logs FOLDER" in capsys.readouterr().out
