"""Descriptions of strategies: a table of all of them, and everything about one."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from typing import Any

from cal import registry
from cal.acquisition.base import NEEDS, Acquisition
from cal.errors import ConfigError

_COSTS = {
    "nothing": "no use of the classifiers",
    "pass": "one pass over the pool",
    "passes": "one pass over the pool per dropout sample or epoch",
    "distances": "distances between instances",
    "training": "training of a small model",
    "parts": "the cost of its parts",
}


def strategies_table() -> str:
    """Table of all built-in and installed strategies: name, year, cost, needs and a one-line summary."""
    rows = [("name", "year", "cost", "needs", "acquires")]
    for name in registry.strategy_names():
        try:
            kind = _kind(name)
        except ConfigError as error:  # one broken package must not hide the others
            rows.append((name, "", "", "", str(error)))
            continue
        summary = (
            registry.STRATEGIES[name].summary if name in registry.STRATEGIES else _sections(kind)[""].split("\n")[0]
        )
        needs = ", ".join(_needs(kind))
        rows.append((name, str(getattr(kind, "year", None) or ""), str(getattr(kind, "cost", "")), needs, summary))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    ]
    costs = "\n".join(f"  {cost:<9}  {text}" for cost, text in _COSTS.items())
    needs = "\n".join(f"  {need:<11}  {text}" for need, text in NEEDS.items())
    more = "`cal strategies show NAME` shows formula, parameters and reference."
    return "\n".join([*lines, "", "cost", costs, "", "needs", needs, "", more])


def describe_strategy(name: str) -> str:
    """Describes one strategy: formula, cost, needs, parameters with their defaults, reference.

    Raises:
        UnknownNameError: if there is no strategy of that name.
        ConfigError: if its package cannot be loaded.

    Example:
        >>> print(describe_strategy("margin").splitlines()[0])
        margin (2001)
    """
    kind = _kind(name)
    own = _sections(kind)
    year = f" ({kind.year})" if getattr(kind, "year", None) else ""
    needs = _needs(kind) or ["only probabilities and the seed map"]
    blocks = [
        name + year,
        own[""],
        f"cost: {_COSTS.get(getattr(kind, 'cost', ''), 'unknown')}\nneeds: {', '.join(needs)}",
    ]
    if parameters := _parameters(kind):
        blocks.append("parameters\n" + "\n".join(f"  {line}" for line in parameters))
    if "References" in own:
        blocks.append("reference\n" + _indented(own["References"]))
    written = getattr(kind, "function", kind if isinstance(kind, type) or inspect.isroutine(kind) else type(kind))
    blocks.append(f"source: {inspect.getsourcefile(written)}")
    return "\n\n".join(blocks)


def _kind(name: str) -> Any:
    """The class of a strategy, or the strategy itself if it is registered as an object or a function."""
    found = registry.find_strategy(name)
    is_strategy = issubclass(found, Acquisition) if isinstance(found, type) else isinstance(found, Acquisition)
    if not is_strategy and (isinstance(found, type) or not callable(found)):
        raise ConfigError(f"'{name}' is {found!r}, not a strategy; correct the entry point of its package.")
    return found


def _needs(kind: Any) -> list[str]:
    """Names of its needs; "as parts" too if it is made of other strategies."""
    parts = ["as parts"] if getattr(kind, "cost", "") == "parts" else []
    return [*sorted(getattr(kind, "needs", ())), *parts]


def _parameters(kind: Any) -> list[str]:
    """`name = default: description` of each field; descriptions may come from a base class."""
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        return []
    described: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Acquisition) and base.__doc__:
            for entry in re.split(r"\n(?=\S)", _sections(base).get("Args", "")):
                name, _, text = entry.partition(":")
                described[name.strip()] = " ".join(text.split())
    lines = []
    for field in dataclasses.fields(kind):
        default: Any = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        given = "" if default is dataclasses.MISSING else f" = {default}"
        lines.append(f"{field.name}{given}" + (f": {described[field.name]}" if field.name in described else ""))
    return lines


def _sections(kind: Any) -> dict[str, str]:
    """Sections of a docstring by heading; "" is the text before the first heading."""
    own = kind.__dict__.get("__doc__") if isinstance(kind, type) else kind.__doc__
    document = inspect.cleandoc(own or "(no description)")
    parts = re.split(
        r"^(Args|Attributes|Example|Examples|References|Raises|Returns|Note):\n", document, flags=re.MULTILINE
    )
    bodies = [textwrap.dedent(body).strip() for body in parts[2::2]]
    return {"": parts[0].strip()} | dict(zip(parts[1::2], bodies, strict=True))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
