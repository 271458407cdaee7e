"""Suspects: a ranked list of labels to re-check, in memory and as a folder.

suspects.html  a page with the first of them
suspects.csv   one row per document, most suspicious first; `suspects_table` describes the columns
to_read.csv    the first of them and random samples of the others, to say what you find: see `draw_reads`
pairs.csv      pairs of label and likely label among the first: see `label_pairs`
problems.csv   texts that are doubtful whatever their label: see `find_text_problems`
neighbours.parquet  the most similar documents of each, of many only of the 20,000 most suspicious: see
               `similar_documents`; absent if none were looked for
curves.npy     probability of each class after every epoch by models that never saw the document: see `Suspects.curves`;
               absent after a ranking without training
suspects.json  the request, the source and its hash, what labels flipped at random tell, versions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers
from cal.corrections.reads import draw_reads
from cal.errors import StorageError, quantity
from cal.exchange.spreadsheet import from_spreadsheet, to_spreadsheet
from cal.files import OwnedFolder
from cal.label_errors.next_steps import next_steps, next_text
from cal.label_errors.suspects_files import read_evidence, write_evidence
from cal.label_errors.suspects_pairs import label_pairs, n_counted
from cal.label_errors.suspects_table import READ
from cal.label_errors.suspects_text import (
    listed_text,
    metric_in_words,
    pairs_text,
    problems_text,
)
from cal.seeds import list_seeds
from cal.stored import Stored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEMS = ("kind", "reason", "group", "row", "id", "label", "text", "why", "score")
"""Columns of problems."""
UNCHANGED = "Nothing was changed; you decide which labels are wrong."
_FILLED = ("verdict", "corrected")  # columns that people fill in
_PROBABILITIES = ("p_wrong", "p_low", "p_high", "p_label", "p_likely")
_RANDOM_FLIPS = "errors_if_like_random_flips"


@dataclass(frozen=True, eq=False)
class Suspects:
    """Labels in the order in which they are worth reading again.

    Attributes:
        rows: one row per document, most suspicious first, with the columns of `suspects_table`.
        about: request, source, vectors, `errors_if_like_random_flips` (how many labels would be wrong if errors
            looked like labels flipped at random; None if nothing can be said even then, for the reason `no_p_wrong`)
            and versions, as in suspects.json.
        problems: texts that are doubtful whatever their label, as `find_text_problems` lists them.
        neighbours: the most similar documents of each, as `similar_documents` gives them; None if none were looked for.
        curves: (document, epoch, class) float16 probabilities by models that never saw the document, averaged over
            trainings. That of rank 1 comes first; classes are `label_names` of `about`. None without training.
    """

    rows: pd.DataFrame
    about: Mapping[str, Any]
    problems: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PROBLEMS))
    neighbours: pd.DataFrame | None = None
    curves: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def note(self) -> str:
        """What the list is of and how it is ordered, in words."""
        about, n_seeds = self.about, len(self.about["seeds"])
        trained = f", mean of {n_seeds} trainings" if n_seeds > 1 else ""
        told = f"{len(self):,} labels of {about['name']} in the order worth reading, by {metric_in_words(about['by'])}"
        similar = "" if about["similar"] == "similar texts" else f"; {about['similar']}"
        return f"{told}{trained}{similar}. {about.get('vectors') or ''}".strip()

    def to_frame(self) -> pd.DataFrame:
        """`rows`."""
        return self.rows

    def pairs(self, n: int | None = None) -> pd.DataFrame:
        """Pairs of label and likely label among the first, the most frequent first: see `label_pairs`.

        Args:
            n: number of suspects to count; None is 5 % of the labels, at least 20 and at most 100.

        Raises:
            ConfigError: if n is not a whole number of at least 1.
        """
        refuse(whole_numbers(or_null=True, n=n))
        return label_pairs(self.rows, n)

    def plot(self) -> Figure:
        """Suspicion by rank, and pairs of label and likely label among the first."""
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
        from cal.label_errors.suspects_page import suspects_page

        # suspects.json comes first: it marks the folder as ours.
        target.write_json("suspects.json", self.about, default=str)
        as_json = [orjson.dumps(others).decode() for others in self.rows["neighbours"]]
        target.write("suspects.csv", to_spreadsheet(self.rows.assign(neighbours=as_json)))
        if len(self):
            seed = (self.about["seeds"] or list_seeds(1))[0]
            target.write("to_read.csv", to_spreadsheet(draw_reads(self.rows, seed)))
        target.write("pairs.csv", to_spreadsheet(self.pairs()))
        target.write("problems.csv", to_spreadsheet(self.problems))
        write_evidence(target.path, self.neighbours, self.curves)
        target.write("suspects.html", suspects_page(self, output=str(target.path)).encode())

    @classmethod
    def load(cls, folder: Path | str) -> Suspects:
        """Reads the folder of `cal suspects`.

        Raises:
            StorageError: if the folder holds no list of suspects, one of an older version, or a damaged file.
        """
        check_arguments(Suspects.load, locals())
        stored = Stored(folder, "list of suspects", "cal suspects")
        needed = {"config": dict, "name": str, "by": str, "seeds": list}
        about = stored.json("suspects.json", needed)
        if _RANDOM_FLIPS not in about:
            raise StorageError(f"{folder} was written by an older version of cal. Repeat cal suspects to read it.")
        about = stored.json("suspects.json", {"similar": str, "named": bool, _RANDOM_FLIPS: (dict, type(None))})
        rows = stored.table(
            "suspects.csv",
            _read_rows,
            {"rank": (1, np.inf), "score": (-np.inf, np.inf), **dict.fromkeys(_PROBABILITIES, (0, 1))},
            others=(*READ, "likely_by", "neighbours"),
            unique="id",
        )
        problems = stored.table("problems.csv", _read_problems, {"score": (-np.inf, np.inf)}, others=PROBLEMS)
        return cls(rows, about, problems, *read_evidence(stored, int(rows["rank"].max()) if len(rows) else 0))

    def __str__(self) -> str:
        config, named = self.about["config"], bool(self.about["named"])
        parts = [f"{self.note}\n{UNCHANGED}"]
        parts += [listed_text(self.rows.head(config["n"]), named)] if config["n"] else []
        parts += [pairs_text(self.pairs(), n_counted(len(self))), problems_text(self.problems, named)]
        parts += [next_text(next_steps(len(self), config.get("output"), config))]
        return "\n\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        return f"Suspects of {self.about['name']!r}: {len(self):,} labels, ranked by {self.about['by']}"

    def _repr_html_(self) -> str:
        from html import escape

        placed = bool(self.rows["row"].notna().any())
        names = [name for name, shown in (("row", placed), ("id", self.about["named"] or not placed)) if shown]
        columns = [*names, "label", "likely", "why", "text"]
        return f"<p>{escape(self.note)}</p>{self.rows.head(10)[columns].to_html(index=False)}"


def _read_rows(path: Path) -> pd.DataFrame:
    rows = _with_numbers(from_spreadsheet(path), ("score", *_PROBABILITIES))
    for name in rows.columns[rows.columns.str.match("rank(_|$)")]:
        rows[name] = _numbers(rows[name]).astype("int64", errors="ignore")
    return rows.assign(neighbours=[orjson.loads(others) for others in rows["neighbours"]])


def _read_problems(path: Path) -> pd.DataFrame:
    return _with_numbers(from_spreadsheet(path), ("group", "score"))


def _with_numbers(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The table with numbers in some columns and in `row`, as far as there are such columns."""
    for name in ("row", *columns):
        if name in rows:
            rows[name] = _numbers(rows[name]).astype("Int64" if name == "row" else float, errors="ignore")
    return rows


def _numbers(cells: pd.Series) -> pd.Series:
    """The numbers in cells, perhaps with a decimal comma, exactly as they were; the cells, if some are none.

    `Stored` then names the row.
    """
    try:
        return cells.map(lambda cell: float(cell.replace(",", ".")) if cell.strip() else np.nan).astype(float)
    except ValueError:
        return cells


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
        StorageError: if the folder has a list of other documents, one that took training, or what people wrote.
    """
    target.refuse_other_data(about)
    if not trained and target.kept().get("seeds"):
        raise StorageError(
            f"{target.path} holds a list that took training; one from a map would replace it. Give another folder."
        )
    for name in ("suspects.csv", "to_read.csv"):
        if n := _n_filled(target.path / name):
            raise StorageError(
                f"{target.path / name} has {quantity(n, 'row')} with a verdict or a corrected label, which a new list "
                "would replace. Give another folder, or rename the file."
            )


def _n_filled(path: Path) -> int:
    """Number of rows of a table in which a column that people fill in is not empty."""
    try:
        table = from_spreadsheet(path)
    except Exception:  # there is none, or it is damaged, which is no reason to keep it
        return 0
    filled = [table[name].astype(str).str.strip() != "" for name in _FILLED if name in table]
    return int(np.logical_or.reduce(filled).sum()) if filled else 0
