"""Suspects: what the object shows, and that its folder holds all of it."""

import csv
import html
import re

import numpy as np
import orjson
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

import cal
from cal.data.features import Features
from cal.errors import StorageError
from cal.exchange.spreadsheet import from_spreadsheet
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
    pd.testing.assert_frame_equal(loaded.problems, found.problems, check_dtype=False)
    assert (str(loaded), repr(loaded)) == (str(found), repr(found))
    assert loaded._repr_html_() == found._repr_html_()
    loaded.save(tmp_path / "again")
    for name in ("suspects.csv", "to_read.csv", "pairs.csv", "problems.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_a_table_that_a_spreadsheet_saved_is_loaded(trained, tmp_path):
    trained.save(tmp_path)
    rows = from_spreadsheet(tmp_path / "suspects.csv")
    for name in ("score", "p_label", "p_likely"):
        rows[name] = rows[name].str.replace(".", ",")
    rows.loc[2, "corrected"] = "per,son"
    rows.iloc[::-1].to_csv(tmp_path / "suspects.csv", sep=";", index=False, encoding="utf-16")
    loaded = Suspects.load(tmp_path).to_frame().iloc[::-1].reset_index(drop=True)
    assert loaded.loc[2, "corrected"] == "per,son"
    pd.testing.assert_frame_equal(loaded.assign(corrected=""), trained.to_frame(), check_dtype=False)


def test_a_list_of_an_older_version_is_to_be_made_again(trained, tmp_path):
    trained.save(tmp_path)
    about = orjson.loads((tmp_path / "suspects.json").read_bytes())
    for name in ("errors_if_like_random_flips", "no_p_wrong", "similar", "named"):
        del about[name]
    about |= {"estimate": None, "neighbours": "neighbours by the words of the texts"}
    (tmp_path / "suspects.json").write_bytes(orjson.dumps(about))
    with pytest.raises(StorageError, match=r"was written by an older version of cal\. Repeat cal suspects"):
        Suspects.load(tmp_path)
    trained.save(tmp_path)
    Suspects.load(tmp_path)


@pytest.mark.parametrize("column", ["verdict", "corrected"])
def test_a_list_does_not_replace_what_somebody_wrote(trained, tmp_path, column):
    trained.save(tmp_path)
    reads = from_spreadsheet(tmp_path / "to_read.csv")
    reads.loc[3, column] = "wrong"
    reads.to_csv(tmp_path / "to_read.csv", sep=";", index=False)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StorageError, match=r"to_read\.csv has 1 row with a verdict or a corrected label"):
        trained.save(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "to_read.csv").rename(tmp_path / "mine.csv")
    trained.save(tmp_path)


def test_the_table_begins_with_what_people_read_and_runs_nothing(trained, tmp_path):
    formula = "=HYPERLINK(1)"
    Suspects(trained.rows.assign(text=formula, label="-1"), trained.about).save(tmp_path)
    content = (tmp_path / "suspects.csv").read_bytes()
    assert content.startswith(b'\xef\xbb\xbf"row","id","text","label","likely","p_wrong","why","corrected","rank",')
    with (tmp_path / "suspects.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["text"], row["label"]) for row in rows} == {(f"'{formula}", "'-1")}
    assert [row["row"] for row in rows] == [str(number) for number in trained.rows["row"]]
    loaded = Suspects.load(tmp_path).to_frame()
    assert {*zip(loaded["text"], loaded["label"], strict=True)} == {(formula, "-1")}


def test_its_html_holds_no_markup_of_the_data(found):
    for markup in ("<script>", "<b>", "<i>"):
        assert markup not in found._repr_html_()


def test_the_plot_is_a_figure_with_pairs_of_labels(found):
    assert isinstance(found.plot(), Figure)
    assert len(found.plot().axes) == 2


def test_no_number_of_wrong_labels_and_no_probability_of_one_is_shown(found, tmp_path):
    found.save(tmp_path)
    page = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", (tmp_path / "suspects.html").read_text(), flags=re.S)
    for shown in (str(found), repr(found), html.unescape(found._repr_html_()), html.unescape(page)):
        assert not re.search(r"look wrong|% wrong|p_wrong|interval|estimate", shown)


def test_without_an_estimate_the_reason_is_in_the_manifest(trained):
    assert trained.about["no_p_wrong"] == "The class '<b>number</b>' has 12 labels; 30 are needed in each class."
    assert trained.about["errors_if_like_random_flips"] is None
    assert trained.to_frame()[["p_wrong", "p_low", "p_high"]].isna().all(axis=None)


def test_with_an_estimate_there_is_no_reason(estimated):
    assert estimated.about["no_p_wrong"] is None
    assert set(estimated.about["errors_if_like_random_flips"]) == {"n_errors", "n_errors_low", "n_errors_high"}
    assert estimated.to_frame()["p_wrong"].between(0, 1).all()


def test_rows_are_those_that_messages_name(trained):
    texts = dict(zip(trained.rows["row"], trained.rows["text"], strict=True))
    assert {number: text.split("?")[0] for number, text in texts.items()} == {
        n: f"{('How far', 'Who')[n % 2]} is it {n // 2}" for n in range(24)
    }


@pytest.mark.parametrize("n", [0, -1, 1.5, "5"])
def test_pairs_are_counted_among_a_whole_number_of_suspects(trained, n):
    assert trained.pairs(5)["n"].sum() == 5
    with pytest.raises(cal.CalError, match="n must be a whole number of at least 1 or null"):
        trained.pairs(n)


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
        assert f"empty in 24 of 24 rows. {found.about['no_p_wrong']} {advice}" in str(refused.value)
    with pytest.raises(cal.CalError, match=f"empty in 24 of 24 rows. {advice}"):
        cal.weights(data_map, by="mislabel", probabilities=found.to_frame())
    cal.weights(data_map, by="inverse_confidence")
    cal.select(data_map, recipe="without_suspects", fraction=0.5)


@pytest.mark.parametrize("given", [[0.1], np.zeros(3), {"a": 0.1}])
def test_what_has_no_ids_gives_no_weights(corpus, given):
    data_map = cal.map(corpus, n_epochs=2, seeds=1, workers=1, quiet=True)
    with pytest.raises(cal.CalError, match="probabilities must be Suspects, a data frame"):
        cal.weights(data_map, by="mislabel", probabilities=given)
