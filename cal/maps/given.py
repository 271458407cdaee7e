"""The map of a request: an object, or read from a folder, file or logs, with a hash of what was read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.errors import ConfigError

if TYPE_CHECKING:
    from cal.dynamics.data_map import DataMap
    from cal.dynamics.log_options import LogOptions


def given_map(
    data_map: Any, logs: Path | str | None, options: LogOptions | None = None
) -> tuple[DataMap, dict[str, str]]:
    """The map of a request, as one run, and its origin: path and sha256 of what was read.

    Args:
        data_map: a `DataMap`, its `to_frame()`, or the folder or file of one; None to read `logs`.
        logs: folder of logs.
        options: how to read logs.

    Raises:
        DataError: if it cannot be read.
    """
    from cal.dynamics.data_map import DataMap
    from cal.dynamics.log_options import LogOptions
    from cal.maps.read import logs_map, read_map
    from cal.maps.source import source_of

    if logs is not None:
        return logs_map(logs, options or LogOptions()).one(), source_of(logs)

    if hasattr(data_map, "columns"):  # a data frame
        data_map = DataMap.from_frame(data_map)
    if isinstance(data_map, DataMap):
        return data_map.one(), {"given": repr(data_map)}
    if not isinstance(data_map, str | Path):
        kind = type(data_map).__name__
        raise ConfigError(
            f"map must be a DataMap, or the folder or file of one, not {kind}; cal.map(corpus) makes one."
        )
    return read_map(data_map, **vars(options or LogOptions())).one(), source_of(data_map)


def is_map(given: Any) -> bool:
    """Whether an object, folder or file is a map rather than a corpus: a corpus has no confidence and variability."""
    from cal.dynamics.data_map import DataMap

    if isinstance(given, DataMap):
        return True
    if hasattr(given, "columns"):  # a data frame
        return {"confidence", "variability"} <= {str(name).strip().lower() for name in given.columns}
    if not isinstance(given, str | Path):
        return False
    path = Path(given)
    if path.is_dir():
        return any((path / name).is_file() for name in ("map.json", "map.parquet", "td_metrics.jsonl"))
    if path.suffix not in (".jsonl", ".csv", ".tsv", ".parquet") or not path.is_file():
        return False
    with path.open("rb") as file:  # Parquet has the names of its columns at the end
        start = file.readline(10_000).lower()
        file.seek(max(path.stat().st_size - 100_000, 0) if path.suffix == ".parquet" else 0)
        start = file.read().lower() if path.suffix == ".parquet" else start
    return b"confidence" in start and b"variability" in start
