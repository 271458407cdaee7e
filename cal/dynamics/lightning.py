"""Lightning: a callback that records training dynamics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import DataLoader

from cal.arrays import as_whole
from cal.dynamics.end_pass import in_order, logits_of, undisturbed_randomness, without_dropout
from cal.dynamics.ids import as_ids
from cal.dynamics.recorder import Recorder, recorded
from cal.errors import ConfigError, missing_package

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as error:
    raise ImportError(missing_package("cal.dynamics.lightning", "lightning", extra="lightning")) from error

logger = logging.getLogger(__name__)


class DynamicsLightningCallback(Callback):
    """Records training dynamics while a Lightning Trainer trains a classifier.

    If the recorder's capture is `during`, `training_step` must return a dictionary with `logits` and `loss`. If it is
    `end`, the module is called on the inputs of the training dataset without dropout after each epoch, which does not
    affect training.

    Args:
        recorder: recorder of the logits.
        unpack: function that splits a batch into ids, inputs and gold classes; None if batches are these three.

    Example:
        >>> from cal.dynamics.recorder import DynamicsRecorder
        >>> import torch, warnings
        >>> warnings.filterwarnings("ignore", ".*(many workers|LeafSpec)")  # from Lightning
        >>> class Classifier(LightningModule):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.layer = torch.nn.Linear(2, 2)
        ...     def forward(self, x):
        ...         return self.layer(x)
        ...     def training_step(self, batch, batch_idx):
        ...         ids, x, gold = batch
        ...         logits = self(x)
        ...         return {"loss": torch.nn.functional.cross_entropy(logits, gold), "logits": logits}
        ...     def configure_optimizers(self):
        ...         return torch.optim.SGD(self.parameters(), lr=0.1)
        >>> data = list(zip("abcd", torch.eye(2).repeat(2, 1), [0, 1, 0, 1]))
        >>> recorder = DynamicsRecorder()
        >>> trainer = Trainer(max_epochs=3, callbacks=[DynamicsLightningCallback(recorder)], accelerator="cpu",
        ...     logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
        >>> trainer.fit(Classifier(), DataLoader(data, batch_size=2, shuffle=True))
        >>> recorder.n_epochs, recorder.ids
        (3, ['a', 'b', 'c', 'd'])
    """

    def __init__(self, recorder: Recorder, unpack: Callable[[Any], tuple[Any, Any, Any]] | None = None) -> None:
        self.recorder = recorder
        self._unpack = unpack or _three

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch != self.recorder.n_epochs:
            raise ConfigError(
                f"Training starts after epoch {trainer.current_epoch}, but {recorded(self.recorder)}. Resume from "
                f"another checkpoint, call recorder.rewind({trainer.current_epoch}), or give a new recorder."
            )

        if self.recorder.capture == "end":
            with undisturbed_randomness():
                batch = next(iter(self._passes_over(trainer)), None)
            if batch is not None:
                ids, _, gold = self._unpack(batch)
                as_ids(ids)
                as_whole("gold", gold)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.recorder.capture != "during":
            return
        if not isinstance(outputs, Mapping) or "logits" not in outputs:
            raise ConfigError(
                "With capture='during', training_step must return {'loss': loss, 'logits': logits}; "
                "or record with capture='end'."
            )
        ids, _, gold = self._unpack(batch)
        self.recorder.record(ids, outputs["logits"], gold)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_last_batch:  # stopped by max_steps, or by another callback
            logger.warning("Training stopped within epoch %d; its logits are not recorded.", self.recorder.n_epochs)
            self.recorder.rewind(self.recorder.n_epochs)
            return
        if self.recorder.capture == "end":
            self._record_all(trainer, pl_module)
        self.recorder.end_epoch()

    def _record_all(self, trainer: Trainer, pl_module: LightningModule) -> None:
        with without_dropout(pl_module):
            for batch in self._passes_over(trainer):
                ids, inputs, gold = self._unpack(trainer.strategy.batch_to_device(batch))
                self.recorder.record(ids, logits_of(pl_module(inputs)), gold)

    def _passes_over(self, trainer: Trainer) -> DataLoader[Any]:
        """Batches of the training dataset in order."""
        loader = trainer.train_dataloader
        if not isinstance(loader, DataLoader):
            raise ConfigError(
                f"The pass at the end of an epoch needs one DataLoader, not {type(loader).__name__}; "
                "record with capture='during'."
            )
        return in_order(loader.dataset, loader.batch_size or 32, loader.collate_fn)


def _three(batch: Any) -> tuple[Any, Any, Any]:
    if not isinstance(batch, list | tuple) or len(batch) != 3:
        raise ConfigError(
            f"A batch is {type(batch).__name__}, not (ids, inputs, gold classes); give a function that splits it: "
            "DynamicsLightningCallback(recorder, unpack=...)."
        )
    return batch[0], batch[1], batch[2]
