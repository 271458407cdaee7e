"""The change that the last batch makes, against classifiers trained one by one without it."""

import numpy as np
import pytest
import torch

from cal.acquisition.pool import Pool, PoolDocuments
from cal.acquisition.round_change import RoundChange
from cal.acquisition.uncertainty import Margin
from cal.data.features import Features
from cal.learners.mlp import MLP, MLPLearner
from cal.learners.scikit import Scikit
from cal.streams import Streams

SEEDS, N, N_LABELLED, N_CLASSES = [5, 6], 40, 12, 3
X = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
GOLD = torch.from_numpy(np.random.default_rng(1).integers(0, N_CLASSES, N))
CONFIG = MLP(hidden=[8], n_epochs=5, batch_size=4, lr=1e-2)
ACQUIRED_AT = torch.tensor([[0, 1, 0, 2, 0, 0, 2, 0, 1, 0, 2, 0], [0, 0, 3, 0, 0, 0, 0, 3, 0, 0, 0, 0]])


def mlp(n_runs):
    return MLPLearner(CONFIG, Features(X, X[:1]), N_CLASSES, n_runs)


def pool_of(learner, acquired_at, round=2):
    labelled = torch.stack([torch.arange(N_LABELLED), torch.arange(3, 3 + N_LABELLED)])
    candidates = torch.stack([torch.arange(20, N), torch.arange(20, N)])
    streams = Streams(SEEDS, round)
    dynamics = learner.fit(labelled, GOLD[labelled], streams)
    documents = PoolDocuments([f"id{i}" for i in range(N)], ["a", "b", "c"])
    return Pool(learner, candidates, labelled, GOLD[labelled], dynamics, streams, documents, 5, None, acquired_at)


@pytest.mark.oracle("round_change")
@pytest.mark.parametrize("kind", ["mlp", "scikit"])
def test_the_change_is_the_distance_to_a_training_without_the_last_batch(kind):
    """Both runs have last batches, of different sizes; each is trained alone here."""
    from sklearn.linear_model import LogisticRegression

    def learner(n_runs):
        if kind == "mlp":
            return mlp(n_runs)
        config = Scikit(LogisticRegression())
        vectors = Features(X, X[:1])
        return config.build(config.inputs(None, vectors), N_CLASSES, n_runs, torch.device("cpu"))

    pool, expected = pool_of(learner(2), ACQUIRED_AT), []
    for run, (seed, last) in enumerate(zip(SEEDS, [2, 3], strict=True)):
        rows = pool.labelled[run][ACQUIRED_AT[run] != last].unsqueeze(0)
        alone = learner(1)
        alone.fit(rows, GOLD[rows], Streams([seed], 2))
        before = alone.predict(pool.candidates[[run]]).probs[0].numpy()
        expected.append(np.sqrt(((pool.probs[run].numpy() - before) ** 2).sum(axis=1)))
    scores = RoundChange().score(pool)
    assert (scores > 1e-3).all()
    torch.testing.assert_close(scores, torch.tensor(np.array(expected)), rtol=0, atol=1e-6)
    assert pool.notes == [[], []]


def test_without_a_last_batch_it_is_margin_and_says_so():
    pool = pool_of(mlp(2), torch.stack([torch.zeros(12, dtype=torch.int64), ACQUIRED_AT[1]]))
    scores = RoundChange().score(pool)
    assert torch.equal(scores[0], Margin().score(pool)[0])
    assert (scores[1] > 0).all()
    assert [len(notes) for notes in pool.notes] == [1, 0]
    assert "round_change chose by margin" in pool.notes[0][0]


def test_a_run_without_a_last_batch_has_the_probabilities_that_a_training_would_give():
    pool = pool_of(mlp(2), torch.zeros(2, 12, dtype=torch.int64), round=0)
    again = mlp(2)
    again.fit(pool.labelled, pool.gold, pool.streams)
    assert torch.equal(pool.probs_before, again.predict(pool.candidates).probs)
    assert torch.equal(pool.probs_before, pool.probs)


def test_labels_of_one_round_alone_are_no_last_batch():
    pool = pool_of(mlp(2), torch.full((2, 12), 4))
    assert not pool.last_batch.any()


def test_a_part_of_the_pool_shows_the_same_and_trains_nothing_again(monkeypatch):
    pool = pool_of(mlp(2), ACQUIRED_AT)
    few, many = (pool.only(torch.arange(n).expand(2, n)) for n in (4, 15))
    whole = RoundChange().score(few)
    monkeypatch.setattr(MLPLearner, "fit", None)
    torch.testing.assert_close(RoundChange().score(pool)[:, :4], whole, rtol=0, atol=1e-6)
    assert torch.equal(RoundChange().score(many), RoundChange().score(pool)[:, :15])
