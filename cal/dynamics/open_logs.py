"""Logs of every kind, opened alike: files of JSON lines, the folder of a recorder, and folds of either."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import orjson
import pandas as pd

from cal.dynamics.find_logs import folds_in, is_store, log_folder
from cal.dynamics.ids import few
from cal.dynamics.jsonl import epoch_of
from cal.dynamics.log_options import LogOptions
from cal.dynamics.logs import Logs
from cal.dynamics.scale import Scale, described, in_logits
from cal.dynamics.store import LogStore
from cal.errors import DataError, quantity
from cal.text_files import utf8_lines

logger = logging.getLogger(__name__)


def open_logs(folder: Path | str, options: LogOptions | None = None) -> LogStore:
    """The logs in a folder of a `DynamicsRecorder`, or of files `dynamics_epoch_0.jsonl` and so on.

    A folder of folders `fold_0`, `fold_1` and so on gives the instances of all folds.

    Raises:
        DataError: if there are no logs, or faulty ones.
        StorageError: if the folder of a recorder is damaged.
    """
    logs = logs_in(folder, options or LogOptions())
    return logs.to_store() if isinstance(logs, Logs) else logs


def logs_in(folder: Path | str, options: LogOptions) -> LogStore | Logs:
    """Logs as by `open_logs`, but those in files of JSON lines are read when they are asked for, epoch by epoch."""
    store = _opened(folder, options)
    if options.label_names is not None and len(options.label_names) != store.n_classes:
        raise DataError(
            f"{folder}: {len(options.label_names)} label_names for logits of {store.n_classes} classes. Give a name "
            "for each logit, in their order."
        )
    return store


def _opened(folder: Path | str, options: LogOptions) -> LogStore | Logs:
    if folds := folds_in(folder):
        return _joined({path: open_logs(path, options) for path in folds})
    if not is_store(folder):
        return Logs(folder, **vars(options))
    return _of_recorder(log_folder(folder), options)


def gold_is_named(folder: Path | str) -> bool:
    """Whether the first line of the first log has a name as its gold label."""
    inner = next(iter(folds_in(folder)), log_folder(folder))
    logs = sorted((epoch_of(path), path) for path in inner.iterdir() if epoch_of(path) is not None)
    if is_store(inner) or not logs:
        return False
    with utf8_lines(logs[0][1]) as lines:
        try:
            row = orjson.loads(next(line for line in lines if line.strip()))
        except (StopIteration, orjson.JSONDecodeError):
            return False
    return isinstance(row, dict) and isinstance(row.get("gold"), str)


def doubtful_scale(store: LogStore) -> tuple[str, str] | None:
    """What is wrong with the scale of recorded values, and what to do; None if they may be logits."""
    scale = Scale()
    for logits in store:
        scale.add(logits)
        if scale.is_settled or scale.kind:
            break
    return described(scale.kind) if scale.kind else None


def _of_recorder(folder: Path, options: LogOptions) -> LogStore:
    store = LogStore(folder, on_missing=options.on_missing)
    chosen = options.chosen(range(store.n_epochs), folder)
    if options.values is None and (doubt := doubtful_scale(store)):
        raise DataError(f"{folder}: {doubt[0]}. {doubt[1]}")
    if len(chosen) == store.n_epochs and options.values != "probabilities":
        return store
    epochs = [store[epoch] for epoch in chosen]
    there = ~np.isnan(np.stack([logits[:, 0] for logits in epochs])).all(axis=0)
    read = LogStore(None, store.capture, options.on_missing)
    for epoch, logits in zip(chosen, epochs, strict=True):
        rows = in_logits(logits[there], options.values or "logits", f"{folder}, epoch {epoch}: ")
        read.append(store.ids[there], store.gold[there], rows)
    return read


def _joined(folds: Mapping[Path, LogStore]) -> LogStore:
    """The logs of folds that have different instances, as one."""
    paths, stores = list(folds), list(folds.values())
    about = f"{paths[0].parent}: its folds"
    one = f"Read one of them: {paths[0]}."
    sizes = {path.name: store.n_epochs for path, store in folds.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} has {quantity(n, 'epoch')}" for name, n in sizes.items())
        raise DataError(f"{about} differ: {told}. burn_out={min(sizes.values())} reads equally many. {one}")
    for what, values in (
        ("numbers of classes", [store.n_classes for store in stores]),
        ("kinds of ids", [store.ids.dtype for store in stores]),
        ("captures", [store.capture for store in stores]),
    ):
        if len(set(values)) > 1:
            raise DataError(f"{about} have different {what}: {', '.join(map(str, values))}. {one}")
    ids = np.concatenate([store.ids for store in stores])
    if (again := pd.Index(ids).duplicated()).any():
        raise DataError(
            f"{about} share {quantity(int(again.sum()), 'instance')}, such as {few(ids[again], 1)}: folds are joined "
            f"if each instance is in one, the fold that held it out. {one}"
        )
    gold = np.concatenate([store.gold for store in stores])
    joined = LogStore(None, stores[0].capture, stores[0].on_missing)
    for logits in zip(*stores, strict=True):
        joined.append(ids, gold, np.concatenate(logits))
    logger.warning("%s: %s joined.", paths[0].parent, quantity(len(paths), "fold"))
    return joined
