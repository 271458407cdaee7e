"""AuditResult: what the object shows, and that its folder holds all of it."""

import shutil

import pandas as pd
import pytest
from matplotlib.figure import Figure

import cal
import cal.label_errors.audit_result as module
from cal.errors import StorageError
from cal.label_errors.audit_result import AuditResult
from cal.learners.mlp import MLP


@pytest.fixture(scope="module", params=[["aum"], []], ids=["cleaned", "not cleaned"])
def result(request):
    texts = [f"{start} is it {i}?" for i in range(20) for start in ("How far", "Who", "Where")]
    corpus = cal.Corpus.from_texts(texts, ["number", "person", "place"] * 20, test=0.2, name="<i>tiny</i>")
    given = {"noise": ["uniform", "confused"], "rates": 0.1, "detectors": ["aum", "calibrated"], "workers": 1}
    learner = MLP(hidden=[4], n_epochs=2)
    return cal.audit(corpus, seeds=2, clean_by=request.param, learner=learner, quiet=True, **given)


@pytest.fixture(scope="module")
def saved(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    result.save(folder / "out")
    return folder / "out"


def test_what_is_loaded_is_what_was_saved(result, saved):
    loaded = AuditResult.load(saved)
    for name in ("scores", "curves", "accuracies", "classes", "stability"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(result, name), check_dtype=False)
    pd.testing.assert_frame_equal(loaded.to_frame(), result.to_frame(), check_dtype=False)
    pd.testing.assert_frame_equal(loaded.class_recall(), result.class_recall(), check_dtype=False)
    assert (str(loaded), repr(loaded)) == (str(result), repr(result))
    assert loaded._repr_html_() == result._repr_html_()


def test_a_folder_of_an_older_version_is_read_without_what_it_lacks(result, saved, tmp_path, monkeypatch):
    folder = shutil.copytree(saved, tmp_path / "old")
    for name in ("classes.csv", "class_recall.csv", "stability.csv"):
        (folder / name).unlink()
    loaded = AuditResult.load(folder)
    assert [len(frame) for frame in (loaded.classes, loaded.stability, loaded.class_recall())] == [0, 0, 0]
    assert str(loaded).splitlines()[0] == str(result).splitlines()[0]
    assert "all classes" not in str(loaded)
    monkeypatch.setattr(module, "rendered", lambda figure: dict.fromkeys(("png", "pdf", "svg"), b"<svg/>"))
    monkeypatch.setattr("cal.label_errors.audit_report.recall_figure", lambda part: None)
    loaded.save(tmp_path / "again")
    assert str(AuditResult.load(tmp_path / "again")) == str(loaded)


def test_labels_that_look_like_numbers_or_nothing_stay_as_they_are(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "out")
    table = pd.read_csv(folder / "classes.csv")
    table.assign(label=["nan", "007", *table["label"][2:]]).to_csv(folder / "classes.csv", index=False)
    assert AuditResult.load(folder).classes["label"][:2].tolist() == ["nan", "007"]


def test_an_unknown_kind_of_noise_is_damage(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "out")
    text = (folder / "scores.csv").read_text()
    (folder / "scores.csv").write_text(text.replace("uniform", "unifrom"))
    with pytest.raises(StorageError, match=r"scores\.csv is damaged: noise is 'unifrom'"):
        AuditResult.load(folder)


def test_its_html_holds_no_markup_of_the_data(result):
    assert "<i>" not in result._repr_html_()
    assert "average_precision" in result._repr_html_()


def test_the_plot_is_a_figure(result):
    assert isinstance(result.plot(), Figure)


def test_its_repr_is_one_line(result):
    assert repr(result) == "AuditResult of '<i>tiny</i>': 2 detectors, 4 injections"
