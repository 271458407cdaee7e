"""What the requests about a project share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cal.checks import Problems, is_path
from cal.errors import shown
from cal.request import Request


@dataclass(kw_only=True)
class ProjectRequest(Request):
    """A request about a labelling project.

    Args:
        project: its file, such as reviews.db, or the address of its database, such as postgresql://user@host/name; the
            first word of the command
    """

    project: Any = None
    leading = ("project",)

    def _resolve(self, problems: Problems) -> None:
        if self.project is None:
            words = f"cal annotate {type(self).__name__.removesuffix('Request').lower()} reviews.db"
            problems.append(f"There is no project. Give its file: {words}")
        elif not is_path(self.project):
            problems.append(f"project must be a file or the address of a database, not {shown(self.project)}.")
        else:
            self.project = str(self.project)

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        return str(self.run(quiet=quiet)), Path()
