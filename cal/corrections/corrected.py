"""Corrected: the content of the user's file with corrected labels, and what changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import pandas as pd

from cal.arguments import check_arguments
from cal.corrections.correction_gain import Gain
from cal.data.table_files import ending
from cal.errors import ConfigError, StorageError, in_words, quantity
from cal.files import write_whole
from cal.report.markup import shortened

_N_PAIRS = 20
_LABEL = 40  # characters of a label


@dataclass(frozen=True, eq=False)
class Corrected:
    """A file with corrected labels.

    Attributes:
        changes: one row per corrected label: `row`, `id`, `text`, `label` (as it was) and `corrected`.
        source: path of the file.
        content: its content with the corrected labels, in its own format.
        n_documents: number of its documents.
        n_confirmed: number of labels that the corrections confirm.
        n_done: number of labels that had been corrected already.
        gain: what the corrections do to accuracy; None if that was not measured.
        saved: paths to which `save` has written the file.
    """

    changes: pd.DataFrame
    source: Path
    content: bytes = field(repr=False)
    n_documents: int
    n_confirmed: int = 0
    n_done: int = 0
    gain: Gain | None = None
    saved: list[Path] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.changes)

    def to_frame(self) -> pd.DataFrame:
        """`changes`."""
        return self.changes

    def pairs(self) -> pd.DataFrame:
        """How many labels change from one to another: `n`, `label`, `corrected`; most first."""
        counts = Counter(zip(self.changes["label"], self.changes["corrected"], strict=True))
        rows = sorted(((n, *pair) for pair, n in counts.items()), key=lambda each: (-each[0], *each[1:]))
        return pd.DataFrame(rows, columns=["n", "label", "corrected"])

    def save(self, path: Path | str) -> None:
        """Writes the file.

        Raises:
            ConfigError: if the path has another ending than the file.
            StorageError: if there is something else already, or the file cannot be written.
        """
        check_arguments(Corrected.save, locals())
        target = Path(path)
        refuse_output(target, self.source)
        if target.exists():
            if target.read_bytes() != self.content:
                raise StorageError(f"{target} exists and holds something else. Give another file, or remove it.")
        else:
            write_whole(target, self.content, "Make room, or give another file.")
        self.saved.append(target)

    @property
    def verdict(self) -> str:
        """How many labels are corrected, and how many are left alone, and why."""
        n_rest = self.n_documents - len(self) - self.n_confirmed - self.n_done
        told = {
            "that you confirmed": self.n_confirmed,
            "that had been corrected already": self.n_done,
            "without a correction": n_rest,
        }
        alone = in_words([f"{n:,} {why}" for why, n in told.items() if n] or ["none"])
        n = f"{len(self):,} of {quantity(self.n_documents, 'label')} {'is' if len(self) == 1 else 'are'} corrected"
        return f"{self.source.name}: {n}. Left alone: {alone}."

    @property
    def outcome(self) -> str:
        """What the corrections do to accuracy, or why that is not known."""
        if self.gain is not None:
            return str(self.gain)
        if not len(self):
            return "Accuracy stays as it is."
        return (
            "Accuracy was not measured, because there are no test data. Give test=FILE, a file like this one whose "
            "labels are right and whose documents are not in it."
        )

    def __str__(self) -> str:
        pairs = self.pairs()
        width = len(f"{pairs['n'].max():,}") if len(pairs) else 0
        lines = [
            f"  {n:>{width},}  {shortened(old, _LABEL)} -> {shortened(new, _LABEL)}"
            for n, old, new in pairs.head(_N_PAIRS).itertuples(index=False)
        ]
        if len(pairs) > _N_PAIRS:
            others = int(pairs["n"][_N_PAIRS:].sum())
            lines.append(f"  and {others:,} of {quantity(len(pairs) - _N_PAIRS, 'other pair')}")
        hint = f"Nothing is written yet. Give output=clean{ending(self.source)} to write it."
        written = [hint] if len(self) and not self.saved else []
        return "\n".join([self.verdict, *lines, self.outcome, *written])

    def __repr__(self) -> str:
        return f"Corrected {self.source.name!r}: {len(self):,} of {quantity(self.n_documents, 'label')}"

    def _repr_html_(self) -> str:
        table = self.pairs().head(_N_PAIRS).to_html(index=False) if len(self) else ""
        return f"<p>{escape(self.verdict)}</p>{table}<p>{escape(self.outcome).replace(chr(10), '<br>')}</p>"


def refuse_output(output: Path, source: Path) -> None:
    """Makes sure that a file may be written beside another of the same format.

    Args:
        output: file to write.
        source: file whose format it has.

    Raises:
        ConfigError: if its name says that it has another format.
        StorageError: if it is a folder, or the source itself.
    """
    if output.is_dir():
        raise StorageError(f"{output} is a folder. Give a file, such as output={output / source.name}.")
    if output.exists() and output.samefile(source):
        raise StorageError(f"{output} is your own file, which stays as it is. Give another output.")
    if ending(output) != ending(source):
        raise ConfigError(
            f"output={output} must end in {ending(source)}, because it gets the format of {source.name}: "
            f"output={output.name.partition('.')[0]}{ending(source)}."
        )
