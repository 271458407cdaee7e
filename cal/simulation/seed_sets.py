"""Seed sets: the documents to label before any classifier exists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal import registry
from cal.acquisition.clustering import assigned, by_direction, k_means
from cal.acquisition.typiclust import TypiClust, typical
from cal.checks import refuse, whole_numbers
from cal.errors import ConfigError, shown
from cal.shares import largest_remainder
from cal.streams import stream


class SeedSet(ABC):
    """A way to choose a seed set. Subclasses are dataclasses whose fields are its parameters, and define `choose`.

    Attributes:
        reads_features: whether it uses document vectors.
        covers_classes: whether it takes at least one document of each class, so that it needs as many documents.
        in_order: whether it sees documents in the order of the train split instead of one that is random for each
            seed, such as to choose the same ones for all seeds.
    """

    reads_features: bool = False
    covers_classes: bool = False
    in_order: bool = False

    @abstractmethod
    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        """Chooses the instances to label.

        Args:
            gold: (instance,) gold classes of the train split, in an order that is random for each seed, or `in_order`.
            x: (instance, feature) document vectors in the same order; with 0 features unless it reads them.
            n: number of instances to choose.
            draws: (n,) random numbers in [0, 1).

        Returns:
            (n,) different positions.
        """


@dataclass
class RandomSeedSet(SeedSet):
    """Documents drawn uniformly; a class may be missing."""

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        return np.arange(n)


@dataclass
class StratifiedSeedSet(SeedSet):
    """Classes in proportion to the train split, rounded by largest remainder, and each at least once."""

    covers_classes = True

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        return _stratified(gold, n, least=1)


@dataclass
class BalancedSeedSet(SeedSet):
    """Equally many documents of each class; classes that have too few contribute all they have."""

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        rank = np.empty(len(gold), dtype=int)  # position of each document among those of its class
        for label in np.unique(gold):
            members = np.flatnonzero(gold == label)
            rank[members] = np.arange(len(members))
        return rank.argsort(kind="stable")[:n]


@dataclass
class KMeansSeedSet(SeedSet):
    """The documents nearest to the centres of n clusters of the document vectors, chosen without labels.

    Vectors are scaled to length 1; those of zeros come last.

    Args:
        max_iterations: maximum number of iterations of Lloyd's algorithm, which is initialised by k-means++.
        max_points: size of the random sample to compute the centres from, if there are more documents.

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
        def choose(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
            centres = k_means(x[: max(self.max_points, n)], draws[:n], self.max_iterations).centres
            return assigned(x, centres).nearest(n)

        return by_direction(x, n, choose, lowest=0)[0].numpy()


@dataclass
class TypicalSeedSet(SeedSet):
    """The most typical document of each of n clusters of the document vectors, chosen without labels.

    Vectors are scaled to length 1; those of zeros come last.

    Args:
        n_neighbours: largest number of neighbours in its cluster whose mean distance measures how typical a document
            is, half the documents in a small cluster.

    References:
        Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets (Hacohen et al., 2022)
        https://arxiv.org/abs/2202.02794
    """

    reads_features = True

    n_neighbours: int = 20

    def __post_init__(self) -> None:
        refuse(whole_numbers(n_neighbours=self.n_neighbours))

    def choose(self, gold: np.ndarray, x: Tensor, n: int, draws: Tensor) -> np.ndarray:
        def choose(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
            return typical(x, x[:0], n, draws[: min(n, TypiClust.max_clusters)], self.n_neighbours)

        return by_direction(x, n, choose, lowest=TypiClust.lowest)[0].numpy()


def make_seed_set(spec: Any) -> SeedSet:
    """Builds a seed set from a name, `{name: parameters}` or a `SeedSet` object.

    Raises:
        ConfigError: if the name or a parameter is wrong.

    Example:
        >>> make_seed_set({"kmeans": {"max_iterations": 5}}).max_iterations
        5
    """
    named = isinstance(spec, str | Mapping)
    chooser = registry.choose(registry.SEED_SETS, "seed set", spec)[1] if named else spec
    if not isinstance(chooser, SeedSet):
        raise ConfigError(
            f"{shown(spec)} is not a seed set. Give a name, such as stratified, or an object of a subclass."
        )
    return chooser


def check_sizes(chooser: SeedSet, gold: np.ndarray, seed_size: int, dev_size: int, label_names: Sequence[str]) -> None:
    """Checks that a train split is large enough for a seed set, a dev set and a pool.

    Raises:
        ConfigError: if the seed set is too small to cover the classes, or nothing is left for the pool.
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
    """Chooses the seed set of one seed.

    Args:
        chooser: way to choose it.
        gold: (instance,) gold classes of the train split.
        features: (instance, feature) document vectors; None if the chooser does not read them.
        size: number of instances to choose.
        seed: seed of the random order and draws.
        aside: instances to leave out.

    Returns:
        The chosen instances, ascending.

    Raises:
        ConfigError: if the chooser needs document vectors and there are none, or if it does not choose `size` different
            instances.

    Example:
        >>> choose_seed_set(StratifiedSeedSet(), np.array([0] * 90 + [1] * 9 + [2]), np.empty((100, 0)), 10, seed=7)[-1]
        99
    """
    if chooser.reads_features and features is None:
        raise ConfigError(
            f"The seed set {chooser!r} needs document vectors, but features is null; give features=lsa or another."
        )
    order = np.arange(len(gold)) if chooser.in_order else _order(seed, "seed_set", len(gold))
    order = order[~np.isin(order, list(aside))]
    none = np.empty((len(order), 0), np.float32)
    x = torch.from_numpy(none if features is None or not chooser.reads_features else features[order])
    draws = torch.rand(size, generator=stream(seed, "seed_set/draws"), dtype=torch.float64)
    chosen = order[chooser.choose(gold[order], x, size, draws)].tolist()
    if len(set(chosen)) != size or len(chosen) != size:
        raise ConfigError(f"{chooser!r} must choose {size} different documents, not {len(set(chosen))}.")
    return sorted(chosen)


def choose_dev_set(gold: np.ndarray, size: int, seed: int, aside: Sequence[int] = ()) -> list[int]:
    """Chooses the instances to set aside for one seed, with classes in proportion.

    Args:
        gold: (instance,) gold classes of the train split.
        size: number of instances.
        seed: seed of the random order.
        aside: instances to leave out.

    Returns:
        The chosen instances, ascending.
    """
    order = _order(seed, "dev_set", len(gold))
    order = order[~np.isin(order, list(aside))]
    return sorted(order[_stratified(gold[order], size, least=0)].tolist())


def _order(seed: int, purpose: str, n: int) -> np.ndarray:
    """(instance,) instances ordered by a random number each."""
    return torch.rand(n, generator=stream(seed, purpose), dtype=torch.float64).numpy().argsort()


def _stratified(gold: np.ndarray, n: int, least: int) -> np.ndarray:
    """The first instances of each class, n in total and in proportion to class sizes, but at least `least` of each."""
    present, counts = np.unique(gold, return_counts=True)
    quotas = largest_remainder((counts * n / counts.sum()).tolist(), n, least=least, most=counts.tolist())
    members = (np.flatnonzero(gold == label) for label in present)
    return np.concatenate([rows[:quota] for rows, quota in zip(members, quotas, strict=True)])
