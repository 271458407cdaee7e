"""The price of strategies that look at the pool after each epoch, before a simulation begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cal.acquisition.anchors import Anchors
from cal.acquisition.base import Acquisition
from cal.acquisition.pool_dynamics import OverEpochs, Tidal
from cal.acquisition.short_look import n_looks
from cal.acquisition.wrappers import Prefilter, Subpool
from cal.errors import in_words
from cal.learners.mlp import MLP

_MOST = 3  # times margin's seconds that are not worth a word
_OF_SMALL_STEPS = 16  # cost of training on an instance, in predictions: classifiers of vectors take small steps
_OF_STEPS = 3  # forward and backward
_PART = 5_000  # candidates to look at instead, or a tenth of a small pool


def price_of_looks(
    strategies: Mapping[str, Acquisition],
    learner: Any,
    n_candidates: int,
    n_labelled: float,
    query_size: int,
    device: str,
) -> str | None:
    """A sentence about the strategies whose runs take more than three times as long as those of margin.

    Args:
        strategies: strategies by label.
        learner: hyperparameters of the learner.
        n_candidates: size of the pool.
        n_labelled: number of labelled instances in the middle of the run.
        query_size: number of candidates that a run acquires in a round.
        device: device of the run.

    Returns:
        None if there are none, or the price is not known: a GPU predicts for almost nothing beside small trainings.
    """
    n_epochs, small = int(getattr(learner, "n_epochs", 1)), isinstance(learner, MLP)
    if n_candidates < 1 or (small and device != "cpu"):
        return None
    of_an_instance = _OF_SMALL_STEPS if getattr(learner, "reads_features", False) else _OF_STEPS
    training = of_an_instance * n_epochs * n_labelled / n_candidates

    def looks(strategy: Acquisition) -> float:
        if small:
            return _looks(strategy, n_candidates, n_epochs, query_size)
        return float(n_epochs if "predictions" in strategy.needs else 0)  # the whole pool, whatever is made of it

    times = {name: (training + 1 + looks(strategy)) / (training + 1) for name, strategy in strategies.items()}
    dear = [f"{name} takes about {each:.0f} times" for name, each in times.items() if each > _MOST]
    if not dear:
        return None
    size = min(_PART, max(n_candidates // 10, 1))
    less = f"{{subpool: {{of: STRATEGY, size: {size}}}}} looks at a part of it." if small else "Fewer epochs look less."
    return (
        f"{in_words(dear)} as long as margin, because strategies on predictions over epochs look at the pool of "
        f"{n_candidates:,} documents several times. {less}"
    )


def _looks(strategy: Acquisition, n_candidates: int, n_epochs: int, query_size: int) -> float:
    """How often perceptrons predict the whole pool for a strategy, besides once at the end."""
    if "predictions" not in strategy.needs or isinstance(strategy, Tidal):  # which looks at the labelled instances
        return 0.0
    if isinstance(strategy, OverEpochs) and n_candidates > strategy.full_look:
        return n_looks(n_candidates, n_epochs)
    parts: list[tuple[Acquisition, int]] = []
    if isinstance(strategy, Subpool | Anchors):
        parts = [(strategy.of, strategy.size)]
    elif isinstance(strategy, Prefilter):
        parts = [(strategy.by, n_candidates), (strategy.then, strategy.factor * query_size)]
    if not parts:
        return float(n_epochs)
    sizes = [min(size, n_candidates) for _, size in parts]
    return sum(
        size / n_candidates * _looks(part, size, n_epochs, query_size)
        for (part, _), size in zip(parts, sizes, strict=True)
    )
