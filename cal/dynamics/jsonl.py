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
import reprlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import orjson
from torch import Tensor

from cal.arguments import check_arguments
from cal.arrays import as_list, as_reals, as_whole
from cal.checks import whole_numbers
from cal.errors import DataError
from cal.files import write_whole

DECIMALS = 10
"""Number of decimals of a logit."""

_NAME = re.compile(r"dynamics_epoch_([0-9]+)\.jsonl(\.gz)?")
_LARGEST = float(np.finfo(np.float32).max)
# Blocks that fit the processor's cache, and in which the garbage collector finds little to visit.
_BLOCK = 1 << 16  # bytes

_Record = tuple[str | int, list[float], int]  # id, logits, gold

_LOG_AGAIN = "Log this epoch again, or leave it out."
_ONE_PER_LINE = 'Write one object per line: {"guid":17,"logits_epoch_0":[0.5,-1.25],"gold":0}.'
_CUT_OFF = "The file was cut off or damaged: copy it again, or leave this epoch out."
_NOT_FINITE = (
    "Training diverged, or the log is damaged: a map needs finite logits. Leave this epoch out, or train again."
)
SAME_WIDTH = "All lines need logits of the same classes: do not mix logs of different models."
IDS = 'Ids are all text, or all whole numbers of 64 bits; 1 and "1" are different ids.'
_GOLD = "gold is the position of the gold label in the logits: a whole number from 0."


class Fault(NamedTuple):
    """What is wrong in a log, where, and what to do; line 0 is the whole file."""

    path: Path
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.path}, line {self.line}" if self.line else str(self.path)
        return f"{where}: {self.what}. {self.remedy}"


class _Wrong(NamedTuple):
    what: str
    remedy: str


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
        >>> epoch_of(Path("logs/dynamics_epoch_3.jsonl.gz")), epoch_of(Path("logs/notes.txt"))
        (3, None)
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
) -> Path:
    """Writes the log of one epoch; the file appears when it is complete.

    Args:
        folder: folder of the logs; it is created if necessary.
        epoch: number of the epoch, from 0.
        ids: (instance,) distinct strings, or distinct whole numbers.
        logits: (instance, class) finite logits.
        gold: (instance,) gold classes.
        compress: write `.jsonl.gz`.

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
    guids, values, classes = as_list("ids", ids), as_reals("logits", logits, n_axes=2), as_whole("gold", gold)
    values = values.astype(np.float64)
    if problems := whole_numbers(0, epoch=epoch):
        raise DataError(*problems)
    path = Path(folder) / f"dynamics_epoch_{epoch}.jsonl{'.gz' if compress else ''}"
    if not (values.ndim == 2 and len(guids) == len(values) == len(classes) > 0):
        raise DataError(
            f"{path.name}: {len(guids)} ids, logits of shape {values.shape} and {len(classes)} gold classes; "
            "give (instance,), (instance, class) and (instance,), with at least one instance."
        )
    if len(set(guids)) < len(guids):
        raise DataError(f"{path.name}: {len(guids) - len(set(guids))} ids are repeated; an instance has one line.")
    kind = type(guids[0])
    for row, record in enumerate(zip(guids, values.tolist(), classes.tolist(), strict=True)):
        if isinstance(wrong := _check(*record, kind, values.shape[1]), _Wrong):
            raise DataError(f"{path.name} cannot be written, instance {row}: {wrong.what}. {wrong.remedy}")

    def write(file: IO[bytes]) -> None:
        # No time and no name inside a .gz, so that the same dynamics give the same bytes.
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) if compress else nullcontext(file) as stream:
            for guid, rounded, gold_class in zip(guids, np.round(values, DECIMALS), classes.tolist(), strict=True):
                line = {"guid": guid, f"logits_epoch_{epoch}": rounded.tolist(), "gold": gold_class}
                stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    write_whole(path, write)
    return path


def read_epoch(path: Path) -> Records:
    """All records of a log.

    Raises:
        DataError: at the first fault, naming file and line.
    """
    blocks = []
    for block in scan(path):
        if isinstance(block, Fault):
            raise DataError(str(block))
        blocks.append(block)
    return joined(blocks)


def joined(blocks: Sequence[Records]) -> Records:
    """The records of one or more blocks, joined."""
    ids = [instance_id for block in blocks for instance_id in block.ids]
    return Records(ids, *(np.concatenate([getattr(block, name) for block in blocks]) for name in Records._fields[1:]))


def scan(path: Path) -> Iterator[Records | Fault]:
    """The records of a log block by block, and a fault for each invalid line.

    Memory is that of one block, however long the file is.
    """
    key, line, first = f"logits_epoch_{epoch_of(path)}", 1, None
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            while lines := stream.readlines(_BLOCK):
                for found in _block(path, lines, line, key, first):
                    if isinstance(found, Records) and first is None:
                        first = found
                    yield found
                line += len(lines)
    except (OSError, EOFError, zlib.error) as error:
        yield Fault(path, line, f"the file cannot be read from here ({error})", _CUT_OFF)
    else:
        if line == 1:
            yield Fault(path, 1, "the file is empty", _LOG_AGAIN)


def _block(path: Path, lines: list[bytes], start: int, key: str, first: Records | None) -> Iterator[Records | Fault]:
    """Records and faults of `lines`; ids and logits must be like those of `first`."""
    if (records := _at_once(lines, start, key, first)) is not None:
        yield records
        return
    kind, width = (None, None) if first is None else (type(first.ids[0]), first.logits.shape[1])
    good: list[tuple[Any, list[float], int, int]] = []
    for number, line in enumerate(lines, start):
        record = _parse(line, key, kind, width)
        if isinstance(record, _Wrong):
            yield Fault(path, number, *record)
        else:
            good.append((*record, number))
            kind, width = type(record[0]), len(record[1])
    if good:
        ids, logits, gold, numbers = zip(*good, strict=True)
        yield Records(list(ids), np.array(logits, np.float64), np.array(gold), np.array(numbers))


def _at_once(lines: list[bytes], start: int, key: str, first: Records | None) -> Records | None:
    """The records of `lines`, parsed as one list, which is several times faster; None if anything looks unusual."""
    text = b"[" + b",".join(lines) + b"]"
    # Each line must be one object, and true and false must not pass for numbers; otherwise read line by line.
    if text.count(b"}\n,{") != len(lines) - 1 or b"true" in text or b"false" in text:
        return None
    try:
        rows = orjson.loads(text)
        ids = [row["guid"] for row in rows]
        logits, gold = np.array([row[key] for row in rows]), np.array([row["gold"] for row in rows])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError):
        return None
    kinds, numbers = set(map(type, ids)), np.arange(start, start + len(lines))
    records = Records(ids, logits, gold, numbers)
    in_order = (
        len(rows) == len(lines)
        and (
            kinds == {str} or (kinds == {int} and all(-(2**63) <= extreme < 2**63 for extreme in (min(ids), max(ids))))
        )
        and logits.ndim == 2
        and logits.shape[1] > 1
        and logits.dtype.kind in "fiu"
        and bool((np.abs(logits.astype(np.float64, copy=False)) <= _LARGEST).all())
        and gold.ndim == 1
        and gold.dtype.kind == "i"
        and bool(((gold >= 0) & (gold < logits.shape[1])).all())
        and (first is None or (kinds == {type(first.ids[0])} and logits.shape[1] == first.logits.shape[1]))
    )
    return records._replace(logits=logits.astype(np.float64, copy=False)) if in_order else None


def _parse(line: bytes, key: str, kind: type | None, width: int | None) -> _Record | _Wrong:
    """The id, logits and gold class in a line, or what is wrong and what to do."""
    if not line.strip():
        return _Wrong("the line is empty", "Remove it, or find the missing instance.")
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if token := re.search(rb"[\[,:]\s*([-+]?(?:nan|inf(?:inity)?))\b", line, re.IGNORECASE):
            return _Wrong(f"{token[1].decode()} is not a number", _NOT_FINITE)
        if "infinity" in error.msg:
            return _Wrong("a number is too large for any float", _NOT_FINITE)
        return _Wrong(f"this is not JSON ({error.msg})", _ONE_PER_LINE if line.endswith(b"\n") else _CUT_OFF)
    if not isinstance(row, dict):
        return _Wrong(f"this is a {type(row).__name__}, not an object", _ONE_PER_LINE)
    if absent := [name for name in ("guid", key, "gold") if name not in row]:
        return _Wrong(f"there is no {' and no '.join(absent)} among the keys {reprlib.repr(list(row))}", _ONE_PER_LINE)
    return _check(row["guid"], row[key], row["gold"], kind, width)


def _check(guid: Any, logits: Any, gold: Any, kind: type | None, width: int | None) -> _Record | _Wrong:
    """The three values, or what is wrong and what to do."""
    if not (_is_text(guid) if type(guid) is str else type(guid) is int and -(2**63) <= guid < 2**63):
        return _Wrong(f"the id is {reprlib.repr(guid)}", IDS)
    if kind not in (None, type(guid)):
        return _Wrong(f"the id {reprlib.repr(guid)} is of another kind than earlier ones", IDS)
    if isinstance(logits, list) and None in logits:  # how pandas, and so the original toolkit, writes NaN
        return _Wrong("a logit is null, which stands for NaN", _NOT_FINITE)
    if not (isinstance(logits, list) and len(logits) > 1 and all(type(value) in (int, float) for value in logits)):
        return _Wrong(f"the logits are {reprlib.repr(logits)}, not a list of at least two numbers", _ONE_PER_LINE)
    if not all(abs(value) <= _LARGEST for value in logits):
        return _Wrong(f"the logits {reprlib.repr(logits)} are not all finite numbers of 32 bits", _NOT_FINITE)
    if width not in (None, len(logits)):
        return _Wrong(f"there are {len(logits)} logits, but {width} in earlier lines", SAME_WIDTH)
    if not (type(gold) is int and 0 <= gold < len(logits)):
        return _Wrong(f"gold is {reprlib.repr(gold)}, but there are {len(logits)} logits", _GOLD)
    return guid, logits, gold


def _is_text(guid: str) -> bool:
    return guid.isascii() or not any("\ud800" <= character <= "\udfff" for character in guid)  # halves of a character
