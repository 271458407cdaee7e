"""Which files of a folder are logs, of which epochs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from cal.dynamics.jsonl import Fault, epoch_of
from cal.dynamics.log_options import LogOptions, as_word
from cal.errors import DataError

logger = logging.getLogger(__name__)

NAMES = "Logs are named dynamics_epoch_0.jsonl, dynamics_epoch_1.jsonl.gz and so on"
RECORDED = "recorded.json"
"""File by which the folder of a `ShardRecorder` is known."""
_LIKE_A_LOG = re.compile(r"(?!\.).*epoch\D{0,3}(\d+)(\.\d+)?.*json.*", re.IGNORECASE)
_UNFINISHED = (".part", ".partial", ".tmp", ".swp", ".bak", "~")
_FOLD = re.compile(r"fold[ _-]?(\d+)", re.IGNORECASE)


def log_files(folder: Path | str, options: LogOptions | None = None) -> dict[int, Path]:
    """Paths of the logs in a folder by epoch, in the order of epochs.

    Args:
        folder: folder of the logs, or one with a folder `training_dynamics`.
        options: which epochs to take; None takes all.

    Raises:
        DataError: if there are no logs, an epoch has two, one that was asked for has none, or one is absent although
            later ones are there.
    """
    folder, options = log_folder(folder), options or LogOptions()
    files: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        epoch = epoch_of(path)
        if epoch is None or not path.is_file():
            continue
        if epoch in files:
            raise DataError(f"{files[epoch]} and {path.name} are both logs of epoch {epoch}; remove one of them.")
        files[epoch] = path
    if not files:
        raise DataError(str(no_logs(folder)))
    chosen = options.chosen(sorted(files), folder)
    if options.epochs is None and (fault := absent_epochs(folder, chosen)):
        raise DataError(str(fault))
    for path, remedy in misnamed(folder):
        logger.warning("%s is not read: its name is not that of a log. %s", path, remedy)
    return {epoch: files[epoch] for epoch in chosen}


def log_folder(folder: Path | str) -> Path:
    """The folder itself, or its folder `training_dynamics`, where the original toolkit writes logs.

    Raises:
        DataError: if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        there = f"give the folder that it is in: {folder.parent}" if folder.is_file() else "check the path"
        raise DataError(f"{folder} is not a folder of logs; {there}. {NAMES}.")
    inner = folder / "training_dynamics"
    return inner if inner.is_dir() else folder


def is_store(folder: Path | str) -> bool:
    """Whether a folder is that of a recorder."""
    return (log_folder(folder) / "store.json").is_file()


def has_logs(folder: Path | str) -> bool:
    """Whether a folder, or its folds, holds logs of any kind."""
    try:
        inner = log_folder(folder)
        return (
            is_store(inner)
            or (inner / RECORDED).is_file()
            or any(epoch_of(path) is not None for path in inner.iterdir())
            or bool(folds_in(inner))
        )
    except (DataError, OSError):
        return False


def folds_in(folder: Path | str) -> list[Path]:
    """The folders fold_0, fold_1 and so on with logs, in this order; none if there are logs beside them."""
    folder = log_folder(folder)
    if (folder / "store.json").is_file() or any(epoch_of(path) is not None for path in folder.iterdir()):
        return []
    folds = {path: _FOLD.fullmatch(path.name) for path in folder.iterdir() if path.is_dir()}
    numbered = sorted((int(match[1]), path) for path, match in folds.items() if match)
    return [path for _, path in numbered if has_logs(path)]


def absent_epochs(folder: Path, epochs: Sequence[int]) -> Fault | None:
    """A fault if some epochs are absent although later ones are there; epochs count from 0 or 1."""
    first = epochs[0] if epochs[0] < 2 else 0
    gaps = [(a + 1, b - 1) for a, b in pairwise([first - 1, *epochs]) if b > a + 1]
    if not gaps:
        return None
    absent = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in gaps)
    what = f"there are logs up to epoch {max(epochs)}, but none of {absent}"
    likely = {int(match[1]): path for path, _ in misnamed(folder) if (match := _LIKE_A_LOG.fullmatch(path.name))}
    found = [path.name for epoch, path in sorted(likely.items()) if any(a <= epoch <= b for a, b in gaps)]
    name = f"dynamics_epoch_{gaps[0][0]}.jsonl"
    rename = f" (perhaps it is {found[0]}: then rename it)" if found else ""
    return Fault(
        folder, 0, what, f"Find {name}{rename}, or read only the epochs there are: epochs={as_word(list(epochs))}."
    )


def misnamed(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files that look like logs but do not have their name, and what to do about each."""
    for path in sorted(folder.iterdir()):
        match = _LIKE_A_LOG.fullmatch(path.name)
        if not match or epoch_of(path) is not None or not path.is_file() or path.name.endswith(_UNFINISHED):
            continue
        if match[2] and match[2].strip(".0"):
            yield path, f"Epochs are whole numbers, not {match[1]}{match[2]}: number the files 0, 1, 2 and so on."
        elif path.suffix in (".zip", ".bz2", ".xz", ".zst", ".7z", ".tar"):
            yield path, "Unpack it, or pack it by gzip as .jsonl.gz."
        else:
            yield path, f"If it is the log of epoch {match[1]}, rename it to dynamics_epoch_{int(match[1])}.jsonl."


def no_logs(folder: Path) -> Fault:
    """The fault of a folder without logs, and where they may be."""
    remedy = f"{NAMES}."
    within = [path for path in sorted(folder.iterdir()) if path.is_dir() and has_logs(path)]
    if (folder / "map.json").is_file():
        remedy = f"This is the folder of a map, which map={folder} gives."
    elif (folder / RECORDED).is_file():
        remedy = f"This is the folder of a ShardRecorder, which cal map-shards logs={folder} reads."
    elif within:
        remedy = f"There are logs in its folders {', '.join(path.name for path in within[:5])}: give one, {within[0]}."
    elif nearly := next(misnamed(folder), None):
        remedy += f" It has {nearly[0].name}. {nearly[1]}"
    elif names := sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        remedy += f" It has {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}: rename them if they are logs."
    return Fault(folder, 0, "there is no log", remedy)
