"""Watchdog: a worker process that ends with its parent, however that dies.

This module needs the standard library only, so a worker is watched before it imports anything slow.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time

_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1


def end_with(parent: int, by_kernel: bool = False) -> None:
    """Makes this process end, within a second, when its parent has ended.

    Args:
        parent: process id of the parent.
        by_kernel: on Linux, let the kernel end this process, which works even while a long import keeps every other
            thread waiting. The kernel looks at the thread that started this process, so that thread must last as long
            as the parent.
    """
    if by_kernel and sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a libc without prctl
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:  # it has ended already
        os._exit(1)
    threading.Thread(target=_watch, args=(parent,), name="cal-parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    os._exit(1)
