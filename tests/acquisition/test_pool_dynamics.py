"""Strategies on the pool's own dynamics against loops over what was recorded."""

import itertools
from collections import Counter

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

from cal.acquisition.pool_dynamics import (
    AveragedEntropy,
    AveragedMargin,
    EpochDisagreement,
    LabelDispersion,
    LabelSwitches,
    Tidal,
)
from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.errors import ConfigError
from cal.streams import Streams

N_RUNS, N_EPOCHS, N, N_LABELLED, N_CLASSES = 2, 7, 30, 12, 3
SMALL = {"hidden": 8, "n_epochs": 6, "batch_size": 4, "lr": 1e-2}


@pytest.fixture
def logits():
    """(run, epoch, instance, class); the labelled instances come first."""
    return torch.randn(N_RUNS, N_EPOCHS, N, N_CLASSES, generator=torch.Generator().manual_seed(0)) * 2


@pytest.fixture
def probs(logits):
    return torch.softmax(logits.double(), dim=-1).numpy()


@pytest.fixture
def pool(oracle_pool, logits):
    embeddings = torch.relu(torch.randn(N_RUNS, N, 5, generator=torch.Generator().manual_seed(1)))
    pool = oracle_pool(logits[:, -1], n_labelled=N_LABELLED, embeddings=embeddings, seeds=[5, 6])
    pool._predictions = PredictionDynamics()
    for epoch in range(N_EPOCHS):
        pool._predictions.add(logits[:, epoch])
    return pool


def per_candidate(probs, function):
    """Scores from the (epoch, class) probabilities of each candidate of each run."""
    return torch.tensor(np.array([[function(run[:, i]) for i in range(N_LABELLED, N)] for run in probs]))


@pytest.mark.oracle("averaged_entropy")
def test_averaged_entropy_is_the_entropy_of_the_mean_over_epochs(pool, probs):
    expected = per_candidate(probs, lambda p: scipy.stats.entropy(p.mean(axis=0), base=2))
    torch.testing.assert_close(AveragedEntropy().score(pool), expected, rtol=0, atol=1e-12)


@pytest.mark.oracle("averaged_margin")
def test_averaged_margin_is_the_negated_margin_of_the_mean_over_epochs(pool, probs):
    expected = per_candidate(probs, lambda p: sorted(p.mean(axis=0))[-2] - sorted(p.mean(axis=0))[-1])
    torch.testing.assert_close(AveragedMargin().score(pool), expected, rtol=0, atol=1e-12)


@pytest.mark.oracle("epoch_disagreement")
def test_disagreement_is_the_share_of_epochs_that_predict_otherwise_than_the_last(pool, probs):
    expected = per_candidate(probs, lambda p: np.mean(p.argmax(axis=1) != p[-1].argmax()))
    assert len(expected.unique()) > 3
    torch.testing.assert_close(EpochDisagreement().score(pool), expected)


@pytest.mark.oracle("label_switches")
def test_switches_are_the_times_that_the_predicted_class_changed(pool, probs):
    def switches(p):
        classes = p.argmax(axis=1).tolist()
        return float(sum(before != after for before, after in itertools.pairwise(classes)))

    torch.testing.assert_close(LabelSwitches().score(pool), per_candidate(probs, switches))


@pytest.mark.oracle("label_dispersion")
def test_dispersion_is_the_share_of_epochs_that_predict_otherwise_than_most(pool, probs):
    expected = per_candidate(probs, lambda p: 1 - Counter(p.argmax(axis=1).tolist()).most_common(1)[0][1] / N_EPOCHS)
    assert len(expected.unique()) == 3
    torch.testing.assert_close(LabelDispersion().score(pool), expected)


def module(seed, x, target, x_pool):
    """The probabilities that a two-layer network predicts, trained by PyTorch's AdamW on shuffled batches."""
    streams = Streams([seed], 0)
    init, shuffle = streams.start("discriminator/init"), streams.start("discriminator/shuffle")
    net = nn.Sequential(nn.Linear(x.shape[1], SMALL["hidden"]), nn.ReLU(), nn.Linear(SMALL["hidden"], N_CLASSES))
    for layer in (net[0], net[2]):
        bound = layer.in_features**-0.5
        weight = init.uniform(*layer.weight.T.shape, dtype=torch.float32)[0]
        bias = init.uniform(1, *layer.bias.shape, dtype=torch.float32)[0, 0]
        layer.weight.data, layer.bias.data = ((weight * 2 - 1) * bound).T.clone(), (bias * 2 - 1) * bound
    optimiser = torch.optim.AdamW(net.parameters(), lr=SMALL["lr"])
    for _ in range(SMALL["n_epochs"]):
        for batch in shuffle.permutation(len(x))[0].split(SMALL["batch_size"]):
            optimiser.zero_grad()
            divergence = nn.functional.kl_div(
                torch.log_softmax(net(x[batch]), -1), target[batch], reduction="batchmean"
            )
            divergence.backward()
            optimiser.step()
    with torch.no_grad():
        return torch.softmax(net(x_pool).double(), dim=-1).numpy()


@pytest.mark.oracle("tidal")
@pytest.mark.parametrize("measure", ["entropy", "margin"])
def test_tidal_is_what_a_module_predicts_of_the_mean_over_epochs(pool, logits, probs, measure):
    expected = []
    for run, seed in enumerate([5, 6]):
        target = torch.from_numpy(probs[run, :, :N_LABELLED].mean(axis=0)).float()
        predicted = module(seed, pool.labelled_embeddings[run], target, pool.embeddings[run])
        if measure == "entropy":
            expected.append([scipy.stats.entropy(p, base=2) for p in predicted])
        else:
            classes = logits[run, -1, N_LABELLED:].argmax(dim=-1).tolist()
            expected.append([max(np.delete(p, c)) - p[c] for p, c in zip(predicted, classes, strict=True)])
    scores = Tidal(**SMALL, measure=measure).score(pool)
    assert (scores > 0).any()  # of a margin: the module and the classifier predict different classes
    torch.testing.assert_close(scores, torch.tensor(np.array(expected)), rtol=0, atol=1e-5)


def test_tidal_measures_entropy_or_margin():
    with pytest.raises(ConfigError, match="measure must be entropy or margin, not 'variance'"):
        Tidal(measure="variance")
