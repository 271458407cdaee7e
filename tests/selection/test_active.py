"""What an active learner has labelled, as a selection."""

import numpy as np
import pytest

from cal.errors import ConfigError
from cal.learners.grid import Setup
from cal.learners.mlp import MLP
from cal.selection.active import active_selection


@pytest.fixture(scope="module")
def selected(make_task):
    """selected(count, **changes): rows of a small corpus."""
    corpus, features = make_task()
    setup = Setup(MLP(hidden=[8], n_epochs=2), features, workers=1)

    def select(count, **changes):
        return active_selection(corpus, setup, count=count, **{"strategy": "entropy", "seed": 1} | changes)

    return select


@pytest.mark.parametrize("strategy", ["entropy", "coreset"])
def test_rows_are_those_that_a_simulation_acquires(make_task, simulated, selected, strategy):
    learner = MLP(hidden=[8], n_epochs=2)
    curves = simulated(strategies=[strategy], learner=learner, seeds=[1], seed_size=6, query_size=4, rounds=3)
    ids = np.array(make_task().corpus.train.ids)
    for count in (18, 16):  # a whole last batch, and the first half of it
        rows = selected(count, strategy=strategy, seed_size=6, query_size=4)
        assert ids[rows].tolist() == curves.acquired["id"].tolist()[:count]


@pytest.mark.parametrize("count", [4, 23, 60])  # one more than there are classes, any, and all documents
def test_exactly_as_many_are_selected_as_asked_for(selected, count):
    rows = selected(count)
    assert len(rows) == len(set(rows.tolist())) == count
    assert 0 <= rows.min() <= rows.max() < 60


def test_a_seed_says_what_is_selected(selected):
    first, again, other = (selected(20, seed=seed).tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("count", "changes", "message"),
    [
        (0, {}, "count must be a whole number of at least 1, not 0"),
        (61, {}, "count is 61, but there are only 60 training documents"),
        (3, {}, "count is 3, but the learner starts from 3 documents, .* Give at least 4"),
        (20, {"seed_size": 20}, "starts from 20 documents, .* Give at least 21"),
        (20, {"seed_size": 2}, "too small for one document of each of the 3 classes"),
        (20, {"query_size": 0}, "query_size must be a whole number"),
        (20, {"strategy": "entrpy"}, "Did you mean 'entropy'"),
    ],
)
def test_what_cannot_be_selected_is_an_error(selected, count, changes, message):
    with pytest.raises(ConfigError, match=message):
        selected(count, **changes)
