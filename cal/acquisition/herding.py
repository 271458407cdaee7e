"""MaxHerding and Uncertainty Herding: candidates that cover, by a kernel, as much of the uncertain pool as possible."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from numbers import Real
from typing import Literal, get_args

import torch
from torch import Tensor

from cal.acquisition.bald import McMargin
from cal.acquisition.base import Acquisition, checked, top
from cal.acquisition.clustering import by_direction
from cal.acquisition.distances import unit
from cal.acquisition.pool import Batch, Pool
from cal.acquisition.pool_dynamics import AveragedMargin
from cal.acquisition.uncertainty import Margin
from cal.checks import numbers_in, one_of, refuse, whole_numbers
from cal.errors import ConfigError

Space = Literal["features", "embeddings"]
Rule = Literal["median", "smallest"]

_NEAREST = 1e-3  # nearer vectors are copies to a bandwidth: float32 tells no shorter distances apart for certain
_EQUAL = 1e-9  # gains, to the largest possible one, that differ by less are equal
_BLOCK = 512  # rows of a kernel to compute at once, so that they stay in the cache
_FEW = 8  # gains to compute at once at first; then twice as many, up to a block
_ROUNDING = 1e-5  # of a kernel in float32, relative; its exponent is at least -80


@dataclass
class Herding(Acquisition, ABC):
    """A strategy that chooses by the gain mean_x u(x) [k(x, x') - max_s k(x, s)]_+ of candidates x'.

    Args:
        space: vectors that the kernel compares: `features`, the document vectors, or `embeddings`, the classifier's
            last hidden layer.
        bandwidth: width h of the kernel; `median` for the median distance from a labelled instance to the nearest
            other one, `smallest` for the smallest, or a number. Copies do not count; 1 if there are not two different
            ones.
        max_points: number of candidates that take the place of a larger pool, those with the greatest weights, because
            time grows with the square of it.
    """

    needs = frozenset({"features"})
    cost = "distances"

    space: Space = "features"
    bandwidth: Rule | float = "median"
    max_points: int = 10_000

    def __post_init__(self) -> None:
        problems = one_of(get_args(Space), space=self.space) + whole_numbers(max_points=self.max_points)
        if isinstance(self.bandwidth, Real):
            problems += numbers_in(f"[{_NEAREST}, inf)", bandwidth=self.bandwidth)
        else:
            problems += one_of((*get_args(Rule), "a number"), bandwidth=self.bandwidth)
        refuse(problems)
        self.needs = frozenset({self.space})

    @abstractmethod
    def weights(self, pool: Pool) -> Tensor:
        """(run, candidate) weights u(x) >= 0."""

    def select(self, pool: Pool, n: int) -> Batch:
        weights, most = self.weights(pool), max(self.max_points, n)
        if most < pool.candidates.shape[1]:
            heaviest = top(weights, most, pool.uniform("ties")).positions
            part = pool.only(heaviest)
            return part.in_whole(self._select(part, weights.gather(1, heaviest), n))
        return self._select(pool, weights, n)

    def _select(self, pool: Pool, weights: Tensor, n: int) -> Batch:
        vectors, labelled = (
            (pool.features, pool.labelled_features)
            if self.space == "features"
            else (pool.embeddings, pool.labelled_embeddings)
        )
        orders = pool.uniform("ties").argsort(dim=-1)  # (run, candidate); the first of equal candidates is a random one
        batches = [self._choose(*given, n) for given in zip(orders, vectors, labelled, weights, strict=True)]
        return Batch(*(torch.stack(parts) for parts in zip(*batches, strict=True)))

    def _choose(self, order: Tensor, vectors: Tensor, labelled: Tensor, weights: Tensor, n: int) -> Batch:
        """The batch of one run."""
        x, centres, weights = unit(vectors[order]), unit(labelled), weights[order]
        centres, weights = centres[centres.any(dim=1)], weights[x.any(dim=1)]
        h = labelled_bandwidth(centres, self.bandwidth) if isinstance(self.bandwidth, str) else float(self.bandwidth)
        places, gains = by_direction(x, n, lambda x, n: herd(x, centres, weights, n, h), lowest=0.0)
        return Batch(order[places], gains)


@dataclass
class MaxHerding(Herding):
    """mean_x [k(x, x') - max_s k(x, s)]_+: how much more of the pool x' covers than s, labelled or already chosen.

    k(x, x') = exp(-||x - x'||^2 / h^2) of document vectors scaled to length 1; those of zeros come last. The score is
    the gain at the time of the choice. Nothing but vectors counts: no label, and no prediction.

    In the paper h is 1 and vectors are self-supervised. Here h shrinks by itself while labels become denser, as in
    Uncertainty Herding. Choices are exactly those of the greedy algorithm, though no kernel of all pairs is held.

    References:
        Generalized Coverage for More Robust Low-Budget Active Learning (Bae et al., 2024)
        https://arxiv.org/abs/2407.12212
    """

    year = 2024

    def weights(self, pool: Pool) -> Tensor:
        return torch.ones_like(pool.candidates, dtype=torch.float64)


@dataclass
class UncertaintyHerding(Herding):
    """mean_x u(x) [k(x, x') - max_s k(x, s)]_+: how much more of the uncertain pool x' covers than s in L.

    k(x, x') = exp(-||x - x'||^2 / h^2) of document vectors scaled to length 1; those of zeros come last. L is what is
    labelled or already chosen, and the score is the gain at the time of the choice. With few labels h is wide, and the
    batch covers the pool; with many it is narrow, and the batch holds the most uncertain.

    u(x) is 1 - (p_(1) - p_(2)) for margin and the other margins. For any other strategy it is the score minus the
    lowest score in the pool. Weights that are all equal are 1, which is MaxHerding.

    In the paper the kernel compares embeddings of the trained network, h is the smallest distance between labelled
    instances (`bandwidth=smallest`), which among texts a single near copy decides, and probabilities are sharpened or
    softened by a temperature that is fitted on held-out labels, which a round does not have.

    Args:
        by: strategy whose scores are the weights; margin by default.

    References:
        Uncertainty Herding: One Active Learning Method for All Label Budgets (Bae et al., 2025)
        https://arxiv.org/abs/2412.20644
    """

    year = 2025

    by: Acquisition = field(default_factory=Margin)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.by.scores_candidates:
            raise ConfigError(
                f"uncertainty_herding weights candidates by scores, but {self.by.name} chooses whole batches; give one "
                "that scores them, such as margin."
            )
        self.needs |= self.by.needs

    def weights(self, pool: Pool) -> Tensor:
        scores = checked(self.by, self.by.score(pool), pool)
        lowest, highest = (edge.unsqueeze(1) for edge in scores.aminmax(dim=1))
        above = (
            (scores + 1).clamp(min=0) if isinstance(self.by, Margin | McMargin | AveragedMargin) else scores - lowest
        )
        return torch.where(highest > lowest, above, 1.0)


def labelled_bandwidth(labelled: Tensor, rule: Rule) -> float:
    """The median or the smallest distance from a labelled instance to the nearest other one that is no copy of it.

    Args:
        labelled: (labelled, width) vectors of length 1.
        rule: which of the distances.

    Returns:
        The distance; 1 if there are no two different vectors.

    Example:
        >>> labelled = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.8, 0.6], [-1.0, 0.0]], dtype=torch.float64)
        >>> round(labelled_bandwidth(labelled, "smallest"), 4)
        0.6325
    """
    if len(labelled) < 2:
        return 1.0
    squares = (2 - 2 * (rows @ labelled.T) for rows in labelled.split(_BLOCK))
    nearest = torch.cat([part.masked_fill_(part < _NEAREST**2, torch.inf).amin(dim=1) for part in squares]).sqrt()
    nearest = nearest[nearest.isfinite()]
    if not len(nearest):
        return 1.0
    return float(nearest.quantile(0.5) if rule == "median" else nearest.min())


def herd(x: Tensor, labelled: Tensor, weights: Tensor, n: int, h: float) -> tuple[Tensor, Tensor]:
    """Chooses instances one after the other, each the one that adds most to mean_x u(x) max_s k(x, s).

    Gains only shrink while more is chosen, so those of an earlier step bound those of a later one. In each step gains
    are computed in the order of their bounds, until no bound is left above the best gain. The first bounds come from a
    kernel in float32, with an allowance for its rounding; gains themselves are in float64.

    Args:
        x: (instance, width) vectors of length 1, in float64; the first of those with equal gains is chosen.
        labelled: (labelled, width) vectors of length 1, the first s; may be empty.
        weights: (instance,) weights u(x).
        n: number of instances to choose.
        h: bandwidth of the kernel k.

    Returns:
        (n,) instances in the order of choice, and (n,) gains.

    References:
        Accelerated Greedy Algorithms for Maximizing Submodular Set Functions (Minoux, 1978)
        https://doi.org/10.1007/BFb0006528

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [-1.0, 0.0]], dtype=torch.float64)
        >>> herd(x, x[:0], torch.ones(4), 2, 1.0)[0].tolist()
        [1, 3]
    """
    weights = weights.to(x) / len(x)
    least = _EQUAL * float(weights.sum())
    covered = x.new_zeros(len(x))
    if len(labelled):
        covered = torch.cat([_kernel(rows, labelled, h).amax(dim=1) for rows in x.split(_BLOCK)])
    bounds = _upper_bounds(x, weights, covered, h)
    gains = torch.zeros_like(bounds)
    chosen: list[int] = []
    for _ in range(n):
        stale, best, n_rows = bounds.clone(), 0.0, _FEW
        while True:
            highest, rows = stale.topk(min(n_rows, len(x)))
            rows = rows[highest > max(best - least, least)]
            if not len(rows):
                break
            uncovered = _kernel(x, x[rows], h).sub_(covered.unsqueeze(1)).clamp_(min=0)
            bounds[rows] = weights @ uncovered
            stale[rows] = -torch.inf
            best, n_rows = max(best, float(bounds[rows].max())), min(2 * n_rows, _BLOCK)
        if best <= least:  # all is covered, and what is left follows in its order
            break
        instance = int((stale.isneginf() & (bounds >= best - least)).nonzero()[0])
        chosen.append(instance)
        gains[instance] = bounds[instance]
        bounds[instance] = -torch.inf
        covered = torch.maximum(covered, _kernel(x, x[instance, None], h).squeeze(1))
    left = torch.ones_like(bounds, dtype=torch.bool)
    left[chosen] = False
    instances = torch.cat([torch.tensor(chosen, dtype=torch.long, device=x.device), left.nonzero().squeeze(1)])[:n]
    return instances, gains[instances]


def _kernel(x: Tensor, others: Tensor, h: float, allowance: float = 0.0) -> Tensor:
    """(instance, other) exp(-||x - x'||^2 / h^2) of vectors of length 1, whose products may be too small."""
    return (x @ others.T).add_(allowance - 1).mul_(2 / h**2).clamp_(min=-80, max=0).exp_()


def _upper_bounds(x: Tensor, weights: Tensor, covered: Tensor, h: float) -> Tensor:
    """(instance,) upper bounds of sum_i u_i [k(x_i, x') - c_i]_+, each pair of instances in float32 and once."""
    allowance = (x.shape[1] + 8) * torch.finfo(torch.float32).eps / 2  # products of vectors of length 1 err by less
    scale = weights.max().clamp(min=1e-300)  # because float32 holds no weights as small as float64
    x, u, covered = x.float(), (weights / scale).float(), (covered * (1 - _ROUNDING)).float()
    bounds = torch.zeros_like(weights)
    starts = range(0, len(x), _BLOCK)
    for a, b in ((slice(i, i + _BLOCK), slice(j, j + _BLOCK)) for i in starts for j in starts if i <= j):
        k = _kernel(x[a], x[b], h, allowance)
        if a != b:
            bounds[a] += (k - covered[b]).clamp_(min=0) @ u[b]
        bounds[b] += u[a] @ k.sub_(covered[a].unsqueeze(1)).clamp_(min=0)
    return bounds * scale * (1 + 10 * _ROUNDING)
