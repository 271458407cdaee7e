"""A map on disk, and back."""

import numpy as np
import orjson
import pandas as pd
import pytest
import torch

from cal.dynamics.data_map import COORDINATES, METRICS, DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import ConfigError, StorageError
from cal.maps.folder import read_map, region_rule, summary_text, write_map
from cal.maps.map_file import read_map_file

IDS = ["a", "b", "c", "d", "e", "f"]


def dynamics(n_runs=None, seed=0):
    shape = (4, 6, 3) if n_runs is None else (n_runs, 4, 6, 3)
    logits = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    gold = torch.tensor([0, 1, 2, 0, 1, 2])
    return TrainingDynamics.from_logits(logits, gold if n_runs is None else gold.repeat(n_runs, 1))


def written(folder, n_runs=None, **changes):
    trained = dynamics(n_runs)
    arguments = {"name": "tiny", "region": {"quantile": {"ambiguous": 0.5}}} | changes
    return write_map(folder, DataMap.of(trained, IDS), trained.gold_prob, **arguments)


def test_one_run_comes_back_in_every_format(tmp_path):
    written(tmp_path)
    expected = DataMap.of(dynamics(), IDS).to_frame()
    for suffix in ("parquet", "csv"):
        pd.testing.assert_frame_equal(read_map_file(tmp_path / f"map.{suffix}").to_frame(), expected)
    columns = list(read_map(tmp_path).points.columns)
    assert [name for name in columns if name in ("id", "gold", *METRICS, "region")] == [
        "id",
        "gold",
        *METRICS,
        "region",
    ]
    lines = [orjson.loads(line) for line in (tmp_path / "td_metrics.jsonl").read_bytes().splitlines()]
    assert [line["guid"] for line in lines] == IDS
    np.testing.assert_allclose([line["confidence"] for line in lines], expected["confidence"], atol=1e-9)


def test_labels_texts_and_regions_are_columns(tmp_path):
    summary = written(tmp_path, label_names=["x", "y", "z"], texts=[f"text {i}" for i in IDS])
    points = read_map(tmp_path).points
    assert points["gold_label"].tolist() == ["x", "y", "z", "x", "y", "z"]
    assert points["text"].tolist() == [f"text {i}" for i in IDS]
    assert points["region"].value_counts().to_dict() == summary["regions"]
    assert summary["region_rule"]["quantile"]["ambiguous"] == 0.5


def test_several_runs_are_drawn_as_their_mean_with_spread_and_correlation(tmp_path):
    summary = written(tmp_path, n_runs=3, seeds=[7, 8, 9])
    stored = read_map(tmp_path)
    confidence = dynamics(3).gold_prob.double().mean(dim=1).numpy()  # (run, instance)
    np.testing.assert_allclose(stored.points["confidence"], confidence.mean(axis=0))
    np.testing.assert_allclose(stored.points["confidence_spread"], confidence.std(axis=0, ddof=1))
    r = np.corrcoef(confidence)[np.triu_indices(3, 1)].mean()
    assert summary["correlation_between_seeds"]["confidence"] == pytest.approx(r)
    assert f"confidence {r:.3f}" in summary_text(summary)
    for run, seed in enumerate([7, 8, 9]):
        rows = stored.seeds[stored.seeds["seed"] == seed]
        assert rows["id"].tolist() == IDS
        np.testing.assert_allclose(rows["confidence"], confidence[run])
    assert set(COORDINATES) < set(stored.seeds.columns)


@pytest.mark.parametrize("n_runs", [None, 2])
def test_a_correlation_that_is_not_defined_is_said_to_be_so(tmp_path, n_runs):
    trained = dynamics(n_runs).epochs(slice(1))  # of one epoch, nothing varies
    written = write_map(tmp_path, DataMap.of(trained, IDS), trained.gold_prob, name="one", seeds=[7, 8][: n_runs or 0])
    assert written == read_map(tmp_path).summary
    assert written["correlation_of_confidence_and_variability"] is None
    text = summary_text(written)
    assert "Correlation of confidence and variability: undefined (no spread)." in text
    assert ("variability undefined (no spread)" in text) == (n_runs == 2)


def test_a_new_map_replaces_an_old_one_wholly(tmp_path):
    written(tmp_path, n_runs=3, seeds=[7, 8, 9])
    written(tmp_path)
    assert read_map(tmp_path).seeds.empty


def test_a_folder_with_something_else_is_not_touched(tmp_path):
    (tmp_path / "config.yaml").write_text("of a simulation")
    with pytest.raises(StorageError, match="is no folder of cal map"):
        written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("quantil", "Did you mean 'quantile'"),
        ({"quantile": {"ambigous": 0.1}}, "Did you mean 'ambiguous'"),
        ({"quantile": {"ambiguous": 7}}, "between 0 and 1"),
        ({"quantile": {"ambiguous": "much"}}, "must be a number"),
        ({"quantile": {}, "data_iq": {}}, "the name of a rule"),
        (3, "the name of a rule"),
    ],
)
def test_a_region_rule_that_cannot_be_is_refused(given, expected):
    with pytest.raises(ConfigError, match=expected):
        region_rule(given)


def test_a_damaged_map_is_a_storage_error(tmp_path):
    written(tmp_path)
    (tmp_path / "map.parquet").write_bytes(b"PAR1")
    with pytest.raises(StorageError, match="cannot be read"):
        read_map(tmp_path)
