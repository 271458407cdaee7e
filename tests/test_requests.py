"""Requests: one object per command, whose parameters are defined once, checked once and resolved once."""

import inspect
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

import cal
from cal import registry
from cal.active.options import LoopOptions
from cal.cli import main
from cal.commands import COMMANDS
from cal.config import compose
from cal.errors import ConfigError
from cal.learners.compute import resolve_device
from cal.request import help_of
from cal.seeds import list_seeds

CONFIGURED = {name: registry.find_target(command.request) for name, command in COMMANDS.items() if command.request}
FUNCTIONS = {
    name: getattr(cal, name) for name in ("simulate", "map", "select", "weights", "suspects", "correct", "audit")
}
CONF = Path(__file__).parents[1] / "conf"
LSA = ["features=lsa", "features.n_components=8"]
QUICK = ["learner.hidden=[8]", "learner.n_epochs=2", *LSA, "workers=1", "device=cpu", "-q"]


@pytest.fixture(scope="module")
def map_folder(corpus_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("map") / "map"
    assert main(["map", "dataset=files", f"dataset.path={corpus_file}", *QUICK, f"output={folder}"]) == 0
    return folder


def calls_of(functions, run):
    """How often each function is called while `run` runs, however it was imported, by its name and first argument."""
    codes = {function.__code__: function.__name__ for function in functions}
    counts = Counter()

    def watch(frame, event, argument):
        if event == "call" and frame.f_code in codes:
            of = frame.f_locals.get("where", frame.f_locals.get("specs", ""))
            counts[codes[frame.f_code], str(of)] += 1

    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(None)
    return counts


WORDS = {
    "simulate": [
        "experiment=smoke",
        "strategies=[random,entropy,{mix: {dal: .5, cal: .5}}]",
        "stopping=[expected_gain]",
    ],
    "map": ["seeds=2"],
    "suspects": ["seeds=1", "folds=2"],
    "audit": ["seeds=1", "folds=2", "noise=uniform", "rates=.1", "detectors=[aum]"],
}


@pytest.mark.parametrize("command", WORDS)
def test_a_command_checks_and_builds_each_thing_once(command, corpus_file, tmp_path, blank_pictures):
    words = [
        command,
        *WORDS[command],
        "dataset=files",
        f"dataset.path={corpus_file}",
        *QUICK,
        f"output={tmp_path / 'o'}",
    ]
    functions = [registry.build, resolve_device, list_seeds]
    counts = calls_of(functions, lambda: main(words))
    assert set(counts.values()) == {1}, counts
    assert {("resolve_device", ""), ("list_seeds", "")} <= counts.keys()
    built = {where for name, where in counts if name == "build"}
    assert {"dataset 'files'", "features 'lsa'", "learner"} <= built
    if command == "simulate":
        strategies = {"strategy 'random'", "strategy 'entropy'", "strategy 'dal'", "strategy 'cal'"}
        others = {"seed set 'stratified'", "query", "oracle", "stopping criterion 'expected_gain'"}
        assert built == {"dataset 'files'", "features 'lsa'", "learner"} | others | strategies


@pytest.mark.parametrize("command", CONFIGURED)
def test_every_parameter_has_a_help_text(command):
    silent = [name for name, (_, text) in help_of(CONFIGURED[command]).items() if not text]
    assert not silent


@pytest.mark.parametrize("command", CONFIGURED)
def test_help_shows_every_parameter_with_its_default(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = capsys.readouterr().out
    for name, (default, text) in help_of(CONFIGURED[command]).items():
        if name not in registry.GROUPS:
            assert f"\n  {name}: {'null' if default is None else ''}" in shown
            assert text.split()[0] in shown


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_every_parameter_of_its_request(name):
    signature = inspect.signature(FUNCTIONS[name])
    for parameter, (default, text) in help_of(CONFIGURED[name]).items():
        if parameter not in ("dataset", "map"):
            assert parameter in signature.parameters
            assert signature.parameters[parameter].default == default or parameter == "strategies"
            assert " ".join(text.split()[:3]) in " ".join(FUNCTIONS[name].__doc__.split()) or parameter == "strategies"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_command_and_the_function_have_the_same_vectors_and_learner(name):
    in_python = help_of(CONFIGURED[name])
    presets = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))["defaults"]
    chosen = {group: preset for line in presets if isinstance(line, dict) for group, preset in line.items()}
    for group in ("features", "learner"):
        assert chosen.get(group) == in_python.get(group, (None, ""))[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_misspelt_parameter_is_named_with_the_nearest(name):
    with pytest.raises(ConfigError, match=r"Unknown parameter 'outptu'.* Did you mean 'output'"):
        FUNCTIONS[name](None, outptu="x")


@pytest.mark.parametrize("command", ["simulate", "map", "suspects", "audit"])
def test_a_request_as_data_asks_for_the_same_again(command, corpus_file, tmp_path):
    first = compose(CONFIGURED[command], command, ["dataset=files", f"dataset.path={corpus_file}", *QUICK[:-1]])
    data = yaml.safe_load(yaml.safe_dump(first.as_data()))
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "again.yaml").write_text("# @package _global_\n" + yaml.safe_dump(data))
    again = compose(CONFIGURED[command], command, ["experiment=again"], tmp_path)
    assert again.as_data() == first.as_data()


def test_what_does_not_fit_together_is_refused_before_a_corpus_is_read(monkeypatch):
    monkeypatch.setattr("cal.learners.request.TrainingRequest.read_corpus", lambda *_: pytest.fail("read"))
    with pytest.raises(ConfigError) as refused:
        cal.simulate("docstrings", ["bald"], stop=True, rounds=-1, seed_set="nope", learner={"mlp": {"dropout": 0}})
    for expected in ("needs dropout", "'nope'", "give stopping=", "rounds must be"):
        assert sum(expected in problem for problem in refused.value.problems) == 1


def test_numbers_of_epochs_have_one_name_in_every_command():
    for request in CONFIGURED.values():
        if "learner" in help_of(request):
            made = request(learner="mlp", n_epochs=3, **NEEDED.get(request.__name__, {}))
            chosen = made.chosen() if isinstance(made, LoopOptions) else made
            assert chosen.learner.n_epochs == 3


NEEDED = {
    "SelectRequest": {"recipe": "al_uncertainty", "count": 3},
    "LearnRequest": {"project": "reviews.db"},
    "ServeRequest": {"project": "reviews.db", "learn": True},
    "AskRequest": {"unlabelled": "texts.csv"},
    "MapShardsRequest": {"shards": "corpus"},
    "ScoreRequest": {"shards": "corpus", "labelled": "labels.csv"},
    "MapsPlanRequest": {"shards": "corpus"},
    "ScoresPlanRequest": {"shards": "corpus", "labelled": "labels.csv"},
    "LabelStudioRequest": {"folder": "learned"},
    "CorrectRequest": {"dataset": {"files": {"path": "my.csv"}}, "corrections": "suspects.csv"},
}


def test_every_public_name_is_listed_and_lazy():
    assert set(cal.__all__) == set(dir(cal))
    for name in cal.__all__:
        assert getattr(cal, name) is not None
