"""Progress bars, shown only in a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

logger = logging.getLogger(__name__)
T = TypeVar("T")


def bar(*args: Any, **options: Any) -> tqdm[Any]:
    """A tqdm bar that disappears when it is done; takes the arguments of tqdm."""
    from tqdm import tqdm

    disable = None if logger.isEnabledFor(logging.WARNING) else True  # None disables it outside a terminal
    shown: tqdm[Any] = tqdm(*args, **{"disable": disable, "leave": False, **options})
    return shown


def counted(results: Iterable[T], total: int, unit: str, quiet: bool = False) -> Iterator[T]:
    """Yields results under a progress bar.

    Args:
        results: the results, which may be lazy.
        total: number of results.
        unit: what a result is, for the bar.
        quiet: hide the progress bar.
    """
    from tqdm import tqdm

    yield from tqdm(results, total=total, unit=unit, disable=quiet or None, dynamic_ncols=True)


def note(text: str, quiet: bool = False) -> None:
    """Writes a line about a slow step to a terminal."""
    if not quiet and sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")
