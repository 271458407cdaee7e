"""DataMap: instances placed by their training dynamics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch
from torch import Tensor

from cal.arguments import check_arguments
from cal.checks import known_name, one_of, refuse, whole_numbers
from cal.dynamics import map_frame, metrics
from cal.dynamics.class_curves import changed_curves, mean_curves
from cal.dynamics.map_display import MapDisplay
from cal.dynamics.map_frame import VALUES
from cal.dynamics.map_values import aligned, refuse_impossible, refuse_other_curves
from cal.dynamics.metrics import COORDINATES, HIGH_IS_VALUABLE, METRICS, our_name
from cal.dynamics.ranking import never_last, ranked
from cal.dynamics.regions import region_rule, regions
from cal.dynamics.running import RunningDynamics, values_over_epochs
from cal.dynamics.runs import mean_correlation, mean_of_runs, spread_over_runs
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import AnalysisError, LearnerError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class DataMap(MapDisplay):
    """Confidence, variability, correctness and the other metrics of each instance.

    Square brackets filter it like a table, by a boolean mask, an array of positions or a slice. A map of several runs
    holds the values of each: `run(k)` takes one run, and tables and pictures show the mean.

    Attributes:
        gold: (*runs, instance) gold classes; -1 in all rows if they are unknown.
        predicted: (*runs, instance) classes predicted after the last epoch, -1 where unknown.
        confidence: (*runs, instance) mean probability of the gold label.
        variability: (*runs, instance) its population standard deviation over epochs.
        correctness: (*runs, instance) fraction of epochs classified correctly.
        forgetting: (*runs, instance) transitions from correct to incorrect; 0 if never learnt (in a mean, 1000).
        aum: (*runs, instance) mean margin, in logits.
        el2n: (*runs, instance) mean length of the error vector.
        loss: (*runs, instance) mean cross-entropy, in nats.
        aleatoric: (*runs, instance) mean of p (1 - p).
        first_learnt: (*runs, instance) first epoch classified correctly, -1 if never.
        last_learnt: (*runs, instance) epoch in which it last became correct, -1 if never.
        n_epochs: number of epochs.
        capture: when the logits were taken.
        ids: (instance,) strings or whole numbers.
        name: name of the corpus or of the logs, for titles.
        texts: (instance,) documents.
        places: (instance,) such as `row 17`, where ids were made from texts.
        label_names: names of the classes.
        seeds: seed of each run.
        curves: (*runs, epoch, instance) probability of the gold label.
        class_curves: (*runs, epoch, instance, class) float16 probabilities of all classes, if there is room for them.
        region_rule: rule of the regions, a name or `{name: {parameter: value}}`; None is `quantile`.
        region: (instance,) regions that are already known, from a file or from before filtering; None applies the rule.
        by_seed: (run, instance) values of each of `COORDINATES`, if this map is a mean over runs.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
        (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746

    Example:
        >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 1.0]], [[0.0, 2.0], [0.0, 3.0]]])  # (epoch, instance, class)
        >>> dynamics = TrainingDynamics.from_logits(logits, torch.tensor([0, 0]))
        >>> data_map = DataMap.of(dynamics, ["a", "b"], name="tiny")
        >>> data_map
        DataMap 'tiny': 2 instances, 2 epochs, 1 run
        >>> data_map[data_map.correctness <= 0.2].ids
        ['b']
        >>> data_map.ranking("confidence").tolist(), data_map.regions().tolist()
        ([1, 0], ['ambiguous', 'hard-to-learn'])
        >>> DataMap.from_frame(data_map.to_frame()).correctness.tolist()
        [0.5, 0.0]
    """

    gold: Tensor
    predicted: Tensor
    confidence: Tensor
    variability: Tensor
    correctness: Tensor
    forgetting: Tensor
    aum: Tensor
    el2n: Tensor
    loss: Tensor
    aleatoric: Tensor
    first_learnt: Tensor
    last_learnt: Tensor
    n_epochs: int
    capture: Capture = "end"
    ids: Sequence[str | int] | None = None
    name: str = ""
    texts: Sequence[str] | None = None
    label_names: Sequence[str] | None = None
    seeds: Sequence[int] = ()
    curves: Tensor | None = None
    region_rule: str | Mapping[str, Any] | None = None
    region: Sequence[str] | None = None
    by_seed: Mapping[str, Tensor] | None = None
    places: Sequence[str] | None = None
    class_curves: Tensor | None = None

    def __post_init__(self) -> None:
        check_arguments(DataMap, {"name": self.name, "label_names": self.label_names})
        for name, values in aligned(vars(self)).items():
            object.__setattr__(self, name, values)
        refuse(whole_numbers(n_epochs=self.n_epochs) + one_of(get_args(Capture), capture=self.capture))
        refuse_impossible({name: getattr(self, name) for name in VALUES}, self.ids, self.label_names)
        refuse_impossible(self.by_seed or {})
        refuse_other_curves(self.curves, self.class_curves, len(self))

    @classmethod
    def of(
        cls, dynamics: TrainingDynamics | RunningDynamics, ids: Sequence[str | int] | None = None, **known: Any
    ) -> DataMap:
        """The map that these dynamics draw.

        Args:
            dynamics: what a model did on each instance.
            ids: (instance,) strings or whole numbers.
            known: what else is known: `name`, `texts`, `label_names`, `seeds`, `region_rule`.

        Raises:
            CalError: if no epoch was recorded, training diverged, or there is not one id and text per instance.
        """
        check_arguments(DataMap.of, {"dynamics": dynamics})
        if not dynamics.n_epochs:
            raise AnalysisError("A data map needs at least one epoch, and none was recorded.")
        values: dict[str, Any] = {**values_over_epochs(dynamics)}
        if not torch.isfinite(values["confidence"]).all():
            raise LearnerError("Training diverged: logits are not finite. Lower the learning rate, learner.lr.")
        if isinstance(dynamics, TrainingDynamics):
            known = {"curves": dynamics.gold_prob, "class_curves": dynamics.probs} | known
        return cls(**values, n_epochs=dynamics.n_epochs, capture=dynamics.capture, ids=ids, **known)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> DataMap:
        """The map in a table with the columns of `to_frame`, or in one of another tool with ids and coordinates.

        Ids may be called guid, index or idx, and correctness may be a number of epochs. Other columns are ignored.

        Raises:
            DataError: if the table lacks columns or values of a map; nothing is made up for them.
        """
        check_arguments(DataMap.from_frame, locals())
        return cls(**map_frame.map_fields(frame))

    @property
    def threshold_closeness(self) -> Tensor:
        """(*runs, instance) c (1 - c) of the confidence c."""
        return metrics.threshold_closeness(self.confidence)

    @property
    def n_runs(self) -> int:
        """Number of runs in this map, or behind this mean."""
        if self.by_seed is not None:
            return len(self.by_seed["confidence"])
        return math.prod(self.confidence.shape[:-1])

    @property
    def rule(self) -> dict[str, dict[str, Any]] | None:
        """The rule of the regions with all its parameters; None if the map's file does not name it."""
        if self.region is not None and self.region_rule is None:
            return None
        name, parameters = region_rule(self.region_rule or "quantile")
        return {name: parameters}

    def __len__(self) -> int:
        return self.confidence.shape[-1]

    def __getitem__(self, chosen: Any) -> DataMap:
        """The map of some instances.

        Regions are settled first, so that each instance keeps the one it has among all.

        Args:
            chosen: (instance,) booleans, or whole numbers that are positions, as a list, array, tensor or Series; or a
                slice.

        Raises:
            AnalysisError: if this chooses no instances of the map, or one twice.
        """
        positions = map_frame.positions(chosen, len(self), self.n_runs)
        index = torch.from_numpy(positions).to(self.confidence.device)
        kept: dict[str, Any] = {name: getattr(self, name)[..., index] for name in VALUES}
        for name in ("ids", "texts", "places"):
            if (given := getattr(self, name)) is not None:
                kept[name] = [given[position] for position in positions]
        kept |= changed_curves(self, lambda curves, n_axes: curves.index_select(1 - n_axes, index))
        if self.by_seed is not None:
            kept["by_seed"] = {name: values[:, index] for name, values in self.by_seed.items()}
        kept |= {"region": self.regions()[positions], "region_rule": self.rule}
        return replace(self, **kept)

    def run(self, number: int) -> DataMap:
        """The map of one run, counted from 0.

        Raises:
            AnalysisError: if there is no such run.
        """
        check_arguments(DataMap.run, locals())
        n_runs = 1 if self.confidence.dim() == 1 else len(self.confidence)
        if not -n_runs <= number < n_runs:
            raise AnalysisError(f"There is no run {number}: this map has {n_runs}, counted from 0.")
        if self.confidence.dim() == 1:
            return self
        values: dict[str, Any] = {name: getattr(self, name)[number] for name in VALUES}
        values |= changed_curves(self, lambda curves, _: curves[number])
        values["seeds"] = [self.seeds[number]] if len(self.seeds) == n_runs else ()
        return replace(self, **values, region=None)

    def mean(self) -> DataMap:
        """The map averaged over runs.

        Counts and epochs become means too: see `cal.dynamics.runs.mean_of_runs`. `by_seed` keeps the coordinates of
        each run.

        Raises:
            AnalysisError: if the runs are not about the same instances.
        """
        if self.by_seed is not None:
            return self
        values: dict[str, Any] = {**mean_of_runs({name: self._runs(name) for name in VALUES})}
        if self.n_runs > 1:
            values["by_seed"] = {name: self._runs(name) for name in COORDINATES}
        values |= changed_curves(self, mean_curves)
        return replace(self, **values)

    def spread(self) -> pd.DataFrame:
        """A row per instance: id and the standard deviations of `COORDINATES` over runs, `confidence_spread` and so on.

        Raises:
            AnalysisError: if there is one run, or the runs are not about the same instances.
        """
        import pandas as pd

        runs = self._several_runs()
        spreads = {f"{name}_spread": spread_over_runs(values).cpu().numpy() for name, values in runs.items()}
        return pd.DataFrame({"id": self._ids(), **spreads})

    def correlation(self) -> dict[str, float]:
        """Pearson's r between two runs, averaged over all pairs, for each of `COORDINATES`.

        NaN where all instances of a run have the same value. The paper finds .75 and more (section 2).

        Raises:
            AnalysisError: if there is one run, or the runs are not about the same instances.
        """
        return {name: mean_correlation(runs) for name, runs in self._several_runs().items()}

    def regions(self, rule: str | Mapping[str, Any] | None = None, points: pd.DataFrame | None = None) -> np.ndarray:
        """The region of each instance: easy-to-learn, ambiguous, hard-to-learn or other.

        Args:
            rule: name of a rule of `cal.dynamics.regions`, or `{name: {parameter: value}}`; None keeps the regions
                that the map has, and else uses its `region_rule`.
            points: rows of `to_frame()`, if they are known already.

        Returns:
            (instance,) region names; those of the mean for several runs.

        Raises:
            ConfigError: if there is no such rule or parameter.
        """
        check_arguments(DataMap.regions, locals())
        if rule is None and (self.region is not None or not len(self)):
            return np.array(self.region or [], dtype=str)
        name, parameters = region_rule(rule or self.region_rule or "quantile")
        return regions(map_frame.metrics_frame(self.one()) if points is None else points, name, **parameters)

    def to_frame(self, region: str | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """A row per instance: id, gold, predicted, the metrics, n_epochs, capture and region.

        Label names, `*_spread` over several runs (whose mean the other columns are) and text follow where they are
        known; `place` follows the id where ids were not given. Epochs are missing where an instance was never learnt.

        Args:
            region: rule of the regions, as for `regions`.
        """
        return map_frame.points_of(self, region).copy()

    def one(self) -> DataMap:
        """This map without an axis of runs: the mean of several."""
        if self.confidence.dim() == 1:
            return self
        return self.run(0).one() if self.n_runs == 1 else self.mean()

    def ranking(self, metric: str, *, worst: bool = False) -> np.ndarray:
        """(instance,) positions, most valuable first: ties by mean loss, highest first, then by a hash of the id.

        Never learnt is more than any count of forgetting and later than any epoch.

        Args:
            metric: one of `METRICS`, or its name in the Dataset Cartography toolkit.
            worst: reverse the order.

        Raises:
            UnknownNameError: if there is no such metric.
            AnalysisError: if the map has several runs, or lacks this metric.
        """
        check_arguments(DataMap.ranking, locals())
        metric = known_name("metric", our_name(metric), METRICS)
        if runs := tuple(self.confidence.shape[:-1]):
            raise AnalysisError(f"This map holds {runs} runs; rank map.run(k), or map.mean().")
        values = getattr(self, metric).double()
        if values.isnan().any():
            raise AnalysisError(
                f"This map has no {metric}. It has {', '.join(self.known_metrics)}; choose one of these."
            )
        values = never_last(metric, values, self.first_learnt, self.n_epochs)
        order = ranked(-values if metric in HIGH_IS_VALUABLE else values, self.loss, self._ids())
        return order[::-1].copy() if worst else order  # torch takes no array of negative stride

    def _ids(self) -> Sequence[str | int]:
        return range(len(self)) if self.ids is None else self.ids

    def _runs(self, name: str) -> Tensor:
        """(run, instance) float64 values of runs that are about the same instances."""
        shape = (math.prod(self.confidence.shape[:-1]), len(self))
        if (self.gold != self.gold.reshape(shape)[0]).any():
            raise AnalysisError("The runs of this map have different gold labels: they are not the same instances.")
        values: Tensor = getattr(self, name)
        return values.double().reshape(shape)

    def _several_runs(self) -> Mapping[str, Tensor]:
        """(run, instance) float64 coordinates by name."""
        if self.n_runs == 1:
            raise AnalysisError("This map has one run, and nothing to compare it with; give two seeds or more.")
        return self.by_seed or {name: self._runs(name) for name in COORDINATES}
