"""Names of sources of labels."""

from __future__ import annotations

from typing import Any

from cal.annotation.decisions.decision import name_problems
from cal.annotation.queues.homes import RESERVED


def source_problems(name: Any) -> list[str]:
    """What is wrong with the name of a source."""
    if found := name_problems("source", name):
        return found
    if name in RESERVED:
        return [f"A source cannot be called '{name}', which means something else in filters. Choose another name."]
    return []
