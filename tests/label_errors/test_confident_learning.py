"""Confident learning: the package is called with what it expects, and missed by name."""

import sys

import numpy as np
import pytest

from cal.errors import ConfigError
from cal.label_errors.confident_learning import confident_learning


def test_planted_errors_are_the_issues_and_of_the_lowest_quality():
    pytest.importorskip("cleanlab", reason="cleanlab is not installed")
    rng = np.random.default_rng(0)
    true = np.arange(300) % 3
    probs = rng.dirichlet(np.full(3, 0.3), 300) * 0.2 + 0.8 * np.eye(3)[true]
    gold, planted = true.copy(), np.arange(0, 300, 17)
    gold[planted] = (gold[planted] + 1) % 3
    quality, issues = confident_learning(probs, gold)
    assert set(np.flatnonzero(issues)) <= set(planted)
    assert issues.sum() > len(planted) / 2
    assert sorted(quality.argsort()[: len(planted)]) == planted.tolist()


def test_without_cleanlab_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(ConfigError, match=r"pip install 'cartography-active-learning\[cleanlab\]'"):
        confident_learning(np.eye(2), np.arange(2))
