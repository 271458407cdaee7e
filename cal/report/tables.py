"""Tables: results as tables of text, for the report and for `cal compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cal.anytime import PairDecision
from cal.errors import quantity
from cal.report.markup import Bullets, TextTable
from cal.report.scores import SharedRounds, by_area
from cal.rounding import highest_first
from cal.simulation.run_folder import FULL_DATA


def cautions(sentences: Sequence[str]) -> list[Bullets]:
    """Reasons to read a verdict with care, set apart; empty if there are none."""
    return [Bullets(sentences, warning=True)] if sentences else []


def score_table(scores: Mapping[str, np.ndarray], measure: str) -> TextTable:
    """Mean and spread of each strategy's scores, highest mean first."""
    rows = [
        [
            name,
            str(len(values := scores[name])),
            f"{values.mean():.4f}",
            f"{values.std(ddof=1):.4f}" if len(values) > 1 else "–",
            f"{values.min():.4f}",
            f"{values.max():.4f}",
        ]
        for name in by_area(scores)
    ]
    header = ["strategy", "seeds", "mean", "standard deviation", "lowest", "highest"]
    return TextTable(header, rows, f"{measure[0].upper()}{measure[1:]} per strategy, highest mean first.", "scores")


def eps_min_table(names: Sequence[str], eps_min: np.ndarray, threshold: float, alpha: float) -> TextTable:
    """ε_min of every ordered pair."""
    caption = (
        f"ε_min of Almost Stochastic Order: below {threshold} the row dominates the column. "
        f"α = {alpha}, Bonferroni-corrected over {_pairs(names)}."
    )
    return TextTable(["row over column", *names], _matrix(names, eps_min, "{:.3f}"), caption, "eps_min")


def p_value_table(names: Sequence[str], uncorrected: np.ndarray, corrected: np.ndarray) -> TextTable:
    """p-values of every pair, uncorrected above the diagonal and corrected below it."""
    caption = (
        "Two-sided paired permutation test: uncorrected above the diagonal, Holm-corrected over "
        f"{_pairs(names)} below it."
    )
    shown = np.where(np.tri(len(names)), corrected, uncorrected)
    return TextTable(["p-value", *names], _matrix(names, shown, "{:.2g}"), caption, "p_values")


def decision_table(decisions: Sequence[PairDecision]) -> TextTable:
    """Pairs of strategies with what a test that looks after every seed says of them, decided ones first."""
    rows = [
        [
            f"{each.one} – {each.other}",
            each.better or "undecided",
            str(each.n_seeds),
            each.shown_e_value,
            f"{each.difference:+.4f}",
        ]
        for each in sorted(decisions, key=lambda each: (each.better is None, each.n_seeds))
    ]
    caption = (
        "Paired test by betting on the sign of each seed's difference, looked at after every seed. Any decision on "
        f"{quantity(len(rows), 'pair')} is ever wrong with a probability of at most {decisions[0].alpha:g}. The "
        "e-value and the mean difference are those after all seeds."
    )
    return TextTable(["pair", "better", "after seeds", "e-value", "difference"], rows, caption, "decisions")


def final_table(shared: SharedRounds, areas: Mapping[str, np.ndarray]) -> TextTable:
    """Area, accuracy and macro F1 after the last shared round, and seconds per run, largest area first."""
    last = shared.rounds[shared.rounds["round"] == shared.last_round].groupby("strategy")
    seconds = shared.rounds[["seconds_fit", "seconds_evaluate", "seconds_acquire"]].sum(axis=1)
    per_run = seconds.groupby([shared.rounds["strategy"], shared.rounds["seed"]]).sum()
    columns: dict[str, tuple[str, dict[Any, float]]] = {
        "area": ("{:.3f}", {name: values.mean() for name, values in areas.items()}),
        "accuracy": ("{:.3f}", last["accuracy"].mean().to_dict()),
        "standard deviation": ("{:.3f}", last["accuracy"].std().to_dict()),
        "macro F1": ("{:.3f}", last["macro_f1"].mean().to_dict()),
        "seconds per run": ("{:,.1f}", per_run.groupby("strategy").mean().to_dict()),
    }
    n_labels = int(shared.rounds["n_labelled"].max())
    return TextTable(
        ["strategy", *columns],
        [[name, *(_number(values[name], form) for form, values in columns.values())] for name in by_area(areas)],
        f"Area under the learning curve; accuracy and macro F1 after {n_labels:,} labels. Means over seeds, largest "
        "area first.",
        "final",
    )


def area_table(shared: SharedRounds, areas: Mapping[str, np.ndarray]) -> TextTable:
    """Area under the learning curve of every run: a row per seed, a column per strategy, means in the last row."""
    runs = shared.rounds[["strategy", "seed"]].drop_duplicates()
    seeds = {name: sorted(runs["seed"][runs["strategy"] == name]) for name in areas}
    cells = {(name, seed): f"{area:.4f}" for name in areas for seed, area in zip(seeds[name], areas[name], strict=True)}
    rows = [[str(seed), *(cells.get((name, seed), "–") for name in areas)] for seed in shared.seeds]
    rows.append(["mean", *(f"{values.mean():.4f}" for values in areas.values())])
    return TextTable(["seed", *areas], rows, "Area under the learning curve per seed and strategy.", "areas")


def labels_table(needed: pd.DataFrame, full_accuracy: float, n_train: int | None) -> TextTable:
    """How many labels each strategy needs for each share of the full-data accuracy."""
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
    return TextTable(
        header,
        rows,
        f"Labels at which the mean curve reaches a share of the full-data accuracy of {full_accuracy:.3f}"
        f"{' (and their share of the training data)' if n_train else ''}; then the range over the seeds "
        "that reach it, and how many seeds do.",
        "labels_needed",
    )


def stopping_table(
    stopped: pd.DataFrame, rounds: pd.DataFrame, strategies: Sequence[str], criteria: Sequence[str]
) -> TextTable:
    """Where each stopping criterion was first met, a row per criterion and strategy.

    Args:
        stopped: table as in `LearningCurves.stopped`.
        rounds: table as in `LearningCurves.rounds`; a run ends with its last round.
        strategies: names in the order of the rows.
        criteria: names in the order of the rows, including those never met.
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
    return TextTable(
        ["criterion", "strategy", "met", "labels", "range", "accuracy", "gained after"],
        rows,
        "When each criterion was first met: in how many seeds, at how many labels, at what test accuracy, and how much "
        "the run gained from there to its end; means over the seeds in which it was met.",
        "stopping",
    )


def further_table(shared: SharedRounds, tests: pd.DataFrame, full: pd.DataFrame) -> TextTable:
    """Accuracy on each test set after the last shared round, a row per strategy, a column per test set.

    Args:
        shared: rounds to compare; their accuracy on the test split is the first column.
        tests: table as in `LearningCurves.tests`.
        full: table as in `LearningCurves.full_data`; the last row, if there is any.
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
    ordered = highest_first({strategy: mean["test"][strategy] for strategy in shared.strategies})
    rows = [
        [label, *(_with_spread(mean[test][strategy], spread[test][strategy]) for test in names)]
        for strategy, label in [*((name, name) for name in ordered), (FULL_DATA, "all training data")]
        if strategy in mean.index
    ]
    n_labels = int(shared.rounds["n_labelled"].max())
    return TextTable(
        ["strategy", *names],
        rows,
        f"Accuracy on the test split and on further test sets after {n_labels:,} labels, mean over seeds ± standard "
        "deviation, highest on the test split first.",
        "test_sets",
    )


def wrong_labels_table(bought: pd.DataFrame, strategies: Sequence[str]) -> TextTable:
    """Wrong labels that each strategy bought, next to chance, most first.

    Args:
        bought: table of `wrong_labels_bought`.
        strategies: names in the order to show those that are equal.
    """
    runs = {name: bought[bought["strategy"] == name] for name in strategies}
    rows = []
    for name in highest_first({name: float(of_strategy["n_wrong"].mean()) for name, of_strategy in runs.items()}):
        wrong, n_acquired = runs[name]["n_wrong"], runs[name]["n_acquired"].mean()
        mean, by_chance = float(wrong.mean()), float(runs[name]["n_wrong_by_chance"].mean())
        numbers = [mean, float(wrong.std()), by_chance, mean / by_chance if by_chance else np.nan]
        shown = [_number(value, form) for value, form in zip(numbers, ("{:,.1f}",) * 3 + ("{:.2f}",), strict=True)]
        share = _number(mean / n_acquired if n_acquired else np.nan, "{:.1%}")
        rows.append([name, *shown[:2], f"{wrong.min():,}–{wrong.max():,}", *shown[2:], share])
    return TextTable(
        ["strategy", "wrong", "standard deviation", "range", "by chance", "ratio", "share of acquired"],
        rows,
        "Wrong labels that each strategy bought after the seed set, mean over seeds, most first. By chance: what "
        "batches drawn at random from the same pool have on average.",
        "wrong_labels",
    )


def overlap_table(pairs: pd.DataFrame) -> TextTable:
    """Instances that each pair of strategies shares, next to chance, most alike first."""
    rows = [
        [f"{a} ∩ {b}", _number(shared, "{:,.1f}"), _number(expected, "{:,.1f}"), _number(ratio, "{:.2f}")]
        for a, b, shared, expected, ratio in pairs.sort_values("ratio", ascending=False).itertuples(index=False)
    ]
    caption = "Acquired instances that both strategies share per seed, mean over seeds."
    return TextTable(["pair", "shared", "by chance", "ratio"], rows, caption, "overlap")


def _matrix(names: Sequence[str], values: np.ndarray, form: str) -> list[list[str]]:
    return [[name, *(_number(value, form) for value in row)] for name, row in zip(names, values, strict=True)]


def _pairs(names: Sequence[str]) -> str:
    n = len(names) * (len(names) - 1) // 2
    return "1 pair" if n == 1 else f"{n} pairs"


def _with_spread(mean: float, spread: float) -> str:
    return _number(mean, "{:.3f}") if np.isnan(spread) else f"{mean:.3f} ± {spread:.3f}"


def _number(value: float, form: str) -> str:
    return "–" if np.isnan(value) else form.format(value)
