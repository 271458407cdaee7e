"""Batches: what a training loop gives a recorder, checked and copied, until the epoch ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cal.arrays import as_float32, as_whole, refuse_rows
from cal.dynamics.ids import as_ids, few
from cal.dynamics.scale import Scale, Values, described, in_logits
from cal.errors import DataError

_BUFFER, _MOST = 2**24, 2**20  # logits that may wait on their device, 64 MB, and instances
_LOOKED_AT = 256  # rows of a batch that tell its scale


class Rows(NamedTuple):
    """Rows of instances: (instance,) ids, (instance, class) logits, (instance,) gold."""

    ids: Any
    logits: Any
    gold: Any


class Batches:
    """Batches that wait.

    Args:
        n_classes: number of classes; None takes it from the first batch.
        values: what is given for logits.
        taker: what takes `values=`, for messages.
    """

    def __init__(self, n_classes: int | None, values: Values | None, taker: str) -> None:
        self.n_classes, self.values = n_classes, values
        self._taker, self._scale = taker, Scale()
        self._waiting: list[Rows] = []
        self._n_waiting = [0, 0]  # logits and instances

    def add(self, ids: Any, logits: Any, gold: Any) -> None:
        """Adds a batch: see `DynamicsRecorder.record`."""
        for name, given in (("ids", ids), ("gold", gold)):
            refuse_rows(name, given)
        # On a GPU, tensors are read when the epoch ends: reading one now would make it finish all its work first.
        batch = Rows(
            ids.detach().clone() if _is_elsewhere(ids) else as_ids(ids).copy(),
            logits.detach().to(torch.float32, copy=True)
            if _is_elsewhere(logits)
            else as_float32("logits", logits, n_axes=2),
            gold.detach().clone() if _is_elsewhere(gold) else as_whole("gold", gold),
        )
        id_shape, shape, gold_shape = (tuple(part.shape) for part in batch)
        if len(shape) != 2 or not id_shape == gold_shape == shape[:1]:
            raise DataError(
                f"Ids of shape {id_shape}, logits of shape {shape} and gold labels of shape {gold_shape}; "
                "give an id and a gold label per row of (instance, class) logits."
            )
        if shape[1] != (self.n_classes or shape[1]) or shape[1] < 2:
            raise DataError(
                f"Logits of {shape[1]} classes, where {self.n_classes or 'two or more'} were expected. "
                "If a binary model has one logit z, give the columns 0 and z."
            )
        self.n_classes = shape[1]
        self._check_scale(batch.logits)
        self._waiting.append(batch)
        self._n_waiting = [self._n_waiting[0] + shape[0] * shape[1], self._n_waiting[1] + shape[0]]

    def early(self) -> Rows | None:
        """All batches but the last, taken out because they have become many; else None."""
        n_logits, n_instances = self._n_waiting
        if len(self._waiting) < 2 or (n_logits <= _BUFFER and n_instances <= _MOST):
            return None
        *before, last = self._waiting
        self._waiting, self._n_waiting = [last], [last.logits.shape[0] * last.logits.shape[1], last.logits.shape[0]]
        return joined(before)

    def rest(self) -> tuple[Rows, int] | None:
        """The batches that wait, and the number of rows of the last one; None if there are none."""
        return (joined(self._waiting), len(self._waiting[-1].ids)) if self._waiting else None

    def clear(self) -> None:
        """Forgets the batches that wait."""
        self._waiting, self._n_waiting = [], [0, 0]

    def _check_scale(self, logits: Any) -> None:
        """Refuses logits of another scale as soon as they are known to be, which mostly takes one batch."""
        if self.values == "logits" or self._scale.is_settled:
            return
        some = logits[:_LOOKED_AT]
        rows = some.cpu().numpy() if isinstance(some, Tensor) else some
        if self.values == "probabilities":
            in_logits(rows, self.values)
        self._scale.add(rows)
        if self._scale.kind and self.values is None:
            what, remedy = described(self._scale.kind, self._taker)
            raise DataError(f"These {what.removeprefix('these ')}. {remedy}")


def joined(batches: Sequence[Rows]) -> Rows:
    """The rows of several batches, as arrays."""
    return Rows(*(_concatenated(column) for column in zip(*batches, strict=True)))


def check_gold(ids: np.ndarray, gold: np.ndarray, n_classes: int) -> None:
    """Refuses gold labels that are no classes.

    Raises:
        DataError: naming some.
    """
    if (wrong := (gold < 0) | (gold >= n_classes)).any():
        raise DataError(
            f"Gold labels must be classes from 0 to {n_classes - 1}, not {gold[wrong][0]}: wrong for "
            f"{wrong.sum()} of {len(ids)} instances, id {few(ids[wrong])}. Leave instances without a label out."
        )


def _is_elsewhere(values: Any) -> bool:
    return isinstance(values, Tensor) and values.device.type not in ("cpu", "meta")


def _concatenated(parts: Sequence[Any]) -> np.ndarray:
    if all(isinstance(part, Tensor) for part in parts):
        array: np.ndarray = torch.cat(list(parts)).cpu().numpy()  # one copy from the device
        return array
    return np.concatenate([part.cpu().numpy() if isinstance(part, Tensor) else part for part in parts])
