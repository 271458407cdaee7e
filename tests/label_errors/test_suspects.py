"""Suspects: what the object shows, and that its folder holds all of it."""

import html

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

import cal
from cal.data.features import Features
from cal.label_errors.suspects import Suspects
from cal.learners.mlp import MLP

HOSTILE = "<script>alert('x')</script> \"quoted\", \n{{items}}"
LABELS = ["<b>number</b>", "per,son"]


@pytest.fixture(scope="module")
def corpus():
    texts = [f"{start} is it {i}? {HOSTILE}" for i in range(12) for start in ("How far", "Who")]
    return cal.Corpus.from_texts(texts, LABELS * 12, ids=[f"0{i}" for i in range(24)], name="<i>tiny</i>")


@pytest.fixture(scope="module")
def trained(corpus):
    given = {"seeds": 1, "folds": 2, "n": 3, "page": 4, "features": "lsa", "workers": 1, "quiet": True}
    return cal.suspects(corpus, learner=MLP(hidden=[4], n_epochs=2), **given)


@pytest.fixture(scope="module")
def of_a_map(corpus):
    return cal.suspects(cal.map(corpus, n_epochs=2, seeds=1, workers=1, quiet=True))


class Apart:
    """Vectors that tell apart two classes, by the number of the document."""

    def compute(self, corpus):
        right = np.array([int(instance_id) % 2 for instance_id in corpus.train.ids])
        noise = np.random.default_rng(0).normal(size=(len(right), 4))
        return Features((noise + 3 * np.eye(2, 4)[right]).astype(np.float32), None)


@pytest.fixture(scope="module")
def estimated():
    """Suspects of 80 documents with eight wrong labels, whose number can be estimated."""
    labels = [LABELS[(k + (k < 8)) % 2] for k in range(80)]
    corpus = cal.Corpus.from_texts([f"Text {k} {HOSTILE}" for k in range(80)], labels, ids=range(80), name="<i>n</i>")
    given = {"seeds": 1, "folds": 2, "n": 3, "page": 4, "workers": 1, "quiet": True}
    return cal.suspects(corpus, learner=MLP(hidden=[16], n_epochs=8, lr=1e-2), features=Apart(), **given)


@pytest.fixture(params=["trained", "of_a_map", "estimated"])
def found(request):
    return request.getfixturevalue(request.param)


def test_what_is_loaded_is_what_was_saved(found, tmp_path):
    found.save(tmp_path / "out")
    loaded = Suspects.load(tmp_path / "out")
    pd.testing.assert_frame_equal(loaded.to_frame(), found.to_frame(), check_dtype=False)
    assert (str(loaded), repr(loaded)) == (str(found), repr(found))
    assert loaded._repr_html_() == found._repr_html_()
    loaded.save(tmp_path / "again")
    for name in ("suspects.csv", "suspects.html"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_its_html_holds_no_markup_of_the_data(found):
    for markup in ("<script>", "<b>", "<i>"):
        assert markup not in found._repr_html_()


def test_the_plot_is_a_figure_with_probabilities_where_they_are_estimated(trained, of_a_map, estimated):
    assert isinstance(trained.plot(), Figure)
    assert [len(found.plot().axes) for found in (estimated, trained, of_a_map)] == [2, 1, 1]


def test_without_an_estimate_nothing_shows_a_number_or_a_probability_and_the_reason_is_said(trained, tmp_path):
    reason = trained.about["no_estimate"]
    assert reason == "The class '<b>number</b>' has 12 labels; 30 are needed in each class."
    assert trained.about["estimate"] is None
    assert trained.to_frame()[["p_wrong", "p_low", "p_high"]].isna().all(axis=None)
    trained.save(tmp_path)
    page, table = (tmp_path / "suspects.html").read_text(), pd.read_csv(tmp_path / "suspects.csv")
    for shown in (str(trained), html.unescape(trained._repr_html_()), html.unescape(page)):
        assert f"This is a ranking, with neither a number of wrong labels nor probabilities. {reason}" in shown
        assert "% wrong" not in shown
        assert "p_wrong" not in shown
    assert table[["p_wrong", "p_low", "p_high"]].isna().all(axis=None)


def test_a_list_of_an_older_version_gives_no_reason(trained):
    older = {name: value for name, value in trained.about.items() if name != "no_estimate"}
    said = "This is a ranking, with neither a number of wrong labels nor probabilities."
    assert Suspects(trained.rows, older).verdict.strip() == said


def test_with_an_estimate_there_is_no_reason(estimated):
    assert estimated.about["no_estimate"] is None
    assert estimated.verdict.startswith("About ")
    assert estimated.to_frame()["p_wrong"].between(0, 1).all()


def test_its_repr_is_one_line(found):
    assert "\n" not in repr(found)
    assert str(len(found)) in repr(found)


def test_a_folder_of_a_map_and_its_table_are_maps(corpus, tmp_path):
    data_map = cal.map(corpus, n_epochs=2, seeds=1, workers=1, quiet=True)
    data_map.save(tmp_path / "map")
    ids = cal.suspects(data_map).to_frame()["id"].tolist()
    assert cal.suspects(tmp_path / "map").to_frame()["id"].tolist() == ids
    assert cal.suspects(map=str(tmp_path / "map")).to_frame()["id"].tolist() == ids
    assert cal.suspects(map=data_map.to_frame()).to_frame()["id"].tolist() == ids


def map_of(suspects):
    """A map of the documents of a list."""
    n = len(suspects)
    logits = torch.randn(2, n, 2, generator=torch.Generator().manual_seed(0))  # (epoch, instance, class)
    dynamics = cal.TrainingDynamics.from_logits(logits, torch.zeros(n, dtype=torch.long))
    return cal.DataMap.of(dynamics, suspects.to_frame()["id"].tolist())


def test_probabilities_become_weights(estimated, tmp_path):
    data_map = map_of(estimated)
    estimated.save(tmp_path / "out")
    p_wrong = estimated.to_frame().set_index("id")["p_wrong"]
    right = 1 - p_wrong[data_map.ids].to_numpy()
    for given in (estimated, estimated.to_frame(), p_wrong, tmp_path / "out", tmp_path / "out" / "suspects.csv"):
        weights = cal.weights(data_map, by="mislabel", probabilities=given).to_frame()
        assert weights["id"].tolist() == data_map.ids
        np.testing.assert_allclose(weights["weight"], right / right.mean())


@pytest.mark.parametrize("which", ["trained", "of_a_map"])
def test_suspects_without_probabilities_give_no_weights_and_say_why(which, request, tmp_path):
    found = request.getfixturevalue(which)
    found.save(tmp_path / "out")
    data_map, advice = map_of(found), "Weigh by=variability or by=inverse_confidence instead, or leave suspects out"
    for given in (found, tmp_path / "out", tmp_path / "out" / "suspects.csv"):
        with pytest.raises(cal.CalError) as refused:
            cal.weights(data_map, by="mislabel", probabilities=given)
        assert f"empty in 24 of 24 rows. {found.about['no_estimate']} {advice}" in str(refused.value)
    with pytest.raises(cal.CalError, match=f"empty in 24 of 24 rows. {advice}"):
        cal.weights(data_map, by="mislabel", probabilities=found.to_frame())
    cal.weights(data_map, by="inverse_confidence")
    cal.select(data_map, recipe="without_suspects", fraction=0.5)


@pytest.mark.parametrize("given", [[0.1], np.zeros(3), {"a": 0.1}])
def test_what_has_no_ids_gives_no_weights(corpus, given):
    data_map = cal.map(corpus, n_epochs=2, seeds=1, workers=1, quiet=True)
    with pytest.raises(cal.CalError, match="probabilities must be Suspects, a data frame"):
        cal.weights(data_map, by="mislabel", probabilities=given)
