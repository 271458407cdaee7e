"""lint_logs: everything that is wrong with the logs in a folder."""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from cal.arguments import check_arguments
from cal.dynamics.coverage import Coverage
from cal.dynamics.jsonl import Fault, Records, epoch_of, joined, scan
from cal.dynamics.logs import log_folder

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3
"""Number of faults of one kind in one file that the report lists; the others are counted."""


@dataclass(frozen=True, eq=False, repr=False)
class LogReport:
    """Every fault of the logs in a folder, file by file; `str` explains them.

    Attributes:
        folder: folder of the logs.
        faults: faults in the order of the files.
        coverage: instances of each epoch, from the lines that can be read.
    """

    folder: Path
    faults: list[Fault]
    coverage: Coverage

    def to_frame(self) -> pd.DataFrame:
        """A row of file, line (0 is the whole file), fault and remedy for each fault."""
        import pandas as pd

        rows = [(fault.path.name, fault.line, fault.what, fault.remedy) for fault in self.faults]
        return pd.DataFrame(rows, columns=["file", "line", "fault", "remedy"])

    def __repr__(self) -> str:
        return f"LogReport of {str(self.folder)!r}: {self._count()}"

    def _repr_html_(self) -> str:
        table = self.to_frame().to_html(index=False) if self.faults else ""
        return f"<p>{html.escape(f'{self.folder}: {self._count()}. {self._summary()}')}</p>{table}"

    def __str__(self) -> str:
        kinds = Counter((fault.path, fault.remedy) for fault in self.faults)
        lines, shown = [], Counter[tuple[Path, str]]()
        for fault in self.faults:
            kind = (fault.path, fault.remedy)
            shown[kind] += 1
            if shown[kind] <= _SHOWN:
                where = f"{fault.path.name}, line {fault.line}" if fault.line else fault.path.name
                lines.append(f"{where}: {fault.what}.")
            if shown[kind] == kinds[kind]:
                if kinds[kind] > _SHOWN:
                    lines.append(f"{fault.path.name}: ... and {kinds[kind] - _SHOWN} more faults of this kind.")
                lines.append(f"    {fault.remedy}")
        return "\n".join([f"{self.folder}: {self._count()}. {self._summary()}", *lines])

    def _count(self) -> str:
        return {0: "no faults", 1: "1 fault"}.get(len(self.faults), f"{len(self.faults)} faults")

    def _summary(self) -> str:
        if not self.coverage.epochs:
            return "Nothing could be read."
        instances, n_complete = self.coverage.instances, len(self.coverage.complete())
        return (
            f"{len(self.coverage.epochs)} epochs, {len(instances.index)} instances, {instances.n_classes} classes; "
            f"{n_complete} instances are in every epoch."
        )


def lint_logs(folder: Path | str) -> LogReport:
    """Checks every line of the logs `dynamics_epoch_{e}.jsonl` in a folder.

    Args:
        folder: folder of the logs, or one with a folder `training_dynamics`.

    Raises:
        DataError: if there is no such folder.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "dynamics_epoch_0.jsonl").write_text('{"guid":1,"logits_epoch_0":[0.5,NaN],"gold":0}')
        >>> for fault in lint_logs(folder).faults:
        ...     print(fault.path.name, fault.line, fault.what)
        dynamics_epoch_0.jsonl 1 NaN is not a number
    """
    check_arguments(lint_logs, locals())
    folder = log_folder(folder)
    files = sorted(folder.iterdir(), key=lambda path: (epoch_of(path) is None, epoch_of(path) or 0, path.name))
    logs = [path for path in files if epoch_of(path) is not None and path.is_file()]
    faults = [_stray(path) for path in files if path not in logs]
    epochs = [epoch_of(path) or 0 for path in logs]
    if not logs:
        what, remedy = "there is no log", "Logs are named dynamics_epoch_0.jsonl, dynamics_epoch_1.jsonl.gz and so on."
        faults.append(Fault(folder, 0, what, remedy))
    elif gaps := [(a + 1, b - 1) for a, b in pairwise([-1, *epochs]) if b > a + 1]:
        absent = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in gaps)
        what = f"there are logs up to epoch {max(epochs)}, but none of {absent}"
        remedy = "Find these files. Without them, metrics are computed from the other epochs."
        faults.append(Fault(folder, 0, what, remedy))
    coverage = Coverage()
    for epoch, path in zip(epochs, logs, strict=True):
        if epoch in coverage.epochs:
            remedy = "Remove one of them; nothing tells which is right."
            faults.append(Fault(path, 0, f"there is another log of epoch {epoch}", remedy))
            continue
        found = list(scan(path))
        unreadable = [part for part in found if isinstance(part, Fault)]
        faults += unreadable
        if blocks := [part for part in found if isinstance(part, Records)]:
            records = joined(blocks)
            n_before = len(coverage.n_seen)
            faults += coverage.add(epoch, path, records)
            faults += _absences(coverage, epoch, path, records, n_before, len(unreadable))
    return LogReport(folder, faults, coverage)


def _stray(path: Path) -> Fault:
    what = "this is a folder" if path.is_dir() else "its name is not that of a log"
    return Fault(path, 0, what, "It is ignored here, but other tools take every file for an epoch. Move it elsewhere.")


def _absences(
    coverage: Coverage, epoch: int, path: Path, records: Records, n_before: int, n_unreadable: int
) -> list[Fault]:
    """Faults for what is missing, late or repeated in the epoch just added."""
    missing, late, duplicate = (coverage.found(epoch, kind) for kind in ("missing", "late", "duplicate"))
    if len(missing) == n_before > 0:
        what = f"none of the {n_before} instances of earlier epochs is in this one, but {len(late)} others are"
        remedy = "The files log different instances, perhaps the first lines of shuffled files: give all lines."
        return [Fault(path, 0, what, remedy)]
    faults = []
    if len(missing) > n_unreadable:  # else they may be in the lines that cannot be read
        example = coverage.ids(missing[:1])[0]
        what = f"{len(missing)} of {n_before} instances of earlier epochs are missing, e.g. id {example!r}"
        remedy = (
            "If this is the last epoch, training may have been interrupted: leave the epoch out. Otherwise log every "
            "instance in every epoch; a loader that drops its last batch does not."
        )
        faults.append(Fault(path, 0, what, remedy))
    if len(late):
        example = coverage.ids(late[:1])[0]
        what = f"{len(late)} ids are in no earlier epoch, e.g. {example!r}"
        remedy = "Every epoch should have the same ids. on_missing=drop leaves late ones out, =partial keeps them."
        faults.append(Fault(path, _lines(records, example)[0], what, remedy))
    if len(duplicate):
        example = coverage.ids(duplicate[:1])[0]
        lines = _lines(records, example)
        what = f"{len(duplicate)} ids have several lines, e.g. {example!r}, also in line {lines[0]}"
        remedy = "Log each instance once; distributed training repeats some to fill the last batch."
        faults.append(Fault(path, lines[1], what, remedy))
    return faults


def _lines(records: Records, instance_id: str | int) -> list[int]:
    return [int(line) for line, other in zip(records.lines, records.ids, strict=True) if other == instance_id]
