"""Compute: runs in blocks that fit a GPU's memory, or tasks in processes of one thread each."""

from __future__ import annotations

import atexit
import logging
import math
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor, process_executor, set_loky_pickler
from joblib.externals.loky.process_executor import TerminatedWorkerError

from cal.checks import known_name
from cal.errors import ConfigError, LearnerError, WorkerError
from cal.registry import said
from cal.scratch import array_folder, scratch_folder
from cal.threads import one_thread
from cal.watchdog import end_with

logger = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
_USABLE = 0.8  # of a GPU's free memory


def fitting_blocks(runs: Sequence[T], bytes_per_run: int) -> list[list[T]]:
    """Runs in blocks of about equal size, each small enough for the free memory of the GPU."""
    torch.cuda.empty_cache()  # memory that PyTorch keeps for later is free, too
    free, _ = torch.cuda.mem_get_info()
    n_blocks = -(-len(runs) // max(int(_USABLE * free / bytes_per_run), 1))
    if n_blocks > 1:
        logger.warning(
            "A run needs about %.1f GB and the GPU has %.1f GB free: %d runs train in %d blocks.",
            bytes_per_run / 1e9,
            free / 1e9,
            len(runs),
            n_blocks,
        )
    size = -(-len(runs) // max(n_blocks, 1))
    return [list(runs[start : start + size]) for start in range(0, len(runs), size)] if runs else []


def in_halves(task: Callable[[list[T]], R], block: list[T]) -> Iterator[tuple[list[T], R]]:
    """The result of a task on a block or, if the GPU runs out of memory, on each half of it.

    Raises:
        WorkerError: if memory runs out with a block of one run.
    """
    try:
        result = task(block)
    except torch.OutOfMemoryError as error:
        if len(block) == 1:
            raise WorkerError(
                "The GPU has too little memory for one run. Finished rounds of a simulation are kept. Free some of its "
                "memory and rerun the command, or start again with device=cpu."
            ) from error
    else:
        yield block, result
        return
    logger.warning("The GPU ran out of memory with %d runs in a block; they continue in two halves.", len(block))
    torch.cuda.empty_cache()
    half = len(block) // 2
    for part in (block[:half], block[half:]):
        yield from in_halves(task, part)


def in_processes(task: Callable[..., T], arguments: Sequence[tuple[Any, ...]], n_workers: int) -> Iterator[T]:
    """The results of a task for each tuple of arguments, in order, from processes of one thread each.

    Args:
        task: function that can be pickled.
        arguments: arguments of each call.
        n_workers: number of processes; with 1, tasks run in this one.

    Raises:
        WorkerError: if a process was killed.
    """
    if n_workers == 1:
        for given in arguments:
            yield with_one_thread(task, *given)
        return
    set_loky_pickler()  # importing deepsig sets dill, which cannot pickle memory maps
    watched = os.getpid(), threading.current_thread() is threading.main_thread()
    started = {"initializer": end_with, "initargs": watched, "temp_folder": str(_arrays(os.getpid()))}
    with parallel_config("loky", n_jobs=n_workers, inner_max_num_threads=1, **started):
        # No more tasks at once than loky's queue holds: its thread would complain about others when interrupted.
        pool = Parallel(batch_size=1, pre_dispatch="2*n_jobs", return_as="generator")
        try:
            yield from pool(delayed(_in_worker)(task, *given) for given in arguments)
        except TerminatedWorkerError as error:
            raise WorkerError(
                "A worker process was killed, perhaps for lack of memory. What is finished is kept. Rerun the command "
                "to resume, with workers=1 if memory is short."
            ) from error


def end_workers() -> None:
    """Ends the idle processes of `in_processes`, which would hold memory for some minutes."""
    get_reusable_executor().shutdown(wait=True)


@cache
def _arrays(process: int) -> Path:
    """The folder of the arrays that a process shares with its workers, until it ends."""
    folders = ExitStack()
    atexit.register(folders.close)
    return folders.enter_context(scratch_folder(array_folder()))


def _in_worker(task: Callable[..., T], *given: Any) -> T:
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # of NumPy, which would reach the terminal
    # A worker keeps a pretrained model on purpose; loky would take it for a leak and start another worker.
    process_executor._MAX_MEMORY_LEAK_SIZE = math.inf
    return with_one_thread(task, *given)


def with_one_thread(task: Callable[..., T], *given: Any) -> T:
    """The result of a task, with one thread and no denormal numbers, as every training has."""
    with one_thread(), _without_denormals():
        try:
            return task(*given)
        except SystemExit as error:  # it would end the command as if all were well
            raise LearnerError(
                f"A training would end the program: {said(error)}. Raise an error there instead."
            ) from error


@contextmanager
def _without_denormals() -> Iterator[None]:
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def resolve_device(device: str | torch.device, uses_gpu: bool = True) -> str:
    """The device, with `auto` made cpu or cuda.

    Args:
        device: `cpu`, `cuda` or `auto`, or one of PyTorch's.
        uses_gpu: whether the learner can train on a GPU.

    Raises:
        ConfigError: if there is no such device here, or the learner cannot use it.
    """
    if isinstance(device, torch.device):
        device = device.type if device.index in (None, 0) else str(device)
    known_name("device", device, ["auto", "cpu", "cuda"], "CUDA_VISIBLE_DEVICES chooses among several GPUs.")
    if device == "cuda" and not uses_gpu:
        raise ConfigError("device=cuda, but this learner trains on CPUs only. Give device=cpu or device=auto.")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda, but PyTorch finds no GPU here. Give device=cpu or device=auto.")
    return ("cuda" if uses_gpu and torch.cuda.is_available() else "cpu") if device == "auto" else device
