"""Dev set: labelled documents that stopping criteria look at and nothing is trained on.

It is the dev split of the corpus, the same for all seeds, or `dev_size` documents that are set aside from train, others
for each seed. If there are both, what is asked for by `dev_size` counts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cal.data.cautions import in_train
from cal.data.corpus import Corpus
from cal.dynamics.metrics import predicted
from cal.errors import ConfigError, quantity
from cal.learners.base import Learner
from cal.learners.evaluate import accuracy, macro_f1
from cal.simulation.seed_sets import choose_dev_set
from cal.simulation.stopping import Criterion

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class DevSet:
    """Labelled documents for stopping criteria, and how well classifiers do on them.

    Attributes:
        aside: instances of the train split that are set aside, by seed; empty if there are none.
        gold: (instance,) gold classes of the dev split; None if it is not used.
        n_classes: number of labels.
        least: documents that each label must have before a macro F1 is told.
    """

    aside: Mapping[int, Sequence[int]] = field(default_factory=dict)
    gold: Tensor | None = None
    n_classes: int = 0
    least: int = 0

    @classmethod
    def of(
        cls,
        corpus: Corpus,
        criteria: Mapping[str, Criterion],
        dev_size: int,
        seeds: Sequence[int],
        copies: Sequence[int] = (),
    ) -> DevSet:
        """That of a simulation.

        Args:
            corpus: what is learnt.
            criteria: stopping criteria by label.
            dev_size: number of documents of train to set aside; 0 for the dev split of the corpus, if it has one.
            seeds: seeds of the runs.
            copies: instances of train that are not to be set aside, because another one has the same text.

        Raises:
            ConfigError: if a criterion needs a dev set and there is none.

        Example:
            >>> from cal.data.corpus import Split
            >>> from cal.simulation.stopping import make_criteria
            >>> train, test, dev = (Split([f"{s}0", f"{s}1"], [f"Who {s}?", f"What {s}?"], [0, 1], s) for s in "abc")
            >>> corpus = Corpus(train, test, ["person", "thing"], dev=dev)
            >>> criteria = make_criteria([{"target_macro_f1": {"macro_f1": 0.8}}])
            >>> dev_set = DevSet.of(corpus, criteria, dev_size=0, seeds=[1])
            >>> dev_set.gold.sort().values
            tensor([0, 1])
        """
        reading = [label for label, criterion in criteria.items() if criterion.needs_dev_set]
        if dev_size:
            if corpus.dev is not None:
                logger.warning(
                    "dev_size=%d sets documents of train aside, so the %s of dev are not used. Leave dev_size out to "
                    "use them instead.",
                    *(dev_size, quantity(len(corpus.dev), "document")),
                )
            aside = {seed: choose_dev_set(corpus.train.gold, dev_size, seed, copies) for seed in seeds}
            return cls(aside, n_classes=corpus.n_classes)
        if not reading:
            return cls()
        if corpus.dev is None:
            raise ConfigError(
                f"{reading[0]} needs labelled documents that nothing is trained on, and {corpus.name} has no dev "
                "split. Give dev_size=200 or so to set documents of train aside, or a dev split, such as dev.csv."
            )
        if n_known := in_train(corpus, "dev"):
            logger.warning(
                "%d of the %s of dev have a text that is also in train: %s may be met too early.",
                *(n_known, quantity(len(corpus.dev), "document"), reading[0]),
            )
        return cls(gold=torch.from_numpy(corpus.dev.gold), n_classes=corpus.n_classes)

    def to(self, device: str | torch.device) -> DevSet:
        """A copy on a device."""
        gold = None if self.gold is None else self.gold.to(device)
        return DevSet(self.aside, gold, self.n_classes, self.least)

    def rows(self, seeds: Sequence[int], device: torch.device) -> Tensor:
        """(run, instance) instances of train that are set aside for runs of these seeds."""
        return torch.tensor([self.aside.get(seed, []) for seed in seeds], dtype=torch.long, device=device)

    def scores(self, learner: Learner, rows: Tensor, gold: Tensor) -> list[tuple[float | None, float | None]]:
        """Accuracy and macro F1 of each run; None where there is nothing to tell them by.

        Args:
            learner: classifiers of the runs.
            rows: (run, instance) instances of train that are set aside for them.
            gold: (instance,) gold classes of the train split, or (run, instance) the labels that each run is given.
        """
        if self.gold is not None:
            answers = predicted(learner.predict_split("dev"))  # (run, instance)
            right = [self.gold] * len(answers)
        elif rows.shape[1]:
            answers = predicted(learner.predict(rows).logits)
            right = list(gold.expand(len(rows), -1).gather(1, rows))
        else:
            return [(None, None)] * len(rows)
        pairs = zip(answers, right, strict=True)
        return [(accuracy(each, gold_of_run).item(), self._macro_f1(each, gold_of_run)) for each, gold_of_run in pairs]

    def _macro_f1(self, answers: Tensor, gold: Tensor) -> float | None:
        # Labels of a live run that the classifier does not know are -1: one more class, which it never predicts.
        gold = torch.where(gold < 0, self.n_classes, gold)
        if (torch.bincount(gold, minlength=self.n_classes)[: self.n_classes] < self.least).any():
            return None
        return macro_f1(answers[None], gold, self.n_classes + 1).item()
