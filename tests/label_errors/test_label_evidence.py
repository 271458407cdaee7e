"""What detectors read beside trainings: views, neighbours, clusters of loss curves, ranks and the stack."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata
from sklearn.cluster import KMeans
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from cal.data.corpus import Corpus, Split
from cal.data.features import Features
from cal.data.lsa import Lsa
from cal.errors import AnalysisError
from cal.label_errors import evidence, neighbour_votes, views
from cal.label_errors.consensus import mean_rank
from cal.label_errors.detectors import detect
from cal.label_errors.linear_models import Logistic, Ridge
from cal.label_errors.neighbour_votes import nearest, votes
from cal.label_errors.stack import at_random, between_confused, stacked_probability
from cal.label_errors.trajectory_clusters import clusters
from cal.label_errors.views import document_views
from cal.learners.grid import Setup
from cal.learners.mlp import SmallMLP
from cal.learners.out_of_fold import folds_of
from cal.streams import stream

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def corpus():
    texts = [f"{start} {number}?" for number in range(12) for start in ("How far is", "Who lives in", "Where is")]
    ids = [f"{number:02}" for number in range(len(texts))]
    return Corpus(Split(ids, texts, [0, 1, 2] * 12), None, ["number", "person", "place"])


# Views


def test_vectors_stand_beside_words_each_of_one_scale(corpus):
    vectors = RNG.normal(5, 3, size=(36, 4)).astype(np.float32)
    seen, words = document_views(corpus, Features(vectors))
    assert seen.shape == (36, 4)
    assert words.shape == Lsa().compute(corpus).train.shape
    for view in (seen, words):
        np.testing.assert_allclose(view.mean(axis=0), 0, atol=1e-5)
        assert np.square(view).mean() == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(np.corrcoef(seen[:, 0], vectors[:, 0])[0, 1], 1)


def test_words_are_not_seen_twice(corpus):
    (only,) = document_views(corpus, Lsa().compute(corpus))
    (alone,) = document_views(corpus, None)
    np.testing.assert_allclose(only, alone)


def test_texts_without_words_and_too_many_texts_leave_the_vectors(corpus, monkeypatch):
    vectors = Features(np.eye(36, dtype=np.float32))
    blank = replace(corpus, train=Split(corpus.train.ids, ["?"] * 36, corpus.train.gold))
    assert len(document_views(blank, vectors)) == 1
    assert document_views(blank, None) == []
    monkeypatch.setattr(views, "MOST_TEXTS", 35)
    assert len(document_views(corpus, vectors)) == 1
    assert len(document_views(corpus, None)) == 1


def test_wide_and_sparse_vectors_are_projected(corpus, monkeypatch):
    from scipy import sparse

    wide = RNG.normal(size=(36, 50))
    monkeypatch.setattr(views, "WIDEST", 40)
    seen = document_views(corpus, Features(wide))[0]
    assert seen.shape[1] <= 36
    cosines = [each @ each.T for each in (seen, wide - wide.mean(axis=0))]
    np.testing.assert_allclose(*(each / np.trace(each) for each in cosines), atol=1e-5)
    assert document_views(corpus, Features(sparse.csr_matrix(wide)))[0].shape == seen.shape


# Neighbours


@pytest.mark.parametrize("chunk", [2**24, 100])
def test_nearest_are_those_of_scikit_learn(monkeypatch, chunk):
    monkeypatch.setattr(neighbour_votes, "_CHUNK", chunk)
    x = RNG.normal(size=(80, 5)).astype(np.float32)
    positions, similarities = nearest([x[:, :2], x[:, 2:]], k=4)
    distances, expected = NearestNeighbors(n_neighbors=5, metric="cosine").fit(x).kneighbors(x)
    np.testing.assert_array_equal(positions, expected[:, 1:])
    np.testing.assert_allclose(similarities, 1 - distances[:, 1:], atol=1e-5)


def test_many_instances_are_compared_in_fewer_dimensions(monkeypatch):
    x = RNG.normal(size=(60, 3)) @ RNG.normal(size=(3, 20))  # three dimensions in truth
    whole, _ = nearest([x], k=3)
    monkeypatch.setattr(neighbour_votes, "_MANY", 50)
    monkeypatch.setattr(neighbour_votes, "_FEW_DIMENSIONS", 3)
    np.testing.assert_array_equal(nearest([x], k=3)[0], whole)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_threads_share_many_instances_without_changing_a_bit(monkeypatch, n_threads):
    x = RNG.normal(size=(60, 5)).astype(np.float32)
    monkeypatch.setattr(neighbour_votes, "_CHUNK", 60)  # a row at a time
    whole = nearest([x])
    monkeypatch.setattr(neighbour_votes, "_MANY", 50)
    for expected, found in zip(whole, nearest([x], n_threads=n_threads), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("many", [35, 36])
def test_after_trainings_on_many_documents_processes_give_their_memory_back(corpus, monkeypatch, many):
    ended = []
    monkeypatch.setattr(evidence, "MOST_TEXTS", many)
    monkeypatch.setattr(evidence, "end_workers", lambda: ended.append(True))
    detect(corpus, ["neighbours"], Setup(SmallMLP(), Features(np.eye(36, dtype=np.float32)), "cpu"), seeds=[1])
    assert bool(ended) == (many < len(corpus.train))


def test_votes_are_weighted_by_similarity_cubed():
    positions, similarities = np.array([[1, 2], [0, 2], [0, 1]]), np.array([[0.5, 0.2], [1.0, -0.5], [0.0, 0.1]])
    shares = votes(positions, similarities, np.array([0, 1, 1]), 2)
    expected = np.array([[0.02, 0.02 + 0.125 + 0.008], [1.02, 0.02], [0.02, 0.02 + 0.001]])
    np.testing.assert_allclose(shares, expected / expected.sum(axis=1, keepdims=True))


def test_no_views_have_no_neighbours():
    with pytest.raises(AnalysisError, match="at least one"):
        nearest([])


# Clusters of loss curves


def test_clusters_are_those_of_k_means():
    curves = np.concatenate([RNG.normal(0.5, 0.3, size=(70, 5)), RNG.normal(2.0, 0.5, size=(30, 5))])
    order = np.argsort(curves.mean(axis=1))
    model = KMeans(2, init=curves[[order[0], order[-1]]], n_init=1, algorithm="lloyd", tol=0).fit(curves)
    score, flagged = clusters(curves.T)
    np.testing.assert_array_equal(flagged, model.labels_ == 1)
    apart = model.cluster_centers_[1] - model.cluster_centers_[0]
    np.testing.assert_allclose(score, (curves - model.cluster_centers_[0]) @ apart / (apart @ apart), atol=1e-6)


def test_curves_that_are_all_alike_are_not_flagged():
    score, flagged = clusters(np.ones((3, 4)))
    assert not flagged.any()
    assert not score.any()


def test_a_loss_that_is_not_finite_is_refused():
    with pytest.raises(AnalysisError, match="finite"):
        clusters(np.array([[1.0, np.inf]]))


# Ranks

finite = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


@given(arrays(float, (3, 7), elements=finite))
def test_a_mean_rank_depends_on_order_alone(scores):
    given_scores = dict(zip(("logistic", "ridge", "el2n"), scores, strict=True))
    mean = mean_rank(given_scores)
    stretched = {name: rankdata(score, method="dense") ** 3 for name, score in given_scores.items()}
    np.testing.assert_allclose(mean_rank(stretched), mean)
    assert ((mean > 0) & (mean <= 1)).all()
    shuffled = mean_rank({name: score[::-1] for name, score in given_scores.items()})
    np.testing.assert_allclose(shuffled, mean[::-1])


def test_a_weight_is_a_number_of_votes():
    scores = {"a": np.array([1.0, 2.0]), "b": np.array([2.0, 1.0])}
    assert mean_rank(scores, {"a": 3, "b": 1}).tolist() == [0.625, 0.875]
    with pytest.raises(AnalysisError, match="at least one"):
        mean_rank({"z": np.array([1.0])}, {"a": 1})


# The stack


def test_random_errors_follow_the_sizes_of_classes():
    gold = np.repeat([0, 1, 2], [6_000, 3_000, 1_000])
    version = at_random(gold, 3, torch.Generator().manual_seed(0))
    wrong = version != gold
    assert wrong.sum() == 500
    of_first = version[wrong & (gold == 0)]
    assert (of_first == 1).mean() == pytest.approx(0.75, abs=0.08)


def test_confused_errors_are_between_classes_that_look_alike():
    gold = np.repeat([0, 1, 2], 400)
    looks = gold.copy()
    looks[:40] = 1  # labelled 0, look like 1
    version = between_confused(gold, looks, 3, torch.Generator().manual_seed(0))
    wrong = np.flatnonzero(version != gold)
    assert len(wrong) == 60
    assert set(zip(looks[wrong].tolist(), version[wrong].tolist(), strict=True)) == {(1, 0)}
    assert (gold[wrong] == 1).all()


def test_one_class_leaves_nothing_to_inject():
    gold, generator = np.zeros(10, dtype=int), torch.Generator().manual_seed(0)
    np.testing.assert_array_equal(at_random(gold, 3, generator), gold)
    np.testing.assert_array_equal(between_confused(gold, gold, 3, generator), gold)


def test_the_stack_finds_errors_and_repeats_itself():
    rng = np.random.default_rng(3)
    right = np.repeat([0, 1, 2], 100)
    x = (rng.normal(size=(300, 8)) + 2 * rng.normal(size=(3, 8))[right]).astype(np.float32)
    wrong = np.arange(300) % 12 == 0
    gold = np.where(wrong, (right + 1) % 3, right)
    folds = folds_of(gold, 3, stream(0, "folds"))
    models = Logistic.chosen([x], gold, 3, folds[0]), Ridge([x]), nearest([x])
    first, again = (stacked_probability(*models, gold, 3, folds, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert roc_auc_score(wrong, first) > 0.95
    assert ((first > 0) & (first < 1)).all()
