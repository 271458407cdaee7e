"""Tables: results as parts of a document, shared by the report and `cal compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cal.report.comparison import Comparison
from cal.report.document import Bullets, Table
from cal.report.scores import SharedRounds
from cal.simulation.run_folder import FULL_DATA


def cautions(notes: Sequence[str], comparison: Comparison | None) -> list[Bullets]:
    """What was left out and why to read the verdict with care; empty when there is nothing to say."""
    items = [*notes, *(comparison.warnings() if comparison else [])]
    return [Bullets(items, warning=True)] if items else []


def score_table(comparison: Comparison) -> Table:
    """Mean and spread of each strategy's scores, highest mean first."""
    rows = [
        [
            name,
            str(len(values)),
            f"{values.mean():.4f}",
            f"{values.std(ddof=1):.4f}" if len(values) > 1 else "–",
            f"{values.min():.4f}",
            f"{values.max():.4f}",
        ]
        for name, values in sorted(comparison.scores.items(), key=lambda item: -item[1].mean())
    ]
    return Table(
        ["strategy", "seeds", "mean", "standard deviation", "lowest", "highest"],
        rows,
        f"{comparison.measure[0].upper()}{comparison.measure[1:]} per strategy, highest mean first.",
    )


def comparison_blocks(comparison: Comparison) -> list[Bullets | Table]:
    """Verdicts and both matrices of a comparison; its warnings belong at the top of a document, beside the headline."""
    if comparison.n_seeds < 2:  # matrices of single scores would look like results
        return [Bullets(comparison.verdicts())]
    header = ["row over column", *comparison.names]
    pairs = "1 pair" if comparison.n_comparisons == 1 else f"{comparison.n_comparisons} pairs"

    def rows(matrix: np.ndarray, form: str) -> list[list[str]]:
        return [
            [name, *(_number(value, form) for value in line)]
            for name, line in zip(comparison.names, matrix, strict=True)
        ]

    blocks: list[Bullets | Table] = [
        Bullets(comparison.verdicts()),
        Table(
            header,
            rows(comparison.eps_min, "{:.3f}"),
            f"ε_min of Almost Stochastic Order: below {comparison.threshold} the row dominates the column. "
            f"α = {comparison.alpha}, Bonferroni-corrected over {pairs}.",
        ),
    ]
    if comparison.paired:
        blocks.append(
            Table(
                ["p-value", *comparison.names],
                rows(np.where(np.tri(len(header) - 1), comparison.p_values, comparison.uncorrected), "{:.2g}"),
                "Two-sided paired permutation test: above the diagonal as it is, below it Holm-corrected over "
                f"{pairs}.",
            )
        )
    return blocks


def final_table(shared: SharedRounds) -> Table:
    """Accuracy and macro F1 after the last shared round, and seconds per run, highest accuracy first."""
    last = shared.rounds[shared.rounds["round"] == shared.last_round].groupby("strategy")
    seconds = shared.rounds[["seconds_fit", "seconds_evaluate", "seconds_acquire"]].sum(axis=1)
    per_run = seconds.groupby([shared.rounds["strategy"], shared.rounds["seed"]]).sum().groupby("strategy").mean()
    table = pd.DataFrame(
        {
            "accuracy": last["accuracy"].mean(),
            "spread": last["accuracy"].std(),
            "macro_f1": last["macro_f1"].mean(),
            "seconds": per_run,
        }
    ).sort_values("accuracy", ascending=False, kind="stable")
    rows = [
        [str(name), *(_number(value, form) for value, form in zip(line, ("{:.3f}",) * 3 + ("{:,.1f}",), strict=True))]
        for name, *line in table.itertuples()
    ]
    n_labels = int(shared.rounds["n_labelled"].max())
    return Table(
        ["strategy", "accuracy", "standard deviation", "macro F1", "seconds per run"],
        rows,
        f"After {n_labels:,} labels, mean over seeds, highest accuracy first.",
    )


def area_table(shared: SharedRounds, areas: Mapping[str, np.ndarray]) -> Table:
    """Area under the learning curve of every run: a row per seed, a column per strategy, means at the end."""
    runs = shared.rounds[["strategy", "seed"]].drop_duplicates()
    seeds = {name: sorted(runs["seed"][runs["strategy"] == name]) for name in areas}
    cells = {(name, seed): f"{area:.4f}" for name in areas for seed, area in zip(seeds[name], areas[name], strict=True)}
    rows = [[str(seed), *(cells.get((name, seed), "–") for name in areas)] for seed in shared.seeds]
    rows.append(["mean", *(f"{values.mean():.4f}" for values in areas.values())])
    return Table(["seed", *areas], rows, "Area under the learning curve per seed and strategy.")


def labels_table(needed: pd.DataFrame, full_accuracy: float, n_train: int | None) -> Table:
    """Labels at which each strategy reaches each share of the full-data accuracy."""
    header, rows = ["strategy"], []
    for target in sorted(set(needed["target"])):
        header += [f"{target:.0%}: {target * full_accuracy:.3f}", "seeds"]
    for strategy, group in needed.groupby("strategy", sort=False):
        row = [str(strategy)]
        for line in group.sort_values("target").to_dict("records"):
            share = f" ({line['of_mean'] / n_train:.0%})" if n_train and line["of_mean"] > 0 else ""
            row.append("not reached" if np.isnan(line["of_mean"]) else f"{line['of_mean']:,.0f}{share}")
            reached = f"({line['n_reached']}/{line['n_seeds']})"
            row.append(f"{line['lowest']:,.0f}–{line['highest']:,.0f} {reached}" if line["n_reached"] else reached)
        rows.append(row)
    return Table(
        header,
        rows,
        f"Labels with which the mean curve reaches a share of the full-data accuracy of {full_accuracy:.3f}"
        f"{' (and how much of the training data that is)' if n_train else ''}; beside it the range over the seeds "
        "that reach it, and how many of them do.",
    )


def stopping_table(
    stopped: pd.DataFrame, rounds: pd.DataFrame, strategies: Sequence[str], criteria: Sequence[str]
) -> Table:
    """Where each stopping criterion was first met, a row per criterion and strategy.

    Args:
        stopped: as in `LearningCurves.stopped`.
        rounds: as in `LearningCurves.rounds`; their last rounds are the ends of the runs.
        strategies: in the order of the rows.
        criteria: in the order of the rows, those never met too.
    """
    ends = rounds.sort_values("round").groupby(["strategy", "seed"])["accuracy"].last()
    rows = []
    for criterion in criteria:
        for strategy in strategies:
            met = stopped[(stopped["criterion"] == criterion) & (stopped["strategy"] == strategy)]
            n_seeds = len(ends[strategy])
            row = [criterion, strategy, f"{len(met)}/{n_seeds}"]
            if len(met):
                labels, gained = met["n_labelled"], ends[strategy].loc[met["seed"]].mean() - met["accuracy"].mean()
                row += [f"{labels.mean():,.0f}", "–".join(f"{end:,}" for end in sorted({labels.min(), labels.max()}))]
                row += [f"{met['accuracy'].mean():.3f}", f"{gained:+.3f}"]
            rows.append(row + ["–"] * (7 - len(row)))
    return Table(
        ["criterion", "strategy", "met", "labels", "range", "accuracy", "gained after"],
        rows,
        "When each criterion was first met: in how many seeds, with how many labels, at what test accuracy, and what "
        "the run gained from there to its end; means over the seeds in which it was met.",
    )


def further_table(shared: SharedRounds, tests: pd.DataFrame, full: pd.DataFrame) -> Table:
    """Accuracy on each test set after the last shared round, a row per strategy, a column per test set.

    Args:
        shared: what is compared; its accuracy on the test split is the first column.
        tests: as in `LearningCurves.tests`.
        full: as in `LearningCurves.full_data`; the last row, if there is any.
    """
    parts = [
        shared.rounds[shared.rounds["round"] == shared.last_round].assign(test="test"),
        full.assign(strategy=FULL_DATA, test="test"),
        tests[(tests["round"] == shared.last_round) | (tests["strategy"] == FULL_DATA)],
    ]
    scores = pd.concat([part[part["seed"].isin(shared.seeds)] for part in parts if len(part)])
    grouped = scores.groupby(["strategy", "test"])["accuracy"]
    mean, spread = grouped.mean().unstack(), grouped.std().unstack()
    names = ["test", *dict.fromkeys(tests["test"])]
    ordered = sorted(shared.strategies, key=lambda strategy: -mean["test"][strategy])
    rows = [
        [label, *(_with_spread(mean[test][strategy], spread[test][strategy]) for test in names)]
        for strategy, label in [*((name, name) for name in ordered), (FULL_DATA, "all training data")]
        if strategy in mean.index
    ]
    n_labels = int(shared.rounds["n_labelled"].max())
    return Table(
        ["strategy", *names],
        rows,
        f"Accuracy on the test split and on further test sets after {n_labels:,} labels, mean over seeds ± standard "
        "deviation, highest on the test split first.",
    )


def overlap_table(pairs: pd.DataFrame) -> Table:
    """Shared instances of every pair of strategies beside chance, most alike first."""
    rows = [
        [f"{a} ∩ {b}", _number(shared, "{:,.1f}"), _number(expected, "{:,.1f}"), _number(ratio, "{:.2f}")]
        for a, b, shared, expected, ratio in pairs.sort_values("ratio", ascending=False).itertuples(index=False)
    ]
    return Table(["pair", "shared", "by chance", "ratio"], rows, "Shared acquired instances per seed, mean over seeds.")


def _with_spread(mean: float, spread: float) -> str:
    return _number(mean, "{:.3f}") if np.isnan(spread) else f"{mean:.3f} ± {spread:.3f}"


def _number(value: float, form: str) -> str:
    return "–" if np.isnan(value) else form.format(value)
