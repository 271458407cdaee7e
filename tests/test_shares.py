"""The split by largest remainder: as near to the quotas as whole numbers within the bounds can be."""

import itertools
import math
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from cal.shares import largest_remainder


@st.composite
def splits(draw):
    """Weights, a total, and bounds between which the total can be split."""
    weights = draw(st.lists(st.integers(0, 8), min_size=1, max_size=4))
    total, least = draw(st.integers(0, 10)), draw(st.integers(0, 2))
    most = draw(st.none() | st.lists(st.integers(2, 10), min_size=len(weights), max_size=len(weights)))
    assume(sum(weights))
    assume(least * len(weights) <= total <= sum(most or [total]))
    quotas = [Fraction(weight * total, sum(weights)) for weight in weights]
    return quotas, total, least, most


def all_splits(n, total, least, most):
    """Every way to write the total as n whole numbers within the bounds."""
    ranges = [range(least, (total if most is None else most[k]) + 1) for k in range(n)]
    return [parts for parts in itertools.product(*ranges) if sum(parts) == total]


@given(splits())
def test_no_split_is_nearer_to_the_quotas(split):
    quotas, total, least, most = split

    def distance(parts):
        return sum((part - quota) ** 2 for part, quota in zip(parts, quotas, strict=True))

    parts = largest_remainder(quotas, total, least=least, most=most)
    every = all_splits(len(quotas), total, least, most)
    assert tuple(parts) in every
    assert distance(parts) == min(map(distance, every))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.integers(0, 60))
def test_each_part_is_its_quota_rounded_down_or_up_and_the_first_of_equals_is_up(weights, total):
    assume(sum(weights))
    quotas = [Fraction(weight * total, sum(weights)) for weight in weights]
    parts = largest_remainder(quotas, total)
    assert sum(parts) == total
    up = [part - math.floor(quota) for part, quota in zip(parts, quotas, strict=True)]
    remainders = [quota - math.floor(quota) for quota in quotas]
    order = sorted(range(len(quotas)), key=lambda k: (-remainders[k], k))
    assert [up[k] for k in order] == [1] * sum(up) + [0] * (len(up) - sum(up))


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=20), st.integers(0, 1000))
def test_floats_are_split_as_the_fractions_that_they_are(shares, total):
    quotas = [total * share / sum(shares) for share in shares]
    assert largest_remainder(quotas, total) == largest_remainder([Fraction(quota) for quota in quotas], total)
