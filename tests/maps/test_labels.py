"""Label names are joined by ids: a class has the name of its instances, or none."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import cal
from cal.data.corpus import Corpus
from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import DataError
from cal.maps.labels import one_to_one, with_corpus
from cal.maps.request import MapRequest

pytestmark = pytest.mark.usefixtures("blank_pictures_in_module")

NAMES = ("ant", "bee", "cat")
N = 12


@pytest.fixture(scope="module")
def corpus():
    labels = [NAMES[i % 3] for i in range(N)]
    return Corpus.from_texts([f"text {i} of {labels[i]}" for i in range(N)], labels, ids=[f"i{i}" for i in range(N)])


def drawn(gold, ids=None, n_classes=3):
    logits = torch.randn(2, len(gold), n_classes, generator=torch.Generator().manual_seed(0))
    ids = [f"i{i}" for i in range(len(gold))] if ids is None else ids
    return DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor(gold)), ids)


def said_by(data_map):
    """The name of the gold label of each id."""
    frame = data_map.to_frame()
    return dict(zip(frame["id"], frame["gold_label"], strict=True))


TRUE = {f"i{i}": NAMES[i % 3] for i in range(N)}
OTHER_ORDER = [{0: 2, 1: 0, 2: 1}[i % 3] for i in range(N)]


def test_the_same_numbers_have_the_names_of_the_corpus(corpus, caplog):
    named = with_corpus(drawn([i % 3 for i in range(N)]), corpus)
    assert said_by(named) == TRUE
    assert named.texts == [f"text {i} of {NAMES[i % 3]}" for i in range(N)]
    assert not caplog.records


@pytest.mark.parametrize("strict", [True, False])
def test_another_order_of_classes_is_told_from_the_ids(corpus, caplog, strict):
    with caplog.at_level(logging.WARNING, "cal"):
        named = with_corpus(drawn(OTHER_ORDER), corpus, strict=strict)
    assert said_by(named) == TRUE
    assert named.label_names == ["bee", "cat", "ant"]
    assert "another order than corpus" in caplog.text
    assert "0 is 'bee', 1 is 'cat', 2 is 'ant'" in caplog.text


def test_a_class_that_is_never_gold_has_no_guessed_name(corpus):
    gold = [{0: 2, 1: 0}[i % 3] for i in range(N) if i % 3 < 2]
    ids = [f"i{i}" for i in range(N) if i % 3 < 2]
    assert with_corpus(drawn(gold, ids), corpus).label_names == ["bee", "class 1", "ant"]


def test_labels_that_do_not_correspond_leave_names_out_or_are_refused(corpus, caplog):
    some = [*OTHER_ORDER[:-1], (OTHER_ORDER[-1] + 1) % 3]
    with caplog.at_level(logging.WARNING, "cal"):
        unnamed = with_corpus(drawn(some), corpus, strict=False)
    assert unnamed.label_names is None
    assert "label names are left out" in caplog.text
    with pytest.raises(DataError, match="gold labels of the map differ from those of corpus"):
        with_corpus(drawn(some), corpus)


def test_ids_of_nothing_leave_names_out(corpus, caplog):
    with caplog.at_level(logging.WARNING, "cal"):
        unnamed = with_corpus(drawn([0, 1, 2], [0, 1, 2]), corpus, strict=False)
    assert (unnamed.label_names, unnamed.texts) == (None, None)
    assert "3 of 3 ids" in caplog.text
    with pytest.raises(DataError, match="3 of 3 ids of the map are not in the train split"):
        with_corpus(drawn([0, 1, 2], [0, 1, 2]), corpus)


def coordinates(n=N):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"guid": [f"i{i}" for i in range(n)], "confidence": rng.uniform(size=n)})
    return frame.assign(variability=rng.uniform(0, 0.5, n), correctness=rng.integers(0, 7, n))


def test_a_map_without_labels_takes_those_of_the_corpus(corpus, caplog):
    with caplog.at_level(logging.WARNING, "cal"):
        named = with_corpus(DataMap.from_frame(coordinates()), corpus)
    assert said_by(named) == TRUE
    assert "has no labels: those of corpus are used" in caplog.text


def test_one_to_one_is_what_a_slow_look_finds():
    rng = np.random.default_rng(0)
    for _ in range(200):
        ours, theirs = rng.integers(0, 3, (2, 4)).tolist()
        partners = [{b for a, b in zip(ours, theirs, strict=True) if a == c} for c in set(ours)]
        alone = all(len(p) == 1 for p in partners) and len(set().union(*partners)) == len(partners)
        assert (one_to_one(ours, theirs) is not None) == alone


# Every command that joins names.


def test_a_selection_is_named_by_the_ids(corpus):
    chosen = cal.select(drawn(OTHER_ORDER), corpus=corpus, recipe="hard", count=N).to_frame()
    assert dict(zip(chosen["id"], chosen["gold_label"], strict=True)) == TRUE


def test_suspects_are_named_by_the_ids(corpus):
    found = cal.suspects(drawn(OTHER_ORDER), corpus=corpus, neighbours=0).to_frame()
    assert dict(zip(found["id"], found["label"], strict=True)) == TRUE


def test_a_drawn_map_is_named_by_the_ids(corpus, tmp_path):
    named = cal.map(corpus, map=drawn(OTHER_ORDER), output=tmp_path / "map")
    assert said_by(named) == said_by(DataMap.load(tmp_path / "map")) == TRUE
    page = (tmp_path / "map" / "map.html").read_text()
    assert '"names":["ant","bee","cat"]' in page


def test_suspects_of_coordinates_need_no_labels(caplog):
    with caplog.at_level(logging.WARNING, "cal"):
        found = cal.suspects(DataMap.from_frame(coordinates()))
    rows = found.to_frame()
    assert found.about["by"] == "confidence"
    assert "has no aum, so labels are ranked by confidence" in caplog.text
    expected = coordinates().sort_values("confidence")["guid"].tolist()
    assert rows["id"].tolist() == expected
    assert set(rows["label"]) == set(rows["likely"]) == {""}
    assert "rank_aum" not in rows
    assert "-1" not in str(found)
    with pytest.raises(cal.CalError, match=r"has no aum. Give by=confidence or by=correctness"):
        cal.suspects(DataMap.from_frame(coordinates()), by="aum")


def test_suspects_of_coordinates_have_the_labels_of_their_corpus(corpus, tmp_path):
    found = cal.suspects(DataMap.from_frame(coordinates()), corpus=corpus, neighbours=0)
    assert dict(zip(found.to_frame()["id"], found.to_frame()["label"], strict=True)) == TRUE
    found.save(tmp_path / "suspects")


def test_suspects_to_leave_out_are_found_by_what_the_map_has():
    data_map = DataMap.from_frame(coordinates())
    with pytest.raises(cal.CalError, match=r"has no aum to find suspects by. Give suspicion=confidence or"):
        data_map.select(recipe="without_suspects", count=3)
    assert len(data_map.select(recipe="without_suspects", suspicion="confidence", count=3)) == 3


def test_classes_of_coordinates_are_those_of_their_corpus(corpus):
    data_map = DataMap.from_frame(coordinates())
    with pytest.raises(cal.CalError, match="within=class needs labels"):
        data_map.select(recipe="hard", within="class", count=3)
    chosen = cal.select(data_map, corpus=corpus, recipe="hard", within="class", count=3).to_frame()
    assert sorted(chosen["gold_label"]) == list(NAMES)


def test_two_maps_that_number_labels_differently_have_the_same_labels(caplog):
    a, b = drawn([i % 3 for i in range(N)]), drawn(OTHER_ORDER)
    with caplog.at_level(logging.WARNING, "cal"):
        diff = cal.map_diff(a, b)
    assert "Another gold label" not in str(diff)
    assert "in different orders" in caplog.text
    one_named = cal.map_diff(replace(a, label_names=NAMES), b)
    assert "Another gold label" not in str(one_named)
    changed = drawn([*OTHER_ORDER[:-1], (OTHER_ORDER[-1] + 1) % 3])
    assert "Another gold label" in str(cal.map_diff(b, changed))
    unknown = cal.map_diff(a, DataMap.from_frame(coordinates()))
    assert "Another gold label" not in str(unknown)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_of_coordinates_is_taken_for_a_map_and_not_for_a_corpus(tmp_path, suffix):
    path = tmp_path / f"c.{suffix}"
    frame = coordinates()
    if suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    expected = frame.sort_values("confidence")["guid"].tolist()
    for given in (path, str(path), frame):
        assert cal.suspects(given).to_frame()["id"].tolist() == expected
        assert cal.select(given, recipe="hard", count=1).ids == expected[:1]
    assert len(cal.weights(path)) == N
    assert len(cal.map(map=path)) == N
    assert cal.map_diff(path, path).moved["distance"].max() == 0


@pytest.mark.parametrize(("n", "used"), [(N, "all 12 documents are used."), (8, "8 of 12 documents are in the map.")])
def test_what_is_used_is_what_a_map_has(corpus, n, used):
    request = MapRequest(map=drawn([i % 3 for i in range(n)]))
    request.run(corpus)
    assert request.used == f"corpus: {used}"
    request = MapRequest(map=drawn([0, 1, 2], ids=["x", "y", "z"]))
    request.run(corpus)
    assert request.used == ""
