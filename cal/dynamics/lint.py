"""lint_logs: everything that is wrong with the logs in a folder."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cal.arguments import check_arguments
from cal.dynamics.coverage import Coverage
from cal.dynamics.find_logs import absent_epochs, folds_in, is_store, log_folder, misnamed, no_logs
from cal.dynamics.ids import few
from cal.dynamics.jsonl import Fault, Records, epoch_of, joined, or_without, scan
from cal.dynamics.open_logs import doubtful_scale, open_logs
from cal.dynamics.scale import Scale
from cal.dynamics.store import LogStore
from cal.errors import DataError, StorageError, quantity

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3
"""Number of faults of one kind in one file that the report lists; the others are counted."""

_KEYS = ("on_missing=", "epochs=", "values=", "label_names=")


@dataclass(frozen=True, eq=False, repr=False)
class LogReport:
    """Every fault of the logs in a folder, file by file; `str` explains them.

    Attributes:
        folder: folder of the logs.
        faults: faults in the order of the files.
        summary: what the logs hold, from the lines that can be read, in a sentence.
    """

    folder: Path
    faults: list[Fault]
    summary: str

    def to_frame(self) -> pd.DataFrame:
        """A row of file, line (0 is the whole file), fault and remedy for each fault."""
        import pandas as pd

        rows = [(fault.path.name, fault.line, fault.what, fault.remedy) for fault in self.faults]
        return pd.DataFrame(rows, columns=["file", "line", "fault", "remedy"])

    def __repr__(self) -> str:
        return f"LogReport of {str(self.folder)!r}: {self._count()}"

    def _repr_html_(self) -> str:
        table = self.to_frame().to_html(index=False) if self.faults else ""
        return f"<p>{html.escape(f'{self.folder}: {self._count()}. {self.summary}')}</p>{table}"

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
        if any(key in fault.remedy for fault in self.faults for key in _KEYS):
            lines.append("Words such as epochs=[0,1] go to what reads the logs: cal map, select, weights or suspects.")
        return "\n".join([f"{self.folder}: {self._count()}. {self.summary}", *lines])

    def _count(self) -> str:
        return quantity(len(self.faults), "fault") if self.faults else "no faults"


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
    if folds := folds_in(folder):
        reports = [lint_logs(path) for path in folds]
        summary = " ".join(f"{report.folder.name}: {report.summary}" for report in reports)
        faults = [fault for report in reports for fault in report.faults]
        if not faults:
            try:
                open_logs(folder)
            except DataError as error:
                faults = [Fault(folder, 0, *_parts(str(error), folder))]
        return LogReport(folder, faults, summary)
    return _lint_store(folder) if is_store(folder) else _lint_files(folder)


def _lint_files(folder: Path) -> LogReport:
    files = sorted(folder.iterdir(), key=lambda path: (epoch_of(path) is None, epoch_of(path) or 0, path.name))
    logs = [path for path in files if epoch_of(path) is not None and path.is_file()]
    likely = dict(misnamed(folder))
    # Without any log, files of other names are hardly strays among logs; those that may be logs are told their names.
    faults = [_stray(path, likely.get(path)) for path in files if path not in logs and (logs or path in likely)]
    epochs = sorted({epoch_of(path) or 0 for path in logs})
    absent = absent_epochs(folder, epochs) if logs else no_logs(folder)
    faults += [absent] if absent else []
    scale = Scale()
    coverage = Coverage(scale)
    for path in logs:
        epoch = epoch_of(path) or 0
        if epoch in coverage.epochs:
            remedy = "Remove one of them; nothing tells which is right."
            faults.append(Fault(path, 0, f"there is another log of epoch {epoch}", remedy))
            continue
        found = list(scan(path, others=epochs))
        unreadable = [part for part in found if isinstance(part, Fault)]
        faults += unreadable
        if blocks := [part for part in found if isinstance(part, Records)]:
            records = joined(blocks)
            n_before = len(coverage.n_seen)
            faults += coverage.add(epoch, path, blocks)
            faults += _absences(coverage, path, records, n_before, len(unreadable), epochs)
    n_classes = coverage.instances.n_classes
    return LogReport(
        folder, faults, _summary(coverage.epochs, len(coverage.n_seen), n_classes, len(coverage.complete()))
    )


def _lint_store(folder: Path) -> LogReport:
    """The faults of a recorder's folder, whose epochs were checked when they were written."""
    try:
        store = LogStore(folder)
    except (StorageError, DataError) as error:
        return LogReport(folder, [Fault(folder, 0, *_parts(str(error), folder))], "The folder of a recorder.")
    faults = []
    n_seen = np.zeros(len(store), np.int64)
    for logits in store:
        n_seen += ~np.isnan(logits[:, 0])
    if len(lacking := np.flatnonzero(n_seen < store.n_epochs)):
        what = f"{quantity(len(lacking), 'instance')} of {len(store):,} not in every epoch: {few(store.ids[lacking])}"
        remedy = 'on_missing="drop" leaves them out, on_missing="partial" uses the epochs they have.'
        faults.append(Fault(folder, 0, what, remedy))
    if doubt := doubtful_scale(store):
        faults.append(Fault(folder, 0, *doubt))
    n_complete = len(store) - len(lacking)
    summary = _summary(range(store.n_epochs), len(store), store.n_classes, n_complete)
    return LogReport(folder, faults, f"The folder of a recorder, capture {store.capture}. {summary}")


def _parts(message: str, folder: Path) -> tuple[str, str]:
    """What is wrong and what to do, from the message of an error about a folder."""
    what, _, remedy = message.rstrip(".").partition(". ")
    return what.removeprefix(f"{folder}").lstrip(": "), f"{remedy or 'Record into another folder'}."


def _summary(epochs: Sequence[int], n_instances: int, n_classes: int, n_complete: int) -> str:
    if not epochs:
        return "Nothing could be read."
    of = f" ({epochs[0]} to {epochs[-1]})" if epochs[0] else ""
    are = "instance is" if n_complete == 1 else "instances are"
    return (
        f"{quantity(len(epochs), 'epoch')}{of}, {quantity(n_instances, 'instance')}, {n_classes} classes; "
        f"{n_complete} {are} in every epoch."
    )


def _stray(path: Path, remedy: str | None) -> Fault:
    what = "this is a folder" if path.is_dir() else "its name is not that of a log"
    remedy = remedy or "It is ignored here, but other tools take every file for an epoch. Move it elsewhere."
    return Fault(path, 0, what, remedy)


def _absences(
    coverage: Coverage, path: Path, records: Records, n_before: int, n_unreadable: int, epochs: Sequence[int]
) -> list[Fault]:
    """Faults for what is missing, late or repeated in the epoch just added."""
    epoch = coverage.epochs[-1]
    missing, late, duplicate = (coverage.found(epoch, kind) for kind in ("missing", "late", "duplicate"))
    if len(missing) == n_before > 0:
        what = f"none of the {n_before} instances of earlier epochs is in this one, but {len(late)} others are"
        remedy = "The files log different instances, perhaps the first lines of shuffled files: give all lines."
        return [Fault(path, 0, what, remedy)]
    faults = []
    if len(missing) > n_unreadable:  # else they may be in the lines that cannot be read
        example = coverage.ids(missing[:1])[0]
        are = "is" if len(missing) == 1 else "are"
        what = f"{len(missing)} of {n_before} instances of earlier epochs {are} missing, e.g. id {example!r}"
        remedy = (
            "Log every instance in every epoch, which a loader that drops its last batch does not. "
            'on_missing="drop" leaves these instances out, on_missing="partial" uses their other epochs.'
        ) + or_without(path, epochs)
        faults.append(Fault(path, 0, what, remedy))
    if len(late):
        example = coverage.ids(late[:1])[0]
        what = f"{quantity(len(late), 'id')} not in an earlier epoch, e.g. {example!r}"
        remedy = 'Every epoch should have the same ids. on_missing="drop" leaves late ones out, "partial" keeps them.'
        faults.append(Fault(path, _lines(records, example)[0], what, remedy))
    if len(duplicate):
        example = coverage.ids(duplicate[:1])[0]
        lines = _lines(records, example)
        what = f"{quantity(len(duplicate), 'id')} in several lines, e.g. {example!r}, also in line {lines[0]}"
        remedy = (
            "Log each instance once; distributed training repeats some to fill the last batch. "
            'on_missing="drop" or "partial" takes the first line.'
        )
        faults.append(Fault(path, lines[1], what, remedy))
    return faults


def _lines(records: Records, instance_id: str | int) -> list[int]:
    return [int(line) for line, other in zip(records.lines, records.ids, strict=True) if other == instance_id]
