"""Reads and writes the log of one epoch as JSON lines: `dynamics_epoch_{e}.jsonl`, a line per instance.

The format is that of the toolkit published with Dataset Cartography: keys `guid`, `logits_epoch_{e}` and `gold` in this
order, logits with ten decimals, lines in any order. Other tools write such files too, so everything is checked.

Reference:
    Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
    (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746
"""

from __future__ import annotations

import gzip
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import IO, NamedTuple, get_args

import numpy as np
import orjson
from torch import Tensor

from cal.arguments import check_arguments
from cal.arrays import as_list, as_reals, as_whole
from cal.checks import one_of, refuse, whole_numbers
from cal.dynamics.log_line import CUT_OFF, LARGEST, Line, LineReader, Wrong
from cal.dynamics.log_options import LogOptions
from cal.dynamics.scale import Values, in_logits, logits_of_probs, no_probabilities
from cal.errors import DataError
from cal.files import write_whole
from cal.text_files import utf8_lines

DECIMALS = 10
"""Number of decimals of a logit."""

_NAME = re.compile(r"dynamics_epoch_([0-9]+)(\.0+)?\.jsonl(\.gz)?")
# Blocks that fit the processor's cache, and in which the garbage collector finds little to visit.
_BLOCK = 1 << 15  # bytes

_ALL = LogOptions()


class Fault(NamedTuple):
    """What is wrong in a log, where, and what to do; line 0 is the whole file.

    Attributes:
        path: the file, or the folder.
        line: number of the line, from 1.
        what: what is wrong.
        remedy: what to do.
        absent: whether only logits are not finite, so that the line can count as if it were not there.
    """

    path: Path
    line: int
    what: str
    remedy: str
    absent: bool = False

    def __str__(self) -> str:
        where = f"{self.path}, line {self.line}" if self.line else str(self.path)
        return f"{where}: {self.what}. {self.remedy}"


class Records(NamedTuple):
    """Lines of one epoch.

    Attributes:
        ids: (record,) strings or whole numbers, as in the file.
        logits: (record, class) float64.
        gold: (record,) gold classes.
        lines: (record,) line numbers, from 1.
    """

    ids: Sequence[str | int]
    logits: np.ndarray
    gold: np.ndarray
    lines: np.ndarray


def epoch_of(path: Path) -> int | None:
    """The epoch in the name of a log, None for other files.

    Example:
        >>> epoch_of(Path("logs/dynamics_epoch_3.jsonl.gz")), epoch_of(Path("dynamics_epoch_3.0.jsonl"))
        (3, 3)
        >>> epoch_of(Path("logs/notes.txt")) is None
        True
    """
    name = _NAME.fullmatch(path.name)
    return int(name[1]) if name else None


def write_epoch(
    folder: Path | str,
    epoch: int,
    ids: Sequence[str | int] | np.ndarray | Tensor,
    logits: np.ndarray | Tensor,
    gold: Sequence[int] | np.ndarray | Tensor,
    *,
    compress: bool = False,
    values: Values | None = None,
) -> Path:
    """Writes the log of one epoch; the file appears when it is complete.

    Args:
        folder: folder of the logs; it is created if necessary.
        epoch: number of the epoch, from 0.
        ids: (instance,) distinct strings, or distinct whole numbers.
        logits: (instance, class) finite logits.
        gold: (instance,) gold classes.
        compress: write `.jsonl.gz`.
        values: what `logits` holds. `probabilities` are written as their logarithms; None takes logits, and refuses
            what can only be probabilities.

    Returns:
        Path of the file.

    Raises:
        DataError: if the values make no valid log.
        StorageError: if it cannot be written.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> print(write_epoch(folder, 0, ["a"], np.array([[0.5, -1 / 3]]), [0]).read_text(), end="")
        {"guid":"a","logits_epoch_0":[0.5,-0.3333333333],"gold":0}
    """
    check_arguments(write_epoch, locals())
    refuse(one_of(get_args(Values), or_null=True, values=values))
    guids, matrix, classes = as_list("ids", ids), as_reals("logits", logits, n_axes=2), as_whole("gold", gold)
    matrix = matrix.astype(np.float64)
    if problems := whole_numbers(0, epoch=epoch):
        raise DataError(*problems)
    path = Path(folder) / f"dynamics_epoch_{epoch}.jsonl{'.gz' if compress else ''}"
    if not (matrix.ndim == 2 and len(guids) == len(matrix) == len(classes) > 0):
        raise DataError(
            f"{path.name}: {len(guids)} ids, logits of shape {matrix.shape} and {len(classes)} gold classes; "
            "give (instance,), (instance, class) and (instance,), with at least one instance."
        )
    if odd := [guid for guid in guids if not isinstance(guid, str | int | float | None)]:
        raise DataError(f"{path.name}: ids are text or whole numbers, not {type(odd[0]).__name__}.")
    if len(set(guids)) < len(guids):
        raise DataError(f"{path.name}: {len(guids) - len(set(guids))} ids are repeated; an instance has one line.")
    matrix = in_logits(matrix, values, f"{path.name} cannot be written: ")
    reader = LineReader(epoch, width=matrix.shape[1])
    for row, record in enumerate(zip(guids, matrix.tolist(), classes.tolist(), strict=True)):
        if isinstance(wrong := reader.check(*record), Wrong):
            raise DataError(f"{path.name} cannot be written, instance {row}: {wrong.what}. {wrong.remedy}")

    def write(file: IO[bytes]) -> None:
        # No time and no name inside a .gz, so that the same dynamics give the same bytes.
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) if compress else nullcontext(file) as stream:
            for guid, rounded, gold_class in zip(guids, np.round(matrix, DECIMALS), classes.tolist(), strict=True):
                line = {"guid": guid, f"logits_epoch_{epoch}": rounded.tolist(), "gold": gold_class}
                stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    write_whole(path, write)
    return path


def read_epoch(
    path: Path, options: LogOptions = _ALL, others: Sequence[int] = (), skipped: list[Fault] | None = None
) -> Records:
    """All records of a log: see `blocks_of`."""
    return joined(list(blocks_of(path, options, others, skipped)))


def blocks_of(
    path: Path, options: LogOptions = _ALL, others: Sequence[int] = (), skipped: list[Fault] | None = None
) -> Iterator[Records]:
    """The records of a log block by block; there is at least one.

    Args:
        path: the log.
        options: how to read it.
        others: epochs of the other logs, for advice.
        skipped: list to add the lines to whose logits are not finite; unless `on_missing` is `error`, they count as
            if they were not there.

    Raises:
        DataError: at the first fault, naming file and line.
    """
    n_skipped, found_any = 0, False
    for block in scan(path, options, others):
        if isinstance(block, Records):
            found_any = True
            yield block
        elif block.absent and options.on_missing != "error":
            n_skipped += 1
            if skipped is not None:
                skipped.append(block)
        else:
            raise DataError(str(block))
    if not found_any:
        what, remedy = f"none of the {n_skipped} lines has finite logits", "Training diverged."
        raise DataError(str(Fault(path, 0, what, f"{remedy}{or_without(path, others)}")))


def joined(blocks: Sequence[Records]) -> Records:
    """The records of one or more blocks, joined."""
    ids = [instance_id for block in blocks for instance_id in block.ids]
    return Records(ids, *(np.concatenate([getattr(block, name) for block in blocks]) for name in Records._fields[1:]))


def scan(path: Path, options: LogOptions = _ALL, others: Sequence[int] = ()) -> Iterator[Records | Fault]:
    """The records of a log block by block, as logits, and a fault for each invalid line.

    Memory is that of one block, however long the file is.

    Args:
        path: the log.
        options: how to read it.
        others: epochs of the other logs, for advice.
    """
    names = options.label_names
    classes = None if names is None else {name: place for place, name in enumerate(names)}
    reader = LineReader(epoch_of(path) or 0, classes)
    number, found_any = 1, False
    try:
        with utf8_lines(path) as stream:
            while lines := stream.readlines(_BLOCK):
                for found in _block(path, lines, number, reader):
                    found_any = True
                    if isinstance(found, Fault):
                        yield _with_advice(found, others)
                    elif options.values == "probabilities":
                        yield from _as_logits(path, found)
                    else:
                        yield found
                number += len(lines)
    except (OSError, EOFError, zlib.error, UnicodeError) as error:
        what = f"the file cannot be read from here ({error})"
        yield Fault(path, number, what, f"{CUT_OFF}{or_without(path, others)}")
    else:
        if not found_any:
            yield Fault(path, 1, "the file is empty", f"Log this epoch again.{or_without(path, others)}")


def or_without(path: Path, others: Sequence[int]) -> str:
    """Advice to leave out an epoch, if there are others."""
    epoch = epoch_of(path)
    others = [other for other in others if other != epoch]
    return f" Or leave epoch {epoch} out: epochs=[{','.join(map(str, others))}]." if others else ""


def _with_advice(fault: Fault, others: Sequence[int]) -> Fault:
    """A fault with the parameters that let the rest be read."""
    if fault.absent:
        advice = ' on_missing="drop" leaves the instance out, on_missing="partial" uses its other epochs.'
    elif fault.remedy == CUT_OFF:
        advice = ""
    else:
        return fault
    return fault._replace(remedy=fault.remedy + advice + or_without(fault.path, others))


def _as_logits(path: Path, records: Records) -> Iterator[Records | Fault]:
    """Records of probabilities as logits, and a fault for each that has none."""
    logits, wrong = logits_of_probs(records.logits)
    for row in np.flatnonzero(wrong):
        yield Fault(path, int(records.lines[row]), *no_probabilities(records.logits[row]))
    if good := np.flatnonzero(~wrong).tolist():
        yield Records([records.ids[row] for row in good], logits[good], records.gold[good], records.lines[good])


def _block(path: Path, lines: list[bytes], start: int, reader: LineReader) -> Iterator[Records | Fault]:
    """Records and faults of `lines`; blank ones are passed over."""
    if (records := _at_once(lines, start, reader)) is not None:
        reader.kind, reader.width = type(records.ids[0]), records.logits.shape[1]
        yield records
        return
    good: list[tuple[Line, int]] = []
    for number, line in enumerate(lines, start):
        if not line.strip():
            continue
        record = reader.read(line)
        if isinstance(record, Wrong):
            yield Fault(path, number, *record)
        else:
            good.append((record, number))
    if good:
        ids, logits, gold = zip(*(record for record, _ in good), strict=True)
        numbers = np.array([number for _, number in good])
        yield Records(list(ids), np.array(logits, np.float64), np.array(gold), numbers)


def _at_once(lines: list[bytes], start: int, reader: LineReader) -> Records | None:
    """The records of `lines`, parsed as one list, which is several times faster; None if anything looks unusual."""
    text = b"[" + b",".join(lines) + b"]"
    # Each line must be one object, and true and false must not pass for numbers; otherwise read line by line.
    n_breaks = len(lines) - 1
    if text.count(b"}\n,{") != n_breaks and text.count(b"}\n,{") + text.count(b"}\r\n,{") != n_breaks:
        return None
    if b"true" in text or b"false" in text:
        return None
    try:
        rows = orjson.loads(text)
        ids, given = [row["guid"] for row in rows], list(map(itemgetter(reader.key), rows))
        # Arrays of Python refuse text, lists and None, and gold classes that are fractions.
        numbers, classes = array("d", list(chain.from_iterable(given))), array("q", [row["gold"] for row in rows])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError):
        return None
    kinds, widths = set(map(type, ids)), set(map(len, given))
    if len(rows) != len(lines) or len(widths) != 1 or max(widths) < 2:
        return None
    logits, gold = np.frombuffer(numbers).reshape(len(rows), -1), np.frombuffer(classes, np.int64)
    in_order = (
        (
            (kinds == {str} and ")\n" not in "\n".join([*ids, ""]))  # none ends as a printed object does
            or (kinds == {int} and all(-(2**63) <= extreme < 2**63 for extreme in (min(ids), max(ids))))
        )
        and bool((np.abs(logits) <= LARGEST).all())
        and bool(((gold >= 0) & (gold < logits.shape[1])).all())
        and reader.kind in (None, *kinds)
        and reader.width in (None, *widths)
    )
    return Records(ids, logits, gold, np.arange(start, start + len(lines))) if in_order else None
