"""Consensus: the mean rank that several detectors give to a label."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cal.arguments import check_arguments
from cal.arrays import as_reals
from cal.errors import AnalysisError

MEMBERS = {"logistic": 1.0, "ridge": 1.0, "cv_aum": 0.5, "el2n": 0.5, "neighbours": 0.5}
"""Weight of each member: linear models, the learner's dynamics out of fold and in training, and similar documents.

Chosen on TREC and AG News with labels flipped by seeds that no table uses; see experiments/LOG.md."""
MEMBERS_BESIDE_TEXTS = {**MEMBERS, "cv_aum": 2.0, "el2n": 2.0}
"""The weights for a learner that reads the texts themselves, and sees more than vectors hold."""


def mean_rank(scores: Mapping[str, np.ndarray], weights: Mapping[str, float] = MEMBERS) -> np.ndarray:
    """The weighted mean of the ranks by several scores, ties sharing theirs.

    Args:
        scores: (instance,) scores by detector, higher = more suspicious.
        weights: weight of each detector; those that `scores` lacks are left out.

    Returns:
        (instance,) shares of labels that are no more suspicious, from above 0 to 1.

    Raises:
        AnalysisError: if no score has a weight.

    Example:
        >>> mean_rank({"logistic": np.array([0.1, 0.9]), "ridge": np.array([0.5, 0.2])}).tolist()
        [0.75, 0.75]
    """
    from scipy.stats import rankdata

    check_arguments(mean_rank, locals())
    used = {name: as_reals(name, scores[name], 1, AnalysisError) for name in weights if name in scores}
    if not used:
        raise AnalysisError(f"None of {', '.join(weights) or 'the detectors'} has a score; give at least one.")
    total = sum(weights[name] for name in used)
    ranks = [weights[name] / total * rankdata(score) / len(score) for name, score in used.items()]
    mean: np.ndarray = np.sum(ranks, axis=0)
    return mean
