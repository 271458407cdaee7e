"""The result of `cal.text_problems`, and the function."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import indent, wrap
from typing import Any

import pandas as pd

from cal.arguments import check_arguments
from cal.data.splits import row_numbers
from cal.doubtful_texts.text_problems import (
    BROKEN,
    DIFFERENT_LABELS,
    EMPTY,
    NEAR_DUPLICATE,
    SAME_LABEL,
    UNLIKE,
    find_text_problems,
)
from cal.errors import in_words, quantity
from cal.exchange.spreadsheet import to_spreadsheet
from cal.files import path_errors, write_whole
from cal.report.markup import shortened
from cal.threads import one_thread

_SHOWN = 5  # texts or groups of each sort to print
_WIDTH = 110


@dataclass(frozen=True, eq=False)
class TextProblems:
    """Texts that are worth a look whatever their labels say.

    Attributes:
        rows: one row per problem, in the order worth reading, with the columns of `find_text_problems`.
        name: name of the corpus.
        n_texts: number of texts that were looked at.
    """

    rows: pd.DataFrame
    name: str
    n_texts: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def verdict(self) -> str:
        """What was found, in a sentence."""
        counted = [title for title, _ in problem_sorts(self.rows)]
        told = in_words(counted) if counted else "nothing to look at"
        return f"{self.n_texts:,} texts of {self.name}: {told}."

    def to_frame(self) -> pd.DataFrame:
        """`rows`."""
        return self.rows

    def save(self, path: Path | str) -> None:
        """Writes the rows as CSV for spreadsheets.

        Args:
            path: file to write or replace.

        Raises:
            StorageError: if it cannot be written.
        """
        check_arguments(TextProblems.save, locals())
        write_whole(Path(path), to_spreadsheet(self.rows))

    def __str__(self) -> str:
        blocks = [self.verdict]
        for title, chosen in problem_sorts(self.rows):
            if chosen["kind"].iloc[0] == NEAR_DUPLICATE:
                shown = chosen[chosen["group"].isin(chosen["group"].unique()[:_SHOWN])].groupby("group").head(_SHOWN)
            else:
                shown = chosen.head(_SHOWN)
            lines = [title[0].upper() + title[1:], *(_block(row) for row in shown.to_dict("records"))]
            if len(shown) < len(chosen):
                lines.append(f"  ... and {quantity(len(chosen) - len(shown), 'more text')}")
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks)

    def __repr__(self) -> str:
        return f"TextProblems of {self.name!r}: {quantity(len(self), 'row')} about {self.n_texts:,} texts"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.verdict)}</p>{self.rows.head(20).to_html(index=False)}"


def problem_sorts(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each sort of problem that there is, counted, with its rows.

    Args:
        rows: what `find_text_problems` gives.
    """
    for labels in (DIFFERENT_LABELS, SAME_LABEL):
        chosen = rows[(rows["kind"] == NEAR_DUPLICATE) & (rows["reason"] == labels)]
        if len(chosen):
            groups = quantity(chosen["group"].nunique(), "group")
            which = labels if labels == DIFFERENT_LABELS else f"the {labels}"
            yield f"{groups} of near-duplicates with {which} ({len(chosen):,} texts)", chosen
    titles = {EMPTY: "empty", BROKEN: "broken", UNLIKE: "unlike anything else"}
    for kind, title in titles.items():
        of_kind = rows[rows["kind"] == kind]
        for reason in of_kind["reason"].unique() if kind == BROKEN else [None] * (len(of_kind) > 0):
            chosen = of_kind if reason is None else of_kind[of_kind["reason"] == reason]
            yield f"{len(chosen):,} {title}" + (f" ({reason})" if reason else ""), chosen


def _block(row: Any) -> str:
    """A problem in a few lines."""
    group = "" if pd.isna(row["group"]) else f"{row['group']}. "
    place = row["id"] if row["row"] is None else row["row"] if isinstance(row["row"], str) else f"row {row['row']}"
    label = f"  [{row['label']}]" if row["label"] else ""
    lines = [f"{group}{place}{label}  {shortened(row['text'], _WIDTH)}", *wrap(row["why"], _WIDTH)]
    return "\n".join(indent(line, "  " if k == 0 else "     ") for k, line in enumerate(lines))


def _rows(places: Sequence[str] | None) -> Sequence[Any] | None:
    """Rows by their numbers, and other places, such as `line 3` or `row 3 of test`, as they are."""
    if places is None or not all(re.fullmatch(r"row \d{1,18}", place) for place in places):
        return places
    return row_numbers(places)


@path_errors()
@one_thread()
def text_problems(source: Any, *, features: Any = None, split: str = "train") -> TextProblems:
    """Finds texts that are worth a look whatever their labels say. It changes nothing.

    - Near-duplicates, those with different labels first: texts that differ in case, order or common words. Pairs and
      choices share parts by design, and count only if they have the same words in the same order.
    - Empty texts, with no word in them or a word such as `N/A`, and broken ones: a wrong encoding, remains of a web
      page, one phrase over and over, a text far longer than all others, cut off, or in another script.
    - Texts unlike anything else: by their letters, their words and, with `features`, their vectors.

    Args:
        source: a `Corpus`, or anything that `cal.read_corpus` takes.
        features: document vectors, or a way to compute them, as in `cal.suspects`; None judges by words alone.
        split: documents to look at: train, test, dev, an extra test set, or all of train, test and dev.

    Returns:
        The problems, with `to_frame()` and `save(path)`.

    Raises:
        ConfigError: if a parameter is wrong.
        CalError: if something cannot be read or computed.

    Example:
        >>> import cal
        >>> texts = ["Who was Nero ?", "who was Nero?", "A cafÃ© where?", "Where is Rome ?"]
        >>> found = cal.text_problems(cal.Corpus.from_texts(texts, ["HUM", "LOC", "LOC", "LOC"], ids=list("abcd")))
        >>> for kind, why in zip(found.to_frame()["kind"], found.to_frame()["why"]):
        ...     print(f"{kind}: {why}")
        near_duplicate: The same words as position 1, which is labelled LOC.
        near_duplicate: The same words as position 0, which is labelled HUM.
        broken: It looks like a wrong encoding: “Ã©”.
    """
    check_arguments(text_problems, {"split": split})
    from cal.data import read_corpus
    from cal.data.features import as_features, vectors_of
    from cal.data.parts import only

    way = as_features(features)
    corpus = only(read_corpus(source), split)
    vectors = vectors_of(corpus, way)
    train = corpus.train
    table = find_text_problems(
        train.texts,
        train.gold,
        corpus.label_names,
        train.ids,
        _rows(train.places),
        None if vectors is None else vectors.train,
        in_parts=train.sequences is not None,
    )
    return TextProblems(table, corpus.name, len(train))
