"""BatchBALD: the batch that is jointly most informative about the network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Batch, Pool
from cal.checks import refuse, whole_numbers
from cal.streams import Draws

_CHUNK = 128  # candidates whose gains are updated together
_TILE = {"cpu": (128, 1_024), "cuda": (2**16, 2**16)}  # configurations and labels at once; on a CPU they fit the cache
_DIGITS = 10  # rounding, so that equal candidates tie wherever they are in a matrix product
_SLACK = 1e-4  # bits; a gain in float32 is wrong by about 1e-6


@dataclass
class BatchBald(Acquisition):
    """I(y_1, ..., y_n; network), in bits: information of the whole batch about the network, maximised greedily.

    The score of a candidate is what it adds to those chosen before it, I(y; network | y_1, ..., y_k). A batch holds at
    most log2(n_samples) bits, so the strategy suits small batches: in large ones, the last candidates add next to
    nothing, and the noise of the estimate decides.

    Joint probabilities are exact while classes^k ≤ `n_configurations`; beyond that, label configurations are sampled by
    their probability. The paper samples them again for each k. Here the present configurations are extended by one
    label and then thinned, one from each of `n_configurations` strata of equal probability. The gain of a candidate can
    only shrink as the batch grows, so it is updated only where its last value could still be the best. With sampled
    configurations, float32 tells which candidates come near the best, and float64 which of these is the best.

    Time and memory grow with the number of classes, without a bound: the dropout samples take 8 bytes per sample,
    candidate and class, and a gain takes samples x configurations x classes multiplications and configurations x
    classes logarithms. For a large pool, choose among the best by BALD: `{prefilter: {by: bald, then: batch_bald}}`.

    Args:
        n_samples: number of dropout samples; up to 100 in the paper.
        n_configurations: number of label configurations to keep.

    References:
        BatchBALD: Efficient and Diverse Batch Acquisition for Deep Bayesian Active Learning (Kirsch et al., 2019)
        https://arxiv.org/abs/1906.08158
        Accelerated Greedy Algorithms for Maximizing Submodular Set Functions (Minoux, 1978), for the lazy updates
        https://doi.org/10.1007/BFb0006528
    """

    needs = frozenset({"dropout"})
    year = 2019
    cost = "passes"

    n_samples: int = 100
    n_configurations: int = 1000

    def __post_init__(self) -> None:
        refuse(whole_numbers(n_samples=self.n_samples, n_configurations=self.n_configurations))

    def select(self, pool: Pool, n: int) -> Batch:
        order = pool.uniform("ties").argsort(dim=-1)  # so that the first of equal candidates is a random one
        probs = pool.mc_probs(self.n_samples)  # (run, sample, candidate, class)
        batches = [
            self._greedy(probs[run], order[run], n, pool.streams[[run]].start("batch_bald")) for run in range(len(pool))
        ]
        positions, gains = (torch.stack(values) for values in zip(*batches, strict=True))
        return Batch(positions, gains)

    def _greedy(self, probs: Tensor, order: Tensor, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        """(n,) candidates of (sample, candidate, class) probabilities and their gains, in the order of choice.

        Of equal candidates it chooses the one that comes first in `order`.
        """
        gains = _Gains(probs, order)
        weights = probs.new_ones(1)  # (configuration,) probability of the labels
        posterior = probs.new_full((1, len(probs)), 1 / len(probs))  # (configuration, sample) given the labels
        screen, chosen = False, []
        for _ in range(n):
            position, gain = gains.best(weights, posterior, screen)
            chosen.append((position, gain))
            screen = screen or probs.shape[2] * len(weights) > self.n_configurations
            weights, posterior = self._extended(weights, posterior, probs[:, position], draws)
        positions, values = zip(*chosen, strict=True)
        return torch.stack(positions), torch.stack(values)

    def _extended(self, weights: Tensor, posterior: Tensor, probs: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Extends the configurations by a label with (sample, class) probabilities, and thins them if necessary."""
        joint = (weights.unsqueeze(1) * (posterior @ probs)).flatten()  # (configuration * class,)
        if len(joint) <= self.n_configurations:
            kept = (joint > 1e-30).nonzero().squeeze(1)  # less is a rounding error
            weights = joint[kept]
        else:
            # A draw per stratum: with a common draw, all configurations would get labels of the same quantile.
            n = self.n_configurations
            ticks = (torch.arange(n, device=joint.device) + draws.uniform(n)[0]) / n
            cumulated = joint.cumsum(dim=0)
            kept = torch.searchsorted(cumulated, ticks * cumulated[-1], right=True)
            weights = torch.full_like(ticks, 1 / n)
        n_classes = probs.shape[1]
        posterior = posterior[kept // n_classes] * probs[:, kept % n_classes].T
        return weights, posterior / posterior.sum(dim=1, keepdim=True)


class _Gains:
    """What each candidate adds to a batch: the last value computed, which bounds the present one from above.

    Args:
        probs: (sample, candidate, class) probabilities.
        order: (candidate,) positions; places below are places in it.
    """

    def __init__(self, probs: Tensor, order: Tensor) -> None:
        self._probs, self._order = probs, order
        self._bounds = probs.new_full((len(order),), torch.inf)  # by place
        even = probs.new_full((len(probs),), 1 / len(probs))
        blocks = order.split(_candidates_at_once(probs))
        self._expected = torch.cat([_mean_entropy(even, probs[:, block]) for block in blocks])  # by place

    def best(self, weights: Tensor, posterior: Tensor, screen: bool) -> tuple[Tensor, Tensor]:
        """Takes the candidate that adds most, and returns its position and its gain.

        Args:
            weights: (configuration,) probabilities of labels of the batch.
            posterior: (configuration, sample) probabilities of the networks given the labels.
            screen: compute gains in float32 first, and in float64 only near the best.
        """
        bounds, best = self._bounds, -torch.inf
        single = weights.float(), posterior.float()
        for chunk in bounds.argsort(descending=True, stable=True).split(_CHUNK):
            if bounds[chunk[0]] < best:
                break
            close = chunk
            if screen:
                bounds[chunk] = self._of(chunk, *single)
                close = chunk[bounds[chunk] > max(best, float(bounds[chunk].max())) - _SLACK]
            if len(close):
                bounds[close] = self._of(close, weights, posterior)
                best = max(best, float(bounds[close].max()))
        place = bounds.argmax()
        gain = bounds[place].clone()
        self._expected[place] = torch.inf  # never again
        return self._order[place], gain

    def _of(self, places: Tensor, weights: Tensor, posterior: Tensor) -> Tensor:
        """The present gains of candidates, computed in the precision of the weights."""
        probs = self._probs[:, self._order[places]].to(weights.dtype)
        return (_joint_entropy(probs, weights, posterior) - self._expected[places]).round(decimals=_DIGITS)


def _joint_entropy(probs: Tensor, weights: Tensor, posterior: Tensor) -> Tensor:
    """(candidate,) entropy of a candidate's label given those of the batch, in bits, in float64.

    Args:
        probs: (sample, candidate, class) probabilities.
        weights: (configuration,) probabilities of the labels of the batch.
        posterior: (configuration, sample) probabilities of the networks given the labels.
    """
    rows, found = _TILE[probs.device.type][0], []
    for block in probs.split(_candidates_at_once(probs), dim=1):
        tiles = zip(weights.split(rows), posterior.split(rows), strict=True)
        entropies = [_mean_entropy(w, (p @ block.flatten(1)).unflatten(1, block.shape[1:])) for w, p in tiles]
        found.append(torch.stack(entropies).sum(dim=0))
    return torch.cat(found)


def _mean_entropy(weights: Tensor, probs: Tensor) -> Tensor:
    """(candidate,) entropies in bits of (row, candidate, class) probabilities, summed over rows with their weights."""
    terms = probs.clamp_min(torch.finfo(probs.dtype).tiny).log_().mul_(probs)
    return (weights @ terms.flatten(1)).view(probs.shape[1:]).sum(dim=-1, dtype=torch.float64) / -math.log(2)


def _candidates_at_once(probs: Tensor) -> int:
    return max(1, _TILE[probs.device.type][1] // probs.shape[2])
