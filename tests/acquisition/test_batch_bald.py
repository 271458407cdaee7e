"""BatchBALD against joint entropies by enumeration of all labels of a batch."""

import itertools

import numpy as np
import pytest
import scipy.stats
import torch

from cal.acquisition.bald import Bald
from cal.acquisition.batch_bald import BatchBald
from cal.errors import ConfigError
from cal.streams import Streams

N_RUNS, N_SAMPLES, N, N_CLASSES = 2, 5, 9, 3


def random_samples(n_runs=N_RUNS, n_samples=N_SAMPLES, n=N, n_classes=N_CLASSES, scale=2.0):
    """(run, sample, instance, class) probabilities; the first instance is labelled."""
    logits = torch.randn(n_runs, n_samples, n + 1, n_classes, generator=torch.Generator().manual_seed(n)) * scale
    return torch.softmax(logits.double(), dim=-1)


def pool_of(oracle_pool, samples, runs=None):
    runs = list(range(len(samples)) if runs is None else runs)
    return oracle_pool(torch.zeros(len(runs), samples.shape[2], 2), n_labelled=1, samples=samples[runs], seeds=runs)


def information(probs, batch):
    """I(labels of a batch; network) in bits, of (sample, candidate, class) probabilities."""
    labels = itertools.product(range(probs.shape[2]), repeat=len(batch))
    joint = np.array(
        [np.prod([probs[:, i, y] for i, y in zip(batch, labelling, strict=True)], axis=0) for labelling in labels]
    )
    return scipy.stats.entropy(joint.mean(axis=1), base=2) - scipy.stats.entropy(joint, base=2, axis=0).mean()


def greedy(probs, n):
    """The batch, and its information after each choice."""
    batch, reached = [], []
    for _ in range(n):
        gains = {i: information(probs, [*batch, i]) for i in range(probs.shape[1]) if i not in batch}
        batch.append(max(gains, key=gains.get))
        reached.append(gains[batch[-1]])
    return batch, reached


@pytest.mark.oracle("batch_bald")
def test_it_gathers_information_greedily(oracle_pool, monkeypatch):
    monkeypatch.setattr("cal.acquisition.batch_bald._CHUNK", 2)
    samples = random_samples()
    chosen = BatchBald(N_SAMPLES).select(pool_of(oracle_pool, samples), 5)
    for run in range(N_RUNS):
        batch, reached = greedy(samples[run, :, 1:].numpy(), 5)
        assert chosen.positions[run].tolist() == batch
        np.testing.assert_allclose(chosen.scores[run].cumsum(0), reached, atol=1e-8)


def test_many_classes_are_gathered_in_tiles(oracle_pool, monkeypatch):
    """Forty classes, three labels: all 64,000 configurations, a few of them and of their labels at a time."""
    monkeypatch.setattr("cal.acquisition.batch_bald._TILE", {"cpu": (7, 90)})
    samples = random_samples(n_runs=1, n_samples=20, n=6, n_classes=40)
    chosen = BatchBald(20, n_configurations=40**3).select(pool_of(oracle_pool, samples), 3)
    batch, reached = greedy(samples[0, :, 1:].numpy(), 3)
    assert chosen.positions[0].tolist() == batch
    np.testing.assert_allclose(chosen.scores[0].cumsum(0), reached, atol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 30, 200])
def test_single_precision_decides_nothing(oracle_pool, monkeypatch, n_classes):
    """A batch of sampled configurations, with copies, is that of gains in double precision."""
    samples = random_samples(n_samples=20, n=200, n_classes=n_classes, scale=1.0)
    samples[:, :, 100:150] = samples[:, :, 150:200]
    fast = BatchBald(20, n_configurations=50).select(pool_of(oracle_pool, samples), 15)
    monkeypatch.setattr("cal.acquisition.batch_bald._SLACK", np.inf)
    slow = BatchBald(20, n_configurations=50).select(pool_of(oracle_pool, samples), 15)
    assert torch.equal(fast.positions, slow.positions)
    assert torch.equal(fast.scores, slow.scores)


def test_the_first_is_that_of_bald(oracle_pool):
    pool = pool_of(oracle_pool, random_samples(n=300))
    first, bald = BatchBald(N_SAMPLES).select(pool, 1), Bald(N_SAMPLES).select(pool, 1)
    assert torch.equal(first.positions, bald.positions)
    torch.testing.assert_close(first.scores, bald.scores, rtol=0, atol=1e-9)


def test_a_twin_is_left_for_what_is_new(oracle_pool):
    """Three networks; two candidates tell the first from the others, a third one less surely the second."""
    sure, other = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [[0.5, 0.5], [0.95, 0.05], [0.05, 0.95]]
    samples = torch.tensor([sure, sure, sure, other], dtype=torch.float64).transpose(0, 1).unsqueeze(0)
    pool = pool_of(oracle_pool, samples)
    assert set(Bald(3).select(pool, 2).positions[0].tolist()) == {0, 1}
    chosen = BatchBald(3).select(pool, 3)
    assert chosen.positions[0, 1].item() == 2
    assert chosen.scores[0, 2].item() == pytest.approx(0)  # nothing is left to be told


@pytest.mark.parametrize("draws", range(4))
def test_drawn_configurations_come_near_all_of_them(oracle_pool, draws):
    """What the batch chosen by 300 configurations tells, by enumeration of 3^6, against the best greedy batch."""
    samples = random_samples(n_runs=4, n_samples=20, n=12)
    chosen = BatchBald(20, n_configurations=300).select(pool_of(oracle_pool, samples, runs=[draws]), 7)
    probs = samples[draws, :, 1:].numpy()
    exact = information(probs, chosen.positions[0].tolist())
    assert chosen.scores[0].sum().item() == pytest.approx(exact, abs=0.1)
    assert exact > 0.97 * greedy(probs, 7)[1][-1]


def test_drawn_configurations_favour_no_network():
    """However many labels they have, the networks' probabilities, averaged over configurations, stay equal."""
    n_samples, strategy = 10, BatchBald(n_configurations=2000)
    weights = torch.ones(1, dtype=torch.float64)
    posterior = torch.full((1, n_samples), 1 / n_samples, dtype=torch.float64)
    draws = Streams([0], 0).start("batch_bald")
    for candidate in random_samples(1, n_samples, n=20, scale=0.5)[0].unbind(dim=1):
        weights, posterior = strategy._extended(weights, posterior, candidate, draws)
    assert len(weights) == 2000
    mean = (weights.unsqueeze(1) * posterior).sum(dim=0)
    assert posterior.amax(dim=1).mean() > 0.3  # each configuration tells which network is likely
    torch.testing.assert_close(mean, torch.full((n_samples,), 0.1).double(), rtol=0, atol=0.01)


def test_what_is_impossible_is_finite(oracle_pool):
    samples = torch.nn.functional.one_hot(random_samples(n_samples=4).argmax(dim=-1), N_CLASSES).double()
    for n_configurations in (2, 1000):
        chosen = BatchBald(4, n_configurations).select(pool_of(oracle_pool, samples), N)
        assert torch.isfinite(chosen.scores).all()
        assert torch.equal(chosen.positions.sort(dim=1).values, torch.arange(N).expand(N_RUNS, N))


def test_everything_wrong_is_said_at_once():
    with pytest.raises(ConfigError) as caught:
        BatchBald(n_samples=0, n_configurations=0)
    assert len(caught.value.problems) == 2
