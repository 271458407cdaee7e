"""Progress of a simulation: one bar over the rounds of all runs, read from the run folder."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Sequence
from types import TracebackType

from tqdm import tqdm

from cal.errors import StorageError
from cal.progress import signs_of_life
from cal.rounding import highest_first
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder

logger = logging.getLogger(__name__)
_SECONDS = 0.5


class Progress:
    """A progress bar over rounds, with the accuracy of each strategy so far; shown only in a terminal.

    It also logs the notes of strategies, each once.

    Args:
        folder: run folder with the finished rounds.
        runs: the runs to watch.
        n_rounds: maximum number of rounds per run.
        quiet: hide the progress bar.
    """

    def __init__(self, folder: RunFolder, runs: Sequence[Run], n_rounds: int, quiet: bool = False) -> None:
        self._folder, self._runs, self._n_rounds, self._quiet = folder, runs, n_rounds, quiet
        self._seen = dict.fromkeys(runs, 0)
        self._accuracy: dict[str, dict[int, float]] = {}
        self._noted: set[str] = set()
        self._told = ""
        self._stop = threading.Event()

    def __enter__(self) -> Progress:
        total = sum(1 if run.strategy == FULL_DATA else self._n_rounds for run in self._runs)
        n_before = self._look(log_notes=False)  # rounds finished by an earlier start
        self._total = total
        off = self._quiet or None
        form = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} rounds [{elapsed}<{remaining}]"
        self._bar = tqdm(total=total, initial=n_before, bar_format=form, disable=off, dynamic_ncols=True)
        self._line = tqdm(total=0, position=1, bar_format="{desc}", disable=off, dynamic_ncols=True)
        self._thread = threading.Thread(target=self._watch, name="cal-progress", daemon=True)
        self._thread.start()
        self._alive = signs_of_life(self._said, self._quiet)
        self._alive.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alive.__exit__(kind, error, trace)
        self._stop.set()
        self._thread.join()
        self._show()
        if kind is None:
            self._bar.total = self._bar.n  # runs may end early
        self._bar.close()
        self._line.close()

    def tell(self, text: str) -> None:
        """Says what the simulation is at, beside the accuracy so far."""
        self._told = text

    def _said(self) -> str:
        done = f"{sum(self._seen.values())} of {self._total} rounds done"
        return f"{done}; {self._told}" if self._told else done

    def _watch(self) -> None:
        while not self._stop.wait(_SECONDS):
            self._show()

    def _show(self) -> None:
        self._bar.update(self._look())
        means = {name: sum(seeds.values()) / len(seeds) for name, seeds in self._accuracy.items() if name != FULL_DATA}
        text = "accuracy so far: " + "  ".join(f"{name} {means[name]:.3f}" for name in highest_first(means))
        text = f"{self._told}; {text}" if self._told else text
        width = shutil.get_terminal_size().columns - 1
        self._line.set_description_str(text if len(text) <= width else text[: width - 1] + "…")

    def _look(self, log_notes: bool = True) -> int:
        """Number of rounds finished since the last call."""
        n_new = 0
        for run in self._runs:
            try:
                records = self._folder.records(run)
            except (StorageError, OSError):  # the worker reports it
                continue
            for record in records[self._seen[run] :]:
                self._accuracy.setdefault(run.strategy, {})[run.seed] = record["accuracy"]
                for note in record["notes"]:
                    if log_notes and f"{run.strategy}{note}" not in self._noted:
                        self._noted.add(f"{run.strategy}{note}")
                        logger.warning("%s, seed %s, round %s: %s", run.strategy, run.seed, record["round"], note)
            n_new += len(records) - self._seen[run]
            self._seen[run] = len(records)
        return n_new
