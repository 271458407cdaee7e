"""What the README says is true: its examples run, its names exist, its commands compose."""

import doctest
import re
import shlex
from pathlib import Path

import pytest
import yaml

from cal import registry
from cal.commands import COMMANDS
from cal.config import compose, compose_sweep, options
from cal.learners.scikit import Scikit
from cal.request import help_of
from cal.simulation.request import SimulationRequest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "code",
    re.findall(r"```python\n(.*?)```", README, re.DOTALL),
    ids=["simulate", "frame", "learner", "strategy", "scikit", "recorder", "aso", "decide"],
)
def test_python_examples_run(code, tmp_path, monkeypatch):
    import deepsig  # noqa: F401  as a user's script may: it makes dill everybody's pickler

    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_the_examples_with_scikit_learn_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "use_scikit_learn"}
    page = (ROOT / "docs" / "use_scikit_learn.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "use_scikit_learn.md", "exec"), names)
    assert names["data_map"].n_epochs == 1
    commands = re.search(r"```\n(cal .*?)```", page, re.DOTALL)[1]
    for line in commands.splitlines():
        _, command, *words = shlex.split(line)
        request = registry.find_target(COMMANDS[command].request)
        assert isinstance(compose(request, command, words).learner, Scikit)


LARGE = (ROOT / "docs" / "large_corpora.md").read_text(encoding="utf-8")


def test_the_examples_with_shards_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "large_corpora"}
    for code in re.findall(r"```python\n(.*?)```", LARGE, re.DOTALL):
        exec(compile(code, "large_corpora.md", "exec"), names)
    assert len(names["labelled"]) == 90
    assert sorted(path.name for path in (tmp_path / "map").iterdir() if path.is_file()) == [
        *("config.yaml", "map.html", "sample.parquet", "shards.json"),
    ]


@pytest.mark.parametrize("line", re.findall(r"^cal .*$", LARGE, re.MULTILINE))
def test_commands_on_shards_compose(line):
    pytest.importorskip("distributed")
    _, command, *words = shlex.split(line.replace("cal plan ", "cal plan_"))
    command = command.replace("plan_", "plan ")
    request = compose(registry.find_target(COMMANDS[command].request), command, words)
    assert request.shards or request.logs


@pytest.mark.parametrize(
    "line",
    re.findall(r"^cal (?:simulate|audit|correct|suspects|ask|score|map-shards) (?!--).*", README, re.MULTILINE),
)
def test_commands_compose(line):
    _, command, *words = shlex.split(line.split("   ")[0])
    how = compose_sweep if "-m" in words else compose
    assert how(registry.find_target(COMMANDS[command].request), command, [word for word in words if word != "-m"])


def test_every_strategy_is_listed():
    assert [name for name in registry.STRATEGIES if f"`{name}`" not in README] == []


def test_every_dataset_and_feature_is_listed_by_help(capsys):
    from cal.cli import main

    main(["--help"])
    out = capsys.readouterr().out
    groups = ("dataset", "features", "learner")
    assert [name for group in groups for name in options(group) if f"  {name} " not in out] == []


def test_linked_files_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_changelog_has_a_place_for_the_next_change():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_page_about_mending_labels_shows_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "mend_labels.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 20
    assert result.failed == 0
    (commands,) = re.findall(r"```\n(cal .*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for line in commands.splitlines():
        if line.startswith("cal ") and "--read" not in line:
            _, command, *words = shlex.split(line.split("   ")[0])
            assert compose(registry.find_target(COMMANDS[command].request), command, words)


def test_the_tour_shows_what_happens(blank_pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(ROOT / "docs" / "tour.md"), module_relative=False)
    assert result.attempted > 15
    assert result.failed == 0
    assert (tmp_path / "report" / "report.html").exists()


def test_the_page_about_labelling_with_others_shows_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "label_with_others.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 7
    assert result.failed == 0
    for folder in ("map", "suspects"):
        (tmp_path / folder).mkdir()
    text = page.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match("cal (annotate|map|suspects) ", line)]
    assert len(lines) > 5
    for line in lines:
        words = shlex.split(line.split("   ")[0])[1:]
        if words[0] == "annotate":
            words[:2] = [" ".join(words[:2])]
        given = [word for word in words[1:] if word not in ("--host", "0.0.0.0", "--learn")]
        assert compose(registry.find_target(COMMANDS[words[0]].request), words[0], given)
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_page_about_machine_labels_shows_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "check_machine_labels.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 30
    assert result.failed == 0
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("cal annotate ")]
    assert len(lines) == 4
    for line in lines:
        _, *words = shlex.split(line.split("   ")[0])
        command = " ".join(words[:2])
        assert compose(registry.find_target(COMMANDS[command].request), command, words[2:])


def test_the_page_about_annotation_shows_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "annotation.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 30
    assert result.failed == 0
    (tmp_path / "suspects").mkdir()
    commands, *_ = re.findall(r"```\n(cal .*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for line in commands.splitlines():
        words = shlex.split(line.split("   ")[0])
        if words[:2] == ["cal", "annotate"]:
            command, given = " ".join(words[1:3]), [word for word in words[3:] if word not in ("--from", "next.csv")]
            given += ["source=next.csv"] * ("--from" in words)
            assert compose(registry.find_target(COMMANDS[command].request), command, given)


def test_the_page_about_label_studio_gives_commands_and_links_that_are_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "label_studio.md"
    text = page.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("cal annotate label-studio ")]
    assert len(lines) > 1
    request = registry.find_target(COMMANDS["annotate label-studio"].request)
    for line in lines:
        words = [word for word in shlex.split(line)[3:] if word not in ("--host", "0.0.0.0")]
        assert compose(request, "annotate label-studio", words)
    told = dict(re.findall(r"`(\w+)=([\w.]+)`", text))
    for name in ("seed_set", "seed_size", "batch", "test_share"):  # their defaults
        assert help_of(request)[name][0] == yaml.safe_load(told[name]), name
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / link).exists(), link


def test_the_page_about_labelling_from_nothing_shows_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "label_from_nothing.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 30
    assert result.failed == 0
    text = page.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match("cal (annotate|ask|simulate) ", line)]
    assert len(lines) == 8
    for line in lines:
        words = shlex.split(re.split(" {3,}", line)[0])[1:]
        if words[0] == "annotate":
            words[:2] = [" ".join(words[:2])]
        given = ["learn=true" if word == "--learn" else word for word in words[1:]]
        assert compose(registry.find_target(COMMANDS[words[0]].request), words[0], given)
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["slurm", "kubernetes", "ssh_servers"])
def test_pages_about_clusters_can_be_followed(name, tmp_path):
    """Their files of configuration are read, their commands composed, and their examples run; no cluster is started."""
    pytest.importorskip("distributed")
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    (tmp_path / "cluster").mkdir()
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        (tmp_path / "cluster" / "ours.yaml").write_text(block)
    commands = re.findall(r"^cal simulate (.*)$", page, re.MULTILINE)
    assert commands
    for command in commands:
        words = shlex.split(command.replace("--config-dir conf ", ""))
        requests = compose_sweep(SimulationRequest, "simulate", [word for word in words if word != "-m"], tmp_path)
        assert all(request.cluster is not None for request in requests)
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, f"{name}.md", "exec"), {"__name__": "page"})
