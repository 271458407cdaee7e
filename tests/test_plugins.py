"""Nothing of a configuration runs before it is known to be what it should be."""

from pathlib import Path

import pytest

from cal.cli import main
from cal.config import compose
from cal.errors import ConfigError
from cal.simulation.request import SimulationRequest

PROGRAM = "{_target_:subprocess.Popen,args:[touch,{ran}]}"
EXITING = """
import sys

import cal


class Scores(cal.Acquisition):
    def score(self, pool):
        sys.exit(0)


class Made(cal.Acquisition):
    def __init__(self):
        sys.exit(0)


class Needs(cal.Acquisition):
    @property
    def needs(self):
        sys.exit(0)

    def score(self, pool):
        return 0


def function(pool):
    sys.exit(0)
"""


@pytest.fixture
def ran(tmp_path):
    """A file that nothing may make."""
    path = tmp_path / "ran"
    yield path
    assert not path.exists()


def problems_of(*overrides, **options):
    with pytest.raises(ConfigError) as caught:
        compose(SimulationRequest, "simulate", overrides, **options)
    return " ".join(caught.value.problems)


@pytest.mark.parametrize(
    "word",
    [
        "strategies=[%s]",
        "strategies=[{mine: %s}]",
        "strategies=[{prefilter: {by: %s, then: margin}}]",
        "seed_set=%s",
        "stopping=[%s]",
        "stopping=[{any_of: [%s]}]",
        "learner.hidden=%s",
        "+learner._target_=subprocess.Popen",
        "+features._target_=subprocess.Popen",
    ],
)
def test_nothing_is_called_that_is_no_strategy(ran, word):
    assert problems_of(word.replace("%s", PROGRAM.replace("{ran}", str(ran))))


@pytest.mark.parametrize("path", ["os.system", "subprocess.run", "builtins.exit", "cal.MLP", "unittest.TestCase"])
def test_only_strategies_and_functions_of_a_pool_can_be_had_by_path(path):
    assert "is not a strategy but" in problems_of(f"strategies=[{{_target_: {path}}}]")


@pytest.mark.parametrize(
    "words", [["check-strategy", "subprocess.Popen"], ["check-strategy", "!!python/object/apply:os.system [exit]"]]
)
def test_check_strategy_calls_nothing_else(words, capsys):
    assert main(words) == 1
    assert "not a strategy but" in (told := capsys.readouterr().err) or "not YAML" in told


FILES = {
    "hydra": "hydra: {callbacks: {x: {_target_: subprocess.Popen, args: [touch, RAN]}}}\nrounds: 1",
    "object": "seeds: !!python/object/apply:os.system ['touch RAN']",
    "strategy": "strategies: [{_target_: subprocess.Popen, args: [touch, RAN]}]",
}


def written(folder, group, name, content):
    path = folder / group / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_configuration_runs_nothing(ran, tmp_path, name):
    content = "# @package _global_\n" + FILES[name].replace("RAN", str(ran))
    folder = written(tmp_path / "it's mine", "experiment", "one", content)
    words = ["simulate", f"experiment={'one'}", "--config-dir", str(folder), "--cfg"]
    assert main(words) == (0 if name == "hydra" else 1)


@pytest.mark.parametrize("key", ["estimator", "transformer"])
def test_an_estimator_that_is_none_is_not_made(ran, tmp_path, key):
    group = {"estimator": "learner", "transformer": "features"}[key]
    content = f"kind: scikit\n{key}: subprocess.Popen\nparameters: {{args: [touch, {ran}]}}"
    folder = written(tmp_path / "mine", group, "evil", content)
    assert "not an estimator of scikit-learn" in problems_of(f"{group}=evil", config_dir=folder)


@pytest.mark.parametrize("word", ["hydra.callbacks.x._target_=subprocess.Popen", "hydra/launcher=joblib"])
def test_settings_of_hydra_are_refused(word):
    assert "is a setting of Hydra" in problems_of(word)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"# @package _global_\na: [1,\nb: }", "one.yaml"),
        (b"# @package _global_\n# caf\xe9", "one.yaml is not in UTF-8"),
        (b"", "# @package _global_"),
        (b"- 1", "# @package _global_"),
        (b"# @package _global_\ndefaults:\n  - /experiment: one", "includes itself"),
        (b"# @package _global_\nseeds: ${oc.env:NOPE}", "NOPE"),
    ],
    ids=["YAML", "Latin-1", "empty", "list", "circle", "interpolation"],
)
def test_a_file_that_cannot_be_composed_is_explained(tmp_path, content, told):
    folder = written(tmp_path, "experiment", "one", content)
    assert told in problems_of("experiment=one", config_dir=folder)


def test_a_plug_in_that_exits_is_an_error_that_names_it(tmp_path, monkeypatch, capsys, corpus_file):
    Path(tmp_path / "exiting_plugin.py").write_text(EXITING)
    Path(tmp_path / "exiting_module.py").write_text("import sys\nsys.exit(0)")
    monkeypatch.syspath_prepend(tmp_path)
    small = [f"output={tmp_path / 'out'}", "seeds=1", "rounds=1", "seed_size=10", "query_size=5", "n_epochs=1"]
    small += ["dataset=files", f"dataset.path={corpus_file}", "full_data=false", "workers=1"]
    for name in ("exiting_plugin.Scores", "exiting_plugin.Made", "exiting_plugin.Needs", "exiting_plugin.function"):
        assert main(["simulate", *small, f"strategies=[{{_target_: {name}}}]"]) == 1
        told = capsys.readouterr().err
        assert "exiting_plugin.py calls sys.exit(0)" in told
    assert main(["simulate", *small, "strategies=[{_target_: exiting_module.A}]"]) == 1
    assert "exiting_module.py calls sys.exit(0)" in capsys.readouterr().err
