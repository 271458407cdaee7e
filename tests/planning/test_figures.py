"""Figures are words that people read once."""

from hypothesis import given
from hypothesis import strategies as st

from cal.planning.figures import amount, duration

SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
BYTES = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


@given(st.floats(1e-3, 1e8))
def test_a_duration_says_what_it_is_within_five_per_cent(seconds):
    number, unit = duration(seconds).split()
    assert abs(float(number.replace(",", "")) * SECONDS[unit] - seconds) <= 0.051 * seconds


@given(st.floats(1, 1e15))
def test_an_amount_says_what_it_is_within_five_per_cent(n_bytes):
    number, unit = amount(n_bytes).split()
    assert (
        abs(float(number.replace(",", "")) * BYTES[unit] - n_bytes)
        <= 0.51 * n_bytes / max(n_bytes, 1) + 0.051 * n_bytes
    )


def test_small_things_are_no_zeros():
    assert (duration(0.004), duration(59.6), duration(3600), duration(7201)) == (
        "0.004 seconds",
        "60 seconds",
        "60 minutes",
        "2.0 hours",
    )
