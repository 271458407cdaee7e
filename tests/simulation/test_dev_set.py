"""The dev set of stopping criteria: scores against scikit-learn, which documents it is, and that none is trained on."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from cal.data.cautions import usage
from cal.data.corpus import Corpus, Split
from cal.data.features import Features
from cal.errors import ConfigError
from cal.learners.mlp import MLPLearner
from cal.report.sections import _of_corpus
from cal.simulation.dev_set import DevSet
from cal.simulation.request import SimulationRequest
from cal.simulation.run_folder import Run, RunFolder
from cal.simulation.seed_sets import choose_dev_set
from cal.simulation.stopping import Observation, make_criteria
from cal.streams import Streams

F1 = {"target_macro_f1": {"macro_f1": 0.5}}
TARGETS = [{"target_accuracy": {"accuracy": 0.6}}, F1]
WATCHED = {"stopping": TARGETS, "strategies": ["random", "entropy"], "seeds": [1]}


def says(answers, n_classes):
    """A learner whose answers are known, on the dev split and on instances of train."""
    logits = torch.nn.functional.one_hot(torch.as_tensor(answers), n_classes).double()
    return SimpleNamespace(
        predict_split={"dev": logits}.__getitem__,
        predict=lambda rows: SimpleNamespace(logits=logits.gather(1, rows[..., None].expand(-1, -1, n_classes))),
    )


@pytest.fixture
def with_dev(make_task):
    """with_dev(gold): the small task with a dev split of these classes."""

    def made(gold=(0, 0, 0, 0, 1, 1, 1, 2), texts=None):
        task = make_task()
        dev = Split(
            [f"dev{i}" for i in range(len(gold))], texts or [f"dev text {i}" for i in range(len(gold))], gold, "dev"
        )
        noise = np.random.default_rng(5).normal(size=(len(gold), 5))
        vectors = (noise + 1.5 * np.eye(3, 5)[dev.gold]).astype(np.float32)
        return (
            Corpus(task.corpus.train, task.corpus.test, task.corpus.label_names, dev=dev, name=task.corpus.name),
            Features(task.features.train, task.features.test, vectors),
        )

    return made


# --- scores


@pytest.mark.parametrize("seed", range(8))
def test_scores_of_the_dev_split_are_those_of_scikit_learn(seed):
    """Also where classes are missing from it, or are only predicted."""
    rng = np.random.default_rng(seed)
    gold, answers = rng.choice(5, 20, p=[0.5, 0.3, 0.1, 0.1, 0]), rng.choice(5, (3, 20), p=[0.4, 0.3, 0, 0.2, 0.1])
    dev_set = DevSet(gold=torch.from_numpy(gold), n_classes=5)
    given = dev_set.scores(says(answers, 5), torch.empty(3, 0, dtype=torch.long), torch.zeros(9, dtype=torch.long))
    for run in range(3):
        expected = accuracy_score(gold, answers[run]), f1_score(gold, answers[run], average="macro")
        assert given[run] == pytest.approx(expected, abs=1e-12)


def test_scores_of_documents_set_aside_are_of_those_of_the_own_seed():
    rng = np.random.default_rng(0)
    gold, answers = rng.integers(0, 3, 30), rng.integers(0, 3, (2, 30))
    dev_set = DevSet({1: [4, 9, 20, 21], 2: [0, 5, 6, 29]}, n_classes=3)
    rows = dev_set.rows([2, 1], torch.device("cpu"))
    given = dev_set.scores(says(answers, 3), rows, torch.from_numpy(gold))
    for run, at in enumerate(rows.numpy()):
        expected = accuracy_score(gold[at], answers[run][at]), f1_score(gold[at], answers[run][at], average="macro")
        assert given[run] == pytest.approx(expected, abs=1e-12)


def test_without_a_dev_set_there_is_nothing_to_tell():
    dev_set = DevSet()
    assert dev_set.scores(None, dev_set.rows([1, 2], torch.device("cpu")), torch.zeros(3)) == [(None, None)] * 2


@pytest.mark.parametrize(("gold", "told"), [([0, 0, 1, 1, -1], True), ([0, 0, 1, -1, -1], False)])
def test_a_label_that_the_classifier_does_not_know_counts_0_and_few_of_another_tell_nothing(gold, told):
    dev_set = DevSet({7: range(5)}, n_classes=2, least=2)
    answers = [[0, 0, 1, 1, 1]]
    ((_, given),) = dev_set.scores(says(answers, 2), dev_set.rows([7], torch.device("cpu")), torch.tensor(gold))
    assert given == (pytest.approx(f1_score(gold, answers[0], average="macro")) if told else None)


# --- which documents


def test_it_is_the_dev_split_of_the_corpus_or_what_dev_size_sets_aside(with_dev, make_task, caplog):
    (corpus, _), criteria = with_dev(), make_criteria(TARGETS)
    assert DevSet.of(corpus, criteria, 0, [1, 2]).gold.tolist() == corpus.dev.gold.tolist()
    assert not DevSet.of(corpus, criteria, 0, [1, 2]).aside
    assert not caplog.text
    aside = DevSet.of(corpus, criteria, 9, [1, 2])
    assert aside.aside == {seed: choose_dev_set(corpus.train.gold, 9, seed) for seed in (1, 2)}
    assert aside.gold is None
    assert "so the 8 documents of dev are not used. Leave dev_size out" in caplog.text
    assert DevSet.of(corpus, make_criteria(["expected_gain"]), 0, [1]).gold is None
    with pytest.raises(ConfigError, match=r"target_macro_f1.* has no dev split. Give dev_size=200 .*, such as dev.csv"):
        DevSet.of(make_task().corpus, make_criteria([F1]), 0, [1])


def test_texts_that_are_also_in_train_are_told(with_dev, caplog):
    corpus, _ = with_dev([0, 1, 2], ["text 3", "TEXT 4", "new"])
    DevSet.of(corpus, make_criteria([F1]), 0, [1])
    assert "2 of the 3 documents of dev have a text that is also in train" in caplog.text


# --- in a simulation


def test_criteria_look_at_the_dev_split_and_nothing_else_does(simulated, with_dev, small, assert_same, tmp_path):
    corpus, features = with_dev()
    curves = simulated((corpus, features), **WATCHED, output=tmp_path)
    assert set(curves.acquired.id) <= set(corpus.train.ids)
    assert_same(curves, simulated((corpus, features), **WATCHED | {"stopping": ()}))
    folder = RunFolder(tmp_path)
    assert folder.about()["uses_dev"]
    gold, row_of = torch.from_numpy(corpus.train.gold), {i: row for row, i in enumerate(corpus.train.ids)}
    for strategy in ("random", "entropy"):
        for record in folder.records(Run(strategy, 1)):
            round, seen = record["round"], Observation.of(record)
            acquired = curves.acquired.query("strategy == @strategy and round <= @round")
            labelled = torch.tensor([sorted(row_of[i] for i in acquired.id)])
            learner = MLPLearner(small["learner"], features, 3, 1)
            learner.fit(labelled, gold[labelled], Streams([1], round))
            answers = learner.predict_split("dev")[0].argmax(-1).numpy()
            assert seen.dev_accuracy == pytest.approx(accuracy_score(corpus.dev.gold, answers))
            assert seen.dev_macro_f1 == pytest.approx(f1_score(corpus.dev.gold, answers, average="macro"))
            assert ("target_macro_f1(macro_f1=0.5)" in seen.met) <= (seen.dev_macro_f1 >= 0.5)


def test_a_folder_of_an_older_version_is_resumed(simulated, with_dev, assert_same, tmp_path):
    """Its criteria looked at what was set aside, and its records have no macro F1."""
    task, given = with_dev(), WATCHED | {"stopping": TARGETS[:1], "dev_size": 9}
    whole = simulated(task, **given, output=tmp_path)
    folder = RunFolder(tmp_path)
    about = {key: value for key, value in folder.about().items() if key not in ("uses_dev", "finished")}
    (tmp_path / "run.json").write_text(json.dumps(about))
    config = (tmp_path / "config.yaml").read_text()
    assert "class_weights: null" in config
    (tmp_path / "config.yaml").write_text(config.replace("  class_weights: null\n", ""))
    for path in (tmp_path / "rounds").iterdir():
        records = [json.loads(line) for line in path.read_text().splitlines()][:2]
        for record in records:
            del record["stopping"]["dev_macro_f1"]
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    again = simulated(task, **given, output=tmp_path)
    assert_same(again, whole)
    assert again.stopped.equals(whole.stopped)


# --- what is said


def test_what_the_dev_split_is_for_is_said(with_dev):
    task = with_dev()
    assert "The 8 of dev are not used." in usage(task[0], needs_test=True)
    request = SimulationRequest(stopping=TARGETS, strategies=["random"])
    request.read_corpus(task[0])
    assert "The 8 of dev are for stopping criteria." in request.used
    assert not SimulationRequest(stopping=TARGETS, dev_size=9).uses_dev
    assert not SimulationRequest(stopping=["expected_gain"]).uses_dev
    assert "Nothing is trained on dev" in " ".join(task[0].describe().split())
    for uses_dev, told in ((True, "Only stopping criteria use"), (False, "Nothing here uses")):
        about = {"n_dev": 8, "uses_dev": uses_dev, "n_train": 60}
        assert _of_corpus(about) == [f"{told} the dev split of the corpus (8 documents)."]
