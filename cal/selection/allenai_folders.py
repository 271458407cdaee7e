"""Folders in the format of the Dataset Cartography toolkit: a train.tsv for each fraction, cut from the user's own.

filtering_configs.json                          the request
cartography_METRIC_0.33/TASK/train.tsv          header and chosen lines, in order of the ranking
cartography_METRIC_0.33/TASK/dev.tsv, test.tsv  copies; for MNLI, dev_matched.tsv and dev_mismatched.tsv

Reference:
    Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
    (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cal.data.glue_tsv import LAYOUTS, UNLABELLED, tsv_fields
from cal.errors import DataError

if TYPE_CHECKING:
    from cal.selection.request import SelectRequest

FRACTIONS = (0.01, 0.05, 0.10, 0.1667, 0.25, 0.3319, 0.50, 0.75)
"""Fractions of the training set that the toolkit writes, each into a folder named by two decimals."""

METRICS = {
    "threshold_closeness": "threshold_closeness",
    "confidence": "confidence",
    "variability": "variability",
    "correctness": "correctness",
    "forgetting": "forgetfulness",
}
"""Metrics that the toolkit has, and its names for them."""

TASKS = ("snli", "mnli", "qnli", "winogrande")
"""Tasks whose TSV files the toolkit filters, by their names in `LAYOUTS`."""

_LABEL_DIGITS = {"e": "0", "c": "1", "n": "2"}


@dataclass(frozen=True)
class TrainTsv:
    """A labelled train.tsv and the files beside it.

    Attributes:
        task: one of `TASKS`.
        header: first line.
        rows: labelled lines by id, with fields joined by tabs.
        n_skipped: number of lines without a label.
        others: paths of the dev and test files.
    """

    task: str
    header: str
    rows: dict[str, str]
    n_skipped: int
    others: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def lines_of(self, ids: Sequence[str | int]) -> list[str]:
        """The lines of instances of a map, by text id or by the toolkit's number.

        Raises:
            DataError: if an id has no line, or two ids have the same number.
        """
        lines = self.rows if any(isinstance(i, str) for i in ids) else self._by_number()
        if absent := [i for i in ids if i not in lines]:
            raise DataError(
                f"{len(absent)} of {len(ids)} ids of the map have no labelled line in train.tsv, e.g. {absent[0]!r}; "
                f"its ids look like {next(iter(lines))!r}. Give the files that the map was made from."
            )
        return [lines[i] for i in ids]  # type: ignore[index]

    def _by_number(self) -> dict[int, str]:
        lines: dict[int, str] = {}
        written: dict[int, str] = {}
        for instance_id, line in self.rows.items():
            number = guid(instance_id, self.task)
            if number in lines:
                raise DataError(
                    f"The ids {written[number]!r} and {instance_id!r} in train.tsv both become {number} in logs of the "
                    "original toolkit, so they cannot be told apart. Log the training again with text ids."
                )
            lines[number], written[number] = line, instance_id
        return lines


def guid(instance_id: str, task: str) -> int:
    """The number that stands for an id of a TSV file in the toolkit's logs.

    It joins the digits of the id and a digit for the label at the end of SNLI's ids (e, c or n), or 3 without one.
    WinoGrande's ids are numbers already.

    Raises:
        DataError: if an id of WinoGrande is not a number.

    Example:
        >>> guid("4734364254.jpg#4r1e", "snli"), guid("17", "qnli"), guid("17", "winogrande")
        (4734364254410, 173, 17)
    """
    if task in ("snli", "mnli", "qnli"):
        corpus = "555" if instance_id.startswith("vg_len") else "444" if instance_id.startswith("vg_verb") else ""
        digits = re.sub(r"[^0-9]", "", instance_id)
        return int(corpus + digits + _LABEL_DIGITS.get(instance_id[-1:], "3"))
    if not re.fullmatch(r"[0-9]+", instance_id):
        raise DataError(f"The id {instance_id!r} in train.tsv is not a number, but the map's ids are. Use text ids.")
    return int(instance_id)


def read_train_tsv(folder: Path | str, task: str) -> TrainTsv:
    """Reads the files of a task from a folder, or from its subfolder with the name of the task.

    Quotes are plain characters. Lines may have more fields than the header: the labels of single annotators, which are
    left out, before the label in the last field.

    Args:
        folder: folder with `train.tsv`, a dev and a test file.
        task: one of `TASKS`.

    Raises:
        DataError: if a file is missing, a line has too few fields, or two lines have the same id.
    """
    folder = next((inner for name in (task.upper(), task) if (inner := Path(folder) / name).is_dir()), Path(folder))
    dev_and_test = ("dev_matched.tsv", "dev_mismatched.tsv") if task == "mnli" else ("dev.tsv", "test.tsv")
    path, *others = (folder / name for name in ("train.tsv", *dev_and_test))
    if absent := [file.name for file in (path, *others) if not file.is_file()]:
        raise DataError(f"{folder} holds no {' and no '.join(absent)}. Give tsv=FOLDER with the files of {task}.")
    rows: dict[str, str] = {}
    line_of: dict[str, int] = {}
    n_skipped, lines = 0, tsv_fields(path)
    header = next(lines, [])
    for number, fields in enumerate(lines, 2):
        if len(fields) < len(header):
            raise DataError(f"{path}, line {number}: {len(fields)} fields, but the header has {len(header)}.")
        if fields[-1] in UNLABELLED:
            n_skipped += 1
            continue
        instance_id = fields[LAYOUTS[task].id]
        if instance_id in rows:
            raise DataError(
                f"{path}: lines {line_of[instance_id]} and {number} have the same id {instance_id!r}. "
                "Remove one of them or change an id."
            )
        rows[instance_id] = "\t".join([*fields[: len(header) - 1], fields[-1]])
        line_of[instance_id] = number
    if not rows:
        raise DataError(f"{path} has no labelled line after its header. Check the path.")
    return TrainTsv(task, "\t".join(header), rows, n_skipped, tuple(others))


def published_count(n: int, fraction: float, direction: str) -> int:
    """Number of rows that the toolkit takes: int(fraction * n) + 1, or one less with `both_ends`.

    Example:
        >>> [published_count(100, fraction, "best") for fraction in FRACTIONS]
        [2, 6, 11, 17, 26, 34, 51, 76]
    """
    return int(fraction * n) + (direction != "both_ends")


def filtering_configs(request: SelectRequest, n_epochs: int) -> bytes:
    """The content of filtering_configs.json: a request in the toolkit's terms.

    Args:
        request: request of the selection.
        n_epochs: number of epochs of the map.
    """
    asked = {
        "both_ends": request.direction == "both_ends",
        "burn_out": n_epochs,
        "data_dir": request.tsv,
        "filter": True,
        "filtering_output_dir": None if request.output is None else str(request.output),
        "include_ci": False,
        "metric": request.recipe or METRICS.get(request.metric, request.metric),
        "model": None,
        "model_dir": next((str(path) for path in (request.map, request.logs) if isinstance(path, str | Path)), None),
        "plot": False,
        "plots_dir": None,
        "task_name": str(request.task).upper(),
        "worst": request.direction == "worst",
    }
    return (json.dumps(asked, indent=4, sort_keys=True) + "\n").encode()


def folders(
    tsv: TrainTsv, lines: Sequence[str], name: str, parts: Mapping[float, np.ndarray]
) -> Iterator[tuple[str, bytes]]:
    """Yields paths and contents of all files except filtering_configs.json, one by one because they may be large.

    Args:
        tsv: the user's files.
        lines: (instance,) lines of the map's instances.
        name: part of the folder names between `cartography_` and the fraction.
        parts: chosen positions by fraction.
    """
    copies = {path.name: path.read_bytes() for path in tsv.others}
    for fraction, positions in parts.items():
        inner = f"cartography_{name}_{fraction:.2f}/{tsv.task.upper()}"
        chosen = [tsv.header, *(lines[position] for position in positions)]
        yield f"{inner}/train.tsv", "".join(f"{line}\n" for line in chosen).encode()
        yield from ((f"{inner}/{file}", content) for file, content in copies.items())
