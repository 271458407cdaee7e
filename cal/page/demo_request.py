"""The request of `cal annotate demo`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cal.checks import Problems, numbers_in, whole_numbers
from cal.page.packages import require_packages
from cal.page.serve_request import PageRequest

PROJECT = "runs/review.db"


@dataclass(kw_only=True)
class DemoRequest(PageRequest):
    """Try the labelling page: make a project with wrong labels to find, and open it in a browser with a short tour.

    Args:
        project: file of the project, the first word of the command; one that is there is opened again
        max_per_class: largest number of documents per library, of which four fifths are used
        rate: share of the labels to make wrong
        seed: seed of what is random
    """

    project: Any = PROJECT
    max_per_class: int = 600
    rate: float = 0.08
    seed: int = 0
    tour = True

    def _resolve(self, problems: Problems) -> None:
        super()._resolve(problems)
        problems += whole_numbers(10, max_per_class=self.max_per_class) + whole_numbers(0, seed=self.seed)
        problems += numbers_in("(0, .5]", rate=self.rate)

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        from cal.annotation.project import Project

        self._serve(quiet)
        with Project.open(self.project) as project:
            found = project.status().injected
        return f"Stopped. {found} To go on: cal annotate demo {self.word}", Path()

    def _serve(self, quiet: bool) -> None:
        told = self._made(quiet)
        if not quiet:
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
        super()._serve(quiet)

    def _made(self, quiet: bool) -> str:
        """Makes the project, unless it is there; a sentence about it."""
        from cal.annotation.demo import make_demo
        from cal.annotation.store.database import exists

        require_packages("The labelling page")
        is_new = not exists(self.project)
        if is_new:
            from cal.page.listening import listen

            listen(self.host, self.port).close()  # better refused now than in a minute
            if not quiet:
                sys.stdout.write(f"Making {self.word} from the docstrings of installed libraries: about a minute.\n")
                sys.stdout.flush()
        made = {"max_per_class": self.max_per_class, "rate": self.rate, "seed": self.seed}
        with make_demo(self.project, **made, quiet=quiet) as project:  # type: ignore[arg-type]
            if not is_new:
                return f"{self.word} was there and is opened with its decisions. To start over, delete the file."
            status = project.status()
            assert status.injected is not None
            return f"It holds {status.documents:,} docstrings, of which {status.injected.n:,} have a wrong label."
