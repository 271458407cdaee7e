"""LogOptions: what to read of logs, and how."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from cal.checks import one_of, refuse, whole_numbers
from cal.dynamics.scale import Values
from cal.dynamics.store import OnMissing
from cal.errors import DataError, quantity, shown


@dataclass(frozen=True)
class LogOptions:
    """What to read of logs, and how; every command and function that reads logs takes these parameters.

    Args:
        on_missing: what to do with instances that are not in every epoch exactly once, or have logits that are not
            finite: `error` refuses the logs, `drop` leaves such instances out, `partial` uses the epochs that each has.
        epochs: epochs to read, numbered as in the names of the files; None reads all.
        burn_out: number of epochs to read, the first ones; None reads all.
        values: what the logs hold, logits or probabilities; None takes logits, and refuses what can only be
            probabilities.
        label_names: names of the classes, in the order of the logits; needed if gold labels are names.

    Raises:
        ConfigError: listing everything wrong with them.

    Example:
        >>> LogOptions(burn_out=2).chosen([0, 1, 2], "my logs")
        [0, 1]
        >>> LogOptions(epochs=3)
        Traceback (most recent call last):
        cal.errors.ConfigError: epochs must be a list of epoch numbers, such as [0, 1], not 3; burn_out=3 reads ...
    """

    on_missing: OnMissing = "error"
    epochs: Sequence[int] | None = None
    burn_out: int | None = None
    values: Values | None = None
    label_names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        problems = one_of(get_args(OnMissing), on_missing=self.on_missing)
        problems += _epochs_problems(self.epochs) + whole_numbers(or_null=True, burn_out=self.burn_out)
        problems += one_of(get_args(Values), or_null=True, values=self.values) + _names_problems(self.label_names)
        refuse(problems)
        if self.epochs is not None:
            object.__setattr__(self, "epochs", sorted({operator.index(epoch) for epoch in self.epochs}))
        if self.label_names is not None:
            object.__setattr__(self, "label_names", [str(name) for name in self.label_names])

    @property
    def given(self) -> list[str]:
        """The options that differ from their defaults, as on the command line."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return [f"{name}={as_word(value)}" for name, (value, default) in values.items() if value != default]

    def chosen(self, there: Sequence[int], of: Path | str) -> list[int]:
        """The epochs to read among those that are there.

        Args:
            there: epochs, in order.
            of: what has these epochs, for messages.

        Raises:
            DataError: if one of `epochs` is absent, or there are fewer than `burn_out`.
        """
        chosen = list(there) if self.epochs is None else list(self.epochs)
        if absent := [epoch for epoch in chosen if epoch not in there]:
            raise DataError(f"{of} has no logs of epochs {absent}. It has {', '.join(map(str, there))}.")
        if self.burn_out is not None and self.burn_out > len(chosen):
            raise DataError(
                f"burn_out={self.burn_out} reads the first {quantity(self.burn_out, 'epoch')}, but {of} has "
                f"{len(chosen)}. Give burn_out={len(chosen)} or less, or leave it out."
            )
        return chosen[: self.burn_out]


def as_word(value: Any) -> str:
    """A value as it is given on the command line.

    Example:
        >>> as_word([0, 2]), as_word("drop")
        ('[0,2]', 'drop')
    """
    return f"[{','.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def _epochs_problems(epochs: object) -> list[str]:
    if epochs is None:
        return []
    if isinstance(epochs, str) or not isinstance(epochs, Iterable) or getattr(epochs, "shape", None) == ():
        hint = f"; burn_out={epochs} reads the first {epochs}" if isinstance(epochs, int) and 0 < epochs < 1000 else ""
        return [f"epochs must be a list of epoch numbers, such as [0, 1], not {shown(epochs)}{hint}."]
    listed = list(epochs)
    if not listed:
        return ["epochs is empty. Give at least one, or leave it out to read all."]
    return [problem for epoch in listed for problem in whole_numbers(0, epochs=epoch)][:1]


def _names_problems(names: object) -> list[str]:
    if names is None:
        return []
    if isinstance(names, str) or not isinstance(names, Sequence):
        return [
            f"label_names must be a list of names in the order of the logits, such as [HUM, LOC], not {shown(names)}."
        ]
    if len(distinct := {str(name) for name in names}) < max(len(names), 2):
        return [f"label_names must be two or more different names; {list(names)} has {len(distinct)}."]
    return []
