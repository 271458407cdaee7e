"""Named random streams: one per (seed, purpose, round), whatever else runs beside it.

Every strategy of a seed reads the same streams, so strategies are compared on the same seed set,
initial weights, shuffles and dropout masks, and adding a strategy never changes another's curve.
Draws are made on the CPU and moved, so that every device sees the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def stream(seed: int, purpose: str, round: int = 0) -> torch.Generator:
    """The random generator of one purpose in one round of one seed.

    Example:
        >>> first, again = stream(7, "shuffle", 3), stream(7, "shuffle", 3)
        >>> bool((torch.rand(5, generator=first) == torch.rand(5, generator=again)).all())
        True
        >>> float(torch.rand(1, generator=stream(7, "init", 3))) == float(torch.rand(1, generator=stream(7, "ties", 3)))
        False
    """
    key = hashlib.blake2b(f"{seed}/{purpose}/{round}".encode(), digest_size=8).digest()
    generator = torch.Generator()
    generator.manual_seed(int.from_bytes(key, "little") >> 1)  # manual_seed takes 63 bits
    return generator


class Streams:
    """The streams of several runs of one round, drawn side by side.

    Runs of one seed share their draws, so each draw is made once per distinct seed.

    Args:
        seeds: seed of each run.
        round: the active-learning round.
        device: where the draws are put.

    Example:
        >>> draws = Streams([1, 2, 1], round=0).uniform("ties", 4)
        >>> tuple(draws.shape), bool((draws[0] == draws[2]).all()), bool((draws[0] == draws[1]).all())
        ((3, 4), True, False)
    """

    def __init__(self, seeds: Sequence[int], round: int, device: torch.device | str = "cpu") -> None:
        self.seeds = list(seeds)
        self.round = round
        self.device = torch.device(device)
        self._distinct = list(dict.fromkeys(self.seeds))
        self._row = torch.tensor([self._distinct.index(seed) for seed in self.seeds])

    def __getitem__(self, rows: Sequence[int]) -> Streams:
        """The streams of some of the runs."""
        return Streams([self.seeds[row] for row in rows], self.round, self.device)

    def start(self, purpose: str) -> Draws:
        """A sequence of draws for one purpose; starting again repeats it."""
        return Draws([stream(seed, purpose, self.round) for seed in self._distinct], self._row, self.device)

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        """(run, *shape) numbers in [0, 1): the first draw of the purpose."""
        return self.start(purpose).uniform(*shape)


class Draws:
    """Successive draws of one purpose, a row per run."""

    def __init__(self, generators: list[torch.Generator], row: Tensor, device: torch.device) -> None:
        self._generators, self._row, self._device = generators, row, device

    def _stack(self, draws: list[Tensor]) -> Tensor:
        if len(draws) == 1:
            return draws[0].to(self._device).expand(len(self._row), *draws[0].shape)
        return torch.stack(draws).to(self._device)[self._row.to(self._device)]  # each seed travels once

    def uniform(self, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        """(run, *shape) numbers in [0, 1)."""
        return self._stack([torch.rand(shape, generator=g, dtype=dtype) for g in self._generators])

    def permutation(self, n: int) -> Tensor:
        """(run, n) shuffled positions 0 ... n - 1."""
        return self._stack([torch.randperm(n, generator=g) for g in self._generators])

    def keep(self, probability: float, *shape: int) -> Tensor:
        """(run, *shape) booleans, true with the given probability in steps of 2^-16: dropout masks."""
        n = int(torch.Size(shape).numel())
        highest = max(round(probability * 65536), 1) - 32769  # of 16 bits, so that keeping all does not overflow
        masks = []
        for generator in self._generators:  # one 64-bit draw makes four 16-bit ones
            words = torch.empty((n + 3) // 4, dtype=torch.int64).random_(-(2**63), None, generator=generator)
            masks.append((words.view(torch.int16)[:n] <= highest).view(shape))
        return self._stack(masks)
