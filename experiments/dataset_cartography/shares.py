"""Figure 3: how few ambiguous documents are enough, and how many easy ones among them help.

    python experiments/dataset_cartography/shares.py dataset=trec dataset.path=../shared/data/trec --out topic
    python experiments/dataset_cartography/shares.py dataset=ag_news dataset.path=../shared/data/ag_news_10k \
        learner.batch_size=64 --out topic
    python experiments/dataset_cartography/shares.py dataset=docstrings --out length
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from task import Task, interval, markdown, run, said, write_figure, write_table

from cal.report.plot_style import COLOURS, new_figure, styled
from cal.selection.recipes import RECIPES, Chooser, n_of

SHARES = (0.5, 0.33, 0.25, 0.17, 0.1, 0.05, 0.01)
OF_WHICH_EASY = 0.17
EASY = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)


def main(task: Task) -> str:
    n, maps = len(task.corpus.train), task.maps()
    runs = list(zip(maps, task.seeds, strict=True))
    parts = {"100 %": [np.arange(n)] * len(runs)}
    for share in SHARES:
        count = n_of(n, fraction=share)
        for name in ("ambiguous", "random"):
            parts[f"{name} {share:.0%}"] = [
                Chooser(drawn, RECIPES[name], seed=seed).take(count) for drawn, seed in runs
            ]
    count = n_of(n, fraction=OF_WHICH_EASY)
    for easy in EASY:
        recipe = replace(RECIPES["ambiguous"], easy=easy)
        parts[f"easy {easy:.0%}"] = [Chooser(drawn, recipe).take(count) for drawn, _ in runs]

    accuracies = task.accuracies(parts)
    path = write_table(task.output, "shares", accuracies)
    write_figure(task.output, "shares", drawn_curves(accuracies))
    tests = tests_of(accuracies)
    of = {name: table for name, table in accuracies.groupby("training")}
    by_share = [
        [f"{share:.0%}", *(said(of[f"{name} {share:.0%}"][test]) for test in tests for name in ("ambiguous", "random"))]
        for share in SHARES
    ]
    by_easy = [[f"{easy:.0%}", *(said(of[f"easy {easy:.0%}"][test]) for test in tests)] for easy in EASY]
    first = markdown(["share", *(f"{name}, {test}" for test in tests for name in ("ambiguous", "random"))], by_share)
    second = markdown(["of these easy", *tests], by_easy)
    whole = ", ".join(f"{test} {said(of['100 %'][test])}" for test in tests)
    return (
        f"{task.corpus.name}, {n} documents; all of them: {whole}; seeds {', '.join(map(str, task.seeds))}; {path}\n\n"
        f"{first}\n\nThe {OF_WHICH_EASY:.0%} most ambiguous, some replaced by the easiest:\n\n{second}"
    )


def tests_of(accuracies: pd.DataFrame) -> list[str]:
    """Names of the test sets."""
    return [column for column in accuracies if column not in ("training", "seed", "n")]


@styled
def drawn_curves(accuracies: pd.DataFrame) -> Any:
    """Accuracy by share on each test set, and by how many of the ambiguous are replaced."""
    tests = tests_of(accuracies)
    figure = new_figure(3.4 * (len(tests) + 1), 3.2)
    panels = figure.subplots(1, len(tests) + 1)
    for panel, test in zip(panels, tests, strict=False):
        for name, colour in (("ambiguous", COLOURS[1]), ("random", COLOURS[0])):
            _curve(panel, accuracies, [f"{name} {share:.0%}" for share in SHARES], SHARES, test, name, colour)
        whole = accuracies.loc[accuracies["training"] == "100 %", test].mean()
        panel.axhline(whole, color="#777777", linestyle=":", linewidth=1, label="all documents")
        panel.set(xscale="log", xlabel="share of the train split", title=f"accuracy on {test}")
        panel.set_xticks(SHARES, ["" if share in (0.33, 0.17) else f"{share:.0%}" for share in SHARES])  # no room
        panel.minorticks_off()
    for test, colour in zip(tests, COLOURS[2:], strict=False):
        _curve(panels[-1], accuracies, [f"easy {easy:.0%}" for easy in EASY], EASY, test, test, colour)
    panels[-1].set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    panels[-1].set(xlabel="of these the easiest", title=f"the {OF_WHICH_EASY:.0%} most ambiguous, some replaced")
    panels[-1].legend()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    return figure


def _curve(
    panel: Any, accuracies: pd.DataFrame, names: Sequence[str], x: Sequence[float], test: str, label: str, colour: str
) -> None:
    values = [accuracies.loc[accuracies["training"] == name, test].to_numpy() for name in names]
    low, high = np.array([interval(each) for each in values]).T
    panel.plot(x, [each.mean() for each in values], color=colour, marker="o", markersize=4, label=label)
    panel.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)


if __name__ == "__main__":
    run(main, __doc__)
