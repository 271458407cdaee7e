"""How soon is the map there (Figure 6, appendix A.1), and how much of it is the seed's (section 2)?

python experiments/dataset_cartography/burn_out.py dataset=trec dataset.path=../shared/data/trec n_epochs=30
python experiments/dataset_cartography/burn_out.py dataset=ag_news dataset.path=../shared/data/ag_news_10k \\
    learner.batch_size=64 n_epochs=30

Pearson's r of confidence and of variability between the map of the first k epochs and the map of all, per seed; and
between maps of two seeds, for all pairs, after k epochs each. The paper shows the first for variability and reports .75
or more for the second at the end, for RoBERTa-large on WinoGrande; here learn perceptrons on LSA vectors. The first k
epochs are a part of all, so that r rises to 1 by itself; between seeds it need not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from task import Task, interval, markdown, run, said, write_figure, write_table

from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import ConfigError
from cal.learners.grid import Training
from cal.report.plot_style import line_style, new_figure, styled

COORDINATES = ("confidence", "variability")


def main(task: Task) -> str:
    gold = task.corpus.train.gold
    trained = task.train([Training(seed, np.arange(len(gold)), gold) for seed in task.seeds])
    dynamics = [each.dynamics for each in trained]
    n_epochs = dynamics[0].n_epochs
    if n_epochs < 3:
        raise ConfigError(f"n_epochs is {n_epochs}; give 3 at least, so that there is a map before the last epoch.")
    ends, pairs = with_the_end(dynamics, task.seeds), between_seeds(dynamics, task.seeds)
    write_table(task.output, "burn_out", ends)
    write_table(task.output, "between_seeds", pairs)
    title = f"The map of {task.corpus.name} after k of {n_epochs} epochs"
    write_figure(task.output, "burn_out", drawn(ends, pairs, title))
    shown = sorted({2, 3, 5, n_epochs // 4, n_epochs // 2, 3 * n_epochs // 4, n_epochs} & set(range(2, n_epochs + 1)))
    rows = []
    for k in shown:
        end, pair = ends[ends["n_epochs"] == k], pairs[pairs["n_epochs"] == k]
        rows.append([str(k), *(said(end[name]) for name in COORDINATES), *(_range(pair[name]) for name in COORDINATES)])
    header = ["epochs", "confidence: r with all", "variability: r with all"]
    header += ["confidence: r between seeds", "variability: r between seeds"]
    note = "Mean and bootstrap interval over seeds; between seeds: mean, lowest and highest of all pairs."
    return f"{markdown(header, rows)}\n\n{note}"


def with_the_end(dynamics: Sequence[TrainingDynamics], seeds: Sequence[int]) -> pd.DataFrame:
    """A row per seed and k: r between the map of the first k epochs and that of all."""
    rows = []
    for seed, of_seed in zip(seeds, dynamics, strict=True):
        whole = DataMap.of(of_seed)
        for k in range(2, of_seed.n_epochs + 1):
            rows.append({"seed": seed, "n_epochs": k} | correlations(DataMap.of(of_seed.epochs(slice(k))), whole))
    return pd.DataFrame(rows)


def between_seeds(dynamics: Sequence[TrainingDynamics], seeds: Sequence[int]) -> pd.DataFrame:
    """A row per pair of seeds and k: r between their maps of the first k epochs."""
    rows = []
    for k in range(2, dynamics[0].n_epochs + 1):
        maps = [DataMap.of(of_seed.epochs(slice(k))) for of_seed in dynamics]
        for (a, first), (b, second) in combinations(zip(seeds, maps, strict=True), 2):
            rows.append({"a": a, "b": b, "n_epochs": k} | correlations(first, second))
    return pd.DataFrame(rows, columns=["a", "b", "n_epochs", *COORDINATES])


def correlations(first: DataMap, second: DataMap) -> dict[str, float]:
    """Pearson's r of each coordinate between two maps of the same instances."""
    return {name: np.corrcoef(getattr(first, name), getattr(second, name))[0, 1] for name in COORDINATES}


@styled
def drawn(ends: pd.DataFrame, pairs: pd.DataFrame, title: str) -> Figure:
    """r over k: of the map so far with the map of all epochs, and between seeds."""
    figure = new_figure(8, 3.4)
    panels = figure.subplots(1, 2, sharey=True)
    bands = {"with the map of all epochs": (ends, interval), "between two seeds": (pairs, _ends)}
    for axes, (name, (table, band)) in zip(panels, bands.items(), strict=True):
        for coordinate in COORDINATES:
            by_epochs = table.groupby("n_epochs")[coordinate]
            style = line_style(COORDINATES, coordinate)
            axes.plot(by_epochs.mean(), **style, label=coordinate)
            spans = {k: band(values.to_numpy()) for k, values in by_epochs}
            low, high = np.transpose(list(spans.values())) if spans else ([], [])
            axes.fill_between(list(spans), low, high, color=style["color"], alpha=0.2, linewidth=0)
        axes.set(xlabel="first k epochs", title=name)
    panels[0].set_ylabel("Pearson's r")
    panels[0].legend(loc="lower right")
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    return figure


def _ends(values: np.ndarray) -> tuple[float, float]:
    """Pairs share seeds, so a bootstrap of them would promise too much."""
    return values.min(), values.max()


def _range(values: pd.Series) -> str:
    if not len(values):
        return "one seed"
    return "{:.3f} ({:.3f} to {:.3f})".format(values.mean(), *_ends(values.to_numpy())).replace("0.", ".")


if __name__ == "__main__":
    run(main, __doc__)
