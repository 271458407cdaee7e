"""What the requests about a project share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
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
        result = self.run(quiet=quiet)
        return "\n".join(filter(None, [self.told(result), "" if quiet else self.next_step(result)])), Path()

    def told(self, result: Any) -> str:
        """What the command prints about its result."""
        return str(result)

    def next_step(self, result: Any) -> str:
        """A last line with the command that usually follows; empty if there is none."""
        return ""

    def export_next(self, queue: str, n: int) -> str:
        """The command that writes the next documents of a queue to a file that is not there yet."""
        names = (f"next{f'-{count}' if count > 1 else ''}.csv" for count in range(1, 10_000))
        free = next((name for name in names if not Path(name).exists()), "next.csv")
        return f"cal annotate export {self.word} queue={quote(queue)} n={n} output={free}"

    @property
    def word(self) -> str:
        """The project as a word of a command that people copy, without its password."""
        from cal.annotation.store.database import address, shown_address

        return quote(shown_address(address(self.project)))
