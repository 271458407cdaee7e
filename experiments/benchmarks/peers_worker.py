"""One active-learning run by plain PyTorch, or by a library that people use today; prints one line of JSON.

    PYTHON peers_worker.py CONTESTANT STRATEGY FOLDER ROUNDS SEED

Run by `peers.py`, which fills the folder with vectors, gold labels and the seed set, and measures this process.
Needs nothing of cal. A contestant yields, after each training, the rows that are labelled and the classes that it
predicts for the test split.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

N_EPOCHS, BATCH_SIZE, LR, QUERY_SIZE = 30, 16, 1e-4, 50
N_HIDDEN, DROPOUT = 300, 0.3
DISCRIMINATOR_LR, THRESHOLD = 5e-5, 0.2
PREDICTED_AT_ONCE = 256

Rounds = Iterator[tuple[np.ndarray, np.ndarray]]


class Perceptron(nn.Module):
    """Three hidden layers of 300 with ReLU and dropout."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in in (n_features, N_HIDDEN, N_HIDDEN):
            layers += [nn.Linear(n_in, N_HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT)]
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(N_HIDDEN, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.hidden(x))


class Instances(Dataset):
    """Vectors and classes, one at a time."""

    def __init__(self, x: Tensor, gold: Tensor) -> None:
        self.x, self.gold = x, gold

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return self.x[row], self.gold[row]


def train(net: nn.Module, x: Tensor, gold: Tensor, lr: float = LR, dynamics: list[Tensor] | None = None) -> None:
    """Trains, and appends to `dynamics` the (instance, class) logits after each epoch."""
    loader = DataLoader(Instances(x, gold), batch_size=BATCH_SIZE, shuffle=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr)
    cross_entropy = nn.CrossEntropyLoss()
    for _ in range(N_EPOCHS):
        net.train()
        for x_batch, gold_batch in loader:
            optimizer.zero_grad()
            cross_entropy(net(x_batch), gold_batch).backward()
            optimizer.step()
        if dynamics is not None:
            dynamics.append(outputs(net, x))


def outputs(net: nn.Module, x: Tensor) -> Tensor:
    net.eval()
    with torch.no_grad():
        return torch.cat([net(batch) for batch in DataLoader(x, batch_size=PREDICTED_AT_ONCE)])


def pytorch(data: SimpleNamespace, strategy: str) -> Rounds:
    """As code published with papers is written, with the training dynamics recorded after each epoch."""
    x, x_test, gold = (torch.from_numpy(array) for array in (data.x_train, data.x_test, data.gold_train))
    labelled = torch.from_numpy(data.seed_set)
    while True:
        net = Perceptron(x.shape[1], data.n_classes)
        x_labelled, gold_labelled = x[labelled], gold[labelled]
        dynamics: list[Tensor] = []
        train(net, x_labelled, gold_labelled, dynamics=dynamics)
        yield labelled.numpy(), outputs(net, x_test).argmax(dim=1).numpy()
        candidates = torch.from_numpy(np.setdiff1d(np.arange(len(x)), labelled))
        if strategy == "entropy":
            scores = torch.special.entr(torch.softmax(outputs(net, x[candidates]), dim=1)).sum(dim=1)
        else:
            correct = torch.stack(dynamics).argmax(dim=2) == gold_labelled  # (epoch, instance)
            high = correct.float().mean(dim=0) > THRESHOLD
            scores = -(prob_high(net.hidden, x_labelled, high, x[candidates]) - 0.5).abs()
        labelled = torch.cat([labelled, candidates[scores.topk(QUERY_SIZE).indices]])


def prob_high(hidden: nn.Module, x: Tensor, high: Tensor, x_candidates: Tensor) -> Tensor:
    """P(high) of candidates by a discriminator on the last hidden layer."""
    discriminator = nn.Sequential(nn.Linear(N_HIDDEN, N_HIDDEN), nn.ReLU(), nn.Linear(N_HIDDEN, 2))
    train(discriminator, outputs(hidden, x), high.long(), lr=DISCRIMINATOR_LR)
    return torch.softmax(outputs(discriminator, outputs(hidden, x_candidates)), dim=1)[:, 1]


def small_text(data: SimpleNamespace, strategy: str) -> Rounds:
    from small_text import Classifier, PoolBasedActiveLearner, PredictionEntropy, SklearnDataset
    from small_text.classifiers.factories import AbstractClassifierFactory

    class Plain(Classifier):
        """The same perceptron and training as of plain PyTorch, without dynamics."""

        def fit(self, train_set, weights=None):
            self.net = Perceptron(train_set.x.shape[1], data.n_classes)
            train(self.net, torch.from_numpy(train_set.x), torch.from_numpy(train_set.y))
            return self

        def predict(self, data_set, return_proba=False):
            probs = self.predict_proba(data_set)
            return (probs.argmax(axis=1), probs) if return_proba else probs.argmax(axis=1)

        def predict_proba(self, data_set):
            return torch.softmax(outputs(self.net, torch.from_numpy(data_set.x)), dim=1).numpy()

    class Fresh(AbstractClassifierFactory):
        def new(self):
            return Plain()

    classes = np.arange(data.n_classes)
    pool = SklearnDataset(data.x_train, data.gold_train, target_labels=classes)
    test = SklearnDataset(data.x_test, data.gold_test, target_labels=classes)
    learner = PoolBasedActiveLearner(Fresh(), PredictionEntropy(), pool)
    learner.initialize_data(data.seed_set, data.gold_train[data.seed_set])
    while True:
        yield learner.indices_labeled, learner.classifier.predict(test)
        learner.update(data.gold_train[learner.query(num_samples=QUERY_SIZE)])


def scikit_activeml(data: SimpleNamespace, strategy: str) -> Rounds:
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import UncertaintySampling
    from skorch import NeuralNetClassifier

    net = NeuralNetClassifier(
        Perceptron,
        module__n_features=data.x_train.shape[1],
        module__n_classes=data.n_classes,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        lr=LR,
        batch_size=BATCH_SIZE,
        max_epochs=N_EPOCHS,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=PREDICTED_AT_ONCE,
        train_split=None,
        verbose=0,
    )
    # Not NaN, beside which classes would be floats: skorch cannot train on them, which scikit-activeml only warns of.
    unknown = -1
    classifier = SklearnClassifier(net, classes=np.arange(data.n_classes), missing_label=unknown)
    sampling = UncertaintySampling(method=strategy, missing_label=unknown, random_state=data.seed)
    known = np.full(len(data.x_train), unknown)
    known[data.seed_set] = data.gold_train[data.seed_set]
    while True:
        classifier.fit(data.x_train, known)
        yield np.flatnonzero(known != unknown), classifier.predict(data.x_test)
        rows = sampling.query(data.x_train, known, classifier, fit_clf=False, batch_size=QUERY_SIZE)
        known[rows] = data.gold_train[rows]


def baal(data: SimpleNamespace, strategy: str) -> Rounds:
    from baal import ActiveLearningDataset, ModelWrapper
    from baal.active import ActiveLearningLoop
    from baal.active.heuristics import Entropy
    from baal.modelwrapper import TrainingArgs

    x, x_test, gold, gold_test = (
        torch.from_numpy(array) for array in (data.x_train, data.x_test, data.gold_train, data.gold_test)
    )
    dataset = ActiveLearningDataset(Instances(x, gold), labelled=np.isin(np.arange(len(x)), data.seed_set))
    while True:
        net = Perceptron(x.shape[1], data.n_classes)
        wrapper = ModelWrapper(
            net,
            TrainingArgs(
                optimizer=torch.optim.AdamW(net.parameters(), lr=LR),
                batch_size=BATCH_SIZE,
                epoch=N_EPOCHS,
                use_cuda=False,
                workers=0,
                criterion=nn.CrossEntropyLoss(),
            ),
        )
        wrapper.train_on_dataset(dataset)
        wrapper.args.batch_size = PREDICTED_AT_ONCE
        predicted = wrapper.predict_on_dataset(Instances(x_test, gold_test), iterations=1, verbose=False)
        yield np.flatnonzero(dataset.labelled), predicted[..., 0].argmax(axis=1)
        once = {"iterations": 1, "verbose": False}
        ActiveLearningLoop(dataset, wrapper.predict_on_dataset, Entropy(), query_size=QUERY_SIZE, **once).step()


CONTESTANTS = {
    "pytorch": (pytorch, ["torch"]),
    "small_text": (small_text, ["small-text"]),
    "scikit_activeml": (scikit_activeml, ["scikit-activeml", "skorch"]),
    "baal": (baal, ["baal"]),
}


def work() -> None:
    name, strategy, folder, rounds, seed = sys.argv[1:]
    names = ("x_train", "x_test", "gold_train", "gold_test", "seed_set")
    data = SimpleNamespace(**{array: np.load(Path(folder) / f"{array}.npy") for array in names}, seed=int(seed))
    data.n_classes = int(data.gold_train.max()) + 1
    torch.manual_seed(data.seed)
    contestant, packages = CONTESTANTS[name]
    accuracy = []
    for round, (labelled, predicted) in zip(range(int(rounds) + 1), contestant(data, strategy), strict=False):
        n_labelled = len(data.seed_set) + round * QUERY_SIZE
        if len(labelled) != n_labelled or len(np.unique(labelled)) != n_labelled:
            sys.exit(f"{name} has {len(np.unique(labelled))} questions labelled in round {round}, not {n_labelled}.")
        accuracy.append(float((predicted == data.gold_test).mean()))
    acquired = len(np.setdiff1d(labelled, data.seed_set))
    by = ", ".join(f"{package} {version(package)}" for package in packages)
    print(json.dumps({"accuracy": accuracy, "acquired": acquired, "by": by}))


if __name__ == "__main__":
    work()
