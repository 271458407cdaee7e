"""The cells of this experiment: five candidates and three baselines, on two corpora and two kinds of vectors.

    python experiments/dynamics_against_margin/run.py ../shared/data                   all cells, in the order below
    python experiments/dynamics_against_margin/run.py ../shared/data --only random margin --cell trec-lsa

The folder of data holds `trec` and `ag_news_10k`, each with train.csv and test.csv (id, text, label). Cells without
noise come first, then those with 20 %, both with ten seeds and then with ten more; then those with 10 %. Finished
rounds are kept: the same command resumes. A run folder holds some strategies with ten seeds of a cell, `cal report`
merges those of a cell, and cpu_seconds.csv tells what each took.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from candidates import CANDIDATES

from cal.data.corpus import Corpus
from cal.data.local_files import LocalFiles
from cal.data.lsa import Lsa
from cal.data.minilm import MiniLm
from cal.learners.mlp import MLP
from cal.seeds import list_seeds
from cal.simulation.request import simulate

CORPORA = {"trec": "trec", "ag_news": "ag_news_10k"}
VECTORS = {"lsa": Lsa, "minilm": MiniLm}
NOISE = (0.0, 0.2, 0.1)
BASELINES = ("random", "margin", "uncertainty_herding")
STRATEGIES: dict[str, Any] = {name: name for name in BASELINES} | {
    name: {name: CANDIDATES[name]} for name in CANDIDATES
}
SETTINGS: dict[str, Any] = {"seed_size": 100, "query_size": 50, "rounds": 6}
N_SEEDS, AT_ONCE = 20, 10


class Cell(NamedTuple):
    """A corpus, a kind of vectors and a rate of noise."""

    corpus: str
    vectors: str
    noise: float

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.corpus}-{self.vectors}" + (f"-{self.noise:.0%}".rstrip("%") if self.noise else "")


CELLS = [Cell(corpus, vectors, noise) for noise in NOISE for corpus in CORPORA for vectors in VECTORS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the folders trec and ag_news_10k")
    parser.add_argument("--output", type=Path, default=Path("runs/dynamics_against_margin"))
    parser.add_argument("--cell", choices=[cell.name for cell in CELLS], action="append", help="only this cell")
    parser.add_argument("--only", nargs="+", choices=STRATEGIES, help="only these strategies; by default all eight")
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--workers", type=int, help="processes; by default one per core")
    given = parser.parse_args()
    for cell, seeds in parts(given.cell, given.seeds):
        run(cell, seeds, given.data, given.output, given.only, given.workers)


def parts(cells: list[str] | None, n_seeds: int) -> Iterator[tuple[Cell, list[int]]]:
    """Cells with ten of the seeds, in the order to run: without noise, then 20 %, and ten seeds of both before more."""
    seeds = list_seeds(n_seeds)
    for noises in (NOISE[:2], NOISE[2:]):
        for start in range(0, n_seeds, AT_ONCE):
            for cell in CELLS:
                if cell.noise in noises and (not cells or cell.name in cells):
                    yield cell, seeds[start : start + AT_ONCE]


def run(cell: Cell, seeds: list[int], data: Path, output: Path, only: list[str] | None, workers: int | None) -> None:
    """Runs strategies of a cell with some seeds in a folder of their own."""
    named = strategies(only)
    folder = output / cell.name / f"{'+'.join(named) if only else 'all'}-{list_seeds(N_SEEDS).index(seeds[0]):02d}"
    noise = {"oracle": {"noise": cell.noise, "kind": "uniform"}} if cell.noise else {}
    before = cpu_seconds()
    simulate(
        corpus_of(cell, data),
        list(named.values()),
        features=VECTORS[cell.vectors](),
        learner=MLP(),
        seeds=seeds,
        full_data=False,
        output=folder,
        workers=workers,
        quiet=True,
        **SETTINGS,
        **noise,
    )
    took = cpu_seconds() - before
    told = output / "cpu_seconds.csv"
    header = "" if told.exists() else "folder,cpu_seconds\n"
    with told.open("a") as file:
        file.write(f"{header}{folder.relative_to(output)},{took:.1f}\n")
    print(f"{folder}: {took:.0f} CPU s, until {datetime.now():%H:%M}", flush=True)


def cpu_seconds() -> float:
    """CPU seconds of this process and of those that it has started and that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def corpus_of(cell: Cell, data: Path) -> Corpus:
    """The corpus of a cell."""
    return LocalFiles(path=str(data / CORPORA[cell.corpus]), name=cell.corpus).read()


def strategies(only: list[str] | None) -> dict[str, Any]:
    """Strategies by name, as `simulate` takes them."""
    return {name: STRATEGIES[name] for name in only or STRATEGIES}


if __name__ == "__main__":
    main()
