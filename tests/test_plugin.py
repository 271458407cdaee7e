"""docs/write_a_strategy.md: its examples run, and the package it ends in can be installed and used by name."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cal
from cal.cli import main
from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.dynamics.training_dynamics import TrainingDynamics

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "write_a_strategy.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|toml)\n(.*?)```", PAGE, re.DOTALL)
*EXAMPLES, PLUGIN = [code for language, code in BLOCKS if language == "python"]
(PROJECT,) = [code for language, code in BLOCKS if language == "toml"]


def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "page"}
    for code in EXAMPLES:
        exec(compile(code, "write_a_strategy.md", "exec", dont_inherit=True), namespace)


def test_what_a_pool_shows_is_there():
    table = PAGE.split("## What a pool shows")[1].split("Declare what you use")[0]
    names = {name.split("(")[0] for name in re.findall(r"`([a-z_]+)(?:\(.*?\))?`", table)}
    known = {*dir(cal.Pool), *dir(PredictionDynamics), *dir(TrainingDynamics), *TrainingDynamics.__annotations__}
    known |= {*dir(cal.DataMap), *cal.DataMap.__annotations__}
    # Set by __init__:
    known |= {"gold", "dynamics", "acquired_at", "n_classes", "label_names", "round", "query_size"}
    known |= {"batch_size", "precision"}
    known |= {"dropout", "random_state"}  # a need; an argument of scikit-learn's
    assert len(names) > 30
    assert names - known == set()


MORE = """import cal

@cal.one_run
def by_first(pool):
    '''First class first.'''
    return pool.probs[:, 0]

def plain(pool):
    '''First class last.'''
    return -pool.probs[..., 0]

class Kind(cal.Acquisition):
    def score(self, pool):
        return pool.probs[..., 0]

made, number = Kind(), 3
"""
OFFERS = "\n".join(f'{name} = "cal_more:{name}"' for name in ("by_first", "plain", "Kind", "made", "number", "margin"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of a process in which the page's package is installed.

    pip checks its dependencies, but takes them from what is installed here and from no index.
    """
    folder = tmp_path_factory.mktemp("plugin")
    package = folder / "package"
    package.mkdir()
    (package / "pyproject.toml").write_text(PROJECT)
    (package / "cal_far.py").write_text(PLUGIN)
    (package / "cal_broken.py").write_text("raise RuntimeError('half installed')\n")
    (package / "cal_more.py").write_text(MORE)
    text = (package / "pyproject.toml").read_text()
    (package / "pyproject.toml").write_text(
        text.replace('far = "cal_far:Far"', 'far = "cal_far:Far"\nbroken = "cal_broken:Broken"\n' + OFFERS)
        + '\n[tool.hatch.build.targets.wheel]\ninclude = ["*.py"]\n'
    )
    pip = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-index"]
    install = subprocess.run([*pip, "--prefix", folder, package], capture_output=True, text=True)
    assert install.returncode == 0, install.stderr
    (site,) = folder.glob("**/site-packages")
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))}


SHOWN = ["far", "by_first", "plain", "Kind", "made"]
RUNNER = """import contextlib, io, json, sys
from cal.cli import main

runs = {}
for name, words in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
        code = main(words)
    runs[name] = code, out.getvalue(), error.getvalue()
print(json.dumps(runs))
"""


@pytest.fixture(scope="module")
def runs(installed, corpus_file, tmp_path_factory):
    """Exit code, output and errors of commands that one process runs, in which the package is installed."""
    folder = tmp_path_factory.mktemp("runs")
    smoke = ["simulate", "experiment=smoke", "dataset=files", f"dataset.path={corpus_file}", "features.n_components=8"]
    few = [f"output={folder / 'run'}", "workers=1", "rounds=1", "seeds=1"]
    commands = {
        "simulate": [*smoke, "strategies=[far,by_first,plain,made]", *few],
        "strategies": ["strategies"],
        **{f"show {name}": ["strategies", "show", name] for name in SHOWN},
        "check": ["check-strategy", "far"],
        "broken": [*smoke, "strategies=[random,broken]"],
        "mistyped": [*smoke, "strategies=[random,faar]"],
    }
    run = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(commands),
        env=installed,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout) | {"folder": folder / "run"}


@pytest.mark.slow
def test_a_separate_package_runs_by_name(runs):
    """With it run an object and functions that the package offers."""
    code, out, error = runs["simulate"]
    assert code == 0, error
    assert "far" in out
    assert len(list((runs["folder"] / "rounds").glob("far-*.jsonl"))) > 0


@pytest.mark.slow
def test_it_is_listed_and_shown(runs):
    _, table, _ = runs["strategies"]
    assert re.search(r"^far +2026 +distances +embeddings +Distance to the mean", table, re.MULTILINE)
    assert re.search(r"^broken .*package 'cal-far' cannot be loaded: half installed", table, re.MULTILINE)
    assert "cal_far.py" in runs["show far"][1]


@pytest.mark.slow
def test_objects_and_functions_of_a_package_are_shown_too(runs):
    _, table, _ = runs["strategies"]
    assert re.search(r"^by_first .*First class first", table, re.MULTILINE)
    assert re.search(r"^plain .*First class last", table, re.MULTILINE)
    assert re.search(r"^Kind .*no description", table, re.MULTILINE)
    assert re.search(r"^number .*not a strategy", table, re.MULTILINE)
    assert len(re.findall(r"^margin ", table, re.MULTILINE)) == 1
    for name in SHOWN[1:]:
        code, out, error = runs[f"show {name}"]
        assert code == 0, error
        assert "cal_more.py" in out


@pytest.mark.slow
def test_it_keeps_the_laws(runs):
    assert runs["check"][0] == 0


@pytest.mark.slow
def test_a_broken_package_is_named_only_when_asked_for(runs):
    code, _, error = runs["broken"]
    assert code == 1
    assert "'broken' of the package 'cal-far' cannot be loaded: half installed" in error


@pytest.mark.slow
def test_a_mistyped_name_suggests_it(runs):
    assert "Did you mean 'far'" in runs["mistyped"][2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, which Python itself does not search for modules, as for an installed command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place not in ("", str(tmp_path))])
    yield tmp_path
    sys.modules.pop("mine", None)
    importlib.invalidate_caches()


def test_a_strategy_in_a_file_here_is_checked_by_path(here, capsys):
    (here / "mine.py").write_text(PLUGIN)
    assert main(["check-strategy", "mine:Far"]) == 0
    assert main(["check-strategy", "mine:Nothing"]) == 1
    assert "Cannot import 'mine:Nothing'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check-strategy"], "takes one strategy, not 0"),
        (["check-strategy", "{a"], "is not YAML"),
        (["check-strategy", "margn"], "Did you mean 'margin'"),
        (["strategies", "shw"], "show and one name"),
        (["strategies", "show", "margn"], "Did you mean 'margin'"),
    ],
)
def test_refusals_say_what_to_give(words, message, capsys):
    assert main(words) == 1
    assert message in capsys.readouterr().err


def test_a_broken_law_is_an_exit_code(here, capsys):
    (here / "mine.py").write_text(
        "import cal\n\n\n@cal.one_run\ndef by_place(pool):\n    return pool.generator().random(len(pool))\n"
    )
    with pytest.raises(SystemExit, match="1"):
        main(["check-strategy", "mine.by_place"])
    assert re.search(r"BROKEN  ignores the order of the pool\n +\d+ of 24 choices change", capsys.readouterr().out)
