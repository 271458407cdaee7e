"""AFLite: filters out the instances that simple classifiers predict too well."""

from __future__ import annotations

import itertools
import logging
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from cal.arrays import as_reals, as_whole
from cal.checks import numbers_in, refuse, whole_numbers
from cal.errors import AnalysisError
from cal.streams import Streams
from cal.threads import one_thread

logger = logging.getLogger(__name__)

RIDGE = 0.03
"""A probe minimises its mean loss + RIDGE / 2 * the sum of its squared coefficients.

Of .001, .01 and .03, this value had the best held-out accuracy on LSA vectors of TREC and AG News (then of an
approximate SVD), and converges fastest.
"""

CONVERGED = 1e-4  # relative change of the coefficients: then over 99.8 % of held-out predictions are final
MAX_STEPS = 300  # 20 to 200 are needed, more with few instances per feature; none if a class is used up
CHUNK = 1024  # rows whose probabilities under all probes fit in a CPU's cache


@one_thread()
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
    """The `count` instances left after repeatedly dropping those that linear probes predict best.

    In each round, `n_probes` logistic regressions train on random parts of the remaining instances and predict the
    held-out rest. Predictability is the share of correct held-out predictions of an instance. If at least `slice_size`
    instances reach the threshold, the most predictable `slice_size` are dropped. Ties are broken by the mean held-out
    probability of the label, highest first, then by position.

    Once fewer instances reach the threshold, the paper stops, with more than `count` instances left. Here the excess is
    dropped at once, by the predictability of that round. Parts are drawn by position, so give rows in an order that
    depends on ids only, such as that of a `Split`.

    Args:
        x: (instance, feature) vectors; they are standardised here.
        gold: (instance,) gold classes.
        count: number of instances to keep.
        n_probes: number of probes per round.
        train_share: probability in (0, 1) that a probe trains on an instance.
        slice_size: number of instances to drop per round; by default 2 % of all.
        threshold: predictability from which instances are dropped.
        seed: seed of the parts.

    Returns:
        (count,) positions, ascending.

    Raises:
        ConfigError: listing every invalid argument.
        AnalysisError: if vectors and classes do not match, vectors are not finite, or there is only one class.

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
    x, gold = as_reals("x", x, None, AnalysisError), as_whole("gold", gold, AnalysisError)
    refuse(whole_numbers(0, seed=seed))
    slice_size = max(len(gold) // 50, 1) if slice_size is None else slice_size
    _check(x, gold, count, n_probes, train_share, slice_size, threshold)
    inputs = _standardised(x)
    classes = torch.from_numpy(np.unique(gold, return_inverse=True)[1])
    left = np.arange(len(x))
    for round in itertools.count():
        if (excess := len(left) - count) == 0:
            break
        trained_on = Streams([seed], round).start("aflite").keep(train_share, len(x), n_probes)[0][left]
        ridge = RIDGE * train_share * len(left)
        predictability, gold_prob = _held_out_means(inputs[left], classes[left], trained_on, ridge)
        n_found = int((predictability >= threshold).sum())
        if n_found < min(slice_size, excess):
            logger.info("Round %d: %d reach the threshold; dropping the last %d at once.", round, n_found, excess)
        n_dropped = min(slice_size, excess) if n_found >= slice_size else excess
        left = np.delete(left, np.lexsort((-gold_prob, -predictability))[:n_dropped])
    return left


def _held_out_means(x: Tensor, classes: Tensor, trained_on: Tensor, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """(instance,) share of correct predictions and mean gold probability, over the probes not trained on each."""
    predicted, gold_prob = train_probes(x, classes, trained_on, ridge)
    held_out = ~trained_on
    n_held_out = held_out.sum(dim=1).clamp(min=1)
    right = (predicted == classes.unsqueeze(1)) & held_out
    return (right.sum(dim=1) / n_held_out).numpy(), ((gold_prob * held_out).sum(dim=1) / n_held_out).numpy()


def train_probes(x: Tensor, classes: Tensor, trained_on: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Trains logistic regressions side by side, and predicts all instances with each.

    Each minimises the sum of its cross-entropies + ridge / 2 * the sum of its squared coefficients, intercepts
    excluded. X'X / 2 + ridge bounds the Hessian of every probe (Böhning), so one factorisation serves all steps of all
    probes, without a step size to choose. Steps are accelerated (Nesterov), which starts anew whenever it leads uphill,
    and end when coefficients hardly change.

    Args:
        x: (instance, feature) inputs; the last column is all ones.
        classes: (instance,) classes from 0.
        trained_on: (instance, probe) whether a probe trains on an instance.
        ridge: strength of the regularisation.

    Returns:
        (instance, probe) predicted classes, and (instance, probe) probabilities of `classes`.

    References:
        Multinomial logistic regression algorithm (Böhning, 1992)
        https://doi.org/10.1007/BF00048682
        A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems (Beck and Teboulle, 2009)
        https://doi.org/10.1137/080716542
        Adaptive Restart for Accelerated Gradient Schemes (O'Donoghue and Candès, 2015)
        https://doi.org/10.1007/s10208-013-9150-3

    Example:
        >>> x = torch.tensor([[-2.0, 1.0], [-1.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
        >>> trained_on = torch.tensor([[True, False], [False, True], [True, False], [False, True]])
        >>> train_probes(x, torch.tensor([0, 0, 1, 1]), trained_on, 0.1)[0].T.tolist()
        [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    n_classes, n_probes = int(classes.max()) + 1, trained_on.shape[1]
    # Coefficients and gradients sum to 0 over classes, so those of the last class are not computed.
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
    momentum = 1.0
    for _ in range(MAX_STEPS):
        gradient = penalty * ahead
        for rows, target, mask in zip(x.split(CHUNK), targets.split(CHUNK), masks.split(CHUNK), strict=True):
            errors = (logits(rows, ahead).softmax(dim=1)[:, :-1] - target) * mask
            gradient.addmm_(rows.T, errors.view(len(rows), -1))
        before, weights = weights, ahead - inverse @ gradient
        change = weights - before
        if torch.linalg.vector_norm(change) <= CONVERGED * torch.linalg.vector_norm(weights):
            break
        if ((ahead - weights) * change).sum() > 0:  # uphill
            momentum = 1.0
        last, momentum = momentum, (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = weights + (last - 1) / momentum * change
    predicted, gold_prob = [], []
    for rows, labels in zip(x.split(CHUNK), classes.split(CHUNK), strict=True):
        probs = logits(rows, weights).softmax(dim=1)
        predicted.append(probs.max(dim=1).indices)  # many times faster than argmax, with the same ties
        gold_prob.append(probs[torch.arange(len(rows)), labels])
    return torch.cat(predicted), torch.cat(gold_prob)


def _standardised(x: np.ndarray) -> Tensor:
    """(instance, feature + 1) float32: features with mean 0 and variance 1 (constant ones are 0), then a 1."""
    inputs = torch.from_numpy(x.astype(np.float64))  # a copy: cached vectors are read-only
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
    if not problems and count > len(gold):
        problems.append(f"count is {count:,}, but there are only {len(gold):,} instances.")
    refuse(problems + numbers_in("(0, 1)", train_share=train_share) + numbers_in("(0, 1]", threshold=threshold))
    if x.ndim != 2 or gold.shape != x.shape[:1]:
        raise AnalysisError(
            f"Vectors of shape {x.shape} and classes of shape {gold.shape} do not match; give (instance, feature) and "
            "(instance,)."
        )
    if not np.isfinite(x).all():
        raise AnalysisError("The vectors contain NaN or infinity; every feature must be finite.")
    if len(np.unique(gold)) < 2:
        raise AnalysisError("All instances have the same class; AFLite needs at least two.")
