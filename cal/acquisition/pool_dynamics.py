"""Strategies on prediction dynamics: what the classifier predicted for candidates after each epoch of its training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from cal.acquisition.base import Acquisition
from cal.acquisition.discriminative import Discriminative
from cal.acquisition.learnt import learnt
from cal.acquisition.pool import Batch, Pool
from cal.acquisition.short_look import shortlist
from cal.acquisition.uncertainty import entropy, margin
from cal.checks import one_of, refuse, whole_numbers
from cal.dynamics.prediction_dynamics import PredictionDynamics
from cal.learners.nn import StackedMLP


@dataclass
class OverEpochs(Acquisition, ABC):
    """A strategy on what the classifier predicted after each epoch.

    Args:
        full_look: number of candidates up to which all are predicted after every epoch. Of a larger pool, a perceptron
            on a CPU predicts all candidates after three epochs, and after every epoch those that are best by an
            estimate from these, a tenth. On TREC, AG News and docstrings this chose 92 % or more of what a full look
            chooses for `label_switches`, and 97 % or more for the others.
    """

    needs = frozenset({"predictions"})
    cost = "passes"
    pointwise = True

    full_look: int = 8_000

    def __post_init__(self) -> None:
        refuse(whole_numbers(0, full_look=self.full_look))

    @abstractmethod
    def rated(self, predictions: PredictionDynamics) -> Tensor:
        """(run, instance) scores from predictions over epochs."""

    def score(self, pool: Pool) -> Tensor:
        return self.rated(pool.predictions)

    def select(self, pool: Pool, n: int) -> Batch:
        best = shortlist(self.rated, pool, n) if pool.candidates.shape[1] > self.full_look else None
        if best is None:
            return super().select(pool, n)
        part = pool.only(best)
        return part.in_whole(super().select(part, n))


@dataclass
class AveragedEntropy(OverEpochs):
    """H(mean_t p_t), in bits: entropy of the class probabilities averaged over epochs.

    TiDAL predicts these averages; here they are recorded, with one pass over the pool after each epoch.

    References:
        TiDAL: Learning Training Dynamics for Active Learning (Kye et al., 2023)
        https://arxiv.org/abs/2210.06788
    """

    year = 2023

    def rated(self, predictions: PredictionDynamics) -> Tensor:
        return entropy(predictions.mean_probs)


@dataclass
class AveragedMargin(OverEpochs):
    """p(second y) - p(first y) of mean_t p_t: negated margin of the class probabilities averaged over epochs.

    References:
        TiDAL: Learning Training Dynamics for Active Learning (Kye et al., 2023)
        https://arxiv.org/abs/2210.06788
    """

    year = 2023

    def rated(self, predictions: PredictionDynamics) -> Tensor:
        return -margin(predictions.mean_probs)


@dataclass
class EpochDisagreement(OverEpochs):
    """|{t: argmax p_t != argmax p_T}| / T: share of epochs that predicted a class other than the last epoch.

    References:
        Selective Prediction via Training Dynamics (Rabanser et al., 2022), which weights late epochs more
        https://arxiv.org/abs/2205.13532
    """

    year = 2022

    def rated(self, predictions: PredictionDynamics) -> Tensor:
        return predictions.disagreement


@dataclass
class LabelSwitches(OverEpochs):
    """sum_t 1[argmax p_t != argmax p_{t-1}]: number of times that the predicted class changed from epoch to epoch.

    References:
        Forgetful Active Learning with Switch Events (Benkert et al., 2023)
        https://arxiv.org/abs/2301.05106
    """

    year = 2023

    def rated(self, predictions: PredictionDynamics) -> Tensor:
        return predictions.switches


@dataclass
class LabelDispersion(OverEpochs):
    """1 - max_c |{t: argmax p_t = c}| / T: share of epochs that predicted a class other than the most frequent one.

    References:
        When Deep Learners Change Their Mind: Learning Dynamics for Active Learning (Zolfaghari Bengar et al., 2021)
        https://arxiv.org/abs/2107.14707
    """

    year = 2021

    def rated(self, predictions: PredictionDynamics) -> Tensor:
        return predictions.dispersion


@dataclass
class Tidal(Discriminative):
    """H(m(h(x))), in bits: entropy of the averaged class probabilities that a module m predicts from the embedding.

    The module is trained on the labelled set, with the class probabilities averaged over epochs as targets.

    The paper trains the module jointly with the classifier, on several of its layers, and averages probabilities with
    dropout and augmentation on. Here the module is trained afterwards, on the last hidden layer, so that it does not
    affect the classifier, and its targets average the predictions after each epoch.

    Args:
        measure: `entropy`, or `margin` for the largest probability of another class minus the probability of the class
            that the classifier predicts.

    References:
        TiDAL: Learning Training Dynamics for Active Learning (Kye et al., 2023)
        https://arxiv.org/abs/2210.06788
    """

    needs = frozenset({"embeddings", "predictions"})
    year = 2023
    pointwise = True

    measure: Literal["entropy", "margin"] = "entropy"

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse(one_of(["entropy", "margin"], measure=self.measure))

    def score(self, pool: Pool) -> Tensor:
        probs = self.class_probs(pool, learnt(self, pool, lambda: self._module(pool)))
        if self.measure == "entropy":
            return entropy(probs)
        predicted = pool.probs.argmax(dim=-1, keepdim=True)
        return (probs.scatter(-1, predicted, 0.0).amax(dim=-1, keepdim=True) - probs.gather(-1, predicted)).squeeze(-1)

    def _module(self, pool: Pool) -> StackedMLP:
        target = pool.labelled_predictions.mean_probs  # (run, labelled, class)
        return self.trained(pool, pool.labelled_embeddings, target, pool.n_classes)
