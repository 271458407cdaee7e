import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from cal.data.corpus import Corpus, Split
from cal.data.lsa import Lsa
from cal.errors import ConfigError


def test_similarities_equal_those_of_an_exact_decomposition(questions):
    """Oracle: scikit-learn's exact solver and scaler; the sign of a component is arbitrary, products are not."""
    terms = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True)
    svd = TruncatedSVD(5, algorithm="arpack").fit(terms.fit_transform(questions.train.texts))
    train, test = (svd.transform(terms.transform(split.texts)) for split in questions.splits().values())
    scaler = StandardScaler().fit(train)
    made = Lsa(n_components=5).compute(questions)
    expected = scaler.transform(test) @ scaler.transform(train).T
    np.testing.assert_allclose(made.test @ made.train.T, expected, rtol=1e-2, atol=1e-2)


def test_train_is_standardised(questions):
    train = Lsa(n_components=5).compute(questions).train
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-5)


def test_directions_that_train_does_not_span_are_left_out(questions):
    """Train texts repeated under new ids span no more than they did, however many there are."""
    train = questions.train
    ids = [f"{copy}{i}" for copy in range(3) for i in train.ids]
    tripled = Corpus(Split(ids, train.texts * 3, np.tile(train.gold, 3)), questions.test, questions.label_names)
    made = Lsa().compute(tripled)
    assert made.width == Lsa().compute(questions).width <= len(train)
    assert np.abs(made.test).max() < 100


@pytest.mark.parametrize("settings", [{"n_components": 0}, {"max_terms": 0}])
def test_settings_that_make_no_sense_are_refused(questions, settings):
    with pytest.raises(ConfigError, match="must be a whole number of at least 1, not 0"):
        Lsa(**settings).compute(questions)


def test_trec_can_be_learnt_from_the_vectors(trec: Corpus):
    """Well above the majority share of .28; tf-idf with the same classifier reaches .90."""
    made = Lsa().compute(trec)
    assert made.width == 300
    model = LogisticRegression(C=0.05, max_iter=500).fit(made.train, trec.train.gold)
    assert model.score(made.test, trec.test.gold) > 0.84
