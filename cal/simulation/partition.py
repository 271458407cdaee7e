"""Who is labelled, since which round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cal.errors import ConfigError
from cal.streams import stream


class Partition:
    """Labelled and unlabelled instances of several runs.

    All runs have as many labelled instances as each other, so an index of them is a dense matrix.

    Attributes:
        acquired_at: (run, instance): -1 unlabelled, 0 in the seed set, k acquired in round k.

    Example:
        >>> partition = Partition([[4, 1]], n_instances=5)
        >>> partition.acquire([0], torch.tensor([[0]]), round=1)
        >>> partition.acquired_at.tolist(), partition.labelled().tolist(), partition.candidates().tolist()
        ([[1, 0, -1, -1, 0]], [[0, 1, 4]], [[2, 3]])
    """

    def __init__(
        self, seed_sets: Sequence[Sequence[int]], n_instances: int, device: torch.device | str = "cpu"
    ) -> None:
        self.acquired_at = torch.full((len(seed_sets), n_instances), -1, dtype=torch.int32, device=device)
        self.acquire(range(len(seed_sets)), torch.tensor(seed_sets, device=device), round=0)

    def labelled(self) -> Tensor:
        """(run, labelled) instances, ascending."""
        return _dense(self.acquired_at >= 0)

    def candidates(self) -> Tensor:
        """(run, candidate) instances, ascending."""
        return _dense(self.acquired_at < 0)

    def acquire(self, runs: Sequence[int], instances: Tensor, round: int) -> None:
        """Labels (run, n) instances of some runs."""
        for run, chosen in zip(runs, instances, strict=True):
            self.acquired_at[run, chosen] = round


def _dense(chosen: Tensor) -> Tensor:
    return chosen.nonzero()[:, 1].view(len(chosen), -1)


def seed_set(gold: np.ndarray, size: int, seed: int, label_names: Sequence[str]) -> list[int]:
    """A stratified seed set: classes in the shares they have, and each at least once.

    Args:
        gold: (instance,) gold classes.
        size: how many instances.
        seed: of the run.
        label_names: name of each class, for the error.

    Returns:
        The chosen instances, ascending.

    Raises:
        ConfigError: if the size does not allow every class once, or leaves no candidate.

    Example:
        >>> seed_set(np.array([0] * 90 + [1] * 9 + [2]), 10, seed=7, label_names="abc")[-1]
        99
    """
    counts = np.bincount(gold, minlength=len(label_names))
    present = np.flatnonzero(counts)
    if size < len(present):
        listing = ", ".join(f"{label_names[label]} ({counts[label]})" for label in present.tolist())
        raise ConfigError(
            f"seed_size is {size}, too small for one document of each of the {len(present)} classes: {listing}. "
            f"Give seed_size={len(present)} or more."
        )
    if size >= len(gold):
        raise ConfigError(f"seed_size is {size}, but there are {len(gold)} documents; leave some for the pool.")
    draws = torch.rand(len(gold), generator=stream(seed, "seed_set"), dtype=torch.float64).numpy()
    chosen: list[int] = []
    for label, n in zip(present, _quotas(counts[present], size), strict=True):
        members = np.flatnonzero(gold == label)
        chosen += members[draws[members].argsort()[:n]].tolist()
    return sorted(chosen)


def _quotas(counts: np.ndarray, size: int) -> np.ndarray:
    """`size` split in proportion to counts by largest remainder, every quota between 1 and its count."""
    exact = counts * size / counts.sum()
    quotas = np.maximum(1, np.floor(exact)).astype(int)
    while quotas.sum() != size:
        step = 1 if quotas.sum() < size else -1
        room = quotas < counts if step > 0 else quotas > 1
        quotas[np.argmax(np.where(room, step * (exact - quotas), -np.inf))] += step
    return quotas
