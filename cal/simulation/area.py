"""Area: a learning curve as one number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cal.arrays import as_reals
from cal.errors import AnalysisError


def area_under_curve(n_labelled: npt.ArrayLike, accuracy: npt.ArrayLike) -> float:
    """∫ accuracy d(n_labelled) / (last - first n_labelled): the mean height of a learning curve, in [0, 1].

    Args:
        n_labelled: (round,) increasing numbers of labelled instances.
        accuracy: (round,) accuracy at each, interpolated linearly in between. A single round is its own mean.

    Example:
        >>> area_under_curve([500, 600, 1000], [0.5, 0.7, 0.7])
        0.68
    """
    x, y = (
        as_reals(name, given, None, AnalysisError).astype(np.float64)
        for name, given in (("n_labelled", n_labelled), ("accuracy", accuracy))
    )
    if x.shape != y.shape or x.ndim != 1 or x.size == 0 or (np.diff(x) <= 0).any():
        raise AnalysisError(
            f"A learning curve needs increasing n_labelled and one accuracy for each; given "
            f"{x.ravel().tolist()[:5]} ... of shape {x.shape} and accuracies of shape {y.shape}."
        )
    return float(np.trapezoid(y, x) / (x[-1] - x[0])) if x.size > 1 else float(y[0])
