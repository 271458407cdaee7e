"""The price of looking at the pool is told before a simulation, where it is high."""

import pytest

from cal.acquisition.pool_dynamics import AveragedMargin, Tidal
from cal.acquisition.spec import make_strategies
from cal.learners.mlp import MLP
from cal.learners.scikit import Scikit
from cal.simulation.price import price_of_looks


def told(*specs, n=60_000, learner=None, device="cpu", n_labelled=300):
    return price_of_looks(make_strategies(list(specs)), learner or MLP(), n, n_labelled, device)


def test_a_full_look_at_a_large_pool_has_its_price():
    assert ") takes about 10 times as long" in told("margin", {"blend": {"parts": ["margin", "averaged_margin"]}})
    sentence = told("margin", {"averaged_margin": {"full_look": 100_000}})
    assert "averaged_margin(full_look=100000) takes about 10 times as long" in sentence
    assert "60,000" in sentence


@pytest.mark.parametrize("spec", ["margin", "tidal", {"subpool": {"of": "averaged_margin"}}])
def test_what_looks_at_little_is_not_mentioned(spec):
    assert told(spec) is None


def test_other_pools_devices_and_learners():
    assert told("averaged_margin", n=5_000) is None
    assert told("averaged_margin", {"averaged_margin": {"full_look": 10**6}}, device="cuda:0") is None
    from sklearn.linear_model import LogisticRegression

    assert told("averaged_margin", learner=Scikit(LogisticRegression())) is None  # one epoch
    assert AveragedMargin().needs == frozenset({"predictions"}) <= Tidal().needs
