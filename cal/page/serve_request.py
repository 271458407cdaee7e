"""The request of `cal annotate serve`."""

from __future__ import annotations

import getpass
import socket
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.annotation.requests.request import ProjectRequest
from cal.checks import Problems, true_or_false, whole_numbers
from cal.errors import ConfigError, missing_package

if TYPE_CHECKING:
    from cal.page.server import Server


@dataclass(kw_only=True)
class ServeRequest(ProjectRequest):
    """Open the labelling page of a project in a browser; Ctrl-C stops it, and nothing decided is lost.

    Args:
        port: port to listen on; null takes the first free one from 8000 on
        host: address to listen on; 0.0.0.0 lets others reach the page, each through a link of their own
        reviewers: names of reviewers who get a link, such as [Ann,Bob]
        new_links: whether reviewers who have a link get a new one, so that the old one no longer works
        no_browser: whether to open no browser
    """

    port: int | None = None
    host: str = "127.0.0.1"
    reviewers: Any = None
    new_links: bool = False
    no_browser: bool = False

    def _resolve(self, problems: Problems) -> None:
        super()._resolve(problems)
        problems += whole_numbers(0, or_null=True, port=self.port)
        if self.port is not None and isinstance(self.port, int) and self.port > 65_535:
            problems.append(f"port is at most 65535; given {self.port}.")
        problems += true_or_false(new_links=self.new_links, no_browser=self.no_browser)
        if isinstance(self.reviewers, str):
            self.reviewers = [self.reviewers]

    def run(self, corpus: Any = None, *, quiet: bool = False) -> None:
        """Serves the page until it is interrupted.

        Args:
            corpus: not used.
            quiet: not used; nothing is printed.

        Raises:
            ConfigError: if the port is taken, or FastAPI is not installed.
            DataError: if there is no such project.
        """
        with self.server() as server:
            self._serve(server)

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        with self.server() as server:
            sys.stdout.write("\n".join(self.welcome(server)) + "\n")
            sys.stdout.flush()
            self._serve(server)
        return "", Path()

    def _serve(self, server: Server) -> None:
        if not self.no_browser:
            webbrowser.open(self.addresses(server)[0][1])
        server.run()

    def server(self) -> Server:
        """The server, which does not serve yet."""
        try:
            from cal.page.server import Server
        except ModuleNotFoundError as error:
            raise ConfigError(missing_package("The labelling page", str(error.name), extra="page")) from error

        return Server(self.project, host=self.host, port=self.port)

    def addresses(self, server: Server) -> list[tuple[str, str]]:
        """Who opens which address. Secrets are behind a #, which browsers keep to themselves."""
        from cal.annotation.store.reviewer_links import links, make_links, set_lead

        if not server.access.links:
            return [("", server.address)]
        lead = set_lead(server.project, getpass.getuser())
        make_links(server.project, [lead, *(self.reviewers or ())], again=self.new_links)
        known = links(server.project)
        base = f"http://{_name(self.host)}:{server.port}/"
        return [(name, f"{base}#token={known[name]}") for name in [lead, *(each for each in known if each != lead)]]

    def welcome(self, server: Server) -> list[str]:
        """The lines to print before serving."""
        addresses = self.addresses(server)
        if not server.access.links:
            return [f"The labelling page of {self.project} is at {addresses[0][1]}", "Ctrl-C stops it."]
        lines = [f"The labelling page of {self.project}. Everybody opens their own link, which is like a password:"]
        return [*lines, *(f"  {name}: {link}" for name, link in addresses), "Ctrl-C stops it."]


def _name(host: str) -> str:
    """A name by which others reach this machine."""
    return socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
