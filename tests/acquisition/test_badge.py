"""BADGE against k-means++ on gradients that are written out."""

import pytest
import torch

from cal.acquisition.badge import Badge

SEEDS = [5, 6, 5]
N, N_LABELLED, N_CLASSES, WIDTH = 40, 8, 3, 4


def make_pool(oracle_pool, scale=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, N, N_CLASSES, generator=generator) * scale
    embeddings = torch.relu(torch.randn(3, N, WIDTH, generator=generator)).to(dtype)
    return oracle_pool(logits, n_labelled=N_LABELLED, embeddings=embeddings, seeds=SEEDS)


def last_layer_gradient(logits, embedding):
    """By autograd: of the cross-entropy with the predicted class, by the weights of a layer that gives these logits."""
    weights = torch.zeros(N_CLASSES, WIDTH, dtype=torch.float64, requires_grad=True)
    output = logits.double() + weights @ embedding.double()
    torch.nn.functional.cross_entropy(output, output.argmax()).backward()
    return weights.grad.flatten()


def slow_d2(vectors, draws):
    chosen = [int(draws[0] * len(vectors))]
    for draw in draws[1:]:
        weights = torch.stack([(vectors - vectors[c]).square().sum(dim=1) for c in chosen]).amin(dim=0)
        shares = (weights / weights.sum()).cumsum(0)
        chosen.append(int((shares > draw).nonzero()[0]))
    return chosen


@pytest.mark.oracle("badge")
@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_badge_is_kmeans_plus_plus_on_the_gradients_of_autograd(oracle_pool, scale):
    pool = make_pool(oracle_pool, scale)
    selection = Badge().select(pool, 10)
    for run in range(3):
        order = pool.uniform("ties")[run].argsort()
        rows = zip(pool.logits[run][order], pool.embeddings[run][order], strict=True)
        gradients = torch.stack([last_layer_gradient(*row) for row in rows])  # (candidate, class * width)
        expected = slow_d2(gradients, pool.streams.uniform("k-means++", 10)[run].tolist())
        assert selection.positions[run].tolist() == order[expected].tolist()
    assert selection.scores.tolist() == [list(range(10, 0, -1))] * 3


def test_gradients_too_small_for_the_squares_of_float32_still_count(oracle_pool):
    """Errors around 1e-25; only one candidate has another gradient than the first, and so must be second."""
    logits = torch.tensor([[[0.0, 0.0]] + [[58.0, 0.0]] * 8])
    embeddings = torch.ones(1, 9, 2)
    for odd in range(1, 9):
        embeddings_of_odd = embeddings.clone()
        embeddings_of_odd[0, odd] = 3.0
        pool = oracle_pool(logits, n_labelled=1, embeddings=embeddings_of_odd)
        assert odd - 1 in Badge().select(pool, 2).positions[0].tolist()


def test_candidates_of_which_the_classifier_is_sure_are_hardly_ever_chosen(oracle_pool):
    logits = torch.zeros(1, N, 2)
    logits[0, N_LABELLED + 6 :, 0] = 12.0
    generator = torch.Generator().manual_seed(1)
    pool = oracle_pool(logits, n_labelled=N_LABELLED, embeddings=torch.rand(1, N, WIDTH, generator=generator))
    positions = Badge().select(pool, 7).positions[0]
    assert set(positions[1:6].tolist()) <= set(range(6))  # the first is drawn from all


def test_fewer_are_the_first_of_more(oracle_pool):
    pool = make_pool(oracle_pool)
    few, many = (Badge().select(pool, n).positions for n in (4, 20))
    assert torch.equal(few, many[:, :4])


def test_copies_of_long_embeddings_come_last(oracle_pool):
    """Distances far below the rounding error of squares; after one of each there are but copies."""
    embeddings = torch.cat([torch.full((1, 31, 1), 1e5), torch.randn(1, 31, 5, generator=torch.Generator())], dim=2)
    embeddings[0, 16:] = embeddings[0, 1:16]
    pool = oracle_pool(torch.tensor([1.0, 0.0]).expand(1, 31, 2), n_labelled=1, embeddings=embeddings)
    positions = Badge().select(pool, 30).positions[0]
    assert sorted((positions[:15] % 15).tolist()) == list(range(15))
