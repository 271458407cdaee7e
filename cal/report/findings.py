"""Findings: what a simulation shows over the seeds and rounds that all its strategies share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cal.anytime import ALPHA, PairDecision, decide, make_pairs
from cal.errors import AnalysisError
from cal.report.comparison import Comparison
from cal.report.pairwise import aso_matrix
from cal.report.scores import AREA, SharedRounds, shared_rounds
from cal.simulation.until_decided import UNTIL_DECIDED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cal.simulation.curves import LearningCurves

N_BOOTSTRAP = 10_000  # 1,000 leave ε_min a standard error of about .01; with few scores ten times as many are free


@dataclass(frozen=True, eq=False)
class Findings:
    """What is compared in a report, and what follows from it; made by `of`.

    Attributes:
        curves: result of the simulation, finished or interrupted.
        shared: the block of seeds and rounds that all strategies have finished.
        areas: (seed,) areas under the learning curve of each strategy.
        full_accuracy: accuracy of training on all data, mean over seeds; None without such runs.
        stopped: rows of `LearningCurves.stopped` that lie in the block.
    """

    curves: LearningCurves
    shared: SharedRounds
    areas: Mapping[str, np.ndarray]
    full_accuracy: float | None
    stopped: pd.DataFrame

    @classmethod
    def of(cls, curves: LearningCurves) -> Findings:
        """The findings of a simulation.

        Raises:
            AnalysisError: if no round is finished, or runs differ in seed-set or query size.
        """
        shared = shared_rounds(curves.rounds, curves.strategies)
        full = curves.full_data.dropna(subset=["accuracy"])
        full = full[full["seed"].isin(shared.seeds)] if full["seed"].isin(shared.seeds).any() else full
        full_accuracy = float(full["accuracy"].mean()) if len(full) else None
        stopped = curves.stopped
        stopped = stopped[stopped["seed"].isin(shared.seeds) & (stopped["round"] <= shared.last_round)]
        return cls(curves, shared, shared.areas(), full_accuracy, stopped)

    @property
    def corpus(self) -> str:
        """Name of the corpus."""
        return str(self.curves.about.get("corpus", "a corpus without a name"))

    def compare(
        self,
        *,
        alpha: float = 0.05,
        engine: str = "vectorised",
        n_bootstrap: int = N_BOOTSTRAP,
        decide: Any = None,
    ) -> Comparison:
        """Every strategy against every other by area under the learning curve; arguments as in `aso_matrix`.

        Args:
            alpha: significance level before correction.
            engine: "vectorised" or "deepsig".
            n_bootstrap: number of resamples.
            decide: pairs to decide between, as in `LearningCurves.compare`.
        """
        comparison = aso_matrix(
            self.areas, paired=self.shared.paired, alpha=alpha, n_bootstrap=n_bootstrap, engine=engine, measure=AREA
        )
        decisions, notes = self.decisions(decide, alpha), [*self.shared.notes]
        if self._is_until_decided:
            notes.append(
                "Seeds were added until the pairs were decided. The decisions take account of that; ε_min and the "
                "p-values of the permutation test do not."
            )
        return replace(comparison, subject=self.corpus, notes=notes, decisions=decisions)

    @property
    def _is_until_decided(self) -> bool:
        return bool(self.curves.about.get("config", {}).get("seeds") == UNTIL_DECIDED)

    def decisions(self, pairs: Any = None, alpha: float = ALPHA) -> list[PairDecision]:
        """What `cal.anytime.decide` decides when it looks at the seeds in the order of the simulation.

        Args:
            pairs: pairs to decide between; None is those of a simulation with seeds=until_decided, and else none.
            alpha: probability that any of the decisions is ever wrong, at most.
        """
        if pairs is None:
            if not self._is_until_decided or not self.shared.paired or len(self.areas) < 2:
                return []
            about = self.curves.about
            names = dict.fromkeys([*about.get("strategies", []), *self.curves.strategies])  # some may have no round yet
            asked = make_pairs(about["config"].get("decide", "all"), list(names))
            if not (pairs := [pair for pair in asked if {*pair} <= {*self.areas}]):
                return []
        if not self.shared.paired:
            raise AnalysisError("The strategies have no seed in common, so that no pair can be decided seed by seed.")
        order = [self.shared.seeds.index(seed) for seed in self.curves.seeds if seed in self.shared.seeds]
        return decide({name: areas[order] for name, areas in self.areas.items()}, pairs, alpha)

    def learning_curves(self) -> Figure:
        """The figure of the learning curves."""
        from cal.report.plots import learning_curves

        return learning_curves(self.shared.rounds, self.areas, self.full_accuracy, self.stopped)
