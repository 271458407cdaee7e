"""Progress: bars in a terminal, and without one a line a minute."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

logger = logging.getLogger(__name__)
T = TypeVar("T")

SECONDS = 60.0  # between two signs of life
_doing: list[Callable[[], str]] = []  # what this process is at, in words; the innermost last


@contextmanager
def signs_of_life(what: Callable[[], str], quiet: bool = False) -> Iterator[None]:
    """Writes a line a minute to stderr while the block runs, unless stderr is a terminal, which has bars.

    Args:
        what: says what the block is doing; of blocks within each other, the innermost is asked.
        quiet: write nothing.
    """
    if quiet or sys.stderr.isatty() or not logger.isEnabledFor(logging.WARNING):
        yield
        return
    _doing.append(what)
    done = threading.Event()
    if len(_doing) == 1:
        threading.Thread(target=_speak, args=(done, time.monotonic()), name="cal-alive", daemon=True).start()
    try:
        yield
    finally:
        done.set()
        _doing.remove(what)


def _speak(done: threading.Event, start: float) -> None:
    while not done.wait(SECONDS):
        try:
            sys.stderr.write(f"cal: after {(time.monotonic() - start) / 60:.0f} min: {_doing[-1]()}\n")
            sys.stderr.flush()
        except (IndexError, OSError, ValueError):  # the block has just ended, or nobody reads stderr any more
            return


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

    n_done = 0
    with signs_of_life(lambda: f"{n_done} of {total} {unit}{'' if total == 1 else 's'} done", quiet):
        for result in tqdm(results, total=total, unit=unit, disable=quiet or None, dynamic_ncols=True):
            n_done += 1
            yield result


def note(text: str, quiet: bool = False) -> None:
    """Writes a line about a slow step to a terminal."""
    if not quiet and sys.stderr.isatty() and logger.isEnabledFor(logging.WARNING):
        sys.stderr.write(f"{text}\n")
