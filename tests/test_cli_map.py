"""`cal map` and `cal map-diff`, as a user meets them."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cal.cli import main
from cal.dynamics.jsonl import write_epoch

FORBIDDEN_IN_HELP = ["torch", "numpy", "pandas", "sklearn", "matplotlib", "plotly", "hydra", "omegaconf"]
LABELS = ("number", "person")  # of the corpus in conftest.py


@pytest.fixture(scope="module")
def train(corpus_file):
    """train(folder, *overrides): the exit code of drawing a small map."""
    small = ["dataset=files", f"dataset.path={corpus_file}", "features.n_components=8", "learner.hidden=[8]"]

    def run(folder, *overrides):
        return main(["map", *small, "learner.lr=0.01", "workers=1", f"output={folder}", *overrides])

    return run


@pytest.fixture(scope="module")
def maps(train, tmp_path_factory):
    """Maps a and b of two models, of two seeds each."""
    folder = tmp_path_factory.mktemp("maps")
    assert train(folder / "a", "seeds=2", "n_epochs=3") == 0
    assert train(folder / "b", "seeds=2", "n_epochs=6") == 0
    return folder


@pytest.mark.parametrize("command", ["map", "map-diff", "select", "weights", "suspects", "audit"])
def test_help_imports_nothing_heavy(command):
    code = (
        f"import sys; from cal.cli import main\ntry: main(['{command}', '--help'])\nexcept SystemExit: pass\n"
        f"print([m for m in {FORBIDDEN_IN_HELP} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith(f"usage: cal {command}")
    assert out.rstrip().endswith("[]")


def test_a_map_of_two_seeds_has_every_file(maps):
    files = {str(path.relative_to(maps / "a")) for path in (maps / "a").rglob("*") if path.is_file()}
    tables = {"config.yaml", "map.json", "map.parquet", "map.csv", "map.html", "seeds.parquet", "td_metrics.jsonl"}
    tables.add("curves.npy")
    assert files == tables | {f"figures/data_map.{suffix}" for suffix in ("png", "pdf", "svg")}
    points = pd.read_csv(maps / "a" / "map.csv")
    assert len(points) == json.loads((maps / "a" / "map.json").read_text())["n_instances"]
    assert set(points["gold_label"]) == set(LABELS)
    assert points["text"].str.startswith("Who or what").all()


def test_n_epochs_is_the_learner_s_and_noted_with_versions(maps):
    about = json.loads((maps / "a" / "map.json").read_text())
    assert about["n_epochs"] == 3
    assert about["versions"]["torch"]
    assert about["corpus_fingerprint"]
    assert "n_epochs: 3\n" in (maps / "a" / "config.yaml").read_text().split("learner:")[1].split("logs:")[0]


def test_the_correlation_between_seeds_is_printed(train, tmp_path, capsys):
    assert train(tmp_path / "map", "seeds=[1,2,3]", "n_epochs=3", "capture=out_of_fold", "folds=2") == 0
    out = capsys.readouterr().out
    assert "Correlation between seeds, mean over pairs: confidence" in out
    assert "capture out_of_fold" in out
    assert str(tmp_path / "map" / "map.html") in out


def test_logs_are_drawn_with_the_texts_of_a_corpus(corpus_file, tmp_path, capsys):
    ids = [f"{label}-{i}" for label in LABELS for i in range(40)] + ["unknown"]
    gold = [0] * 40 + [1] * 40 + [0]
    rng = np.random.default_rng(0)
    for epoch in range(3):
        write_epoch(tmp_path / "logs", epoch, ids, rng.normal(size=(81, 2)) + np.eye(2)[gold], gold)
    words = [f"logs={tmp_path / 'logs'}", "dataset=files", f"dataset.path={corpus_file}", "region=data_iq"]
    assert main(["map", *words, f"output={tmp_path / 'map'}"]) == 0
    points = pd.read_csv(tmp_path / "map" / "map.csv").set_index("id")
    assert len(points) == 81
    assert pd.isna(points.loc["unknown", "text"])
    assert points["text"].notna().sum() > 50  # those of the train split
    assert points["gold_label"].tolist() == [["number", "person"][k] for k in gold]
    assert "capture during" in capsys.readouterr().out


def test_logs_of_other_classes_than_the_corpus_are_refused(corpus_file, tmp_path, capsys):
    write_epoch(tmp_path / "logs", 0, [5, 6], [[0.5, 1.0, 2.0], [2.0, 0.25, 1.0]], [0, 1])
    words = [f"logs={tmp_path / 'logs'}", "dataset=files", f"dataset.path={corpus_file}"]
    assert main(["map", *words, f"output={tmp_path / 'map'}"]) == 1
    assert "of 3 classes, and corpus has 2" in capsys.readouterr().err


def test_logs_need_no_corpus(tmp_path):
    for epoch in range(2):
        write_epoch(tmp_path / "logs", epoch, [5, 6], [[0.5, 1.0], [2.0, 0.25]], [0, 1])
    assert main(["map", f"logs={tmp_path / 'logs'}", f"output={tmp_path / 'map'}"]) == 0
    points = pd.read_parquet(tmp_path / "map" / "map.parquet")
    assert points["id"].tolist() == [5, 6]
    assert "text" not in points


def test_two_maps_are_compared(maps, tmp_path, capsys):
    assert main(["map-diff", str(maps / "a"), str(maps / "b"), "-o", str(tmp_path / "diff")]) == 0
    out = capsys.readouterr().out
    assert "From (rows) and to (columns)" in out
    assert "than seeds explain" in out
    moved = pd.read_csv(tmp_path / "diff" / "diff.csv")
    a, b = (pd.read_csv(maps / name / "map.csv").set_index("id") for name in ("a", "b"))
    np.testing.assert_allclose(moved["confidence_change"], (b["confidence"] - a["confidence"])[moved["id"]])
    assert (tmp_path / "diff" / "diff.html").exists()


def test_all_problems_of_a_configuration_are_said_at_once(train, tmp_path, capsys):
    wrong = ["capture=ende", "region=quantil", "folds=1", "seeds=0", "on_missing=x", "n_epochs=0", "typo=3"]
    assert train(tmp_path / "map", *wrong) == 1
    error = capsys.readouterr().err
    assert "7 problems" in error
    assert not (tmp_path / "map").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["map"], "(dataset=NAME on the command line), or logs=FOLDER"),
        (["map", "logs=/nowhere"], "/nowhere is not a folder"),
        (["map", "logs=/nowhere", "seeds=3"], "trains nothing"),
        (["map-diff", "a"], "takes two folders"),
        (["map-diff", "a", "b"], "There is no file or folder"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_1(words, expected, capsys):
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("cal: ")
    assert expected in captured.err


def test_a_folder_with_something_else_is_refused_before_training(train, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert train(tmp_path) == 1
    assert "is no folder of cal map: it has notes.txt" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
