"""scikit-learn classifiers as learners: each number is what scikit-learn gives by hand."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

import cal
from cal.data.corpus import Corpus, Split
from cal.data.features import as_features
from cal.errors import ConfigError, FeatureError, LearnerError, StrategyError
from cal.learners.base import as_learner
from cal.learners.compute import resolve_device
from cal.learners.grid import Setup, Training, cross_validation, final_probs, train_all
from cal.learners.mlp import MLP
from cal.learners.scikit import Scikit
from cal.simulation.request import SimulationRequest
from cal.streams import Streams, stream

CPU = {"device": "cpu", "workers": 1}
WORDS = [f"word{i}" for i in range(60)]


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)

    def split(name, n):
        gold = np.arange(n) % 3
        texts = [" ".join([*rng.choice(WORDS[20 * c : 20 * c + 20], 2), *rng.choice(WORDS, 6)]) for c in gold]
        return Split([f"{name}{i}" for i in range(n)], texts, gold, name)

    return Corpus(split("train", 150), split("test", 60), ["a", "b", "c"])


@pytest.fixture(scope="module")
def x(corpus):
    """Sparse tf-idf of train and test by hand."""
    tfidf = TfidfVectorizer().fit(corpus.train.texts)
    return tfidf.transform(corpus.train.texts), tfidf.transform(corpus.test.texts)


@pytest.fixture
def never_dense(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a sparse matrix was made dense")

    for kind in (sparse.csr_matrix, sparse.csr_array):
        for method in ("toarray", "todense", "__array__"):
            monkeypatch.setattr(kind, method, refuse, raising=False)


def seeded(classifier, seed, round=0):
    """A clone with the random state that belongs to a seed and a round."""
    draw = torch.randint(2**31 - 1, (1,), generator=stream(seed, "classifier/init", round))
    return clone(classifier).set_params(random_state=int(draw))


def fitted(learner, features, labelled, gold, seeds=(7,), n_classes=3, round=0, **more):
    built = learner.build(learner.inputs(None, features), n_classes, len(seeds), torch.device("cpu"))
    return built, built.fit(torch.as_tensor(labelled), torch.as_tensor(gold), Streams(list(seeds), round), **more)


# --- a simulation


def test_each_round_of_a_simulation_is_scikit_learn_by_hand(corpus, x, never_dense):
    """Accuracies are exactly equal, and margin acquires the ids with the smallest margins, best first."""
    classifier, given = LogisticRegression(C=3), {"seed_size": 20, "query_size": 7, "rounds": 2, "full_data": False}
    curves = cal.simulate(
        corpus, ["margin"], learner=classifier, features=TfidfVectorizer(), seeds=[5], quiet=True, **given, **CPU
    )
    acquired, x_train, x_test = curves.acquired, *x
    labelled = set(acquired[acquired["round"] == 0].id)
    for round in range(3):
        rows = [row for row, i in enumerate(corpus.train.ids) if i in labelled]
        by_hand = seeded(classifier, 5, round).fit(x_train[rows], corpus.train.gold[rows])
        predicted = by_hand.predict(x_test)
        record = curves.rounds.query("round == @round").iloc[0]
        assert record.accuracy == accuracy_score(corpus.test.gold, predicted)
        assert record.macro_f1 == pytest.approx(f1_score(corpus.test.gold, predicted, average="macro"), abs=1e-12)
        pool = [row for row, i in enumerate(corpus.train.ids) if i not in labelled]
        probs = np.sort(by_hand.predict_proba(x_train[pool]), axis=1)
        best = np.argsort(probs[:, -1] - probs[:, -2])[:7]
        batch = acquired[acquired["round"] == round + 1].id.tolist()  # best first
        assert batch == [corpus.train.ids[pool[position]] for position in best][: len(batch)]
        labelled |= set(batch)
    assert len(labelled) == 20 + 7 + 7


def test_workers_and_other_strategies_change_nothing(corpus):
    def accuracies(strategies, workers):
        curves = cal.simulate(
            corpus,
            strategies,
            learner=RandomForestClassifier(n_estimators=5),
            features=TfidfVectorizer(),
            seeds=[5, 6],
            seed_size=20,
            query_size=10,
            rounds=1,
            device="cpu",
            workers=workers,
            quiet=True,
        )
        return curves.rounds.query("strategy == 'entropy'").accuracy.tolist()

    alone = accuracies(["entropy"], 1)
    assert accuracies(["random", "entropy"], 2) == alone
    assert len(set(alone)) > 1  # seeds differ


@pytest.mark.parametrize("strategy", ["averaged_margin", "epoch_disagreement"])
@pytest.mark.parametrize("classifier", [SGDClassifier(loss="log_loss"), GradientBoostingClassifier(n_estimators=3)])
def test_strategies_that_use_predictions_after_each_epoch_work(corpus, strategy, classifier):
    given = {"seeds": 1, "seed_size": 20, "query_size": 5, "rounds": 1, "full_data": False, "quiet": True, **CPU}
    curves = cal.simulate(corpus, [strategy], learner=classifier, n_epochs=3, features=TfidfVectorizer(), **given)
    assert len(curves.rounds) == 2


@pytest.mark.parametrize("vectoriser", [TfidfVectorizer(), make_pipeline(TfidfVectorizer(), TruncatedSVD(8))])
@pytest.mark.parametrize("strategy", ["cal", "badge", "coreset", "typiclust", "dal", "tidal"])
def test_strategies_that_use_vectors_work(corpus, strategy, vectoriser, never_dense):
    given = {"seeds": 1, "seed_size": 20, "query_size": 5, "rounds": 1, "full_data": False, "quiet": True, **CPU}
    curves = cal.simulate(corpus, [strategy], learner=LogisticRegression(), features=vectoriser, **given)
    assert len(curves.rounds) == 2


def test_a_strategy_that_does_not_say_that_it_uses_embeddings_is_told(corpus):
    def norms(pool):
        return pool.embeddings.norm(dim=-1)

    given = {"learner": LogisticRegression(), "seeds": 1, "seed_size": 20, "rounds": 1, "quiet": True, **CPU}
    assert len(cal.simulate(corpus, [norms], features="lsa", **given).rounds) == 2
    with pytest.raises(StrategyError, match="uses embeddings must declare it"):
        cal.simulate(corpus, [norms], features=TfidfVectorizer(), **given)


def test_embeddings_are_the_vectors_and_a_projection_of_sparse_ones(corpus, x):
    """Oracle: with every direction kept, products of projections are those of the vectors."""
    config, rows, gold = as_learner(LogisticRegression()), torch.arange(150)[None], corpus.train.gold[None]
    dense = as_features(make_pipeline(TfidfVectorizer(), TruncatedSVD(8))).compute(corpus)
    learner, _ = fitted(config, dense, rows, gold)
    assert torch.equal(learner.predict(rows).embeddings[0], torch.from_numpy(dense.train).float())
    assert torch.equal(learner.hidden(rows, -1), learner.inputs(rows))

    vectors = as_features(TfidfVectorizer()).compute(corpus)
    inputs = config.inputs(corpus, vectors, frozenset({"embeddings"}))
    projected = config.build(inputs, 3, 1, torch.device("cpu")).inputs(rows)[0].numpy()
    assert projected.shape == (150, 60)
    np.testing.assert_allclose(projected @ projected.T, (x[0] @ x[0].T).toarray(), rtol=0, atol=1e-5)
    assert config.inputs(corpus, vectors).vectors is None
    with pytest.raises(StrategyError, match=r"must declare it: needs = frozenset\({'embeddings'}\)"):
        config.build(config.inputs(corpus, vectors), 3, 1, torch.device("cpu")).inputs(rows)


def test_strategies_that_need_dropout_are_refused_before_anything_is_trained(corpus):
    with pytest.raises(ConfigError, match="strategy 'bald' needs dropout"):
        cal.simulate(corpus, ["bald"], learner=LogisticRegression(), features=TfidfVectorizer(), device="cpu")


def test_default_strategies_are_those_that_the_classifier_can_serve(caplog):
    request = SimulationRequest(learner=LogisticRegression(C=10), features=TfidfVectorizer(), device="cpu")
    assert list(request.acquisitions) == ["random", "least_confidence", "margin", "entropy", "dal", "cal"]
    assert "The default strategy 'bald' is left out: it needs dropout" in caplog.text


def test_a_request_says_which_classifier_and_vectoriser_it_was(corpus):
    data = SimulationRequest(learner=LogisticRegression(C=10), features=TfidfVectorizer(ngram_range=(1, 2))).as_data()
    assert data["learner"]["estimator"] == "LogisticRegression(C=10)"
    assert data["features"]["transformer"] == "TfidfVectorizer(ngram_range=[1, 2])"


def test_a_seed_set_by_vectors_needs_dense_ones(corpus):
    with pytest.raises(FeatureError, match="needs dense vectors"):
        cal.simulate(
            corpus,
            ["random"],
            learner=LogisticRegression(),
            features=TfidfVectorizer(),
            seed_set="kmeans",
            seed_size=20,
            quiet=True,
            **CPU,
        )


# --- dynamics


def test_passes_are_a_loop_of_partial_fit(corpus, x, never_dense):
    """The map of the whole train split, of three seeds."""
    classifier, gold = SGDClassifier(loss="log_loss", alpha=1e-3), corpus.train.gold
    trainings = [Training(seed, np.arange(150), gold) for seed in (1, 2)]
    learner = Scikit(classifier, n_epochs=4)
    trained = train_all(corpus, trainings, Setup(learner, as_features(TfidfVectorizer()), workers=1))
    for training, each in zip(trainings, trained, strict=True):
        by_hand = seeded(classifier, training.seed)
        for epoch in range(4):
            by_hand.partial_fit(x[0], gold, classes=np.arange(3))
            probs = by_hand.predict_proba(x[0])
            expected = torch.from_numpy(probs[np.arange(150), gold]).float()
            torch.testing.assert_close(each.dynamics.gold_prob[epoch], expected, rtol=1e-6, atol=1e-7)
            assert each.dynamics.predicted[epoch].tolist() == by_hand.predict(x[0]).tolist()
    assert not torch.equal(trained[0].dynamics.gold_prob, trained[1].dynamics.gold_prob)


@pytest.mark.parametrize(
    "ensemble",
    [
        GradientBoostingClassifier(n_estimators=4),
        HistGradientBoostingClassifier(max_iter=4),
        AdaBoostClassifier(n_estimators=4),
    ],
)
def test_stages_are_epochs(corpus, ensemble):
    dense = as_features(make_pipeline(TfidfVectorizer(), TruncatedSVD(8))).compute(corpus)
    gold, rows = corpus.train.gold, np.arange(100)
    seen = []
    config = Scikit(ensemble)
    learner = config.build(config.inputs(corpus, dense), 3, 1, torch.device("cpu"))
    dynamics = learner.fit(
        torch.from_numpy(rows)[None],
        torch.from_numpy(gold[rows])[None],
        Streams([7], 2),
        on_epoch_end=lambda epoch: seen.append(learner.predict(torch.arange(150)[None]).probs[0].numpy()),
    )
    by_hand = seeded(ensemble, 7, 2).fit(dense.train[rows], gold[rows])
    stages = list(by_hand.staged_predict_proba(dense.train))
    assert dynamics.n_epochs == len(stages) == 4
    for epoch, probs in enumerate(stages):
        np.testing.assert_allclose(seen[epoch], probs, rtol=0, atol=1e-12)
        np.testing.assert_allclose(dynamics.gold_prob[0, epoch], probs[rows, gold[rows]], rtol=0, atol=1e-6)
    np.testing.assert_allclose(learner.predict_split("test")[0].exp(), by_hand.predict_proba(dense.test), atol=1e-12)


def test_stages_that_early_stopping_leaves_out_repeat_the_last(corpus):
    ensemble = GradientBoostingClassifier(n_estimators=60, n_iter_no_change=1, validation_fraction=0.3)
    dense = as_features("lsa").compute(corpus)
    _, dynamics = fitted(Scikit(ensemble), dense, np.arange(150)[None], corpus.train.gold[None])
    assert dynamics.n_epochs == 60
    n_stages = seeded(ensemble, 7).fit(dense.train, corpus.train.gold).n_estimators_
    assert n_stages < 50
    assert torch.equal(dynamics.gold_prob[0, n_stages - 1 :], dynamics.gold_prob[0, -1:].expand(61 - n_stages, -1))
    assert not torch.equal(dynamics.gold_prob[0, n_stages - 2], dynamics.gold_prob[0, -1])


@pytest.mark.parametrize(
    ("classifier", "n_epochs", "expected"),
    [
        (LogisticRegression(), None, 1),
        (MultinomialNB(), None, 1),  # a second pass would count every document twice
        (MultinomialNB(), 3, 3),
        (SGDClassifier(loss="log_loss"), None, 30),
        (MLPClassifier(), 2, 2),
        (HistGradientBoostingClassifier(max_iter=7), None, 7),
        (make_pipeline(StandardScaler(with_mean=False), SGDClassifier(loss="log_loss")), None, 1),
        (RandomForestClassifier(), 1, 1),
    ],
)
def test_epochs_are_what_a_classifier_shows(classifier, n_epochs, expected):
    learner = Scikit(classifier, n_epochs=n_epochs)
    assert learner.n_epochs == expected
    assert as_learner(learner, n_epochs=expected).n_epochs == expected


@pytest.mark.parametrize(
    ("classifier", "n_epochs", "message"),
    [
        (LogisticRegression(), 10, r"n_epochs is 10, but LogisticRegression is fitted once\. Leave it out, or give"),
        (AdaBoostClassifier(n_estimators=4), 10, "n_epochs is 10, but AdaBoostClassifier trains in 4 stages"),
        (SGDClassifier(loss="log_loss"), 0, "n_epochs must be a whole number of at least 1"),
    ],
)
def test_epochs_that_a_classifier_does_not_have_are_refused(classifier, n_epochs, message):
    with pytest.raises(ConfigError, match=message):
        Scikit(classifier, n_epochs=n_epochs)


def test_held_out_probabilities_are_those_of_cross_validation(corpus, x, never_dense):
    """`cross_val_predict` with the same folds; that is what suspects rank by."""
    gold, classifier = corpus.train.gold, LogisticRegression(C=2)
    trainings = cross_validation(gold, 7, 4)
    setup = Setup(as_learner(classifier), as_features(TfidfVectorizer()), workers=1)
    trained = train_all(corpus, trainings, setup, ask=final_probs)
    probs = np.empty((150, 3), np.float32)
    for training, each in zip(trainings, trained, strict=True):
        probs[training.held_out] = each.answers["probs"]
    folds = [(training.rows, training.held_out) for training in trainings]
    expected = cross_val_predict(seeded(classifier, 7), x[0], gold, cv=folds, method="predict_proba")
    np.testing.assert_allclose(probs, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("strategy", ["margin"])
def test_runs_side_by_side_are_runs_alone(corpus, strategy):
    features = as_features(TfidfVectorizer()).compute(corpus)
    rng = np.random.default_rng(3)
    labelled = np.stack([rng.permutation(150)[:40] for _ in range(3)])
    gold = corpus.train.gold[labelled]
    learner = Scikit(SGDClassifier(loss="log_loss"), n_epochs=3)
    together, dynamics = fitted(learner, features, labelled, gold, seeds=[1, 2, 1])
    everything = torch.arange(150).expand(3, -1)
    for run, seed in enumerate([1, 2, 1]):
        alone, expected = fitted(learner, features, labelled[[run]], gold[[run]], seeds=[seed])
        assert torch.equal(dynamics.gold_prob[run], expected.gold_prob[0])
        assert torch.equal(together.predict(everything).logits[run], alone.predict(everything[:1]).logits[0])
        assert torch.equal(together.select([run]).predict_split("test"), alone.predict_split("test"))


def test_maps_suspects_audits_and_selections_take_the_same_learner(corpus, never_dense):
    given = {"learner": SGDClassifier(loss="log_loss"), "features": TfidfVectorizer(), "n_epochs": 3, "quiet": True}
    data_map = cal.map(corpus, seeds=2, **given, **CPU)
    assert data_map.n_epochs == 3
    held_out = cal.map(
        corpus, capture="out_of_fold", **given | {"learner": LogisticRegression(), "n_epochs": None}, **CPU
    )
    assert held_out.n_epochs == 1
    assert len(cal.select(data_map, recipe="ambiguous", fraction=0.3)) == 45


def test_suspects_and_audits_take_the_same_learner(corpus):
    given = {"learner": LogisticRegression(), "features": TfidfVectorizer(), "seeds": 1, "quiet": True, **CPU}
    assert len(cal.suspects(corpus, **given).to_frame()) == 150
    found = cal.audit(corpus, rates=[0.1], detectors=["confidence", "cv_self_confidence"], clean_by=[], **given)
    assert set(found.scores.detector) >= {"confidence", "cv_self_confidence"}


# --- labelled sets


@pytest.mark.parametrize(
    "classifier", [LogisticRegression(), SGDClassifier(loss="log_loss"), RandomForestClassifier(5)]
)
def test_a_class_without_labelled_documents_has_no_probability(corpus, classifier):
    features = as_features(TfidfVectorizer()).compute(corpus)
    rows = np.flatnonzero(corpus.train.gold != 1)[None]
    learner, _ = fitted(as_learner(classifier), features, rows, corpus.train.gold[rows])
    probs = learner.predict(torch.arange(150)[None]).probs[0]
    torch.testing.assert_close(probs.sum(-1), torch.ones(150, dtype=torch.float64))
    if not isinstance(classifier, SGDClassifier):  # one against the rest, and the rest may be everything
        assert float(probs[:, 1].max()) < 1e-37


@pytest.mark.parametrize(
    "classifier", [LogisticRegression(), SGDClassifier(loss="log_loss"), AdaBoostClassifier(n_estimators=2)]
)
def test_a_labelled_set_of_one_class_predicts_that_class(corpus, classifier):
    features = as_features(TfidfVectorizer()).compute(corpus)
    rows = np.flatnonzero(corpus.train.gold == 2)[None, :9]
    config = as_learner(classifier)
    learner, dynamics = fitted(config, features, rows, corpus.train.gold[rows])
    assert dynamics.gold_prob.shape == (1, config.n_epochs, 9)
    assert (dynamics.gold_prob == 1).all()
    assert (learner.predict_split("test").argmax(-1) == 2).all()


def test_what_a_classifier_raises_is_named(corpus):
    features = as_features(TfidfVectorizer()).compute(corpus)
    rows = np.array([[*np.flatnonzero(corpus.train.gold == 0)[:9], *np.flatnonzero(corpus.train.gold == 1)[:2]]])
    calibrated = as_learner(CalibratedClassifierCV(LinearSVC()))
    with pytest.raises(LearnerError, match=r"CalibratedClassifierCV failed on 11 documents: .*n_splits=5"):
        fitted(calibrated, features, rows, corpus.train.gold[rows])


@pytest.mark.parametrize(
    "classifier",
    [
        CalibratedClassifierCV(LinearSVC()),
        SGDClassifier(loss="log_loss"),
        StackingClassifier([("bayes", MultinomialNB())]),
        VotingClassifier([("bayes", MultinomialNB())], voting="soft"),
    ],
)
def test_what_is_advised_works(corpus, classifier):
    features = as_features(TfidfVectorizer()).compute(corpus)
    learner = as_learner(classifier)
    _, dynamics = fitted(learner, features, np.arange(150)[None], corpus.train.gold[None])
    assert dynamics.correct[0, -1].float().mean() > 0.5


def test_training_passes_cannot_be_recorded(corpus):
    features = as_features(TfidfVectorizer()).compute(corpus)
    with pytest.raises(ConfigError, match="Give capture=end or out_of_fold"):
        fitted(
            as_learner(LogisticRegression()),
            features,
            np.arange(9)[None],
            corpus.train.gold[None, :9],
            capture="during",
        )


# --- the choice of a learner


def test_a_learner_is_whatever_describes_one():
    assert as_learner("mlp") == as_learner(MLP()) == MLP()
    assert as_learner({"mlp": {"n_epochs": 3}}).n_epochs == as_learner("mlp", n_epochs=3).n_epochs == 3
    named = {"scikit": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 10}}}
    by_name, by_object = as_learner(named), as_learner(LogisticRegression(C=10))
    assert by_name._unfitted.get_params() == by_object._unfitted.get_params()
    with pytest.raises(ConfigError, match=r"MLP has no parameter model=x\. Leave it out"):
        as_learner("mlp", model="x")


def test_it_is_a_schema():
    assert OmegaConf.structured(Scikit)


def test_its_repr_is_one_line_and_whole():
    long = LogisticRegression(class_weight={number: float(number) for number in range(400)})
    assert "399: 399.0" in repr(Scikit(long))
    assert "\n" not in repr(Scikit(long))


def test_it_trains_on_cpus_only(corpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto", as_learner(LogisticRegression()).uses_gpu) == "cpu"
    with pytest.raises(ConfigError, match="trains on CPUs only"):
        resolve_device("cuda", uses_gpu=False)


@pytest.mark.parametrize(
    ("classifier", "features", "message"),
    [
        (GaussianNB(), TfidfVectorizer(), "GaussianNB needs dense vectors, and these are sparse, of 60 features"),
        (HistGradientBoostingClassifier(), CountVectorizer(), "HistGradientBoostingClassifier needs dense vectors"),
        (MultinomialNB(), make_pipeline(TfidfVectorizer(), TruncatedSVD(8)), "without negative numbers"),
        (LogisticRegression(), None, "features is null"),
    ],
)
def test_vectors_that_a_classifier_cannot_use_are_refused(corpus, classifier, features, message):
    vectors = features and as_features(features).compute(corpus)
    with pytest.raises(FeatureError, match=message):
        as_learner(classifier).inputs(corpus, vectors)


def test_perceptrons_need_dense_vectors(corpus):
    with pytest.raises(FeatureError, match="A perceptron needs dense vectors"):
        MLP().inputs(corpus, as_features(TfidfVectorizer()).compute(corpus))
    dense = as_features(make_pipeline(TfidfVectorizer(), TruncatedSVD(8))).compute(corpus)
    assert MLP().inputs(corpus, dense) is dense


# --- what it refuses


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LogisticRegression, r"is the class LogisticRegression, not an object of it\. Give LogisticRegression\(\)"),
        (Ridge(), "Ridge, which is not a classifier"),
        (KMeans(), "KMeans, which is not a classifier"),
        (StandardScaler(), "StandardScaler, which is not a classifier"),
        (
            LinearSVC(),
            r"LinearSVC, which has no predict_proba as it is set\. Wrap it, CalibratedClassifierCV",
        ),
        (SVC(), r"Wrap it, CalibratedClassifierCV\(SVC"),
        (
            [("tfidf", TfidfVectorizer())],
            "list, which is not an estimator of scikit-learn",
        ),
        (SGDClassifier(), r"Give SGDClassifier\(loss='log_loss'\)"),
        (3, "int, which is not an estimator"),
        ("sklearn.linear_model.LogistcRegression", "Cannot import"),
    ],
)
def test_what_is_no_classifier_with_probabilities_is_refused(estimator, message):
    with pytest.raises(ConfigError, match=message):
        Scikit(estimator)
