"""AFLite: the instances that remain when those that simple classifiers predict too well are filtered out."""

from __future__ import annotations

import itertools
import logging

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from cal.checks import numbers_in, refuse, whole_numbers
from cal.errors import AnalysisError
from cal.streams import Streams

logger = logging.getLogger(__name__)

RIDGE = 0.03
"""A probe minimises its mean loss + RIDGE / 2 * the squares of its coefficients.

On TREC and AG News as LSA vectors, held-out accuracy is the best of .001, .01 and .03, and steps converge the fastest.
"""

N_STEPS = 20  # of training: more change less than 1 % of the predictions, also with few instances a feature
CHUNK = 1024  # rows whose probabilities under all probes stay in a CPU's cache


def aflite(
    x: np.ndarray,
    gold: np.ndarray,
    count: int,
    *,
    n_probes: int = 64,
    train_share: float = 0.5,
    slice_size: int | None = None,
    threshold: float = 0.75,
    seed: int = 0,
) -> np.ndarray:
    """The `count` instances that remain after rounds of dropping those whose labels linear probes predict.

    In a round, each of `n_probes` logistic regressions is trained from zero on a random part of the instances that are
    left, and predicts the others. predictability(i) = right predictions / predictions of an instance that was held
    out. The `slice_size` most predictable are dropped if so many reach the threshold. Of equals those go first whose
    label was given the higher probability, on average while they were held out, and then by position.

    When fewer reach it, the probes find no more to filter. The paper ends there, with more instances than were asked
    for; here the instances in excess are then dropped at once by the predictability of that round, so that `count`
    remain exactly. The parts are drawn by position: give the rows in an order of their ids, such as that of a `Split`.

    Args:
        x: (instance, feature) vectors; features are standardised here, by all rows.
        gold: (instance,) gold classes.
        count: how many shall remain.
        n_probes: probes a round.
        train_share: probability that a probe is trained on an instance, in (0, 1).
        slice_size: how many a round drops; 2 % of all instances by default.
        threshold: predictability from which instances are dropped in slices.
        seed: of the parts.

    Returns:
        (count,) positions, ascending.

    Raises:
        ConfigError: listing every argument that is refused.
        AnalysisError: if the vectors do not fit the classes or are not finite, or there is only one class.

    References:
        WinoGrande: An Adversarial Winograd Schema Challenge at Scale (Sakaguchi et al., 2020)
        https://arxiv.org/abs/1907.10641
        Adversarial Filters of Dataset Biases (Le Bras et al., 2020)
        https://arxiv.org/abs/2002.04108

    Example:
        >>> gold = np.arange(100) % 2
        >>> x = np.random.default_rng(0).normal(size=(100, 3))
        >>> x[:40, 0] += 9 * (gold[:40] - 0.5)  # gives the label away
        >>> dropped = np.setdiff1d(np.arange(100), aflite(x, gold, 80, seed=7))
        >>> len(dropped), bool((dropped < 40).all())
        (20, True)
    """
    slice_size = max(len(x) // 50, 1) if slice_size is None else slice_size
    _check(x, gold, count, n_probes, train_share, slice_size, threshold)
    inputs = _standardised(x)
    classes = torch.from_numpy(np.unique(gold, return_inverse=True)[1])
    left = np.arange(len(x))
    for round in itertools.count():
        if (excess := len(left) - count) == 0:
            break
        trained_on = Streams([seed], round).start("aflite").keep(train_share, len(x), n_probes)[0][left]
        ridge = RIDGE * train_share * len(left)
        predicted, gold_prob = train_probes(inputs[left], classes[left], trained_on, ridge)
        held_out = ~trained_on
        n_held_out = held_out.sum(dim=1).clamp(min=1)
        right = (predicted == classes[left].unsqueeze(1)) & held_out
        predictability = (right.sum(dim=1) / n_held_out).numpy()
        sureness = ((gold_prob * held_out).sum(dim=1) / n_held_out).numpy()
        n_found = int((predictability >= threshold).sum())
        if n_found < min(slice_size, excess):
            logger.info("Round %d: %d reach the threshold; the last %d are dropped at once.", round, n_found, excess)
        n_dropped = min(slice_size, excess) if n_found >= slice_size else excess
        left = np.delete(left, np.lexsort((-sureness, -predictability))[:n_dropped])
    return left


def train_probes(x: Tensor, classes: Tensor, trained_on: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """What logistic regressions predict of all instances, after all of them were trained side by side.

    Each minimises the sum of its cross-entropies + ridge / 2 * the squares of all coefficients but the intercepts.
    The Hessian of every probe is at most X'X / 2 + ridge (Böhning's bound), so one factorisation serves all steps of
    all of them, without a step size to choose; the steps are accelerated as Nesterov's.

    Args:
        x: (instance, feature) inputs; the last column, of ones, has the intercepts.
        classes: (instance,) from 0.
        trained_on: (instance, probe) whether a probe is trained on an instance.
        ridge: strength of the regularisation.

    Returns:
        (instance, probe) predicted classes, and (instance, probe) probabilities of the classes given.

    References:
        Multinomial logistic regression algorithm (Böhning, 1992)
        https://doi.org/10.1007/BF00048682
        A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems (Beck and Teboulle, 2009)
        https://doi.org/10.1137/080716542

    Example:
        >>> x = torch.tensor([[-2.0, 1.0], [-1.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
        >>> trained_on = torch.tensor([[True, False], [False, True], [True, False], [False, True]])
        >>> train_probes(x, torch.tensor([0, 0, 1, 1]), trained_on, 0.1)[0].T.tolist()
        [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    n_classes, n_probes = int(classes.max()) + 1, trained_on.shape[1]
    # Coefficients of all classes sum to 0, and so do gradients: those of the last class need not be computed.
    targets = one_hot(classes, n_classes)[:, :-1].to(x.dtype).unsqueeze(2)  # (instance, class but the last, 1)
    masks = trained_on.to(x.dtype).unsqueeze(1)  # (instance, 1, probe)
    penalty = x.new_full((x.shape[1], 1), ridge)
    penalty[-1] = 0
    bound = (x.T @ x / 2 + penalty.squeeze(1).diag()).double()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(bound)).to(x.dtype)

    def logits(rows: Tensor, weights: Tensor) -> Tensor:
        scores = (rows @ weights).view(len(rows), n_classes - 1, n_probes)
        return torch.cat([scores, -scores.sum(dim=1, keepdim=True)], dim=1)  # (row, class, probe)

    weights = ahead = x.new_zeros(x.shape[1], (n_classes - 1) * n_probes)
    for step in range(N_STEPS):
        gradient = penalty * ahead
        for rows, target, mask in zip(x.split(CHUNK), targets.split(CHUNK), masks.split(CHUNK), strict=True):
            errors = (logits(rows, ahead).softmax(dim=1)[:, :-1] - target) * mask
            gradient.addmm_(rows.T, errors.view(len(rows), -1))
        before, weights = weights, ahead - inverse @ gradient
        ahead = weights + step / (step + 3) * (weights - before)
    predicted, gold_prob = [], []
    for rows, labels in zip(x.split(CHUNK), classes.split(CHUNK), strict=True):
        probs = logits(rows, weights).softmax(dim=1)
        predicted.append(probs.max(dim=1).indices)  # many times as fast as argmax, and like it the first of several
        gold_prob.append(probs[torch.arange(len(rows)), labels])
    return torch.cat(predicted), torch.cat(gold_prob)


def _standardised(x: np.ndarray) -> Tensor:
    """(instance, feature + 1) float32: features of mean 0 and variance 1, or 0 where they are constant, and ones."""
    inputs = torch.from_numpy(x.astype(np.float64))  # a copy: vectors from a cache cannot be written to
    spread, mean = torch.std_mean(inputs, dim=0, correction=0)
    inputs = (inputs - mean) / torch.where(spread > 1e-9 * mean.abs(), spread, torch.inf)
    return torch.cat([inputs, inputs.new_ones(len(inputs), 1)], dim=1).float()


def _check(
    x: np.ndarray,
    gold: np.ndarray,
    count: int,
    n_probes: int,
    train_share: float,
    slice_size: int,
    threshold: float,
) -> None:
    problems = whole_numbers(count=count, n_probes=n_probes, slice_size=slice_size)
    if not problems and count > len(x):
        problems.append(f"count is {count:,}, but there are {len(x):,} instances; give fewer.")
    refuse(problems + numbers_in("(0, 1)", train_share=train_share) + numbers_in("(0, 1]", threshold=threshold))
    if x.ndim != 2 or gold.shape != x.shape[:1]:
        raise AnalysisError(
            f"Vectors of shape {x.shape} and classes of shape {gold.shape} do not fit each other; give "
            "(instance, feature) and (instance,)."
        )
    if not np.isfinite(x).all():
        raise AnalysisError("The vectors hold NaN or infinity; every feature must be a finite number.")
    if len(np.unique(gold)) < 2:
        raise AnalysisError("All instances have one class; AFLite asks how well classes are told apart.")
