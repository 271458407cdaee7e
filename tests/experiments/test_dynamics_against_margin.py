"""The candidates of dynamics_against_margin, against loops in NumPy; its cells, and its table from invented curves."""

import importlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from cal.acquisition.base import chosen
from cal.acquisition.map_regression import PredictedVariability
from cal.acquisition.uncertainty import Margin
from cal.testing import conformance, practice_pool

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "dynamics_against_margin"


@pytest.fixture
def script(monkeypatch):
    """script(name): a module of the experiment."""
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


@pytest.fixture
def pool():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 5))
    x[rng.integers(0, 80, 20)] = x[rng.integers(0, 80, 20)]
    return practice_pool(x, torch.from_numpy(rng.integers(0, 3, 80)), seeds=[4, 9])


def gap(probs):
    first, second = np.sort(probs)[::-1][:2]
    return first - second


@pytest.mark.parametrize("name", ["U1", "U2", "U3", "U4", "U5"])
def test_a_candidate_keeps_every_law(script, name):
    strategy = script("candidates").CANDIDATES[name]
    assert [outcome for outcome in conformance(strategy) if outcome.problem] == []


def test_u1_weighs_by_the_averaged_margin(script, pool):
    weights = script("candidates").CANDIDATES["U1"].weights(pool)
    expected = [[1 - gap(probs) for probs in run.numpy()] for run in pool.predictions.mean_probs]
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-12)


def test_u2_weighs_by_margin_and_variability(script, pool):
    candidate = script("candidates").CANDIDATES["U2"]
    variability = PredictedVariability(seed_map="out_of_fold", folds=3).score(pool).numpy()
    for run, probs in enumerate(pool.probs.numpy()):
        expected = [(1 - gap(probs[i])) * max(variability[run, i], 0) for i in range(len(probs))]
        np.testing.assert_allclose(candidate.weights(pool)[run].numpy(), expected, rtol=1e-12)
    assert "embeddings" in candidate.needs
    assert "features" in candidate.needs


def test_u3_is_the_share_of_epochs_that_disagree_with_the_last(script, pool):
    predicted = pool.predictions.predicted.numpy()  # (run, epoch, candidate)
    expected = [[np.mean([p != run[-1, i] for p in run[:, i]]) for i in range(run.shape[1])] for run in predicted]
    np.testing.assert_allclose(script("candidates").CANDIDATES["U3"].score(pool).numpy(), expected)


def test_u4_is_margin_times_change_and_margin_alone_at_first(script, pool):
    candidate = script("candidates").CANDIDATES["U4"]
    probs, before = pool.probs.numpy(), pool.probs_before.numpy()
    for run in range(2):
        expected = [
            (1 - gap(probs[run, i])) * math.sqrt(sum((probs[run, i] - before[run, i]) ** 2))
            for i in range(probs.shape[1])
        ]
        np.testing.assert_allclose(candidate.score(pool)[run].numpy(), expected, rtol=1e-9)
    first = practice_pool(np.random.default_rng(3).normal(size=(60, 5)), torch.arange(60) % 3, seeds=[4], round=0)
    assert chosen(candidate, first, 9).positions.tolist() == chosen(Margin(), first, 9).positions.tolist()


def test_u5_is_margin_where_neighbours_are_learnable(script, pool):
    candidate = script("candidates").LearnableMargin(threshold=0.5)
    positions = chosen(candidate, pool, 40).positions
    for run in range(2):
        x, known = pool.features[run].double().numpy(), pool.labelled_features[run].double().numpy()
        correctness = pool.data_map.correctness[run].numpy()
        learnable = []
        for vector in x:
            cosines = known @ vector / np.linalg.norm(known, axis=1) / np.linalg.norm(vector)
            k = int(np.sqrt(len(known)))
            near = cosines >= np.sort(cosines)[-k] - 1e-9
            learnable.append(correctness[near].mean() > 0.5)
        gaps = [gap(probs) for probs in pool.probs[run].numpy()]
        order = sorted(range(len(x)), key=lambda i: (not learnable[i], gaps[i]))
        assert {True, False} == set(learnable)
        assert [gaps[i] for i in positions[run].tolist()] == [gaps[i] for i in order[:40]]
