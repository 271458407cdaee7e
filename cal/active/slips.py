"""Slips: labels that look like slips of the hand, by what is labelled so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Slip:
    """A label to look at again.

    Attributes:
        row: row of the document.
        label: its label.
        likely: the label that it rather has.
        p_wrong: about how probable it is that the label is wrong, from 0 to 1.
        reason: why, in the words of people who label.
        other: row of the document that is labelled differently although it says nearly the same; None if there is none.
    """

    row: Any
    label: str
    likely: str
    p_wrong: float
    reason: str
    other: Any = None
