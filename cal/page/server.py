"""A server of a project: in front of a terminal, or in the background for notebooks and tests."""

from __future__ import annotations

import contextlib
import getpass
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from cal.annotation.project import Project
from cal.annotation.store.reviewer_links import links, make_links, set_lead
from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers
from cal.errors import StorageError
from cal.page.access import Access
from cal.page.app import create_app
from cal.page.http_server import HttpServer, server_config
from cal.page.learning_process import LearningProcess
from cal.page.listening import LOOPBACK, is_loopback, listen, name_of
from cal.page.warming import warm

SWITCHING = 0.0005
"""Seconds after which a thread lets others run: 5 ms by default, which a decision waits for at each of its statements
while a status or a map is read."""


class _Stopping(uvicorn.Server):
    """A server that ends its streams of changes at a signal, so that no open browser holds it up."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self._closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        first = not self.should_exit
        super().handle_exit(sig, frame)
        if first:  # a second signal may come while this one holds the lock of the event
            self._closing.set()


def _read_only(project: Project) -> str:
    """Why a project may only be read; empty if it may be written."""
    try:
        with project.writing():
            return ""
    except StorageError as error:
        if not re.search("read-?only", str(error)):
            raise
        return str(error)


class Server(HttpServer):
    """A server of a project.

    Args:
        project: its file or address, or an open `Project`.
        host: address to listen on; others than this machine can reach it only if it is not a loopback address, and
            then every reviewer needs a link.
        port: port to listen on; None takes the first free one from 8000 on.
        reviewers: names of reviewers who get a link, if links are needed.
        new_links: whether the lead and these reviewers get new links, so that the old ones no longer work.
        tour: whether the page offers its tour.
        learn: options of `cal annotate learn`, as JSON holds them, to let a process beside the page learn from what
            people label; None lets none.

    Raises:
        ConfigError: if the port is taken, or the host is none of this machine.

    Attributes:
        links: link of each reviewer by name, the lead first; empty if none are needed.
        read_only: why nothing can be decided; empty unless the project may only be read.
        learning: the process that learns; None if there is none.
    """

    def __init__(
        self,
        project: str | Path | Project,
        *,
        host: str = LOOPBACK,
        port: int | None = None,
        reviewers: Sequence[str] = (),
        new_links: bool = False,
        tour: bool = False,
        learn: Mapping[str, Any] | None = None,
    ) -> None:
        refuse(whole_numbers(0, or_null=True, port=port))
        self._owns = not isinstance(project, Project)
        self.project = project if isinstance(project, Project) else Project.open(project)
        try:
            self.read_only = _read_only(self.project)
            listening = self.socket = listen(host, port)
        except BaseException:
            if self._owns:
                self.project.close()
            raise
        self.host, self.port = host, int(self.socket.getsockname()[1])
        bound = str(self.socket.getsockname()[0])  # whatever the name of the host says
        self.access = Access(self.project, links=not is_loopback(bound), port=self.port, host=host)
        try:
            self.links = self._links(reviewers, new_links) if self.access.links else {}
        except BaseException:
            self._release()
            raise
        self.app = create_app(self.project, self.access, tour=tour)
        super().__init__(_Stopping(server_config(self.app), self.app.state.closing), listening, "cal-page")
        self._warming: threading.Thread | None = None
        self._learn = learn
        self.learning: LearningProcess | None = None
        self.app.state.trainer = None if learn is None else self

    def _links(self, reviewers: Sequence[str], again: bool) -> dict[str, str]:
        """Links by name, that of the lead first. Secrets are behind a #, which browsers keep to themselves."""
        lead = set_lead(self.project, getpass.getuser())
        make_links(self.project, [lead, *reviewers], again=again)
        known = links(self.project)
        return {
            name: f"{self.address}#token={known[name]}" for name in [lead, *(each for each in known if each != lead)]
        }

    @property
    def address(self) -> str:
        """Where the page is. If `links` is not empty, it opens only with one of them."""
        return f"http://{name_of(self.host)}:{self.port}/"

    @property
    def opens(self) -> str:
        """The address for whoever has started the server."""
        return next(iter(self.links.values()), self.address)

    def run(self) -> None:
        """Serves until it is interrupted."""
        sys.setswitchinterval(SWITCHING)
        super().run()

    def _begin(self) -> None:
        self._warming = warm(self.project)
        self.learn()

    @property
    def is_learning(self) -> bool:
        """Whether a process beside the page learns, or is about to."""
        return self.learning is not None and self.learning.pid is not None

    def learn(self) -> None:
        """Lets a process learn beside the page, if this server may and none does."""
        if self._learn is None or self.is_learning:
            return
        if self.learning is not None:
            self.learning.close()
        address = self.project.engine.url.render_as_string(hide_password=False)
        self.learning = LearningProcess(address, self._learn)

    def wait(self) -> None:
        """Waits until the server is closed or, in a terminal, interrupted; for scripts that end otherwise."""
        with contextlib.suppress(KeyboardInterrupt):
            while self._thread is not None and self._thread.is_alive():
                self._thread.join(0.2)
        self.close()

    def close(self) -> None:
        """Stops serving. Whatever was acknowledged is on the disk already."""
        self.app.state.closing.set()
        self._server.should_exit = True
        if self.learning is not None:
            self.learning.close()
        for thread in (self._thread, self._warming):
            if thread is not None:
                thread.join()
        self._release()

    def _release(self) -> None:
        self.socket.close()
        if self._owns:
            self.project.close()

    def __repr__(self) -> str:
        through = " Everybody opens their own link; see its `links`." if self.links else ""
        return f"The labelling page of {self.project.address} is at {self.address}.{through} close() stops it."

    def _repr_html_(self) -> str:
        """A link to the page, for notebooks; secrets stay out of them."""
        if self.links:
            return f"<p>{escape(repr(self))}</p>"
        shown = f'<a href="{escape(self.address)}" target="_blank" rel="noopener">{escape(self.address)}</a>'
        return (
            f"<p>The labelling page of {escape(self.project.address)} is at {shown}. <code>close()</code> stops it.</p>"
        )


def start(
    project: str | Path | Project,
    *,
    host: str = LOOPBACK,
    port: int | None = None,
    reviewers: Sequence[str] = (),
    new_links: bool = False,
    tour: bool = False,
    learn: Mapping[str, Any] | None = None,
) -> Server:
    """Serves the labelling page of a project in the background: see `Project.serve`.

    Args:
        project: its file or address, or an open `Project`.
        host: address to listen on.
        port: port to listen on; None takes the first free one from 8000 on.
        reviewers: names of reviewers who get a link, if the host lets others reach the page.
        new_links: whether they get new links, so that the old ones no longer work.
        tour: whether the page offers its tour.
        learn: options of `cal annotate learn`, to let a process beside the page learn; None lets none.

    Returns:
        The server: its `address`, its `links`, and `close` to stop it. It is a context manager, too.
    """
    check_arguments(start, locals())
    served = {"host": host, "port": port, "reviewers": reviewers, "new_links": new_links, "tour": tour}
    return Server(project, learn=learn, **served).start()  # type: ignore[arg-type]
