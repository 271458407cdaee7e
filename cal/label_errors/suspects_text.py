"""Suspects in plain text: the first of the list, pairs of labels, doubtful texts and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent, wrap
from typing import Any

import pandas as pd

from cal.doubtful_texts.text_problems_result import problem_sorts
from cal.label_errors.reasons import in_words
from cal.label_errors.suspects_pairs import mix_ups
from cal.report.markup import shortened

N_READ = 30
"""Number of labels to read first."""
_WIDTH, _LABEL = 110, 40  # characters of a line and of a label
_N_PAIRS, _N_PROBLEMS = 5, 2  # that are printed
_WORDS = {
    "aum": "AUM",
    "el2n": "EL2N",
    "calibrated": "AUM among flipped labels",
    "cv_self_confidence": "confidence out of fold",
}


def metric_in_words(name: str) -> str:
    """The name of a metric or detector, as written in a sentence.

    Example:
        >>> metric_in_words("aum"), metric_in_words("cv_loss")
        ('AUM', 'cv loss')
    """
    return _WORDS.get(name, name.replace("_", " "))


def found_at(row: Mapping[Any, Any], named: bool = True) -> str:
    """Where people find a document: its row and, if ids were given, its id.

    Args:
        row: columns `row`, `id` and perhaps `place`.
        named: whether ids were given; otherwise they are hashes of texts, which help nobody.

    Example:
        >>> found_at({"row": 17, "id": "q3"}), found_at({"row": 17, "id": "e3b0"}, named=False)
        ('row 17, id q3', 'row 17')
    """
    number = row["row"]
    known = isinstance(number, str) or not pd.isna(number)
    place = row.get("place") or (number if isinstance(number, str) else f"row {number:.0f}" if known else "")
    if place and named:
        return f"{place}, id {row['id']}"
    return str(place or row["id"])


def listed_text(rows: pd.DataFrame, named: bool = True) -> str:
    """Rows of `suspects_table`, a few lines each.

    Args:
        rows: the rows.
        named: whether ids were given: see `found_at`.

    Example:
        >>> row = {"rank": 1, "row": 17, "id": "b", "label": "yes", "likely": "no"}
        >>> print(listed_text(pd.DataFrame([row | {"why": "The most similar text is labelled no.", "text": "Is it?"}])))
        1. yes -> no  (row 17, id b)
           Is it?
           The most similar text is labelled no.
    """
    blocks = []
    for row in rows.to_dict("records"):
        number = f"{row['rank']}. "
        labels = f"{_arrow(row)}  " if row["label"] or row["likely"] else ""
        told = [*wrap(shortened(row["text"], 2 * _WIDTH), _WIDTH), *wrap(row["why"], _WIDTH)]
        lines = [f"{number}{labels}({found_at(row, named)})", *(indent(line, " " * len(number)) for line in told)]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _arrow(row: Mapping[Any, Any]) -> str:
    label, likely = (shortened(row[name], _LABEL) or "?" for name in ("label", "likely"))
    return f"{label} -> {likely}"


def pairs_text(pairs: pd.DataFrame, n: int) -> str:
    """The most frequent pairs of label and likely label, one per line, and the labels that are mixed up.

    Args:
        pairs: what `label_pairs` gives.
        n: number of suspects that were counted.

    Example:
        >>> columns = ["label", "likely", "n", "n_back", "mixed_up"]
        >>> print(pairs_text(pd.DataFrame([["ABBR", "DESC", 12, 1, False]], columns=columns), 20))
        Label -> likely label, among the first 20:
          12  ABBR -> DESC  (1 the other way)
    """
    if pairs.empty:
        return ""
    lines = [f"Label -> likely label, among the first {n:,}:"]
    seen: set[tuple[str, str]] = set()
    for row in pairs.to_dict("records"):
        if (row["likely"], row["label"]) not in seen and len(seen) < _N_PAIRS:
            seen.add((row["label"], row["likely"]))
            back = f"  ({row['n_back']:,} the other way)" if row["n_back"] else ""
            lines.append(f"{row['n']:>4,}  {_arrow(row)}{back}")
    lines += [line for sentence in mix_ups(pairs, n) for line in wrap(sentence, _WIDTH)]
    return "\n".join(lines)


def problems_text(problems: pd.DataFrame, named: bool = True) -> str:
    """How many texts are doubtful in which way, and the first of the most important kind.

    Args:
        problems: what `find_text_problems` gives.
        named: whether ids were given: see `found_at`.
    """
    lines = []
    for title, rows in problem_sorts(problems):
        lines.append(f"  {title}")
        first = rows[~rows["group"].duplicated() | rows["group"].isna()].head(0 if len(lines) > 1 else _N_PROBLEMS)
        for row in first.to_dict("records"):
            label = f", {in_words(row['label'])}" if row["label"] else ""
            told = f"- “{shortened(row['text'], 80)}” ({found_at(row, named)}{label}). {row['why']}"
            lines += wrap(told, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 6)
    return "\n".join(["Texts worth a look, whatever their labels:", *lines]) if lines else ""


def next_text(steps: Sequence[str]) -> str:
    """What to do, with commands on lines of their own: see `next_steps`."""
    return "\n".join(f"  {step}" if is_command(step) else "\n".join(wrap(step, _WIDTH)) for step in steps)


def is_command(step: str) -> bool:
    """Whether a step is a command to paste."""
    return step.startswith("cal ")


def next_steps(n_labels: int, output: str | None, dataset: Any) -> list[str]:
    """What to do with the list, in sentences and commands.

    Args:
        n_labels: number of labels.
        output: folder of the list; None if there is none.
        dataset: source of the documents, as in suspects.json.

    Example:
        >>> for step in next_steps(1000, "runs/a", {"kind": "files", "path": "my.csv"})[1::2]:
        ...     print(step)
        cal correct my.csv runs/a/to_read.csv output=clean.csv
        cal suspects --read runs/a/to_read.csv
    """
    n = min(N_READ, n_labels)
    what = f"Write right, wrong or unsure into the column verdict of its first {n} rows, and the right label into"
    if output is None:
        return [
            f'Next: found.save("suspects") writes suspects/to_read.csv. {what} corrected. Then cal.correct mends the '
            "labels, and cal.count_errors says how many are wrong."
        ]
    to_read = shlex.quote(str(Path(output) / "to_read.csv"))
    files = labels_files(dataset)
    clean = ["clean.csv"] if len(files) == 1 else [shlex.quote(f"clean-{Path(file).name}") for file in files]
    rest = "The other rows were drawn at random. Read them too, and see roughly how many labels are wrong in all:"
    return [
        f"Next: open {to_read} in a spreadsheet. {what} corrected. Then mend these labels:",
        *(f"cal correct {shlex.quote(file)} {to_read} output={to}" for file, to in zip(files, clean, strict=True)),
        rest if n_labels > n else "See how many labels are wrong in all:",
        f"cal suspects --read {to_read}",
    ]


def labels_files(dataset: Any) -> list[str]:
    """The files with the labels; `my.csv` if they are not known.

    Example:
        >>> labels_files({"path": ["a.csv", "b.csv"]}), labels_files(None)
        (['a.csv', 'b.csv'], ['my.csv'])
    """
    given = dataset.get("train") or dataset.get("path") if isinstance(dataset, Mapping) else None
    files = [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, str)]
    if len(files) == 1 and Path(files[0]).is_dir():
        files = sorted(str(path) for path in Path(files[0]).glob("train.*"))[:1]
    return files or ["my.csv"]
