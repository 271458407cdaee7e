"""Any map there is: folders of `cal map`, files, logs, and published coordinates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cal.arguments import check_arguments
from cal.dynamics.data_map import DataMap
from cal.dynamics.jsonl import epoch_of
from cal.dynamics.logs import log_folder, open_logs
from cal.dynamics.store import OnMissing
from cal.errors import DataError
from cal.maps.folder import load_map


def read_map(path: Path | str, *, on_missing: OnMissing = "error") -> DataMap:
    """The map in a folder or file.

    Args:
        path: folder of `cal map`; its `.parquet` or `.csv` file; folder of logs, or of a recorder; or a table
            (`.jsonl`, `.csv`, `.tsv` or `.parquet`) of ids, confidence, variability and correctness, such as
            td_metrics.jsonl and published coordinates, or a folder with a td_metrics.jsonl.
        on_missing: what to do with instances that some epochs of logs lack, as for `read_logs`.

    Raises:
        DataError: if there is no map, or it cannot be read.

    Example:
        >>> import tempfile, torch
        >>> from cal.dynamics.jsonl import write_epoch
        >>> logs = Path(tempfile.mkdtemp()) / "mine"
        >>> _ = write_epoch(logs, 0, ["a", "b"], [[2.0, 0.0], [0.0, 1.0]], [0, 0])
        >>> read_map(logs)
        DataMap 'mine': 2 instances, 1 epoch, 1 run
    """
    check_arguments(read_map, locals())
    path = Path(path)
    if path.is_dir():
        if (path / "map.json").is_file() or (path / "map.parquet").is_file():
            return load_map(path)
        if not (path / "store.json").is_file() and not _has_logs(path):
            if (path / "td_metrics.jsonl").is_file():
                return load_map(path / "td_metrics.jsonl")
            raise DataError(
                f"{path} holds neither a data map nor logs: it has no map.json, store.json or dynamics_epoch_0.jsonl, "
                "and no td_metrics.jsonl. Give another table by its own name, not by its folder."
            )
        return read_logs(path, on_missing=on_missing)
    if not path.is_file():
        raise DataError(
            f"There is no file or folder {path.absolute()}. Give the folder of cal map, or a file of a map."
        )
    return load_map(path)


def read_logs(folder: Path | str, *, on_missing: OnMissing = "error") -> DataMap:
    """The map that logs draw.

    Args:
        folder: folder of a `DynamicsRecorder`, or of files `dynamics_epoch_0.jsonl` and so on.
        on_missing: what to do with instances that some epochs lack: `error` refuses the logs, `drop` leaves such
            instances out, `partial` uses the epochs that each has.

    Raises:
        DataError: if there are no logs, or faulty ones.
    """
    check_arguments(read_logs, locals())
    store = open_logs(folder, on_missing)
    return replace(store.data_map(), name=Path(folder).resolve().name, curves=store.dynamics().gold_prob)


def _has_logs(folder: Path) -> bool:
    return any(epoch_of(path) is not None for path in log_folder(folder).iterdir())
