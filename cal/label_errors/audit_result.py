"""AuditResult: what an audit measured, in memory and as a folder.

config.yaml, audit.json                 the parameters; the corpus and versions
scores.csv, curves.csv, accuracies.csv, the frames of `AuditResult`
classes.csv, stability.csv
means.csv                               means of the scores over seeds, with intervals
class_recall.csv                        `AuditResult.class_recall()`
wrong/NOISE-RATE-SEED-*.csv             wrong labels of each injection: id (and place if there are no ids), gold, given
cells/                                  finished injections, from which the same command resumes
report.md, report.html, figures/        the report
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from cal.arguments import check_arguments
from cal.data.noise import NOISE
from cal.files import OwnedFolder
from cal.report.markup import to_html, to_markdown
from cal.report.plot_style import rendered
from cal.stored import Stored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cal.label_errors.audit_advice import Advice

FRAMES = ("scores", "curves", "accuracies", "classes")
"""Frames with rows of each injection."""
_TABLES = (*FRAMES, "stability")
_TEXTS = ("noise", "detector", "no_estimate", "treatment", "side", "label")
_SHARE = (0.0, 1.0)
_COUNT = (0.0, float("inf"))
_CELL = {"rate": _SHARE, "seed": _COUNT}
_SCORES = {**_CELL, "average_precision": _SHARE, "auroc": _SHARE}
_CURVES = {**_CELL, "reviewed": (0.0, 100.0), "recall": _SHARE}
_ACCURACIES = {**_CELL, "accuracy": _SHARE, "macro_f1": _SHARE}
_CLASSES = {**_CELL, "n_wrong": _COUNT, "found": _COUNT}
_STABILITY = {"seed": _COUNT, "other": _COUNT, "overlap": _SHARE}


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What an audit measured, for each kind of noise, rate and seed.

    Attributes:
        scores: one row per detector: `n_instances` and `n_wrong`; `average_precision` and `auroc` of its ranking; for
            each x in `REVIEWED`, `recall_at_x` (share of the wrong labels among the first x percent of documents),
            `ceiling_at_x` (its upper bound) and `precision_at_x`; `flagged_share`, `flag_precision` and `flag_recall`
            of a detector that flags; `n_errors`, `n_errors_low` and `n_errors_high` of one that estimates how many
            labels are wrong, or `no_estimate`, the reason why it cannot; `seconds`. Measures that a detector does not
            have are NaN.
        curves: one row per detector and percentage `reviewed`, one of `CURVE`, with its `recall`.
        accuracies: one row per training, with `accuracy` and `macro_f1` on the test split. The `treatment` of the
            labels is `as is` (noisy), `clean` (all right), or `fix` or `drop`: the first `k` documents by a
            `detector`, or random ones, get their right labels or are left out. Empty if nothing was cleaned.
        about: corpus, versions and device.
        config: parameters of the request.
        classes: one row per detector, `side` and `label` that has wrong labels. Those of side `given` have the label
            now, and those of side `right` should have it: their number `n_wrong`, and how many are `found` among the
            first 5 % of the documents. Empty if the folder was written before there was this frame.
        stability: one row per detector and pair of seeds, `seed` and `other`, on the labels as they are: the `overlap`
            of their first 5 %, as a share. Empty if it was not measured.
    """

    scores: pd.DataFrame
    curves: pd.DataFrame
    accuracies: pd.DataFrame
    about: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    classes: pd.DataFrame = field(default_factory=pd.DataFrame)
    stability: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def advice(self) -> Advice:
        """Which detector to use and why, with the command that does."""
        from cal.label_errors.audit_advice import advise

        return advise(self)

    def to_frame(self) -> pd.DataFrame:
        """Means of the scores over seeds with intervals, one row per kind of noise, rate, detector and measure."""
        from cal.label_errors.audit_tables import means_of

        return means_of(self)

    def class_recall(self) -> pd.DataFrame:
        """Share of the wrong labels of each class found by reading 5 %, for each kind of noise, rate and detector.

        Columns `n_wrong` and `found` are sums over seeds. `recall` is NaN where there are fewer than ten wrong labels.
        """
        from cal.label_errors.audit_classes import class_recall

        return class_recall(self.classes, ["noise", "rate", "detector"])

    def plot(self) -> Figure:
        """Share of the wrong labels found by share of documents read, for the first kind of noise and rate."""
        from cal.label_errors.audit_report import recall_figure
        from cal.label_errors.audit_tables import injections

        return recall_figure(injections(self)[0])

    def save(self, folder: Path | str) -> None:
        """Writes the folder of `cal audit`: tables, figures and the report.

        Raises:
            StorageError: if the folder holds something else or cannot be written.
        """
        check_arguments(AuditResult.save, locals())
        target = audit_folder(folder)
        with target.taken(again=True):
            begin(target, self.about, self.config)
            self._write(target)

    def _write(self, target: OwnedFolder) -> None:
        from cal.label_errors.audit_report import audit_document

        for name in _TABLES:
            target.write(f"{name}.csv", getattr(self, name).to_csv(index=False).encode())
        target.write("class_recall.csv", self.class_recall().to_csv(index=False).encode())
        target.write("means.csv", self.to_frame().to_csv(index=False).encode())
        described = orjson.dumps({"config": self.config, **self.about}, option=orjson.OPT_INDENT_2).decode()
        document, figures = audit_document(self, self.about["corpus"], described)
        files = {name: rendered(figure) for name, figure in figures.items()}
        for name, by_suffix in files.items():
            for suffix in ("png", "pdf"):
                target.write(f"figures/{name}.{suffix}", by_suffix[suffix])
        target.write("report.md", to_markdown(document).encode())
        pictures = {name: by_suffix["svg"] for name, by_suffix in files.items()}
        target.write("report.html", to_html(document, pictures).encode())

    @classmethod
    def load(cls, folder: Path | str) -> AuditResult:
        """Reads the folder of `cal audit`.

        Raises:
            StorageError: if the folder holds no finished audit.
        """
        check_arguments(AuditResult.load, locals())
        stored = Stored(folder, "finished audit", "cal audit")
        about = stored.json("audit.json", {"corpus": str})
        config = stored.yaml("config.yaml", {})
        scores = stored.table("scores.csv", _read_csv, _SCORES, ("noise", "detector"))
        if unknown := set(scores["noise"]) - set(NOISE):
            raise stored.damaged("scores.csv", f"noise is {unknown.pop()!r}")
        curves = stored.table("curves.csv", _read_csv, _CURVES, ("noise", "detector"))
        accuracies = _if_any(stored, "accuracies.csv", _ACCURACIES, ("noise", "treatment"))
        classes = _if_any(stored, "classes.csv", _CLASSES, ("noise", "detector", "side", "label"))
        stability = _if_any(stored, "stability.csv", _STABILITY, ("detector",))
        return cls(scores, curves, accuracies, about, config, classes, stability)

    def __str__(self) -> str:
        from cal.label_errors.audit_report import audit_text

        return audit_text(self, self.about["corpus"])

    def __repr__(self) -> str:
        n_cells = len(self.scores[["noise", "rate", "seed"]].drop_duplicates())
        n_detectors = self.scores["detector"].nunique()
        return f"AuditResult of {self.about['corpus']!r}: {n_detectors} detectors, {n_cells} injections"

    def _repr_html_(self) -> str:
        from cal.label_errors.detection_scores import READ, REVIEWED

        shown = ["average_precision", *(f"recall_at_{x}" for x in REVIEWED), f"precision_at_{READ}", "seconds"]
        means = self.scores.groupby(["noise", "rate", "detector"], sort=False)[shown].mean()
        said = f"{escape(self.advice.sentence)}</p><p>{escape(repr(self))}; means over seeds:"
        return f"<p>{said}</p>{means.to_html(float_format='{:.3f}'.format)}"


def audit_folder(folder: Path | str) -> OwnedFolder:
    """The folder to write an audit to."""
    return OwnedFolder(folder, "cal audit", "audit.json")


def begin(target: OwnedFolder, about: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Writes audit.json, which marks the folder as ours, and the configuration.

    Raises:
        StorageError: if the folder has an audit of other data.
    """
    target.refuse_other_data(about)
    target.write_json("audit.json", about)
    target.write_yaml("config.yaml", config)


def _if_any(
    stored: Stored, name: str, numbers: Mapping[str, tuple[float, float]], others: tuple[str, ...]
) -> pd.DataFrame:
    """A table that may be empty, or missing in a folder of an older version."""
    path = stored.folder / name
    if not path.exists() or (path.is_file() and path.stat().st_size <= 1):
        return pd.DataFrame()
    return stored.table(name, _read_csv, numbers, others)


def _read_csv(path: Path) -> pd.DataFrame:
    """A table whose texts may be empty or look like numbers."""
    frame = pd.read_csv(path, dtype=str, na_filter=False)
    numbers = [name for name in frame if name not in _TEXTS]
    for name in numbers:
        with suppress(ValueError):  # what is no number stays, and is refused with its row
            frame[name] = pd.to_numeric(frame[name])
    return frame
