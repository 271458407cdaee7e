"""DAL and CAL against a re-statement in PyTorch's own modules, on the same draws."""

import pytest
import torch
from torch import nn

from cal.acquisition.cartography import Cal
from cal.acquisition.discriminative import Dal
from cal.errors import ConfigError
from cal.streams import Streams

SEEDS = [5, 6, 5]
SMALL = {"hidden": 8, "n_epochs": 6, "batch_size": 4, "lr": 1e-2}
N, N_LABELLED, WIDTH = 30, 12, 5


@pytest.fixture
def task():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(len(SEEDS), N, 3, generator=generator)
    embeddings = torch.relu(torch.randn(len(SEEDS), N, WIDTH, generator=generator))
    counts = torch.randint(0, 31, (len(SEEDS), N_LABELLED), generator=generator)
    return logits, embeddings, counts


def pool_of(oracle_pool, task, runs=(0, 1, 2), **changes):
    logits, embeddings, counts = (tensor[list(runs)] for tensor in task)
    given = {"n_labelled": N_LABELLED, "embeddings": embeddings, "counts": counts} | changes
    return oracle_pool(logits, seeds=[SEEDS[run] for run in runs], **given)


def discriminator(seed, x, positive, x_pool):
    """P(positive) of a two-layer classifier trained with AdamW on shuffled batches."""
    streams = Streams([seed], 0)
    init, shuffle = streams.start("discriminator/init"), streams.start("discriminator/shuffle")
    net = nn.Sequential(nn.Linear(x.shape[1], SMALL["hidden"]), nn.ReLU(), nn.Linear(SMALL["hidden"], 2))
    for layer in (net[0], net[2]):
        bound = layer.in_features**-0.5
        uniform = [
            init.uniform(*shape, dtype=torch.float32)[0] for shape in (layer.weight.T.shape, (1, *layer.bias.shape))
        ]
        layer.weight.data = ((uniform[0] * 2 - 1) * bound).T.clone()
        layer.bias.data = ((uniform[1] * 2 - 1) * bound)[0].clone()
    optimiser = torch.optim.AdamW(net.parameters(), lr=SMALL["lr"])
    for _ in range(SMALL["n_epochs"]):
        order = shuffle.permutation(len(x))[0]
        for batch in order.split(SMALL["batch_size"]):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), positive[batch].long()).backward()
            optimiser.step()
    with torch.no_grad():
        return torch.softmax(net(x_pool), dim=-1)[:, 1].double()


@pytest.mark.oracle("dal")
def test_dal_is_the_probability_of_being_unlabelled(oracle_pool, task):
    embeddings = task[1]
    unlabelled = torch.arange(N) >= N_LABELLED
    expected = [
        discriminator(seed, embeddings[run], unlabelled, embeddings[run, N_LABELLED:]) for run, seed in enumerate(SEEDS)
    ]
    scores = Dal(**SMALL).score(pool_of(oracle_pool, task))
    torch.testing.assert_close(scores, torch.stack(expected), rtol=0, atol=1e-5)


def test_dal_trains_against_a_random_part_of_a_large_pool(oracle_pool, task):
    embeddings = task[1]
    pool = pool_of(oracle_pool, task)
    expected = []
    for run, seed in enumerate(SEEDS):
        drawn = pool.uniform("unlabelled")[run].argsort()[:7]
        rows = torch.cat([pool.labelled[run], pool.candidates[run, drawn]]).sort().values
        x_pool = embeddings[run, N_LABELLED:]
        expected.append(discriminator(seed, embeddings[run, rows], rows >= N_LABELLED, x_pool))
    scores = Dal(**SMALL, max_unlabelled=7).score(pool)
    torch.testing.assert_close(scores, torch.stack(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("max_unlabelled", [N - N_LABELLED, 10_000])
def test_dal_trains_against_all_of_a_pool_that_is_not_large(oracle_pool, task, max_unlabelled):
    pool = pool_of(oracle_pool, task)
    everything = Dal(**SMALL, max_unlabelled=None).score(pool)
    assert torch.equal(Dal(**SMALL, max_unlabelled=max_unlabelled).score(pool), everything)


def test_dal_needs_some_of_the_pool():
    with pytest.raises(ConfigError, match="max_unlabelled must be a whole number of at least 1 or null, not 0"):
        Dal(max_unlabelled=0)


def test_dal_prefers_what_looks_unlabelled(oracle_pool, task):
    logits, embeddings, counts = task
    embeddings = embeddings.clone()
    embeddings[:, :20] = 0.0  # labelled instances, and the first eight candidates
    embeddings[:, 20:] = 3.0
    scores = Dal(**SMALL).score(pool_of(oracle_pool, (logits, embeddings, counts)))
    assert (scores[:, 8:].amin(dim=1) > scores[:, :8].amax(dim=1)).all()


@pytest.mark.oracle("cal")
@pytest.mark.parametrize("threshold", [0.2, 0.6])
def test_cal_is_the_distance_to_the_border_of_hard_to_learn(oracle_pool, task, threshold):
    _, embeddings, counts = task
    expected = []
    for run, seed in enumerate(SEEDS):
        high = torch.tensor([int(count) / 30 > threshold for count in counts[run]])
        prob_high = discriminator(seed, embeddings[run, :N_LABELLED], high, embeddings[run, N_LABELLED:])
        expected.append(-(prob_high - 0.5).abs())
    scores = Cal(**SMALL, threshold=threshold).score(pool_of(oracle_pool, task))
    torch.testing.assert_close(scores, torch.stack(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("make", [Dal, Cal])
@pytest.mark.parametrize("run", [0, 1, 2])
def test_a_run_of_a_stack_scores_as_alone_bit_for_bit(oracle_pool, task, make, run):
    strategy = make(**SMALL)
    together = strategy.score(pool_of(oracle_pool, task))
    assert torch.equal(together[run], strategy.score(pool_of(oracle_pool, task, runs=[run]))[0])


@pytest.mark.parametrize(("n_epochs", "threshold"), [(30, 0.2), (30, 0.6), (10, 0.4), (5, 0.8), (20, 0.2), (30, 0)])
def test_correctness_exactly_on_the_threshold_is_low(oracle_pool, task, n_epochs, threshold):
    """Half the labelled instances on the threshold, half one epoch above: two classes, so a border exists."""
    on = round(n_epochs * threshold)
    counts = torch.tensor([on, on + 1] * (N_LABELLED // 2)).repeat(3, 1)
    pool = pool_of(oracle_pool, task, counts=counts, n_epochs=n_epochs)
    Cal(**SMALL, threshold=threshold).score(pool)
    assert pool.notes == [[], [], []]
    pool = pool_of(oracle_pool, task, counts=torch.full_like(counts, on), n_epochs=n_epochs)
    Cal(**SMALL, threshold=threshold).score(pool)
    assert [len(notes) for notes in pool.notes] == [1, 1, 1]


@pytest.mark.parametrize("count", [0, 30], ids=["all low", "all high"])
def test_without_a_border_cal_ranks_by_least_confidence(oracle_pool, task, count):
    pool = pool_of(oracle_pool, task, counts=torch.full((3, N_LABELLED), count))
    expected = 1 - torch.softmax(task[0][:, N_LABELLED:].double(), dim=-1).amax(dim=-1)
    torch.testing.assert_close(Cal(**SMALL).score(pool), expected, rtol=0, atol=1e-12)
    assert all("least confidence" in note for (note,) in pool.notes)


@pytest.mark.parametrize("count", [0, 30], ids=["all low", "all high"])
def test_a_run_without_a_border_changes_no_other_run(oracle_pool, task, count):
    counts = task[2].clone()
    counts[1] = count
    pool = pool_of(oracle_pool, task, counts=counts)
    scores = Cal(**SMALL).score(pool)
    assert [len(notes) for notes in pool.notes] == [0, 1, 0]
    assert torch.equal(scores[[0, 2]], Cal(**SMALL).score(pool_of(oracle_pool, task))[[0, 2]])
    expected = 1 - torch.softmax(task[0][1, N_LABELLED:].double(), dim=-1).amax(dim=-1)
    torch.testing.assert_close(scores[1], expected, rtol=0, atol=1e-12)


def test_without_a_hidden_layer_a_discriminator_is_linear(oracle_pool, task):
    pool = pool_of(oracle_pool, task)
    net = Cal(**{**SMALL, "hidden": None}).trained(pool, pool.labelled_embeddings, pool.gold, 2)
    assert net.widths == (WIDTH, 2)
    assert Cal(**{**SMALL, "hidden": None}).score(pool).shape == pool.candidates.shape


@pytest.mark.parametrize("make", [Dal, Cal])
def test_everything_wrong_with_a_discriminator_is_said_at_once(make):
    with pytest.raises(ConfigError) as caught:
        make(hidden=0, n_epochs=0, batch_size=0, lr=0)
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("threshold", [-0.1, 1.0, 20])
def test_a_threshold_is_a_fraction_of_epochs(threshold):
    with pytest.raises(ConfigError, match="threshold must be a number of at least 0 and below 1"):
        Cal(threshold=threshold)


def test_defaults_are_the_papers():
    assert (Cal().hidden, Cal().n_epochs, Cal().lr, Cal().threshold) == (300, 30, 5e-5, 0.2)
    assert (Dal().hidden, Dal().n_epochs, Dal().lr) == (300, 30, 5e-5)
