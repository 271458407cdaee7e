"""The request of `cal plan simulate`, and the function that makes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.checks import Problems
from cal.planning.plan_request import PlanRequest
from cal.request import make, takes
from cal.simulation.request import STRATEGIES, SimulationRequest

if TYPE_CHECKING:
    from cal.acquisition.spec import StrategySpec
    from cal.planning.work_plan import WorkPlan


@dataclass(kw_only=True)
class SimulationPlanRequest(PlanRequest, SimulationRequest):
    """Say what a simulation would cost.

    For some seeds, every strategy does a round at the size of the seed set and one at the size of the end. Rounds
    between them are taken to lie on a line.

    Args:
        target: number of runs that are planned for, strategies times seeds; null plans for those of the request
        parts: number of seeds to measure; null is three, or as many as fill the cores, for at most about a minute
    """

    target: int | None = None
    parts: int | None = None
    profile: bool = field(init=False, repr=False, default=False)

    def _resolve(self, problems: Problems) -> None:
        super()._resolve(problems)
        self._check_plan(problems, target=self.target, parts=self.parts)
        if self.device != "cpu":
            problems.append(
                "cal plan simulate measures runs as CPUs carry them out, one by one, and a GPU takes them together. "
                "Give device=cpu."
            )

    def run(self, corpus: Any = None, *, quiet: bool = False) -> WorkPlan:  # type: ignore[override]
        """Measures, and says what the whole would cost.

        Args:
            corpus: anything that `cal.read_corpus` takes; None reads `dataset`.
            quiet: hide progress bars.

        Raises:
            ConfigError: if the request does not fit the corpus.
            FeatureError: if the vectors do not fit the corpus.
        """
        from cal.planning.measured_simulation import measure_simulation
        from cal.planning.simulation import planned_simulation
        from cal.scratch import scratch_folder

        with scratch_folder() as folder:
            return planned_simulation(self, measure_simulation(self, corpus, folder, quiet))

    run_in_folder = PlanRequest.run_in_folder


@takes(SimulationPlanRequest)
def plan_simulate(
    corpus: Any,
    strategies: Sequence[StrategySpec] = STRATEGIES,
    *,
    target: int | None = None,
    workers: int | None = None,
    quiet: bool = False,
    **parameters: Any,
) -> WorkPlan:
    """Says what a simulation would cost, as the command `cal plan simulate` does.

    Args:
        corpus: a `Corpus`, or anything that `cal.read_corpus` takes.
        strategies: list of names, `{name: parameters}`, `{mix: shares}`, objects or functions of the pool.
        target: number of runs that are planned for, strategies times seeds; None plans for those of the request.
        workers: number of workers of the simulation that is planned; None is one per core of this machine.
        quiet: hide progress bars.
        **parameters: those of `SimulationPlanRequest`.

    Returns:
        The plan: `hours`, `money`, `bottleneck` and more; `print` shows all of it.

    Raises:
        ConfigError: listing everything wrong with the parameters; before any training.

    Example:
        >>> import cal
        >>> texts = ["How far is it?", "How old is it?", "Who wrote it?", "Who sang it?"] * 6
        >>> corpus = cal.Corpus.from_texts([f"{text} {i}" for i, text in enumerate(texts)], [0, 0, 1, 1] * 6, test=0.25)
        >>> small = {"seed_size": 4, "query_size": 4, "rounds": 2, "n_epochs": 5}
        >>> plan = cal.plan_simulate(corpus, ["random", "margin"], target=1_000, workers=1, **small)
        >>> plan.what, plan.hours > 0
        ('Simulating 1,000 runs with 1 worker', True)
    """
    check_arguments(plan_simulate, {"target": target, "workers": workers, "quiet": quiet})
    given = {"strategies": strategies, "target": target, "workers": workers}
    return make(SimulationPlanRequest, {**given, **parameters}).run(corpus, quiet=quiet)
