"""Class weights against scikit-learn's, PyTorch's weighted loss and autograd, and copies of rare documents."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

import cal
from cal.data.features import Features
from cal.errors import ConfigError
from cal.learners import backprop
from cal.learners.class_weights import balanced_weights, instance_weights
from cal.learners.mlp import MLP, SmallMLP
from cal.learners.nn import StackedMLP
from cal.learners.scikit import Scikit, ScikitInputs
from cal.learners.transformer import Transformer
from cal.streams import Streams, stream

N_TRAIN, N_CLASSES = 60, 4
_rng = np.random.default_rng(0)
X_TRAIN, X_TEST = (_rng.normal(size=(n, 6)).astype(np.float32) for n in (N_TRAIN, 11))
FEATURES = Features(X_TRAIN, X_TEST)
GOLD = torch.from_numpy(_rng.choice(N_CLASSES, N_TRAIN, p=[0.6, 0.3, 0.1, 0]))
LABELLED = torch.stack([torch.from_numpy(_rng.permutation(N_TRAIN)[:23]) for _ in range(3)])
SEEDS = [3, 8, 3]
PLAIN = {"hidden": [8, 5], "dropout": 0.0, "n_epochs": 3, "batch_size": 6, "lr": 1e-2}


def fitted(config, rows=(0, 1, 2), gold=GOLD, labelled=LABELLED):
    rows = list(rows)
    learner = config.build(FEATURES, N_CLASSES, len(rows), torch.device("cpu"))
    dynamics = learner.fit(labelled[rows], gold[labelled[rows]], Streams([SEEDS[row] for row in rows], 1))
    return learner, dynamics


# --- the weights


@pytest.mark.parametrize("seed", range(5))
def test_balanced_weights_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    gold = rng.choice(7, (3, 40), p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05, 0])
    given = balanced_weights(torch.from_numpy(gold), 7).numpy()
    for run, classes in enumerate(gold):
        present = np.unique(classes)
        expected = np.zeros(7)
        expected[present] = compute_class_weight("balanced", classes=present, y=classes)
        np.testing.assert_allclose(given[run], expected, rtol=1e-15)


def test_all_classes_that_occur_count_the_same_and_the_mean_is_1():
    weights = instance_weights("balanced", GOLD[LABELLED], N_CLASSES)
    assert weights.mean(dim=1).numpy() == pytest.approx(1)
    for run, gold in enumerate(GOLD[LABELLED]):
        sums = [weights[run, gold == label].sum().item() for label in gold.unique()]
        assert sums == pytest.approx([23 / len(sums)] * len(sums))


# --- perceptrons


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("n_runs", [1, 3])
def test_gradients_are_those_of_torchs_weighted_loss(n_runs, dropout):
    widths, n = [5, 7, 6, N_CLASSES], 9
    net = StackedMLP(n_runs, widths, dropout, dtype=torch.float64)
    net.initialise(Streams(range(n_runs), 0), "net")
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n_runs, n, 5, generator=generator, dtype=torch.float64)
    gold = torch.randint(0, N_CLASSES, (n_runs, n), generator=generator)
    of_class = torch.rand(n_runs, N_CLASSES, generator=generator, dtype=torch.float64) + 0.1
    kept = Streams(range(n_runs), 0).start("kept").keep(1 - dropout, n, 13) if dropout else None
    flat = net.flat.clone().requires_grad_()
    weights, biases = net.views(flat)
    h = x
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        h = h @ weight + bias
        if layer < 2:
            mask = 1 if kept is None else kept.split([7, 6], dim=-1)[layer].double() / (1 - dropout)
            h = torch.relu(h) * mask
    sum(nn.CrossEntropyLoss(weight=of_class[run])(h[run], gold[run]) for run in range(n_runs)).backward()
    batch = backprop.Backprop(net, net.flat, torch.zeros_like(net.flat), n)
    batch.weights = torch.empty(n_runs, n, 1, dtype=torch.float64)
    for _ in range(2):  # again, into tensors that are not empty any more
        batch.x.copy_(x)
        batch.target.copy_(nn.functional.one_hot(gold, N_CLASSES))
        batch.weights.copy_(of_class.gather(1, gold).unsqueeze(-1))
        batch.gradients(kept)
    grads = torch.cat([each.flatten(1) for pair in batch._grads for each in pair], dim=1)
    used = [each.flatten(1) for pair in zip(*net.views(flat.grad), strict=True) for each in pair]
    torch.testing.assert_close(grads, torch.cat(used, dim=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_training_is_a_plain_loop_with_the_weights_of_its_own_labels(dropout):
    """PyTorch's loss and AdamW, run by run and step by step; runs side by side weigh their classes differently."""
    config = MLP(**PLAIN | {"dropout": dropout}, class_weights="balanced")
    learner, _ = fitted(config)
    weights_of_runs = []
    for run, seed in enumerate(SEEDS):
        streams = Streams([seed], 1)
        net = StackedMLP(1, [6, 8, 5, N_CLASSES])
        net.initialise(streams, "classifier")
        parameters = [
            each.clone().requires_grad_() for pair in zip(net.weights, net.biases, strict=True) for each in pair
        ]
        x, gold = torch.from_numpy(X_TRAIN)[LABELLED[run]], GOLD[LABELLED[run]]
        present = np.unique(gold)
        of_class = torch.zeros(N_CLASSES)
        of_class[present] = torch.from_numpy(compute_class_weight("balanced", classes=present, y=gold.numpy())).float()
        weights_of_runs.append(of_class)
        optimizer = torch.optim.AdamW(parameters, lr=1e-2, weight_decay=0.01)
        shuffle, drops = streams.start("classifier/shuffle"), streams.start("classifier/dropout")
        for _ in range(config.n_epochs):
            order = shuffle.permutation(23)[0]
            kept = drops.keep(1 - dropout, 23, 13)[0] if dropout else None
            for start in range(0, 23, 6):
                at, h = order[start : start + 6], None
                h = x[at]
                for layer in range(3):
                    h = h @ parameters[2 * layer][0] + parameters[2 * layer + 1][0]
                    if layer < 2:
                        h = torch.relu(h)
                        if kept is not None:  # masks are those of places in the epoch
                            h = h * kept[start : start + 6].split([8, 5], dim=-1)[layer] / (1 - dropout)
                optimizer.zero_grad()
                nn.CrossEntropyLoss(weight=of_class)(h, gold[at]).backward()
                optimizer.step()
        for layer in range(3):
            torch.testing.assert_close(learner.net.weights[layer][run], parameters[2 * layer][0], rtol=0, atol=2e-6)
    assert not torch.equal(weights_of_runs[0], weights_of_runs[1])


@pytest.mark.parametrize("kind", [MLP, SmallMLP])
def test_a_run_of_a_stack_is_that_run_alone(kind):
    config = kind(hidden=[8], n_epochs=3, lr=1e-2, class_weights="balanced")
    together, whole = fitted(config)
    for row in range(3):
        alone, dynamics = fitted(config, [row])
        assert torch.equal(together.net.flat[row], alone.net.flat[0])
        assert torch.equal(whole.margin[row], dynamics.margin[0])


def test_weights_that_are_all_1_change_no_bit():
    gold = torch.arange(N_TRAIN) % 3
    labelled = torch.stack([torch.arange(21), torch.arange(21) + 30])
    usual, weighted = (fitted(MLP(**PLAIN, class_weights=w), [0, 1], gold, labelled)[0] for w in (None, "balanced"))
    assert torch.equal(usual.net.flat, weighted.net.flat)


def test_weights_are_of_what_is_labelled_and_not_of_what_is_held_out():
    config = MLP(**PLAIN, class_weights="balanced")
    learner = config.build(FEATURES, N_CLASSES, 1, torch.device("cpu"))
    held_out = torch.tensor([[row for row in range(N_TRAIN) if row not in LABELLED[0]]])
    learner.fit(
        LABELLED[:1], GOLD[LABELLED[:1]], Streams([3], 1), capture="out_of_fold", held_out=(held_out, GOLD[held_out])
    )
    assert torch.equal(learner.net.flat, fitted(config, [0])[0].net.flat)


def test_copies_of_rare_documents_are_weights():
    """One step on all of them: k copies of a class are a weight of k."""
    rare, k = 2, 3
    rows = torch.arange(N_TRAIN)
    copied = torch.cat([rows, *[rows[rare == GOLD]] * (k - 1)])
    flats = []
    for instances, weights in ((copied, None), (rows, torch.where(rare == GOLD, float(k), 1.0)[None])):
        net = StackedMLP(1, [6, 8, N_CLASSES], dtype=torch.float64)
        net.initialise(Streams([1], 0), "net")
        x, gold = torch.from_numpy(X_TRAIN).double()[instances][None], GOLD[instances][None]
        how = {"purpose": "net", "n_epochs": 5, "batch_size": 500, "lr": 1e-2}
        backprop.fit(net, x, gold, Streams([1], 0), weights=weights, **how)
        flats.append(net.flat)
    torch.testing.assert_close(*flats, rtol=0, atol=1e-9)


# --- a fine-tuned encoder; the plain loop is in test_finetune.py


def test_bf16_and_weights_go_together(make_learner, corpus):
    rows = torch.tensor([[row for row in range(40) if row % 3 == 0 or row < 12]])
    gold = torch.from_numpy(corpus.train.gold)[rows]
    exact, rounded = (
        make_learner(corpus, precision=p, class_weights="balanced").fit(rows, gold, Streams([3], 1))
        for p in ("float32", "bf16")
    )
    assert rounded.loss.isfinite().all()
    assert (exact.loss - rounded.loss).abs().mean() < 0.2


# --- scikit-learn


def of_scikit(estimator, **given):
    learner = Scikit(estimator, **given).build(ScikitInputs(FEATURES, None), N_CLASSES, 1, torch.device("cpu"))
    rows = LABELLED[:1]
    learner.fit(rows, GOLD[rows], Streams([3], 1))
    return learner.predict_split("test")[0].softmax(dim=-1).numpy()


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RandomForestClassifier(n_estimators=5, bootstrap=False),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_classifier_learns_as_with_class_weights_of_its_own(estimator):
    last = "logisticregression__" if hasattr(estimator, "steps") else ""
    own = clone(estimator).set_params(**{f"{last}class_weight": "balanced"})
    given = of_scikit(estimator, class_weights="balanced")
    np.testing.assert_allclose(given, of_scikit(own), atol=1e-4)
    assert np.abs(given - of_scikit(estimator)).max() > 0.01


@pytest.mark.parametrize(
    "estimator",
    [SGDClassifier(loss="log_loss"), MLPClassifier([4]), GradientBoostingClassifier(n_estimators=3)],
    ids=lambda each: type(each).__name__,
)
def test_passes_and_stages_are_weighted(estimator):
    rows = LABELLED[0]
    x, gold = X_TRAIN[rows], GOLD[rows].numpy()
    weights = instance_weights("balanced", GOLD[rows][None], N_CLASSES)[0].numpy()
    seed = int(torch.randint(2**31 - 1, (1,), generator=stream(3, "classifier/init", 1)))
    by_hand = clone(estimator).set_params(random_state=seed)
    if hasattr(by_hand, "partial_fit"):
        for _ in range(4):
            by_hand.partial_fit(x, gold, classes=np.arange(N_CLASSES), sample_weight=weights)
    else:
        by_hand.fit(x, gold, sample_weight=weights)
    expected = np.zeros((len(X_TEST), N_CLASSES))
    expected[:, by_hand.classes_] = by_hand.predict_proba(X_TEST)
    n_epochs = {"n_epochs": 4} if hasattr(by_hand, "partial_fit") else {}
    given = of_scikit(estimator, class_weights="balanced", **n_epochs)
    np.testing.assert_allclose(given, expected, atol=1e-6)
    assert np.abs(given - of_scikit(estimator, **n_epochs)).max() > 1e-3


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (KNeighborsClassifier(), "KNeighborsClassifier takes no sample_weight"),
        (CalibratedClassifierCV(KNeighborsClassifier()), "a classifier within that takes none"),
        (CalibratedClassifierCV(make_pipeline(StandardScaler(), LinearSVC())), "a classifier within that takes none"),
        (LogisticRegression(class_weight="balanced"), "class_weight='balanced' of its own, and the two would multiply"),
        (CalibratedClassifierCV(LinearSVC(class_weight={0: 2})), "estimator__class_weight={0: 2} of its own"),
    ],
    ids=["neighbours", "calibrated", "pipeline", "own", "own within"],
)
def test_a_classifier_that_cannot_be_weighted_is_refused(estimator, message):
    with pytest.raises(ConfigError) as caught:
        Scikit(estimator, class_weights="balanced")
    assert message in str(caught.value)
    Scikit(estimator)  # as it was


def test_a_labelled_set_of_one_class_needs_no_weights():
    learner = Scikit(class_weights="balanced").build(ScikitInputs(FEATURES, None), N_CLASSES, 1, torch.device("cpu"))
    rows = torch.arange(5)[None]
    learner.fit(rows, torch.zeros(1, 5, dtype=torch.long), Streams([3], 1))
    assert learner.predict_split("test")[0].argmax(dim=-1).tolist() == [0] * len(X_TEST)


# --- as users say it


@pytest.mark.parametrize("learner", [MLP, SmallMLP, Scikit, Transformer])
def test_weights_that_are_unknown_are_refused(learner):
    for given in ("balance", {"a": 2}, True):
        with pytest.raises(ConfigError, match="class_weights must be balanced or null, not "):
            learner(class_weights=given)


# Whatever a classifier is: where vectors say nothing, it says how often classes count.
SILENT = [
    MLP(hidden=[4], dropout=0.0, n_epochs=300, batch_size=500, lr=3e-2, weight_decay=0.0),
    Scikit(LogisticRegression(C=1e6)),
]


@pytest.mark.parametrize("config", SILENT, ids=["mlp", "scikit"])
@pytest.mark.parametrize("weights", [None, "balanced"])
def test_where_vectors_say_nothing_the_weights_are_what_is_learnt(config, weights):
    config = replace(config, class_weights=weights)
    vectors, gold = np.zeros((40, 3), np.float32), torch.tensor([[0] * 28 + [1] * 8 + [2] * 4])
    features = Features(vectors, vectors[:1])
    learner = config.build(config.inputs(None, features), 3, 1, torch.device("cpu"))
    learner.fit(torch.arange(40)[None], gold, Streams([3], 1))
    probs = learner.predict_split("test")[0, 0].softmax(dim=-1)
    expected = [0.7, 0.2, 0.1] if weights is None else [1 / 3] * 3
    assert probs.numpy() == pytest.approx(expected, abs=0.01)


@pytest.fixture(scope="module")
def questions():
    """Thirty questions of which four are of a rare class."""
    gold = np.array([0] * 16 + [1] * 10 + [2] * 4)
    words = np.random.default_rng(0).choice(["who", "where", "when", "how", "far", "old"], (42, 4))
    texts = [" ".join(each) for each in words]
    train = cal.Split([f"a{i}" for i in range(30)], texts[:30], gold, "train")
    test = cal.Split([f"t{i}" for i in range(12)], texts[30:], np.arange(12) % 3, "test")
    return cal.Corpus(train, test, ["number", "person", "place"])


def simulated(corpus, **given):
    few = {"seeds": 1, "seed_size": 10, "query_size": 5, "rounds": 1}
    return cal.simulate(corpus, ["random"], **few, **given).rounds.drop(columns=["seconds_fit"], errors="ignore")[
        ["confidence", "variability"]
    ]


def told(corpus, learner, **_):
    live = cal.ActiveLearner(corpus, learner=learner, features="lsa", device="cpu", test_share=0)
    gold = dict(zip(corpus.train.ids, corpus.train.gold, strict=True))
    live.tell({each: corpus.label_names[gold[each]] for each in live.ask(12)})
    live.ask(5)
    return live.data_map.to_frame()[["confidence", "variability"]]


@pytest.mark.parametrize(
    "command",
    [
        simulated,
        lambda corpus, **given: cal.map(corpus, **given).to_frame()[["confidence", "variability"]],
        lambda corpus, **given: cal.suspects(corpus, seeds=1, by="confidence", **given).to_frame()[["score"]],
        told,
    ],
    ids=["simulate", "map", "suspects", "ActiveLearner"],
)
def test_every_command_that_trains_takes_them(questions, command):
    given = {"features": "lsa", "device": "cpu", "workers": 1, "quiet": True}
    usual, weighted = (
        command(
            questions, learner={"mlp": {"hidden": [8], "n_epochs": 3, "lr": 1e-2, "class_weights": weights}}, **given
        )
        for weights in (None, "balanced")
    )
    assert len(usual) == len(weighted)
    assert not np.allclose(usual.to_numpy(), weighted.to_numpy())
