"""`cal plan map` measures some parts, and scales them as the command works."""

import numpy as np
import pandas as pd
import pytest

import cal
from cal.cli import main
from cal.errors import ConfigError, DataError
from cal.planning.maps import MapCosts, seconds_of_map
from cal.planning.scores import ShardSizes


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    for number in range(4):
        rows = {"id": [f"{number}-{row}" for row in range(50)], "vector": list(rng.normal(size=(50, 4)))}
        rows |= {"text": [f"Text {row % 7} of {number}" for row in range(50)], "label": ["a", "b"] * 25}
        pd.DataFrame(rows).to_parquet(folder / f"part-{number}.parquet")
    return folder


@pytest.mark.parametrize("vectors", ["read", "made"])
def test_a_small_plan_trains_and_measures_parts(corpus, vectors):
    given = {"vector_column": "vector"} if vectors == "read" else {"features": {"lsa": {"n_components": 3}}}
    plan = cal.plan_map(corpus, target=10_000_000, workers=1, n_epochs=3, price=2.0, **given)
    assert plan.what == "Mapping 10,000,000 documents over 3 epochs with 1 worker"
    assert {"training", "count", "measure", "draw"} <= plan.seconds.keys()
    assert ("vectors" in plan.seconds) == (vectors == "made")
    assert plan.money == pytest.approx(2 * plan.hours)
    assert plan.hours_low <= plan.hours <= plan.hours_high
    assert min(plan.disk.values()) > 0
    assert "Measured: 3 parts with 150 of 200 documents, by 1 process at once" in str(plan)
    assert not list(corpus.glob("*plan*"))


def test_the_arithmetic_is_that_of_the_work():
    sizes = ShardSizes(documents=800, files=2, parts=8, groups=8)
    rates = {"count": np.array([0.001, 0.003]), "measure": np.array([0.01, 0.01])}
    costs = MapCosts(sizes, rates, train=0.002, n_epochs=4, start=3.0, file=0.5)
    serial = 3.0 + 2 * 0.5 + 800 * 4 * 0.002
    for workers, waves in ((1, 8), (2, 4), (3, 3), (8, 1), (99, 1)):
        assert seconds_of_map(costs, None, workers)[0] == pytest.approx(serial + waves * 100 * 0.012)
    twice = seconds_of_map(costs, 1_600, 1)[0]
    assert twice - 3.0 == pytest.approx(2 * (seconds_of_map(costs, 800, 1)[0] - 3.0))


def test_the_command_plans_and_writes_nothing(corpus, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["plan", "map", str(corpus), "vector_column=vector", "n_epochs=2", "--target", "1000000", "--workers", "1"])
    assert "Mapping 1,000,000 documents over 2 epochs with 1 worker" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"target": 0}, ConfigError, "target must be a whole number of at least 1"),
        ({"workers": 0}, ConfigError, "workers must be a whole number of at least 1"),
        ({"label_column": "topic"}, DataError, "has no column 'topic'"),
        ({"output": "here"}, ConfigError, "output"),
        ({"logs": "logs", "vector_column": None}, ConfigError, "logs are drawn without one. Leave logs out"),
    ],
)
def test_what_makes_no_plan_is_refused_in_words(corpus, changes, error, message):
    with pytest.raises(error, match=message):
        cal.plan_map(corpus, **{"vector_column": "vector", "workers": 1, **changes})
