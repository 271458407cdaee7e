"""A short look at a large pool: which candidates a strategy on predictions over epochs may choose.

The whole pool is predicted after three epochs, and a random sample of it after each. A ridge regression on the sample
estimates the logits of all candidates after the other epochs from their logits and last hidden layers after the three:
from epoch to epoch, predictions shift in ways that candidates share. Only the candidates that are best by this estimate
are predicted after each epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from cal.acquisition.pool import Pool
from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.learners.base import Prediction
from cal.learners.snapshots import RunSnapshots
from cal.threads import one_thread

_LOOKS = (0.15, 0.5, 1.0)  # shares of the training after which the whole pool is predicted
_N_SAMPLED = 1_500
_SHARE, _TIMES = 0.1, 20  # the shortlist, as a share of the pool and as a multiple of the batch, whichever is more
_RIDGE = 1e-3  # of the mean variance of an input of the regression
_REGRESSION = 0.6  # what it costs, in predictions of the whole pool
_CHUNK = 4_096  # candidates at once

Rated = Callable[[PredictionDynamics], Tensor]


@one_thread()
def shortlist(rated: Rated, pool: Pool, n: int) -> Tensor | None:
    """(run, m) positions of candidates among which are most of the n that a full look would choose.

    Args:
        rated: (run, candidate) scores from prediction dynamics.
        pool: the pool.
        n: number of candidates to choose.

    Returns:
        None if a short look would not save half of a full one.
    """
    snapshots, n_candidates = pool.snapshots, pool.candidates.shape[1]
    m = max(round(_SHARE * n_candidates), _TIMES * n)
    if snapshots is None or "predictions" in pool.__dict__ or 2 * (m + _N_SAMPLED) > n_candidates:
        return None
    looks = sorted({max(round(share * snapshots.n_epochs), 1) - 1 for share in _LOOKS})
    if 2 * len(looks) > snapshots.n_epochs:
        return None
    sampled = pool.uniform("look").argsort(dim=1)[:, :_N_SAMPLED]
    draws = pool.uniform("ties")
    best = []
    for run in range(len(pool)):
        parts = _estimated(snapshots, run, pool.candidates[run], sampled[run], looks)
        scores = torch.cat([rated(part)[0] for part in parts])
        order = draws[run].argsort()
        best.append(order[scores[order].argsort(descending=True, stable=True)[:m]])
    return torch.stack(best)


def n_looks(n_candidates: int, n_epochs: int) -> float:
    """How many predictions of the whole pool a short look costs, about.

    Example:
        >>> round(n_looks(60_000, 30))
        7
    """
    return len(_LOOKS) + n_epochs * (_N_SAMPLED / n_candidates + _SHARE) + _REGRESSION


class _Estimated(PredictionDynamics):
    """Predicted classes and mean probabilities of (1, candidate) instances, estimated."""

    def __init__(self, predicted: Tensor, sum_of_probs: Tensor) -> None:
        super().__init__()
        self._classes, self._sum = predicted, sum_of_probs

    @property
    def n_epochs(self) -> int:
        return self._classes.shape[-2]

    @property
    def predicted(self) -> Tensor:
        return self._classes


def _estimated(
    snapshots: RunSnapshots, run: int, candidates: Tensor, sampled: Tensor, looks: list[int]
) -> Iterator[PredictionDynamics]:
    """Estimates of what the classifier of a run predicted after each epoch, for some of the candidates at a time."""
    n_epochs = snapshots.n_epochs
    of_sample = [snapshots.predict(run, epoch, candidates[sampled]) for epoch in range(n_epochs)]
    targets = torch.cat([each.logits[0] for each in of_sample], dim=1)  # (instance, epoch * class)
    weights, bias = _ridge(_inputs([of_sample[epoch] for epoch in looks]), targets)
    for chunk in candidates.split(_CHUNK):
        seen = [snapshots.predict(run, epoch, chunk) for epoch in looks]
        logits = torch.addmm(bias, _inputs(seen), weights).view(len(chunk), n_epochs, -1)
        for epoch, each in zip(looks, seen, strict=True):
            logits[:, epoch] = each.logits[0]
        yield _Estimated(logits.argmax(dim=-1).T.unsqueeze(0), torch.softmax(logits, dim=-1).sum(dim=1).unsqueeze(0))


def _inputs(seen: Sequence[Prediction]) -> Tensor:
    """(instance, width) logits and last hidden layers after several epochs."""
    return torch.cat([part[0] for each in seen for part in (each.logits, each.embeddings)], dim=1)


def _ridge(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(width, target) weights and (target,) intercepts of a ridge regression on (instance, width) inputs."""
    x, y = x.double(), y.double()
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    centred = x - x_mean
    gram = centred.T @ centred
    gram += (_RIDGE * gram.diagonal().mean().clamp(min=1e-12)) * torch.eye(len(gram), dtype=gram.dtype)
    weights = torch.cholesky_solve(centred.T @ (y - y_mean), torch.linalg.cholesky(gram))
    return weights.float(), (y_mean - x_mean @ weights).float()
