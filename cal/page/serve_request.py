"""The request of `cal annotate serve`."""

from __future__ import annotations

import sys
import webbrowser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.annotation.learning.options import LearningOptions
from cal.annotation.requests.request import ProjectRequest
from cal.checks import Problems, true_or_false, whole_numbers
from cal.errors import DataError
from cal.page.packages import require_packages
from cal.request import as_data

if TYPE_CHECKING:
    from cal.page.server import Server

TRY = "To try the page without data of your own: cal annotate demo"


@dataclass(kw_only=True)
class PageRequest(ProjectRequest):
    """A request that serves the labelling page.

    Args:
        port: port to listen on; null takes the first free one from 8000 on
        host: address to listen on; 0.0.0.0 lets others reach the page, each through a link of their own
        reviewers: names of reviewers who get a link, such as [Ann,Bob]
        new_links: whether you and these reviewers get new links, so that the old ones no longer work
        no_browser: whether to open no browser
    """

    port: int | None = None
    host: str = "127.0.0.1"
    reviewers: Any = None
    new_links: bool = False
    no_browser: bool = False
    tour = False
    waits = True  # for people: no sign of life is needed

    def _resolve(self, problems: Problems) -> None:
        if self.project is None:
            problems.append(
                "There is no project to open. Give its file: cal annotate serve reviews.db. If you have none yet, make "
                f"it: cal annotate import reviews.db dataset=files dataset.path=FILE. {TRY}"
            )
        else:
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
            quiet: whether to print nothing but the address.

        Raises:
            ConfigError: if the port is taken, or FastAPI is not installed.
            DataError: if there is no such project.
            StorageError: if the database refuses.
        """
        self._serve(quiet)

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        self._serve(quiet)
        return f"Stopped. How far are we? cal annotate status {self.word}", Path()

    def _serve(self, quiet: bool) -> None:
        with self.server() as server:
            said = self.welcome(server)
            with suppress(KeyboardInterrupt):  # also before it serves
                sys.stdout.write("\n".join(said[:-1] if quiet else said) + "\n")
                sys.stdout.flush()
                if not self.no_browser:
                    webbrowser.open(server.opens)
                server.run()

    def server(self) -> Server:
        """The server, which does not serve yet."""
        from cal.annotation.store.database import exists

        if not exists(self.project):
            raise DataError(
                f"There is no project {self.word}. Make one: cal annotate import {self.word} dataset=files "
                f"dataset.path=FILE. {TRY}"
            )
        require_packages("The labelling page")
        from cal.page.server import Server

        given = {"host": self.host, "port": self.port, "new_links": self.new_links, "tour": self.tour}
        return Server(self.project, reviewers=self.reviewers or (), learn=self.learning(), **given)  # type: ignore[arg-type]

    def learning(self) -> dict[str, Any] | None:
        """The options of a process that learns beside the page; None if there is none."""
        return None

    def welcome(self, server: Server) -> list[str]:
        """The lines to print before serving."""
        stop = "Ctrl-C stops it; everything that was decided is kept."
        if not server.links:
            warning = [f"People can look, but not decide. {server.read_only}"] if server.read_only else []
            return [f"The labelling page of {self.word} is at {server.address}", *warning, stop]
        lines = [f"The labelling page of {self.word}. Everybody opens their own link, which is like a password:"]
        return [*lines, *(f"  {name}: {link}" for name, link in server.links.items()), stop]


@dataclass(kw_only=True)
class ServeRequest(LearningOptions, PageRequest):
    """Open the labelling page of a project in a browser; Ctrl-C stops it, and nothing decided is lost.

    With --learn, a process beside it learns from what people label and chooses what they label next; strategy, learner
    and the other options of `cal annotate learn` say how.

    Args:
        learn: whether to learn from what people label
    """

    learn: bool = False

    def _resolve(self, problems: Problems) -> None:
        super()._resolve(problems)
        problems += true_or_false(learn=self.learn)
        if self.changed and not self.learn:
            given = ", ".join(self.changed)
            problems.append(f"{given} {'is' if len(self.changed) == 1 else 'are'} for learning. Add --learn.")

    def learning(self) -> dict[str, Any] | None:
        return {name: as_data(value) for name, value in self.changed.items()} if self.learn else None

    def welcome(self, server: Server) -> list[str]:
        lines = super().welcome(server)
        if not self.learn:
            return lines
        learns = "The first documents to label are ready in a moment; then it learns from what you label."
        return [*lines[:-1], learns, lines[-1]]
