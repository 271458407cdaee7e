"""An oracle that errs: who gets which wrong label, and what a simulation makes of it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from cal.config import compose
from cal.data.noise import wrong_label_probs
from cal.errors import ConfigError
from cal.help import configured_help
from cal.learners.evaluate import labels_by_test
from cal.report import sections
from cal.report.findings import Findings
from cal.request import help_of, nested
from cal.simulation.curves import LearningCurves
from cal.simulation.identity import DEFAULTS, differences, flat
from cal.simulation.oracle import KINDS, Oracle
from cal.simulation.request import SimulationRequest
from cal.simulation.run_folder import Run, RunFolder
from cal.simulation.seed_sets import choose_dev_set
from cal.simulation.wrong_labels import WrongLabels
from cal.streams import Streams

N, SEED = 20_000, 7
IDS = [f"d{i}" for i in range(N)]
GOLD = np.repeat([0, 1, 2, 3], [N // 2, N // 4, N // 8, N // 8])
CONFUSIONS = np.array([[9, 1, 3, 2], [4, 9, 0, 0], [0, 1, 9, 2], [1, 1, 1, 9]])


def answers(noise=0.1, kind="uniform", seed=SEED, rows=slice(None)):
    wrong = wrong_label_probs(kind, GOLD, 4, CONFUSIONS)
    return Oracle(noise=noise, kind=kind).answers(IDS[rows], GOLD[rows], wrong, seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [0.05, 0.3, 0.6])
def test_so_many_answers_are_wrong_as_noise_says(kind, noise):
    n_wrong = (answers(noise, kind) != GOLD).sum()
    assert abs(n_wrong - noise * N) < 4 * np.sqrt(N * noise * (1 - noise))  # four standard deviations


def test_no_noise_is_no_wrong_answer():
    assert (answers(0.0) == GOLD).all()


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_depends_on_seed_and_document_alone(kind):
    rows = slice(3, N, 5)
    assert (answers(kind=kind, rows=rows) == answers(kind=kind)[rows]).all()
    assert (answers(kind=kind, seed=SEED + 1) != answers(kind=kind)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_more_noise_adds_wrong_answers_to_those_of_less(kind):
    less, more = answers(0.1, kind), answers(0.2, kind)
    wrong = less != GOLD
    assert (more[wrong] == less[wrong]).all()
    assert (more != GOLD).sum() > wrong.sum()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("uniform", [[0, 1 / 3, 1 / 3, 1 / 3], [1 / 3, 0, 1 / 3, 1 / 3]]),
        ("annotator", [[0, 1 / 2, 1 / 4, 1 / 4], [2 / 3, 0, 1 / 6, 1 / 6]]),
        ("class_dependent", [[0, 0, 1, 0], [1, 0, 0, 0]]),
    ],
)
def test_wrong_answers_are_distributed_as_their_kind_says(kind, expected):
    given = answers(0.3, kind)
    for label, shares in enumerate(expected):
        wrong = given[(GOLD == label) & (given != GOLD)]
        assert np.bincount(wrong, minlength=4) / len(wrong) == pytest.approx(shares, abs=0.03)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"nose": 0.1}, "oracle has no parameter 'nose'. Did you mean 'noise'? It takes: noise, kind, confusions."),
        ({"noise": 1.0}, "oracle: noise must be a number of at least 0 and below 1, not 1.0."),
        ({"noise": "much"}, "oracle: noise must be a number of at least 0 and below 1, not 'much'."),
        ({"noise": 0.1, "kind": "confused"}, "oracle: kind must be uniform, class_dependent or annotator, not"),
        ({"noise": 0.1, "confusions": "c.csv"}, "oracle: confusions are for kind=class_dependent, not for uniform."),
        (0.1, "oracle must be parameters such as {noise: .1}, not 0.1."),
    ],
)
def test_what_no_oracle_can_be_is_refused(spec, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        nested(Oracle, spec, "oracle", "{noise: .1}")


def test_words_of_the_command_line_are_the_request_of_python():
    words = ["features=lsa", "oracle.noise=.1", "oracle.kind=annotator", "device=cpu"]
    request = compose(SimulationRequest, "simulate", words)
    assert request.labeller == Oracle(noise=0.1, kind="annotator")
    assert request.as_data()["oracle"] == {"noise": 0.1, "kind": "annotator", "confusions": None}
    with pytest.raises(ConfigError, match="Did you mean 'noise'"):
        compose(SimulationRequest, "simulate", ["features=lsa", "oracle.nosie=.1"])
    assert "oracle: {noise: 0.0, kind: uniform, confusions: null}" in configured_help("simulate")


def test_what_older_folders_do_not_say_is_the_default():
    defaults = {key: help_of(SimulationRequest)[key.partition(".")[0]][0] for key in DEFAULTS}
    assert {key: flat({key.partition(".")[0]: defaults[key]})[key] for key in DEFAULTS} == DEFAULTS
    data = SimulationRequest(features="lsa", device="cpu").as_data()
    older = {key: value for key, value in data.items() if key not in {each.partition(".")[0] for each in DEFAULTS}}
    assert not differences({"config": older}, {"config": data})
    noisy = data | {"oracle": {"noise": 0.1, "kind": "uniform", "confusions": None}}
    assert differences({"config": older}, {"config": noisy}) == ["oracle.noise: 0.0 -> 0.1"]


NOISY = {"oracle": {"noise": 0.3}, "full_data": True}


@pytest.fixture(scope="module")
def noisy(simulated, tmp_path_factory):
    """A simulation with noise, and its folder."""
    folder = tmp_path_factory.mktemp("noisy") / "run"
    return simulated(**NOISY, output=folder), folder


def given_labels(corpus, seed):
    """The answers that documents get, and their right labels, by id."""
    ids, gold = corpus.train.ids, corpus.train.gold
    given = Oracle(noise=0.3).answers(ids, gold, wrong_label_probs("uniform", gold, corpus.n_classes), seed)
    return dict(zip(ids, given.tolist(), strict=True)), dict(zip(ids, gold.tolist(), strict=True))


def trained(small, features, corpus, ids, seed, round):
    """A learner trained on the answers for some documents, and all answers."""
    answer, _ = given_labels(corpus, seed)
    rows = [row for row, each in enumerate(corpus.train.ids) if each in set(ids)]
    labels = torch.tensor([[answer[corpus.train.ids[row]] for row in rows]])
    learner = small["learner"].build(features, corpus.n_classes, 1, torch.device("cpu"))
    learner.fit(torch.tensor([rows]), labels, Streams([seed], round))
    return learner, answer


def test_a_round_is_a_learner_trained_on_the_answers_and_measured_on_the_right_labels(noisy, make_task, small):
    curves, _ = noisy
    corpus, features = make_task()
    seed, strategy = curves.seeds[0], curves.strategies[-1]
    acquired = curves.acquired[(curves.acquired["strategy"] == strategy) & (curves.acquired["seed"] == seed)]
    learner, _ = trained(small, features, corpus, acquired.loc[acquired["round"] <= 2, "id"], seed, 2)
    expected = labels_by_test(corpus)["test"].scores(learner.predict_split("test").argmax(-1))["accuracy"].item()
    run = curves.rounds[(curves.rounds["strategy"] == strategy) & (curves.rounds["seed"] == seed)]
    assert run.set_index("round").loc[2, "accuracy"] == pytest.approx(expected)


def test_wrong_labels_are_counted_in_every_round(noisy, make_task):
    curves, _ = noisy
    for (strategy, seed), run in curves.rounds.groupby(["strategy", "seed"]):
        answer, gold = given_labels(make_task().corpus, seed)
        wrong = {each for each in gold if answer[each] != gold[each]}
        acquired = curves.acquired[(curves.acquired["strategy"] == strategy) & (curves.acquired["seed"] == seed)]
        seed_set = set(acquired.loc[acquired["round"] == 0, "id"])
        share = len(wrong - seed_set) / len(gold.keys() - seed_set)
        for row in run.to_dict("records"):
            ids = set(acquired.loc[acquired["round"] <= row["round"], "id"])
            assert row["n_wrong"] == len(ids & wrong)
            expected = len(seed_set & wrong) + len(ids - seed_set) * share
            assert row["n_wrong_by_chance"] == pytest.approx(expected)


def test_maps_and_strategies_see_the_answers(noisy, make_task):
    maps = noisy[0].maps
    assert "full_data" in set(maps["strategy"])
    for seed, points in maps.groupby("seed"):
        answer, _ = given_labels(make_task().corpus, seed)
        assert points["gold"].tolist() == [answer[each] for each in points["id"]]


def test_noise_of_zero_changes_nothing(simulated, assert_same):
    assert_same(simulated(oracle={"noise": 0.0, "kind": "annotator"}), simulated())


def test_other_strategies_change_no_answer(simulated, assert_same, noisy):
    curves, _ = noisy
    only = lambda frame: frame["strategy"] == "random"  # noqa: E731
    assert_same(simulated(**NOISY, strategies=["random"]), curves, only)


def test_cut_short_it_goes_on_with_the_same_answers(simulated, assert_same, noisy, tmp_path):
    curves, folder = noisy
    copy = tmp_path / "run"
    copy.mkdir()
    for path in folder.rglob("*"):
        target = copy / path.relative_to(folder)
        target.mkdir(exist_ok=True) if path.is_dir() else target.write_bytes(path.read_bytes())
    for path in (copy / "rounds").glob("*.jsonl"):
        path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    assert_same(simulated(**NOISY, output=copy), curves)


def test_what_is_set_aside_is_labelled_by_the_oracle_too(simulated, make_task, small, tmp_path):
    seed, size = 1, 20
    stopping = [{"target_accuracy": {"accuracy": 0.99}}]
    one = {"strategies": ["random"], "seeds": [seed], "rounds": 0, "dev_size": size, "stopping": stopping}
    curves = simulated(**{**NOISY, **one, "full_data": False}, output=tmp_path / "run")
    (record,) = RunFolder(tmp_path / "run").records(Run("random", seed))
    corpus, features = make_task()
    learner, answer = trained(small, features, corpus, curves.acquired["id"], seed, 0)
    dev = choose_dev_set(corpus.train.gold, size, seed)
    predicted = learner.predict(torch.tensor([dev])).logits.argmax(-1)[0]
    expected = np.mean([answer[corpus.train.ids[row]] == guess for row, guess in zip(dev, predicted, strict=True)])
    assert record["stopping"]["dev_accuracy"] == pytest.approx(expected)


def test_class_dependent_answers_follow_confusions_of_the_learner_or_a_file(simulated, make_task, tmp_path):
    one = {"strategies": ["random"], "seeds": [1], "rounds": 1, "full_data": False}
    counted = simulated(**one, oracle={"noise": 0.2, "kind": "class_dependent"})
    assert counted.about["oracle_fingerprint"]
    path = tmp_path / "confusions.csv"
    path.write_text("right,given\nclass 0,class 2\nclass 1,class 2\nclass 2,class 0\n")
    given = simulated(**one, oracle={"noise": 0.2, "kind": "class_dependent", "confusions": str(path)})
    gold = dict(zip(make_task().corpus.train.ids, make_task().corpus.train.gold.tolist(), strict=True))
    pairs = {(gold[each], label) for each, label in zip(given.maps["id"], given.maps["gold"], strict=True)}
    assert {(right, label) for right, label in pairs if right != label} <= {(0, 2), (1, 2), (2, 0)}


def test_other_confusions_are_another_simulation():
    one = {"config": {}, "oracle_fingerprint": "a"}
    assert differences(one, {**one, "oracle_fingerprint": "b"}) == ["the wrong labels that the oracle gives"]


def test_summary_and_csv_count_wrong_labels_and_the_report_those_that_were_bought(noisy, tmp_path):
    curves, _ = noisy
    last, first = (
        curves.rounds[curves.rounds["round"] == r].groupby("strategy") for r in (curves.rounds["round"].max(), 0)
    )
    bought = (last["n_wrong"].mean() - first["n_wrong"].mean()).to_dict()
    assert curves.summary()["n_wrong"].to_dict() == pytest.approx(last["n_wrong"].mean().to_dict())
    findings = Findings.of(curves)
    ((_, table),) = [section.blocks for section in sections.wrong_labels(findings)]
    assert {row[0]: float(row[1]) for row in table.rows} == pytest.approx(bought, abs=0.051)
    assert "errs with probability 0.3" in str(sections.summary(findings, None).blocks)
    curves.to_csv(tmp_path)
    assert (tmp_path / "curves.csv").read_text().startswith("strategy,seed,round,n_labelled,accuracy,macro_f1,n_wrong,")


def test_saved_curves_keep_their_wrong_labels(noisy, tmp_path):
    curves, _ = noisy
    curves.save(tmp_path / "saved")
    loaded = LearningCurves.load(tmp_path / "saved")
    columns = ["n_wrong", "n_wrong_by_chance"]
    assert loaded.rounds[columns].to_numpy().tolist() == curves.rounds[columns].to_numpy().tolist()


def test_without_noise_nothing_is_said_of_it(simulated):
    curves = simulated()
    assert list(curves.summary()) == ["n_labelled", "accuracy", "macro_f1"]
    assert not sections.wrong_labels(Findings.of(curves))
    assert not curves.rounds["n_wrong"].any()


def test_chance_is_the_mean_of_random_batches():
    rng = np.random.default_rng(0)
    wrong, seed_set, aside = rng.random(60) < 0.3, [1, 5, 9], [2, 3]
    pool = np.setdiff1d(np.arange(60), [*seed_set, *aside])
    drawn = [wrong[[*seed_set, *rng.choice(pool, 20, replace=False)]].sum() for _ in range(4000)]
    labelled = np.array([*seed_set, *pool[:20]])
    assert WrongLabels.of(wrong, seed_set, aside, labelled).by_chance == pytest.approx(np.mean(drawn), abs=0.1)
