"""DataMap: instances placed by their training dynamics."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cal.dynamics import metrics
from cal.dynamics.running import RunningDynamics
from cal.dynamics.training_dynamics import Capture, TrainingDynamics
from cal.errors import AnalysisError, UnknownNameError

if TYPE_CHECKING:
    import pandas as pd

METRICS = (
    *("confidence", "variability", "correctness", "forgetting", "threshold_closeness", "aum", "el2n", "loss"),
    *("aleatoric", "first_learnt", "last_learnt"),
)
"""Names of the metrics, as columns of a map; Data-IQ's epistemic uncertainty is `variability`."""

COORDINATES = ("confidence", "variability", "correctness")
"""The metrics that a map is drawn by, and that several runs are compared by."""

HIGH_IS_VALUABLE = {
    *("variability", "threshold_closeness", "aleatoric"),  # the ambiguous first
    *("el2n", "loss"),  # the hard to learn first, as by low confidence, correctness and AUM
    *("forgetting", "first_learnt", "last_learnt"),  # the late and unsteady first, before them the never learnt
}
"""Metrics that rank the most valuable instances by their highest values; the others by their lowest."""


@dataclass(frozen=True)
class DataMap:
    """Confidence, variability, correctness and the other metrics of each instance.

    Attributes:
        gold: (*runs, instance) gold classes.
        predicted: (*runs, instance) classes predicted after the last epoch.
        confidence: (*runs, instance) mean probability of the gold label.
        variability: (*runs, instance) its population standard deviation over epochs.
        correctness: (*runs, instance) fraction of epochs classified correctly.
        forgetting: (*runs, instance) transitions from correct to incorrect.
        aum: (*runs, instance) mean margin, in logits.
        el2n: (*runs, instance) mean length of the error vector.
        loss: (*runs, instance) mean cross-entropy, in nats.
        aleatoric: (*runs, instance) mean of p (1 - p).
        first_learnt: (*runs, instance) first epoch classified correctly, -1 where there is none.
        last_learnt: (*runs, instance) epoch in which it last became so, -1 where there is none.
        n_epochs: epochs the map is drawn from.
        capture: when the numbers were taken.
        ids: of the instances, strings or whole numbers; None where nobody needs them.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics
        (Swayamdipta et al., 2020), https://aclanthology.org/2020.emnlp-main.746

    Example:
        >>> logits = torch.tensor([[[2.0, 0.0]], [[0.0, 2.0]]])  # (epoch, instance, class)
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0])))
        >>> round(data_map.confidence.item(), 6), data_map.correctness.item()
        (0.5, 0.5)
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

    @classmethod
    def of(cls, dynamics: TrainingDynamics | RunningDynamics, ids: Sequence[str | int] | None = None) -> DataMap:
        """The map that these dynamics draw.

        Raises:
            AnalysisError: if no epoch was recorded, or there are more or fewer ids than instances.
        """
        if not dynamics.n_epochs:
            raise AnalysisError("A data map needs one epoch at least, and none was recorded.")
        if ids is not None and len(ids) != dynamics.gold.shape[-1]:
            raise AnalysisError(f"{len(ids)} ids for {dynamics.gold.shape[-1]} instances; give one of each.")
        if isinstance(dynamics, RunningDynamics):
            drawn = {name: getattr(dynamics, name) for name in _DRAWN}
        else:
            gold_prob, correct = dynamics.gold_prob.double(), dynamics.correct
            drawn = {
                "confidence": metrics.confidence(gold_prob),
                "variability": metrics.variability(gold_prob),
                "correctness": metrics.correctness(correct),
                "forgetting": metrics.forgetting(correct),
                "aum": metrics.aum(dynamics.margin.double()),
                "el2n": dynamics.el2n.double().mean(dim=-2),
                "loss": dynamics.loss.double().mean(dim=-2),
                "aleatoric": metrics.aleatoric(gold_prob),
                "first_learnt": metrics.first_learnt(correct),
                "last_learnt": metrics.last_learnt(correct),
                "predicted": dynamics.predicted[..., -1, :],
            }
        return cls(gold=dynamics.gold, **drawn, n_epochs=dynamics.n_epochs, capture=dynamics.capture, ids=ids)

    @property
    def threshold_closeness(self) -> Tensor:
        """(*runs, instance) c (1 - c) of the confidence c."""
        return metrics.threshold_closeness(self.confidence)

    def __len__(self) -> int:
        return self.confidence.shape[-1]

    def __getitem__(self, run: int) -> DataMap:
        """The map of one run."""
        return replace(self, **{name: getattr(self, name)[run] for name in ("gold", *_DRAWN)})

    def mean(self) -> DataMap:
        """The map averaged over runs.

        Counts and epochs become means too. `first_learnt` and `last_learnt` are means over the runs
        in which an instance was learnt, -1 where it never was in more than half of them; `predicted`
        is the class that most runs predict, the first on ties.

        Raises:
            AnalysisError: if the runs are not of the same instances.
        """
        values: dict[str, Any] = {name: self._runs(name).mean(dim=0) for name in _DRAWN}
        for name in ("first_learnt", "last_learnt"):
            epochs = self._runs(name)
            never = (epochs < 0).double().mean(dim=0) > 0.5
            values[name] = torch.where(never, -1.0, torch.where(epochs < 0, torch.nan, epochs).nanmean(dim=0))
        votes = torch.nn.functional.one_hot(self._runs("predicted").long()).sum(dim=0)  # (instance, class)
        values |= {"gold": self._runs("gold")[0].long(), "predicted": metrics.predicted(votes)}
        return replace(self, **values)

    def spread(self) -> pd.DataFrame:
        """A row per instance: id and, `_spread` after their names, standard deviations of `COORDINATES` over runs.

        The runs are a sample of all seeds there could be: squares are divided by their number less one.

        Raises:
            AnalysisError: if there is one run, or the runs are not of the same instances.

        Example:
            >>> logits = torch.tensor([[[[0.0, 0.0]]], [[[99.0, 0.0]]]])  # (run, epoch, instance, class)
            >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([[0], [0]])))
            >>> round(data_map.spread()["confidence_spread"].item(), 4)
            0.3536
        """
        import pandas as pd

        self._check_several_runs()
        spreads = {f"{name}_spread": self._runs(name).std(dim=0).cpu().numpy() for name in COORDINATES}
        return pd.DataFrame({"id": self._ids(), **spreads})

    def correlation(self) -> dict[str, float]:
        """Pearson's r between two runs, averaged over all pairs of them, for each of `COORDINATES`.

        NaN where all instances of a run have the same value. The paper finds .75 and more (section 2).

        Raises:
            AnalysisError: if there is one run, or the runs are not of the same instances.

        Example:
            >>> logits = torch.tensor([[[[0.0, 0.0], [2.0, 0.0]]], [[[1.0, 0.0], [9.0, 0.0]]]])
            >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(2, 2, dtype=torch.long)))
            >>> round(data_map.correlation()["confidence"], 6)
            1.0
        """
        self._check_several_runs()
        means = {}
        for name in COORDINATES:
            runs = self._runs(name)
            centred = runs - runs.mean(dim=1, keepdim=True)
            constant = (runs == runs[:, :1]).all(dim=1, keepdim=True)  # rounding may leave their centred values not 0
            unit = torch.where(constant, torch.nan, centred) / torch.linalg.vector_norm(centred, dim=1, keepdim=True)
            above = torch.triu_indices(len(runs), len(runs), offset=1)
            means[name] = (unit @ unit.T)[above[0], above[1]].mean().item()
        return means

    def to_frame(self) -> pd.DataFrame:
        """A row per instance: id, gold, predicted and the metrics by their names; never learnt is missing.

        Raises:
            AnalysisError: if the map is of several runs; take one, or the mean.
        """
        import pandas as pd

        self._check_one_run()
        columns = {name: getattr(self, name).cpu().numpy() for name in ("gold", "predicted", *METRICS)}
        frame = pd.DataFrame({"id": self._ids(), **columns})
        for name in ("first_learnt", "last_learnt"):
            whole = frame[name].dtype.kind == "i"  # the mean of several runs has fractions of epochs
            frame[name] = frame[name].where(frame[name] >= 0).astype("Int64" if whole else "Float64")
        return frame

    def ranking(self, metric: str, *, worst: bool = False) -> np.ndarray:
        """(instance,) positions, most valuable first: ties by mean loss, highest first, then by a hash of the id.

        Never learnt is more than any count of forgetting and later than any epoch.

        Args:
            metric: one of `METRICS`.
            worst: the reverse order.

        Raises:
            UnknownNameError: if there is no such metric.
            AnalysisError: if the map is of several runs.

        Example:
            >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0], [1.0, 0.0]]])
            >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0, 0])), ["a", "b", "c"])
            >>> data_map.ranking("confidence").tolist()
            [1, 2, 0]
        """
        if metric not in METRICS:
            raise UnknownNameError("metric", metric, METRICS)
        self._check_one_run()
        values = getattr(self, metric).double()
        if metric in ("forgetting", "first_learnt", "last_learnt"):
            values = torch.where(self.first_learnt < 0, torch.inf, values)
        values = (-values if metric in HIGH_IS_VALUABLE else values).cpu().numpy()
        hashes = np.array([_id_hash(instance_id) for instance_id in self._ids()])
        order = np.lexsort((hashes, -self.loss.double().cpu().numpy(), values))
        return order[::-1].copy() if worst else order  # torch takes no array of negative stride

    def _ids(self) -> Sequence[str | int]:
        return range(len(self)) if self.ids is None else self.ids

    def _runs(self, name: str) -> Tensor:
        """(run, instance) float64 values of runs that are of the same instances."""
        if (self.gold != self.gold.reshape(-1, len(self))[0]).any():
            raise AnalysisError("The runs of this map have different gold labels: they are not of the same instances.")
        return getattr(self, name).double().reshape(-1, len(self))

    def _check_several_runs(self) -> None:
        if self.confidence.numel() == len(self):
            raise AnalysisError("This map is of one run, and runs are to be compared; give two seeds or more.")

    def _check_one_run(self) -> None:
        if self.confidence.dim() != 1:
            raise AnalysisError(
                f"This map holds {tuple(self.confidence.shape[:-1])} runs; take one with map[run], or map.mean()."
            )


_DRAWN = tuple(field.name for field in fields(DataMap) if field.name not in ("gold", "n_epochs", "capture", "ids"))


def _id_hash(instance_id: str | int) -> int:
    # Not of its repr, in which NumPy's strings and numbers differ from Python's; the quote tells '1' from 1.
    text = f"'{instance_id}" if isinstance(instance_id, str) else str(instance_id)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
