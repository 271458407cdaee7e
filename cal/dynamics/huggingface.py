"""Hugging Face Trainer: a callback that records, and the collator that keeps ids on the way to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cal.checks import refuse
from cal.dynamics.end_pass import accepted_names, in_order, logits_of, moved, without_dropout
from cal.dynamics.recorder import DynamicsRecorder
from cal.errors import DataError, missing_package

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, default_data_collator
except ImportError as error:
    raise ImportError(missing_package("cal.dynamics.huggingface", "transformers", extra="transformers")) from error

logger = logging.getLogger(__name__)

_KEY = "cal_recorded"  # under which ids and gold travel in a batch, up to the model's door


class IdCollator:
    """Makes a batch with another collator, and ids and gold classes beside it.

    It also does what `remove_unused_columns` asks for, because the Trainer would remove the ids.

    Args:
        collator: makes batches of features without ids.
        id_column: of the dataset.
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

    The dataset needs a column of ids, and the Trainer needs both this callback and its `collator`. With a
    recorder of capture `during`, logits are taken from the training pass; with `end`, from a pass over the
    dataset without dropout after each epoch, which changes nothing in training.

    Args:
        recorder: takes the logits.
        collator: makes batches, such as `DataCollatorWithPadding`; None is the Trainer's for features of equal length.
        id_column: of the training dataset; strings or whole numbers.

    Attributes:
        collator: to be given to the Trainer as its `data_collator`.

    Example:
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
        recorder: DynamicsRecorder,
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
            args.remove_unused_columns = False  # the collator does it, after it has seen the ids

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        problems = []
        if kwargs["train_dataloader"].collate_fn is not self.collator or args.remove_unused_columns:
            problems.append(
                "Give the Trainer the callback and its collator when it is made: "
                "Trainer(..., data_collator=callback.collator, callbacks=[callback])."
            )
        if args.n_gpu > 1:
            problems.append("One process on several GPUs mixes ids up; start a process per GPU with torchrun.")
        if (n_trained := int(state.epoch or 0)) != self.recorder.n_epochs:
            problems.append(
                f"Training starts after epoch {n_trained}, and {self.recorder.n_epochs} epochs are recorded. "
                f"Resume from another checkpoint, call recorder.rewind({n_trained}), or give a new recorder."
            )
        if self.recorder.capture == "during" and _within_epoch(state):
            problems.append(
                f"Training resumes within epoch {n_trained}, after some of its batches. Resume from a checkpoint made "
                "at the end of an epoch (save_strategy='epoch'), or record with capture='end'."
            )
        refuse(problems)
        self._remove_hooks()  # of a training that failed
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

    def _record_all(self, model: nn.Module, dataset: Any, args: TrainingArguments) -> None:
        self.collator.recording = True
        with without_dropout(model):
            for batch in in_order(dataset, args.per_device_eval_batch_size, self.collator):
                self._batch = batch.pop(_KEY, None)
                batch.pop("labels", None)  # no loss is needed
                self._take_logits(model, (), model(**moved(batch, args.device)))
        self.collator.recording = False

    def _take_ids(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Takes ids and gold out of a batch before the model sees it."""
        self._batch = kwargs.get(_KEY)
        return args, {name: value for name, value in kwargs.items() if name != _KEY}

    def _take_logits(self, model: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if self._hooks and not model.training:  # an evaluation within training
            return
        if self._batch is None or self._batch["gold"] is None:
            raise DataError(
                f"A training batch came without ids or without labels. The dataset needs the columns "
                f"'{self.collator.id_column}' and 'labels' (or name the first with id_column=)."
            )
        self.recorder.record(self._batch["ids"], logits_of(output), self._batch["gold"])

    def _remove_hooks(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks, self.collator.recording = [], False


def _within_epoch(state: TrainerState) -> bool:
    epoch = state.epoch or 0
    return abs(epoch - round(epoch)) > 1e-6
