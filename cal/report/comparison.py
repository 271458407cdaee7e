"""Comparison: how every strategy did against every other, with a verdict and its caveats in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np

from cal.anytime import PairDecision
from cal.arguments import check_arguments
from cal.errors import AnalysisError, in_words
from cal.report.markup import Block, Bullets, Paragraph, Picture, Report, Section, blocks_to_html, to_latex, to_markdown
from cal.report.tables import cautions, decision_table, eps_min_table, p_value_table, score_table
from cal.rounding import all_highest

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

THRESHOLD = 0.2  # ε_min below it counts as dominance (Ulmer et al., 2022), not the formal .5
FEW_SEEDS = 10
PICTURE_CAPTION = "ε_min of row over column; framed where the row dominates the column."


@dataclass(frozen=True, eq=False)
class Comparison:
    """Significance of the differences between strategies; made by `compare` and `aso_matrix`.

    Args:
        scores: (n,) scores of each strategy, one per seed.
        eps_min: (strategy, strategy) ε_min(row, column), low = row dominates column; NaN on the diagonal.
        p_values: (strategy, strategy) paired permutation test, Holm-corrected over all pairs, symmetric;
            NaN on the diagonal, and everywhere when not `paired`.
        uncorrected: (strategy, strategy) the same p-values before correction.
        alpha: significance level before correction.
        n_comparisons: m of the corrections, the number of (unordered) pairs.
        paired: whether position k of every strategy's scores belongs to one seed.
        measure: what the scores are, for the sentences.
        subject: where the scores come from, for the title.
        notes: what was left out, and why.
        threshold: ε_min below it counts as dominance.
        decisions: pairs of strategies by a test that may be looked at after every seed; see `cal.anytime`.
    """

    scores: Mapping[str, np.ndarray]
    eps_min: np.ndarray
    p_values: np.ndarray
    uncorrected: np.ndarray
    alpha: float
    n_comparisons: int
    paired: bool
    measure: str = "score"
    subject: str = "scores"
    notes: Sequence[str] = ()
    threshold: float = THRESHOLD
    decisions: Sequence[PairDecision] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The strategies, in the order of rows and columns."""
        return tuple(self.scores)

    @property
    def n_seeds(self) -> int:
        """Number of seeds of the strategy with the fewest."""
        return min(len(scores) for scores in self.scores.values())

    def dominates(self, a: int, b: int) -> bool:
        """Whether strategy `a` almost stochastically dominates `b`: ε_min(a, b) < threshold, on two seeds or more."""
        check_arguments(Comparison.dominates, locals())
        self._check_numbers(a, b)
        return self.n_seeds > 1 and bool(self.eps_min[a, b] < self.threshold)

    def confirmed(self, a: int, b: int) -> bool:
        """Whether the paired permutation test tells `a` and `b` apart after Holm's correction."""
        check_arguments(Comparison.confirmed, locals())
        self._check_numbers(a, b)
        return bool(self.p_values[a, b] < self.alpha)

    def _check_numbers(self, *numbers: int) -> None:
        n = len(self.names)
        if outside := [number for number in numbers if not -n <= number < n]:
            raise AnalysisError(f"There is no strategy {outside[0]}: there are {n}, counted from 0.")

    def to_frame(self) -> pd.DataFrame:
        """One row per ordered pair of strategies.

        Returns:
            strategy, other, difference (of their means), eps_min, p_value (Holm-corrected), p_uncorrected, dominates,
            confirmed.

        Example:
            >>> from cal.report import compare
            >>> frame = compare({"cal": [0.81, 0.84, 0.83], "random": [0.71, 0.72, 0.73]}).to_frame()
            >>> frame[["strategy", "other", "eps_min", "p_value", "dominates"]]
              strategy   other  eps_min  p_value  dominates
            0      cal  random      0.0     0.25       True
            1   random     cal      1.0     0.25      False
        """
        import pandas as pd

        means = [float(np.mean(scores)) for scores in self.scores.values()]
        rows = [
            {
                "strategy": self.names[a],
                "other": self.names[b],
                "difference": means[a] - means[b],
                "eps_min": self.eps_min[a, b],
                "p_value": self.p_values[a, b],
                "p_uncorrected": self.uncorrected[a, b],
                "dominates": self.dominates(a, b),
                "confirmed": self.confirmed(a, b),
            }
            for a, b in permutations(range(len(self.names)), 2)
        ]
        return pd.DataFrame(rows)

    def plot(self) -> Figure:
        """The matrix of ε_min, framed where the row dominates the column.

        Raises:
            AnalysisError: if a strategy has a single seed.
        """
        from cal.report.plots import eps_min_matrix

        if self.n_seeds < 2:
            raise AnalysisError("One seed per strategy gives no ε_min to draw; compare two seeds or more.")
        return eps_min_matrix(self.eps_min, self.names, self.threshold)

    def to_latex(self) -> str:
        """The tables as LaTeX, for a document that uses the package booktabs."""
        return "\n".join(to_latex(table) for table in self._report().tables.values())

    def blocks(self) -> list[Block]:
        """The verdicts and, if there are two seeds or more, both matrices: a section of a report."""
        decided = [decision_table(self.decisions)] if self.decisions else []
        if self.n_seeds < 2:  # matrices of single scores would look like results
            return [Bullets(self.verdicts()), *decided]
        eps_min = eps_min_table(self.names, self.eps_min, self.threshold, self.alpha)
        p_values = [p_value_table(self.names, self.uncorrected, self.p_values)] if self.paired else []
        return [Bullets(self.verdicts()), *decided, eps_min, *p_values]

    def __str__(self) -> str:
        return to_markdown(self._report())

    def __repr__(self) -> str:
        return f"Comparison of {self.subject!r}: {len(self.names)} strategies, {self.n_seeds} seeds"

    def _repr_html_(self) -> str:
        from cal.report.plot_style import rendered

        scores, significance = self._report().sections
        pictures = {"eps_min": rendered(self.plot(), ["svg"])["svg"]} if self.n_seeds > 1 else {}
        figures = [Picture(name, PICTURE_CAPTION) for name in pictures]
        return blocks_to_html([Paragraph(self.headline()), *scores.blocks, *figures, *significance.blocks], pictures)

    def _report(self) -> Report:
        scores: list[Block] = [*cautions([*self.notes, *self.warnings()]), score_table(self.scores, self.measure)]
        sections = [Section("Scores", scores), Section("Significance", self.blocks())]
        return Report(f"Comparison of {self.subject}", self.headline(), sections)

    def headline(self) -> str:
        """One sentence: the strategy with the highest mean, and which others it is shown to beat."""
        means = {name: float(np.mean(scores)) for name, scores in self.scores.items()}
        best, *tied = all_highest(means)
        if self.n_seeds < 2:
            return (
                "With one seed per strategy, any difference may be chance; "
                f"highest {self.measure}: {in_words([best, *tied])} ({means[best]:.3f})."
            )
        if tied:
            return f"{in_words([best, *tied])} share the highest mean {self.measure} ({means[best]:.3f})."
        row, others = self.names.index(best), [k for k, name in enumerate(self.names) if name != best]
        beaten = [k for k in others if self.dominates(row, k)]
        sure = [self.names[k] for k in beaten if self.confirmed(row, k)]
        by_aso = [self.names[k] for k in beaten if not self.confirmed(row, k)]
        rest = [self.names[k] for k in others if k not in beaten]
        parts = []
        if sure:
            parts.append(f"it is better than {in_words(sure)} by ASO and the permutation test")
        if by_aso:
            doubt = " (too few seeds to confirm it)" if self._least_p() >= self.alpha else ""
            parts.append(f"it is better than {in_words(by_aso)} by ASO alone{doubt}")
        if rest:
            parts.append(f"it is not shown to be better than {in_words(rest, 'or')}")
        return f"{best} has the highest mean {self.measure} ({means[best]:.3f}); {'; '.join(parts)}."

    def verdicts(self) -> list[str]:
        """Sentences on what was decided seed by seed, what both tests show, what one alone shows, what neither does."""
        lines = [f"{decision}." for decision in self.decisions]
        if self.n_seeds < 2:
            return [self.headline(), *lines]
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
                lines.append(f"{name} is better than {in_words(sure)}.")
            if by_aso:
                lines.append(f"{name} is better by ASO alone than {in_words(by_aso)}.")
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
            return [f"One seed per strategy allows no test; use {FEW_SEEDS} or more."]
        lines = []
        if self.n_seeds < FEW_SEEDS:
            lines.append(
                f"Few seeds: {self.n_seeds} per strategy; use ten or more. When simulations compare a method with "
                "itself, five scores give ε_min < .5 in 38 % of cases and ε_min < .2 in 11 % (5 % with twenty scores, "
                "and more with fewer than five)."
            )
        if not self.paired:
            lines.append("The strategies do not share their seeds, so the paired permutation test is left out.")
        elif (least := self._least_p()) >= self.alpha:
            lines.append(
                f"The permutation test cannot confirm anything here: with {self.n_seeds} seeds its smallest p-value is "
                f"2/2^{self.n_seeds} = {2 / 2**self.n_seeds:.3g}, and {least:.3g} after Holm's correction over "
                f"{self.n_comparisons} {'pair' if self.n_comparisons == 1 else 'pairs'}. "
                f"At least {self._seeds_needed()} seeds are needed for p < {self.alpha}."
            )
        return lines

    def _least_p(self) -> float:
        """The smallest p-value that this many seeds can give, after Holm's correction."""
        return min(1.0, self.n_comparisons * 2 / float(2**self.n_seeds))

    def _seeds_needed(self) -> int:
        return next(n for n in range(1, 64) if self.n_comparisons * 2 / 2**n < self.alpha)
