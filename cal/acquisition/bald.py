"""Monte Carlo dropout: strategies that compare the predictions of networks sampled by dropout."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Pool
from cal.acquisition.uncertainty import entropy, margin
from cal.checks import refuse, whole_numbers


@dataclass
class _McDropout(Acquisition):
    """A strategy on dropout samples.

    Args:
        n_samples: number of dropout samples S; 10 in the CAL paper.
    """

    needs = frozenset({"dropout"})
    cost = "passes"

    n_samples: int = 10

    def __post_init__(self) -> None:
        refuse(whole_numbers(n_samples=self.n_samples))


@dataclass
class Bald(_McDropout):
    """H(mean_s p_s) - mean_s H(p_s): mutual information between the class and the network, in bits.

    References:
        Bayesian Active Learning for Classification and Preference Learning (Houlsby et al., 2011)
        https://arxiv.org/abs/1112.5745
    """

    year = 2011
    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        probs = pool.mc_probs(self.n_samples)  # (run, sample, candidate, class)
        each = torch.stack([entropy(sample) for sample in probs.unbind(dim=1)], dim=1)  # (run, sample, candidate)
        return entropy(probs.mean(dim=1)) - each.mean(dim=1)


@dataclass
class McEntropy(_McDropout):
    """H(mean_s p_s), in bits. The CAL paper calls it BALD (section 4.2, "max-entropy").

    References:
        Deep Bayesian Active Learning with Image Data (Gal et al., 2017), max entropy
        https://arxiv.org/abs/1703.02910
    """

    year = 2017
    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        return entropy(pool.mc_probs(self.n_samples).mean(dim=1))


@dataclass
class McMargin(_McDropout):
    """p(second y) - p(first y) of mean_s p_s: the negated gap between the two likeliest classes.

    References:
        Deep Bayesian Active Learning with Image Data (Gal et al., 2017), for the mean of dropout samples
        https://arxiv.org/abs/1703.02910
        Active Hidden Markov Models for Information Extraction (Scheffer et al., 2001), for the margin
        https://doi.org/10.1007/3-540-44816-0_31
    """

    year = 2017
    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        return -margin(pool.mc_probs(self.n_samples).mean(dim=1))


@dataclass
class VariationRatio(_McDropout):
    """1 - max_y |{s: argmax p_s = y}| / S: share of dropout samples that vote against the majority.

    References:
        Elementary Applied Statistics (Freeman, 1965), via
        Deep Bayesian Active Learning with Image Data (Gal et al., 2017)
        https://arxiv.org/abs/1703.02910
    """

    year = 2017
    pointwise = True

    def score(self, pool: Pool) -> Tensor:
        votes = pool.mc_probs(self.n_samples).argmax(dim=-1)  # (run, sample, candidate)
        shares = [(votes == label).double().mean(dim=1) for label in range(pool.n_classes)]
        return 1 - torch.stack(shares).amax(dim=0)
