"""docs/write_a_strategy.md: its examples run, and the package it ends in can be installed and used by name."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
    import cal
    from cal.dynamics.prediction_dynamics import PredictionDynamics
    from cal.dynamics.training_dynamics import TrainingDynamics

    table = PAGE.split("## What a pool shows")[1].split("Declare what you use")[0]
    names = {name.split("(")[0] for name in re.findall(r"`([a-z_]+)(?:\(.*?\))?`", table)}
    known = {*dir(cal.Pool), *dir(PredictionDynamics), *dir(TrainingDynamics), *TrainingDynamics.__annotations__}
    known |= {*dir(cal.DataMap), *cal.DataMap.__annotations__}
    # Set by __init__:
    known |= {"gold", "dynamics", "n_classes", "label_names", "round", "query_size", "batch_size", "precision"}
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


def cal(words, env, cwd):
    return subprocess.run([sys.executable, "-m", "cal", *words], env=env, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def smoke(corpus_file):
    """The words of a simulation that ends within seconds."""
    return ["simulate", "experiment=smoke", "dataset=files", f"dataset.path={corpus_file}", "features.n_components=8"]


def test_a_separate_package_runs_by_name(installed, smoke, tmp_path):
    """With it run an object and functions that the package offers."""
    words = ["strategies=[far,by_first,plain,made]", f"output={tmp_path / 'run'}", "workers=1", "rounds=1", "seeds=1"]
    run = cal([*smoke, *words], installed, tmp_path)
    assert run.returncode == 0, run.stderr
    assert "far" in run.stdout
    assert len(list((tmp_path / "run" / "rounds").glob("far-*.jsonl"))) > 0


def test_it_is_listed_and_shown(installed, tmp_path):
    table = cal(["strategies"], installed, tmp_path).stdout
    assert re.search(r"^far +2026 +distances +embeddings +Distance to the mean", table, re.MULTILINE)
    assert re.search(r"^broken .*package 'cal-far' cannot be loaded: half installed", table, re.MULTILINE)
    assert "cal_far.py" in cal(["strategies", "show", "far"], installed, tmp_path).stdout


def test_objects_and_functions_of_a_package_are_shown_too(installed, tmp_path):
    table = cal(["strategies"], installed, tmp_path).stdout
    assert re.search(r"^by_first .*First class first", table, re.MULTILINE)
    assert re.search(r"^plain .*First class last", table, re.MULTILINE)
    assert re.search(r"^Kind .*no description", table, re.MULTILINE)
    assert re.search(r"^number .*not a strategy", table, re.MULTILINE)
    assert len(re.findall(r"^margin ", table, re.MULTILINE)) == 1
    names = ["by_first", "plain", "Kind", "made"]
    code = f"from cal.cli import main; print(*(main(['strategies', 'show', name]) for name in {names}))"
    shown = subprocess.run([sys.executable, "-c", code], env=installed, cwd=tmp_path, capture_output=True, text=True)
    assert shown.stdout.count("cal_more.py") == len(names), shown.stdout + shown.stderr
    assert shown.stdout.endswith("0 0 0 0\n")


def test_it_keeps_the_laws(installed, tmp_path):
    assert cal(["check-strategy", "far"], installed, tmp_path).returncode == 0


def test_a_broken_package_is_named_only_when_asked_for(installed, smoke, tmp_path):
    run = cal([*smoke, "strategies=[random,broken]"], installed, tmp_path)
    assert run.returncode == 1
    assert "'broken' of the package 'cal-far' cannot be loaded: half installed" in run.stderr


def test_a_mistyped_name_suggests_it(installed, smoke, tmp_path):
    run = cal([*smoke, "strategies=[random,faar]"], installed, tmp_path)
    assert "Did you mean 'far'" in run.stderr


def test_a_strategy_in_a_file_here_is_checked_by_path(tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN)
    # As the installed command does it, which does not look for modules where one is.
    command = [sys.executable, "-P", "-m", "cal", "check-strategy", "mine:Far"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    run = cal(["check-strategy", "mine:Nothing"], os.environ, tmp_path)
    assert run.returncode == 1
    assert "Cannot import 'mine:Nothing'" in run.stderr


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
    from cal.cli import main

    assert main(words) == 1
    assert message in capsys.readouterr().err


def test_a_broken_law_is_an_exit_code(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import cal\n\n\n@cal.one_run\ndef by_place(pool):\n    return pool.generator().random(len(pool))\n"
    )
    run = cal(["check-strategy", "mine.by_place"], os.environ, tmp_path)
    assert run.returncode == 1
    assert re.search(r"BROKEN  ignores the order of the pool\n +\d+ of 24 choices change", run.stdout)
