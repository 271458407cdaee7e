"""Checks of parameters, and a collector that reports everything wrong with them in one error."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import SupportsIndex, TypeVar

from cal.errors import ConfigError

T = TypeVar("T")


class Problems(list[str]):
    """Sentences about everything wrong with a request.

    Example:
        >>> problems = Problems()
        >>> problems.attempt(lambda: int("3"), otherwise=0)
        3
        >>> def refuse():
        ...     raise ConfigError("folds is 1; give at least 2.")
        >>> problems.attempt(refuse, otherwise=None)
        >>> problems
        ['folds is 1; give at least 2.']
    """

    def attempt(self, make: Callable[[], T], otherwise: T) -> T:
        """Returns what `make` returns; if it raises a `ConfigError`, keeps its problems and returns `otherwise`."""
        try:
            return make()
        except ConfigError as error:
            self += error.problems
            return otherwise


@contextmanager
def all_problems() -> Iterator[Problems]:
    """Collects problems within a `with` block and raises one error about all of them at its end.

    Raises:
        ConfigError: listing each problem once, if there is any.

    Example:
        >>> with all_problems() as problems:
        ...     problems.append("rounds must be at least 0, not -1.")
        Traceback (most recent call last):
        cal.errors.ConfigError: rounds must be at least 0, not -1.
    """
    problems = Problems()
    yield problems
    if problems:
        raise ConfigError(dict.fromkeys(problems))


def problems_of(check: Callable[[], object]) -> list[str]:
    """The problems that a check reports; an empty list if it passes.

    Example:
        >>> def refuse():
        ...     raise ConfigError("folds is 1; give at least 2.")
        >>> problems_of(refuse), problems_of(dict)
        (['folds is 1; give at least 2.'], [])
    """
    problems = Problems()
    problems.attempt(check, otherwise=None)
    return problems


def whole_numbers(least: int = 1, /, **values: object) -> list[str]:
    """A sentence about each value that is not a whole number of at least `least`.

    Example:
        >>> whole_numbers(1, n_epochs=2.5, batch_size=16)
        ['n_epochs must be a whole number of at least 1, not 2.5.']
    """
    return [
        f"{name} must be a whole number of at least {least}, not {value!r}."
        for name, value in values.items()
        if isinstance(value, bool) or not isinstance(value, SupportsIndex) or operator.index(value) < least
    ]
