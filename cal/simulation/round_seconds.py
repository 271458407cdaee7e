"""The seconds of one round, shared out among its runs."""

from __future__ import annotations

from collections.abc import Sequence

from cal.stopwatch import Stopwatch


class RoundSeconds:
    """Seconds that each run spent in a round, by phase: `fit`, `evaluate`, `acquire`, and phases within them.

    Runs that trained side by side get equal shares of `fit` and `evaluate`, and runs of one strategy equal shares of
    its `acquire`. Predicting the pool during training, `fit/look`, is a cost of the strategies that ask for it: it is
    moved to `acquire/look` of their runs.

    Args:
        watch: the stopwatch of the round, after training and evaluation.
        n_runs: number of runs that trained side by side.
        recorded: the runs that asked for predictions during training.

    Example:
        >>> watch = Stopwatch()
        >>> watch.seconds = {"fit": 8.0, "fit/look": 2.0, "evaluate": 2.0}
        >>> seconds = RoundSeconds(watch, n_runs=2, recorded=[1])
        >>> watch.seconds = {"acquire": 1.0}
        >>> seconds.of_query([0])
        {'fit': 3.0, 'evaluate': 1.0, 'acquire': 1.0}
        >>> watch.seconds = {"acquire": 1.0}
        >>> seconds.of_query([1])
        {'fit': 3.0, 'evaluate': 1.0, 'acquire': 3.0, 'acquire/look': 2.0}
    """

    def __init__(self, watch: Stopwatch, n_runs: int, recorded: Sequence[int]) -> None:
        self._watch, self._recorded = watch, recorded
        spent = watch.taken()
        looks = {path: spent.pop(path) for path in list(spent) if path.startswith("fit/look")}
        spent["fit"] -= looks.get("fit/look", 0.0)
        self._shared = {path: value / n_runs for path, value in spent.items()}
        self._looks = {path.replace("fit", "acquire", 1): value / len(recorded) for path, value in looks.items()}

    def of_query(self, rows: Sequence[int]) -> dict[str, float]:
        """Seconds of each of the runs that made the latest query."""
        seconds = self._shared | self._watch.taken(share=len(rows))
        if rows[0] in self._recorded:
            seconds |= {path: seconds.get(path, 0.0) + value for path, value in self._looks.items()}
            seconds["acquire"] += self._looks["acquire/look"]
        return seconds

    def skip(self) -> None:
        """Charges what was spent since the latest query to no run."""
        self._watch.taken()
