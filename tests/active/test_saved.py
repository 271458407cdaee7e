"""A loop in a folder: what is saved asks and predicts the same, and a damaged or foreign folder is refused."""

import json

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

import cal
from cal.errors import ConfigError, StorageError
from cal.simulation.stopping import ExpectedGain


def test_a_loaded_loop_asks_and_predicts_the_same(make, label, gold, tmp_path):
    loop = make(strategy={"mix": {"margin": 0.5, "random": 0.5}}, explore=0.2, stopping=["expected_gain"])
    label(loop, 3)
    asked = loop.ask(10)
    loop.save(tmp_path / "loop")
    copy = cal.ActiveLearner.load(tmp_path / "loop")
    assert repr(copy) == repr(loop)
    assert copy.ask(10) == asked
    assert copy.labels.equals(loop.labels)
    assert copy.to_frame().equals(loop.to_frame())
    assert copy.predict_proba().equals(loop.predict_proba())
    assert copy.predict(["Say where?"]).tolist() == loop.predict(["Say where?"]).tolist()
    for each in (loop, copy):
        each.tell({id: gold[id] for id in asked})
    assert copy.ask(7) == loop.ask(7)
    assert copy.progress(compare=False).to_frame().equals(loop.progress(compare=False).to_frame())


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_vectors_that_were_given_are_kept(questions, label, tmp_path, kind):
    x = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
    x[:, :3] += 3 * np.eye(3)[np.arange(120) % 3]
    options = {"learner": "small_mlp", "features": x}
    if kind == "sparse":
        options = {"learner": LogisticRegression(), "features": sparse.csr_matrix(x), "seed_set": "random"}
    loop = cal.ActiveLearner(questions[["id", "text"]], **options)
    label(loop, 2)
    loop.save(tmp_path / "loop")
    copy = cal.ActiveLearner.load(tmp_path / "loop", **({} if kind == "dense" else {"learner": LogisticRegression()}))
    assert copy.ask(5) == loop.ask(5)
    assert copy.predict_proba(["Who?"], features=x[:1]).equals(loop.predict_proba(["Who?"], features=x[:1]))


def test_saving_again_writes_documents_once_and_leaves_no_rest(make, label, tmp_path):
    loop = make(["How far?", "Who?", "Where is it?"])
    loop.save(tmp_path / "loop")
    first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "loop").iterdir()}
    loop.tell(loop.ask(1), ["NUM"])
    loop.save(tmp_path / "loop")
    second = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "loop").iterdir()}
    (documents,) = (name for name in first if name.startswith("documents-"))
    assert first.keys() == second.keys()
    assert first[documents] == second[documents]
    make(["Other texts?", "Indeed?"]).save(tmp_path / "loop")
    assert len(list((tmp_path / "loop").iterdir())) == 2


def test_derived_ids_and_pairs_come_back(make, tmp_path):
    loop = make([("How far?", "Ten miles."), ("Who?", "He."), ("Where?", "Here.")], seed_set="random")
    loop.save(tmp_path / "loop")
    copy = cal.ActiveLearner.load(tmp_path / "loop")
    assert copy.to_frame().equals(loop.to_frame())
    assert copy.corpus is not None
    assert copy.ask(2) == loop.ask(2)


def test_what_was_an_object_must_be_given_again(questions, tmp_path):
    def shortest(pool):
        return -pool.probs.amax(-1)

    loop = cal.ActiveLearner(
        questions[["id", "text"]], shortest, LogisticRegression(), features="lsa", stopping=[ExpectedGain()]
    )
    loop.save(tmp_path / "loop")
    with pytest.raises(ConfigError, match=r"not kept: strategy .* learner .*Give it again"):
        cal.ActiveLearner.load(tmp_path / "loop")
    copy = cal.ActiveLearner.load(
        tmp_path / "loop", strategy=shortest, learner=LogisticRegression(), stopping=["expected_gain"]
    )
    assert copy.ask(4) == loop.ask(4)


def test_damaged_and_foreign_folders_are_refused(make, tmp_path):
    with pytest.raises(StorageError, match=r"holds no active learner: learner\.json is missing"):
        cal.ActiveLearner.load(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    loop = make(["How far?", "Who?"])
    with pytest.raises(StorageError, match=r"no folder of cal\.ActiveLearner: it has notes\.txt"):
        loop.save(tmp_path / "mine")
    loop.ask(1)
    loop.save(tmp_path / "loop")
    state = tmp_path / "loop" / "learner.json"
    whole = json.loads(state.read_text())
    (batch,) = whole["state"]["batches"]
    for spoiled in (
        {**whole, "state": {}},
        {**whole, "state": {**whole["state"], "labels": [[5, "a"]]}},
        {**whole, "state": {**whole["state"], "batches": [{**batch, "rows": [5]}]}},
        {**whole, "files": {"documents": "documents-none.parquet"}},
        {**whole, "format": 99},
        {**whole, "options": 3},
    ):
        state.write_text(json.dumps(spoiled))
        with pytest.raises(StorageError):
            cal.ActiveLearner.load(tmp_path / "loop")
    state.write_text("{")
    with pytest.raises(StorageError, match="is damaged"):
        cal.ActiveLearner.load(tmp_path / "loop")
