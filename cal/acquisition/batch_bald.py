"""BatchBALD: the batch that is jointly most informative about the network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Batch, Pool
from cal.acquisition.uncertainty import entropy
from cal.checks import refuse, whole_numbers
from cal.streams import Draws

_CHUNK = 128  # candidates per matrix product
_DIGITS = 10  # rounding, so that equal candidates tie wherever they are in a matrix product


@dataclass
class BatchBald(Acquisition):
    """I(y_1, ..., y_n; network), in bits: information of the whole batch about the network, maximised greedily.

    The score of a candidate is what it adds to those chosen before it, I(y; network | y_1, ..., y_k). A batch holds at
    most log2(n_samples) bits, so the strategy suits small batches: in large ones, the last candidates add next to
    nothing, and the noise of the estimate decides.

    Joint probabilities are exact while classes^k ≤ `n_configurations`; beyond that, label configurations are sampled by
    their probability. The paper samples them again for each k. Here the present configurations are extended by one
    label and then thinned, one from each of `n_configurations` strata of equal probability. The gain of a candidate can
    only shrink as the batch grows, so it is updated only where its last value could still be the best.

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
            self._greedy(probs[run][:, order[run]], n, pool.streams[[run]].start("batch_bald"))
            for run in range(len(pool))
        ]
        positions, gains = (torch.stack(values) for values in zip(*batches, strict=True))
        return Batch(order.gather(-1, positions), gains)

    def _greedy(self, probs: Tensor, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        """(n,) candidates of (sample, candidate, class) probabilities and their gains, in the order of choice."""
        n_samples, n_candidates, _ = probs.shape
        expected = torch.cat([entropy(part).mean(dim=0) for part in probs.split(_CHUNK, dim=1)])  # (candidate,)
        bounds = torch.full((n_candidates,), torch.inf, dtype=probs.dtype, device=probs.device)
        weights = probs.new_ones(1)  # (configuration,) probability of the labels
        posterior = probs.new_full((1, n_samples), 1 / n_samples)  # (configuration, sample) given the labels
        positions, gains = [], []
        for _ in range(n):
            best = -torch.inf
            for chunk in bounds.argsort(descending=True, stable=True).split(_CHUNK):
                if bounds[chunk[0]] < best:
                    break
                predictive = (posterior @ probs[:, chunk].flatten(1)).unflatten(1, (len(chunk), -1))
                bounds[chunk] = (weights @ entropy(predictive) - expected[chunk]).round(decimals=_DIGITS)
                best = max(best, float(bounds[chunk].max()))
            position = bounds.argmax()
            positions.append(position)
            gains.append(bounds[position].clone())
            expected[position] = torch.inf  # never again
            weights, posterior = self._extended(weights, posterior, probs[:, position], draws)
        return torch.stack(positions), torch.stack(gains)

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
