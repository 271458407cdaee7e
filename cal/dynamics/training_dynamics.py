"""TrainingDynamics: what a model did on each instance, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from cal.arguments import check_arguments
from cal.arrays import as_whole
from cal.checks import one_of, refuse
from cal.dynamics import metrics
from cal.dynamics.class_curves import class_probabilities, have_room
from cal.dynamics.scale import Scale, Values, in_logits
from cal.dynamics.tensors import as_gold, as_tensor, check_range
from cal.errors import AnalysisError

Capture = Literal["during", "end", "out_of_fold"]
_LOOKED_AT = 64


@dataclass(frozen=True)
class TrainingDynamics:
    """Gold probability, loss, margin, EL2N and prediction of each instance after each epoch.

    Attributes:
        gold: (*runs, instance) gold classes.
        gold_prob: (*runs, epoch, instance) probability of the gold label.
        loss: (*runs, epoch, instance) cross-entropy, in nats.
        margin: (*runs, epoch, instance) gold logit minus the largest other logit.
        el2n: (*runs, epoch, instance) length of the error vector.
        predicted: (*runs, epoch, instance) class with the largest logit, the first on ties.
        capture: when the logits were taken: `during` training, at the `end` of an epoch in a pass without dropout, or
            `out_of_fold` by models that were not trained on the instance.
        probs: (*runs, epoch, instance, class) float16 probabilities of all classes; None if they were not asked for,
            or have no room: see `cal.dynamics.class_curves`.

    Example:
        >>> logits = torch.tensor([[[2.0, 0.0]], [[0.0, 2.0]]])  # (epoch, instance, class)
        >>> dynamics = TrainingDynamics.from_logits(logits, torch.tensor([0]))
        >>> dynamics.n_epochs, dynamics.correct.tolist()
        (2, [[True], [False]])
    """

    gold: Tensor
    gold_prob: Tensor
    loss: Tensor
    margin: Tensor
    el2n: Tensor
    predicted: Tensor
    capture: Capture = "end"
    probs: Tensor | None = None

    @classmethod
    def empty(
        cls, gold: Tensor, n_epochs: int, capture: Capture = "end", n_classes: int | None = None
    ) -> TrainingDynamics:
        """Space for the epochs of (*runs, instance) gold classes, which `record` fills.

        Args:
            gold: gold classes.
            n_epochs: number of epochs.
            capture: when the logits are taken.
            n_classes: number of classes, to keep the probabilities of all of them; None keeps those of the gold label.
        """
        shape = (*gold.shape[:-1], n_epochs, gold.shape[-1])
        gold_prob, loss, margin, el2n = (torch.empty(shape, device=gold.device) for _ in range(4))
        predicted = torch.empty(shape, device=gold.device, dtype=torch.int64)
        probs = None
        if n_classes is not None and have_room(gold.numel(), n_epochs, n_classes):
            probs = torch.empty(*shape, n_classes, device=gold.device, dtype=torch.float16)
        return cls(gold, gold_prob, loss, margin, el2n, predicted, capture, probs)

    @classmethod
    def from_logits(
        cls, logits: Tensor, gold: Tensor, capture: Capture = "end", values: Values | None = None
    ) -> TrainingDynamics:
        """The dynamics in (*runs, epoch, instance, class) logits, given (*runs, instance) gold classes.

        Args:
            logits: logits of each epoch.
            gold: gold classes.
            capture: when the logits were taken.
            values: what is given for `logits`; None takes logits, and refuses what can only be probabilities.

        Raises:
            AnalysisError: if the shapes do not match, or a gold class is not one of those of the logits.
            DataError: if the logits can only be probabilities.
        """
        logits, gold = as_tensor("logits", logits), as_gold(gold)
        if logits.dim() != gold.dim() + 2 or logits.shape[:-3] + logits.shape[-2:-1] != gold.shape:
            raise AnalysisError(
                f"Logits of shape {tuple(logits.shape)} do not fit gold classes of shape {tuple(gold.shape)}; "
                "give logits (*runs, epoch, instance, class) and gold (*runs, instance)."
            )
        check_range(gold, logits.shape[-1])
        if values != "logits":
            logits = _in_logits(logits, values)
        expanded = gold.unsqueeze(-2).expand(logits.shape[:-1])
        has_room = have_room(gold.numel(), logits.shape[-3], logits.shape[-1])
        return cls(gold, *measure(logits, expanded), capture, class_probabilities(logits) if has_room else None)

    @property
    def n_epochs(self) -> int:
        """Number of epochs recorded."""
        return self.gold_prob.shape[-2]

    @property
    def correct(self) -> Tensor:
        """(*runs, epoch, instance) booleans: whether the gold class was predicted."""
        return self.predicted == self.gold.unsqueeze(-2)

    def epochs(self, chosen: slice | Sequence[int]) -> TrainingDynamics:
        """The dynamics of some epochs: `slice(k)` is early stopping after k, `slice(None, None, n)` every nth.

        Raises:
            AnalysisError: if an epoch was not recorded.
        """
        check_arguments(TrainingDynamics.epochs, locals())
        index = chosen if isinstance(chosen, slice) else as_whole("chosen", chosen, AnalysisError).tolist()
        if isinstance(index, list) and (absent := [e for e in index if not -self.n_epochs <= e < self.n_epochs]):
            raise AnalysisError(f"Epochs {absent} were not recorded; choose among the {self.n_epochs}, counted from 0.")
        kept = {name: getattr(self, name)[..., index, :] for name in _MEASURED}
        return replace(self, **kept, probs=None if self.probs is None else self.probs[..., index, :, :])

    def __getitem__(self, rows: int | Sequence[int]) -> TrainingDynamics:
        """The dynamics of some runs, or those of one run without the axis of runs."""
        chosen = rows if isinstance(rows, int) else list(rows)
        kept: dict[str, Any] = {name: values[chosen] for name, values in self.tensors().items()}
        return replace(self, **kept)

    def record(self, epoch: int, logits: Tensor) -> None:
        """Fills an epoch in place with (*runs, instance, class) logits."""
        for name, values in zip(_MEASURED, measure(logits, self.gold), strict=True):
            getattr(self, name)[..., epoch, :] = values
        if self.probs is not None:
            self.probs[..., epoch, :, :] = class_probabilities(logits)

    def put(self, run: int, instances: Tensor, other: TrainingDynamics) -> None:
        """Fills some instances of a run in place.

        Args:
            run: number of the run.
            instances: (n,) positions of the instances.
            other: (epoch, n) dynamics of these instances.
        """
        for name in _MEASURED:
            values = getattr(self, name)
            values[run][:, instances] = getattr(other, name).to(values.device)
        if self.probs is not None and other.probs is not None:
            self.probs[run][:, instances] = other.probs.to(self.probs.device)

    def cpu(self) -> TrainingDynamics:
        """The same dynamics in CPU memory."""
        moved: dict[str, Any] = {name: values.cpu() for name, values in self.tensors().items()}
        return replace(self, **moved)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by the names of their fields."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def _in_logits(given: Tensor, values: Values | None) -> Tensor:
    """The (..., class) values as logits, of which some on the CPU mostly tell that they are."""
    refuse(one_of(get_args(Values), or_null=True, values=values))
    rows = given.detach().reshape(-1, given.shape[-1])
    if values is None:
        scale = Scale()
        scale.add(rows[:_LOOKED_AT].double().cpu().numpy())
        if scale.is_settled:
            return given
    logits = in_logits(rows.double().cpu().numpy(), values)
    return given if values is None else torch.from_numpy(logits).to(given.device).reshape(given.shape)


def measure(logits: Tensor, gold: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gold probability, loss, margin, EL2N and prediction, in the order of the fields of `TrainingDynamics`.

    Args:
        logits: (..., instance, class).
        gold: (..., instance) gold classes.

    Returns:
        Five tensors (..., instance).
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # a softmax in half precision has 3 digits
    # One log-softmax serves three metrics: the same numbers as in `metrics`, four times faster.
    log_probs, gold_class = torch.log_softmax(logits, dim=-1), gold.unsqueeze(-1)
    log_prob = log_probs.gather(-1, gold_class)
    error = log_probs.exp().scatter_add_(-1, gold_class, torch.full_like(log_prob, -1.0))
    return (
        log_prob.exp().squeeze(-1),
        -log_prob.squeeze(-1),
        metrics.margin(logits, gold),
        torch.linalg.vector_norm(error, dim=-1),
        metrics.predicted(logits),
    )


_MEASURED = tuple(field.name for field in fields(TrainingDynamics) if field.name not in ("gold", "capture", "probs"))
