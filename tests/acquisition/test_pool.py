"""What a pool shows: its parts, its runs, and nothing of the candidates' labels."""

import gc

import numpy as np
import pytest
import torch

from cal.acquisition.base import Acquisition, unmet_needs
from cal.acquisition.one_run import OneRun, one_run
from cal.acquisition.pool import Batch, Pool, PoolDocuments
from cal.acquisition.spec import make_strategies
from cal.data.features import Features
from cal.errors import ConfigError, StrategyError, UnknownNameError
from cal.learners import mlp
from cal.learners.base import LatePrediction
from cal.learners.mlp import MLP, MLPLearner
from cal.learners.out_of_fold import folds_of, out_of_fold_dynamics
from cal.streams import Streams

RNG = np.random.default_rng(0)
X, GOLD = RNG.normal(size=(70, 5)).astype(np.float32), torch.from_numpy(RNG.integers(0, 3, 70))


@pytest.fixture
def pool(trained_pool):
    return trained_pool(X, GOLD, [3, 4])


SHOWN = {
    "probs": (2, 50, 3),
    "logits": (2, 50, 3),
    "embeddings": (2, 50, 16),
    "features": (2, 50, 5),
    "labelled_embeddings": (2, 20, 16),
    "labelled_probs": (2, 20, 3),
    "labelled_features": (2, 20, 5),
    "gold": (2, 20),
}


@pytest.mark.parametrize(("name", "shape"), SHOWN.items())
def test_tensors_have_the_axes_they_name(pool, name, shape):
    assert getattr(pool, name).shape == shape


def embedded(pool: Pool) -> torch.Tensor:
    """The last hidden layer of all candidates, put together from its blocks."""
    found = torch.full_like(pool.embeddings, torch.nan)
    for chunk, block in pool.embedding_blocks():
        found[:, chunk] = block
    return found


def test_blocks_of_embeddings_are_the_embeddings(pool, trained_pool, monkeypatch):
    monkeypatch.setattr("cal.learners.base._ROWS", 9)
    assert [block.shape[1] for _, block in pool.embedding_blocks()] == [9] * 5 + [5]
    assert torch.equal(embedded(pool), pool.embeddings)
    monkeypatch.setattr(MLPLearner, "most_embedded", 0)
    monkeypatch.setitem(mlp._CHUNK, "cpu", 7)
    late = trained_pool(X, GOLD, [3, 4])
    sizes = [block.shape[1] for _, block in late.embedding_blocks()]
    assert sizes == [7] * 7 + [1]
    torch.testing.assert_close(embedded(late), pool.embeddings)
    torch.testing.assert_close(late.logits, pool.logits)
    part = torch.tensor([[4, 2, 9], [1, 30, 8]])
    torch.testing.assert_close(embedded(late.only(part)), embedded(pool.only(part)))


IN_BLOCKS = [
    "cal",
    {"dal": {"max_unlabelled": 10}},
    "expected_gradient_length",
    "predicted_variability",
    "predicted_ucb",
]


@pytest.mark.parametrize("spec", IN_BLOCKS, ids=str)
def test_a_large_pool_is_never_embedded_at_once(pool, trained_pool, monkeypatch, spec):
    (strategy,) = make_strategies([spec]).values()
    expected = strategy.score(pool)
    monkeypatch.setattr(MLPLearner, "most_embedded", 40 * 16)  # the labelled instances are fewer
    late = trained_pool(X, GOLD, [3, 4])
    monkeypatch.setattr(LatePrediction, "embeddings", property(lambda _: pytest.fail("embedded the whole pool")))
    torch.testing.assert_close(strategy.score(late), expected)


def test_a_strategy_can_ask_its_own_learner(pool):
    assert torch.equal(pool.learner.predict(pool.candidates).logits, pool.logits)
    assert pool.learner.n_runs == len(pool)


def test_predictions_have_an_epoch_axis(pool):
    assert pool.predictions.entropy.shape == (2, 6, 50)
    assert pool.predictions.mean_probs.shape == (2, 50, 3)
    assert pool.labelled_predictions.margin.shape == (2, 6, 20)


def test_the_last_predictions_are_those_of_the_trained_classifiers(pool):
    torch.testing.assert_close(pool.predictions.top_prob[:, -1], pool.probs.amax(-1).float())
    assert torch.equal(pool.predictions.predicted[:, -1], pool.probs.argmax(-1))
    torch.testing.assert_close(pool.labelled_predictions.top_prob[:, -1], pool.labelled_probs.amax(-1).float())


def test_hidden_layers_are_the_networks(pool):
    first, last = pool.hidden(0), pool.hidden(1)
    assert torch.equal(last, pool.embeddings)
    net = pool.learner.net
    expected = torch.relu(pool.features[1] @ net.weights[0][1] + net.biases[0][1])
    torch.testing.assert_close(first[1], expected)
    with pytest.raises(StrategyError, match="no hidden layer 2; this learner has 2"):
        pool.hidden(2)


def test_gradient_embeddings_are_autograds(pool):
    factors = pool.gradient_embeddings
    for run, candidate in ((0, 0), (1, 7)):
        h = pool.embeddings[run, candidate]
        weight = pool.learner.net.weights[-1][run].clone().requires_grad_()
        logits = h @ weight + pool.learner.net.biases[-1][run, 0]
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, logits.argmax()), weight)
        mine = torch.outer(factors.embeddings[run, candidate], factors.errors[run, candidate])
        torch.testing.assert_close(mine, gradient)


def test_samples_are_drawn_once(pool):
    assert pool.mc_probs(3) is pool.mc_probs(3)
    assert pool.mc_probs(3).shape == (2, 3, 50, 3)


@pytest.mark.parametrize("looked_before", [False, True])
def test_a_part_shows_what_the_whole_shows_of_its_candidates(pool, looked_before):
    positions = torch.tensor([[7, 3, 30], [0, 49, 12]])
    names = ("candidates", "probs", "logits", "embeddings", "features")
    whole = {name: getattr(pool, name) for name in names} | {"samples": pool.mc_probs(2)} if looked_before else {}
    part = pool.only(positions).only(torch.tensor([[2, 0], [1, 1]]))
    positions = torch.tensor([[30, 7], [49, 49]])
    for name in names:
        expected = (whole.get(name, getattr(pool, name)))[torch.tensor([[0], [1]]), positions]
        torch.testing.assert_close(getattr(part, name), expected)
    torch.testing.assert_close(part.mc_probs(2)[1, :, 0], pool.mc_probs(2)[1, :, 49])
    torch.testing.assert_close(part.predictions.margin[0, :, 1], pool.predictions.margin[0, :, 7])
    assert torch.equal(part.uniform("p")[0], pool.uniform("p")[0, [30, 7]])
    assert [part.ids[0], part.ids[1]] == [[pool.ids[0][30], pool.ids[0][7]], [pool.ids[1][49]] * 2]
    assert torch.equal(part.labelled_embeddings, pool.labelled_embeddings)
    assert part.labelled_features is pool.labelled_features


def test_without_is_the_rest_in_order(pool):
    rest = pool.without(torch.tensor([[1, 3], [0, 49]]))
    assert torch.equal(rest.candidates[0], pool.candidates[0, [i for i in range(50) if i not in (1, 3)]])
    back = rest.in_whole(Batch(torch.tensor([[1], [0]]), torch.zeros(2, 1)))
    assert back.positions.tolist() == [[2], [1]]


def test_a_view_of_a_run_is_numpy_without_the_run_axis(pool):
    view = pool[1]
    assert len(view) == 50
    for name in SHOWN:
        np.testing.assert_array_equal(getattr(view, name), getattr(pool, name)[1].numpy())
    np.testing.assert_array_equal(view.data_map.variability, pool.data_map.variability[1].numpy())
    np.testing.assert_array_equal(view.dynamics.gold_prob, pool.dynamics.gold_prob[1].numpy())
    np.testing.assert_array_equal(view.predictions.entropy, pool.predictions.entropy[1].numpy())
    np.testing.assert_array_equal(view.gradient_embeddings.errors, pool.gradient_embeddings.errors[1].numpy())
    np.testing.assert_array_equal(view.mc_probs(2), pool.mc_probs(2)[1].numpy())
    np.testing.assert_array_equal(view.uniform("p"), pool.uniform("p")[1].numpy())
    assert (view.ids, view.texts, view.label_names) == (pool.ids[1], pool.texts[1], ("class 0", "class 1", "class 2"))
    assert (view.round, view.query_size, view.n_classes) == (1, 12, 3)
    view.note("look here")
    assert pool.notes == [[], ["look here"]]


def test_generators_are_one_per_run_and_begin_anew(pool):
    first, again = pool[0].generator().random(3), pool[0].generator().random(3)
    assert first.tolist() == again.tolist()
    assert first.tolist() != pool[1].generator().random(3).tolist()
    assert first.tolist() != pool[0].generator("other").random(3).tolist()


def test_a_strategy_for_one_run_is_the_stacked_strategy(pool):
    class Unsure(OneRun):
        def score_run(self, pool):
            return -pool.probs.max(axis=1)

    stacked = make_strategies(["least_confidence"])["least_confidence"].select(pool, 9)
    for strategy in (Unsure(), one_run(lambda pool: 1 - pool.probs.max(axis=1))):
        assert torch.equal(strategy.select(pool, 9).positions, stacked.positions)


def test_a_strategy_for_one_run_may_choose_a_batch(pool):
    class First(OneRun):
        def select_run(self, pool, n):
            return np.argsort(pool.ids)[:n]

    chosen = First().select(pool, 4)
    for run in range(2):
        assert sorted(pool.ids[run])[:4] == [pool.ids[run][i] for i in chosen.positions[run].tolist()]


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (
            {"score_run": lambda self, pool: pool.probs},
            r"score_run returned an array of shape \(50, 3\).*each of the 50",
        ),
        (
            {"select_run": lambda self, pool, n: np.arange(n + 1)},
            r"select_run returned int64 of shape \(5,\).*positions of 4",
        ),
        ({"select_run": lambda self, pool, n: np.ones(n)}, "returned float64"),
        ({}, "must define score_run"),
    ],
)
def test_a_strategy_for_one_run_is_told_what_it_must_return(pool, methods, message):
    with pytest.raises(StrategyError, match=message):
        type("Mine", (OneRun,), methods)().select(pool, 4)


def test_a_strategy_without_a_method_is_refused_before_it_is_run():
    for base, message in ((OneRun, r"must define score_run\(pool\) or select_run"), (Acquisition, "must define score")):
        with pytest.raises(ConfigError, match=message):
            make_strategies([type("Mine", (base,), {})])


@pytest.mark.parametrize("name", ["texts", "predictions"])
def test_what_was_not_asked_for_says_how_to_ask(pool, name):
    bare = Pool(
        pool.learner,
        pool.candidates,
        pool.labelled,
        pool.gold,
        pool.dynamics,
        pool.streams,
        PoolDocuments([], "abc"),
        1,
    )
    with pytest.raises(StrategyError, match=f"needs = .*{name}"):
        getattr(bare, name)


def test_an_unknown_need_suggests_the_nearest():
    class Mine(Acquisition):
        needs = frozenset({"droput"})

    with pytest.raises(UnknownNameError, match=r"need of Mine 'droput'. Did you mean 'dropout'"):
        unmet_needs(Mine(), set())


def test_no_gold_label_of_a_candidate_can_be_reached(pool):
    """Whatever the pool holds, however deep: no array has the shape and the values of the whole split's labels."""
    pool.probs, pool.labelled_embeddings, pool.data_map, pool.predictions, pool.features  # noqa: B018
    seen, stack = set(), [pool]
    while stack:
        thing = stack.pop()
        if id(thing) in seen or isinstance(thing, type) or type(thing).__name__ in ("module", "function", "frame"):
            continue
        seen.add(id(thing))
        if isinstance(thing, torch.Tensor | np.ndarray):
            values = torch.as_tensor(np.asarray(thing)).flatten()
            for candidates in pool.candidates:
                for labels in (GOLD, GOLD[candidates]):
                    assert len(values) < len(labels) or not torch.equal(values[: len(labels)].double(), labels.double())
        stack += gc.get_referents(thing)
    assert len(seen) > 50


def test_out_of_fold_dynamics_are_those_of_trainings_that_did_not_see_the_instance(pool):
    """Against one training at a time, by hand."""
    whole = pool.out_of_fold(n_folds=3)
    assert whole.capture == "out_of_fold"
    for run, seed in enumerate([3, 4]):
        rows, gold = pool.labelled[run], pool.gold[run]
        from cal.streams import stream

        for trained, held_out in folds_of(gold.numpy(), 3, stream(seed, "folds", 1)):
            assert not set(trained) & set(held_out)
            learner = MLPLearner(MLP(hidden=[16, 16], n_epochs=6, batch_size=8, lr=1e-2), Features(X, X[:1]), 3, 1)
            alone = learner.fit(
                rows[trained].unsqueeze(0),
                gold[trained].unsqueeze(0),
                Streams([seed], 1),
                capture="out_of_fold",
                held_out=(rows[held_out].unsqueeze(0), gold[held_out].unsqueeze(0)),
            )
            assert torch.equal(whole.gold_prob[run][:, held_out], alone.gold_prob[0])
            assert torch.equal(whole.predicted[run][:, held_out], alone.predicted[0])


def test_out_of_fold_dynamics_leave_the_learner_as_it_is(pool):
    before = pool.learner.predict(pool.candidates).logits
    out_of_fold_dynamics(pool.learner, pool.labelled, pool.gold, pool.streams, 2)
    assert torch.equal(pool.learner.predict(pool.candidates).logits, before)


def test_what_costs_most_is_computed_once(pool, monkeypatch):
    fits = []
    fit = type(pool.learner).fit
    monkeypatch.setattr(type(pool.learner), "fit", lambda *given, **named: fits.append(1) or fit(*given, **named))
    assert pool.out_of_fold(2) is pool.out_of_fold(2)
    assert pool[0].out_of_fold(2).gold_prob.shape == (6, 20)
    assert len(fits) == 1
    for name in ("hidden", "mc_probs"):
        assert getattr(pool, name)(1 if name == "mc_probs" else 0) is getattr(pool, name)(
            1 if name == "mc_probs" else 0
        )
    assert pool.predictions is pool.predictions


def test_a_part_that_is_most_of_the_pool_computes_for_the_whole(pool):
    most, few = pool.without(torch.tensor([[0], [1]])), pool.only(torch.tensor([[0], [1]]))
    few.probs, few.mc_probs(2)
    assert "_prediction" not in pool.__dict__
    assert not pool._samples
    most.probs, most.mc_probs(2)
    assert "_prediction" in pool.__dict__
    assert list(pool._samples) == [2]


@pytest.mark.parametrize("n_folds", [0, 1, 21])
def test_folds_must_fit_what_is_labelled(pool, n_folds):
    with pytest.raises(StrategyError, match=f"cannot be split into {n_folds} folds"):
        pool.out_of_fold(n_folds)


def test_what_a_view_shows_cannot_be_written_to(pool):
    for array in (pool[0].probs, pool[0].data_map.correctness, pool[0].dynamics.gold_prob):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


@pytest.mark.parametrize("name", ["only", "without", "streams", "learner", "snapshots"])
def test_what_is_of_all_runs_is_not_of_one(pool, name):
    with pytest.raises(AttributeError, match="not available for one run"):
        getattr(pool[0], name)


def test_samples_need_dropout():
    learner = MLPLearner(MLP(hidden=[4], dropout=0.0), Features(X, X[:1]), 3, 1)
    with pytest.raises(StrategyError, match="no dropout to sample networks by"):
        learner.dropout_probs(torch.zeros(1, 2, dtype=torch.long), 2, Streams([1], 0))
