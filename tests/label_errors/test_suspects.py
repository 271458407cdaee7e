"""Suspects: what the object shows, and that its folder holds all of it."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import cal
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
    given = {"seeds": 1, "folds": 2, "n": 3, "page": 4, "workers": 1, "quiet": True}
    return cal.suspects(corpus, learner=MLP(hidden=[4], n_epochs=2), **given)


@pytest.fixture(scope="module")
def of_a_map(corpus):
    return cal.suspects(cal.map(corpus, n_epochs=2, seeds=1, workers=1, quiet=True))


@pytest.fixture(params=["trained", "of_a_map"])
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
    html = found._repr_html_()
    for markup in ("<script>", "<b>", "<i>"):
        assert markup not in html


def test_the_plot_is_a_figure_with_probabilities_where_they_are_estimated(trained, of_a_map):
    assert isinstance(trained.plot(), Figure)
    assert (len(trained.plot().axes), len(of_a_map.plot().axes)) == (2, 1)


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


def test_probabilities_become_weights(corpus, trained, tmp_path):
    data_map = cal.map(corpus, n_epochs=2, seeds=1, workers=1, quiet=True)
    trained.save(tmp_path / "out")
    p_wrong = trained.to_frame().set_index("id")["p_wrong"]
    right = 1 - p_wrong[data_map.ids].to_numpy()
    for given in (trained, trained.to_frame(), p_wrong, tmp_path / "out", tmp_path / "out" / "suspects.csv"):
        weights = cal.weights(data_map, by="mislabel", probabilities=given).to_frame()
        assert weights["id"].tolist() == data_map.ids
        np.testing.assert_allclose(weights["weight"], right / right.mean())


@pytest.mark.parametrize("given", [[0.1], np.zeros(3), {"a": 0.1}])
def test_what_has_no_ids_gives_no_weights(corpus, given):
    data_map = cal.map(corpus, n_epochs=2, seeds=1, workers=1, quiet=True)
    with pytest.raises(cal.CalError, match="probabilities must be Suspects, a data frame"):
        cal.weights(data_map, by="mislabel", probabilities=given)
