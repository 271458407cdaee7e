"""The request of `cal plan scores`, and the function that makes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.errors import ConfigError
from cal.planning.plan_request import ShardsPlanRequest
from cal.request import make, takes
from cal.shards.score_request import ScoreRequest

if TYPE_CHECKING:
    from cal.planning.work_plan import WorkPlan


@dataclass(kw_only=True)
class ScoresPlanRequest(ShardsPlanRequest, ScoreRequest):
    """Say what choosing documents from a corpus in shards would cost.

    A classifier is trained as the command would, and some random parts of the shards are searched and scored, as many
    at once as workers share a node. Labelled documents that are not in these parts have stand-ins.
    """

    def run(self, corpus: Any = None, *, quiet: bool = False) -> WorkPlan:  # type: ignore[override]
        """Measures, and says what the whole would cost.

        Args:
            corpus: not used; the documents are in the shards.
            quiet: hide progress bars.

        Raises:
            CalError: if a file cannot be read, or something cannot be trained.
        """
        from cal.planning.measured_scores import measure_scores
        from cal.planning.scores import planned_scores
        from cal.scratch import scratch_folder

        if corpus is not None:
            raise ConfigError("cal plan scores reads the documents in shards, and takes no corpus. Leave it out.")
        with scratch_folder() as folder:
            return planned_scores(self, measure_scores(self, folder, quiet))


@takes(ScoresPlanRequest)
def plan_scores(
    shards: Any,
    labelled: Any,
    *,
    target: int | None = None,
    workers: int | None = None,
    quiet: bool = False,
    **parameters: Any,
) -> WorkPlan:
    """Says what choosing documents from a corpus in shards would cost, as the command `cal plan scores` does.

    Args:
        shards: Parquet files: a path, a folder, a pattern, an address, or a list of these.
        labelled: files or data frames with ids and labels.
        target: number of documents that are planned for; None plans for those in the shards.
        workers: number of workers of the command that is planned; None is one per core of this machine.
        quiet: hide progress bars.
        **parameters: those of `ScoresPlanRequest`.

    Returns:
        The plan: `hours`, `money`, `bottleneck` and more; `print` shows all of it.

    Raises:
        ConfigError: listing every invalid parameter.
        DataError: if the shards or labels cannot be used as given.

    Example:
        >>> import tempfile
        >>> import pandas as pd
        >>> import cal
        >>> texts = [f"How far is it to town {i}?" for i in range(99)] + [f"Who wrote book {i}?" for i in range(99)]
        >>> folder = tempfile.mkdtemp()
        >>> pd.DataFrame({"id": range(198), "text": texts}).to_parquet(f"{folder}/part-0.parquet")
        >>> labelled = {"id": [1, 190], "label": ["NUM", "HUM"]}
        >>> plan = cal.plan_scores(folder, labelled, target=1_000_000, workers=1, n=3)
        >>> plan.what, plan.hours > 0
        ('Scoring 1,000,000 documents with 1 worker', True)
    """
    check_arguments(plan_scores, {"target": target, "workers": workers, "quiet": quiet})
    given = {"shards": shards, "labelled": labelled, "target": target, "workers": workers}
    return make(ScoresPlanRequest, {**given, **parameters}).run(quiet=quiet)
