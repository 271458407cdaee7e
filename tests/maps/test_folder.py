"""A map on disk, and back."""

import shutil

import numpy as np
import orjson
import pandas as pd
import pytest
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.metrics import COORDINATES, METRICS
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import DataError, StorageError
from cal.maps.read import read_map
from cal.maps.summary import map_summary

pytestmark = pytest.mark.usefixtures("blank_pictures_in_module")

IDS = ["a", "b", "c", "d", "e", "f"]


def dynamics(n_runs=None, seed=0):
    shape = (4, 6, 3) if n_runs is None else (n_runs, 4, 6, 3)
    logits = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    gold = torch.tensor([0, 1, 2, 0, 1, 2])
    return TrainingDynamics.from_logits(logits, gold if n_runs is None else gold.repeat(n_runs, 1))


def written(folder, n_runs=None, **changes):
    trained = dynamics(n_runs)
    known = {"name": "tiny", "region_rule": {"quantile": {"ambiguous": 0.5}}} | changes
    data_map = DataMap.of(trained, IDS, **known)
    data_map.save(folder)
    return data_map


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a map, which tests copy."""
    folder = tmp_path_factory.mktemp("finished")
    written(folder)
    return folder


def test_one_run_comes_back_in_every_format(tmp_path):
    data_map = written(tmp_path)
    expected = data_map.to_frame()
    for path in (tmp_path, tmp_path / "map.parquet", tmp_path / "map.csv"):
        pd.testing.assert_frame_equal(read_map(path).to_frame(), expected)
    assert list(expected)[:2] + list(expected)[3:] == ["id", "gold", *METRICS, "n_epochs", "capture", "region"]
    lines = [orjson.loads(line) for line in (tmp_path / "td_metrics.jsonl").read_bytes().splitlines()]
    assert [line["guid"] for line in lines] == IDS
    np.testing.assert_allclose([line["confidence"] for line in lines], expected["confidence"], atol=1e-9)


def test_labels_texts_and_regions_are_columns(tmp_path):
    summary = map_summary(written(tmp_path, label_names=["x", "y", "z"], texts=[f"text {i}" for i in IDS]))
    points = read_map(tmp_path).to_frame()
    assert points["gold_label"].tolist() == ["x", "y", "z", "x", "y", "z"]
    assert points["text"].tolist() == [f"text {i}" for i in IDS]
    assert points["region"].value_counts().to_dict() == summary["regions"]
    assert summary["region_rule"]["quantile"]["ambiguous"] == 0.5


def test_several_runs_are_drawn_as_their_mean_with_spread_and_correlation(tmp_path):
    given = written(tmp_path, n_runs=3, seeds=[7, 8, 9])
    stored, points = read_map(tmp_path), read_map(tmp_path).to_frame()
    pd.testing.assert_frame_equal(points, given.to_frame())
    confidence = dynamics(3).gold_prob.double().mean(dim=1).numpy()  # (run, instance)
    np.testing.assert_allclose(points["confidence"], confidence.mean(axis=0))
    np.testing.assert_allclose(points["confidence_spread"], confidence.std(axis=0, ddof=1))
    r = np.corrcoef(confidence)[np.triu_indices(3, 1)].mean()
    assert stored.correlation()["confidence"] == pytest.approx(r)
    assert f"confidence {r:.3f}" in str(stored)
    assert str(stored) == str(given)
    assert (stored.n_runs, stored.seeds) == (3, [7, 8, 9])
    np.testing.assert_allclose(stored.by_seed["confidence"], confidence)
    seeds = pd.read_parquet(tmp_path / "seeds.parquet")
    assert list(seeds) == ["seed", "id", *COORDINATES]
    assert seeds["id"][seeds["seed"] == 8].tolist() == IDS


@pytest.mark.parametrize("n_runs", [None, 2])
def test_a_correlation_that_is_not_defined_is_said_to_be_so(tmp_path, n_runs):
    trained = dynamics(n_runs).epochs(slice(1))  # of one epoch, nothing varies
    DataMap.of(trained, IDS, name="one", seeds=[7, 8][: n_runs or 0]).save(tmp_path)
    about = orjson.loads((tmp_path / "map.json").read_bytes())
    assert about == map_summary(read_map(tmp_path)) | {"data": about["data"]}
    assert about["correlation_of_confidence_and_variability"] is None
    text = str(read_map(tmp_path))
    assert "Correlation of confidence and variability: undefined (no spread)." in text
    assert ("variability undefined (no spread)" in text) == (n_runs == 2)


def test_a_new_map_replaces_an_old_one_wholly(tmp_path):
    written(tmp_path, n_runs=3, seeds=[7, 8, 9])
    written(tmp_path)
    assert read_map(tmp_path).by_seed is None


def test_a_folder_with_something_else_is_not_touched(tmp_path):
    (tmp_path / "config.yaml").write_text("of a simulation")
    with pytest.raises(StorageError, match="is no folder of cal map"):
        written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_damaged_map_is_refused(tmp_path):
    written(tmp_path)
    (tmp_path / "map.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        read_map(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label_names": ["x"]}, "1 label_names for 3 classes"),
        ({"label_names": 5}, "map.json needs"),
        ({"label_names": [1, 2, 3]}, "map.json needs"),
        ({"seeds": "x"}, "map.json needs"),
        ({"seeds": None}, "map.json needs"),
        ({"name": 7}, "map.json needs"),
        ({"region_rule": {"foo": {}}}, "Unknown region rule 'foo'"),
        (None, "cannot be read"),
    ],
)
def test_nonsense_in_map_json_is_refused(tmp_path, finished, change, words):
    for name in ("map.json", "map.parquet"):
        shutil.copy(finished / name, tmp_path)
    file = tmp_path / "map.json"
    file.write_bytes(b"[]" if change is None else orjson.dumps(orjson.loads(file.read_bytes()) | change))
    with pytest.raises(DataError, match=words):
        read_map(tmp_path)


def test_nonsense_in_the_values_of_seeds_is_refused(tmp_path):
    written(tmp_path, n_runs=3, seeds=[7, 8, 9])
    rows = pd.read_parquet(tmp_path / "seeds.parquet")
    rows.assign(confidence=5.0).to_parquet(tmp_path / "seeds.parquet")
    with pytest.raises(DataError, match="confidence must be a number from 0 to 1"):
        read_map(tmp_path)
    rows.head(0).to_parquet(tmp_path / "seeds.parquet")
    with pytest.raises(DataError, match="other ids"):
        read_map(tmp_path)
