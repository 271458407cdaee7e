"""Threads: numbers that do not depend on how many threads the libraries would use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, PyTorch, BLAS and OpenMP use one thread; it also decorates functions.

    The last bits of a matrix product depend on how many threads share it, and one bit is enough for another document
    to be acquired.

    Example:
        >>> import torch
        >>> with one_thread():
        ...     torch.get_num_threads()
        1
    """
    torch = sys.modules.get("torch")  # whoever has not loaded it does not compute with it
    n_threads = torch.get_num_threads() if torch else 1
    with _pools(len(sys.modules)).limit(limits=1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(n_threads)


@lru_cache(maxsize=1)
def _pools(n_modules: int) -> Any:
    """The thread pools of the loaded libraries; it takes milliseconds to find them, and imports may load others."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
