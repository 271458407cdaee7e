"""`cal map-shards` draws the map that the same perceptrons draw in memory, however the corpus is divided."""

import time
from itertools import chain

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import cal
from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import ConfigError, DataError, StorageError
from cal.learners.mlp import SmallMLP
from cal.maps.shard_tasks import lowest_of_each, quantile_of
from cal.shards.files import parts_of
from cal.shards.reading import ShardColumns
from cal.shards.streaming import StreamedTraining, learner_in, mixed_blocks
from cal.shards.vectors import ColumnVectors

GIVEN = {"vector_column": "vector", "workers": 1, "n_epochs": 3, "learner": {"small_mlp": {"hidden": [16]}}}
COLUMNS = ShardColumns("id", None, "vector", "label")


@pytest.fixture(scope="module")
def labelled(sharded, tmp_path_factory):
    """The shards, with a column of labels; one in ten is wrong."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(5)
    gold = np.where(rng.random(600) < 0.1, rng.integers(0, 3, 600), sharded.gold)
    for path in sorted(sharded.folder.glob("*.parquet")):
        table = pq.read_table(path)
        rows = [int(each[1:]) for each in table["id"].to_pylist()]
        table = table.append_column("label", pa.array([f"c{gold[row]}" for row in rows]))
        pq.write_table(table, folder / path.name, row_group_size=100)
    return folder, gold


@pytest.fixture(scope="module")
def drawn(labelled, tmp_path_factory):
    return cal.map_shards(labelled[0], output=tmp_path_factory.mktemp("map") / "one", **GIVEN)


def rows_of(drawn):
    return pd.concat(drawn.frames(), ignore_index=True)


@pytest.mark.parametrize("rule", ["quantile", "thresholds", {"data_iq": {"certain": 0.3}}])
def test_the_map_is_that_of_the_same_perceptrons_in_memory(rule, sharded, labelled, tmp_path):
    found = cal.map_shards(labelled[0], output=tmp_path / "map", region=rule, **GIVEN)
    epochs = sorted((tmp_path / "map" / "parts").rglob("epoch-*"))
    gold = torch.from_numpy(labelled[1])
    logits = torch.stack([learner_in(str(path)).predict_vectors(sharded.x)[0] for path in epochs])
    expected = DataMap.of(TrainingDynamics.from_logits(logits, gold), sharded.ids, region_rule=rule).to_frame()
    rows = rows_of(found)
    for name in ("id", "gold", "predicted", "region", "correctness", "forgetting"):
        assert rows[name].tolist() == expected[name].tolist(), name
    for name in ("confidence", "variability", "aum", "el2n", "loss", "aleatoric"):
        np.testing.assert_allclose(rows[name], expected[name], atol=1e-5, err_msg=name)
    summary = found.summary
    assert summary["regions"] == expected["region"].value_counts().to_dict()
    assert summary["correct_at_the_end"] == pytest.approx((expected["gold"] == expected["predicted"]).mean())
    r = expected["confidence"].corr(expected["variability"])
    assert summary["correlation_of_confidence_and_variability"] == pytest.approx(r, abs=1e-5)


def test_it_learns(drawn):
    """Wrong labels end in the hard region more often than right ones."""
    assert drawn.summary["correct_at_the_end"] > 0.6
    assert str(drawn).startswith("shards: 600 instances, 3 epochs, capture end, seed 0.")


def test_workers_and_clusters_draw_the_same(labelled, drawn, tmp_path):
    two = cal.map_shards(labelled[0], output=tmp_path / "two", **{**GIVEN, "workers": 2})
    pd.testing.assert_frame_equal(rows_of(two), rows_of(drawn))
    assert two.html == drawn.html
    distributed = pytest.importorskip("distributed")
    ports = {"scheduler_port": 0, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **ports) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            far = cal.map_shards(labelled[0], output=tmp_path / "far", cluster=client, **GIVEN)
    pd.testing.assert_frame_equal(rows_of(far), rows_of(drawn))


def test_an_interrupted_training_resumes_with_the_next_epoch(labelled, drawn, tmp_path):
    first = cal.map_shards(labelled[0], output=tmp_path, **GIVEN)
    epochs = sorted((tmp_path / "parts").rglob("epoch-*"))
    epochs[2].unlink()
    for path in (tmp_path / "parts").glob("*.parquet"):
        path.unlink()
    before = [path.stat().st_mtime_ns for path in epochs[:2]]
    again = cal.map_shards(labelled[0], output=tmp_path, **GIVEN)
    assert [path.stat().st_mtime_ns for path in epochs[:2]] == before
    pd.testing.assert_frame_equal(rows_of(again), rows_of(first))


def test_another_rule_measures_nothing_again(labelled, tmp_path):
    cal.map_shards(labelled[0], output=tmp_path, **GIVEN)
    measured = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").glob("*.parquet")}
    time.sleep(0.01)
    other = cal.map_shards(labelled[0], output=tmp_path, region="thresholds", **GIVEN)
    assert {path: path.stat().st_mtime_ns for path in measured} == measured
    assert sorted((tmp_path / "map").iterdir()) == sorted(map(type(tmp_path), other.files))
    assert "thresholds" in other.summary["region_rule"]


def test_an_epoch_has_every_document_once_and_mixes_parts(labelled, monkeypatch):
    monkeypatch.setattr("cal.shards.files.ROWS", 100)
    monkeypatch.setattr("cal.shards.streaming._OF_EACH", 10)
    parts = parts_of(sorted(map(str, labelled[0].glob("*.parquet"))), {"id_column": "id"})
    training = StreamedTraining(SmallMLP(), COLUMNS, {"c0": 1, "c1": 1, "c2": 1}, ColumnVectors(), 0)
    blocks = [[block["id"].to_pylist() for block in mixed_blocks(parts, training, epoch)] for epoch in range(2)]
    for epoch in blocks:
        assert sorted(chain.from_iterable(epoch)) == [f"d{row:03d}" for row in range(600)]
        assert len({int(each[1:]) // 100 for each in epoch[0]}) > 3
    assert blocks[0] != blocks[1]


@pytest.mark.parametrize("n_parts", [3, 8, 20])
def test_parts_of_the_same_size_are_all_trained_on(sharded, n_parts, tmp_path, monkeypatch):
    """They end at the same time, and others follow."""
    monkeypatch.setattr("cal.shards.streaming._OF_EACH", 10)
    folder = sharded.write(tmp_path / "shards", range(600), [600 // n_parts] * n_parts, 600)
    parts = parts_of(sorted(map(str, folder.glob("*.parquet"))), {"id_column": "id"})
    training = StreamedTraining(SmallMLP(), ShardColumns("id", None, "vector"), {"a": 1, "b": 1}, ColumnVectors(), 0)
    ids = chain.from_iterable(block["id"].to_pylist() for block in mixed_blocks(parts, training, 0))
    assert sorted(ids) == sharded.ids[: 600 // n_parts * n_parts]


def test_balanced_weights_count_the_whole_corpus():
    config = SmallMLP(class_weights="balanced")
    training = StreamedTraining(config, COLUMNS, {"a": 30, "b": 10}, ColumnVectors(), 0)
    assert training.class_weights().tolist() == pytest.approx([40 / 60, 40 / 20])
    assert StreamedTraining(SmallMLP(), COLUMNS, {"a": 3, "b": 1}, ColumnVectors(), 0).class_weights() is None


def test_texts_become_vectors_once_and_stand_on_the_page(labelled, tmp_path):
    given = {"features": {"lsa": {"n_components": 5}}, "workers": 1, "n_epochs": 2, "output": tmp_path}
    found = cal.map_shards(labelled[0], **given)
    assert len(found) == 600
    assert found.sample["text"].str.startswith("Tell ").all()
    assert "Tell 1 about a" in found.html


def test_the_page_shows_all_as_density_and_a_sample(drawn):
    assert "the density of all 600 instances" in drawn.html
    assert (drawn.folder / "map.html").read_text(encoding="utf-8") == drawn.html
    assert len(pd.read_parquet(drawn.folder / "sample.parquet")) == len(drawn.sample) == 600


def test_the_sample_is_even(labelled, tmp_path, monkeypatch):
    monkeypatch.setattr("cal.maps.sharded.SAMPLE", 24)
    found = cal.map_shards(labelled[0], output=tmp_path, **GIVEN)
    counts = found.sample.groupby(["region", "gold"]).size()
    assert counts.max() == 2
    assert len(counts) >= 6


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=50), st.floats(0.01, 0.99), st.integers(0, 49))
def test_a_quantile_over_files_is_that_of_all_values(tmp_path_factory, values, share, cut):
    folder = tmp_path_factory.mktemp("values")
    paths = []
    for number, part in enumerate((values[:cut], values[cut:])):
        paths.append(str(folder / f"{number}.parquet"))
        pq.write_table(pa.table({"v": pa.array(part, pa.float64())}), paths[-1])
    assert quantile_of(paths, "v", share) == np.quantile(np.array(values), share)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=40), st.integers(1, 5))
def test_the_lowest_of_each_group(rows, most):
    groups, draws = (np.array(each) for each in zip(*rows, strict=True))
    kept = lowest_of_each(groups, draws, most)
    for group in set(groups.tolist()):
        mine = np.sort(draws[groups == group])[:most]
        np.testing.assert_array_equal(np.sort(draws[kept][groups[kept] == group]), mine)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"label_column": "topic"}, DataError, "has no column 'topic'"),
        (
            {"learner": "scikit", "n_epochs": None},
            ConfigError,
            "cannot be trained shard by shard. Give learner=small_mlp",
        ),
        ({"region": "nowhere"}, ConfigError, "nowhere"),
        ({"name": ""}, ConfigError, "name"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes, error, message, labelled, tmp_path):
    with pytest.raises(error, match=message):
        cal.map_shards(labelled[0], output=tmp_path, **{**GIVEN, **changes})


def test_documents_without_a_label_are_refused(tmp_path):
    rows = {"id": ["a", "b", "c"], "vector": [[1.0], [2.0], [3.0]], "label": ["x", None, "y"]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="1 document of the shards has no label, and a map needs a label"):
        cal.map_shards(tmp_path, output=tmp_path / "map", **GIVEN)


def test_labels_that_are_no_numbers_are_missing(tmp_path):
    """As pandas writes a column of numbers, of which some are unknown."""
    rows = pd.DataFrame({"id": ["a", "b", "c"], "vector": [[1.0], [2.0], [3.0]], "label": [0.0, np.nan, 1.0]})
    pq.write_table(
        pa.Table.from_pandas(rows, preserve_index=False).set_column(
            2, "label", pa.array(rows["label"].to_numpy(), from_pandas=False)
        ),
        tmp_path / "a.parquet",
    )
    with pytest.raises(DataError, match="1 document of the shards has no label"):
        cal.map_shards(tmp_path, output=tmp_path / "map", **GIVEN)


def test_a_folder_of_something_else_is_left_alone(labelled, tmp_path):
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(StorageError, match="is no folder of cal map-shards"):
        cal.map_shards(labelled[0], output=tmp_path, **GIVEN)
