"""What strategies say of themselves: a table of all, and all about one."""

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
    "nothing": "nothing of the classifiers",
    "pass": "a pass over the pool",
    "passes": "a pass over the pool for each dropout sample, or each epoch",
    "distances": "distances between instances",
    "training": "the training of a small model",
    "parts": "what its parts cost",
}


def strategies_table() -> str:
    """Name, year, cost, needs and one line of every built-in and installed strategy."""
    rows = [("name", "year", "cost", "needs", "acquires")]
    for name in registry.strategy_names():
        try:
            kind = _kind(name)
        except ConfigError as error:  # a package that cannot be loaded shall not hide the others
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
    return "\n".join(
        [*lines, "", "cost", costs, "", "needs", needs, "", "`cal strategies show NAME` tells the rest of one."]
    )


def describe_strategy(name: str) -> str:
    """Everything about one strategy: formula, needs, cost, parameters with their defaults, reference.

    Raises:
        UnknownNameError: if there is none of that name.
        ConfigError: if its package cannot be loaded.

    Example:
        >>> print(describe_strategy("margin").splitlines()[0])
        margin (2001)
    """
    kind = _kind(name)
    own = _sections(kind)
    year = f" ({kind.year})" if getattr(kind, "year", None) else ""
    needs = _needs(kind) or ["nothing beyond probabilities and the seed map"]
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
    """The class of a strategy; a strategy that is an object or a function as it is."""
    found: Any = registry.find_strategy(name)
    is_strategy = issubclass(found, Acquisition) if isinstance(found, type) else isinstance(found, Acquisition)
    if not is_strategy and (isinstance(found, type) or not callable(found)):
        raise ConfigError(f"'{name}' is {found!r}, not a strategy; its package offers something else.")
    return found


def _needs(kind: Any) -> list[str]:
    """What it needs; of a strategy made of others, what these need."""
    return ["as parts"] if getattr(kind, "cost", "") == "parts" else sorted(getattr(kind, "needs", ()))


def _parameters(kind: Any) -> list[str]:
    """`name = default: what it is` of each field; what a base class says of its fields holds too."""
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        return []
    said: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Acquisition) and base.__doc__:
            for entry in re.split(r"\n(?=\S)", _sections(base).get("Args", "")):
                name, _, text = entry.partition(":")
                said[name.strip()] = " ".join(text.split())
    lines = []
    for field in dataclasses.fields(kind):
        default: Any = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        given = "" if default is dataclasses.MISSING else f" = {default}"
        lines.append(f"{field.name}{given}" + (f": {said[field.name]}" if field.name in said else ""))
    return lines


def _sections(kind: Any) -> dict[str, str]:
    """The parts of a docstring by their heading; "" is what comes before the first."""
    own = kind.__dict__.get("__doc__") if isinstance(kind, type) else kind.__doc__
    document = inspect.cleandoc(own or "(says nothing of itself)")
    parts = re.split(
        r"^(Args|Attributes|Example|Examples|References|Raises|Returns|Note):\n", document, flags=re.MULTILINE
    )
    bodies = [textwrap.dedent(body).strip() for body in parts[2::2]]
    return {"": parts[0].strip()} | dict(zip(parts[1::2], bodies, strict=True))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
