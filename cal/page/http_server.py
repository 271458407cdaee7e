"""HttpServer: an app on a socket, in front of a terminal or in the background."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

import uvicorn

from cal.errors import StorageError


def server_config(app: Any) -> uvicorn.Config:
    """How an app is served: quietly, without telling who serves it."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=3,
    )


class HttpServer(ABC):
    """Serves an app. Subclasses say where, what begins with it, and what ends with it.

    Args:
        server: serves the app.
        listening: socket that it listens on.
        name: name of its thread.
    """

    def __init__(self, server: uvicorn.Server, listening: socket.socket, name: str) -> None:
        self._server, self.socket, self._name = server, listening, name
        self._thread: threading.Thread | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it is."""

    @abstractmethod
    def close(self) -> None:
        """Stops serving."""

    @abstractmethod
    def _begin(self) -> None:
        """Begins what runs beside it."""

    def run(self) -> None:
        """Serves until it is interrupted."""
        self._begin()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                self._server.run(sockets=[self.socket])
        finally:
            self.close()

    def start(self) -> Self:
        """Serves in the background."""
        self._begin()
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self.socket]}, name=self._name, daemon=True
        )
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise StorageError(f"The server at {self.address} did not start; what it printed says why.")
            time.sleep(0.01)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
