"""Comparison: every strategy against every other, with corrections, a verdict and its caveats in plain words."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from cal.errors import AnalysisError
from cal.report.significance import (
    aso,
    bonferroni_quantile,
    checked_scores,
    holm,
    permutation_p_values,
    resamples,
    upper_bounds,
)

THRESHOLD = 0.2  # ε_min below it counts as dominance (Ulmer et al., 2022), not the formal .5
FEW_SEEDS = 10


@dataclass(frozen=True, eq=False)
class Comparison:
    """Significance between strategies; made by `aso_matrix`.

    Args:
        scores: (n,) scores of each strategy, one per seed.
        eps_min: (strategy, strategy): ε_min(row, column), low = row dominates column; NaN on the diagonal.
        p_values: (strategy, strategy): paired permutation test, Holm-corrected over all pairs, symmetric;
            NaN on the diagonal, and everywhere when not `paired`.
        uncorrected: the same p-values before correction.
        alpha: significance level before correction.
        n_comparisons: m of the corrections: the number of (unordered) pairs.
        paired: whether position k of every strategy's scores belongs to one seed.
        measure: what the scores are, for the sentences.
    """

    scores: Mapping[str, np.ndarray]
    eps_min: np.ndarray
    p_values: np.ndarray
    uncorrected: np.ndarray
    alpha: float
    n_comparisons: int
    paired: bool
    measure: str = "score"
    threshold: float = THRESHOLD

    @property
    def names(self) -> tuple[str, ...]:
        """The strategies, in the order of rows and columns."""
        return tuple(self.scores)

    @property
    def n_seeds(self) -> int:
        """Seeds of the strategy that has fewest."""
        return min(len(scores) for scores in self.scores.values())

    def dominates(self, a: int, b: int) -> bool:
        """Whether strategy `a` almost stochastically dominates `b`: ε_min(a, b) < threshold, on two seeds or more."""
        return self.n_seeds > 1 and bool(self.eps_min[a, b] < self.threshold)

    def confirmed(self, a: int, b: int) -> bool:
        """Whether the paired permutation test tells `a` and `b` apart after Holm's correction."""
        return bool(self.p_values[a, b] < self.alpha)

    def headline(self) -> str:
        """One sentence: which strategy has the highest mean and which others it is shown to beat."""
        means = [float(np.mean(scores)) for scores in self.scores.values()]
        if self.n_seeds < 2:
            return (
                f"With one seed per strategy nothing can be said about chance; "
                f"highest {self.measure}: {_names(self._best(means))} ({max(means):.3f})."
            )
        best, *tied = self._best(means)
        if tied:
            return f"{_names([best, *tied])} share the highest mean {self.measure} ({max(means):.3f})."
        row, others = self.names.index(best), [k for k, name in enumerate(self.names) if name != best]
        beaten = [k for k in others if self.dominates(row, k)]
        sure = [self.names[k] for k in beaten if self.confirmed(row, k)]
        by_aso = [self.names[k] for k in beaten if not self.confirmed(row, k)]
        rest = [self.names[k] for k in others if k not in beaten]
        parts = []
        if sure:
            parts.append(f"it is better than {_names(sure)} by ASO and the permutation test")
        if by_aso:
            doubt = ", which so few seeds cannot confirm" if self._least_p() >= self.alpha else ""
            parts.append(f"it is better than {_names(by_aso)} by ASO alone{doubt}")
        if rest:
            parts.append(f"it is not shown to be better than {_names(rest)}")
        return f"{best} has the highest mean {self.measure} ({max(means):.3f}); {'; '.join(parts)}."

    def verdicts(self) -> list[str]:
        """What is shown by both tests, what by one alone, and what is not shown."""
        if self.n_seeds < 2:
            return [self.headline()]
        lines: list[str] = []
        shown: set[tuple[int, int]] = set()
        for a, name in enumerate(self.names):
            beaten = [b for b in range(len(self.names)) if self.dominates(a, b)]
            shown |= {(min(a, b), max(a, b)) for b in beaten}
            sure = [
                f"{self.names[b]} (ε_min = {self.eps_min[a, b]:.3f}, p = {self.p_values[a, b]:.3g})"
                for b in beaten
                if self.confirmed(a, b)
            ]
            by_aso = [f"{self.names[b]} (ε_min = {self.eps_min[a, b]:.3f})" for b in beaten if not self.confirmed(a, b)]
            if sure:
                lines.append(f"{name} is better than {_names(sure)}.")
            if by_aso:
                lines.append(f"{name} is better by ASO alone than {_names(by_aso)}.")
        others = [pair for pair in combinations(range(len(self.names)), 2) if pair not in shown]
        by_permutation = [f"{self.names[a]} – {self.names[b]}" for a, b in others if self.confirmed(a, b)]
        if by_permutation:
            lines.append(f"Different by the permutation test alone: {', '.join(by_permutation)}.")
        open_pairs = [f"{self.names[a]} – {self.names[b]}" for a, b in others if not self.confirmed(a, b)]
        if open_pairs:
            lines.append(
                f"No difference is shown for {len(open_pairs)} of {self.n_comparisons} pairs: {', '.join(open_pairs)}."
            )
        return lines

    def warnings(self) -> list[str]:
        """Reasons to read the verdicts with care."""
        if self.n_seeds < 2:
            return [f"One seed per strategy: no test can be made; {FEW_SEEDS} or more are advised."]
        lines = []
        if self.n_seeds < FEW_SEEDS:
            lines.append(
                f"Few seeds: {self.n_seeds} per strategy, ten or more are advised. In simulations that compare a "
                "method with itself, five scores give ε_min < .5 in 38 % of cases and ε_min < .2 in 11 % "
                "(5 % with twenty; fewer scores do so more often)."
            )
        if not self.paired:
            lines.append("The strategies do not share their seeds: the paired permutation test is left out.")
        elif (least := self._least_p()) >= self.alpha:
            lines.append(
                f"The permutation test cannot confirm anything here: with {self.n_seeds} seeds its smallest p-value is "
                f"2/2^{self.n_seeds} = {2 / 2**self.n_seeds:.3g}, and {least:.3g} after Holm's correction over "
                f"{self.n_comparisons} {'pair' if self.n_comparisons == 1 else 'pairs'}. "
                f"At least {self._seeds_needed()} seeds are needed for p < {self.alpha}."
            )
        return lines

    def _best(self, means: list[float]) -> list[str]:
        return [name for name, mean in zip(self.names, means, strict=True) if mean == max(means)]

    def _least_p(self) -> float:
        """The smallest p-value that so few seeds can give, after Holm's correction."""
        return min(1.0, self.n_comparisons * 2 / 2**self.n_seeds)

    def _seeds_needed(self) -> int:
        return next(n for n in range(1, 64) if self.n_comparisons * 2 / 2**n < self.alpha)


def aso_matrix(
    scores: Mapping[str, npt.ArrayLike],
    *,
    paired: bool = True,
    alpha: float = 0.05,
    n_bootstrap: int = 1000,
    seed: int = 0,
    engine: str = "vectorised",
    measure: str = "score",
) -> Comparison:
    """Every strategy against every other: ε_min both ways, and the paired permutation test.

    ε_min is Bonferroni-corrected with m = k(k-1)/2, the pairs of k strategies: the two directions of
    a pair cannot both be significant, because their violation ratios sum to 1. p-values are
    Holm-corrected over the same pairs.

    Args:
        scores: (n,) scores per strategy, one per seed.
        paired: whether position k of every strategy's scores belongs to the same seed.
        alpha: significance level before correction.
        n_bootstrap: resamples per strategy, shared by all its pairs.
        seed: of resampling and of random sign patterns.
        engine: "vectorised" or "deepsig", as in `aso`.
        measure: what the scores are, for the sentences of the verdict.

    Raises:
        AnalysisError: if there are fewer than two strategies, scores are not finite, or `paired`
            scores differ in number.

    Example:
        >>> seeds = range(12)
        >>> scores = {"cal": [0.80 + k / 1000 for k in seeds], "random": [0.70 + k / 900 for k in seeds]}
        >>> aso_matrix(scores).verdicts()
        ['cal is better than random (ε_min = 0.000, p = 0.000488).']
    """
    arrays = {name: checked_scores(values, name) for name, values in scores.items()}
    if len(arrays) < 2:
        raise AnalysisError(f"There is nothing to compare: {len(arrays)} strategies given, at least 2 are needed.")
    lengths = {name: len(values) for name, values in arrays.items()}
    if paired and len(set(lengths.values())) > 1:
        raise AnalysisError(
            f"Strategies have different numbers of scores ({', '.join(f'{k}: {n}' for k, n in lengths.items())}). "
            "Give the seeds they share, or paired=False to leave the paired test out."
        )
    names, pairs = list(arrays), list(combinations(range(len(arrays)), 2))
    quantile = bonferroni_quantile(alpha, len(pairs))
    # By name: neither another strategy nor another order changes a resample.
    streams = [np.random.default_rng([seed, zlib.crc32(name.encode())]) for name in names]
    eps_min, p_values, uncorrected = np.full((3, len(names), len(names)), np.nan)
    if engine == "vectorised":
        samples = [resamples(arrays[name], n_bootstrap, stream) for name, stream in zip(names, streams, strict=True)]
        ordered = [np.sort(arrays[name]) for name in names]
        for a, b in pairs:
            eps_min[a, b], eps_min[b, a] = upper_bounds(ordered[a], ordered[b], samples[a], samples[b], quantile)
    else:
        for a, b in [*pairs, *((b, a) for a, b in pairs)]:
            eps_min[a, b] = aso(
                arrays[names[a]],
                arrays[names[b]],
                alpha=alpha,
                n_comparisons=len(pairs),
                n_bootstrap=n_bootstrap,
                seed=seed,
                engine=engine,
            )
    if paired:
        raw = permutation_p_values(np.stack([arrays[names[a]] - arrays[names[b]] for a, b in pairs]), seed).tolist()
        for (a, b), p, corrected in zip(pairs, raw, holm(raw), strict=True):
            uncorrected[a, b] = uncorrected[b, a] = p
            p_values[a, b] = p_values[b, a] = corrected
    return Comparison(arrays, eps_min, p_values, uncorrected, alpha, len(pairs), paired, measure)


def _names(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
