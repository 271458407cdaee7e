"""Scores: one number per strategy and seed, the area under its learning curve over the rounds that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cal.errors import AnalysisError
from cal.rounding import highest_first
from cal.simulation.area import area_under_curve as area_under_curve

AREA = "area under the learning curve"


def by_area(areas: Mapping[str, np.ndarray]) -> list[str]:
    """The strategies, largest mean area first: the order that names the winner wherever a report names one.

    Args:
        areas: (seed,) areas of each strategy, as `SharedRounds.areas` returns.
    """
    return highest_first({name: float(np.mean(values)) for name, values in areas.items()})


@dataclass(frozen=True, eq=False)
class SharedRounds:
    """The largest block of seeds x rounds that every strategy has, which makes a fair comparison.

    Args:
        rounds: rows (strategy, seed, round) of the block, as in `LearningCurves.rounds`.
        strategies: names of those with at least one finished round.
        seeds: seeds of the block; without `paired`, the seeds of any strategy.
        paired: whether the strategies share seeds; if not, each keeps its own.
        notes: what was left out, and why, in plain words.
    """

    rounds: pd.DataFrame
    strategies: list[str]
    seeds: list[int]
    paired: bool
    notes: list[str]

    @property
    def last_round(self) -> int:
        """The last round of the block."""
        return int(self.rounds["round"].max())

    def areas(self) -> dict[str, np.ndarray]:
        """Area under the learning curve of each strategy: (seed,), seeds ascending."""
        ordered = self.rounds.sort_values(["strategy", "seed", "round"])
        areas: dict[str, list[float]] = {name: [] for name in self.strategies}
        for (name, _), run in ordered.groupby(["strategy", "seed"]):
            areas[str(name)].append(area_under_curve(run["n_labelled"], run["accuracy"]))
        return {name: np.array(values) for name, values in areas.items()}


def shared_rounds(rounds: pd.DataFrame, strategies: Sequence[str]) -> SharedRounds:
    """The largest block of seeds x rounds that all strategies have finished, with notes on what it leaves out.

    Args:
        rounds: one row per (strategy, seed, round) with n_labelled and accuracy.
        strategies: names in the order to show them.

    Raises:
        AnalysisError: if nothing was measured, a row occurs twice, or runs differ in n_labelled at the same round.

    Example:
        >>> rows = [(s, seed, r, 100 + 10 * r, 0.5) for s in ("cal", "random") for seed in (1, 2) for r in range(3)]
        >>> rounds = pd.DataFrame(rows[:-2], columns=["strategy", "seed", "round", "n_labelled", "accuracy"])
        >>> shared = shared_rounds(rounds, ["cal", "random"])  # random, seed 2 was interrupted
        >>> shared.seeds, shared.last_round
        ([1], 2)
    """
    finite = rounds[np.isfinite(rounds["accuracy"].astype(float))].sort_values(["strategy", "seed", "round"])
    if twice := int(finite.duplicated(["strategy", "seed", "round"]).sum()):
        raise AnalysisError(f"{twice} rows repeat a (strategy, seed, round). Merge folders that hold different runs.")
    position = finite.groupby(["strategy", "seed"]).cumcount()
    finite = finite[finite["round"] == position]  # a run counts up to its first missing round
    if finite.empty:
        raise AnalysisError("No finished round has a finite accuracy: there is nothing to report yet.")
    sizes = finite.groupby("round")["n_labelled"].nunique()
    if (sizes > 1).any():
        raise AnalysisError(
            f"Runs differ in the number of labels at round {sizes.index[sizes > 1][0]}: their seed sets or batches "
            "differ in size. Report them separately."
        )
    reach = finite.groupby(["strategy", "seed"])["round"].max().unstack("seed")  # (strategy, seed), NaN: no run
    names = [name for name in strategies if name in reach.index]
    n_blank = int((~np.isfinite(rounds["accuracy"].astype(float))).sum())
    notes = [f"{name} is left out: it has no finished round." for name in strategies if name not in names]
    if n_blank:
        notes.append(f"{_plural(n_blank, 'round')} without a finite accuracy: left out, with all that follow.")
    by_all = reach.min(axis=0, skipna=False).dropna()  # per seed: the round that every strategy has reached
    last = max(by_all, key=lambda round_: ((by_all >= round_).sum() * (round_ + 1), round_), default=reach.min().min())
    paired = len(by_all) > 0
    seeds = sorted(by_all.index[by_all >= last] if paired else reach.columns)
    if not paired:
        notes.append("The strategies have no seed in common; each is shown with its own seeds.")
    if dropped := sorted(set(reach.columns) - set(seeds)):
        notes.append(
            f"{_plural(len(dropped), 'seed')} left out, because not every strategy has finished them "
            f"up to round {last:.0f}: {', '.join(map(str, dropped))}."
        )
    if (longest := reach.max().max()) > last:
        notes.append(
            f"Compared up to round {last:.0f}, the last that all strategies share; the longest run has {longest:.0f}."
        )
    block = finite[finite["seed"].isin(seeds) & (finite["round"] <= last)].sort_index()
    return SharedRounds(block, names, [int(seed) for seed in seeds], paired, notes)


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
