import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
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
    made = Lsa(n_components=300).compute(tripled)
    assert made.width == Lsa(n_components=300).compute(questions).width <= len(train)
    assert np.abs(made.test).max() < 100


def test_a_text_without_a_known_word_is_the_zero_vector(questions):
    """Its word in train is outside the directions, those in test are not in train; both stay exactly zero."""
    train = questions.train
    ids, texts = [*train.ids, "empty"], [*train.texts, "\u200b"]
    test = Split(["known", "unknown"], [train.texts[0], "zzz yyy xxx"], [0, 1], "test")
    corpus = Corpus(Split(ids, texts, [*train.gold, 0]), test, questions.label_names)
    made = Lsa(n_components=5).compute(corpus)
    assert (made.train == 0).all(axis=1).tolist() == [instance_id == "empty" for instance_id in corpus.train.ids]
    assert (made.test == 0).all(axis=1).tolist() == [instance_id == "unknown" for instance_id in corpus.test.ids]
    known = made.train[(made.train != 0).any(axis=1)]
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-5)


def test_a_text_outside_the_directions_is_zero_and_no_rounding_error():
    """Five groups of texts with words of their own, four directions: the last group lies outside all of them."""
    texts = [f"{word} {word}s" for n, word in enumerate(["dog", "cat", "cow", "pig", "hen"]) for _ in range(9 - n)]
    ids = [f"{i:02}" for i in range(len(texts))]
    corpus = Corpus(Split(ids, texts, np.arange(len(ids)) % 2), None, ["a", "b"])
    made = Lsa(n_components=4).compute(corpus).train
    outside = ["hen" in text for text in corpus.train.texts]
    assert (made == 0).all(axis=1).tolist() == outside


def test_few_texts_get_fewer_components_so_that_their_classes_can_be_learnt():
    """With one component per text, all texts are equally unlike each other, and nothing can be learnt."""
    rng, gold = np.random.default_rng(0), np.arange(120) % 2
    common = [f"w{i}" for i in range(40)]
    shades = ["red", "blue"], ["blue", "red"]
    texts = [" ".join([*rng.choice(shades[y], 2, p=[0.9, 0.1]), *rng.choice(common, 4)]) for y in gold]
    corpus = Corpus(Split([f"{i:03}" for i in range(120)], texts, gold), None, ["a", "b"])

    def accuracy(x):
        return cross_val_score(LogisticRegression(), x, corpus.train.gold, cv=5).mean()

    made, whole = Lsa().compute(corpus), Lsa(n_components=300).compute(corpus)
    assert (made.width, whole.width) == (15, 120)
    assert accuracy(made.train) > 0.8 > accuracy(whole.train) + 0.1


@pytest.mark.parametrize("settings", [{"n_components": 0}, {"max_terms": 0}])
def test_settings_that_make_no_sense_are_refused(questions, settings):
    with pytest.raises(ConfigError, match=r"must be a whole number of at least 1( or null)?, not 0"):
        Lsa(**settings).compute(questions)


def test_trec_can_be_learnt_from_the_vectors(trec: Corpus):
    """Well above the majority share of .28; tf-idf with the same classifier reaches .90."""
    made = Lsa().compute(trec)
    assert made.width == 300
    model = LogisticRegression(C=0.05, max_iter=500).fit(made.train, trec.train.gold)
    assert model.score(made.test, trec.test.gold) > 0.84
