"""`cal suspects` from a request to its folder."""

import csv
import re

import numpy as np
import orjson
import pandas as pd
import pytest
import torch

from cal.data.corpus import Corpus, Split
from cal.data.features import Features
from cal.dynamics.data_map import DataMap
from cal.dynamics.suspicion import SUSPICION
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import ConfigError, DataError, StorageError
from cal.exchange.spreadsheet import from_spreadsheet
from cal.label_errors.detectors import detect
from cal.label_errors.suspects import Suspects
from cal.label_errors.suspects_request import SuspectsRequest
from cal.learners.grid import Setup
from cal.learners.mlp import MLP
from cal.maps.read import read_map

WORDS = {"number": ["far", "many", "much", "long"], "person": ["wrote", "sang", "painted", "ruled"]}
N, N_WRONG = 80, 8
SMALL = MLP(hidden=[16], n_epochs=8, lr=1e-2)


def make_corpus(n_wrong=N_WRONG, prefix="d"):
    """Documents of two classes, whose words tell them apart; the first labels are wrong."""
    gold = np.arange(N) % 2
    words = [list(WORDS.values())[label] for label in gold]
    texts = [f"Who or what {w[k % 4]} the {k % 13} {w[(k // 4) % 4]} thing {k}?" for k, w in enumerate(words)]
    gold[:n_wrong] = 1 - gold[:n_wrong]
    train = Split([f"{prefix}{k}" for k in range(N)], texts, gold)
    return Corpus(train, Split(["t"], ["Who wrote it?"], [1]), list(WORDS), name="tiny")


class Centres:
    """Vectors around the centre of the class that a document is of, whatever its label."""

    def compute(self, corpus):
        def vectors(split):
            numbers = [int(instance_id.strip("dt") or 1) for instance_id in split.ids]
            noise = np.random.default_rng(0).normal(size=(N, 4))
            return np.asarray([noise[k] + 3 * np.eye(2, 4)[k % 2] for k in numbers], np.float32)

        return Features(vectors(corpus.train), vectors(corpus.test))


def run(folder, corpus=None, **given):
    """What `cal suspects` prints."""
    usual = {"learner": SMALL, "workers": 1, "device": "cpu", "output": folder}
    return str(SuspectsRequest(**usual | given).run(corpus, quiet=True))


@pytest.fixture(scope="module")
def corpus():
    return make_corpus()


def test_vectors_are_computed_once(corpus, tmp_path):
    class Counted(Centres):
        n_computed = 0

        def compute(self, corpus):
            self.n_computed += 1
            return super().compute(corpus)

    vectors = Counted()
    run(tmp_path / "out", corpus, features=vectors, seeds=1, folds=2, n_epochs=1)
    assert vectors.n_computed == 1


@pytest.fixture(scope="module")
def map_folder(corpus, tmp_path_factory):
    """A map with correctness and loss of random logits."""
    logits = torch.randn(4, N, 2, generator=torch.Generator().manual_seed(0))
    dynamics = TrainingDynamics.from_logits(logits, torch.from_numpy(corpus.train.gold))
    folder = tmp_path_factory.mktemp("map") / "map"
    about = {"texts": corpus.train.texts, "label_names": corpus.label_names}
    DataMap.of(dynamics, corpus.train.ids, name="tiny", **about).save(folder)
    return folder


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    """The printed text and the folder of a run that trains."""
    folder = tmp_path_factory.mktemp("trained") / "out"
    return run(folder, corpus, features=Centres(), n=5, page=7, seeds=1, folds=2), folder


def listed(folder):
    return from_spreadsheet(folder / "suspects.csv")


@pytest.mark.parametrize("by", SUSPICION)
def test_a_map_is_listed_in_its_ranking(map_folder, tmp_path, by):
    run(tmp_path / "out", map=map_folder, by=by, neighbours=0)
    data_map = read_map(map_folder / "map.parquet")
    assert listed(tmp_path / "out")["id"].tolist() == [data_map.ids[k] for k in data_map.ranking(by)]


def test_folder_parquet_and_csv_of_a_map_give_the_same_list(map_folder, tmp_path):
    texts = set()
    for k, source in enumerate((map_folder, map_folder / "map.parquet", map_folder / "map.csv")):
        run(tmp_path / str(k), map=source)
        texts.add((tmp_path / str(k) / "suspects.csv").read_bytes())
    assert len(texts) == 1


def test_a_map_alone_has_neither_rows_nor_probabilities(map_folder, tmp_path):
    text = run(tmp_path / "out", map=map_folder, n=2)
    assert "similar texts by their words" in text
    rows = listed(tmp_path / "out")
    assert {*rows["p_wrong"], *rows["row"], *rows["p_label"]} == {""}
    assert (rows["why"] != "").all()
    about = orjson.loads((tmp_path / "out" / "suspects.json").read_bytes())
    assert about["errors_if_like_random_flips"] is None
    assert "rank a corpus instead of a map (dataset=NAME)" in about["no_p_wrong"]


def test_a_map_without_texts_has_no_neighbours_and_says_so(map_folder, tmp_path):
    bare = tmp_path / "bare.parquet"
    pd.read_parquet(map_folder / "map.parquet").drop(columns=["text", "gold_label", "predicted_label"]).to_parquet(bare)
    text = run(tmp_path / "out", map=bare)
    assert "no similar texts, because the map has no texts (give its corpus)" in text
    assert set(listed(tmp_path / "out")["neighbours"]) == {"[]"}
    assert set(listed(tmp_path / "out")["label"]) == {"0", "1"}


def test_a_dataset_gives_a_map_its_texts_and_vectors(map_folder, corpus, tmp_path):
    bare = tmp_path / "bare.parquet"
    pd.read_parquet(map_folder / "map.parquet").drop(columns=["text", "gold_label"]).to_parquet(bare)
    text = run(tmp_path / "out", corpus, map=bare, features=Centres())
    assert "80 labels of tiny in the order worth reading, by AUM; similar texts by features=Centres." in text
    texts = dict(zip(corpus.train.ids, corpus.train.texts, strict=True))
    rows = listed(tmp_path / "out")
    assert rows["text"].tolist() == [texts[instance_id] for instance_id in rows["id"]]
    assert set(rows["label"]) == set(WORDS)


def test_a_map_may_hold_any_texts(map_folder, tmp_path):
    texts = ["", None, '</script>"', "a\nb\r\n", "😀 é", "x" * 10_000]
    table = pd.read_parquet(map_folder / "map.parquet")
    table["text"] = [texts[k % len(texts)] for k in range(N)]
    table.to_parquet(tmp_path / "map.parquet")
    run(tmp_path / "out", map=tmp_path / "map.parquet")
    given = dict(zip(table["id"], table["text"].fillna(""), strict=True))
    with (tmp_path / "out" / "suspects.csv").open(newline="", encoding="utf-8-sig") as file:
        assert {row["id"]: row["text"] for row in csv.DictReader(file)} == given


def test_a_dataset_of_other_ids_is_refused(map_folder, tmp_path):
    with pytest.raises(DataError, match="80 of 80 ids of the map are not in the train split of tiny"):
        run(tmp_path / "out", make_corpus(prefix="other"), map=map_folder)


def test_a_training_ranks_as_its_detector_does(trained, corpus):
    found = detect(corpus, ["consensus", "loss"], Setup(SMALL, Centres(), workers=1), seeds=[398048], folds=2)
    score, loss = found["consensus"].score, found["loss"].score
    order = sorted(range(N), key=lambda k: (-score[k], -loss[k]))
    rows = listed(trained[1])
    assert rows["id"].tolist() == [corpus.train.ids[k] for k in order]
    np.testing.assert_array_equal(rows["score"].astype(float), score[order])


def test_a_map_ranks_by_aum_unless_told_otherwise(map_folder, tmp_path):
    run(tmp_path / "out", map=map_folder, neighbours=0)
    assert orjson.loads((tmp_path / "out" / "suspects.json").read_bytes())["by"] == "aum"
    assert listed(tmp_path / "out")["rank_aum"].astype(int).is_monotonic_increasing


def test_a_training_finds_the_wrong_labels_and_their_right_ones(trained):
    first = listed(trained[1]).head(N_WRONG)
    wrong = {f"d{k}": list(WORDS)[k % 2] for k in range(N_WRONG)}
    assert dict(zip(first["id"], first["likely"], strict=True)) == wrong


def test_a_training_keeps_what_random_flips_tell_out_of_sight(trained):
    text, folder = trained
    estimate = orjson.loads((folder / "suspects.json").read_bytes())["errors_if_like_random_flips"]
    rows = listed(folder)
    assert estimate["n_errors_low"] <= N_WRONG <= estimate["n_errors_high"]
    assert (rows["p_low"].astype(float) <= rows["p_high"].astype(float)).all()
    assert text.startswith("80 labels of tiny in the order worth reading, by ")
    assert not re.search("interval|look wrong|% wrong", text)


def test_what_to_do_next_are_commands_to_paste(trained):
    text, folder = trained
    *_, correct, _, read = text.splitlines()
    assert correct == f"  cal correct my.csv {folder}/to_read.csv output=clean.csv"
    assert read == f"  cal suspects --read {folder}/to_read.csv"
    reads = from_spreadsheet(folder / "to_read.csv")
    assert reads["id"].tolist()[:30] == listed(folder)["id"].tolist()[:30]


def test_the_text_and_the_page_have_as_many_as_asked(trained):
    text, folder = trained
    assert sum(line.startswith(f"{k}. ") for k in range(1, N) for line in text.splitlines()) == 5
    page = (folder / "suspects.html").read_text()
    assert page.count('<span class="rank">') == 7
    assert "Nothing was changed" in page
    assert "This page shows the first 7; suspects.csv has all." in page
    assert len(listed(folder)) == N


def test_neighbours_are_looked_for_of_those_that_are_shown(trained):
    text, folder = trained
    assert "similar texts of the first 7 by features=Centres." in text
    assert [neighbours != "[]" for neighbours in listed(folder)["neighbours"]] == [True] * 7 + [False] * (N - 7)


def test_the_manifest_says_what_was_asked(trained, corpus):
    about = orjson.loads((trained[1] / "suspects.json").read_bytes())
    assert about["corpus_fingerprint"] == corpus.fingerprint
    assert (about["by"], about["n_instances"], about["config"]["folds"]) == ("consensus", N, 2)
    assert about["versions"]["torch"]


def test_what_is_loaded_is_what_was_saved(trained):
    text, folder = trained
    assert str(Suspects.load(folder)) == text


def test_with_none_to_print_there_is_no_list(map_folder, tmp_path):
    text = run(tmp_path / "out", map=map_folder, n=0, neighbours=0)
    assert "\n\n\n" not in text
    assert "1. " not in text


def test_a_folder_of_something_else_is_left_alone(map_folder, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="is no folder of cal suspects"):
        run(tmp_path, map=map_folder)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_list_replaces_a_list(map_folder, tmp_path):
    for by in ("aum", "el2n"):
        run(tmp_path / "out", map=map_folder, by=by, neighbours=0)
    assert orjson.loads((tmp_path / "out" / "suspects.json").read_bytes())["by"] == "el2n"


def test_a_list_of_a_map_does_not_replace_one_that_was_trained_for(trained, map_folder):
    before = (trained[1] / "suspects.json").read_bytes()
    with pytest.raises(StorageError, match="holds a list that took training"):
        run(trained[1], map=map_folder)
    assert (trained[1] / "suspects.json").read_bytes() == before


def problems_of(**given):
    with pytest.raises(ConfigError) as refused:
        SuspectsRequest(**given)
    return refused.value.problems


def test_all_problems_are_told_at_once():
    problems = problems_of(by="cleanlap", n=-1, page=1.5, folds=1, device="tpu")
    assert len(problems) == 5
    for expected in ("'tpu'", "n must be", "page must be", "folds must be", "Did you mean 'cleanlab'"):
        assert sum(expected in problem for problem in problems) == 1


def test_without_a_corpus_and_a_map_there_is_nothing_to_rank():
    with pytest.raises(ConfigError, match=r"nothing to rank. Give a corpus \(dataset=NAME\)"):
        SuspectsRequest().run()


def test_a_map_takes_no_parameters_of_a_training_and_no_detector():
    first, second = problems_of(map="m", n_epochs=4, folds=3, by="cleanlab")
    assert "does not use n_epochs, folds" in first
    assert "by=cleanlab needs training" in second
    assert problems_of(map="m", by="nothing")[0].startswith("by must be aum, loss, confidence, el2n or correctness")


@pytest.mark.parametrize("of", [{"map": "m"}, {}])
def test_what_ranks_against_errors_is_refused(of):
    (problem,) = problems_of(**of, by="variability")
    assert problem == "by=variability ranks wrong labels last; it is a control for cal audit. Leave it out."


def test_what_can_be_run_is_not_refused():
    SuspectsRequest(map="m")
    SuspectsRequest(by="cv_loss", n_epochs=3, seeds=[4, 5])
