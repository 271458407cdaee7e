"""BatchBALD: a batch that tells as much as possible about the network, taken together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Batch, Pool
from cal.acquisition.uncertainty import entropy
from cal.checks import refuse, whole_numbers
from cal.streams import Draws

_CHUNK = 128  # candidates whose gain is computed at once
_DIGITS = 10  # gains are rounded, so that equal candidates tie wherever they stand in a matrix product


@dataclass
class BatchBald(Acquisition):
    """I(y_1, ..., y_n; network), in bits, gathered greedily: what a batch as a whole tells about the network.

    A candidate's score is what it adds to those chosen before it, I(y; network | y_1, ..., y_k). All of a batch adds
    up to log2(n_samples) bits at most, so this is for small batches: late candidates of large ones add next to
    nothing, and are chosen by the noise of the estimate.

    The joint probabilities are exact while classes^k is at most `n_configurations`; beyond, so many configurations of
    labels are drawn by their probability. The paper draws them anew for each k; here those at hand are extended by a
    label, and as many kept, one from each of equal strata. What a candidate adds can only shrink when the batch grows,
    so it is computed again only for candidates that added enough before to be the best now.

    Args:
        n_samples: dropout networks; up to a hundred in the paper.
        n_configurations: configurations of the batch's labels that are kept.

    References:
        BatchBALD: Efficient and Diverse Batch Acquisition for Deep Bayesian Active Learning (Kirsch et al., 2019)
        https://arxiv.org/abs/1906.08158
        Accelerated Greedy Algorithms for Maximizing Submodular Set Functions (Minoux, 1978), for the shortcut
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
        order = pool.uniform("ties").argsort(dim=-1)  # the first of equally good candidates is a random one
        probs = pool.mc_probs(self.n_samples)  # (run, sample, candidate, class)
        batches = [
            self._greedy(probs[run][:, order[run]], n, pool.streams[[run]].start("batch_bald"))
            for run in range(len(pool))
        ]
        positions, gains = (torch.stack(values) for values in zip(*batches, strict=True))
        return Batch(order.gather(-1, positions), gains)

    def _greedy(self, probs: Tensor, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        """(n,) positions in (sample, candidate, class) probabilities and gains, in the order of choice."""
        n_samples, n_candidates, _ = probs.shape
        expected = torch.cat([entropy(part).mean(dim=0) for part in probs.split(_CHUNK, dim=1)])  # (candidate,)
        bounds = torch.full((n_candidates,), torch.inf, dtype=probs.dtype, device=probs.device)
        weights = probs.new_ones(1)  # (configuration,) probability of the labels of the batch
        posterior = probs.new_full((1, n_samples), 1 / n_samples)  # (configuration, sample) of the network, given them
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
            expected[position] = torch.inf  # no gain from it again
            weights, posterior = self._extended(weights, posterior, probs[:, position], draws)
        return torch.stack(positions), torch.stack(gains)

    def _extended(self, weights: Tensor, posterior: Tensor, probs: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Configurations with one more label, of (sample, class) probabilities; a sample of them if they are many."""
        joint = (weights.unsqueeze(1) * (posterior @ probs)).flatten()  # (configuration * class,)
        if len(joint) <= self.n_configurations:
            kept = (joint > 1e-30).nonzero().squeeze(1)  # less is no more than rounding
            weights = joint[kept]
        else:
            # One draw for each: a common one would give all configurations the label of the same quantile.
            n = self.n_configurations
            ticks = (torch.arange(n, device=joint.device) + draws.uniform(n)[0]) / n
            cumulated = joint.cumsum(dim=0)
            kept = torch.searchsorted(cumulated, ticks * cumulated[-1], right=True)
            weights = torch.full_like(ticks, 1 / n)
        n_classes = probs.shape[1]
        posterior = posterior[kept // n_classes] * probs[:, kept % n_classes].T
        return weights, posterior / posterior.sum(dim=1, keepdim=True)
