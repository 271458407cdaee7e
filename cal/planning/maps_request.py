"""The request of `cal plan map`, and the function that makes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.checks import Problems
from cal.errors import ConfigError
from cal.maps.sharded_request import MapShardsRequest
from cal.planning.plan_request import ShardsPlanRequest
from cal.request import make, takes

if TYPE_CHECKING:
    from cal.planning.work_plan import WorkPlan


@dataclass(kw_only=True)
class MapsPlanRequest(ShardsPlanRequest, MapShardsRequest):
    """Say what the data map of a corpus in shards would cost.

    A perceptron is trained on some random parts of the shards for an epoch, and these are measured and drawn, as many
    at once as workers share a node.
    """

    def _resolve(self, problems: Problems) -> None:
        super()._resolve(problems)
        if self.logs is not None:
            problems.append("cal plan map plans a training, and logs are drawn without one. Leave logs out.")

    def run(self, corpus: Any = None, *, quiet: bool = False) -> WorkPlan:  # type: ignore[override]
        """Measures, and says what the whole would cost.

        Args:
            corpus: not used; the documents are in the shards.
            quiet: hide progress bars.

        Raises:
            CalError: if a file cannot be read, or something cannot be trained.
        """
        from cal.planning.maps import planned_map
        from cal.planning.measured_map import measure_map
        from cal.scratch import scratch_folder

        if corpus is not None:
            raise ConfigError("cal plan map reads the documents in shards, and takes no corpus. Leave it out.")
        with scratch_folder() as folder:
            return planned_map(self, measure_map(self, folder, quiet))


@takes(MapsPlanRequest)
def plan_map(
    shards: Any, *, target: int | None = None, workers: int | None = None, quiet: bool = False, **parameters: Any
) -> WorkPlan:
    """Says what the data map of a corpus in shards would cost, as the command `cal plan map` does.

    Args:
        shards: Parquet files: a path, a folder, a pattern, an address, or a list of these.
        target: number of documents that are planned for; None plans for those in the shards.
        workers: number of workers of the command that is planned; None is one per core of this machine.
        quiet: hide progress bars.
        **parameters: those of `MapsPlanRequest`.

    Returns:
        The plan: `hours`, `money`, `bottleneck` and more; `print` shows all of it.

    Raises:
        ConfigError: listing every invalid parameter.
        DataError: if the shards cannot be used as given.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import pandas as pd
        >>> import cal
        >>> folder, rng = tempfile.mkdtemp(), np.random.default_rng(0)
        >>> rows = {"id": range(90), "vector": list(rng.normal(size=(90, 4))), "label": ["a", "b", "c"] * 30}
        >>> pd.DataFrame(rows).to_parquet(f"{folder}/part-0.parquet")
        >>> plan = cal.plan_map(folder, vector_column="vector", target=1_000_000, workers=1)
        >>> plan.what, plan.hours > 0
        ('Mapping 1,000,000 documents over 8 epochs with 1 worker', True)
    """
    check_arguments(plan_map, {"target": target, "workers": workers, "quiet": quiet})
    return make(MapsPlanRequest, {"shards": shards, "target": target, "workers": workers, **parameters}).run(
        quiet=quiet
    )
