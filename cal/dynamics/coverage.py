"""Which instances a folder of logs has, and which of them are in each epoch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cal.dynamics.jsonl import Fault, Records
from cal.dynamics.log_line import IDS, SAME_WIDTH
from cal.dynamics.scale import Scale, described
from cal.errors import quantity

if TYPE_CHECKING:
    import pandas as pd

KINDS = {"missing": "missing", "late": "not in an earlier epoch", "duplicate": "in several lines"}
"""What can be wrong with an instance in an epoch, and its description."""


class Located(NamedTuple):
    """The lines of an epoch by the instances that they are about.

    Attributes:
        rows: (record,) row of the instance, -1 if it is unknown.
        logits: (record, class) float32, which is how a store keeps them.
        faults: where something differs from earlier epochs.
    """

    rows: np.ndarray
    logits: np.ndarray
    faults: list[Fault]


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
        self.index: dict[str | int, int] = defaultdict(count().__next__)
        self.gold, self.n_classes = np.zeros(0, np.int64), 0
        self._scale = scale

    def add(self, path: Path, blocks: Iterable[Records]) -> Located:
        """Adds the new instances of an epoch, then does what `find` does."""
        return self._located(path, blocks, lambda ids: map(self.index.__getitem__, ids))

    def find(self, path: Path, blocks: Iterable[Records]) -> Located:
        """The lines of an epoch, of which no more than a block is in memory as it was in the file."""
        return self._located(path, blocks, lambda ids: map(self.index.get, ids, repeat(-1)))

    def _located(
        self, path: Path, blocks: Iterable[Records], rows_of: Callable[[Sequence[str | int]], Iterator[int]]
    ) -> Located:
        parts: list[tuple[np.ndarray, ...]] = []
        for block in blocks:
            if not parts:
                first_id, first_line = block.ids[0], int(block.lines[0])
            rows = np.fromiter(rows_of(block.ids), np.int64, len(block.ids))
            parts.append((rows, block.logits.astype(np.float32), block.gold, block.lines))
            if self._scale is not None:
                self._scale.add(block.logits)
        rows, logits, gold, lines = map(np.concatenate, zip(*parts, strict=True))
        self._learn(rows, gold, logits.shape[1])
        faults = []
        known_id = next(iter(self.index))
        if type(known_id) is not type(first_id):
            what = f"ids look like {first_id!r}, and in earlier epochs like {known_id!r}"
            faults.append(Fault(path, first_line, what, IDS))
        if logits.shape[1] != self.n_classes:
            what = f"there are {logits.shape[1]} logits, but {self.n_classes} in earlier epochs"
            faults.append(Fault(path, first_line, what, SAME_WIDTH))
        known = np.flatnonzero(rows >= 0)
        changed = known[self.gold[rows[known]] != gold[known]]
        if len(changed):
            at = changed[0]
            what = f"gold of id {list(self.index)[rows[at]]!r} is {gold[at]}, and was {self.gold[rows[at]]} before"
            what += f"; this file has {len(changed)} such lines" if len(changed) > 1 else ""
            remedy = "An instance has the same gold label in every epoch: do not mix logs with different labels."
            faults.append(Fault(path, int(lines[at]), what, remedy))
        if self._scale is not None and self._scale.kind:
            faults.append(Fault(path, 0, *described(self._scale.kind)))
        return Located(rows, logits, faults)

    def _learn(self, rows: np.ndarray, gold: np.ndarray, n_classes: int) -> None:
        """Takes the gold classes of new instances from their first lines."""
        self.n_classes = self.n_classes or n_classes
        if n_new := len(self.index) - len(self.gold):
            self.gold = np.concatenate([self.gold, np.full(n_new, -1)])
            new = np.flatnonzero(self.gold[rows] < 0)[::-1]  # reversed, so that the first of several lines wins
            self.gold[rows[new]] = gold[new]

    def some(self, rows: np.ndarray) -> Instances:
        """The instances in some rows."""
        ids = list(self.index)
        chosen = Instances(self._scale)
        chosen.index = {ids[row]: position for position, row in enumerate(rows)}
        chosen.gold, chosen.n_classes = self.gold[rows], self.n_classes
        return chosen


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

    def add(self, epoch: int, path: Path, blocks: Iterable[Records]) -> list[Fault]:
        """Counts the instances of an epoch; returns faults where something differs from earlier epochs."""
        n_before = len(self.n_seen)
        rows, _, faults = self.instances.add(path, blocks)
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
