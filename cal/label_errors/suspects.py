"""Suspects: a ranked list of labels to re-check, in memory and as a folder.

suspects.json  the request, the source and its hash, the estimated number of errors or why there is none, versions
suspects.csv   one row per document, most suspicious first; `suspects_table` describes the columns
suspects.html  a page with the first of them
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from cal.arguments import check_arguments
from cal.errors import StorageError
from cal.files import OwnedFolder
from cal.label_errors.suspects_page import suspects_page
from cal.label_errors.suspects_table import estimate_text, metric_in_words, suspects_text
from cal.stored import Stored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PROBABILITIES = ("p_wrong", "p_low", "p_high")
_UNCHANGED = "Nothing was changed; you decide which labels are wrong."
_RANKING = "This is a ranking, with neither a number of wrong labels nor probabilities. "


@dataclass(frozen=True, eq=False)
class Suspects:
    """Labels ranked by how wrong they look.

    Attributes:
        rows: one row per document, most suspicious first, with the columns of `suspects_table`.
        about: request, source, `estimate` (the estimated number of errors; None if there is none, and then
            `no_estimate` is the reason) and versions, as in suspects.json.
    """

    rows: pd.DataFrame
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def verdict(self) -> str:
        """How many labels look wrong, or why that cannot be told, in a sentence or two."""
        totals = self.about["estimate"]
        return _RANKING + (self.about.get("no_estimate") or "") if totals is None else estimate_text(totals, len(self))

    @property
    def note(self) -> str:
        """How the labels were ranked, in words."""
        about, n_seeds = self.about, len(self.about["seeds"])
        trained = f", mean of {n_seeds} trainings" if n_seeds > 1 else ""
        note = f"{len(self):,} labels of {about['name']}, ranked by {metric_in_words(about['by'])}{trained}; "
        note += f"{about['neighbours']}."
        if about["estimate"] is not None:
            note += " The probabilities are estimates, learnt from labels flipped on purpose."
        return f"{note} {about.get('vectors') or ''}".strip()

    def to_frame(self) -> pd.DataFrame:
        """`rows`."""
        return self.rows

    def plot(self) -> Figure:
        """Suspicion by rank and, if it was estimated, the probability of being wrong."""
        from cal.label_errors.suspects_plot import suspects_figure

        return suspects_figure(self)

    def save(self, folder: Path | str) -> None:
        """Writes the folder of `cal suspects`.

        Raises:
            StorageError: if the folder holds something else or cannot be written.
        """
        check_arguments(Suspects.save, locals())
        target = suspects_folder(folder)
        with target.taken(again=True):
            refuse_to_replace(target, self.about, trained=bool(self.about["seeds"]))
            self._write(target)

    def _write(self, target: OwnedFolder) -> None:
        # suspects.json comes first: it marks the folder as ours.
        target.write_json("suspects.json", self.about, default=str)
        as_json = [orjson.dumps(others).decode() for others in self.rows["neighbours"]]
        table = self.rows.assign(neighbours=as_json)
        text = table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        target.write("suspects.csv", text.encode())
        n_shown, note = self.about["config"]["page"], f"{self.note} {_UNCHANGED}"
        if n_shown < len(self):
            note += f" This page shows the first {n_shown:,}; suspects.csv has all."
        title = f"Labels of {self.about['name']} to re-check"
        page = suspects_page(self.rows.head(n_shown), title=title, verdict=self.verdict, note=note)
        target.write("suspects.html", page.encode())

    @classmethod
    def load(cls, folder: Path | str) -> Suspects:
        """Reads the folder of `cal suspects`.

        Raises:
            StorageError: if the folder holds no list of suspects, or a file of it is damaged.
        """
        check_arguments(Suspects.load, locals())
        stored = Stored(folder, "list of suspects", "cal suspects")
        needed = {"config": dict, "name": str, "by": str, "seeds": list, "neighbours": str}
        about = stored.json("suspects.json", {**needed, "estimate": (dict, type(None))})
        rows = stored.table(
            "suspects.csv",
            _read_suspects,
            {"rank": (1, np.inf), "score": (-np.inf, np.inf), **dict.fromkeys(_PROBABILITIES, (0, 1))},
            others=("id", "gold", "likely", "neighbours", "why", "text"),
            unique="id",
        )
        return cls(rows, about)

    def __str__(self) -> str:
        n = self.about["config"]["n"]
        listed = [suspects_text(self.rows, n)] if n else []
        return "\n\n".join([f"{self.verdict}\n{self.note}", *listed, _UNCHANGED])

    def __repr__(self) -> str:
        return f"Suspects of {self.about['name']!r}: {len(self):,} labels, ranked by {self.about['by']}"

    def _repr_html_(self) -> str:
        from html import escape

        columns = ["rank", "id", "gold", "likely", "p_wrong", "why", "text"]
        if self.about["estimate"] is None:
            columns.remove("p_wrong")
        return f"<p>{escape(self.verdict)}</p>{self.rows.head(10)[columns].to_html(index=False)}"


def _read_suspects(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path, dtype={"id": str, "gold": str, "likely": str}, na_filter=False)
    rows["neighbours"] = [orjson.loads(others) for others in rows["neighbours"]]
    return rows.assign(**{name: pd.to_numeric(rows[name]) for name in _PROBABILITIES})


def suspects_folder(folder: Path | str) -> OwnedFolder:
    """The folder of a list."""
    return OwnedFolder(folder, "cal suspects", "suspects.json")


def refuse_to_replace(target: OwnedFolder, about: Mapping[str, Any], *, trained: bool) -> None:
    """Makes sure that a list replaces none that is worth more.

    Args:
        target: folder of the list.
        about: what the new list is about, as `OwnedFolder.refuse_other_data` takes it.
        trained: whether it comes from training; a list from a map does not replace one that took training.

    Raises:
        StorageError: if the folder has a list of other documents, or one that took training.
    """
    target.refuse_other_data(about)
    if not trained and target.kept().get("seeds"):
        raise StorageError(
            f"{target.path} holds a list that took training; one from a map would replace it. Give another folder."
        )
