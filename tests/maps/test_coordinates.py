"""Files of the original toolkit hold its numbers, and are read in our units."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.maps.coordinates import td_metrics
from cal.maps.read import read_map

pytestmark = pytest.mark.usefixtures("blank_pictures_in_module")

PUBLISHED = (
    Path(__file__).resolve().parents[2] / "../shared/data/allenai/winogrande_roberta_0_6_data_map_coordinates.jsonl"
)


def draw_map(seed, ids, n_epochs=5):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n_epochs, len(ids), 3, generator=generator, dtype=torch.float64)
    return DataMap.of(TrainingDynamics.from_logits(logits, torch.randint(0, 3, (len(ids),), generator=generator)), ids)


ids = st.one_of(
    st.lists(st.text(), unique=True, min_size=1, max_size=8),
    st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, min_size=1, max_size=8),
)


@given(ids=ids, seed=st.integers(0, 2**31), n_epochs=st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_td_metrics_are_read_as_they_were_to_ten_decimals(tmp_path_factory, ids, seed, n_epochs):
    data_map = draw_map(seed, ids, n_epochs)
    path = tmp_path_factory.mktemp("metrics") / "td_metrics.jsonl"
    path.write_bytes(b"".join(td_metrics(data_map.to_frame())))
    read = read_map(path)
    frame, expected = read.to_frame(), data_map.to_frame()
    assert frame["id"].tolist() == ids
    for name in ("confidence", "variability"):
        np.testing.assert_allclose(frame[name], expected[name], rtol=0, atol=0.51e-10)
    counts = (expected["correctness"] * n_epochs).round().tolist()
    assert (frame["correctness"] * read.n_epochs).round(9).tolist() == counts
    assert read.ranking("forgetting").tolist()[0] in np.flatnonzero(_forgetfulness(expected) == _most(expected))
    assert frame["forgetting"].tolist() == _forgetfulness(expected).tolist()


def _forgetfulness(frame):
    return frame["forgetting"].where(frame["first_learnt"].notna(), 1000)


def _most(frame):
    return _forgetfulness(frame).max()


def forgetfulness(correct):
    """Transitions from correct to incorrect, 1000 where never correct: as the original toolkit counts."""
    return sum(a and not b for a, b in pairwise(correct)) if any(correct) else 1000


def test_lines_of_td_metrics_are_those_of_a_plain_loop():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 30, 3, generator=generator, dtype=torch.float64)
    gold = torch.randint(0, 3, (30,), generator=generator)
    drawn = DataMap.of(TrainingDynamics.from_logits(logits, gold), [f"id{i}" for i in range(30)])
    lines = b"".join(td_metrics(drawn.to_frame())).decode().splitlines()
    for i, line in enumerate(lines):
        p = [torch.softmax(logits[e, i], 0)[gold[i]].item() for e in range(6)]
        correct = [int(logits[e, i].argmax()) == int(gold[i]) for e in range(6)]
        row = json.loads(line)
        keys = "guid index threshold_closeness confidence variability correctness forgetfulness".split()
        assert list(row) == keys
        assert (row["guid"], row["index"], row["correctness"]) == (f"id{i}", i, sum(correct))
        assert row["forgetfulness"] == forgetfulness(correct)
        assert row["confidence"] == pytest.approx(np.mean(p), abs=1e-9)
        assert row["variability"] == pytest.approx(np.std(p), abs=1e-9)
        assert row["threshold_closeness"] == pytest.approx(np.mean(p) * (1 - np.mean(p)), abs=1e-9)
        assert isinstance(row["correctness"], int)
        assert isinstance(row["forgetfulness"], int)
    assert any('"forgetfulness":1000' in line for line in lines)


def test_counts_of_a_mean_over_runs_are_whole():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 20, 2, generator=generator)
    mean = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(3, 20, dtype=torch.int64))).mean()
    rows = [json.loads(line) for line in b"".join(td_metrics(mean.to_frame())).splitlines()]
    assert all(isinstance(row["correctness"], int) and 0 <= row["correctness"] <= 4 for row in rows)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published coordinates are not beside the checkout")
def test_published_coordinates_are_read():
    data_map = read_map(PUBLISHED)
    frame = data_map.to_frame()
    given = pd.DataFrame([json.loads(line) for line in PUBLISHED.read_text().splitlines()])
    assert len(frame) == 40_398
    assert data_map.n_epochs == 6
    assert data_map.known_metrics == ["confidence", "variability", "correctness", "threshold_closeness"]
    assert frame["id"].tolist() == given["guid"].tolist()
    np.testing.assert_array_equal(frame["correctness"] * 6, given["correctness"])
    np.testing.assert_array_equal(frame["confidence"], given["confidence"])
    assert frame["confidence"].corr(frame["variability"]) == pytest.approx(-0.78, abs=0.01)
