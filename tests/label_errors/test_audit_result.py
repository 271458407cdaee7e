"""AuditResult: what the object shows, and that its folder holds all of it."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

import cal
from cal.label_errors.audit_result import AuditResult
from cal.learners.mlp import MLP


@pytest.fixture(scope="module", params=[["aum"], []], ids=["cleaned", "not cleaned"])
def result(request):
    texts = [f"{start} is it {i}?" for i in range(20) for start in ("How far", "Who", "Where")]
    corpus = cal.Corpus.from_texts(texts, ["number", "person", "place"] * 20, test=0.2, name="<i>tiny</i>")
    given = {"noise": ["uniform", "annotator"], "rates": 0.1, "detectors": ["aum", "calibrated"], "workers": 1}
    learner = MLP(hidden=[4], n_epochs=2)
    return cal.audit(corpus, seeds=2, clean_by=request.param, learner=learner, quiet=True, **given)


def test_what_is_loaded_is_what_was_saved(result, tmp_path):
    result.save(tmp_path / "out")
    loaded = AuditResult.load(tmp_path / "out")
    for name in ("scores", "curves", "accuracies"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(result, name), check_dtype=False)
    pd.testing.assert_frame_equal(loaded.to_frame(), result.to_frame(), check_dtype=False)
    assert (str(loaded), repr(loaded)) == (str(result), repr(result))
    assert loaded._repr_html_() == result._repr_html_()


def test_its_html_holds_no_markup_of_the_data(result):
    assert "<i>" not in result._repr_html_()
    assert "average_precision" in result._repr_html_()


def test_the_plot_is_a_figure(result):
    assert isinstance(result.plot(), Figure)


def test_its_repr_is_one_line(result):
    assert repr(result) == "AuditResult of '<i>tiny</i>': 2 detectors, 4 injections"
