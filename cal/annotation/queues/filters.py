"""Filters: which documents of a project are meant, in a line that people write and programs read.

    state=undecided,returned and pair=HUM>LOC and p_wrong>=.5 and text~"how far"

A filter is a list of conditions, all of which must hold. `matching` of `cal.annotation.queues.matching` turns it into
SQL.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from cal.arguments import check_arguments
from cal.dynamics.regions import AMBIGUOUS, EASY, HARD, OTHER
from cal.errors import ConfigError, UnknownNameError, in_words, shown
from cal.exchange.records import STATES

RETURNED, DECIDED = "returned", "decided"
EVERYTHING = "all"
NAMES = {
    "state": f"what a document is: {in_words([*STATES, DECIDED, RETURNED], 'or')} (came back after it was)",
    "given": 'given label; "" is none',
    "label": 'label now, which is the decided or else the given one; "" is none',
    "suggested": 'suggested label; "" is none',
    "pair": "given label and suggested one, such as HUM>LOC",
    "region": "region of the map",
    "split": "split, such as train",
    "reviewer": "somebody who has decided or skipped it",
    "text": "words of its text, whether in capitals or not",
    "id": "id of the document",
    "sources": "agree or differ: whether at least two sources of labels say the same of it, or different things",
}
"""Names that a condition may begin with. Any other name is a score, a metric of the map or a column of the corpus, or
what a source of labels says, such as gpt.label=HUM, gpt.score>=.9, gpt.agrees=given or gpt.differs=label."""

SYNTAX = (
    "Conditions such as state=undecided, given!=HUM, pair=HUM>LOC, text~words or p_wrong>=.5 are joined by `and`; "
    'several values are joined by commas, and others than plain words stand in double quotes: given="New York"'
)
_COMPARISONS = ("<", "<=", ">", ">=")
_IS, _IS_NOT, _HAS, _HAS_NOT = "=", "!=", "~", "!~"
AGREE, DIFFER = "agree", "differ"
_CHOICES = {
    "state": (*STATES, DECIDED, RETURNED),
    "region": (EASY, AMBIGUOUS, HARD, OTHER),
    "sources": (AGREE, DIFFER),
}
_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\["\\])*)"|([^\s"\\,<>=~!]+)|(<=|>=|!=|!~|[<>=~,]))')


def operators(name: str) -> tuple[str, ...]:
    """The operators that a name takes."""
    if name == "text":
        return (_HAS, _HAS_NOT)
    return (_IS, _IS_NOT) if name in NAMES else (_IS, _IS_NOT, *_COMPARISONS)


def number(text: str) -> float | None:
    """A finite number that a text says; None if it says none.

    Example:
        >>> number(".5"), number("nan"), number("1_000"), number("many")
        (0.5, None, None, None)
    """
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Condition:
    """A condition of a filter.

    Args:
        name: one of `NAMES`, or a score, a metric of the map or a column of the corpus.
        operator: `=` or `!=`, for a text `~` (contains) or `!~`, and for a score also `<`, `<=`, `>` and `>=`.
        values: values, any of which may fit; for a pair the given and the suggested label of each, in turn.

    Raises:
        ConfigError: saying what is wrong.

    Example:
        >>> print(Condition("pair", "=", ("HUM", "New York")))
        pair=HUM>"New York"
    """

    name: str
    operator: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        check_arguments(Condition, {"name": self.name, "operator": self.operator, "values": self.values})
        object.__setattr__(self, "values", tuple(self.values))
        allowed = operators(self.name)
        if not self.values or not all(isinstance(each, str) for each in self.values):
            raise ConfigError(f"{self.name or 'A condition'} needs a value, such as {self.name or 'split'}=train.")
        for each in (self.name, *self.values):
            if re.search("[\ud800-\udfff]", each):
                raise ConfigError(f"{shown(each)} holds half a character (a lone surrogate). Give whole characters.")
        if self.operator not in allowed:
            raise ConfigError(f"{self.name} takes {in_words(allowed, 'or')}, not {shown(self.operator)}.")
        if self.name == "pair" and len(self.values) % 2:
            raise ConfigError("pair needs the given label and the suggested one: pair=HUM>LOC")
        for value in self.values:
            if self.name in _CHOICES and value not in _CHOICES[self.name]:
                raise UnknownNameError(self.name, value, _CHOICES[self.name])
            if self.operator in _COMPARISONS and number(value) is None:
                raise ConfigError(f"{self.name}{self.operator} needs a number, not {shown(value)}.")
        if self.operator in _COMPARISONS and len(self.values) > 1:
            raise ConfigError(f"{self.name}{self.operator} takes one number, not {len(self.values)}.")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The given and the suggested label of each pair."""
        return list(zip(self.values[::2], self.values[1::2], strict=True))

    def __str__(self) -> str:
        if self.name == "pair":
            values = [f"{_written(given)}>{_written(suggested)}" for given, suggested in self.pairs]
        else:
            values = [_written(each) for each in self.values]
        return f"{_written(self.name)}{self.operator}{','.join(values)}"


@dataclass(frozen=True)
class Filter:
    """Which documents are meant: those that fit all conditions.

    `Filter.of(text)` reads the form that `str` prints.

    Args:
        conditions: the conditions; none takes all documents.

    Example:
        >>> waiting = Filter.of('state = undecided,returned AND text~"how far"')
        >>> print(waiting)
        state=undecided,returned and text~"how far"
        >>> Filter.of(str(waiting)) == waiting
        True
        >>> print(Filter())
        all
    """

    conditions: tuple[Condition, ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """Reads a filter.

        Args:
            text: conditions joined by `and`; `all`, or nothing, takes all documents.

        Raises:
            ConfigError: if it is none, saying where.
        """
        check_arguments(cls.of, {"text": text})
        if text.strip().lower() in ("", EVERYTHING):
            return cls()
        tokens = _Tokens(text)
        conditions = [tokens.condition()]
        while tokens.more():
            tokens.expect_and()
            conditions.append(tokens.condition())
        return cls(tuple(conditions))

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions)) or EVERYTHING

    def states(self) -> set[str]:
        """The states that its conditions name, whatever their operator."""
        return {value for each in self.conditions if each.name == "state" for value in each.values}


WAITING = Filter((Condition("state", _IS, (STATES[0], RETURNED)),))
"""Documents that wait for a decision: the undecided, and decided ones that came back."""


class _Tokens:
    """The words, quoted texts and operators of a filter."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._all = list(self._split(text))
        self._next = 0

    def _split(self, text: str) -> Iterator[tuple[str, str, int]]:
        at = 0
        end = len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                start = at + len(text[at:]) - len(text[at:].lstrip())
                quote = text[start] == '"'
                told = "has no closing quote, or a backslash before another character than a quote or a backslash"
                raise self._error(start, told if quote else f"has {shown(text[start])} outside quotes")
            quoted, word, sign = found.groups()
            if quoted is not None:
                yield "value", re.sub(r"\\(.)", r"\1", quoted), found.start(1) - 1
            elif word is not None:
                yield "and" if word.lower() == "and" else "value", word, found.start(2)
            else:
                yield "sign", sign, found.start(3)
            at = found.end()

    def more(self) -> bool:
        return self._next < len(self._all)

    def condition(self) -> Condition:
        name = self._take("value", "a name, such as state,")
        operator = self._take("sign", f"an operator after {name}, such as {operators(name)[0]},")
        values: list[str] = []
        while True:
            values.append(self._take("value", f"a value after {name}{operator}"))
            if name == "pair":
                self._take("sign", "> between the two labels of a pair", ">")
                values.append(self._take("value", f"the suggested label after pair={values[-1]}>"))
            if not (self.more() and self._all[self._next][:2] == ("sign", ",")):
                return Condition(name, operator, tuple(values))
            self._next += 1

    def expect_and(self) -> None:
        self._take("and", "`and` between two conditions")

    def _take(self, kind: str, what: str, text: str | None = None) -> str:
        if not self.more():
            raise self._error(None, f"ends where {what.rstrip(',')} should follow")
        found, value, at = self._all[self._next]
        if found != kind or text not in (None, value):
            raise self._error(at, f"lacks {what.rstrip(',')}")
        self._next += 1
        return value

    def _error(self, at: int | None, told: str) -> ConfigError:
        where = "" if at is None else f" at {shown(self._text[at:], 40)}"
        return ConfigError(f"The filter {shown(self._text)} {told}{where}. {SYNTAX}.")


def _written(text: str) -> str:
    """A name or value as a filter is written."""
    if re.fullmatch(r'[^\s"\\,<>=~!]+', text) and text.lower() != "and":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
