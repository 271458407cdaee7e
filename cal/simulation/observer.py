"""Observer: what stopping criteria are told of the runs of a block, and what they say."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal.acquisition.pool import Pool
from cal.acquisition.uncertainty import entropy
from cal.dynamics.metrics import predicted
from cal.learners.base import Learner
from cal.learners.evaluate import accuracy
from cal.simulation.stopping import Criterion, Observation
from cal.streams import stream

STOP_SET_SIZE = 2000  # that of Bloodgood and Vijay-Shanker (2009)


@dataclass(frozen=True, eq=False)
class Stopping:
    """What is asked after each round.

    Attributes:
        criteria: by label; none are asked nothing.
        ends: whether a run ends with the first criterion that is met; else that is only noted.
        dev_sets: instances set aside, by seed.
    """

    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    ends: bool = False
    dev_sets: Mapping[int, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Observed:
    """One round of one run as criteria see it.

    Attributes:
        observation: what they were told.
        met: labels of those that it met for the first time.
    """

    observation: Observation
    met: list[str]

    def record(self) -> dict[str, Any]:
        """What the run folder keeps of it, less what it keeps of every round."""
        classes = np.asarray(self.observation.predicted, dtype="<i4")
        return {
            "predicted": base64.b64encode(zlib.compress(classes.tobytes())).decode(),
            "expected_accuracy": self.observation.expected_accuracy,
            "uncertainty": self.observation.uncertainty,
            "dev_accuracy": self.observation.dev_accuracy,
            "met": self.met,
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Observed:
        """What was kept with a finished round."""
        kept = {**record["stopping"]}
        classes = np.frombuffer(zlib.decompress(base64.b64decode(kept.pop("predicted"))), dtype="<i4")
        met = kept.pop("met")
        return cls(Observation(round=record["round"], n_labelled=record["n_labelled"], predicted=classes, **kept), met)


class Observer:
    """Tells criteria of each round of the runs of a block.

    Args:
        stopping: what is asked.
        seeds: of each run.
        gold: (instance,) gold classes of the train split.
        before: per run, what was observed of the rounds already finished.
    """

    def __init__(
        self, stopping: Stopping, seeds: Sequence[int], gold: Tensor, before: Sequence[Sequence[Observed]]
    ) -> None:
        self.stopping, self._gold = stopping, gold
        self._stop_sets = torch.stack([_stop_set(seed, len(gold)) for seed in seeds]).to(gold.device)
        self._dev_sets = torch.tensor([stopping.dev_sets.get(seed, []) for seed in seeds], dtype=torch.long).to(
            gold.device
        )
        self._observed = [list(observed) for observed in before]

    def observe(self, rows: Sequence[int], learner: Learner, pool: Pool) -> list[Observed]:
        """What is observed of some runs in this round.

        Args:
            rows: which runs of the block.
            learner: their classifiers.
            pool: of them, as it was before the next batch was chosen.
        """
        probs = learner.predict(self._stop_sets[rows]).probs  # (run, instance, class)
        dev_sets = self._dev_sets[rows]
        dev_accuracies: list[float | None] = [None] * len(rows)
        if dev_sets.shape[1]:
            answers = predicted(learner.predict(dev_sets).logits)
            dev_accuracies = [accuracy(answers[i], self._gold[dev_sets[i]]).item() for i in range(len(rows))]
        return [
            self._judged(
                row,
                Observation(
                    round=pool.round,
                    n_labelled=pool.labelled.shape[1],
                    predicted=probs[i].argmax(-1).cpu().numpy(),
                    expected_accuracy=probs[i].amax(-1).mean().item(),
                    uncertainty=_mean_entropy(pool.probs[i]),
                    dev_accuracy=dev_accuracies[i],
                ),
            )
            for i, row in enumerate(rows)
        ]

    def ends(self, row: int) -> bool:
        """Whether a run ends with the round last observed."""
        return self.stopping.ends and bool(self._observed[row][-1].met)

    def _judged(self, row: int, observation: Observation) -> Observed:
        before = self._observed[row]
        history = [*(observed.observation for observed in before), observation]
        known = {label for observed in before for label in observed.met}
        met = [label for label, rule in self.stopping.criteria.items() if label not in known and rule.met(history)]
        before.append(Observed(observation, met))
        return before[-1]


def _stop_set(seed: int, n_instances: int) -> Tensor:
    """(instance,) a random sample of the train split, the same in every round and for every strategy of a seed."""
    draws = torch.rand(n_instances, generator=stream(seed, "stop_set"), dtype=torch.float64)
    return draws.argsort()[:STOP_SET_SIZE].sort().values


def _mean_entropy(probs: Tensor) -> float:
    """In bits, of (instance, class) probabilities; 0 where there is no instance."""
    return entropy(probs).mean().item() if len(probs) else 0.0
