"""Benchmarks answer for help at once, say what they measured as one JSON object, and name the peers they lack."""

import ast
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "experiments" / "benchmarks"
TREC = FOLDER.parents[2] / "shared" / "data" / "trec"
PARTS = {"machine", "page_projects", "peers_worker"}  # of other scripts
SCRIPTS = sorted({path.stem for path in FOLDER.glob("*.py")} - PARTS)
NO_PEERS = ["--peers", str(FOLDER / "nowhere" / "python")]


def run(name, *words, interpreter=()):
    """A script in a process of its own; returns what came of it."""
    command = [sys.executable, *interpreter, str(FOLDER / f"{name}.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


def result_of(name, *words):
    """The one JSON object on stdout."""
    done = run(name, *words, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["benchmark"] == name
    assert result["machine"]["cores"] >= 1
    return result


def assert_measured(*values):
    assert all(isinstance(value, int | float) and math.isfinite(value) and value > 0 for value in values), values


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_says_in_one_line_what_it_measures(name):
    docstring = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8")))
    assert docstring.splitlines()[0].endswith(".")


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_there_without_torch(name):
    done = run(name, "--help", interpreter=("-X", "importtime"))
    assert done.returncode == 0
    assert done.stdout.startswith("usage: ")
    assert "argparse" in done.stderr  # so that what is looked for is what is listed
    assert not [
        line for line in done.stderr.splitlines() if line.rpartition("|")[2].strip() in ("torch", "cal.learners.nn")
    ]


def test_the_machine_is_described(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import machine

    described = machine.describe()
    assert_measured(described["cores"], described["memory_gb"])
    assert all(described[key] for key in ("cpu", "platform", "python", "torch", "numpy", "date"))
    assert {"gpu", "load", "commit"} <= set(described)


@pytest.mark.slow
def test_starting_is_measured_and_peers_that_are_missing_are_named():
    startup = result_of("startup", "--repeats", 1, *NO_PEERS)
    for name in ("help", "simulate_help", "import", "strategies", "compare", "torch"):
        assert_measured(*(startup[f"{name}_{unit}"] for unit in ("seconds", "cpu_seconds", "mb")))
    assert [sentence.split()[0] for sentence in startup["missing"]] == ["small_text", "skactiveml", "baal"]
    assert startup["small_text_seconds"] is startup["baal_mb"] is None


@pytest.mark.slow
def test_growth_with_the_pool_is_measured_and_a_missing_peer_is_named():
    measured = result_of("pool_sizes", "margin", "averaged_margin", "--sizes", 300, 3000, *NO_PEERS)
    assert [row["strategy"] for row in measured["rows"]] == ["margin", "averaged_margin"]
    for row in measured["rows"]:
        assert [size["candidates"] for size in row["sizes"]] == [300, 3000]
        assert_measured(*(size["seconds"] for size in row["sizes"]), row["held_mb"])
        assert math.isfinite(row["growth_seconds"])
    assert {peer["reason"] for peer in measured["rows"][0]["peers"]} == {"missing"}
    assert [sentence.split()[0] for sentence in measured["missing"]] == ["skactiveml", "small_text"]


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "said"), [(["--limit", 1e-6], "over 1e-06 s"), (["--memory", 0.01], "over 0.01 GB")])
def test_a_strategy_that_cannot_do_a_pool_is_not_tried_on_larger_ones(limit, said):
    (row,) = result_of("pool_sizes", "margin", "--sizes", 300, 600, 900, *limit, *NO_PEERS)["rows"]
    assert [(size["candidates"], size["reason"]) for size in row["sizes"]] == [(300, said)]


def test_the_exponent_of_growth_is_that_of_the_last_two_sizes(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import pool_sizes

    sizes = [10**4, 10**5, 10**6]
    assert pool_sizes.growth(sizes, [5.0, 2.0, 200.0]) == 2
    assert pool_sizes.growth(sizes, [3.0, 3.0]) == 0
    assert pool_sizes.growth(sizes, [3.0]) is None
    assert pool_sizes.growth(sizes, [3.0, 0.0]) is None  # nothing grows from nothing


@pytest.mark.slow
def test_filtering_is_measured_beside_scikit_learn():
    measured = result_of("aflite", "--instances", 500, "--peer-probes", 1)
    assert_measured(*(measured[key] for key in ("seconds", "probe_ms", "sklearn_probe_ms", "sklearn_ratio")))


@pytest.mark.slow
def test_herding_is_measured_beside_the_kernel_of_all_pairs():
    (row,) = result_of("herding", "--candidates", 500)["rows"]
    assert_measured(*(row[key] for key in ("seconds", "plain_seconds", "ratio")))
    assert row["same_choices"] == 1


@pytest.mark.slow
def test_lsa_is_measured_beside_scikit_learn():
    measured = result_of("lsa", "--texts", 1200, "--directions", 20)
    assert_measured(*(measured[key] for key in ("cal_seconds", "sklearn_seconds", "sklearn_arpack_seconds")))
    assert measured["cal_matching"] == 1


@pytest.mark.slow
def test_growth_is_measured_in_runs_candidates_classes_and_workers():
    scaling = result_of("scaling", "--quick", "--repeats", 1, "--device", "cpu")
    keys = {
        "runs": ["runs", "seconds", "seconds_per_run", "step_ms"],
        "pool": ["candidates", "seconds", "mb"],
        "classes": ["classes", "step_ms", "query_seconds"],
        "workers": ["workers", "seconds", "speed_up_ratio"],
    }
    for section, promised in keys.items():
        assert [list(row) for row in scaling[section]] == [promised] * len(scaling[section])
        assert_measured(*(value for row in scaling[section] for value in row.values()))


def test_libraries_that_an_interpreter_lacks_are_named(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(FOLDER)
    import strategies

    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\n")  # finds nothing
    bare.chmod(0o755)
    for python, why in {bare: "does not have it", tmp_path / "nowhere": "No such file"}.items():
        missing = strategies.missing_libraries(python)
        assert list(missing) == ["skactiveml", "small_text"]
        assert all(why in sentence for sentence in missing.values())


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """What a run of several benchmarks came to, one of which cannot run without data, and the folder it wrote into."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "logs.json").write_text("from before")
    return run("everything", "--quick", "--output", folder, "--skip-done", "grid", "logs", "step"), folder


def test_everything_keeps_what_ended_well(kept):
    done, folder = kept
    assert {path.name for path in folder.iterdir()} == {"logs.json", "step.json"}
    assert done.stdout.splitlines()[0].endswith("step.json")


def test_everything_leaves_alone_what_is_done(kept):
    done, folder = kept
    assert (folder / "logs.json").read_text() == "from before"
    assert done.stdout.splitlines()[1].endswith("was there")


def test_everything_says_what_failed(kept):
    done, _ = kept
    assert done.returncode == 1
    assert "failed: grid: no train.csv" in done.stdout.splitlines()[2]


def test_a_step_is_measured_beside_autograd_and_floors(kept):
    step = json.loads((kept[1] / "step.json").read_text())
    names = ("step", "autograd_step", "gemm_floor", "bandwidth_floor", "discriminator_step")
    assert_measured(*(step[f"{name}_ms"] for name in names), step["autograd_ratio"], step["gemm_ratio"])


@pytest.mark.slow
def test_ranking_made_up_documents_is_measured_and_finds_flipped_labels():
    measured = result_of("suspects", "--documents", 400, "--dimensions", 100)
    assert_measured(*(measured[key] for key in ("cpu_seconds", "wall_seconds", "mb")))
    assert 0.3 < measured["found_first"] <= 1


@pytest.mark.slow
def test_a_cluster_is_measured_beside_processes():
    if not TREC.exists():
        pytest.skip(f"{TREC} is not there.")
    measured = result_of("cluster", "--rounds", 1, "--repeats", 1, "--data", TREC)
    assert_measured(measured["processes_seconds"], measured["dask_seconds"], measured["dask_ratio"])
    assert measured["same_documents"]


@pytest.mark.slow
def test_a_project_is_measured_from_import_to_export():
    measured = result_of("annotation", "--documents", 300, "--draws", 10)
    for step in ("import", "queue", "status", "export_csv", "export_jsonl", "export_label_studio"):
        assert_measured(*(measured[f"{step}_{unit}"] for unit in ("wall_seconds", "cpu_seconds", "mb")))
    assert_measured(*(measured[f"{name}_{q}_ms"] for name in ("draw", "decide") for q in ("p50", "p95", "max")))


@pytest.mark.slow
def test_a_round_of_learning_is_measured_and_a_missing_peer_is_named():
    measured = result_of("learn", "--documents", 2000, "--dimensions", 20, *NO_PEERS)
    for step in ("read", "first", "round", "predict"):
        assert_measured(measured[f"{step}_seconds"], measured[f"{step}_mb"])
    assert measured["accuracy"] > 0.2
    assert [sentence.split()[0] for sentence in measured["missing"]] == ["scikit-activeml"]


@pytest.mark.slow
def test_the_page_is_measured():
    (measured,) = result_of("page", "--documents", 2000, "--decisions", 10)["results"]
    assert_measured(*(measured[f"first_view{kind}_s"] for kind in ("", "_at_once")), measured["lasso_ms"])
    assert_measured(measured["decide_p95_ms"], measured["tab_mb"], measured["heap_mb"], measured["server_mb"])
    assert measured["lasso_told"] == f"{measured['lasso_documents']} documents selected"


@pytest.mark.slow
def test_fine_tuning_is_measured_beside_the_trainer(tmp_path):
    for name, n in {"train": 40, "test": 8}.items():
        lines = [f"{name}{i},{('Who wrote', 'How far is')[i % 2]} thing {i} ?,{'ab'[i % 2]}" for i in range(n)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,text,label", *lines]))
    tiny = ["--epochs", 1, "--seeds", 1, "--batch-size", 16]
    measured = result_of("finetune", "--data", tmp_path, *tiny, "--kinds", "cal", "Trainer, bf16")
    assert [row["kind"] for row in measured["rows"]] == ["cal", "Trainer, bf16"]
    assert len({row["n_tokens"] for row in measured["rows"]}) == 1  # the same texts
    for row in measured["rows"]:
        assert_measured(row["cpu_seconds"], row["seconds"], row["n_tokens"], row["mb"])
        assert 0 <= row["accuracy"] <= 1


@pytest.mark.slow
def test_load_on_the_page_is_measured_and_nothing_is_lost():
    result = result_of("page_load", "--documents", 300, "--seconds", 3, "--reviewers", 3)
    assert result["decisions"] > 0
    assert result["heard"] > 0
    assert_measured(*(result[f"{name}_{key}_ms"] for name in ("decide", "next") for key in ("p50", "p95", "max")))
