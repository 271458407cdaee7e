"""Stopping criteria against plain loops and scikit-learn; the runs that they end, and runs that go on."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from cal import registry
from cal.acquisition.pool import PoolDocuments
from cal.acquisition.spec import make_strategies
from cal.errors import ConfigError
from cal.learners.evaluate import labels_by_test
from cal.learners.mlp import MLPLearner
from cal.simulation.blocks import Plan, advance_block
from cal.simulation.curves import LearningCurves
from cal.simulation.loop import Setting
from cal.simulation.observer import STOP_SET_SIZE
from cal.simulation.run_folder import Run, RunFolder
from cal.simulation.seed_sets import StratifiedSeedSet, choose_dev_set, choose_seed_set
from cal.simulation.stopping import (
    AllOf,
    AnyOf,
    ClassificationChange,
    Criterion,
    ExpectedGain,
    MaxRounds,
    Observation,
    OverallUncertainty,
    StabilisingPredictions,
    TargetAccuracy,
    TargetMacroF1,
    cohen_kappa,
    make_criteria,
)
from cal.streams import Streams


def history_of(n_rounds, n_instances=50, n_classes=4, seed=0):
    """Rounds in which fewer and fewer predictions change."""
    rng, of_f1 = np.random.default_rng(seed), np.random.default_rng(seed + 100)
    classes, history = rng.integers(0, n_classes, n_instances), []
    for round in range(n_rounds):
        changed = rng.random(n_instances) < 0.9 / (round + 1)
        classes = np.where(changed, rng.integers(0, n_classes, n_instances), classes)
        expected, uncertainty, dev = rng.uniform(0.8, 0.82), 1 / (round + 1), rng.uniform(0.5, 1)
        macro_f1 = of_f1.uniform(0.5, 1)
        history.append(Observation(round, 10 + 5 * round, classes, expected, uncertainty, dev, macro_f1))
    return history


def rounds_met(criterion, history):
    return [k for k in range(len(history)) if criterion.met(history[: k + 1])]


# --- criteria


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("agreement", [0.1, 0.9])
def test_kappa_is_that_of_scikit_learn(seed, agreement):
    rng = np.random.default_rng(seed)
    one = rng.choice(4, 100, p=[0.5, 0.3, 0.2, 0])
    other = np.where(rng.random(100) < agreement, one, rng.integers(0, 4, 100))
    assert cohen_kappa(one, other) == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)


def test_agreement_that_chance_explains_is_none():
    assert cohen_kappa(np.zeros(9, int), np.zeros(9, int)) == 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("threshold", "window"), [(0.8, 1), (0.9, 2), (0.95, 3)])
def test_predictions_have_stabilised_when_the_mean_kappa_of_the_window_is_high(seed, threshold, window):
    history = history_of(20, seed=seed)
    expected = []
    for k in range(window, len(history)):
        kappas = [
            cohen_kappa_score(history[j - 1].predicted, history[j].predicted) for j in range(k - window + 1, k + 1)
        ]
        if sum(kappas) / window >= threshold:
            expected.append(k)
    assert rounds_met(StabilisingPredictions(threshold, window), history) == expected
    assert 0 < len(expected) < 20 - window


@pytest.mark.parametrize("share", [0, 0.02, 0.04])
def test_classification_change_counts_the_predictions_that_changed(share):
    history = history_of(99)
    expected = [
        k
        for k in range(1, 99)
        if sum(a != b for a, b in zip(history[k - 1].predicted, history[k].predicted, strict=True)) <= share * 50
    ]
    assert rounds_met(ClassificationChange(share), history) == expected
    assert 0 < len(expected) < 98


@pytest.mark.parametrize(("threshold", "window"), [(0.002, 1), (0.002, 3), (0.005, 2)])
def test_expected_gain_is_the_change_a_round_up_or_down(threshold, window):
    history = history_of(40)
    level = [observation.expected_accuracy for observation in history]
    expected = [k for k in range(window, 40) if -threshold < (level[k] - level[k - window]) / window < threshold]
    assert rounds_met(ExpectedGain(threshold, window), history) == expected
    assert 0 < len(expected) < 40 - window


def test_overall_uncertainty_is_met_below_its_threshold():
    assert rounds_met(OverallUncertainty(0.25), history_of(8)) == [4, 5, 6, 7]


def test_rounds_are_counted_from_the_seed_set():
    assert rounds_met(MaxRounds(3), history_of(6)) == [3, 4, 5]
    assert rounds_met(MaxRounds(0), history_of(2)) == [0, 1]


def test_target_accuracy_is_that_of_the_documents_set_aside():
    history = history_of(10)
    expected = [k for k in range(10) if history[k].dev_accuracy >= 0.7]
    assert rounds_met(TargetAccuracy(0.7), history) == expected
    assert 0 < len(expected) < 10


def test_target_macro_f1_is_that_of_the_dev_set():
    history = history_of(10)
    expected = [k for k in range(10) if history[k].dev_macro_f1 >= 0.7]
    assert rounds_met(TargetMacroF1(0.7), history) == expected
    assert 0 < len(expected) < 10


@pytest.mark.parametrize(("target", "score"), [(TargetAccuracy, "dev_accuracy"), (TargetMacroF1, "dev_macro_f1")])
def test_a_target_of_0_is_met_at_once_1_by_perfection_and_a_higher_one_no_earlier(target, score):
    history = history_of(12)
    assert rounds_met(target(0), history) == list(range(12))
    assert rounds_met(target(1), history) == []
    assert target(1).met([replace(history[0], **{score: 1.0})])
    met = [set(rounds_met(target(level), history)) for level in np.linspace(0, 1, 21)]
    assert all(higher <= lower for lower, higher in pairwise(met))
    assert not target(0).met([replace(history[0], **{score: None})])  # without a dev set nothing is met


def test_any_of_and_all_of_are_unions_and_intersections():
    history, parts = history_of(20), [ClassificationChange(0.04), TargetAccuracy(0.7)]
    met = [set(rounds_met(part, history)) for part in parts]
    assert rounds_met(AnyOf(parts), history) == sorted(met[0] | met[1])
    assert rounds_met(AllOf(parts), history) == sorted(met[0] & met[1])
    assert met[0] & met[1]
    assert met[0] - met[1]


# --- from what a user writes


@pytest.mark.parametrize("name", registry.STOPPING)
def test_every_registered_criterion_is_one(name):
    assert issubclass(registry.find(registry.STOPPING, "criterion", name), Criterion)


def test_criteria_are_labelled_as_they_are_written():
    specs = [
        "expected_gain",
        {"overall_uncertainty": {"threshold": 0.2}},
        {"all_of": ["classification_change", {"any_of": [{"max_rounds": {"rounds": 3}}, "expected_gain"]}]},
        MaxRounds(5),
    ]
    criteria = make_criteria(specs)
    assert list(criteria) == [
        "expected_gain",
        "overall_uncertainty(threshold=0.2)",
        "all_of(classification_change,any_of(max_rounds(rounds=3),expected_gain))",
        "MaxRounds(rounds=5)",
    ]
    assert list(criteria.values()) == [
        ExpectedGain(),
        OverallUncertainty(0.2),
        AllOf([ClassificationChange(), AnyOf([MaxRounds(3), ExpectedGain()])]),
        MaxRounds(5),
    ]


def test_a_combination_needs_what_its_parts_need():
    (criterion,) = make_criteria(
        [{"any_of": ["expected_gain", {"all_of": [TargetAccuracy(0.9), MaxRounds(3)]}]}]
    ).values()
    assert criterion.needs_dev_set
    assert not AnyOf([MaxRounds(3), ExpectedGain()]).needs_dev_set


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ("expected_gain", "must be a list"),
        (["expected_gian"], "Did you mean 'expected_gain'"),
        ([{"expected_gain": {"treshold": 1}}], "Did you mean 'threshold'"),
        ([{"expected_gain": {"threshold": 2}}], "threshold must be a number from 0 to 1, not 2"),
        ([{"expected_gain": {"window": 0}}], "window must be"),
        ([{"stabilising_predictions": {"threshold": "high", "window": 1.5}}], "2 problems"),
        ([{"overall_uncertainty": {"threshold": -1}}], "threshold must be a number from 0 to inf"),
        ([{"classification_change": {"share": True}}], "share must be"),
        ([{"target_accuracy": {"accuracy": 80}}], "accuracy must be"),
        ([{"target_macro_f1": {"macro_f1": 80}}], "macro_f1 must be"),
        (["target_macro_f1"], "'target_macro_f1' needs a value for macro_f1"),
        ([{"max_rounds": {"rounds": -1}}], "rounds must be"),
        (["max_rounds"], "'max_rounds' needs a value for rounds"),
        (["expected_gain", "expected_gain"], "listed twice"),
        ([{"any_of": ["expected_gain"]}], "need two or more criteria"),
        ([{"all_of": "expected_gain"}], "must be a list"),
        ([{"max_rounds": 3}], "must be a name or"),
        ([3], "3 is not a stopping criterion"),
    ],
    ids=str,
)
def test_criteria_that_cannot_be_are_refused(specs, expected):
    with pytest.raises(ConfigError, match=expected):
        make_criteria(specs)


# --- what they are told

KAPPA, CHANGE, UNCERTAINTY = (
    {"stabilising_predictions": {"threshold": 0.35, "window": 1}},
    {"classification_change": {"share": 0.3}},
    {"overall_uncertainty": {"threshold": 1.54}},
)
GAIN, TARGET = {"expected_gain": {"threshold": 0.002, "window": 1}}, {"target_accuracy": {"accuracy": 0.6}}
TARGET_F1 = {"target_macro_f1": {"macro_f1": 0.55}}
CRITERIA = [KAPPA, CHANGE, UNCERTAINTY, GAIN, TARGET, TARGET_F1, {"max_rounds": {"rounds": 2}}]
WATCHED = {"stopping": CRITERIA, "dev_size": 9, "strategies": ["random", "entropy"], "rounds": 6}
ENDING = WATCHED | {"stopping": [KAPPA, GAIN, TARGET]}


@pytest.fixture(scope="module")
def reported(simulated, tmp_path_factory):
    """The folder and the curves of a simulation that reports criteria."""
    folder = tmp_path_factory.mktemp("reported")
    return RunFolder(folder), simulated(**WATCHED, output=folder)


def observations(folder, strategy, seed):
    return [Observation.of(record) for record in folder.records(Run(strategy, seed))]


@pytest.mark.parametrize("strategy", ["random", "entropy"])
def test_observations_are_those_of_a_learner_trained_from_scratch(reported, make_task, small, strategy):
    corpus, features = make_task()
    folder, curves = reported
    gold, row_of = torch.from_numpy(corpus.train.gold), {i: row for row, i in enumerate(corpus.train.ids)}
    dev = choose_dev_set(corpus.train.gold, 9, 2)
    seen = observations(folder, strategy, 2)
    assert len(seen) == 7
    for round, observed in enumerate(seen):
        acquired = curves.acquired.query("strategy == @strategy and seed == 2 and round <= @round")
        labelled = sorted(row_of[i] for i in acquired.id)
        learner = MLPLearner(small["learner"], features, 3, 1)
        learner.fit(torch.tensor([labelled]), gold[torch.tensor([labelled])], Streams([2], round))
        probs = learner.predict(torch.arange(60).unsqueeze(0)).probs[0].numpy()
        pool = sorted(set(range(60)) - set(labelled) - set(dev))
        told = observed
        assert (told.round, told.n_labelled) == (round, len(labelled))
        assert told.predicted.tolist() == probs.argmax(1).tolist()  # so few that all are in the stop set
        assert told.expected_accuracy == pytest.approx(probs.max(1).mean(), abs=1e-6)
        assert told.uncertainty == pytest.approx(np.mean([entropy(probs[i], base=2) for i in pool]), abs=1e-6)
        assert told.dev_accuracy == pytest.approx(accuracy_score(corpus.train.gold[dev], probs[dev].argmax(1)))
        assert told.dev_macro_f1 == pytest.approx(
            f1_score(corpus.train.gold[dev], probs[dev].argmax(1), average="macro")
        )


def test_each_criterion_is_reported_in_the_round_that_first_meets_it(reported):
    folder, curves = reported
    criteria = make_criteria(CRITERIA)
    expected = set()
    for strategy in ("random", "entropy"):
        for seed in (1, 2):
            seen = observations(folder, strategy, seed)
            for label, criterion in criteria.items():
                if met := rounds_met(criterion, seen):
                    record = folder.records(Run(strategy, seed))[met[0]]
                    expected.add((strategy, seed, label, met[0], record["n_labelled"], record["accuracy"]))
    assert set(curves.stopped.itertuples(index=False, name=None)) == expected
    assert {row[2] for row in expected} == set(criteria)
    assert len({row[3] for row in expected}) > 1


def test_reporting_criteria_changes_nothing_else(simulated, assert_same):
    without_dev = {"stopping": [spec for spec in CRITERIA if spec not in (TARGET, TARGET_F1)]}
    assert_same(simulated(**without_dev), simulated())


def test_without_criteria_a_round_keeps_nothing_of_them(simulated, tmp_path):
    curves = simulated(output=tmp_path)
    assert all("stopping" not in record for record in RunFolder(tmp_path).records(Run("random", 1)))
    assert curves.stopped.empty
    assert not (tmp_path / "stopped.csv").exists()


def test_no_document_that_is_set_aside_is_acquired(reported, make_task):
    corpus = make_task().corpus
    _, curves = reported
    for seed in (1, 2):
        aside = {corpus.train.ids[row] for row in choose_dev_set(corpus.train.gold, 9, seed)}
        assert len(aside) == 9
        assert not aside & set(curves.acquired.query("seed == @seed").id)


def test_the_pool_ends_at_what_is_set_aside(simulated):
    curves = simulated(**WATCHED | {"rounds": 9}, query_size=20)
    for _, run in curves.rounds.groupby(["strategy", "seed"]):
        assert run.n_labelled.tolist() == [12, 32, 51]


def test_an_empty_pool_has_no_uncertainty(simulated, tmp_path):
    simulated(stopping=["overall_uncertainty"], strategies=["random"], query_size=50, rounds=1, output=tmp_path)
    seen = observations(RunFolder(tmp_path), "random", 1)
    assert [observed.uncertainty > 0 for observed in seen] == [True, False]


def test_a_stop_set_is_a_sample_of_the_train_split_that_is_the_same_for_all(simulated, make_task, tmp_path):
    task = make_task(n_train=STOP_SET_SIZE + 100)
    simulated(task, stopping=["expected_gain"], strategies=["random", "entropy"], rounds=1, output=tmp_path)
    predictions = [
        [observed.predicted for observed in observations(RunFolder(tmp_path), strategy, 1)]
        for strategy in ("random", "entropy")
    ]
    assert all(len(predicted) == STOP_SET_SIZE for run in predictions for predicted in run)
    assert (predictions[0][0] == predictions[1][0]).all()  # of the same classifier


def test_what_is_kept_of_a_round_is_all_of_it():
    observation = history_of(1, n_instances=2000, n_classes=300)[0]
    observed = replace(observation, expected_accuracy=1 / 3, uncertainty=math.pi, met=["a", "b"])
    kept = Observation.of({"round": 0, "n_labelled": 10, "stopping": observed.record()})
    assert kept.met == ["a", "b"]
    assert kept.predicted.tolist() == observation.predicted.tolist()
    for name in ("round", "n_labelled", "expected_accuracy", "uncertainty", "dev_accuracy", "dev_macro_f1"):
        assert getattr(kept, name) == getattr(observed, name)


# --- runs that end


@pytest.fixture(scope="module")
def ended(simulated):
    return simulated(**ENDING, stop=True)


def test_a_run_ends_with_the_first_criterion_that_is_met(simulated, ended):
    whole = simulated(**ENDING)
    first = whole.stopped.groupby(["strategy", "seed"])["round"].min().to_dict()
    ends = {key: run["round"].max() for key, run in ended.rounds.groupby(["strategy", "seed"])}
    assert ends == {key: first.get(key, 6) for key in ends}
    assert len(set(ends.values())) > 1
    assert min(ends.values()) < 6
    for name in ("rounds", "acquired", "stopped"):
        given, expected = getattr(ended, name), getattr(whole, name)
        last = [ends[key] for key in zip(expected.strategy, expected.seed, strict=True)]
        columns = [column for column in expected if not column.startswith("seconds")]
        assert given[columns].equals(expected[columns][expected["round"] <= last].reset_index(drop=True))


def test_a_run_that_ended_has_the_map_of_its_last_round(ended):
    for (strategy, seed), run in ended.rounds.groupby(["strategy", "seed"]):
        drawn = ended.maps[(ended.maps.strategy == strategy) & (ended.maps.seed == seed)]
        assert set(drawn["round"]) == {0, run["round"].max()}


@pytest.mark.parametrize("n_kept", [0, 1, 2, 3])
@pytest.mark.parametrize("stop", [False, True])
def test_criteria_decide_the_same_of_a_run_that_was_stopped_and_goes_on(simulated, assert_same, tmp_path, n_kept, stop):
    arguments = ENDING | {"stop": stop}
    expected = simulated(**arguments, output=tmp_path)
    for path in tmp_path.glob("rounds/*.jsonl"):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:n_kept]) + b'{"strategy":')
    given = simulated(**arguments, output=tmp_path)
    assert_same(given, expected)
    assert given.stopped.equals(expected.stopped)
    assert len(given.stopped) > 0


def test_a_run_that_ended_is_not_gone_on_with(simulated, tmp_path, monkeypatch):
    expected = simulated(**ENDING, stop=True, output=tmp_path)
    monkeypatch.setattr("cal.simulation.blocks.advance", lambda *_, **__: pytest.fail("went on"))
    assert simulated(**ENDING, stop=True, output=tmp_path).rounds.equals(expected.rounds)


@pytest.fixture
def plan_of(make_task, small, tmp_path):
    def plan(name, ends):
        corpus, features = make_task()
        folder = RunFolder(tmp_path / name)
        folder.create({}, {})
        gold, seeds = corpus.train.gold, (1, 2, 3)
        setting = Setting(
            documents=PoolDocuments(corpus.train.ids, corpus.label_names),
            gold=torch.from_numpy(gold),
            tests=labels_by_test(corpus),
            strategies=make_strategies(["random", "entropy", "margin"]),
            query_size=5,
            n_rounds=6,
        )
        return Plan(
            setting,
            inputs=features,
            learner=small["learner"],
            seed_sets={seed: choose_seed_set(StratifiedSeedSet(), gold, features.train, 12, seed) for seed in seeds},
            device="cpu",
            folder=folder,
            criteria=make_criteria([KAPPA, GAIN]),
            stop=ends,
        )

    return plan


def kept(plan, runs):
    """What the folder holds of the runs, seconds aside."""
    return [
        [{k: v for k, v in record.items() if k != "seconds"} for record in plan.folder.records(run)] for run in runs
    ]


@pytest.mark.parametrize("ends", [False, True])
def test_size_of_a_block_changes_no_decision(plan_of, ends):
    """As on a GPU, where the runs of a grid are one stack, which the first to end leave."""
    plans = [plan_of(name, ends) for name in ("apart", "together", "again")]
    runs = [Run(name, seed) for name in plans[0].setting.strategies for seed in (1, 2, 3)]
    for run in runs:
        advance_block(plans[0], [run])
    advance_block(plans[1], runs)
    expected = kept(plans[0], runs)
    assert kept(plans[1], runs) == expected
    lengths = [len(records) for records in expected]
    assert (len(set(lengths)) > 2) == ends

    for run, n_kept in zip(runs, [1, 2, 3, 4, 5, 6, 7, 1, 7], strict=True):  # stopped apart, some of them ended
        for record in plans[1].folder.records(run)[:n_kept]:
            plans[2].folder.append(run, record)
    advance_block(plans[2], runs)
    assert kept(plans[2], runs) == expected


# --- arguments


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stopping": ["expected_gian"]}, "Did you mean 'expected_gain'"),
        (
            {"stopping": [TargetAccuracy(0.8)]},
            r"TargetAccuracy\(accuracy=0.8\) needs labelled .* corpus has no dev split. Give dev_size=200",
        ),
        ({"stopping": ["expected_gain"], "dev_size": 9}, "dev_size is 9, but no stopping criterion uses"),
        ({"stop": True}, "give stopping="),
        ({"dev_size": -1}, "dev_size must be a whole number of at least 0"),
        ({"seed_set": "kmean"}, "Did you mean 'kmeans'"),
        ({"stopping": [TargetAccuracy(0.8)], "dev_size": 48}, "but there are 60 documents; leave some for the pool"),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit_are_refused(simulated, changes, expected):
    with pytest.raises(ConfigError, match=expected):
        simulated(**changes)


def test_a_criterion_of_ones_own_is_asked(simulated):
    class Odd(Criterion):
        def met(self, history):
            return history[-1].round % 2 == 1

        def __repr__(self):
            return "odd"

    curves = simulated(stopping=[Odd()], stop=True)
    assert set(curves.rounds["round"]) == {0, 1}
    assert set(curves.stopped.criterion) == {"odd"}


@pytest.mark.parametrize("seed_set", ["random", "balanced", "kmeans", "typiclust"])
def test_a_simulation_starts_from_any_seed_set(simulated, assert_same, make_task, seed_set):
    """Of one document of one class, too."""
    arguments = {"seed_set": seed_set, "seed_size": 1, "full_data": True}
    curves = simulated(**arguments)
    assert (curves.acquired["round"] == 0).sum() == 6
    assert np.isfinite(curves.rounds[["accuracy", "macro_f1", "confidence"]]).all(axis=None)
    assert_same(simulated(make_task(row_order=1), **arguments, workers=2), curves)


def test_stopped_is_in_a_csv_and_in_merged_folders(simulated, tmp_path):
    for strategy in ("random", "entropy"):
        simulated(**WATCHED | {"strategies": [strategy]}, output=tmp_path / strategy)
    merged = LearningCurves.load(tmp_path / "random", tmp_path / "entropy")
    merged.to_csv(tmp_path)
    lines = (tmp_path / "stopped.csv").read_text().splitlines()
    assert lines[0] == "strategy,seed,criterion,round,n_labelled,accuracy"
    assert len(lines) == 1 + len(merged.stopped)
    assert set(merged.stopped.strategy) == {"random", "entropy"}
