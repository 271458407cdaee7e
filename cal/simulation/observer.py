"""Observer: evaluates stopping criteria on the runs of a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cal.acquisition.pool import Pool
from cal.acquisition.uncertainty import entropy
from cal.learners.base import Learner
from cal.simulation.dev_set import DevSet
from cal.simulation.stopping import Criterion, Observation
from cal.streams import stream

STOP_SET_SIZE = 2000  # that of Bloodgood and Vijay-Shanker (2009)


class Observer:
    """Observes each round of several runs and evaluates stopping criteria on what it has seen.

    Args:
        criteria: criteria by label.
        stop: whether a run ends with the first criterion that is met; otherwise that is only noted.
        seeds: seed of each run.
        gold: (instance,) gold classes of the train split, or (run, instance) the labels that each run is given.
        dev_set: labelled documents that nothing is trained on.
        before: per run, the observations of the rounds already finished.
    """

    def __init__(
        self,
        criteria: Mapping[str, Criterion],
        stop: bool,
        seeds: Sequence[int],
        gold: Tensor,
        dev_set: DevSet,
        before: Sequence[Sequence[Observation]],
    ) -> None:
        self._criteria, self._stop, self._gold = criteria, stop, gold.expand(len(seeds), -1)
        self._stop_sets = torch.stack([_stop_set(seed, gold.shape[-1]) for seed in seeds]).to(gold.device)
        self._dev_set = dev_set.to(gold.device)
        self._aside = dev_set.rows(seeds, gold.device)
        self._histories = [list(observations) for observations in before]

    def observe(self, rows: Sequence[int], learner: Learner, pool: Pool) -> list[Observation]:
        """Observes some runs of the block.

        Args:
            rows: positions of the runs.
            learner: their classifiers.
            pool: their pool, as it was before the batch of this round was chosen.

        Returns:
            An observation of each run.
        """
        probs = learner.predict(self._stop_sets[rows]).probs  # (run, instance, class)
        dev_scores = self._dev_set.scores(learner, self._aside[rows], self._gold[list(rows)])
        return [
            self._judged(
                row,
                Observation(
                    round=pool.round,
                    n_labelled=pool.labelled.shape[1],
                    predicted=probs[i].argmax(-1).cpu().numpy(),
                    expected_accuracy=probs[i].amax(-1).mean().item(),
                    uncertainty=_mean_entropy(pool.probs[i]),
                    dev_accuracy=dev_scores[i][0],
                    dev_macro_f1=dev_scores[i][1],
                ),
            )
            for i, row in enumerate(rows)
        ]

    def ends(self, row: int) -> bool:
        """Whether a run ends with the round observed last."""
        return self._stop and bool(self._histories[row][-1].met)

    def _judged(self, row: int, observation: Observation) -> Observation:
        history = self._histories[row]
        known = {label for earlier in history for label in earlier.met}
        history.append(observation)
        met = [label for label, rule in self._criteria.items() if label not in known and rule.met(history)]
        history[-1] = replace(observation, met=met)
        return history[-1]


def _stop_set(seed: int, n_instances: int) -> Tensor:
    """(instance,) a random sample of the train split, the same in every round and for every strategy of a seed."""
    draws = torch.rand(n_instances, generator=stream(seed, "stop_set"), dtype=torch.float64)
    return draws.argsort()[:STOP_SET_SIZE].sort().values


def _mean_entropy(probs: Tensor) -> float:
    """Mean entropy of (instance, class) probabilities in bits; 0 if there is no instance."""
    return entropy(probs).mean().item() if len(probs) else 0.0
