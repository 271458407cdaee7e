"""Packing: run folders into one file of curves and acquired ids, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cal.arguments import check_arguments
from cal.checks import paths, refuse
from cal.errors import ConfigError, StorageError, shown
from cal.simulation.cells import cell_name, merged_about
from cal.simulation.curves import LearningCurves, about_of
from cal.simulation.packed import PackedCell, is_packed, packed_cells, setting_of, write_packed
from cal.simulation.record_tables import COLUMNS, frame
from cal.simulation.run_folder import RunFolder


def pack_curves(sources: Sequence[Path | str], path: Path | str, *, full: bool = False) -> pd.DataFrame:
    """Curves and acquired ids of many simulations as one Parquet file: a row per cell, strategy, seed and round.

    Run folders that differ in strategies and seeds alone are a cell. Its name says corpus, vectors and classifier, and
    ends in a hash of the whole setting, so that the same simulation has the same name on every machine. `cal compare`,
    `cal report` and `LearningCurves.load` read the file. docs/benchmark.md lists the columns.

    The last batch of an unfinished run, on which nothing has been trained yet, is left out.

    Args:
        sources: run folders, and files of packed curves to which they are added.
        path: file to write, ending in .parquet; it may be one of the sources.
        full: whether to keep also the score of each acquired document and the data maps of the first and last round,
            which make the file several times larger.

    Returns:
        One row per cell, by name: corpus, features, learner, seed_size, query_size, strategies, seeds, rounds.

    Raises:
        AnalysisError: if two sources hold the same run.
        StorageError: if a source cannot be read, the file cannot be written, or another one is in its place.

    Example:
        >>> cal.pack_curves(["runs/trec", "runs/trec_noisy"], "curves.parquet")  # doctest: +SKIP
    """
    check_arguments(pack_curves, {"full": full})
    if isinstance(sources, str | Path) or not isinstance(sources, Sequence) or not sources:
        raise ConfigError(f"sources must be a list of run folders, not {shown(sources)}.")
    refuse([*(each for source in sources for each in paths(source=source)), *paths(path=path)])
    target = Path(path)
    if target.suffix != ".parquet":
        raise ConfigError(f"The file to write must end in .parquet, not {target.name!r}.")
    if target.exists() and not is_packed(target):
        raise StorageError(f"{target} is no file of packed curves, and would be replaced. Give another path.")
    parts = _by_cell([Path(source) for source in sources])
    rows = {}

    def packed(name: str) -> PackedCell:
        curves = LearningCurves.load(*parts[name], cell=name)
        n_rounds = int(curves.rounds["round"].max())
        counts = {"strategies": len(curves.strategies), "seeds": len(curves.seeds), "rounds": n_rounds}
        rows[name] = {key: each for key, each in setting_of(curves.about).items() if "finger" not in key} | counts
        return PackedCell(curves.about, _kept(curves, full))

    write_packed(target, {name: merged_about(list(abouts.values())) for name, abouts in parts.items()}, packed)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("cell")


def unpack_curves(path: Path | str) -> dict[str, LearningCurves]:
    """The curves of each cell of a file of packed curves, by name.

    Args:
        path: file of `pack_curves`.

    Raises:
        StorageError: if it is missing, damaged or another file.

    Example:
        >>> for name, curves in cal.unpack_curves("curves.parquet").items():  # doctest: +SKIP
        ...     print(name, curves.compare().headline())
    """
    refuse(paths(path=path))
    return {name: LearningCurves.load(path, cell=name) for name in packed_cells(Path(path))}


def _by_cell(sources: Sequence[Path]) -> dict[str, dict[Path, dict[str, Any]]]:
    """What each source says of each cell, by the name of the cell."""
    parts: dict[str, dict[Path, dict[str, Any]]] = {}
    for source in sources:
        if source.is_file():
            abouts = packed_cells(source)
        else:
            about = about_of(RunFolder(source))
            abouts = {cell_name(about): about}
        for name, about in abouts.items():
            if source in parts.setdefault(name, {}):
                raise ConfigError(f"{source} is given twice. Give each source once.")
            parts[name][source] = {key: value for key, value in about.items() if key != "folders"}
    return parts


def _kept(curves: LearningCurves, full: bool) -> dict[str, pd.DataFrame]:
    """The tables to pack."""
    tables = {name: getattr(curves, name) for name in COLUMNS}
    return tables if full else {**tables, "acquired": curves.acquired.assign(score=float("nan")), "maps": frame("maps")}
