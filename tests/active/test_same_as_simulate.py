"""What was measured in simulation is what a person gets: the loop asks for what `cal simulate` acquires."""

from pathlib import Path

import pandas as pd
import pytest
import torch

import cal
from cal.data.unlabelled import UnlabelledCorpus
from cal.simulation.run_folder import Run, RunFolder

TREC = Path(__file__).parents[2].parent / "shared" / "data" / "trec"
STRATEGIES = ["margin", "badge", "tidal", "cal", "blend"]


def both(corpus, strategy, folder, seed_set, seed_size, query_size, rounds, **learning):
    """Batches and accuracies by `cal simulate`, and by a loop whose person knows the labels."""
    curves = cal.simulate(
        corpus,
        [strategy],
        seeds=[7],
        seed_set=seed_set,
        seed_size=seed_size,
        query_size=query_size,
        rounds=rounds,
        full_data=False,
        workers=1,
        output=folder,
        quiet=True,
        **learning,
    )
    records = RunFolder(folder).records(Run(curves.strategies[0], 7))
    simulated = [list(record["acquired"]) for record in records[:-1]]
    names, test = list(corpus.label_names), corpus.test
    gold = {id: names[label] for id, label in zip(corpus.train.ids, corpus.train.gold.tolist(), strict=True)}
    loop = cal.ActiveLearner(
        corpus, strategy, labels=names, seed_set=seed_set, seed=7, test_share=0, per_class=0, **learning
    )
    asked, accuracy = [], []
    ids = loop.ask(seed_size)
    for _ in simulated:
        loop.tell({id: gold[id] for id in ids})
        asked.append(ids := loop.ask(query_size))
        right = [names[label] for label in test.gold.tolist()]
        accuracy.append(float((loop.predict(test.texts) == right).mean()))
    return simulated, asked, [record["accuracy"] for record in records[:-1]], accuracy


@pytest.mark.parametrize("strategy", [*STRATEGIES, "round_change"])
def test_the_loop_asks_for_what_a_simulation_acquires(corpus_file, tmp_path, strategy):
    corpus = cal.read_corpus(corpus_file).hold_out(0.25)
    learning = {"features": "lsa", "learner": {"mlp": {"hidden": [8, 8], "n_epochs": 4, "lr": 0.01}}}
    simulated, asked, expected, accuracy = both(corpus, strategy, tmp_path / "run", "kmeans", 10, 5, 3, **learning)
    assert asked == simulated
    assert accuracy == pytest.approx(expected)


def test_it_does_with_a_learner_that_is_trained_again_beside_new_texts(corpus_file, tmp_path, monkeypatch):
    """A learner that cannot be asked about vectors of its own gives the same, by a second training."""
    from cal.learners.mlp import MLPLearner

    corpus = cal.read_corpus(corpus_file).hold_out(0.25)
    learning = {"features": "lsa", "learner": {"small_mlp": {"hidden": [8]}}}
    loops = []
    for _ in range(2):
        loop = cal.ActiveLearner(corpus, test_share=0, **learning)
        gold = dict(zip(corpus.train.ids, corpus.train.gold.tolist(), strict=True))
        loop.tell({id: corpus.label_names[gold[id]] for id in loop.ask(12)})
        loops.append(loop.predict_proba(corpus.test.texts).to_numpy())
        monkeypatch.delattr(MLPLearner, "predict_vectors", raising=False)
    assert loops[0] == pytest.approx(loops[1], abs=1e-6)


def test_new_texts_have_the_vectors_of_a_test_split(corpus_file):
    from cal.data.features import as_features
    from cal.data.new_documents import embedder_of

    corpus = cal.read_corpus(corpus_file).hold_out(0.25)
    train = UnlabelledCorpus.of_texts(corpus.train.texts, corpus.train.ids)
    new = UnlabelledCorpus.of_texts(corpus.test.texts, corpus.test.ids)
    for kind in ("lsa", "tfidf", "fasttext"):
        spec = {"tfidf": "scikit", "fasttext": {"fasttext": {"dim": 8, "epochs": 1}}}.get(kind, kind)
        way = as_features(spec)
        expected, found = way.compute(corpus).test, embedder_of(way, train)(new)
        assert abs(expected - found).max() == 0


@pytest.mark.slow
@pytest.mark.skipif(not (TREC / "train.csv").exists(), reason="TREC is not here")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_does_on_trec(tmp_path, strategy):
    corpus = cal.Corpus.from_frame(pd.read_csv(TREC / "train.csv"), test=pd.read_csv(TREC / "test.csv"))
    simulated, asked, expected, accuracy = both(
        corpus, strategy, tmp_path, "kmeans", 50, 25, 2, features="lsa", learner="mlp"
    )
    assert asked == simulated
    assert accuracy == pytest.approx(expected)


def test_the_number_of_threads_does_not_matter(corpus_file):
    corpus = cal.read_corpus(corpus_file)
    gold = dict(zip(corpus.train.ids, corpus.train.gold.tolist(), strict=True))
    asked = []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        loop = cal.ActiveLearner(corpus, features="lsa", learner="small_mlp")
        loop.tell({id: corpus.label_names[gold[id]] for id in loop.ask(12)})
        asked.append(loop.ask(10))
    torch.set_num_threads(1)
    assert asked[0] == asked[1]
