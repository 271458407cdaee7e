"""Confident learning: what the package cleanlab says of labels, by its defaults. It is optional."""

from __future__ import annotations

import numpy as np

from cal.errors import ConfigError, missing_package


def confident_learning(probs: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label quality and label issues by cleanlab: self-confidence, and `find_label_issues` as it comes.

    Args:
        probs: (instance, class) probabilities by classifiers that were not trained on the instance.
        gold: (instance,) labels.

    Returns:
        (instance,) label quality, low = suspicious, and (instance,) whether it is called an issue.

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

    # One process: on a few thousand documents others would take longer to start than to count.
    return get_label_quality_scores(gold, probs), find_label_issues(gold, probs, n_jobs=1)


def require_cleanlab() -> None:
    """Nothing, where cleanlab is installed.

    Raises:
        ConfigError: where it is not.
    """
    try:
        import cleanlab.filter  # noqa: F401
    except ImportError as error:
        raise ConfigError(missing_package("Confident learning", "cleanlab", extra="cleanlab")) from error
