"""Selection and Weights: what the objects show, and that their folders hold all of it."""

import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

import cal
from cal.errors import ConfigError, StorageError

N = 40
LABELS = ["<b>number</b>", 'per"son', "pla,ce"]


@pytest.fixture(scope="module")
def data_map():
    logits = 2 * torch.randn(4, N, 3, generator=torch.Generator().manual_seed(0))
    dynamics = cal.TrainingDynamics.from_logits(logits, torch.arange(N) % 3)
    return cal.DataMap.of(dynamics, [f"0{i}" for i in range(N)], label_names=LABELS, name="<i>tiny</i>")


@pytest.fixture(scope="module")
def corpus():
    texts = [f"<script>{start} is it {i}?" for i in range(20) for start in ("How far", "Who")]
    return cal.Corpus.from_texts(texts, ["number", "<b>person</b>"] * 20)


@pytest.fixture(params=["best", "without_suspects", "aflite"])
def selection(request, data_map, corpus):
    if request.param == "aflite":
        return cal.select(corpus, recipe="aflite", fraction=0.5)
    return cal.select(data_map, fraction=0.5, **({} if request.param == "best" else {"recipe": request.param}))


def test_a_loaded_selection_is_the_saved_one_but_for_texts(selection, tmp_path):
    selection.save(tmp_path / "out")
    loaded = cal.Selection.load(tmp_path / "out")
    saved = selection.to_frame().drop(columns="text", errors="ignore").reset_index(drop=True)
    pd.testing.assert_frame_equal(loaded.to_frame(), saved, check_dtype=False)
    assert (loaded.ids, str(loaded), repr(loaded)) == (selection.ids, str(selection), repr(selection))
    loaded.save(tmp_path / "again")
    for name in ("selected.csv", "manifest.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_every_selection_has_a_plot_also_when_loaded(selection, tmp_path):
    selection.save(tmp_path / "out")
    assert isinstance(selection.plot(), Figure)
    assert isinstance(cal.Selection.load(tmp_path / "out").plot(), Figure)


@pytest.mark.parametrize("by", ["variability", "inverse_confidence"])
def test_loaded_weights_are_the_saved_ones(data_map, tmp_path, by):
    weights = cal.weights(data_map, by=by)
    weights.save(tmp_path / "out")
    loaded = cal.Weights.load(tmp_path / "out")
    pd.testing.assert_frame_equal(loaded.to_frame(), weights.to_frame(), check_dtype=False)
    assert (str(loaded), repr(loaded)) == (str(weights), repr(weights))
    assert isinstance(loaded.plot(), Figure)


def test_html_holds_no_markup_of_the_data(selection, data_map):
    for html in (selection._repr_html_(), cal.weights(data_map)._repr_html_()):
        for markup in ("<script>", "<b>", "<i>"):
            assert markup not in html


def test_reprs_are_one_line(selection, data_map):
    assert "\n" not in repr(selection) + repr(cal.weights(data_map))


def test_a_map_its_table_and_its_folder_give_the_same(data_map, tmp_path):
    data_map.save(tmp_path / "map")
    ids = cal.select(data_map, count=9).ids
    assert [cal.select(given, count=9).ids for given in (data_map.to_frame(), tmp_path / "map")] == [ids, ids]
    assert cal.select(map=data_map, count=9).ids == ids
    weights = [cal.weights(given).to_frame()["weight"].tolist() for given in (data_map, data_map.to_frame())]
    assert weights[0] == weights[1]


def test_a_recipe_of_texts_says_what_it_needs(data_map):
    with pytest.raises(ConfigError, match="Give a corpus instead of a map"):
        cal.select(data_map, recipe="aflite", count=3)


@pytest.mark.parametrize("kind", [cal.Selection, cal.Weights])
def test_a_folder_of_something_else_cannot_be_loaded(kind, tmp_path):
    with pytest.raises(StorageError, match=r"manifest\.json is missing"):
        kind.load(tmp_path)
