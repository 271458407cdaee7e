"""Hugging Face Trainer: a callback that records, and a collator that brings it the ids."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cal.arrays import as_whole
from cal.checks import refuse
from cal.dynamics.end_pass import (
    accepted_names,
    in_order,
    logits_of,
    moved,
    undisturbed_randomness,
    without_dropout,
)
from cal.dynamics.ids import ID_NAMES, as_ids
from cal.dynamics.recorder import Recorder, recorded
from cal.errors import DataError, missing_package

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, default_data_collator
except ImportError as error:
    raise ImportError(missing_package("cal.dynamics.huggingface", "transformers", extra="transformers")) from error

logger = logging.getLogger(__name__)

_KEY = "cal_recorded"  # key of ids and gold classes in a batch, until the model is called


class IdCollator:
    """Makes batches with another collator, and adds ids and gold classes.

    It also does the work of `remove_unused_columns`, because the Trainer would remove the ids.

    Args:
        collator: collator for features without ids.
        id_column: column of ids in the dataset.
    """

    def __init__(self, collator: Callable[[list[Any]], Any], id_column: str) -> None:
        self.collator, self.id_column = collator, id_column
        self.keeps: frozenset[str] | None = None
        self.recording = False

    def __call__(self, features: list[Any]) -> dict[str, Any]:
        kept = [
            {name: value for name, value in feature.items() if name != self.id_column and self._keeps(name)}
            for feature in features
        ]
        batch = dict(self.collator(kept))
        if self.recording and self.id_column in features[0]:
            ids = [feature[self.id_column] for feature in features]
            ids = [instance_id.item() if isinstance(instance_id, Tensor) else instance_id for instance_id in ids]
            batch[_KEY] = {"ids": ids, "gold": batch.get("labels")}
        return batch

    def _keeps(self, name: str) -> bool:
        return self.keeps is None or name in self.keeps or name in ("label", "label_ids")


class DynamicsCallback(TrainerCallback):
    """Records training dynamics while a Hugging Face Trainer trains a classifier.

    The dataset needs a column of ids, and the Trainer needs both this callback and its `collator`. If the recorder's
    capture is `during`, logits come from the training pass; if it is `end`, from a pass over the dataset without
    dropout after each epoch, which does not affect training.

    Args:
        recorder: recorder of the logits.
        collator: collator that makes batches, such as `DataCollatorWithPadding`; None is the Trainer's default for
            features of equal length.
        id_column: column of the training dataset with ids, strings or whole numbers.

    Attributes:
        collator: collator for the Trainer's `data_collator`.

    Example:
        >>> from cal.dynamics.recorder import DynamicsRecorder
        >>> import datasets, tempfile, torch, transformers
        >>> texts = {"input_ids": [[1, 2], [3, 2], [1, 4], [3, 4]], "labels": [0, 1, 0, 1], "id": list("abcd")}
        >>> config = transformers.BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1,
        ...     num_attention_heads=1, intermediate_size=8)
        >>> model = transformers.BertForSequenceClassification(config)
        >>> recording = DynamicsCallback(DynamicsRecorder())
        >>> args = transformers.TrainingArguments(tempfile.mkdtemp(), num_train_epochs=2, report_to="none",
        ...     disable_tqdm=True, save_strategy="no", logging_strategy="no", use_cpu=True, dataloader_pin_memory=False)
        >>> trainer = transformers.Trainer(model, args, train_dataset=datasets.Dataset.from_dict(texts),
        ...     data_collator=recording.collator, callbacks=[recording])
        >>> trainer.remove_callback(transformers.PrinterCallback)
        >>> _ = trainer.train()
        >>> recording.recorder.data_map().to_frame()["id"].tolist()
        ['a', 'b', 'c', 'd']
    """

    def __init__(
        self,
        recorder: Recorder,
        collator: Callable[[list[Any]], Any] | None = None,
        id_column: str = "id",
    ) -> None:
        self.recorder = recorder
        self.collator = IdCollator(collator or default_data_collator, id_column)
        self._hooks: list[RemovableHandle] = []
        self._batch: Mapping[str, Any] | None = None

    def on_init_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if args.remove_unused_columns and kwargs["model"] is not None:
            self.collator.keeps = accepted_names(kwargs["model"])
            args.remove_unused_columns = False  # the collator does it after reading the ids

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        problems = []
        if kwargs["train_dataloader"].collate_fn is not self.collator or args.remove_unused_columns:
            problems.append(
                "Create the Trainer with the callback and its collator: "
                "Trainer(..., data_collator=callback.collator, callbacks=[callback])."
            )
        if args.n_gpu > 1:
            problems.append("One process on several GPUs mixes up ids; start a process per GPU with torchrun.")
        if (n_trained := int(state.epoch or 0)) != self.recorder.n_epochs:
            problems.append(
                f"Training starts after epoch {n_trained}, but {recorded(self.recorder)}. "
                f"Resume from another checkpoint, call recorder.rewind({n_trained}), or give a new recorder."
            )
        if self.recorder.capture == "during" and _within_epoch(state):
            problems.append(
                f"Training resumes within epoch {n_trained}, after some of its batches. Resume from a checkpoint saved "
                "at the end of an epoch (save_strategy='epoch'), or record with capture='end'."
            )
        refuse(problems)
        self._look_at(kwargs["train_dataloader"].dataset, args)
        self._remove_hooks()  # left by a training that failed
        if self.recorder.capture == "during":
            self.collator.recording = True
            model: nn.Module = kwargs["model"]
            self._hooks = [
                model.register_forward_pre_hook(self._take_ids, with_kwargs=True),
                model.register_forward_hook(self._take_logits),
            ]

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if _within_epoch(state):  # stopped by max_steps, or by another callback
            logger.warning("Training stopped within epoch %d; its logits are not recorded.", self.recorder.n_epochs)
            self.recorder.rewind(self.recorder.n_epochs)
            return
        if self.recorder.capture == "end":
            self._record_all(kwargs["model"], kwargs["train_dataloader"].dataset, args)
        self.recorder.end_epoch()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._remove_hooks()

    def _look_at(self, dataset: Any, args: TrainingArguments) -> None:
        """Refuses a dataset without ids or labels before the training, not after its first epoch."""
        if self.recorder.capture == "end":
            in_order(dataset, args.per_device_eval_batch_size, self.collator)  # refuses one without a length
        with undisturbed_randomness():
            try:
                item = dataset[0]
                self.collator.recording = True
                batch = self.collator([item]).get(_KEY)
            except Exception:  # some datasets are only read in order, and some collators need whole batches
                return
            finally:
                self.collator.recording = False
        if batch is None or batch["gold"] is None:
            raise self._unidentified(list(map(str, item)) if isinstance(item, Mapping) else [])
        as_ids(batch["ids"])
        as_whole("labels", batch["gold"])

    def _unidentified(self, columns: Sequence[str] = ()) -> DataError:
        name = self.collator.id_column
        likely = [column for column in columns if column.lower() in ID_NAMES and column != name]
        example = f"id_column={likely[0]!r}" if likely and name not in columns else "id_column="
        there = f" It has {', '.join(columns)}." if columns else ""
        return DataError(
            f"A training batch has no ids or no labels. The dataset needs the columns '{name}' and 'labels'; "
            f"{example} names another column of ids.{there}"
        )

    def _record_all(self, model: nn.Module, dataset: Any, args: TrainingArguments) -> None:
        self.collator.recording = True
        with without_dropout(model):
            for batch in in_order(dataset, args.per_device_eval_batch_size, self.collator):
                self._batch = batch.pop(_KEY, None)
                batch.pop("labels", None)  # the loss is not needed
                self._take_logits(model, (), model(**moved(batch, args.device)))
        self.collator.recording = False

    def _take_ids(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Removes ids and gold classes from a batch before the model gets it."""
        self._batch = kwargs.get(_KEY)
        return args, {name: value for name, value in kwargs.items() if name != _KEY}

    def _take_logits(self, model: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if self._hooks and not model.training:  # an evaluation within training
            return
        if self._batch is None or self._batch["gold"] is None:
            raise self._unidentified()
        self.recorder.record(self._batch["ids"], logits_of(output), self._batch["gold"])

    def _remove_hooks(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks, self.collator.recording = [], False


def _within_epoch(state: TrainerState) -> bool:
    epoch = state.epoch or 0
    return abs(epoch - round(epoch)) > 1e-6
