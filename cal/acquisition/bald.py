"""Strategies on Monte Carlo dropout: what networks sampled by dropout say of a candidate."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.pool import Pool
from cal.acquisition.uncertainty import entropy
from cal.errors import ConfigError, refused_counts


@dataclass
class _McDropout(Acquisition):
    needs = frozenset({"dropout"})
    cost = "passes"

    n_samples: int = 10

    def __post_init__(self) -> None:
        if problems := refused_counts(n_samples=self.n_samples):
            raise ConfigError(problems)


@dataclass
class Bald(_McDropout):
    """H(mean_s p_s) - mean_s H(p_s): mutual information of a candidate's class and the network, in bits.

    Args:
        n_samples: dropout networks; ten in the paper.

    References:
        Bayesian Active Learning for Classification and Preference Learning (Houlsby et al., 2011)
        https://arxiv.org/abs/1112.5745
    """

    year = 2011

    def score(self, pool: Pool) -> Tensor:
        probs = pool.mc_probs(self.n_samples)  # (run, sample, candidate, class)
        return entropy(probs.mean(dim=1)) - entropy(probs).mean(dim=1)


@dataclass
class McEntropy(_McDropout):
    """H(mean_s p_s), in bits: what the CAL paper calls BALD (section 4.2, "max-entropy").

    Args:
        n_samples: dropout networks; ten in the paper.

    References:
        Deep Bayesian Active Learning with Image Data (Gal et al., 2017), max entropy
        https://arxiv.org/abs/1703.02910
    """

    year = 2017

    def score(self, pool: Pool) -> Tensor:
        return entropy(pool.mc_probs(self.n_samples).mean(dim=1))
