"""Which instances a folder of logs has, and which of them are in each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cal.dynamics.jsonl import Fault, Records
from cal.dynamics.log_line import IDS, SAME_WIDTH
from cal.dynamics.scale import Scale, described
from cal.errors import quantity

if TYPE_CHECKING:
    import pandas as pd

KINDS = {"missing": "missing", "late": "not in an earlier epoch", "duplicate": "in several lines"}
"""What can be wrong with an instance in an epoch, and its description."""


class Instances:
    """Instances by id, with everything that must be the same in every epoch.

    Args:
        scale: what the logits of all epochs look like; None does not look.

    Attributes:
        index: row of each id (string or whole number), in the order of rows.
        gold: (instance,) gold classes.
        n_classes: width of the logits; 0 before the first epoch.
    """

    def __init__(self, scale: Scale | None = None) -> None:
        self.index: dict[str | int, int] = {}
        self.gold, self.n_classes = np.zeros(0, np.int64), 0
        self._scale = scale

    def add(self, path: Path, records: Records) -> tuple[np.ndarray, list[Fault]]:
        """Adds new instances, then does what `find` does."""
        for instance_id in records.ids:
            self.index.setdefault(instance_id, len(self.index))
        self.n_classes = self.n_classes or records.logits.shape[1]
        unknown = np.full(len(self.index) - len(self.gold), -1)
        self.gold = np.concatenate([self.gold, unknown])
        rows = self._rows(records)
        new = np.flatnonzero(self.gold[rows] < 0)[::-1]  # reversed, so that the first of several lines wins
        self.gold[rows[new]] = records.gold[new]
        return self.find(path, records)

    def find(self, path: Path, records: Records) -> tuple[np.ndarray, list[Fault]]:
        """(record,) rows of the instances, -1 if unknown, and faults where something differs from earlier epochs."""
        faults = []
        first, rows = next(iter(self.index)), self._rows(records)
        if type(first) is not type(records.ids[0]):
            what = f"ids look like {records.ids[0]!r}, and in earlier epochs like {first!r}"
            faults.append(Fault(path, int(records.lines[0]), what, IDS))
        if records.logits.shape[1] != self.n_classes:
            what = f"there are {records.logits.shape[1]} logits, but {self.n_classes} in earlier epochs"
            faults.append(Fault(path, int(records.lines[0]), what, SAME_WIDTH))
        known = np.flatnonzero(rows >= 0)
        changed = known[self.gold[rows[known]] != records.gold[known]]
        if len(changed):
            at = changed[0]
            what = f"gold of id {records.ids[at]!r} is {records.gold[at]}, and was {self.gold[rows[at]]} before"
            what += f"; this file has {len(changed)} such lines" if len(changed) > 1 else ""
            remedy = "An instance has the same gold label in every epoch: do not mix logs with different labels."
            faults.append(Fault(path, int(records.lines[at]), what, remedy))
        if self._scale is not None:
            self._scale.add(records.logits)
            if self._scale.kind:
                faults.append(Fault(path, 0, *described(self._scale.kind)))
        return rows, faults

    def some(self, rows: np.ndarray) -> Instances:
        """The instances in some rows."""
        ids = list(self.index)
        chosen = Instances(self._scale)
        chosen.index = {ids[row]: position for position, row in enumerate(rows)}
        chosen.gold, chosen.n_classes = self.gold[rows], self.n_classes
        return chosen

    def _rows(self, records: Records) -> np.ndarray:
        return np.fromiter(map(self.index.get, records.ids, repeat(-1)), np.int64, len(records.ids))


class Coverage:
    """In which epochs instances are missing, late or repeated, found in one pass that keeps no logits.

    Args:
        scale: what the logits of all epochs look like; None does not look.

    Attributes:
        instances: all instances seen in any epoch.
        n_seen: (instance,) number of epochs that have it.
        epochs: epochs added so far.
    """

    def __init__(self, scale: Scale | None = None) -> None:
        self.instances, self.n_seen = Instances(scale), np.zeros(0, np.int64)
        self.epochs: list[int] = []
        self._found: list[tuple[int, str, np.ndarray]] = []

    def add(self, epoch: int, path: Path, records: Records) -> list[Fault]:
        """Counts the instances of an epoch; returns faults where something differs from earlier epochs."""
        n_before = len(self.n_seen)
        rows, faults = self.instances.add(path, records)
        n_lines = np.bincount(rows, minlength=n_before)
        late = (np.arange(len(n_lines)) >= n_before) & bool(self.epochs)
        for kind, where in (("missing", n_lines == 0), ("late", late), ("duplicate", n_lines > 1)):
            self._found.append((epoch, kind, np.flatnonzero(where)))
        self.n_seen = np.pad(self.n_seen, (0, len(n_lines) - n_before)) + (n_lines > 0)
        self.epochs.append(epoch)
        return faults

    def complete(self) -> np.ndarray:
        """Rows of the instances in every epoch."""
        return np.flatnonzero(self.n_seen == len(self.epochs))

    def ids(self, rows: Sequence[int] | np.ndarray) -> list[str | int]:
        """Ids of the instances in some rows."""
        ids = list(self.instances.index)
        return [ids[row] for row in rows]

    def found(self, epoch: int, kind: str) -> np.ndarray:
        """Rows of the instances that are `missing`, `late` or `duplicate` in an epoch."""
        return next(rows for e, k, rows in self._found if (e, k) == (epoch, kind))

    def table(self) -> pd.DataFrame:
        """Rows of id, epoch and fault: `missing` (but in an earlier epoch), `late` or `duplicate`."""
        import pandas as pd

        frames = [
            pd.DataFrame({"id": pd.Series(self.ids(rows), dtype=object), "epoch": epoch, "fault": kind})
            for epoch, kind, rows in self._found
        ]
        return pd.concat(frames, ignore_index=True)

    def explanation(self) -> str:
        """Number of missing, late and repeated instances in each epoch, and what to do about them."""
        complete, n_epochs = self.complete(), len(self.epochs)
        all_epochs = f"all {n_epochs} epochs" if n_epochs > 1 else "the epoch"
        if len(complete):
            remedy = (
                f'on_missing="drop" keeps the {len(complete)} complete instances, on_missing="partial" keeps all, each '
                "with the epochs it has; both use the first of several lines."
            )
        else:
            remedy = (
                "These logs have different instances, perhaps the first lines of shuffled files. Give the complete "
                f"files, or read one epoch: epochs=[{self.epochs[0]}]."
            )
        epoch, kind, rows = next(found for found in self._found if len(found[2]))
        rows_of_table = [("epoch", *KINDS), *((e, *(len(self.found(e, k)) for k in KINDS)) for e in self.epochs)]
        return "\n".join(
            [
                f"{len(complete)} of {quantity(len(self.n_seen), 'instance')} are in {all_epochs}; "
                "each should be in every epoch exactly once.",
                *("".join(f"{cell:>11}" for cell in row) for row in rows_of_table),
                f"For example id {self.ids(rows[:1])[0]!r} is {KINDS[kind]} in epoch {epoch}. {remedy}",
            ]
        )
