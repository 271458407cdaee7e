"""Any map there is: folders of `cal map`, files, logs, and published coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cal.arguments import check_arguments
from cal.dynamics.data_map import DataMap
from cal.dynamics.find_logs import has_logs
from cal.dynamics.log_options import LogOptions
from cal.dynamics.open_logs import logs_in
from cal.dynamics.scale import Values
from cal.dynamics.store import OnMissing
from cal.errors import DataError
from cal.maps.folder import load_map


def read_map(
    path: Path | str,
    *,
    on_missing: OnMissing = "error",
    epochs: Sequence[int] | None = None,
    burn_out: int | None = None,
    values: Values | None = None,
    label_names: Sequence[str] | None = None,
) -> DataMap:
    """The map in a folder or file.

    Args:
        path: folder of `cal map`; its `.parquet` or `.csv` file; folder of logs, or of a recorder; or a table
            (`.jsonl`, `.csv`, `.tsv` or `.parquet`) of ids, confidence, variability and correctness, such as
            td_metrics.jsonl and published coordinates, or a folder with a td_metrics.jsonl.
        on_missing: what to do with instances that some epochs of logs lack, as for `read_logs`.
        epochs: epochs of logs to read; None reads all.
        burn_out: number of epochs of logs to read, the first ones; None reads all.
        values: what logs hold, as for `read_logs`.
        label_names: names of the classes of logs, as for `read_logs`.

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
        if not has_logs(path):
            if (path / "td_metrics.jsonl").is_file():
                return load_map(path / "td_metrics.jsonl")
            raise DataError(
                f"{path} holds neither a data map nor logs: it has no map.json, store.json or dynamics_epoch_0.jsonl, "
                "and no td_metrics.jsonl. Give another table by its own name, not by its folder."
            )
        return logs_map(path, LogOptions(on_missing, epochs, burn_out, values, label_names))
    if not path.is_file():
        raise DataError(
            f"There is no file or folder {path.absolute()}. Give the folder of cal map, or a file of a map."
        )
    return load_map(path)


def read_logs(
    folder: Path | str,
    *,
    on_missing: OnMissing = "error",
    epochs: Sequence[int] | None = None,
    burn_out: int | None = None,
    values: Values | None = None,
    label_names: Sequence[str] | None = None,
) -> DataMap:
    """The map that logs draw.

    Args:
        folder: folder of a `DynamicsRecorder`, or of files `dynamics_epoch_0.jsonl` and so on.
        on_missing: what to do with instances that some epochs lack, or whose logits are not finite there: `error`
            refuses the logs, `drop` leaves such instances out, `partial` uses the epochs that each has.
        epochs: epochs to read, numbered as in the names of the files; None reads all.
        burn_out: number of epochs to read, the first ones; None reads all.
        values: what the logs hold, logits or probabilities; None takes logits, and refuses what can only be
            probabilities.
        label_names: names of the classes, in the order of the logits; needed if gold labels are names.

    Raises:
        DataError: if there are no logs, or faulty ones.
    """
    options = LogOptions(on_missing, epochs, burn_out, values, label_names)
    check_arguments(read_logs, locals())
    return logs_map(folder, options)


def logs_map(folder: Path | str, options: LogOptions) -> DataMap:
    """The map that logs draw, read as the options say."""
    return logs_in(folder, options).data_map(name=Path(folder).resolve().name, label_names=options.label_names)
