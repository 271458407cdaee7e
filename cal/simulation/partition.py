"""Partition: which instances are labelled, and since which round."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_UNLABELLED, _ASIDE = -1, -2


class Partition:
    """Labelled and unlabelled instances of several runs.

    All runs have the same number of labelled instances, so their index is a dense matrix.

    Args:
        seed_sets: instances of the seed set of each run.
        n_instances: size of the train split.
        device: device of the tensors.
        aside: instances of each run to set aside.

    Attributes:
        acquired_at: (run, instance) round in which an instance was acquired, 0 for the seed set; -1 if unlabelled,
            -2 if set aside, which is neither labelled nor a candidate.

    Example:
        >>> partition = Partition([[4, 1]], n_instances=5)
        >>> partition.acquire([0], torch.tensor([[0]]), round=1)
        >>> partition.acquired_at.tolist(), partition.labelled().tolist(), partition.candidates().tolist()
        ([[1, 0, -1, -1, 0]], [[0, 1, 4]], [[2, 3]])
    """

    def __init__(
        self,
        seed_sets: Sequence[Sequence[int]],
        n_instances: int,
        device: torch.device | str = "cpu",
        aside: Sequence[Sequence[int]] = (),
    ) -> None:
        self.acquired_at = torch.full((len(seed_sets), n_instances), _UNLABELLED, dtype=torch.int32, device=device)
        self.acquire(range(len(seed_sets)), torch.tensor(seed_sets, device=device), round=0)
        for run, instances in enumerate(aside):
            self.acquired_at[run, list(instances)] = _ASIDE

    def labelled(self) -> Tensor:
        """(run, labelled) labelled instances, ascending."""
        return _dense(self.acquired_at >= 0)

    def candidates(self) -> Tensor:
        """(run, candidate) unlabelled instances, ascending."""
        return _dense(self.acquired_at == _UNLABELLED)

    def acquire(self, runs: Sequence[int], instances: Tensor, round: int) -> None:
        """Marks (run, n) instances of some runs as acquired in a round."""
        for run, chosen in zip(runs, instances, strict=True):
            self.acquired_at[run, chosen] = round


def _dense(chosen: Tensor) -> Tensor:
    return chosen.nonzero(as_tuple=True)[1].view(len(chosen), -1)
