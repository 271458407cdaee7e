"""Texts unlike anything else: what is planted is found, ordinary texts have none, and neighbours are right."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from cal.doubtful_texts.far_tail import far_beyond
from cal.doubtful_texts.letters import LetterTriples
from cal.doubtful_texts.unlike import NEIGHBOURS, unlike_all
from cal.doubtful_texts.word_sets import WordSets

WORDS = "time year people way day man thing woman life child world school state family student group country".split()
WORDS += "problem hand part place case week company system program question work number night point home".split()


def ordinary(n, seed):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=rng.integers(4, 15)).tolist()) for _ in range(n)]


def unlike(texts, vectors=None):
    return unlike_all(texts, WordSets.of(texts), [f"id-{k}" for k in range(len(texts))], vectors)


def by_vectors(vectors):
    return unlike([""] * vectors.shape[0], vectors)


def slow_similarity(vectors):
    """The similarity of the fifth nearest, by scikit-learn."""
    nearest = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, metric="cosine", algorithm="brute").fit(vectors)
    return 1 - nearest.kneighbors(vectors)[0][:, -1]


@pytest.mark.parametrize(
    "text",
    [
        "x = (-b + sqrt(b^2 - 4ac)) / 2a",
        "qwer zxcv asdf hjkl",
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit",
        "Hola, me gustaría saber el precio del billete",
    ],
)
def test_texts_written_in_another_way_are_found(text):
    assert list(unlike([*ordinary(200, seed=0), text])) == [200]


@pytest.mark.parametrize("n", [0, 1, 19, 20, 50, 300, 2000])
def test_ordinary_texts_are_like_each_other(n):
    assert unlike(ordinary(n, seed=n)) == {}


@pytest.mark.parametrize("n", [20, 50, 200, 1000])
def test_of_ordinary_values_hardly_any_is_far(n):
    rng = np.random.default_rng(n)
    for draw, most in ((rng.normal, 3), (rng.random, 1), (rng.standard_exponential, 20)):
        assert sum((values > far_beyond(values)).any() for values in (draw(size=n) for _ in range(100))) <= most


def test_one_clear_value_is_far_beyond_many():
    values = np.append(np.random.default_rng(0).normal(size=100), 12.0)
    assert np.flatnonzero(values > far_beyond(values)).tolist() == [100]


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_vectors_far_from_all_others_are_found(form):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 30))
    vectors = np.concatenate([rng.normal(size=(300, 30)) * 0.3 + centres[np.arange(300) % 4], np.zeros((1, 30))])
    vectors[300] = np.linalg.svd(centres)[2][-1]  # at right angles to all centres
    (found,) = by_vectors(form(vectors)).items()
    assert found[0] == 300
    assert "similarity" in found[1].why
    assert by_vectors(form(vectors[:300])) == {}


def test_what_is_far_from_a_sample_but_not_from_all_is_not_named(monkeypatch):
    monkeypatch.setattr("cal.doubtful_texts.unlike._SAMPLE", 60)
    rng = np.random.default_rng(1)
    vectors = np.concatenate([rng.normal(size=(2000, 20)) * 0.2 + 1, rng.normal(size=(12, 20)) * 0.05 - 1])
    vectors = np.append(vectors, np.eye(1, 20) * 3 - np.eye(1, 20, 1) * 3, axis=0)
    assert list(by_vectors(vectors)) == [2012]
    assert slow_similarity(vectors).argmin() == 2012


def test_the_number_in_the_reason_is_that_of_the_nearest():
    rng = np.random.default_rng(2)
    vectors = np.append(rng.normal(size=(100, 10)) * 0.3 + 1, [[1.0, -1.0] * 5], axis=0)
    nearest = NearestNeighbors(n_neighbors=2, metric="cosine").fit(vectors).kneighbors(vectors)[0][100, 1]
    assert f"similarity of {1 - nearest:.2f};" in by_vectors(vectors)[100].why


def test_zeros_are_like_nothing():
    rng = np.random.default_rng(3)
    assert list(by_vectors(np.append(rng.normal(size=(100, 10)) * 0.3 + 1, np.zeros((1, 10)), axis=0))) == [100]


def test_surprise_is_the_mean_rarity_of_triples():
    texts = ["abc", "abc abd", "xyz"]
    triples = [[f" {text} "[k : k + 3] for k in range(len(text))] for text in texts]
    rarity = {each: np.log(3 / max(sum(each in own for own in triples) - 0.5, 0.5)) for own in triples for each in own}
    expected = [np.mean([rarity[each] for each in own]) for own in triples]
    assert LetterTriples(texts).surprise == pytest.approx(expected)
