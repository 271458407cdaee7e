"""How the backend of Label Studio chooses: the parameters of `cal annotate label-studio` that are about models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cal.active.options import LoopOptions
from cal.checks import Problems, true_or_false, whole_numbers


@dataclass(kw_only=True)
class BackendOptions(LoopOptions):
    """How tasks are chosen.

    Args:
        question: name of the choices to learn, for labelling configurations with several
        seed_size: number of tasks that annotators decide before the first training
        batch: number of tasks that they decide before the next training
        suggest: whether predictions have labels; without, annotators are not swayed, and the order is the same
    """

    question: str | None = None
    seed_size: int = 50
    batch: int = 25
    suggest: bool = True

    def resolve(self, problems: Problems) -> None:
        super().resolve(problems)
        problems += whole_numbers(1, seed_size=self.seed_size, batch=self.batch)
        problems += true_or_false(suggest=self.suggest)
        if self.stopping:
            problems.append("stopping is not for Label Studio, which has no place to tell it. Leave it out.")
        if self.question is not None and not isinstance(self.question, str):
            problems.append(f"question must be the name of choices, not {self.question!r}.")

    @property
    def key(self) -> str:
        """What an order depends on, as text: with other options the tasks are put in order again."""
        names = (
            "strategy",
            "learner",
            "n_epochs",
            "features",
            "labels",
            "seed_set",
            "seed",
            "test_share",
            "explore",
            "per_class",
        )
        values: dict[str, Any] = {name: getattr(self, name) for name in (*names, "question", "suggest")}
        return json.dumps(values, default=repr)
