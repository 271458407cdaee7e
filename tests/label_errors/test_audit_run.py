"""A run of `cal audit`: what lies in its folder, and that the same command goes on with it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
import yaml

import cal.label_errors.audit as module
from cal.errors import ConfigError, StorageError
from cal.label_errors.audit_run import check_audit, run_audit
from cal.learners.mlp import MLP

CONFIG = {
    "noise": ["uniform"],
    "rates": [0.1],
    "seeds": 2,
    "detectors": ["aum", "loss"],
    "folds": 2,
    "mend": ["aum"],
    "device": "cpu",
    "workers": 1,
}


@dataclass
class Read:
    """A reader of a corpus that is at hand."""

    corpus: Any

    def read(self):
        return self.corpus


@pytest.fixture(scope="module")
def built(make_task):
    corpus, features = make_task()
    return {"dataset": Read(corpus), "features": features, "learner": MLP(hidden=[8], n_epochs=3, lr=1e-2)}


@pytest.fixture(scope="module")
def run(built, tmp_path_factory):
    """The text of a run and its folder."""
    folder = tmp_path_factory.mktemp("runs") / "audit"
    return run_audit(CONFIG | {"output": str(folder)}, built), folder


def test_everything_is_in_the_folder(run):
    text, folder = run
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wanted = {
        "audit.json",
        "config.yaml",
        "scores.csv",
        "curves.csv",
        "accuracies.csv",
        "means.csv",
        "report.md",
        "report.html",
    }
    wanted |= {"figures/recall_uniform_10.png", "figures/recall_uniform_10.pdf"}
    wanted |= {f"wrong/{path.name}" for path in (folder / "wrong").glob("uniform-0.1-*.csv")}
    assert wanted <= found
    assert len(found - wanted) == 3  # two cells, and the lock
    assert text.endswith(str(folder / "report.html"))


def test_tables_are_the_frames_that_the_text_speaks_of(run):
    text, folder = run
    scores = pd.read_csv(folder / "scores.csv")
    mean = scores.loc[scores["detector"] == "aum", "average_precision"].mean()
    assert f"{mean:.3f}" in text
    assert len(pd.read_csv(folder / "accuracies.csv")) == 2 * 6
    assert yaml.safe_load((folder / "config.yaml").read_text()) == CONFIG | {"output": str(folder)}


def test_the_same_command_trains_nothing_again_and_says_the_same(run, built, monkeypatch):
    text, folder = run
    monkeypatch.setattr(module, "detect", None)
    before = (folder / "scores.csv").read_bytes()
    assert run_audit(CONFIG | {"output": str(folder)}, built) == text
    assert (folder / "scores.csv").read_bytes() == before


def test_single_values_are_lists_of_one():
    single = CONFIG | {"noise": "uniform", "rates": 0.1, "detectors": "aum", "mend": "aum"}
    given = check_audit(single)
    assert (given.noises, given.rates, given.detectors, given.mend) == (["uniform"], [0.1], ["aum"], ["aum"])


def test_a_folder_of_something_else_is_left_alone(built, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(StorageError, match="is no folder of cal audit"):
        run_audit(CONFIG | {"output": str(tmp_path)}, built)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_problems_of_a_configuration_are_listed_together():
    with pytest.raises(ConfigError) as refused:
        check_audit(CONFIG | {"noise": ["unifrom"], "detectors": ["amu"], "mend": []})
    assert len(refused.value.problems) == 2
