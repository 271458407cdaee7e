"""The folder of `cal audit`, and that the same command resumes in it."""

import pandas as pd
import pytest
import yaml

import cal
import cal.label_errors.audit as module
from cal.errors import ConfigError, StorageError
from cal.label_errors.audit_result import AuditResult
from cal.learners.mlp import MLP

GIVEN = {
    "noise": ["uniform"],
    "rates": [0.1],
    "seeds": 2,
    "detectors": ["aum", "loss"],
    "folds": 2,
    "clean_by": ["aum"],
    "device": "cpu",
    "workers": 1,
}


@pytest.fixture(scope="module")
def audit(make_task):
    corpus, features = make_task()
    learner = MLP(hidden=[8], n_epochs=3, lr=1e-2)

    def run(**changes):
        return cal.audit(corpus, features=features, learner=learner, **GIVEN | changes)

    return run


@pytest.fixture(scope="module")
def run(audit, tmp_path_factory):
    """The text of a run and its folder."""
    folder = tmp_path_factory.mktemp("runs") / "audit"
    return str(audit(output=folder)), folder


def test_everything_is_in_the_folder(run):
    _, folder = run
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wanted = {
        "audit.json",
        "config.yaml",
        "scores.csv",
        "curves.csv",
        "accuracies.csv",
        "means.csv",
        "classes.csv",
        "class_recall.csv",
        "stability.csv",
        "report.md",
        "report.html",
    }
    wanted |= {"figures/recall_uniform_10.png", "figures/recall_uniform_10.pdf"}
    wanted |= {f"wrong/{path.name}" for path in (folder / "wrong").glob("uniform-0.1-*.csv")}
    assert wanted <= found
    assert len(found - wanted) == 4  # cells: two injections, and two trainings without any


def test_tables_are_the_frames_that_the_text_speaks_of(run):
    text, folder = run
    scores = pd.read_csv(folder / "scores.csv")
    mean = scores.loc[scores["detector"] == "aum", "average_precision"].mean()
    assert f"{mean:.3f}" in text
    assert len(pd.read_csv(folder / "accuracies.csv")) == 2 * 6
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert {name: config[name] for name in GIVEN} == GIVEN | {"seeds": [398048, 127003]}


def test_the_same_command_trains_nothing_again_and_says_the_same(run, audit, monkeypatch):
    text, folder = run
    monkeypatch.setattr(module, "detect", None)
    before = (folder / "scores.csv").read_bytes()
    assert str(audit(output=folder)) == text
    assert (folder / "scores.csv").read_bytes() == before


def test_what_is_loaded_is_what_was_saved(run):
    text, folder = run
    assert str(AuditResult.load(folder)) == text


def test_a_folder_of_something_else_is_left_alone(audit, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(StorageError, match="is no folder of cal audit"):
        audit(output=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_problems_are_listed_together(audit):
    with pytest.raises(ConfigError) as refused:
        audit(noise=["unifrom"], detectors=["amu"], clean_by=[])
    assert len(refused.value.problems) == 2


def test_detectors_that_suit_no_document_are_left_out_unless_they_were_asked_for():
    alike = cal.Corpus.from_texts(["the same text"] * 20, ["a", "b"] * 10, ids=range(20))
    few = {"noise": "uniform", "rates": 0.1, "seeds": 1, "folds": 2, "clean_by": [], "stability": False}
    few |= {"features": "lsa", "learner": MLP(hidden=[2], n_epochs=1), "workers": 1}
    result = cal.audit(alike, **few)
    assert {"consensus", "aum"} <= set(result.scores["detector"])
    assert not {"stack", "logistic", "ridge", "neighbours"} & set(result.scores["detector"])
    told = "stack, logistic, ridge and neighbours are left out: all documents have the same vectors and words."
    assert told in str(result)
    with pytest.raises(ConfigError, match=r"stack cannot be used: .*Leave it out"):
        cal.audit(alike, detectors=["aum", "stack"], **few)
