"""compute_training_dynamics: trains a model and returns its data map as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set, Sized
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, default_collate

from cal.arguments import check_arguments
from cal.checks import numbers_in, one_of, refuse, whole_numbers
from cal.dynamics.end_pass import accepted_names, in_order, logits_of, moved, without_dropout
from cal.dynamics.ids import as_ids
from cal.dynamics.metrics import METRICS
from cal.dynamics.recorder import DynamicsRecorder
from cal.errors import ConfigError, DataError, shown
from cal.streams import stream

if TYPE_CHECKING:
    import pandas as pd


def compute_training_dynamics(
    model: nn.Module,
    dataset: Dataset[Any],
    n_epochs: int,
    *,
    lr: float = 1e-3,
    batch_size: int = 32,
    capture: Literal["during", "end"] = "end",
    optimizer: torch.optim.Optimizer | None = None,
    loss_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
    collate: Callable[[list[Any]], Any] | None = None,
    device: str | torch.device = "auto",
    seed: int = 0,
    ids: Sequence[str | int] | None = None,
) -> pd.DataFrame:
    """Trains a model and returns the data map of the dataset: a row of metrics per instance.

    Args:
        model: model to train in place; it returns (instance, class) logits, or something with `logits`.
        dataset: pairs (x, gold), for which `model(x)` is called, or dictionaries with the gold class under `labels` or
            `label`, whose other tensors are passed to the model if it takes them.
        n_epochs: number of passes over the dataset.
        lr: learning rate of AdamW, if no `optimizer` is given.
        batch_size: instances per step.
        capture: take the logits at the `end` of an epoch in a pass without dropout, or `during` training.
        optimizer: optimiser of the model's parameters; None is AdamW.
        loss_fn: function of logits and gold classes; None is cross-entropy.
        collate: function that makes a batch from items of the dataset, such as a padding collator; None stacks them.
        device: device to train on; `auto` is a GPU if there is one.
        seed: seed of shuffles and dropout; the global random state is left as it was.
        ids: (instance,) ids, in the order of the dataset; None takes `id` from dictionaries, or positions.

    Returns:
        A table indexed by id, in the order of ids, with gold, predicted and the metrics `cal.dynamics.metrics.METRICS`.

    Raises:
        ConfigError: if an argument cannot be used.
        DataError: if ids or gold labels cannot be used.

    Example:
        >>> x, gold = torch.eye(4)[torch.arange(40) % 4], torch.arange(40) % 4 % 2
        >>> dataset = torch.utils.data.TensorDataset(x, gold)
        >>> frame = compute_training_dynamics(nn.Linear(4, 2), dataset, n_epochs=5, lr=0.1)
        >>> frame.index.name, len(frame), bool((frame["confidence"] > 0.5).all())
        ('id', 40, True)
    """
    check_arguments(compute_training_dynamics, locals())
    problems = whole_numbers(n_epochs=n_epochs, batch_size=batch_size) + one_of(["during", "end"], capture=capture)
    refuse(problems + numbers_in("(0, inf)", lr=lr) + whole_numbers(0, seed=seed))
    n_instances = _n_items(dataset)
    ids = None if ids is None else as_ids(ids).tolist()
    if ids is not None and len(ids) != n_instances:
        raise DataError(f"{len(ids)} ids for {n_instances} instances; give one per instance.")
    device = _usable(device)
    model.to(device)
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=lr)
    loss_fn = loss_fn or nn.functional.cross_entropy
    numbered, batches_of = _Numbered(dataset), _Batches(ids, collate or default_collate, accepted_names(model))
    generator = stream(seed, "shuffle")
    shuffled = DataLoader(numbered, batch_size, shuffle=True, collate_fn=batches_of, generator=generator)
    inference = in_order(numbered, 2 * batch_size, batches_of) if capture == "end" else None
    recorder = DynamicsRecorder(capture=capture)
    with torch.random.fork_rng():  # dropout draws from the global generator
        torch.manual_seed(seed)
        for _ in range(n_epochs):
            _train_epoch(model, shuffled, optimizer, loss_fn, device, None if inference else recorder)
            if inference is not None:
                with without_dropout(model):
                    for batch in inference:
                        recorder.record(batch.ids, batch.logits(model, device), batch.gold)
            recorder.end_epoch()
    return recorder.data_map().to_frame().set_index("id")[["gold", "predicted", *METRICS]]


compute_train_dynamics = compute_training_dynamics
"""The same function, under the name that some surveys use."""


def _n_items(dataset: Any) -> int:
    """The number of items of a dataset.

    Raises:
        DataError: if it has none, or they cannot be read by position.
    """
    if getattr(dataset, "shape", None) == () or not isinstance(dataset, Sized) or not len(dataset):
        raise DataError("The dataset has no items or no length; give one item per instance, by position.")
    if isinstance(dataset, str | bytes | Set) or not hasattr(dataset, "__getitem__"):
        raise DataError(f"dataset is {shown(dataset)}; give one item per instance, by position.")
    try:
        dataset[0]
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(f"dataset[0] fails ({shown(error)}); give one item per instance, by position.") from error
    return len(dataset)


def _usable(device: str | torch.device) -> str:
    """The device; `auto` is a GPU if there is one.

    Raises:
        ConfigError: if PyTorch cannot use it here.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device).to("cpu")
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        problem = str(error).splitlines()[0]
        raise ConfigError(
            f"PyTorch cannot use the device {str(device)!r} here: {problem}. Give auto or cpu."
        ) from error
    return str(device)


def _train_epoch(
    model: nn.Module,
    batches: Iterable[_Batch],
    optimizer: torch.optim.Optimizer,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    device: str,
    recorder: DynamicsRecorder | None,
) -> None:
    """One pass over the batches, recorded if there is a recorder."""
    model.train()
    for batch in batches:
        logits, gold = batch.logits(model, device), batch.gold.to(device)
        if recorder is not None:
            recorder.record(batch.ids, logits, gold)
        optimizer.zero_grad()
        loss_fn(logits, gold).backward()
        optimizer.step()


class _Numbered(Dataset[Any]):
    """Items with their positions, which a collator cannot lose."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)  # type: ignore[arg-type]

    def __getitem__(self, position: int) -> tuple[int, Any]:
        return position, self._dataset[position]


class _Batch(NamedTuple):
    ids: list[str | int]
    inputs: Any
    gold: Tensor

    def logits(self, model: nn.Module, device: str) -> Tensor:
        inputs = moved(self.inputs, device)
        return logits_of(model(**inputs) if isinstance(inputs, dict) else model(inputs))


class _Batches:
    """Makes batches from numbered items: ids, inputs of the model and gold classes."""

    def __init__(
        self, ids: Sequence[str | int] | None, collate: Callable[[list[Any]], Any], names: frozenset[str] | None
    ) -> None:
        self._ids, self._collate, self._names = ids, collate, names

    def __call__(self, numbered: list[tuple[int, Any]]) -> _Batch:
        ids = [self._id(position, item) for position, item in numbered]
        items = [item for _, item in numbered]
        if isinstance(items[0], Mapping):
            items = [{key: value for key, value in item.items() if key != "id"} for item in items]
        try:
            batch = self._collate(items)
        except Exception as error:  # whatever a collator raises
            problem = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(
                f"Items of the dataset do not make a batch: {problem}. Give a collate function that pads them."
            ) from error
        if not isinstance(batch, Mapping):
            if not isinstance(batch, list | tuple) or len(batch) != 2:
                n_parts = f"{len(batch)} parts" if isinstance(batch, list | tuple) else "one part"
                raise DataError(f"Items of the dataset have {n_parts}; give pairs (x, gold), or dictionaries.")
            return _Batch(ids, batch[0], torch.as_tensor(batch[1]))
        name = next((name for name in ("labels", "label") if name in batch), None)
        if name is None:
            raise DataError(f"Items of the dataset have {', '.join(batch)}, but no gold class under labels or label.")
        inputs = {
            key: value
            for key, value in batch.items()
            if isinstance(value, Tensor) and key != name and (self._names is None or key in self._names)
        }
        return _Batch(ids, inputs, torch.as_tensor(batch[name]))

    def _id(self, position: int, item: Any) -> str | int:
        if self._ids is not None:
            return self._ids[position]
        given = item.get("id", position) if isinstance(item, Mapping) else position
        found: str | int = int(given) if isinstance(given, Tensor) else given
        return found
