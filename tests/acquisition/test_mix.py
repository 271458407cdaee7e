from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cal.acquisition.bald import Bald
from cal.acquisition.base import Acquisition
from cal.acquisition.mix import Mix
from cal.acquisition.pool import Batch
from cal.acquisition.spec import Function, make_strategies
from cal.acquisition.uncertainty import Entropy, LeastConfidence


def largest_remainder(shares, n):
    """In exact arithmetic."""
    exact = [Fraction(n) * Fraction(share) / sum(map(Fraction, shares)) for share in shares]
    counts = [int(value) for value in exact]
    for part in sorted(range(len(shares)), key=lambda part: (counts[part] - exact[part], part))[: n - sum(counts)]:
        counts[part] += 1
    return counts


@given(st.lists(st.integers(1, 64), min_size=2, max_size=6), st.integers(0, 200))
def test_counts_are_shares_by_largest_remainder(shares, n):
    counts = Mix.counts(shares, n)
    assert sum(counts) == n
    # Divisions round; two remainders that are equal on paper may swap, but never by more than one instance.
    exact = [n * share / sum(shares) for share in shares]
    assert all(abs(count - value) < 1 + 1e-9 for count, value in zip(counts, exact, strict=True))
    if sum(shares) in (2, 4, 8, 16, 32, 64, 128):  # divisions are exact
        assert counts == largest_remainder(shares, n)


@pytest.mark.parametrize(
    ("shares", "n", "counts"),
    [
        ([0.5, 0.5], 50, [25, 25]),
        ([0.5, 0.5], 25, [13, 12]),
        ([2, 2], 25, [13, 12]),
        ([0.9, 0.1], 50, [45, 5]),
        ([0.9, 0.1], 3, [3, 0]),
        ([1, 1, 1], 50, [17, 17, 16]),
        ([1, 1, 1], 1, [1, 0, 0]),
        ([0.1, 0.2, 0.7], 10, [1, 2, 7]),
    ],
)
def test_counts_of_some_shares(shares, n, counts):
    assert Mix.counts(shares, n) == counts


@pytest.fixture
def pool(oracle_pool):
    return oracle_pool(torch.randn(2, 24, 3, generator=torch.Generator().manual_seed(0)))


@pytest.mark.oracle("mix")
def test_parts_choose_in_turn_among_what_is_left(pool):
    parts = make_strategies(["entropy", "least_confidence", "random"])
    chosen = Mix(list(parts.values()), [2, 2, 1]).select(pool, 10)
    for run in range(2):
        expected: list[int] = []
        for name, count in (("entropy", 4), ("least_confidence", 4), ("random", 2)):
            scores = parts[name].score(pool)[run].tolist()
            left = sorted((i for i in range(20) if i not in expected), key=lambda i, scores=scores: -scores[i])
            expected += left[:count]
        assert chosen.positions[run].tolist() == expected


def test_scores_are_those_of_the_part_that_chose(pool):
    chosen = Mix([Entropy(), LeastConfidence()], [1, 1]).select(pool, 6)
    expected = Entropy().score(pool), LeastConfidence().score(pool)
    assert torch.equal(chosen.scores[:, :3], expected[0].gather(1, chosen.positions[:, :3]))
    assert torch.equal(chosen.scores[:, 3:], expected[1].gather(1, chosen.positions[:, 3:]))


def test_a_mix_of_one_strategy_with_itself_is_that_strategy(pool):
    mixed = Mix([Entropy(), Entropy()], [1, 1]).select(pool, 7)
    alone = Entropy().select(pool, 7)
    assert torch.equal(mixed.positions, alone.positions)


def test_a_mix_takes_the_whole_pool_when_asked(pool):
    chosen = Mix([Entropy(), LeastConfidence()], [1, 3]).select(pool, 20)
    assert torch.equal(chosen.positions.sort(dim=1).values, torch.arange(20).expand(2, 20))
    assert torch.isfinite(chosen.scores).all()


def test_whole_numbers_are_scores_too(pool):
    ranks = Function(lambda pool: pool.probs[..., 0].argsort(dim=-1))
    chosen = Mix([ranks, ranks], [1, 1]).select(pool, 6)
    assert chosen.scores.tolist() == [[19, 18, 17, 16, 15, 14]] * 2


def test_a_mix_needs_what_its_parts_need():
    mix = make_strategies([{"mix": {"bald": 1, "random": 1}}])["mix(bald=1,random=1)"]
    assert mix.needs == {"dropout"}


class FirstAndLast(Acquisition):
    """A batch strategy that has no score."""

    def select(self, pool, n):
        positions = torch.arange(n).expand(len(pool), n)
        return Batch(positions, -positions.double())


def test_parts_may_choose_a_batch_as_a_whole(pool):
    taken = Entropy().select(pool, 3).positions
    chosen = Mix([Entropy(), FirstAndLast()], [1, 1]).select(pool, 6).positions
    for run in range(2):
        left = [i for i in range(20) if i not in taken[run].tolist()]
        assert chosen[run].tolist() == taken[run].tolist() + left[:3]


def test_parts_with_parameters_are_listed():
    label = "mix(parts=[entropy,bald(n_samples=3)],shares=[1,2])"
    mix = make_strategies([{"mix": {"parts": ["entropy", {"bald": {"n_samples": 3}}], "shares": [1, 2]}}])[label]
    assert mix == Mix([Entropy(), Bald(n_samples=3)], [1, 2])
