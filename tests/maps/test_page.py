"""The interactive page: what it carries. What a browser makes of it is in tests/browser."""

import base64
import hashlib
import html
import json
import re

import numpy as np
import pandas as pd
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.maps import page as module
from cal.maps.page import map_page, page_of

NASTY = "</script><script>document.title = 'broken'</script><b>How</b> & {{data}} \u2028 why?"


def table(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f"id{k}" for k in range(n)],
            "gold": np.where(np.arange(n) % 3, "HUM", "<b>LOC</b>"),
            "predicted": "HUM",
            "confidence": rng.uniform(0, 1, n),
            "variability": rng.uniform(0, 0.5, n),
            "first_learnt": pd.array([None, *range(1, n)], dtype="Int64"),
            "region": rng.choice(["easy-to-learn", "ambiguous"], n),
            "text": [f"{NASTY} number {k}" for k in range(n)],
        }
    )


def payload(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def decoded(values, dtype):
    return np.frombuffer(base64.b64decode(values), dtype)


def test_the_page_carries_every_column():
    points = table()
    data = payload(map_page(points, title="T"))
    assert data["ids"] == points["id"].tolist()
    assert data["texts"] == points["text"].tolist()
    assert list(data["columns"]) == [name for name in points if name not in ("id", "text")]
    confidence = decoded(data["columns"]["confidence"]["values"], np.float32)
    np.testing.assert_array_equal(confidence, points["confidence"].astype(np.float32))
    first_learnt = decoded(data["columns"]["first_learnt"]["values"], np.float32)
    np.testing.assert_array_equal(first_learnt, [np.nan, *range(1, 60)])
    gold = data["columns"]["gold"]
    assert [gold["names"][k] for k in decoded(gold["values"], np.uint16)] == points["gold"].tolist()


def test_names_keep_their_colours_from_page_to_page_whatever_their_counts():
    def names(labels):
        points = pd.DataFrame({"id": range(len(labels)), "confidence": 0.5, "variability": 0.1, "region": labels})
        return payload(map_page(points, title="T"))["columns"]["region"]["names"]

    assert names(["b", "a", "b"]) == names(["a", "b", "a"]) == ["a", "b"]


def test_of_more_names_than_colours_the_most_frequent_come_first():
    labels = [f"label {k}" for k in range(20) for _ in range(20 - (k + 7) % 20)]
    points = pd.DataFrame({"id": range(len(labels)), "confidence": 0.5, "variability": 0.1, "region": labels})
    names = payload(map_page(points, title="T"))["columns"]["region"]["names"]
    assert names == sorted(names, key=lambda name: -labels.count(name))
    assert names[0] == "label 13"


def test_curves_are_kept_to_one_of_254_steps():
    curves = np.random.default_rng(0).uniform(size=(60, 7))
    curves[3, 2] = np.nan
    levels = decoded(payload(map_page(table(), title="T", curves=curves))["curves"]["values"], np.uint8)
    levels = levels.reshape(60, 7)
    assert levels[3, 2] == 255
    seen = ~np.isnan(curves)
    assert np.abs(levels[seen] / 254 - curves[seen]).max() <= 0.5 / 254 + 1e-12


def test_long_texts_are_shortened():
    points = table(2).assign(text=["x" * 10_000, "y"])
    texts = payload(map_page(points, title="T"))["texts"]
    assert texts == ["x" * module.TEXT_LENGTH + "…", "y"]


def test_many_points_become_their_density_and_a_sample_that_says_so(monkeypatch):
    monkeypatch.setattr(module, "MOST_POINTS", 500)
    monkeypatch.setattr(module, "SAMPLE", 200)
    points = table(600)
    curves = points["confidence"].to_numpy()[:, None]
    page = map_page(points, title="T", note="N.", curves=curves)
    data = payload(page)
    assert "N. Shown: the density of all 600 instances, and a sample of 200" in page
    assert (data["n"], len(data["ids"])) == (600, 200)
    density = data["density"]
    assert sum(density["counts"]) == 600
    expected, *_ = np.histogram2d(
        points["variability"], points["confidence"], (density["bins_x"], density["bins_y"]), data["ranges"]
    )
    assert density["counts"] == expected.T.ravel().tolist()
    np.testing.assert_allclose(  # a row of the sample keeps its curve
        decoded(data["curves"]["values"], np.uint8) / 254,
        decoded(data["columns"]["confidence"]["values"], np.float32),
        atol=0.003,
    )


def test_a_sample_keeps_the_first_rows_which_have_arrows(monkeypatch):
    monkeypatch.setattr(module, "MOST_POINTS", 500)
    monkeypatch.setattr(module, "SAMPLE", 100)
    data = payload(map_page(table(600), title="T", start=("variability", "confidence")))
    assert data["ids"][: module.N_ARROWS] == [f"id{k}" for k in range(module.N_ARROWS)]
    assert len(set(data["ids"])) == 100


def test_the_page_needs_no_network():
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)\s*=", map_page(table(), title="T"))


def test_the_policy_of_a_page_allows_its_own_scripts_and_style_only():
    page = map_page(table(), title="T")
    policy = html.unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1])
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    scripts = re.findall(r'<script(?: type="module")?>(.*?)</script>', page, re.DOTALL)
    styles = re.findall(r"<style[^>]*>(.*?)</style>", page, re.DOTALL)
    for kind, parts in (("script-src", scripts), ("style-src", styles)):
        hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
        assert rules[kind].split() == [f"'sha256-{one}'" for one in hashes]
    assert len(scripts) == 2
    assert not re.search(r"\son\w+=|\sstyle=", re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL))


def test_a_page_of_one_epoch_warns_that_nothing_varies():
    dynamics = TrainingDynamics.from_logits(torch.zeros(1, 2, 2), torch.tensor([0, 1]))
    assert "with one epoch, variability is 0" in page_of(DataMap.of(dynamics, ["a", "b"]))
