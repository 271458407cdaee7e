"""Checks of parameters: each returns sentences about what is wrong, and all of them are reported in one error."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any, SupportsIndex, TypeVar

from cal.errors import ConfigError, UnknownNameError, in_words, nearest_name, shown

T = TypeVar("T")
_WORDS = {str: "text", Path: "path", int: "whole number", float: "number"}
LARGEST = 2**63 - 1
"""The largest whole number that arrays, tensors and tables hold."""


def whole_numbers(least: int = 1, /, *, or_null: bool = False, **values: object) -> list[str]:
    """A sentence about each value that is not a whole number of at least `least`.

    Args:
        least: smallest allowed number.
        or_null: allow None too.
        values: values by the names of their parameters.

    Example:
        >>> whole_numbers(1, n_epochs=2.5, batch_size=16)
        ['n_epochs must be a whole number of at least 1, not 2.5.']
        >>> whole_numbers(0, or_null=True, freeze=None, lora=-1)
        ['lora must be a whole number of at least 0 or null, not -1.']
    """

    def fits(value: object) -> bool:
        number = whole_number(value)
        return number is not None and least <= number

    problems = _sentences(f"a whole number of at least {least}", fits, or_null, values)
    too_large = {name: value for name, value in values.items() if (whole_number(value) or 0) > LARGEST}
    return problems + _sentences("a whole number below 2^63", lambda value: False, False, too_large)


def whole_number(value: object) -> int | None:
    """A whole number of Python, NumPy or PyTorch as Python's; None for anything else.

    Example:
        >>> whole_number(3), whole_number(3.0), whole_number(True)
        (3, None, None)
    """
    try:
        return operator.index(value) if isinstance(value, SupportsIndex) and not isinstance(value, bool) else None
    except TypeError:  # an array has an index only if it holds one whole number
        return None


def as_plain(value: Any) -> Any:
    """A single value of NumPy, PyTorch or pyarrow as Python's own; anything else stays.

    Example:
        >>> import numpy as np
        >>> as_plain(np.float32(0.5)), as_plain(np.array(3)), as_plain("high")
        (0.5, 3, 'high')
    """
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value) if isinstance(value, str) else int(value)  # of subclasses, too
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        return value.item()
    return value.as_py() if callable(getattr(value, "as_py", None)) else value


def numbers_in(interval: str, /, *, or_null: bool = False, **values: object) -> list[str]:
    """A sentence about each value that is not a number in an interval.

    Args:
        interval: bounds in mathematical notation: `[0, 1)` is from 0, included, to 1, excluded. With `inf)`, any
            finite number from the lower bound.
        or_null: allow None too.
        values: values by the names of their parameters.

    Example:
        >>> numbers_in("[0, 1)", dropout=1, warmup=0.1)
        ['dropout must be a number of at least 0 and below 1, not 1.']
        >>> numbers_in("(0, inf)", lr=float("nan"))
        ['lr must be a finite number above 0, not nan.']
        >>> numbers_in("[0, 1]", threshold="high")
        ["threshold must be a number from 0 to 1, not 'high'."]
    """
    opening, closing = interval[0], interval[-1]
    lower, upper = interval[1:-1].split(", ")
    low, high = float(lower), float(upper)

    def fits(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, Real):
            return False
        try:
            number = float(value)
        except (OverflowError, ValueError):
            return False
        excluded = [bound for bound, bracket in ((low, opening), (high, closing)) if bracket in "()"]
        return low <= number <= high and number not in excluded

    if opening + closing == "[]":
        described = f"a number from {lower} to {upper}"
    else:
        described = "a finite number" if high == math.inf else "a number"
        described += "" if low == -math.inf else f" {'above' if opening == '(' else 'of at least'} {lower}"
        described += "" if high == math.inf else f" and {'below' if closing == ')' else 'at most'} {upper}"
    return _sentences(described, fits, or_null, values)


def label_names(*, or_null: bool = False, **values: object) -> list[str]:
    """A sentence about each value that is no list of different names.

    Args:
        or_null: whether None is allowed, too.
        **values: lists of names of labels by the name of the parameter.

    Example:
        >>> label_names(labels=["HUM", "HUM"])
        ['labels names a label twice: HUM.']
    """
    found = []
    for name, value in values.items():
        if value is None and or_null:
            continue
        if isinstance(value, str) or not isinstance(value, Sequence):
            found.append(f"{name} must be a list of names such as [HUM,LOC], not {shown(value)}.")
        elif odd := [each for each in value if not (isinstance(each, str) and each.strip())]:
            found.append(f"{name} must be a list of names such as [HUM,LOC]; {shown(odd[0])} is none.")
        elif twice := [each for each in dict.fromkeys(value) if list(value).count(each) > 1]:
            found.append(f"{name} names a label twice: {twice[0]}.")
    return found


def one_of(known: Iterable[str], /, *, or_null: bool = False, **values: object) -> list[str]:
    """A sentence about each value that is not one of a few known words.

    Example:
        >>> one_of(["during", "end", "out_of_fold"], capture="begin")
        ["capture must be during, end or out_of_fold, not 'begin'."]
        >>> one_of(["bf16", "float32"], precision="float23")
        ["precision must be bf16 or float32, not 'float23'. Did you mean 'float32'?"]
    """
    words = list(known)

    def suggestion(value: object) -> str:
        nearest = nearest_name(value, words) if isinstance(value, str) else None
        return f" Did you mean '{nearest}'?" if nearest else ""

    described = in_words(words, "or")
    return _sentences(described, lambda value: isinstance(value, str) and value in words, or_null, values, suggestion)


def paths(*, or_null: bool = False, **values: object) -> list[str]:
    """A sentence about each value that cannot be the path of a file or folder.

    Example:
        >>> paths(folder=3)
        ['folder must be a path, not 3.']
    """
    return _sentences("a path", is_path, or_null, values)


def is_path(value: object) -> bool:
    """Whether a value can be the path of a file or folder: text or a `Path`, without what no file system takes."""
    try:
        return isinstance(value, str | Path) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def true_or_false(**values: object) -> list[str]:
    """A sentence about each value that is neither true nor false.

    Example:
        >>> true_or_false(stop="yes", quiet=True)
        ["stop must be true or false, not 'yes'."]
    """
    return _sentences("true or false", lambda value: type(value).__name__ in ("bool", "bool_"), False, values)


def instances_of(kinds: type | tuple[type, ...], /, *, or_null: bool = False, **values: object) -> list[str]:
    """A sentence about each value that is of another class.

    Args:
        kinds: class, or classes.
        or_null: allow None too.
        values: values by the names of their parameters.

    Example:
        >>> instances_of((dict, list), options="high")
        ["options must be a dict or list, not 'high'."]
    """
    names = [_WORDS.get(kind, kind.__name__) for kind in (kinds if isinstance(kinds, tuple) else (kinds,))]
    article = "" if names[0] == "text" else "an " if names[0][0] in "AEIOU" else "a "
    described = article + in_words(names, "or")
    return _sentences(described, lambda value: isinstance(value, kinds), or_null, values)


def known_name(kind: str, name: object, known: Iterable[str], hint: str = "") -> str:
    """The name, if it is known.

    Raises:
        UnknownNameError: if it is not, or is no text.

    Example:
        >>> known_name("engine", "deepsg", ["vectorised", "deepsig"])
        Traceback (most recent call last):
        cal.errors.UnknownNameError: Unknown engine 'deepsg'. Did you mean 'deepsig'? Known: deepsig, vectorised.
    """
    names = list(known)
    if not isinstance(name, str) or name not in names:
        raise UnknownNameError(kind, name, names, hint)
    return name


def _sentences(
    described: str,
    fits: Callable[[object], bool],
    or_null: bool,
    values: dict[str, object],
    suggestion: Callable[[object], str] = lambda value: "",
) -> list[str]:
    if or_null:
        described = f"{described.replace(' or ', ', ')} or null"
    return [
        f"{name} must be {described}, not {shown(value)}.{suggestion(value)}"
        for name, value in values.items()
        if not (fits(value) or (or_null and value is None))
    ]


def refuse(problems: Iterable[str]) -> None:
    """Raises one error about all problems, if there are any.

    Raises:
        ConfigError: listing each problem once.

    Example:
        >>> refuse(whole_numbers(rounds=3))
        >>> refuse(whole_numbers(0, rounds=-1))
        Traceback (most recent call last):
        cal.errors.ConfigError: rounds must be a whole number of at least 0, not -1.
    """
    if distinct := list(dict.fromkeys(problems)):
        raise ConfigError(distinct)


class Problems(list[str]):
    """Sentences about everything wrong with a request.

    Example:
        >>> problems = Problems()
        >>> problems.attempt(lambda: int("3"), otherwise=0)
        3
        >>> problems.attempt(lambda: refuse(["folds is 1; give at least 2."]), otherwise=None)
        >>> problems
        ['folds is 1; give at least 2.']
    """

    def attempt(self, make: Callable[[], T], otherwise: Any) -> T:
        """Returns what `make` returns; if it raises a `ConfigError`, keeps its problems and returns `otherwise`."""
        try:
            return make()
        except ConfigError as error:
            self += error.problems
            default: T = otherwise
            return default


@contextmanager
def all_problems() -> Iterator[Problems]:
    """Collects problems within a `with` block and raises one error about all of them at its end.

    Raises:
        ConfigError: listing each problem once, if there is any.

    Example:
        >>> with all_problems() as problems:
        ...     problems += whole_numbers(0, rounds=-1)
        Traceback (most recent call last):
        cal.errors.ConfigError: rounds must be a whole number of at least 0, not -1.
    """
    problems = Problems()
    yield problems
    refuse(problems)


def problems_of(check: Callable[[], object]) -> list[str]:
    """The problems that a check reports; an empty list if it passes.

    Example:
        >>> problems_of(lambda: refuse(["folds is 1; give at least 2."])), problems_of(dict)
        (['folds is 1; give at least 2.'], [])
    """
    problems = Problems()
    problems.attempt(check, otherwise=None)
    return problems
