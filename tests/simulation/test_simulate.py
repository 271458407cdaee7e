"""Laws of a simulation."""

import dataclasses
import functools
import logging
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from cal.acquisition.base import Acquisition
from cal.acquisition.one_run import OneRun
from cal.acquisition.pool import Batch, PoolDocuments
from cal.acquisition.random import Random
from cal.acquisition.spec import make_strategies
from cal.data.features import Features
from cal.errors import ConfigError, DataError, FeatureError, LearnerError, StorageError, StrategyError
from cal.learners.evaluate import labels_by_test
from cal.learners.mlp import MLP, MLPLearner
from cal.seeds import PAPER_SEEDS, list_seeds
from cal.simulation.blocks import Plan, advance_block
from cal.simulation.loop import Setting, advance
from cal.simulation.partition import Partition
from cal.simulation.request import simulate
from cal.simulation.run_folder import Run, RunFolder
from cal.simulation.seed_sets import StratifiedSeedSet, choose_seed_set
from cal.streams import Streams

QUICK = {"hidden": 8, "n_epochs": 3, "lr": 1e-2}
EVERY = [
    "random",
    "least_confidence",
    "margin",
    "entropy",
    "bald",
    "mc_entropy",
    {"dal": QUICK},
    {"cal": QUICK},
    {"mix": {"entropy": 0.5, "random": 0.5}},
    "badge",
    {"tidal": QUICK},
    {"predicted_variability": {"seed_map": "out_of_fold", "folds": 2}},
    {"prefilter": {"by": "averaged_margin", "then": "coreset", "factor": 3}},
]


@pytest.fixture(scope="module")
def curves(simulated):
    return simulated()


@pytest.fixture(scope="module")
def grid(simulated):
    """Every strategy."""
    return simulated(strategies=EVERY)


def labelled_ids(curves, strategy, seed, round):
    acquired = curves.acquired
    return set(acquired[(acquired.strategy == strategy) & (acquired.seed == seed) & (acquired["round"] <= round)].id)


# --- runs do not see each other


@pytest.mark.parametrize("spec", EVERY, ids=str)
def test_a_run_in_a_grid_is_that_run_alone(simulated, assert_same, grid, spec):
    alone = simulated(strategies=[spec], seeds=[2])
    (name,) = alone.strategies
    assert_same(grid, alone, only=lambda frame: (frame.strategy == name) & (frame.seed == 2))


def test_order_of_strategies_and_seeds_changes_nothing(simulated, assert_same, curves, small):
    assert_same(simulated(strategies=small["strategies"][::-1], seeds=[2, 1]), curves)


def test_another_strategy_changes_no_other(simulated, assert_same, curves, small):
    more = simulated(strategies=["margin", *small["strategies"]])
    assert_same(more, curves, only=lambda frame: frame.strategy != "margin")


def test_strategies_of_a_seed_start_from_the_same_labels_and_accuracy(grid):
    start = grid.rounds[grid.rounds["round"] == 0]
    assert (start.groupby("seed").accuracy.nunique() == 1).all()
    for seed in grid.seeds:
        assert len({frozenset(labelled_ids(grid, name, seed, 0)) for name in grid.strategies}) == 1


def test_number_of_workers_changes_nothing(simulated, assert_same, curves):
    assert_same(simulated(workers=2), curves)


def test_global_random_state_changes_nothing_and_is_left_alone(simulated, assert_same, curves):
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    expected = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    assert_same(simulated(), curves)
    assert torch.equal(torch.get_rng_state(), expected[0])
    assert (np.random.get_state()[1] == expected[1]).all()  # noqa: NPY002


@pytest.fixture
def plan_of(make_task, small, tmp_path):
    def plan(name, specs, **learner):
        corpus, features = make_task()
        folder = RunFolder(tmp_path / name)
        folder.create({}, {})
        gold = corpus.train.gold
        seed_sets = {seed: choose_seed_set(StratifiedSeedSet(), gold, features.train, 12, seed) for seed in (1, 2, 3)}
        config = MLP(**{"hidden": [8, 8], "n_epochs": 4, "batch_size": 8, "lr": 1e-2} | learner)
        setting = Setting(
            documents=PoolDocuments(corpus.train.ids, corpus.label_names),
            gold=torch.from_numpy(gold),
            tests=labels_by_test(corpus),
            strategies=make_strategies(specs),
            query_size=5,
            n_rounds=3,
        )
        return Plan(setting, inputs=features, learner=config, seed_sets=seed_sets, device="cpu", folder=folder)

    return plan


def kept(plan, runs):
    """What the folder holds of the runs, seconds aside."""
    return [
        [{k: v for k, v in record.items() if k != "seconds"} for record in plan.folder.records(run)] for run in runs
    ]


def test_size_of_a_block_changes_nothing(plan_of):
    plans = [plan_of(name, EVERY) for name in ("apart", "together", "mixed")]
    runs = [Run(name, seed) for name in plans[0].setting.strategies for seed in (1, 2, 3)]
    for run in runs:
        advance_block(plans[0], [run])
    advance_block(plans[1], runs)
    for start in range(0, len(runs), 4):
        advance_block(plans[2], runs[start : start + 4][::-1])
    expected = kept(plans[0], runs)
    assert [len(records) for records in expected] == [4] * len(runs)
    assert kept(plans[1], runs) == expected
    assert kept(plans[2], runs) == expected


def test_a_block_whose_runs_were_stopped_apart_goes_on(plan_of):
    plans = [plan_of(name, ["entropy"]) for name in ("whole", "stopped")]
    runs = [Run("entropy", seed) for seed in (1, 2, 3)]
    for plan in plans:
        advance_block(plan, runs)
    for run, n_kept in zip(runs, [3, 1, 4], strict=True):
        path = plans[1].folder.rounds_file(run)
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:n_kept]))
    advance_block(plans[1], runs)
    assert kept(plans[1], runs) == kept(plans[0], runs)


def test_runs_of_a_block_that_were_stopped_apart_keep_no_round_that_is_done_again(plan_of):
    """A round may come out otherwise on another device; what was recorded of it must not stay beside what is new."""
    plan = plan_of("stopped", ["entropy"])
    runs = [Run("entropy", seed) for seed in (1, 2)]
    advance_block(plan, runs)
    ahead = plan.folder.records(runs[0])
    for run in runs:
        plan.folder.cut(run, 1)
    for record in ahead[1:]:
        plan.folder.append(runs[0], {**record, "accuracy": 0.123})
    advance_block(plan, runs)
    assert [record["accuracy"] for record in plan.folder.records(runs[0])] == [record["accuracy"] for record in ahead]


def test_a_classifier_that_diverges_is_named(simulated):
    with pytest.raises(LearnerError, match=r"random, seed 1, diverged in round 0.*Lower learner\.lr"):
        simulated(strategies=["random"], learner=MLP(hidden=[8], n_epochs=3, lr=1e30), full_data=False)


def test_a_function_without_a_name_is_a_strategy(simulated):
    def likeliest(pool, sign):
        return sign * pool.probs.amax(-1)

    curves = simulated(strategies=[functools.partial(likeliest, sign=-1), "least_confidence"], full_data=False)
    partial, named = (curves.acquired[curves.acquired["strategy"] == name]["id"] for name in curves.strategies)
    assert partial.tolist() == named.tolist()


class OneSided(Acquisition):
    """Notes something about the runs whose labelled set begins with an even instance."""

    def score(self, pool):
        even = pool.labelled[:, 0] % 2 == 0
        if even.any():
            pool.note("begins even", even)
        return pool.uniform("random")


def test_a_note_is_kept_with_the_runs_it_is_about(plan_of):
    plan = plan_of("notes", [OneSided()])
    runs = [Run("OneSided", seed) for seed in (1, 2, 3)]
    advance_block(plan, runs)
    notes = {run.seed: plan.folder.records(run)[0]["notes"] for run in runs}
    expected = {seed: ["begins even"] if rows[0] % 2 == 0 else [] for seed, rows in plan.seed_sets.items()}
    assert notes == expected
    assert len({tuple(note) for note in notes.values()}) == 2


# --- the corpus


@pytest.mark.parametrize("row_order", [1, 2])
def test_row_order_of_the_corpus_changes_nothing(simulated, assert_same, make_task, grid, row_order):
    assert_same(simulated(make_task(row_order=row_order), strategies=EVERY), grid)


def test_labels_of_the_pool_do_not_show_in_the_first_batch(make_task, small):
    """Shuffled among the candidates, they change no strategy's first choice."""
    corpus, features = make_task()
    gold = torch.from_numpy(corpus.train.gold)
    rows = choose_seed_set(StratifiedSeedSet(), corpus.train.gold, features.train, 12, 1)
    other = gold.clone()
    candidates = Partition([rows], len(gold)).candidates()[0]
    other[candidates] = gold[candidates].roll(1)
    assert (other != gold).sum() > 20

    def nosy(pool):
        """Draws that change with any label that the pool shows."""
        return pool.uniform(f"nosy {pool.gold.tolist()} {pool.dynamics.margin.tolist()}")

    strategies = make_strategies([*EVERY, nosy])

    def first_batches(labels):
        chosen = []
        documents = PoolDocuments(corpus.train.ids, corpus.label_names)
        advance(
            Setting(documents, labels, labels_by_test(corpus), strategies, query_size=7, n_rounds=1),
            [Run(name, 1) for name in strategies],
            Partition([rows] * len(strategies), len(gold)),
            small["learner"].build(features, 3, len(strategies), torch.device("cpu")),
            range(2),
            record=lambda position, result: chosen.append((position, result)),
        )
        return {position: result.acquired.tolist() for position, result in chosen if result.round == 0}

    assert first_batches(gold) == first_batches(other)


def test_no_document_is_acquired_twice(grid):
    assert not grid.acquired.duplicated(["strategy", "seed", "id"]).any()


def test_only_documents_of_the_train_split_are_acquired(grid, make_task):
    assert set(grid.acquired.id) <= set(make_task().corpus.train.ids)


def test_every_round_labels_a_batch_more(grid):
    expected = [12, 17, 22, 27]
    for _, run in grid.rounds.groupby(["strategy", "seed"]):
        assert run.n_labelled.tolist() == expected
    sizes = grid.acquired.groupby(["strategy", "seed", "round"]).size()
    assert set(sizes.xs(0, level="round")) == {12}
    assert set(sizes.drop(index=0, level="round")) == {5}


def test_batches_come_best_first(grid):
    ranked = grid.acquired[(grid.acquired["round"] > 0) & ~grid.acquired.strategy.str.startswith("mix")]
    for _, batch in ranked.groupby(["strategy", "seed", "round"], sort=False):
        assert batch.score.is_monotonic_decreasing


def test_the_seed_set_has_no_score(grid):
    start = grid.acquired["round"] == 0
    assert grid.acquired.score[start].isna().all()
    assert grid.acquired.score[~start].notna().all()


# --- a round against its re-statement


@pytest.mark.parametrize("round", [0, 1, 3])
@pytest.mark.parametrize("strategy", ["random", "entropy"])
def test_a_round_equals_a_learner_trained_from_scratch(make_task, small, curves, strategy, round):
    corpus, features = make_task()
    ids = labelled_ids(curves, strategy, 2, round)
    rows = torch.tensor([[row for row, i in enumerate(corpus.train.ids) if i in ids]])
    gold = torch.from_numpy(corpus.train.gold)
    learner = MLPLearner(small["learner"], features, 3, 1)
    dynamics = learner.fit(rows, gold[rows], Streams([2], round))
    predicted = learner.predict_split("test")[0].argmax(-1).numpy()

    record = curves.rounds.query("strategy == @strategy and seed == 2 and round == @round").iloc[0]
    assert record.accuracy == pytest.approx(accuracy_score(corpus.test.gold, predicted), abs=1e-12)
    assert record.macro_f1 == pytest.approx(
        f1_score(corpus.test.gold, predicted, average="macro", zero_division=0), abs=1e-12
    )

    new = ids - labelled_ids(curves, strategy, 2, round - 1)
    of_batch = [column for column, row in enumerate(rows[0].tolist()) if corpus.train.ids[row] in new]
    probs = [dynamics.gold_prob[0, :, column].tolist() for column in of_batch]
    means = [sum(p) / len(p) for p in probs]
    deviations = [(sum((q - mean) ** 2 for q in p) / len(p)) ** 0.5 for p, mean in zip(probs, means, strict=True)]
    fractions = [sum(dynamics.correct[0, :, column].tolist()) / dynamics.n_epochs for column in of_batch]
    for name, values in [("confidence", means), ("variability", deviations), ("correctness", fractions)]:
        assert record[name] == pytest.approx(sum(values) / len(new), abs=1e-6)


def test_full_data_is_a_learner_trained_on_everything(simulated, make_task, small):
    corpus, features = make_task()
    curves = simulated(strategies=["random"], full_data=True, rounds=1)
    for seed in (1, 2):
        learner = MLPLearner(small["learner"], features, 3, 1)
        gold = torch.from_numpy(corpus.train.gold).unsqueeze(0)
        learner.fit(torch.arange(60).unsqueeze(0), gold, Streams([seed], 0))
        predicted = learner.predict_split("test")[0].argmax(-1).numpy()
        record = curves.full_data[curves.full_data.seed == seed].iloc[0]
        assert record.n_labelled == 60
        assert record.accuracy == pytest.approx(accuracy_score(corpus.test.gold, predicted), abs=1e-12)


def test_full_data_changes_no_run(simulated, assert_same, curves):
    with_full = simulated(full_data=True)
    assert set(with_full.maps.strategy) - set(curves.maps.strategy) == {"full_data"}
    for name in ("rounds", "acquired"):
        given, expected = getattr(with_full, name), getattr(curves, name)
        keys = [column for column in expected if not column.startswith("seconds")]
        assert given[keys].equals(expected[keys])


def test_maps_are_of_the_labelled_set_after_the_first_and_the_last_round(curves, make_task):
    assert set(curves.maps["round"]) == {0, 3}
    gold_of = dict(zip(make_task().corpus.train.ids, make_task().corpus.train.gold.tolist(), strict=True))
    for (strategy, seed, round), drawn in curves.maps.groupby(["strategy", "seed", "round"]):
        assert set(drawn.id) == labelled_ids(curves, strategy, seed, round)
        assert drawn.gold.tolist() == [gold_of[i] for i in drawn.id]


# --- the ends of the pool and of the arguments


@pytest.mark.parametrize(("query_size", "n_labelled"), [(20, [12, 32, 52, 60]), (500, [12, 60]), (48, [12, 60])])
def test_a_pool_that_runs_empty_ends_with_a_shorter_batch_and_a_last_evaluation(simulated, query_size, n_labelled):
    curves = simulated(strategies=EVERY, query_size=query_size, rounds=9)
    for _, run in curves.rounds.groupby(["strategy", "seed"]):
        assert run.n_labelled.tolist() == n_labelled
    assert (curves.acquired.groupby(["strategy", "seed"]).id.nunique() == 60).all()
    assert set(curves.maps["round"]) == {0, len(n_labelled) - 1}


def test_no_rounds_is_one_evaluation_of_the_seed_set(simulated):
    curves = simulated(rounds=0)
    assert curves.rounds["round"].tolist() == [0] * 6
    assert set(curves.acquired["round"]) == {0}


def test_fewer_rounds_are_the_first_of_more(simulated, curves):
    fewer = simulated(rounds=1)
    assert set(map(tuple, fewer.acquired.values[:, :4])) == {
        row for row in map(tuple, curves.acquired.values[:, :4]) if row[2] <= 1
    }


def test_all_arguments_that_are_wrong_are_named_at_once(simulated):
    with pytest.raises(ConfigError) as caught:
        simulated(
            strategies=["entrpy", {"cal": {"threshold": 3}}],
            seeds=[1, 1],
            seed_size=0,
            query_size=2.5,
            rounds=-1,
            device="tpu",
            workers=0,
        )
    assert len(caught.value.problems) == 8
    for word in ("entrpy", "threshold", "seeds", "seed_size", "query_size", "rounds", "tpu", "workers"):
        assert word in str(caught.value)


def test_a_strategy_that_needs_dropout_is_refused_before_training(simulated, tmp_path):
    with pytest.raises(ConfigError, match=r"strategy 'bald'.*learner\.dropout"):
        simulated(strategies=["bald"], learner=MLP(hidden=[8], dropout=0.0), output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_vectors_must_fit_the_corpus(simulated, make_task, tmp_path):
    corpus, _ = make_task()
    _, other = make_task(n_train=50)
    with pytest.raises(FeatureError, match="50 vectors for the 60 documents of train"):
        simulated((corpus, other))


def test_a_strategy_cannot_be_named_like_the_reference(simulated):
    def full_data(pool):
        return pool.uniform("random")

    with pytest.raises(ConfigError, match="'full_data' is the name of the reference line"):
        simulated(strategies=[full_data])


def test_a_strategy_that_breaks_its_contract_ends_the_simulation(simulated):
    def shapeless(pool):
        return pool.probs

    with pytest.raises(StrategyError, match="must return a tensor"):
        simulated(strategies=[shapeless])


class Selecting(Acquisition):
    def __init__(self, positions):
        self.positions = positions

    def select(self, pool, n):
        positions = torch.tensor([self.positions])
        return Batch(positions, positions.double())


@pytest.mark.parametrize(
    "positions", [[0, 1, 2, 3, 3], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 48], [0, 1, 2, 3, -1], []], ids=str
)
def test_a_strategy_must_select_so_many_different_candidates(simulated, positions):
    with pytest.raises(StrategyError, match=r"Selecting\.select must return a Batch of 5 different"):
        simulated(strategies=[Selecting(positions)])


def test_a_strategy_may_select_in_its_own_way(simulated):
    curves = simulated(strategies=[Selecting([47, 0, 3, 9, 8])], rounds=1)
    assert curves.rounds.n_labelled.tolist() == [12, 17] * 2


def test_features_that_need_parameters_say_so(make_task, small):
    with pytest.raises(ConfigError, match="features 'precomputed' needs a value for"):
        simulate(make_task().corpus, features="precomputed", **small)


def test_an_own_function_runs_in_worker_processes(simulated, assert_same):
    def likeliest(pool):
        return pool.probs.amax(-1)

    assert_same(simulated(strategies=[likeliest], workers=2), simulated(strategies=[likeliest]))


class Talkative(Acquisition):
    def score(self, pool):
        pool.note("the same in every round", torch.ones(len(pool.candidates), dtype=torch.bool))
        return pool.uniform("random")


def test_a_note_is_logged_once_per_strategy(simulated, caplog):
    with caplog.at_level(logging.WARNING, logger="cal"):
        simulated(strategies=[Talkative(), "random"])
    (message,) = [record.getMessage() for record in caplog.records if "the same in every" in record.getMessage()]
    assert message == "Talkative, seed 1, round 0: the same in every round"


def test_seeds_given_as_a_number_begin_with_the_papers():
    assert list_seeds(7)[:5] == list(PAPER_SEEDS)
    assert list_seeds(7) == list_seeds(9)[:7]
    assert len(set(list_seeds(500))) == 500


@pytest.mark.parametrize("seeds", [0, -1, [], "12", True, [1.5], [True], [-3], None], ids=str)
def test_seeds_that_cannot_be_are_refused(seeds):
    with pytest.raises(ConfigError, match="seeds must be"):
        list_seeds(seeds)


def test_defaults_can_be_given_by_name(make_task, small):
    with pytest.raises(ConfigError, match=r"Unknown features 'lsaa'\. Did you mean 'lsa'"):
        simulate(make_task().corpus, features="lsaa", **small)


@dataclass
class ShortestText(OneRun):
    needs = frozenset({"texts"})

    def score_run(self, pool):
        return [-len(text) - int(text.split()[-1]) / 1000 for text in pool.texts]


@dataclass
class Watchful(Acquisition):
    """Scores by what the loop recorded of the pool, after making sure that it is of these classifiers."""

    needs = frozenset({"predictions", "features"})

    def score(self, pool):
        last = pool.predictions.top_prob[:, -1]
        if not torch.allclose(last, pool.probs.amax(-1).float()) or pool.predictions.n_epochs != 3:
            raise ValueError("recorded of other classifiers")
        if not torch.allclose(pool.labelled_predictions.top_prob[:, -1], pool.labelled_probs.amax(-1).float()):
            raise ValueError("recorded of other instances")
        return pool.predictions.disagreement + pool.features[..., 0].double() * 1e-6


def test_texts_reach_the_strategies_that_need_them(make_task, small):
    corpus, features = make_task()
    given = small | {"strategies": [ShortestText()], "seeds": [1], "full_data": False}
    curves = simulate(corpus, features=features, **given)
    acquired = curves.acquired
    texts = dict(zip(corpus.train.ids, corpus.train.texts, strict=True))
    taken = set(acquired[acquired["round"] == 0]["id"])
    for _, batch in acquired[acquired["round"] > 0].groupby("round"):
        pool = sorted(set(texts) - taken, key=lambda i: (len(texts[i]), int(texts[i].split()[-1])))
        assert sorted(batch["id"]) == sorted(pool[: len(batch)])
        taken |= set(batch["id"])


@pytest.mark.parametrize("workers", [1, 2])
def test_predictions_are_recorded_for_the_strategies_that_need_them(make_task, small, workers):
    corpus, features = make_task()
    learner = MLP(hidden=[8, 8], n_epochs=3, batch_size=8, lr=1e-2)
    given = small | {"strategies": [Watchful(), "random"], "learner": learner, "workers": workers, "full_data": False}
    curves = simulate(corpus, features=features, **given)
    assert set(curves.strategies) == {"Watchful", "random"}


def test_recording_predictions_changes_no_curve(make_task, small):
    """A strategy that looks at every epoch chooses at random as one that does not."""

    @dataclass
    class Looking(Random):
        needs = frozenset({"predictions"})

    corpus, features = make_task()
    given = small | {"strategies": [Looking(), "random"], "workers": 1, "full_data": False}
    rounds = simulate(corpus, features=features, **given).rounds
    looking, random = (rounds[rounds["strategy"] == name]["accuracy"].tolist() for name in ("Looking", "random"))
    assert looking == random


class Vandal(Acquisition):
    """Writes over what it is shown."""

    def score(self, pool):
        pool.data_map.correctness[:] = 0.123
        pool.dynamics.gold_prob[:] = 0.5
        return pool.uniform("random")


def test_a_strategy_cannot_change_what_is_recorded(make_task, small):
    corpus, features = make_task()
    given = small | {"strategies": [Vandal(), "random"], "workers": 1, "full_data": False}
    rounds = simulate(corpus, features=features, **given).rounds
    columns = ["accuracy", "confidence", "variability", "correctness"]
    vandal, random = (rounds[rounds["strategy"] == name][columns].to_numpy() for name in ("Vandal", "random"))
    np.testing.assert_array_equal(vandal, random)


@dataclass
class Versioned(Acquisition):
    def __init__(self, sign):
        self.sign = sign

    def score(self, pool):
        return self.sign * pool.probs[..., 0]


def test_a_simulation_does_not_go_on_with_another_strategy_of_the_same_name(make_task, small, tmp_path):
    corpus, features = make_task()
    given = small | {"workers": 1, "full_data": False, "output": tmp_path / "run"}
    simulate(corpus, [Versioned(1)], features=features, **{k: v for k, v in given.items() if k != "strategies"})
    with pytest.raises(StorageError, match="the code or the parameters of "):
        simulate(corpus, [Versioned(-1)], features=features, **{k: v for k, v in given.items() if k != "strategies"})


def test_a_corpus_without_a_test_split_is_refused_before_any_work(make_task, small, tmp_path):
    task = make_task()
    corpus = dataclasses.replace(task.corpus, test=None)
    with pytest.raises(DataError, match=r"A simulation measures accuracy on a test split.*corpus\.hold_out"):
        simulate(corpus, features=Features(task.features.train), output=tmp_path / "run", **small)
    assert not (tmp_path / "run").exists()
