"""Distances against exact arithmetic."""

from fractions import Fraction

import pytest
import torch

from cal.acquisition.distances import CHUNK, distances_to_one, squared_distances, unit, unit_blocks


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e8])
@pytest.mark.parametrize("scale", [1e-3, 1.0])
def test_squared_distances_are_those_of_exact_arithmetic(offset, scale):
    x = offset + scale * torch.randn(9, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[3] = x[4]
    x[5] = -x[6]
    exact = [
        [float(sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(one, other, strict=True))) for other in x.tolist()]
        for one in x.tolist()
    ]
    torch.testing.assert_close(squared_distances(x, x), torch.tensor(exact, dtype=torch.float64), rtol=1e-9, atol=0)
    assert squared_distances(x, x)[3, 4] == 0


def test_no_vectors_have_no_distances():
    assert squared_distances(torch.zeros(3, 2), torch.zeros(0, 2)).shape == (3, 0)
    assert squared_distances(torch.zeros(0, 2), torch.zeros(3, 2)).shape == (0, 3)


def test_many_copies_are_compared_in_parts():
    x = torch.full((700, 3), 1e6)
    assert 700**2 > 2 * CHUNK * 64
    assert (squared_distances(x, x) == 0).all()


def test_vectors_of_extreme_length_have_a_direction():
    x = torch.tensor([[3e30, 4e30], [3e29, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(unit(x), torch.tensor([[0.6, 0.8], [1.0, 0.0], [0.0, 0.0]]).double())
    torch.testing.assert_close(unit(x * 1e-60), unit(x) * 0)  # float32 has no such numbers


@pytest.mark.parametrize("n", [0, 1, CHUNK + 9])
def test_vectors_of_length_1_are_the_same_some_at_a_time(n):
    x = torch.randn(n, 7, generator=torch.Generator().manual_seed(n))
    x[5:9], x[9:12] = 0.0, x[9:12] * 1e-9
    blocks = list(unit_blocks(x))
    assert torch.equal(torch.cat([x[:0].double(), *(vectors for _, vectors in blocks)]), unit(x))
    assert all(torch.equal(vectors, unit(x)[block]) for block, vectors in blocks)


def test_distances_to_one_are_those_of_a_copy_in_double_precision():
    x = torch.randn(CHUNK + 9, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(distances_to_one(x, 3, torch.float64), distances_to_one(x.double(), 3))
