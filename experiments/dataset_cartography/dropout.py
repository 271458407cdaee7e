"""Do training dynamics tell what dropout tells of a model's uncertainty (Figure 7, appendix B.1)?

python experiments/dataset_cartography/dropout.py dataset=trec dataset.path=../shared/data/trec n_epochs=10
python experiments/dataset_cartography/dropout.py dataset=ag_news dataset.path=../shared/data/ag_news_10k \\
    learner.batch_size=64 n_epochs=10

Confidence and variability of the map against mean and standard deviation of the gold probability over 100 networks
sampled by dropout. As in the paper, the map is of classifiers that were trained on the documents and the samples are of
classifiers that were not: the paper has the development set of WinoGrande for that, and here each document is held out
once, in five folds. The last rows of the table are dynamics of the very classifiers that dropout samples, which did not
see the document either. The paper, RoBERTa-large: r from .450 to .452 for confidence and from .390 to .393 for
variability; here learn perceptrons on LSA vectors, with dropout .3 after each hidden layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from task import Task, markdown, run, said, write_figure, write_table
from torch import Tensor

from cal.dynamics import metrics
from cal.dynamics.data_map import DataMap
from cal.learners.base import Learner
from cal.learners.grid import cross_validation
from cal.report.plot_style import COLOURS, new_figure, styled
from cal.streams import Streams

N_SAMPLES, N_FOLDS, N_RESAMPLES = 100, 5, 1_000
COORDINATES = ("confidence", "variability")


@dataclass(frozen=True, eq=False)
class DropoutEstimates:
    """Asks for mean and standard deviation of the gold probability over networks sampled by dropout.

    Args:
        gold: (instance,) classes of the train split.
        n_samples: networks.
    """

    gold: Tensor
    n_samples: int = N_SAMPLES

    def __call__(self, learner: Learner, recorded: Tensor, streams: Streams) -> dict[str, Tensor]:
        probs = learner.dropout_probs(recorded, self.n_samples, streams)  # (run, sample, instance, class)
        gold = self.gold.to(probs.device)[recorded][:, None, :, None].expand(*probs.shape[:-1], 1)
        gold_prob = probs.gather(-1, gold).squeeze(-1)  # (run, sample, instance): a sample stands where an epoch does
        return {"confidence": metrics.confidence(gold_prob), "variability": metrics.variability(gold_prob)}


def main(task: Task) -> str:
    table = coordinates(task)
    n = len(task.corpus.train)
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), N_RESAMPLES)
    rows, found, panels = [], [], []
    for dynamics in ("trained on", "held out"):
        for name in COORDINATES:
            x, y = f"{name}, {dynamics}", f"{name}, dropout"
            by_seed = {seed: (of_seed[x].to_numpy(), of_seed[y].to_numpy()) for seed, of_seed in table.groupby("seed")}
            fits = {seed: regressions(*pair, np.ones((1, n)))[0] for seed, pair in by_seed.items()}
            resampled = np.mean([regressions(*pair, weights) for pair in by_seed.values()], axis=0)  # over seeds
            low, high = np.quantile(resampled[:, 0], [0.025, 0.975])
            rows.append([x, said([r for r, _, _ in fits.values()]), f"{low:.3f} to {high:.3f}"])
            found += [
                {"coordinate": name, "dynamics": dynamics, "seed": seed, "r": r, "slope": slope, "intercept": intercept}
                for seed, (r, slope, intercept) in fits.items()
            ]
            if dynamics == "trained on":
                panels.append((name, table[x], table[y], resampled[:, 1:]))
    write_table(task.output, "dropout", pd.DataFrame(found))
    write_figure(task.output, "dropout", drawn(panels, f"Training dynamics and dropout on {task.corpus.name}"))
    return markdown(["dynamics of documents", "r, over seeds", "r, documents resampled"], rows)


def coordinates(task: Task) -> pd.DataFrame:
    """A row per seed and document: confidence and variability of the map, of held-out dynamics and of dropout."""
    gold = task.corpus.train.gold
    folds = [fold for seed in task.seeds for fold in cross_validation(gold, seed, N_FOLDS)]
    held_out = []
    for fold, trained in zip(folds, task.train(folds, ask=DropoutEstimates(torch.from_numpy(gold))), strict=True):
        drawn_map = DataMap.of(trained.dynamics)
        columns = {f"{name}, held out": getattr(drawn_map, name) for name in COORDINATES}
        columns |= {f"{name}, dropout": trained.answers[name] for name in COORDINATES}
        held_out.append(pd.DataFrame({"seed": fold.seed, "row": fold.held_out} | columns))
    trained_on = [
        pd.DataFrame(
            {"seed": seed, "row": range(len(gold))} | {f"{n}, trained on": getattr(of, n) for n in COORDINATES}
        )
        for seed, of in zip(task.seeds, task.maps(), strict=True)
    ]
    return pd.concat(trained_on).merge(pd.concat(held_out), on=["seed", "row"], validate="one_to_one")


def regressions(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's r, slope and intercept of y over x, of the instances and of samples of them.

    Args:
        x: (instance,).
        y: (instance,).
        weights: (sample, instance) how often each instance is in each sample.

    Returns:
        (sample, 3).
    """
    n = weights.sum(axis=1)
    mean_x, mean_y = weights @ x / n, weights @ y / n
    x, y = x - x.mean(), y - y.mean()  # so that differences of squares keep their digits
    at_x, at_y = weights @ x / n, weights @ y / n
    variance_x, variance_y = weights @ x**2 / n - at_x**2, weights @ y**2 / n - at_y**2
    covariance = weights @ (x * y) / n - at_x * at_y
    slope = covariance / variance_x
    return np.stack([covariance / np.sqrt(variance_x * variance_y), slope, mean_y - slope * mean_x], axis=1)


@styled
def drawn(panels: Sequence[tuple[str, pd.Series, pd.Series, np.ndarray]], title: str) -> Figure:
    """Dropout over dynamics: how many documents of all seeds are where, the regression line and its interval."""
    figure = new_figure(8.5, 3.8)
    for axes, (name, x, y, lines) in zip(figure.subplots(1, 2), panels, strict=True):
        end = 1.0 if name == "confidence" else 0.5
        cells = axes.hexbin(x, y, gridsize=40, extent=(0, end, 0, end), bins="log", cmap="Greys", linewidths=0.2)
        at = np.linspace(x.min(), x.max(), 50)
        heights = lines[:, :1] * at + lines[:, 1:]  # (sample, place)
        low, high = np.quantile(heights, [0.025, 0.975], axis=0)
        axes.plot(at, heights.mean(axis=0), color=COLOURS[1], linewidth=1.6)
        axes.fill_between(at, low, high, color=COLOURS[1], alpha=0.35, linewidth=0)
        axes.set(xlim=(0, end), ylim=(0, end), title=name, xlabel="training dynamics", ylabel="dropout, held out")
        figure.colorbar(cells, ax=axes, label="documents of all seeds")
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    return figure


if __name__ == "__main__":
    run(main, __doc__)
