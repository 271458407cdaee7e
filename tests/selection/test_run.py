"""`cal select` and `cal weights` from a request to files, and what they refuse."""

import csv
import hashlib
import re
from dataclasses import replace

import numpy as np
import orjson
import pandas as pd
import pytest
import torch
from datasets import load_from_disk

from cal.data.corpus import Corpus, Split
from cal.dynamics.data_map import DataMap
from cal.dynamics.jsonl import write_epoch
from cal.dynamics.regions import regions
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError, ConfigError, DataError, StorageError
from cal.learners.mlp import MLP
from cal.selection.recipes import RECIPES, Chooser, Recipe
from cal.selection.request import SelectRequest
from cal.selection.result import Selection
from cal.selection.weighted import Weights
from cal.selection.weights import by_inverse_confidence, by_mislabel, by_variability
from cal.selection.weights_request import WeightsRequest

N = 60
NAMES = ["number", "person", "place"]


@pytest.fixture(scope="module")
def data_map():
    logits = 2 * torch.randn(4, N, 3, generator=torch.Generator().manual_seed(0))
    return DataMap.of(TrainingDynamics.from_logits(logits, torch.arange(N) % 3), [f"train{i}" for i in range(N)])


@pytest.fixture(scope="module")
def map_folder(tmp_path_factory, data_map):
    """The tables of a map with regions, texts and names of labels, as `cal map` leaves them."""
    folder = tmp_path_factory.mktemp("map")
    points = data_map.to_frame()
    points["region"] = regions(points, "data_iq")
    points["gold_label"] = [NAMES[label] for label in points["gold"]]
    points["text"] = [f'the "text" of {i}' for i in range(N)]
    points.to_parquet(folder / "map.parquet", index=False)
    points.to_csv(folder / "map.csv", index=False, quoting=csv.QUOTE_NONNUMERIC)
    return folder


@pytest.fixture
def chosen(tmp_path, map_folder):
    """chosen(**settings): the rows that `cal select` writes into tmp_path/out."""

    def run(corpus=None, **settings):
        given = {"map": str(map_folder), "output": str(tmp_path / "out"), "workers": 1, **settings}
        SelectRequest(**given).run(corpus, quiet=True)
        return pd.read_csv(tmp_path / "out" / "selected.csv")

    return run


@pytest.fixture
def manifest(tmp_path):
    return lambda: orjson.loads((tmp_path / "out" / "manifest.json").read_bytes())


def expected_ids(data_map, count, recipe, **how):
    return [data_map.ids[position] for position in Chooser(data_map, recipe, **how).take(count)]


@pytest.mark.parametrize("settings", [
    {"metric": "aum", "direction": "worst"},
    {"metric": "confidence", "direction": "both_ends", "ratio": 0.4},
    {"recipe": "ambiguous_easy", "easy": 0.3},
    {"recipe": "without_suspects", "metric": "loss", "suspects": 0.2, "suspicion": "el2n"},
    *({"recipe": name} for name in RECIPES),
])  # fmt: skip
def test_settings_are_those_of_the_recipe(chosen, data_map, settings):
    names = ("metric", "direction", "ratio", "easy", "suspects", "suspicion")
    recipe = replace(RECIPES.get(settings.get("recipe"), Recipe()), **{k: settings[k] for k in names if k in settings})
    assert chosen(count=20, **settings)["id"].tolist() == expected_ids(data_map, 20, recipe)


@pytest.mark.parametrize(("within", "column"), [("class", "gold"), ("region", "region")])
def test_groups_are_the_classes_or_the_regions_of_the_map(chosen, data_map, map_folder, within, column):
    groups = pd.read_parquet(map_folder / "map.parquet")[column].to_numpy()
    expected = expected_ids(data_map, 20, RECIPES["hard"], groups=groups, equal=within == "class")
    assert chosen(count=20, recipe="hard", within=within)["id"].tolist() == expected


def test_columns_say_what_an_instance_is_and_what_it_was_chosen_by(chosen, map_folder):
    rows = chosen(fraction=0.33)
    assert list(rows) == ["id", "gold", "gold_label", "region", "variability"]
    assert len(rows) == int(0.33 * N)
    assert rows["variability"].is_monotonic_decreasing
    points = pd.read_parquet(map_folder / "map.parquet").set_index("id").loc[rows["id"]].reset_index()
    for name in rows:
        assert rows[name].tolist() == pytest.approx(points[name].tolist())


@pytest.mark.parametrize(("region", "rule"), [(None, "data_iq"), ("thresholds", "thresholds")])
def test_regions_are_those_of_the_map_unless_a_rule_is_given(chosen, data_map, region, rule):
    by_id = dict(zip(data_map.ids, regions(data_map.to_frame(), rule), strict=True))
    rows = chosen(count=N, region=region)
    assert rows["region"].tolist() == [by_id[i] for i in rows["id"]]


def test_every_source_of_a_map_gives_the_same_ids(chosen, tmp_path, map_folder, data_map):
    shuffled = torch.randperm(N, generator=torch.Generator().manual_seed(3)).tolist()
    frame = pd.read_parquet(map_folder / "map.parquet").iloc[shuffled]
    frame.to_parquet(tmp_path / "shuffled.parquet")  # with the index of the rows as they were
    data_map.save(tmp_path / "bare.csv")
    sources = [map_folder, map_folder / "map.csv", tmp_path / "shuffled.parquet", tmp_path / "bare.csv"]
    for recipe in ("random", "low_correctness"):
        ids = [chosen(map=str(path), count=15, recipe=recipe, within="class")["id"].tolist() for path in sources]
        assert ids == [ids[0]] * len(sources)
    rows = chosen(map=str(sources[2]), count=15).set_index("id")
    assert rows["region"].to_dict() == frame.set_index("id")["region"].loc[rows.index].to_dict()


def test_logs_are_a_source_and_what_lacks_an_epoch_is_refused_or_dropped(chosen, tmp_path, manifest):
    logits = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(0))
    for epoch in range(2):
        n = 8 - epoch
        write_epoch(tmp_path / "logs", epoch, list(range(n)), logits[epoch, :n], [0] * n)
    settings = {"map": None, "logs": str(tmp_path / "logs"), "count": 7}
    with pytest.raises(DataError, match="on_missing"):
        chosen(**settings)
    assert sorted(chosen(on_missing="drop", **settings)["id"]) == list(range(7))
    assert manifest()["capture"] == "during"


def test_the_manifest_tells_what_was_asked_and_of_what(chosen, manifest, map_folder, tmp_path):
    ids = chosen(count=9, recipe="without_suspects", formats=["ids"])["id"].tolist()
    told = manifest()
    assert not {"features", "learner"} & told["config"].keys()  # nothing was trained
    assert told["config"]["count"] == 9
    assert told["recipe"] == {
        **{"metric": "variability", "direction": "best", "ratio": 0.7, "easy": 0.0},
        **{"suspects": 0.05, "suspicion": "aum"},
    }
    assert (told["n_chosen"], told["n_instances"], told["n_epochs"], told["capture"]) == (9, N, 4, "end")
    content = (map_folder / "map.parquet").read_bytes()
    assert told["source"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "out" / "selected.txt").read_text().split() == ids
    assert told["ids_sha256"] == hashlib.sha256((tmp_path / "out" / "selected.txt").read_bytes()).hexdigest()
    assert (told["metric"], told["seed"]) == ("variability", 0)
    assert {"ties", "versions", "git_commit"} <= told.keys()


def test_the_manifest_of_a_draw_has_its_seed_and_no_ties(chosen, manifest):
    chosen(count=9, metric="random", seed=4)
    assert [manifest()[name] for name in ("metric", "seed", "ties")] == ["random", 4, None]


def test_suspects_that_are_left_out_are_in_a_file_of_their_own(chosen, tmp_path, data_map):
    rows = chosen(count=30, recipe="without_suspects", suspects=0.25)
    dropped = pd.read_csv(tmp_path / "out" / "dropped.csv")
    assert dropped["id"].tolist() == [data_map.ids[p] for p in data_map.ranking("aum")[:15]]
    assert dropped["aum"].is_monotonic_increasing
    assert not {*dropped["id"]} & {*rows["id"]}


def test_every_format_holds_the_same_rows(chosen, tmp_path):
    rows = chosen(count=12, metric="first_learnt", formats=["jsonl", "parquet", "huggingface"])
    out = tmp_path / "out"
    lines = pd.DataFrame([orjson.loads(line) for line in (out / "selected.jsonl").read_bytes().splitlines()])
    parquet = pd.read_parquet(out / "selected.parquet")
    dataset = load_from_disk(str(out / "huggingface"))
    assert lines["first_learnt"].isna().any()
    for frame in (lines, parquet, dataset.to_pandas().rename(columns={"label": "gold"})):
        for name in ("id", "gold", "region", "first_learnt"):
            assert frame[name].fillna(-1).tolist() == rows[name].fillna(-1).tolist()
        assert frame["text"].tolist() == [f'the "text" of {i.removeprefix("train")}' for i in rows["id"]]
    assert dataset.features["label"].names == NAMES
    assert "text" not in rows


def test_a_dataset_gives_texts_and_names_of_labels(chosen, tmp_path, make_task, data_map):
    data_map.save(tmp_path / "bare.parquet")
    corpus = make_task(N).corpus
    rows = chosen(corpus, map=str(tmp_path / "bare.parquet"), count=5, formats=["jsonl"])
    lines = [orjson.loads(line) for line in (tmp_path / "out" / "selected.jsonl").read_bytes().splitlines()]
    assert [line["text"] for line in lines] == [f"text {i.removeprefix('train')}" for i in rows["id"]]
    assert rows["gold_label"].tolist() == [f"class {label}" for label in rows["gold"]]


def test_a_pair_is_written_as_the_pair_that_it_is(chosen, tmp_path, make_task, data_map):
    split = make_task(N).corpus.train
    pairs = Split(split.ids, split.texts, split.gold, sequences=[[(text, "and this")] for text in split.texts])
    test = Split(["t"], ["text"], [0], sequences=[[("a", "b")]])
    chosen(Corpus(pairs, test, NAMES), count=3, formats=["huggingface", "jsonl"])
    for row in load_from_disk(str(tmp_path / "out" / "huggingface")):
        assert row["sequences"] == [[row["text"], "and this"]]


@pytest.mark.parametrize(("n_train", "shift", "expected"), [
    (N - 9, 0, "9 of 60 ids of the map are not in the train split"),
    (N, 1, "30 of 60 gold labels of the map differ from those of"),
])  # fmt: skip
def test_a_dataset_that_the_map_is_not_of_is_refused(chosen, make_task, n_train, shift, expected):
    corpus = make_task(n_train).corpus
    train = Split(
        corpus.train.ids, corpus.train.texts, (corpus.train.gold + shift * (np.arange(len(corpus.train)) % 2)) % 3
    )
    with pytest.raises(DataError, match=expected):
        chosen(replace(corpus, train=train), count=3)


@pytest.mark.parametrize(("recipe", "metric", "device"), [
    ("al_uncertainty", "entropy", "cpu"),
    ("al_greedy_k", "coreset", "cpu"),
    ("aflite", "predictability", "cpu"),
])  # fmt: skip
def test_recipes_of_texts_need_no_map(chosen, manifest, make_task, monkeypatch, recipe, metric, device):
    monkeypatch.setattr("cal.selection.select.provenance", lambda device: {"device": device})
    corpus, features = make_task(90)
    how = {"features": features, "learner": MLP(hidden=[8], n_epochs=2), "device": "cpu"}
    rows = chosen(corpus, map=None, recipe=recipe, count=40, seed=3, **how)
    assert rows["id"].nunique() == 40
    assert {*rows["id"]} <= {*corpus.train.ids}
    told = manifest()
    assert told["source"]["corpus_fingerprint"] == corpus.fingerprint
    assert [told[name] for name in ("metric", "seed", "device")] == [metric, 3, device]
    assert told["ties"]
    assert ("learner" in told["config"]) == (recipe != "aflite")


@pytest.fixture
def tsv(tmp_path):
    """Settings that ask for TSV folders."""
    for name in ("train", "dev", "test"):
        lines = ["index\tquestion\tsentence\tlabel", *(f"train{i}\tq\ts\tx" for i in range(N))]
        (tmp_path / f"{name}.tsv").write_text("\n".join(lines))
    return {"task": "qnli", "tsv": str(tmp_path)}


def test_a_new_selection_replaces_an_old_one_and_touches_nothing_else(chosen, tmp_path, tsv):
    formats = ["ids", "jsonl", "parquet", "huggingface", "allenai"]
    chosen(count=3, recipe="without_suspects", formats=formats, **tsv)
    assert len(list((tmp_path / "out").glob("cartography_without_suspects_*/QNLI/train.tsv"))) == 7
    load_from_disk(str(tmp_path / "out" / "huggingface")).map(lambda row: {"n": len(row["text"])})  # leaves a cache
    (tmp_path / "out" / "notes.md").write_text("mine")
    assert len(chosen(count=4)) == 4
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "notes.md", "selected.csv"]


@pytest.mark.parametrize("mine", [
    "cartography_variability_0.33/QNLI/my_model/model.safetensors",
    "cartography_variability_0.33/notes.md",
    "huggingface/train/data-00000-of-00001.arrow",
])  # fmt: skip
def test_a_folder_that_a_selection_shares_with_something_else_is_not_replaced(chosen, tmp_path, tsv, mine):
    chosen(count=3, formats=["huggingface", "allenai"], **tsv)
    (tmp_path / "out" / mine).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / mine).write_text("mine")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    with pytest.raises(StorageError, match=f"{re.escape(mine)} was not written by cal select"):
        chosen(count=4)
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}


def test_weights_leave_datasets_beside_them_alone(chosen, weighed, tmp_path):
    weighed()
    chosen(count=3, formats=["huggingface"])
    (tmp_path / "out" / "huggingface").rename(tmp_path / "weights" / "huggingface")
    weighed()
    assert len(load_from_disk(str(tmp_path / "weights" / "huggingface"))) == 3


@pytest.mark.parametrize("content", [None, b"not json", b'{"made_by": "a browser"}'])
def test_a_folder_of_something_else_is_not_touched(chosen, tmp_path, content):
    (tmp_path / "out").mkdir()
    name = "thesis.tex" if content is None else "manifest.json"
    (tmp_path / "out" / name).write_bytes(content or b"")
    with pytest.raises(StorageError, match="ive another folder"):
        chosen(count=3)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


def test_too_many_are_refused_before_anything_is_written(chosen, tmp_path):
    with pytest.raises(AnalysisError, match="cannot be chosen from 60"):
        chosen(count=N + 1)
    with pytest.raises(AnalysisError, match="less 3 suspects"):
        chosen(count=N, recipe="without_suspects")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_map_is_refused(chosen, tmp_path):
    with pytest.raises(DataError, match=r"no map\.json, store\.json or dynamics_epoch_0\.jsonl"):
        chosen(map=str(tmp_path), count=3)


def test_a_map_that_is_not_there_is_named_in_full(chosen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("nope", str(tmp_path / "nope")):
        with pytest.raises(DataError) as caught:
            chosen(map=given, count=3)
        assert (
            str(caught.value)
            == f"There is no file or folder {tmp_path / 'nope'}. Give the folder of cal map, or a file of a map."
        )


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("column", ["region", "gold_label"])
def test_a_map_that_lacks_names_in_some_rows_is_refused(chosen, tmp_path, map_folder, column, kind):
    points = pd.read_parquet(map_folder / "map.parquet")
    points.loc[[3, 5], column] = None
    path = tmp_path / f"map.{kind}"
    points.to_parquet(path) if kind == "parquet" else points.to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC)
    with pytest.raises(DataError, match=f"has no {column} in 2 of 60 rows"):
        chosen(map=str(path), count=3, within="region")


@pytest.mark.parametrize(("given", "expected"), [
    ({"map": "m", "count": 3, "recipe": "eazy"}, ["Did you mean 'easy'"]),
    ({"count": 3}, ["no map to work on. Give map=FOLDER, or logs=FOLDER"]),
    ({"map": "m", "logs": "l", "count": 3, "on_missing": "no"}, ["not both", "on_missing must be"]),
    ({"map": "m", "fraction": 2, "recipe": "easy", "metric": "aum"}, ["fraction must be", "recipe=easy .* metric=aum"]),
    ({"map": "m", "count": 3, "easy": 0.5}, ["metric=variability direction=best does not use easy=0.5"]),
    ({"map": "m", "count": 3, "ratio": 0.5}, ["direction=best does not use ratio=0.5"]),
    ({"map": "m", "count": 3, "recipe": "hard", "n_epochs": 7, "seed": 9}, ["=hard does not .* seed=9, n_epochs=7"]),
    ({"map": "m", "count": 3, "metric": "random", "direction": "worst"}, ["metric=random does .* direction=worst"]),
    ({"map": "m", "count": 3, "on_missing": "drop"}, ["on_missing=drop is for reading logs"]),
    ({"map": "m", "count": 3, "within": "clas", "seed": -1}, ["Did you mean 'class'", "seed must be"]),
    ({"map": "m", "count": 3, "formats": ["jsn"], "region": "x"}, ["Did you mean 'jsonl'", "region rule 'x'"]),
    ({"map": "m", "count": 3, "formats": "jsonl"}, ["formats must be a list"]),
    ({"map": "m", "count": 3, "formats": ["allenai"]}, ["needs task=NAME and tsv=FOLDER"]),
    ({"map": "m", "count": 3, "task": "snli"}, ["task and tsv are for formats"]),
    ({"map": "m", "fraction": 0.1, "compat": "allenai", "tsv": "t", "task": "sst"}, ["not 'sst'"]),
    ({"map": "m", "fraction": 0.1, "formats": ["allenai"], "tsv": "t", "task": "wsc"}, ["not 'wsc'"]),
    ({"map": "m", "fraction": 0.1, "compat": "allenai", "direction": "both_ends", "ratio": 0.2}, ["=0.7, not 0.2"]),
    ({"map": "m", "count": 3, "compat": "allenai"}, ["compat=allenai needs a fraction .* cannot use count"]),
    ({"map": "m", "fraction": 0.1, "compat": "allenai", "metric": "aum"}, ["cannot use aum"]),
    ({"map": "m", "fraction": 0.1, "compat": "cleanlab"}, ["compat must be allenai"]),
    ({"count": 3, "recipe": "aflite", "map": "m", "metric": "aum"}, ["use metric=aum, map=m"]),
    (
        {"count": 3, "recipe": "aflite", "n_epochs": 3, "region": "quantile", "on_missing": "drop"},
        ["recipe=aflite does not use on_missing=drop, region=quantile, n_epochs=3"],
    ),
    ({"count": 3, "recipe": "al_greedy_k", "formats": ["allenai"]}, [r"use formats=\[allenai\]"]),
    ({"map": "m", "count": 3, "device": "tpu", "workers": 0}, ["tpu", "workers must be"]),
])  # fmt: skip
def test_everything_wrong_is_said_at_once(given, expected):
    with pytest.raises(ConfigError) as caught:
        SelectRequest(**given)
    for part in expected:
        assert re.search(part, str(caught.value))


@pytest.mark.parametrize("given", [
    {"recipe": "random", "seed": 3},
    {"recipe": "without_suspects", "metric": "random", "seed": 3},
    {"direction": "both_ends", "ratio": 0.2},
    {"map": None, "logs": "l", "on_missing": "drop", "region": "data_iq"},
    {"map": None, "recipe": "al_uncertainty", "seed": 3, "n_epochs": 2},
])  # fmt: skip
def test_settings_that_a_selection_looks_at_may_be_others(given):
    SelectRequest(**{"map": "m", "count": 3} | given)


@pytest.fixture
def weighed(tmp_path, map_folder):
    """weighed(**settings): the rows that `cal weights` writes."""

    def run(**settings):
        given = {"map": str(map_folder), "output": str(tmp_path / "weights"), **settings}
        WeightsRequest(**given).run()
        return pd.read_csv(tmp_path / "weights" / "weights.csv")

    return run


def test_weights_are_in_the_order_of_the_map(weighed, data_map, tmp_path):
    p_wrong = [i / N for i in range(N)]
    table = pd.DataFrame({"id": data_map.ids, "p_wrong": p_wrong}).iloc[::-1]
    table.to_csv(tmp_path / "suspects.csv", index=False)
    table.to_parquet(tmp_path / "suspects.parquet", index=False)
    for settings, expected in [
        ({}, by_variability(data_map)),
        ({"by": "inverse_confidence"}, by_inverse_confidence(data_map)),
        ({"by": "mislabel", "probabilities": str(tmp_path / "suspects.csv")}, by_mislabel(p_wrong)),
        ({"by": "mislabel", "probabilities": str(tmp_path / "suspects.parquet")}, by_mislabel(p_wrong)),
    ]:
        rows = weighed(**settings)
        assert list(rows) == ["id", "gold", "gold_label", "weight"]
        assert rows["id"].tolist() == data_map.ids
        assert rows["weight"].tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize(("table", "expected"), [
    ({"id": ["train0"], "p_wrong": [0.1]}, "no probability for 59 of 60"),
    ({"id": ["a", "a"], "p_wrong": [0.1, 0.2]}, "more than once"),
    ({"id": ["a"], "p": [0.1]}, "no column 'p_wrong'"),
    ({"id": ["a"], "p_wrong": ["much"]}, "cannot be read"),
    ({"id": ["train0", "b"], "p_wrong": ["", 0.5]}, "empty in 1 of 2 rows. Weigh by=variability or"),
])  # fmt: skip
def test_a_table_that_holds_no_probabilities_of_the_map_is_refused(weighed, tmp_path, table, expected):
    pd.DataFrame(table).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(DataError, match=expected):
        weighed(by="mislabel", probabilities=str(tmp_path / "p.csv"))


def test_weights_do_not_replace_a_selection(chosen, weighed, tmp_path):
    chosen(count=3)
    with pytest.raises(StorageError, match="that cal weights did not write"):
        weighed(output=str(tmp_path / "out"))


@pytest.mark.parametrize(("given", "expected"), [
    ({"by": "loss"}, "by must be .* not 'loss'"),
    ({"by": "mislabel"}, "by=mislabel needs probabilities"),
    ({"probabilities": "p.csv"}, "by=variability does not use probabilities"),
    ({"map": None}, "no map to work on"),
    ({"on_missing": "partial"}, "on_missing=partial is for reading logs"),
])  # fmt: skip
def test_weights_that_cannot_be_are_refused(given, expected):
    with pytest.raises(ConfigError, match=expected):
        WeightsRequest(**{"map": "m"} | given)


@pytest.mark.parametrize(("kind", "name", "file"), [
    (Selection, "out", "selected.csv"), (Weights, "weights", "weights.csv"),
])  # fmt: skip
def test_what_is_loaded_is_what_was_saved(chosen, weighed, tmp_path, kind, name, file):
    chosen(count=9, recipe="without_suspects")
    weighed()
    loaded = kind.load(tmp_path / name)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / file).read_bytes() == (tmp_path / name / file).read_bytes()
    assert str(kind.load(tmp_path / "again")) == str(loaded)


def test_a_recipe_of_texts_needs_a_corpus():
    with pytest.raises(ConfigError, match="dataset=NAME"):
        SelectRequest(recipe="aflite", count=3).run()
