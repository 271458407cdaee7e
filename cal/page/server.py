"""A server of a project: in front of a terminal, or in the background for notebooks and tests."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from cal.annotation.project import Project
from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers
from cal.errors import ConfigError, StorageError
from cal.page.access import Access
from cal.page.app import create_app

LOOPBACK = "127.0.0.1"
PORT = 8000
_TRIES = 20


class Server:
    """A server of a project.

    Args:
        project: its file or address, or an open `Project`.
        host: address to listen on; others than this machine can reach it only if it is not a loopback address, and
            then every reviewer needs a link.
        port: port to listen on; None takes the first free one from 8000 on.
        tour: whether the page offers its tour.

    Raises:
        ConfigError: if the port is taken, or the host is none of this machine.
    """

    def __init__(
        self, project: str | Path | Project, *, host: str = LOOPBACK, port: int | None = None, tour: bool = False
    ) -> None:
        refuse(whole_numbers(0, or_null=True, port=port))
        self.socket = listen(host, port)
        self.host, self.port = host, int(self.socket.getsockname()[1])
        self._owns = not isinstance(project, Project)
        self.project = project if isinstance(project, Project) else Project.open(project)
        self.access = Access(self.project, links=not is_loopback(host), port=self.port)
        self.app = create_app(self.project, self.access, tour=tour)
        config = uvicorn.Config(
            self.app,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where the page is."""
        name = self.host if ":" not in self.host else f"[{self.host}]"
        return f"http://{name}:{self.port}/"

    def run(self) -> None:
        """Serves until it is interrupted."""
        try:
            with contextlib.suppress(KeyboardInterrupt):
                self._server.run(sockets=[self.socket])
        finally:
            self.close()

    def start(self) -> Self:
        """Serves in the background."""
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise StorageError(f"The server at {self.address} did not start; what it printed says why.")
            time.sleep(0.01)
        return self

    def close(self) -> None:
        """Stops serving. Whatever was acknowledged is on the disk already."""
        self.app.state.closing.set()
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self.socket.close()
        if self._owns:
            self.project.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def start(
    project: str | Path | Project, *, host: str = LOOPBACK, port: int | None = None, tour: bool = False
) -> Server:
    """Serves the labelling page of a project in the background, as for a notebook.

    Args:
        project: its file or address, or an open `Project`.
        host: address to listen on.
        port: port to listen on; None takes the first free one from 8000 on.
        tour: whether the page offers its tour.

    Returns:
        The server: its `address`, and `close` to stop it. It is a context manager, too.
    """
    check_arguments(start, {"project": project, "host": host, "port": port, "tour": tour})
    return Server(project, host=host, port=port, tour=tour).start()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    return host in ("localhost", "::1") or host.startswith("127.")


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigError: if it cannot, saying why.
    """
    ports = [port] if port is not None else [*range(PORT, PORT + _TRIES), 0]
    for each in ports:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, each))
            made.listen(128)
            return made
        except OSError as error:
            made.close()
            if each == ports[-1]:
                raise ConfigError(
                    f"The page cannot be served at {host}, port {each}: {error.strerror or error}. "
                    "Give another port or host, or leave them out."
                ) from error
    raise AssertionError("one port at least was tried")
