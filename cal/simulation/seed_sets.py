"""Seed sets: how the documents are chosen that are labelled before any classifier exists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal import registry
from cal.acquisition.clustering import assigned, k_means
from cal.acquisition.typiclust import TypiClust, typical
from cal.checks import refuse, whole_numbers
from cal.errors import ConfigError
from cal.shares import largest_remainder
from cal.streams import stream


class SeedSet(ABC):
    """A way to choose a seed set; subclasses are dataclasses whose fields are its parameters, and define `choose`.

    Attributes:
        reads_features: whether it looks at document vectors.
        covers_classes: whether it takes every class at least once, and so needs a seed set as large.
    """

    reads_features: bool = False
    covers_classes: bool = False

    @abstractmethod
    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        """The n different instances to label.

        Args:
            gold: (instance,) gold classes of the train split, in an order that is random for each seed.
            x: (instance, feature) document vectors in the same order; without features if it does not read them.
            n: how many to choose.
            draws: (n,) random numbers in [0, 1).

        Returns:
            (n,) positions.
        """


@dataclass
class RandomSeedSet(SeedSet):
    """Every document alike; a class may be missing."""

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        return np.arange(n)


@dataclass
class StratifiedSeedSet(SeedSet):
    """Classes in the shares they have in the train split, by largest remainder, and each at least once."""

    covers_classes = True

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        return _stratified(gold, n, least=1)


@dataclass
class BalancedSeedSet(SeedSet):
    """As many documents of each class as of any other; all of those classes that have too few."""

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        rank = np.empty(len(gold), dtype=int)  # the how-manieth of its class a document is
        for label in np.unique(gold):
            members = np.flatnonzero(gold == label)
            rank[members] = np.arange(len(members))
        return rank.argsort(kind="stable")[:n]


@dataclass
class KMeansSeedSet(SeedSet):
    """The documents nearest to the centres of n clusters of the document vectors; no label is looked at.

    Args:
        max_iterations: of Lloyd's algorithm, which starts from k-means++ seeds.
        max_points: documents from which centres are computed: a random sample of more than these.

    References:
        Off to a Good Start: Using Clustering to Select the Initial Training Set in Active Learning
        (Hu et al., 2010)
        https://doi.org/10.21427/d7q89w
    """

    reads_features = True

    max_iterations: int = 20
    max_points: int = 10_000

    def __post_init__(self) -> None:
        refuse(whole_numbers(max_iterations=self.max_iterations, max_points=self.max_points))

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        centres = k_means(x[: max(self.max_points, n)], draws, self.max_iterations).centres
        return assigned(x, centres).nearest(n)[0].numpy()


@dataclass
class TypicalSeedSet(SeedSet):
    """The most typical document of each of n clusters of the document vectors; no label is looked at.

    Args:
        n_neighbours: the mean distance to which, within the cluster, says how typical a document is.

    References:
        Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets (Hacohen et al., 2022)
        https://arxiv.org/abs/2202.02794
    """

    reads_features = True

    n_neighbours: int = 20

    def __post_init__(self) -> None:
        refuse(whole_numbers(n_neighbours=self.n_neighbours))

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        return typical(x, x[:0], n, draws[: TypiClust.max_clusters], self.n_neighbours)[0].numpy()


def make_seed_set(spec: Any) -> SeedSet:
    """The chooser of a name, of `{name: parameters}` or of an object.

    Raises:
        ConfigError: if it cannot be understood.

    Example:
        >>> make_seed_set({"kmeans": {"max_iterations": 5}}).max_iterations
        5
    """
    label, chooser = registry.choose(registry.SEED_SETS, "seed set", spec)
    if not isinstance(chooser, SeedSet):
        raise ConfigError(f"{label} chooses no seed set; subclass cal.simulation.seed_sets.SeedSet.")
    return chooser


def check_sizes(chooser: SeedSet, gold: np.ndarray, seed_size: int, dev_size: int, label_names: Sequence[str]) -> None:
    """Makes sure that a train split is large enough for the sets that shall be taken out of it.

    Raises:
        ConfigError: if the seed set cannot have every class that it must have, or nothing is left for the pool.
    """
    counts = np.bincount(gold, minlength=len(label_names))
    present = np.flatnonzero(counts)
    if chooser.covers_classes and seed_size < len(present):
        listing = ", ".join(f"{label_names[label]} ({counts[label]})" for label in present.tolist())
        raise ConfigError(
            f"seed_size is {seed_size}, too small for one document of each of the {len(present)} classes: {listing}. "
            f"Give seed_size={len(present)} or more."
        )
    if seed_size + dev_size >= len(gold):
        aside = f" and dev_size {dev_size}" if dev_size else ""
        raise ConfigError(
            f"seed_size is {seed_size}{aside}, but there are {len(gold)} documents; leave some for the pool."
        )


def choose_seed_set(
    chooser: SeedSet, gold: np.ndarray, features: np.ndarray | None, size: int, seed: int, aside: Sequence[int] = ()
) -> list[int]:
    """The seed set of one seed.

    Args:
        chooser: how it is chosen.
        gold: (instance,) gold classes of the train split.
        features: (instance, feature) its document vectors; None for a chooser that does not read them.
        size: how many instances.
        seed: of the run.
        aside: instances that are not to be had.

    Returns:
        The chosen instances, ascending.

    Raises:
        ConfigError: if there are no vectors to read, or a chooser of the user's does not give so many different ones.

    Example:
        >>> choose_seed_set(StratifiedSeedSet(), np.array([0] * 90 + [1] * 9 + [2]), np.empty((100, 0)), 10, seed=7)[-1]
        99
    """
    if chooser.reads_features and features is None:
        raise ConfigError(f"The seed set {chooser!r} is chosen by document vectors, and features is null; name some.")
    order = _order(seed, "seed_set", len(gold))
    order = order[~np.isin(order, list(aside))]
    none = np.empty((len(order), 0), np.float32)
    x = torch.from_numpy(none if features is None or not chooser.reads_features else features[order])
    draws = torch.rand(size, generator=stream(seed, "seed_set/draws"), dtype=torch.float64)
    chosen = order[chooser.choose(gold[order], x, size, draws)].tolist()
    if len(set(chosen)) != size or len(chosen) != size:
        raise ConfigError(f"{chooser!r} must choose {size} different documents, not {len(set(chosen))}.")
    return sorted(chosen)


def choose_dev_set(gold: np.ndarray, size: int, seed: int) -> list[int]:
    """Instances of one seed that are set aside, ascending: classes in the shares they have."""
    order = _order(seed, "dev_set", len(gold))
    return sorted(order[_stratified(gold[order], size, least=0)].tolist())


def _order(seed: int, purpose: str, n: int) -> np.ndarray:
    """(instance,) the instances, ordered by random numbers that belong to them."""
    return torch.rand(n, generator=stream(seed, purpose), dtype=torch.float64).numpy().argsort()


def _stratified(gold: np.ndarray, n: int, least: int) -> np.ndarray:
    """The first instances of each class, in proportion to their numbers, `least` of each at least."""
    present, counts = np.unique(gold, return_counts=True)
    quotas = largest_remainder((counts * n / counts.sum()).tolist(), n, least=least, most=counts.tolist())
    members = (np.flatnonzero(gold == label) for label in present)
    return np.concatenate([rows[:quota] for rows, quota in zip(members, quotas, strict=True)])
