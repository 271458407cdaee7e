"""The paper's figures, and what they show in numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from grids import SETTINGS
from legacy import summed
from matplotlib.figure import Figure
from measures import CORPORA, NAMES, Places, batches, corpora_of, shown

import cal
from cal.data.corpus import Corpus
from cal.data.local_files import LocalFiles
from cal.dynamics.data_map import DataMap
from cal.report.map_plots import data_maps
from cal.report.plot_style import rendered
from cal.report.plots import batch_panels, learning_curves
from cal.seeds import PAPER_SEEDS
from cal.simulation.seed_sets import StratifiedSeedSet, choose_seed_set

MAPS = {  # of ten epochs each, as section 3 and the appendix say
    "figure1": ("Figure 1, full data maps", ["ag_news_10k", "trec"], False),
    "figure2": ("Figure 2, data maps of the seed sets", ["ag_news_10k", "trec"], True),
    "figure5": ("Figure 5, density of the map of AG News", ["ag_news_10k"], False),
    "figure6": ("Figure 6, density of the map of TREC", ["trec"], False),
}
DRAWN = ("random", "least_confidence", "dal", "cal")  # the strategies of Figure 4


def map_table(name: str) -> Callable[[Places], str]:
    """The function that draws one of the figures of data maps, with densities, and says what is in it."""
    title, corpora, of_seed_set = MAPS[name]

    def text(places: Places) -> str:
        tables = {CORPORA[each]: mapped(places, each, of_seed_set).to_frame() for each in corpora}
        path = saved(data_maps(tables, title), places, name)
        return shown(
            f"{title}: {path}", pd.DataFrame([[each, *in_numbers(of)] for each, of in tables.items()], columns=SHARES)
        )

    return text


def saved(figure: Figure, places: Places, name: str) -> Path:
    """The file of a figure, beside the run folders."""
    path = places.runs / "figures" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(rendered(figure, ["png"])["png"])
    return path


SHARES = ["map", "instances", "median confidence", "correctness ≥ .8", "≤ .2", "confidence ≤ .4 and correctness ≤ .2"]


def in_numbers(table: pd.DataFrame) -> list[float]:
    """What a map looks like."""
    confidence, correctness = table["confidence"], table["correctness"]
    low = (correctness <= 0.2) & (confidence <= 0.4)
    return [len(table), confidence.median(), (correctness >= 0.8).mean(), (correctness <= 0.2).mean(), low.mean()]


def mapped(places: Places, name: str, of_seed_set: bool = False) -> DataMap:
    """The map of a train split, or of the seed set of the paper's first seed, over ten epochs."""
    corpus, seed = LocalFiles(path=str(places.data / name)).read(), PAPER_SEEDS[0]
    if of_seed_set:
        size = SETTINGS[name]["seed_size"]
        rows = choose_seed_set(StratifiedSeedSet(), corpus.train.gold, None, size, seed)
        chosen = np.isin(np.arange(len(corpus.train)), rows)
        corpus = Corpus(corpus.train.where(chosen, "train"), corpus.test, corpus.label_names, name=corpus.name)
    given = {"features": summed(str(places.glove)), "learner": SETTINGS[name]["learner"], "n_epochs": 10}
    return cal.map(corpus, **given, seeds=[seed], device="cpu", workers=1, quiet=True)


def curves_drawn(places: Places) -> str:
    """Figure 3, the learning curves."""
    texts = []
    for name, title, found in corpora_of(places.runs):
        strategies = [each for each in NAMES if each in found.strategies]
        full = None if found.full.empty else float(found.full["accuracy"].mean())
        areas = {each: np.array(list(found.scores(each).values())) for each in strategies}
        path = saved(learning_curves(found.rounds, areas, full), places, f"figure3_{name}")
        at = [0, 5, 10, 20, SETTINGS[name]["rounds"]]
        chosen = found.rounds[found.rounds["round"].isin(at)].replace({"strategy": NAMES})
        table = chosen.pivot_table(index="strategy", columns="n_labelled", values="accuracy").reset_index()
        texts.append(shown(f"Figure 3, {title}: {path}; mean accuracy by number of labels", table))
    return "\n".join(texts)


def batch_table(places: Places) -> str:
    """Figure 4, what is acquired."""
    texts = []
    for name, title, found in corpora_of(places.runs):
        strategies = [each for each in DRAWN if each in found.strategies]
        columns = ["confidence", "variability", "correctness"]
        means = found.rounds[found.rounds["round"] > 0].groupby(["strategy", "round"])[columns].mean().reset_index()
        path = saved(batch_panels(means, strategies), places, f"figure4_{name}")
        rows = []
        for first, last in ((1, 5), (6, 15), (16, 30)):
            of_seeds = batches(found, first, last)
            for each in strategies if len(of_seeds) else []:
                mean = of_seeds.loc[each].mean()
                rows.append([f"{first}-{last}", NAMES[each], *mean, len(of_seeds.loc[each])])
        table = pd.DataFrame(rows, columns=["rounds", "strategy", *columns, "seeds"])
        texts.append(shown(f"Figure 4, {title}: {path}; means of the batches", table))
    return "\n".join(texts)
