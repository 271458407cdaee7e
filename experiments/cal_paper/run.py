"""Cartography Active Learning again: its tables and figures, and what its released code does.

    python experiments/cal_paper/run.py ../shared/data glove.kv            all, in the order of importance
    python experiments/cal_paper/run.py ../shared/data glove.kv table3     what Table 3 needs, then that table
    python experiments/cal_paper/run.py ../shared/data glove.kv --finished tables of whatever is finished

`vectors.py` writes glove.kv. Run folders are kept under --runs; what is finished is not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import tables
from faults import Faulty
from grids import SETTINGS, Cell, LegacyCell, queue
from measures import Places, scores_of

from cal.data.local_files import LocalFiles
from cal.errors import CalError

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the folders trec and ag_news_10k, each with train and test")
    parser.add_argument("glove", type=Path, help="file that vectors.py has written")
    parser.add_argument("results", nargs="*", metavar="RESULT", help=f"of {', '.join(tables.RESULTS)}; all if none")
    parser.add_argument("--runs", type=Path, default=Path("runs/cal_paper"), help="folder of run folders and figures")
    parser.add_argument("--finished", action="store_true", help="simulate nothing")
    given = parser.parse_intermixed_args()
    if unknown := set(given.results) - set(tables.RESULTS):
        parser.error(f"no result {', '.join(sorted(unknown))}")
    wanted = given.results or list(tables.RESULTS)
    try:
        answer(wanted, Places(given.runs, given.data, given.glove), given.finished)
    except CalError as error:
        parser.exit(1, f"{error}\n")


def answer(wanted: list[str], places: Places, finished: bool) -> None:
    """Simulates what some results need, unless only what is `finished` is wanted, and prints them."""
    if not finished:
        needed = {part for name in wanted for part in tables.RESULTS[name].parts}
        simulate((cell for cell in queue() if part_of(cell) in needed), places.data, places.glove, places.runs)
    if len(found := scores(places.runs)):
        found.to_csv(RESULTS / "scores.csv", index=False, float_format="%.4f")
    for name in wanted:
        print(
            tables.RESULTS[name].text(places) or f"\n{name}: none of its runs is finished in {places.runs}.", flush=True
        )


def scores(runs: Path) -> pd.DataFrame:
    """Area and last accuracy of every finished run, without and with faults."""
    tables = [scores_of(runs, corpus, features) for corpus in SETTINGS for features in ("glove", "lsa")]
    return pd.concat([*tables, Faulty(runs).all_scores()], ignore_index=True)


def part_of(cell: Cell | LegacyCell) -> str:
    """What results call the cells that they are made of."""
    return "legacy" if isinstance(cell, LegacyCell) else "lsa" if cell.features == "lsa" else cell.group


def simulate(cells: Iterable[Cell | LegacyCell], data: Path, glove: Path, runs: Path) -> None:
    """Runs cells that are not finished, one after the other, and says how long each took."""
    corpora = {}
    for cell in cells:
        folder, started, spent = runs / cell.path, time.time(), time.process_time()
        if finished(folder):
            continue
        if cell.corpus not in corpora:
            corpora[cell.corpus] = LocalFiles(path=str(data / cell.corpus)).read()
        cell.simulate(corpora[cell.corpus], glove, folder)
        seconds, cpu = time.time() - started, time.process_time() - spent
        folder.with_suffix(".json").write_text(json.dumps({"seconds": seconds, "cpu_seconds": cpu}))
        print(f"{time.strftime('%H:%M:%S')} {cell.path}: {seconds:.0f} s, {cpu:.0f} CPU s", flush=True)


def finished(folder: Path) -> bool:
    """Whether a cell is finished, by the file beside its folder that says how long it took."""
    return folder.with_suffix(".json").exists()


if __name__ == "__main__":
    main()
