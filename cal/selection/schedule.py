"""Schedules: PyTorch samplers that show easy instances first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Sampler

from cal.arguments import check_arguments
from cal.arrays import as_classes
from cal.checks import refuse, whole_numbers
from cal.dynamics.data_map import DataMap
from cal.errors import ConfigError
from cal.streams import stream


def easy_to_hard(data_map: DataMap, metric: str = "confidence") -> np.ndarray:
    """(instance,) positions, easiest first: the reverse of the metric's most valuable first.

    With variability, unambiguous instances come first; with first_learnt, those learnt early.

    Raises:
        UnknownNameError: if the metric does not exist.
        AnalysisError: if the map has several runs.

    Example:
        >>> from cal.dynamics.training_dynamics import TrainingDynamics
        >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0], [3.0, 0.0]]])  # (epoch, instance, class)
        >>> data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0, 0])))
        >>> easy_to_hard(data_map).tolist()
        [2, 0, 1]
    """
    check_arguments(easy_to_hard, locals())
    return data_map.ranking(metric, worst=True)


class _Buckets(Sampler[int]):
    """An order split into buckets that are shuffled inside; subclasses choose the buckets of an epoch.

    Args:
        order: positions in the data set, easiest first, as from `easy_to_hard`.
        n_buckets: number of buckets, of nearly equal size.
        seed: seed of the shuffles.

    Raises:
        ConfigError: if there are more buckets than positions, or a number is out of range.
    """

    def __init__(self, order: Sequence[int] | np.ndarray, n_buckets: int, seed: int) -> None:
        refuse(whole_numbers(n_buckets=n_buckets) + whole_numbers(0, seed=seed))
        positions = as_classes("order", order, error=ConfigError)
        if n_buckets > len(positions):
            raise ConfigError(f"n_buckets is {n_buckets}, but there are only {len(positions)} instances.")
        self.buckets = np.array_split(positions, n_buckets)
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Sets the next epoch, counted from 0; if never called, every epoch is the first."""
        refuse(whole_numbers(0, epoch=epoch))
        self.epoch = epoch

    def _shuffled(self, buckets: Sequence[np.ndarray]) -> Iterator[int]:
        """The positions of some buckets, one bucket after another."""
        generator = stream(self.seed, "schedule", self.epoch)
        for bucket in buckets:
            yield from bucket[torch.randperm(len(bucket), generator=generator).numpy()].tolist()


class EasyToHard(_Buckets):
    """Goes through all instances from easy to hard in every epoch, bucket by bucket.

    Args:
        order: positions in the data set, easiest first, as from `easy_to_hard`.
        n_buckets: number of buckets, shuffled inside; one per instance keeps the order.
        seed: seed of the shuffles.

    References:
        Curriculum Learning (Bengio et al., 2009), https://doi.org/10.1145/1553374.1553380

    Example:
        >>> from torch.utils.data import DataLoader
        >>> sampler = EasyToHard([2, 0, 1, 3], n_buckets=4)
        >>> [batch.tolist() for batch in DataLoader(torch.arange(10, 14), batch_size=2, sampler=sampler)]
        [[12, 10], [11, 13]]
    """

    def __init__(self, order: Sequence[int] | np.ndarray, n_buckets: int = 10, seed: int = 0) -> None:
        super().__init__(order, n_buckets, seed)

    def __iter__(self) -> Iterator[int]:
        return self._shuffled(self.buckets)

    def __len__(self) -> int:
        return sum(map(len, self.buckets))


class SelfPaced(_Buckets):
    """Starts with the easiest bucket and adds the next one in each stage.

    Args:
        order: positions in the data set, easiest first, as from `easy_to_hard`.
        n_buckets: number of buckets, and of stages.
        epochs_per_stage: number of epochs before the next bucket is added.
        seed: seed of the shuffles.

    References:
        Self-Paced Learning for Latent Variable Models (Kumar et al., 2010)
        https://papers.nips.cc/paper/2010/hash/e57c6b956a6521b28495f2886ca0977a-Abstract.html

    Example:
        >>> sampler = SelfPaced([2, 0, 1, 3], n_buckets=2)
        >>> for epoch in range(3):
        ...     sampler.set_epoch(epoch)
        ...     print(len(sampler), sorted(sampler))
        2 [0, 2]
        4 [0, 1, 2, 3]
        4 [0, 1, 2, 3]
    """

    def __init__(
        self, order: Sequence[int] | np.ndarray, n_buckets: int = 5, epochs_per_stage: int = 1, seed: int = 0
    ) -> None:
        refuse(whole_numbers(epochs_per_stage=epochs_per_stage))
        super().__init__(order, n_buckets, seed)
        self.epochs_per_stage = epochs_per_stage

    def __iter__(self) -> Iterator[int]:
        return self._shuffled([np.concatenate(self._seen())])

    def __len__(self) -> int:
        return sum(map(len, self._seen()))

    def _seen(self) -> list[np.ndarray]:
        return self.buckets[: self.epoch // self.epochs_per_stage + 1]
