"""Named random streams: one per (seed, purpose, round), independent of everything else that runs.

All strategies with the same seed use the same streams. They are therefore compared on the same seed set, initial
weights, shuffles and dropout masks, and adding a strategy never changes the curve of another. Each draw is a function
of its position in the stream and is computed where it is used, so a CPU and a GPU get the same numbers and nothing is
copied between them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor


def stream(seed: int, purpose: str, round: int = 0) -> torch.Generator:
    """A random generator on the CPU for one purpose, seed and round.

    Args:
        seed: seed of the run.
        purpose: what is drawn, such as "shuffle".
        round: active-learning round.

    Example:
        >>> first, again = stream(7, "shuffle", 3), stream(7, "shuffle", 3)
        >>> bool((torch.rand(5, generator=first) == torch.rand(5, generator=again)).all())
        True
        >>> float(torch.rand(1, generator=stream(7, "init", 3))) == float(torch.rand(1, generator=stream(7, "ties", 3)))
        False
    """
    generator = torch.Generator()
    generator.manual_seed(_key(seed, purpose, round) >> 1)  # manual_seed accepts 63 bits
    return generator


def uniform_of(seed: int, purpose: str, names: Sequence[str], n: int = 1) -> np.ndarray:
    """(name, n) numbers in [0, 1); each belongs to its name, whatever other names there are.

    Args:
        seed: seed of the run.
        purpose: what is drawn.
        names: names of what it is drawn for, such as ids of documents.
        n: numbers for each name.

    Example:
        >>> draws = uniform_of(7, "oracle", ["a", "b", "c"], n=2)
        >>> draws.shape, bool((uniform_of(7, "oracle", ["c"], n=2) == draws[2:]).all())
        ((3, 2), True)
    """
    key = _key(seed, purpose, 0).to_bytes(8, "little")
    digests = (hashlib.blake2b(name.encode(), digest_size=8 * n, key=key).digest() for name in names)
    words = np.frombuffer(b"".join(digests), dtype="<u8").reshape(len(names), n)
    uniform: np.ndarray = (words >> np.uint64(11)) * 2.0**-53
    return uniform


class Streams:
    """The streams of several runs in one round, drawn side by side.

    Runs with the same seed share their draws, which are made once per distinct seed.

    Args:
        seeds: seed of each run.
        round: active-learning round.
        device: device of the draws.

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
        self._row = torch.tensor([self._distinct.index(seed) for seed in self.seeds], device=self.device)

    def __getitem__(self, rows: Sequence[int]) -> Streams:
        """The streams of the given runs."""
        return Streams([self.seeds[row] for row in rows], self.round, self.device)

    def start(self, purpose: str) -> Draws:
        """The draws for one purpose, from the first one."""
        return Draws([_key(seed, purpose, self.round) for seed in self._distinct], self._row)

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        """(run, *shape) numbers in [0, 1): the first draw for a purpose."""
        return self.start(purpose).uniform(*shape)


class Draws:
    """Successive draws for one purpose, one row per run: SplitMix64 with one key per distinct seed.

    The k-th word of a stream is a hash of key + k * golden ratio, so words can be computed anywhere and in any order.

    Args:
        keys: 64 bits per distinct seed.
        row: (run,) position of each run's key, on the device of the draws.

    References:
        Fast Splittable Pseudorandom Number Generators (Steele et al., 2014)
        https://doi.org/10.1145/2660193.2660195
    """

    def __init__(self, keys: Sequence[int], row: Tensor) -> None:
        self._keys = torch.tensor([_signed(key) for key in keys], device=row.device).unsqueeze(1)  # (seed, 1)
        self._row, self._n_drawn = row, 0

    def uniform(self, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        """(run, *shape) numbers in [0, 1)."""
        bits = 24 if dtype == torch.float32 else 53
        words = torch.cat(list(self._words(math.prod(shape))), dim=1)
        return self._of_runs(_shifted(words, 64 - bits).to(dtype).mul_(2.0**-bits), shape)

    def permutation(self, n: int) -> Tensor:
        """(run, n) the positions 0 ... n - 1, shuffled."""
        return self._of_runs(torch.cat(list(self._words(n)), dim=1).argsort(dim=1, stable=True), (n,))

    def keep(self, probability: float, *shape: int) -> Tensor:
        """(run, *shape) dropout masks: true with the given probability, in steps of 2^-16."""
        n = math.prod(shape)
        return self._of_runs(_kept(self._words((n + 3) // 4), probability, n), shape)

    def _words(self, n: int) -> Iterator[Tensor]:
        """Blocks (seed, m) of 64-bit words, n in total; each block fits the cache of a CPU."""
        first = self._n_drawn
        self._n_drawn += n
        return _words(self._keys, first, n)

    def _of_runs(self, draws: Tensor, shape: tuple[int, ...]) -> Tensor:
        draws = draws.view(len(draws), *shape)
        return draws.expand(len(self._row), *shape) if len(draws) == 1 else draws[self._row]


class Keyed:
    """Dropout masks by key: the mask of an instance does not depend on the others in its batch.

    Args:
        keys: (key,) whole numbers, such as those of `Keyed.of`.

    Example:
        >>> keys = Keyed.of(Streams([7], 0), "dropout").derived(torch.tensor([3, 5, 9]))  # three instances
        >>> bool((keys.keep(0.9, 100)[1] == keys[torch.tensor([1])].keep(0.9, 60 + 40)[0]).all())
        True
    """

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys

    @classmethod
    def of(cls, streams: Streams, purpose: str) -> Keyed:
        """A key for each run."""
        keys = [_signed(_key(seed, purpose, streams.round)) for seed in streams.seeds]
        return cls(torch.tensor(keys, device=streams.device))

    def __getitem__(self, rows: Tensor) -> Keyed:
        """The keys in the given rows."""
        return Keyed(self.keys[rows])

    def derived(self, numbers: Tensor | int) -> Keyed:
        """A new key for each key and number; either may be a single one."""
        # A Python number is not made a tensor, because a GPU would wait for it.
        steps = (numbers + 1) * _GOLDEN if isinstance(numbers, Tensor) else _signed((numbers + 1) * _GOLDEN % 2**64)
        words = self.keys + steps
        return Keyed(_mixed(words, torch.empty_like(words)))

    def keep(self, probability: float, n: int) -> Tensor:
        """(key, n) true with the given probability, in steps of 2^-16; a longer mask starts with the shorter one."""
        return _kept(_words(self.keys.unsqueeze(1), 0, (n + 3) // 4), probability, n)


def _words(keys: Tensor, first: int, n: int) -> Iterator[Tensor]:
    """Blocks (key, m) of 64-bit words, n in total; each block fits the cache of a CPU."""
    block = max(_BLOCK // len(keys) // 1024, 1) * 1024 if keys.device.type == "cpu" else -(-n // _BLOCK) * _BLOCK
    counters = torch.arange(1, 1025, device=keys.device)
    # A sum of rows and columns, because counting directly would take longer than the rest.
    counters = (torch.arange(0, block, 1024, device=keys.device).unsqueeze(1) + counters).view(-1)
    for start in range(0, max(n, 1), block):
        words = (counters[: n - start] + (first + start)).mul_(_GOLDEN) + keys
        yield _mixed(words, torch.empty_like(words))


def _mixed(words: Tensor, spare: Tensor) -> Tensor:
    """SplitMix64's finaliser, in place."""
    for shift, factor in _ROUNDS:
        words.bitwise_xor_(_shifted(words, shift, spare)).mul_(factor)
    return words.bitwise_xor_(_shifted(words, 31, spare))


def _kept(words: Iterator[Tensor], probability: float, n: int) -> Tensor:
    """(key, n) true with the given probability; each word gives four values."""
    highest = max(round(probability * 65536), 1) - 32769  # of 16 bits, so that keeping all does not overflow
    return torch.cat([part.view(torch.int16) <= highest for part in words], dim=1)[:, :n]


def _key(seed: int, purpose: str, round: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}/{round}".encode(), digest_size=8).digest(), "little")


def _signed(word: int) -> int:
    """64 bits read as a number in two's complement."""
    return word - 2**64 if word >= 2**63 else word


def _shifted(words: Tensor, n_bits: int, out: Tensor | None = None) -> Tensor:
    """64-bit words shifted to the right and filled with zeros."""
    return torch.bitwise_right_shift(words, n_bits, out=out).bitwise_and_((1 << (64 - n_bits)) - 1)


_BLOCK = 16 * 1024
_GOLDEN = _signed(0x9E3779B97F4A7C15)
_ROUNDS = ((30, _signed(0xBF58476D1CE4E5B9)), (27, _signed(0x94D049BB133111EB)))
