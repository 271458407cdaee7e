"""The price of strategies that look at the pool after each epoch, before a simulation begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cal.acquisition.base import Acquisition
from cal.acquisition.pool_dynamics import OverEpochs, Tidal
from cal.acquisition.short_look import n_looks
from cal.acquisition.wrappers import Subpool
from cal.errors import in_words
from cal.learners.mlp import MLP

_MOST = 3  # times margin's seconds that are not worth a word
_OF_SMALL_STEPS = 16  # cost of training on an instance, in predictions: perceptrons take small steps on a CPU
_OF_STEPS = 3  # forward and backward


def price_of_looks(
    strategies: Mapping[str, Acquisition], learner: Any, n_candidates: int, n_labelled: float, device: str
) -> str | None:
    """A sentence about the strategies whose runs take more than three times as long as those of margin.

    Args:
        strategies: strategies by label.
        learner: hyperparameters of the learner.
        n_candidates: size of the pool.
        n_labelled: number of labelled instances in the middle of the run.
        device: device of the run.

    Returns:
        None if there are none, or the price is not known: a GPU predicts for almost nothing beside small trainings.
    """
    n_epochs, small = int(getattr(learner, "n_epochs", 1)), isinstance(learner, MLP)
    if n_candidates < 1 or (small and device != "cpu"):
        return None
    training = (_OF_SMALL_STEPS if small else _OF_STEPS) * n_epochs * n_labelled / n_candidates
    times = {
        name: (training + 1 + _looks(strategy, n_candidates, n_epochs, small)) / (training + 1)
        for name, strategy in strategies.items()
    }
    dear = [f"{name} takes about {each:.0f} times" for name, each in times.items() if each > _MOST]
    if not dear:
        return None
    return (
        f"{in_words(dear)} as long as margin, because strategies on predictions over epochs look at the pool of "
        f"{n_candidates:,} documents several times. {{subpool: {{of: STRATEGY, size: 5000}}}} looks at a part of it."
    )


def _looks(strategy: Acquisition, n_candidates: int, n_epochs: int, small: bool) -> float:
    """How often the whole pool is predicted for a strategy, besides once at the end."""
    if "predictions" not in strategy.needs:
        return 0.0
    if small and isinstance(strategy, Tidal):  # looks at the labelled instances alone
        return 0.0
    if small and isinstance(strategy, Subpool) and strategy.size < n_candidates:
        return strategy.size / n_candidates * _looks(strategy.of, strategy.size, n_epochs, small)
    if small and isinstance(strategy, OverEpochs) and n_candidates > strategy.full_look:
        return n_looks(n_candidates, n_epochs)
    return float(n_epochs)
