"""The worker beside the page: a process of its own, so that nobody who labels waits for a training."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess  # nosec B404: it starts a module of ours
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cal.annotation.learning.child import USAGE

logger = logging.getLogger(__name__)
_PATIENCE = 5.0
_LONGEST = 60.0


class LearningProcess:
    """Starts a worker, starts it again if it is killed, and stops it with the page.

    Args:
        project: file or address of the project, with its password.
        options: options of `cal annotate learn`, as JSON holds them.
        quiet: whether it prints nothing about its progress.
    """

    def __init__(self, project: str, options: Mapping[str, Any], quiet: bool = False) -> None:
        self._given = {"project": project, "options": dict(options), "quiet": quiet, "parent": os.getpid()}
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name="cal-learning", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Number of the process; None while there is none."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def close(self) -> None:
        """Stops the worker. What it was training is trained again when somebody resumes it."""
        with self._lock:
            self._closing.set()
            if self._process is not None:
                self._process.terminate()
        self._thread.join(_PATIENCE)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _supervise(self) -> None:
        wait = 1.0
        while not self._closing.is_set():
            with self._lock:
                if self._closing.is_set():
                    return
                self._process = self._start()
            code = self._process.wait()
            if self._closing.is_set() or code in (0, -signal.SIGTERM):
                return
            if code == USAGE:
                logger.warning("The page goes on without learning.")
                return
            logger.warning("The process that learns has ended with %s, and starts again.", code)
            self._closing.wait(wait)
            wait = min(2 * wait, _LONGEST)

    def _start(self) -> subprocess.Popen[bytes]:
        safe = ["-P"] if sys.flags.safe_path else []
        words = [sys.executable, *safe, "-m", "cal.annotation.learning.child"]
        process = subprocess.Popen(words, stdin=subprocess.PIPE)  # nosec B603: words of ours
        with suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.write(json.dumps(self._given).encode())
            process.stdin.close()
        return process
