"""Confident learning by the optional package cleanlab, with its defaults."""

from __future__ import annotations

import warnings

import numpy as np

from cal.errors import ConfigError, missing_package


def confident_learning(probs: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label quality (self-confidence) and label issues (`find_label_issues`) by cleanlab.

    Args:
        probs: (instance, class) probabilities from classifiers that were not trained on the instance.
        gold: (instance,) labels.

    Returns:
        (instance,) label quality, lower = more suspicious, and (instance,) whether the label is an issue.

    Raises:
        ConfigError: if cleanlab is not installed.

    References:
        Confident Learning: Estimating Uncertainty in Dataset Labels (Northcutt et al., 2021)
        https://arxiv.org/abs/1911.00068

    Example:
        >>> probs = np.repeat([[0.9, 0.1], [0.1, 0.9]], 50, axis=0)
        >>> gold = np.repeat([0, 1], [51, 49])  # one label is wrong
        >>> quality, issues = confident_learning(probs, gold)  # doctest: +SKIP
        >>> quality.argmin(), issues.nonzero()[0]  # doctest: +SKIP
        (50, array([50]))
    """
    require_cleanlab()
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="May not flag all label issues")  # of small classes; all are ranked
        # One process: for a few thousand documents, starting more takes longer than the work.
        return get_label_quality_scores(gold, probs), find_label_issues(gold, probs, n_jobs=1)


def require_cleanlab() -> None:
    """Makes sure that cleanlab is installed.

    Raises:
        ConfigError: if it is not.
    """
    try:
        import cleanlab.filter  # noqa: F401
    except ImportError as error:
        raise ConfigError(missing_package("Confident learning", "cleanlab", extra="cleanlab")) from error
