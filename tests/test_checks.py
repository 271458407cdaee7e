"""Checks accept exactly what they say, and every problem is reported, together."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cal.checks import all_problems, numbers_in, one_of, problems_of, refuse, whole_numbers
from cal.errors import ConfigError

NO_NUMBERS = [None, True, False, "1", "one", [1], 1j, math.nan]


@pytest.mark.parametrize("value", [1, 7, 2**63 - 1, np.int32(3), np.uint8(1), np.array(4)])
def test_whole_numbers_of_every_kind_pass(value):
    assert whole_numbers(n=value) == []


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0, -3, 1.0, 2.5, np.float32(1), np.bool_(True)])
def test_everything_else_is_no_whole_number(value):
    assert whole_numbers(n=value) == [f"n must be a whole number of at least 1, not {value!r}."]


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("interval", ["[0, 1]", "(-inf, inf)"])
def test_what_is_no_number_is_in_no_interval(value, interval):
    (problem,) = numbers_in(interval, x=value)
    assert problem.endswith(f", not {value!r}.")


@given(
    *[st.integers(-3, 3)] * 2,
    st.sampled_from(["[]", "[)", "(]", "()"]),
    st.floats(allow_nan=False) | st.integers(-4, 4) | st.integers(-4, 4).map(np.float32),
)
def test_numbers_in_agrees_with_comparisons(low, high, brackets, value):
    inside = {
        "[]": low <= value <= high,
        "[)": low <= value < high,
        "(]": low < value <= high,
        "()": low < value < high,
    }
    assert (numbers_in(f"{brackets[0]}{low}, {high}{brackets[1]}", x=value) == []) == inside[brackets]


@pytest.mark.parametrize(
    ("interval", "described"),
    [
        ("[0, 1]", "a number from 0 to 1"),
        ("(0, 1)", "a number above 0 and below 1"),
        ("(0, 0.99]", "a number above 0 and at most 0.99"),
        ("[0, 1)", "a number of at least 0 and below 1"),
        ("[0, inf)", "a finite number of at least 0"),
        ("(0, inf)", "a finite number above 0"),
        ("(-inf, inf)", "a finite number"),
    ],
)
def test_intervals_are_said_in_words(interval, described):
    assert numbers_in(interval, beta=math.inf, lr=2e400) == [
        f"beta must be {described}, not inf.",
        f"lr must be {described}, not inf.",
    ]


def test_one_of_lists_what_is_known():
    assert one_of(["a", "b", "c"], by="b") == []
    assert one_of(["a", "b", "c"], by="d") == ["by must be a, b or c, not 'd'."]
    assert one_of(["a"], by=["a"]) == ["by must be a, not ['a']."]


@pytest.mark.parametrize(
    "check", [lambda **v: whole_numbers(1, **v), lambda **v: numbers_in("(0, 1)", **v), lambda **v: one_of("ab", **v)]
)
def test_null_passes_only_where_it_is_allowed(check):
    assert check(or_null=True, x=None) == []
    assert check(x=None)[0].endswith("not None.")
    assert " or null, not" in check(or_null=True, x=-1)[0]


def test_every_value_is_checked():
    assert len(whole_numbers(1, a=0, b=1, c=-1)) == 2


def test_all_problems_are_refused_at_once_and_each_once():
    refuse([])
    with pytest.raises(ConfigError) as raised:
        refuse(["one.", "two.", "one."])
    assert raised.value.problems == ["one.", "two."]


def test_a_block_reports_all_its_problems_at_its_end():
    def check():
        with all_problems() as problems:
            assert problems.attempt(lambda: refuse(["one.", "two."]), otherwise=7) == 7
            problems += ["one.", "three."]

    assert problems_of(check) == ["one.", "two.", "three."]


def test_another_error_goes_before_problems():
    def fail():
        with all_problems() as problems:
            problems += ["one."]
            problems.attempt(lambda: 1 / 0, otherwise=0)

    with pytest.raises(ZeroDivisionError):
        fail()
