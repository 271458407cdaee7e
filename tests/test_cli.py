"""The command line, as a user meets it."""

import contextlib
import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cal import __version__
from cal.cli import main

SMOKE = ["simulate", "experiment=smoke", "dataset=files", "workers=1"]
OF_OTHER_COMMANDS = ["datasets", "deepsig", "gensim", "networkx", "plotly", "sympy", "transformers"]
FORBIDDEN_IN_HELP = [
    *["torch", "numpy", "pandas", "sklearn", "scipy", "matplotlib", "hydra", "omegaconf", "joblib", "pyarrow"],
    *OF_OTHER_COMMANDS,
]


@pytest.fixture(scope="module")
def corpus_file(tmp_path_factory):
    """A corpus of two kinds of sentence, in one csv file."""
    words = {"number": ["far", "many", "much", "long"], "person": ["wrote", "sang", "painted", "ruled"]}
    rows = [
        (
            f"{label}-{i}",
            f"Who or what {words[label][i % 4]} the {i % 13} {words[label][(i // 4) % 4]} thing {i}?",
            label,
        )
        for label in words
        for i in range(60)
    ]
    path = tmp_path_factory.mktemp("corpus") / "corpus.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text", "label"), *rows])
    return path


@pytest.fixture(scope="module")
def smoke(corpus_file):
    return [*SMOKE, f"dataset.path={corpus_file}", "features.n_components=8"]


@pytest.fixture(scope="module")
def finished(smoke, tmp_path_factory):
    """The folder of a finished simulation, and what its command printed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main([*smoke, "profile=true", f"output={folder}"]) == 0
    return folder, printed.getvalue()


@pytest.fixture
def run_folder(finished, tmp_path):
    """A copy of that folder, to change."""
    return shutil.copytree(finished[0], tmp_path / "runs" / "run")


def rows_of(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "words", [["--help"], ["simulate", "--help"], ["data", "-h"], ["report", "-h"], ["compare", "-h"], ["benchmark"]]
)
def test_help_is_complete_and_imports_nothing_heavy(words):
    code = (
        f"import sys; from cal.cli import main\ntry: main({words})\nexcept SystemExit: pass\n"
        f"print([m for m in {FORBIDDEN_IN_HELP} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.rstrip().endswith("[]")
    if words[0] in ("--help", "simulate"):
        for name in ("cal ", "bald", "least_confidence", "docstrings", "trec", "fasttext", "lsa"):
            assert name in out


def test_a_simulation_and_its_report_import_nothing_that_they_do_not_use(smoke, tmp_path):
    words = [*smoke, "strategies=[entropy]", "seeds=1", "rounds=1", "-q", f"output={tmp_path / 'run'}"]
    code = (
        f"import sys; from cal.cli import main; assert main({words}) == 0\n"
        f"print([m for m in {OF_OTHER_COMMANDS} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.rstrip().endswith("[]")


def test_python_m_cal_is_cal():
    out = subprocess.run([sys.executable, "-m", "cal", "--version"], capture_output=True, text=True, check=True).stdout
    assert out == f"cal {__version__}\n"


def test_simulate_leaves_tables_and_a_report(finished):
    folder, printed = finished
    assert str(folder / "report.html") in printed
    assert (folder / "report.html").stat().st_size > 10_000
    assert (folder / "report.md").exists()
    acquired, curves = rows_of(folder / "acquired.csv"), rows_of(folder / "curves.csv")
    assert list(acquired[0]) == ["strategy", "seed", "round", "id"]
    assert list(curves[0]) == ["strategy", "seed", "round", "n_labelled", "accuracy", "macro_f1"]
    assert len(curves) == 3 * 2 * 3
    assert len(acquired) == 3 * 2 * (24 + 2 * 12)


def test_the_same_command_again_changes_nothing(smoke, finished):
    folder, _ = finished
    before = {name: (folder / name).read_bytes() for name in ("acquired.csv", "curves.csv", "report.html", "report.md")}
    assert main([*smoke, "profile=true", f"output={folder}"]) == 0
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_a_changed_configuration_refuses_to_go_on_and_names_the_keys(smoke, run_folder, capsys):
    assert main([*smoke, f"output={run_folder}", "query_size=13", "learner.lr=0.5"]) == 1
    error = capsys.readouterr().err
    assert "query_size: 12 -> 13" in error
    assert "learner.lr" in error
    assert "rounds:" not in error  # the key, as it would be named


def test_without_output_an_unfinished_simulation_is_found_again(
    smoke, run_folder, blank_pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    folder = run_folder
    rounds = next((folder / "rounds").glob("cal-*.jsonl"))
    whole = rounds.read_bytes()
    rounds.write_bytes(whole[: len(whole) // 2])
    about = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({key: value for key, value in about.items() if key != "finished"}))
    main(smoke)
    assert list((tmp_path / "runs").iterdir()) == [folder]
    assert re.sub(rb'"seconds":{[^}]*}', b"", rounds.read_bytes()) == re.sub(rb'"seconds":{[^}]*}', b"", whole)
    main(smoke)
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_reports_of_several_folders_merge(smoke, run_folder, blank_pictures, tmp_path, capsys):
    main([*smoke, f"output={tmp_path / 'b'}", "strategies=[margin]", "profile=true"])
    assert main(["report", str(run_folder), str(tmp_path / "b"), "-o", str(tmp_path / "both")]) == 0
    assert {row["strategy"] for row in rows_of(tmp_path / "both" / "curves.csv")} == {
        "random",
        "entropy",
        "cal",
        "margin",
    }
    assert main(["report", str(run_folder), str(run_folder)]) == 1
    assert "both hold" in capsys.readouterr().err


def test_multirun_runs_every_combination(smoke, blank_pictures, tmp_path):
    folder = tmp_path / "sweep"
    assert main([*smoke, "-m", f"output={folder}", "query_size=5,6", "strategies=[random]", "seeds=1"]) == 0
    n_labelled = [[row["n_labelled"] for row in rows_of(folder / job / "curves.csv")] for job in ("0", "1")]
    assert n_labelled == [["24", "29", "34"], ["24", "30", "36"]]


def test_compare_names_the_better_method(tmp_path, capsys):
    scores = tmp_path / "scores.csv"
    scores.write_text(
        "strategy,seed,score\n" + "".join(f"a,{s},{0.8 + s / 1e3}\nb,{s},{0.6 + s / 1e3}\n" for s in range(12))
    )
    assert main(["compare", str(scores)]) == 0
    assert "a is better than b" in capsys.readouterr().out


def test_data_describes_a_corpus(corpus_file, capsys):
    assert main(["data", "dataset=files", f"dataset.path={corpus_file}"]) == 0
    out = capsys.readouterr().out
    assert "number" in out
    assert "person" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["simulat"], "Did you mean 'simulate'"),
        (["simulate", "--quite"], "--quite"),
        (["report"], "needs one or more run folders"),
        (["report", "nowhere"], "not the folder of a simulation"),
        (["compare"], "takes one file"),
        (["simulate", "dataset=files"], "dataset"),
        (["simulate", "dataset=files", "dataset.path=/nowhere.csv"], "/nowhere.csv"),
        (["simulate", "experiment=smoke", "output=/proc/nothing"], "/proc/nothing"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_1(words, expected, capsys):
    assert main(words) == 1
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.err.startswith("cal: ")
    assert "Traceback" not in captured.err


def test_seed_set_larger_than_the_corpus_is_refused_before_training(smoke, tmp_path, capsys):
    assert main([*smoke, "seed_size=500", f"output={tmp_path / 'run'}"]) == 1
    assert "seed_size is 500" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_benchmark_lists_what_can_be_measured_and_knows_no_other(capsys):
    assert main(["benchmark"]) == 0
    listed = capsys.readouterr().out
    for name in ("step", "aso", "grid", "peers", "strategies", "gpu"):
        assert f"\n  {name} " in listed
    assert "machine" not in listed.split("are listed.")[1].split()
    assert main(["benchmark", "machine"]) == 1
    assert main(["benchmark", "stpe"]) == 1
    assert "Did you mean 'step'?" in capsys.readouterr().err


@pytest.mark.slow
def test_benchmark_aso_is_one_json_object():
    words = [
        sys.executable,
        "-m",
        "cal",
        "benchmark",
        "aso",
        "--strategies",
        "2",
        "--scores",
        "5",
        "--bootstraps",
        "20",
    ]
    out = subprocess.run([*words, "--json"], capture_output=True, text=True, check=True).stdout
    result = json.loads(out)
    assert result["benchmark"] == "aso"
    assert result["seconds"] > 0
    assert result["deepsig_seconds"] > 0
    assert result["largest_difference"] < 0.5
    assert result["machine"]["torch"]


def test_profile_says_where_the_seconds_went(finished):
    folder, text = finished
    for phase in (
        "fit",
        "  steps",
        "acquire",
        "  predict",
        "all runs",
        "Elapsed seconds of the whole command: corpus",
    ):
        assert f"\n{phase}" in text or phase in text
    rows = rows_of(folder / "profile.csv")
    assert {"fit", "fit/steps", "evaluate", "acquire"} <= {row["phase"] for row in rows}


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_precision_is_the_learners(smoke, precision, capsys):
    assert main([*smoke, f"precision={precision}", "--cfg"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["learner"]["precision"] == config["precision"] == precision


def test_an_unknown_precision_is_refused(smoke, capsys):
    assert main([*smoke, "precision=fp16"]) == 1
    assert "precision must be float32, tf32 or bf16, not 'fp16'" in capsys.readouterr().err
