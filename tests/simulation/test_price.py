"""The price of looking at the pool is told before a simulation, where it is high."""

import pytest

from cal.acquisition.pool_dynamics import AveragedMargin, Tidal
from cal.acquisition.spec import make_strategies
from cal.learners.mlp import MLP
from cal.learners.scikit import Scikit
from cal.simulation.price import price_of_looks


def told(*specs, n=60_000, learner=None, device="cpu", n_labelled=300):
    return price_of_looks(make_strategies(list(specs)), learner or MLP(), n, n_labelled, 50, device)


def test_a_full_look_at_a_large_pool_has_its_price():
    assert ") takes about 10 times as long" in told("margin", {"blend": {"parts": ["margin", "averaged_margin"]}})
    sentence = told("margin", {"averaged_margin": {"full_look": 100_000}})
    assert "averaged_margin(full_look=100000) takes about 10 times as long" in sentence
    assert "60,000" in sentence


@pytest.mark.parametrize(
    "spec",
    [
        "margin",
        "tidal",
        {"subpool": {"of": "averaged_margin"}},
        {"anchors": {"of": "averaged_margin"}},
        {"prefilter": {"by": "margin", "then": "averaged_margin"}},
    ],
)
def test_what_looks_at_little_is_not_mentioned(spec):
    assert told(spec) is None


def test_a_shortlist_has_the_price_of_what_makes_it():
    spec = {"prefilter": {"by": {"averaged_margin": {"full_look": 100_000}}, "then": "averaged_margin"}}
    assert "takes about 10 times as long" in told(spec)


def test_the_advice_is_one_that_helps():
    from sklearn.linear_model import SGDClassifier

    # Of the pool, a perceptron predicts only what is looked at.
    full = {"averaged_margin": {"full_look": 10**6}}
    assert "size: 5000}" in told(full)
    assert "size: 500}" in told(full, n=5_000, n_labelled=50)
    assert told({"subpool": {"of": full, "size": 500}}, n=5_000, n_labelled=50) is None
    # Any other learner predicts all of it after each epoch.
    several, few = (Scikit(SGDClassifier(loss="log_loss"), n_epochs=n) for n in (30, 2))
    for spec in (full, {"subpool": {"of": full, "size": 500}}):
        assert " takes about 10 times as long" in told(spec, learner=several)
        assert told(spec, learner=several).endswith("Fewer epochs look less.")
        assert told(spec, learner=several, n=400, n_labelled=20) is None  # measured: 1.1 times
        assert told(spec, learner=few) is None


def test_other_pools_devices_and_learners():
    assert told("averaged_margin", n=5_000) is None
    assert told("averaged_margin", {"averaged_margin": {"full_look": 10**6}}, device="cuda:0") is None
    from sklearn.linear_model import LogisticRegression

    assert told("averaged_margin", learner=Scikit(LogisticRegression())) is None  # one epoch
    assert AveragedMargin().needs == frozenset({"predictions"}) <= Tidal().needs
