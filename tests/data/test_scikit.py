"""Vectorisers of scikit-learn, sparse vectors, and vectors matched by id."""

import numpy as np
import pytest
from omegaconf import OmegaConf
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from cal.data.corpus import Corpus, Split
from cal.data.features import Features, as_features, vectors_of
from cal.data.lsa import Lsa
from cal.data.scikit import Vectoriser, random_states, unfitted
from cal.errors import ConfigError, FeatureError
from cal.registry import described


def equal(one, other):
    return one.shape == other.shape and one.dtype == other.dtype and (one != other).nnz == 0


@pytest.mark.parametrize("vectoriser", [TfidfVectorizer(), TfidfVectorizer(dtype=np.float32), HashingVectorizer()])
def test_vectors_are_those_of_scikit_learn_fitted_on_train(questions, vectoriser):
    features = Vectoriser(vectoriser).compute(questions)
    assert features.is_sparse
    assert equal(features.train, vectoriser.fit_transform(questions.train.texts))
    for name, split in questions.splits().items():
        assert equal(features.splits()[name], vectoriser.transform(split.texts)), name


def test_counts_become_numbers_that_classifiers_take(questions):
    features = Vectoriser(CountVectorizer()).compute(questions)
    assert features.train.dtype == np.float64
    assert (features.train != CountVectorizer().fit_transform(questions.train.texts)).nnz == 0


def test_the_given_vectoriser_stays_unfitted(questions):
    vectoriser = TfidfVectorizer()
    Vectoriser(vectoriser).compute(questions)
    assert not hasattr(vectoriser, "vocabulary_")


def test_random_states_are_fixed_where_they_are_not_given(questions):
    pipeline = make_pipeline(TfidfVectorizer(), TruncatedSVD(3, n_iter=1))
    first, second = Vectoriser(pipeline).compute(questions), Vectoriser(pipeline).compute(questions)
    assert first.fingerprint == second.fingerprint
    assert not first.is_sparse
    by_hand = pipeline.set_params(truncatedsvd__random_state=0).fit(questions.train.texts)
    np.testing.assert_array_equal(first.test, by_hand.transform(questions.test.texts))
    other = Vectoriser(pipeline.set_params(truncatedsvd__random_state=5)).compute(questions)
    assert other.fingerprint != first.fingerprint


def test_labels_are_not_shown(questions):
    from sklearn.feature_selection import SelectKBest

    with pytest.raises(FeatureError, match="fitted on the texts of train, without labels"):
        Vectoriser(make_pipeline(TfidfVectorizer(), SelectKBest(k=2))).compute(questions)


@pytest.mark.parametrize(
    ("spec", "parameters", "message"),
    [
        (TfidfVectorizer, {}, r"features is the class TfidfVectorizer, not an object of it\. Give TfidfVectorizer\(\)"),
        (LogisticRegression(), {}, "features is LogisticRegression, which has no transform"),
        (object(), {}, "features is object, which is not an estimator"),
        ("sklearn.nowhere.Tfidf", {}, "Cannot import"),
        ("sklearn.feature_extraction.text.TfidfVectorizer", {"ngrams": 2}, "cannot be made with {'ngrams': 2}"),
        (TfidfVectorizer(), {"ngrams": 2}, "cannot be made with {'ngrams': 2}"),
    ],
)
def test_what_is_no_transformer_is_refused(spec, parameters, message):
    with pytest.raises(ConfigError, match=message):
        Vectoriser(spec, parameters)


def test_a_path_and_parameters_are_an_object():
    given = {"ngram_range": [1, 2], "stop_words": ["the"]}
    made = unfitted("sklearn.feature_extraction.text.TfidfVectorizer", given, "features", ["fit"])
    assert (made.ngram_range, made.stop_words) == ((1, 2), ["the"])
    assert OmegaConf.structured(Vectoriser)


def test_estimators_within_others_are_described_whole_and_seeded():
    pipeline = make_pipeline(TfidfVectorizer(stop_words=[f"word{i}" for i in range(300)]), TruncatedSVD(3))
    assert "'word299'" in described(pipeline)
    assert "\n" not in described(pipeline)
    assert " at 0x" not in described(TfidfVectorizer(analyzer=lambda text: text.split()))
    assert random_states(pipeline) == {"truncatedsvd__random_state": None}


# --- what a user gives


def test_features_are_whatever_describes_them(questions):
    given = Features(np.zeros((2, 1)), np.zeros((1, 1)))
    assert as_features(None) is None
    assert as_features(given) is given
    assert as_features("lsa") == as_features(Lsa()) == as_features({"lsa": {"n_components": None}}) == Lsa()
    assert isinstance(as_features(TfidfVectorizer()), Vectoriser)
    with pytest.raises(ConfigError, match=r"Give Features\.by_id\(corpus, ids, vectors\)"):
        as_features(np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="features is int, which is not an estimator"):
        as_features(3)


# --- sparse vectors, and vectors by id


@pytest.fixture
def few():
    train = Split(["a", "b", "c"], ["one", "two", "three"], [0, 1, 1])
    return Corpus(train, Split(["d"], ["four"], [1]), ["x", "y"])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.coo_array, sparse.csc_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_every_document_gets_the_vector_of_its_id(few, kind, dtype):
    ids = ["d", "b", "extra", "a", "c"]
    rows = np.arange(15).reshape(5, 3).astype(dtype)
    features = Features.by_id(few, ids, kind(rows))
    assert features.is_sparse == (kind is not np.asarray)
    assert features.train.dtype == (np.float32 if dtype == np.float32 else np.float64)
    for name, split in few.splits().items():
        given = features.splits()[name]
        for i, vector in zip(split.ids, given.toarray() if features.is_sparse else given, strict=True):
            np.testing.assert_array_equal(vector, rows[ids.index(i)])
    assert vectors_of(few, features) is features


@pytest.mark.parametrize(
    ("ids", "value", "message"),
    [
        (["a", "b", "c"], 1.0, "4 vectors, but 3 ids"),
        (["a", "b", "c", "a"], 1.0, "1 ids have more than one vector, e.g. 'a'"),
        (["a", "b", "x", "d"], 1.0, "1 of 3 documents of train have no vector: c"),
        (["a", "b", "c", "d"], np.nan, "1 of 3 documents of train hold NaN or infinity: b"),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_vectors_that_do_not_fit_are_refused(few, kind, ids, value, message):
    rows = np.eye(4)
    rows[1, 2] = value
    with pytest.raises(FeatureError, match=message):
        Features.by_id(few, ids, kind(rows))


def test_splits_must_be_alike():
    dense, like = np.ones((2, 3)), sparse.csr_matrix(np.ones((2, 3)))
    with pytest.raises(FeatureError, match="test are sparse float64, those of train dense float64"):
        Features(dense, like)
    with pytest.raises(FeatureError, match="test are dense float32, those of train dense float64"):
        Features(dense, dense.astype(np.float32))
    broken = like.copy()
    broken.data[4] = np.inf
    with pytest.raises(FeatureError, match="1 of 2 vectors of test hold NaN or infinity, first in row 1"):
        Features(like, broken)


def test_too_few_sparse_vectors_are_refused(few):
    with pytest.raises(FeatureError, match="2 vectors for the 3 documents of train"):
        vectors_of(few, Features(sparse.eye(2, 3, format="csr"), sparse.eye(1, 3, format="csr")))


def test_fingerprints_are_of_the_content():
    one, other = sparse.csr_matrix(np.eye(3)), sparse.csr_matrix(np.eye(3)[[1, 0, 2]])
    assert Features(one, one).fingerprint == Features(one.copy(), one).fingerprint
    assert Features(one, one).fingerprint != Features(other, one).fingerprint
