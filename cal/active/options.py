"""How the documents to label are chosen: the parameters that every form of the loop takes, and their checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from cal.checks import Problems, all_problems, label_names, numbers_in, whole_numbers
from cal.errors import shown

if TYPE_CHECKING:
    from cal.acquisition.base import Acquisition
    from cal.learners.base import LearnerConfig
    from cal.simulation.seed_sets import SeedSet
    from cal.simulation.stopping import Criterion


@dataclass(frozen=True)
class Choices:
    """The options with every name replaced by what it stands for.

    Attributes:
        strategy: the strategy, and its label in messages.
        learner: hyperparameters of the classifiers.
        features: document vectors, or a way to compute them; None for a learner that reads the texts.
        seed_set: what chooses the first documents.
        criteria: stopping criteria by label.
        labels: labels named beforehand.
        seed: seed of all draws.
        test_share: share of test documents.
        explore: share of each batch that looks for new classes.
        per_class: number of labels that every class needs before a classifier is trained.
        device: `cpu` or `cuda`.
    """

    strategy: Acquisition
    strategy_label: str
    learner: LearnerConfig
    features: Any
    seed_set: SeedSet
    criteria: Mapping[str, Criterion]
    labels: tuple[str, ...]
    seed: int
    test_share: float
    explore: float
    per_class: int
    device: str


@dataclass(kw_only=True)
class LoopOptions:
    """How the documents to label are chosen.

    Args:
        strategy: strategy that chooses, a name, {name: {parameter: value}} or {mix: shares}; in Python also an object
            or a function of the pool
        learner: classifier and its hyperparameters, its name or {name: {parameter: value}}
        n_epochs: number of passes over the training data; null keeps the learner's
        features: document vectors, or a way to compute them, its name or {name: {parameter: value}}; null for a
            learner that reads the texts
        labels: list of the labels in their order, if you know them; others may come up at any time
        seed_set: way to choose the first documents, without labels: kmeans, typiclust or random
        seed: seed of all draws
        test_share: share of each batch that is drawn at random and measures accuracy; nothing is trained on it
        explore: share of each batch that looks for classes nobody has seen yet, among documents like many others and
            unlike all labelled ones
        per_class: number of labels that every class needs before a classifier is trained; of classes that are hard to
            find it does not wait for ever
        stopping: criteria to report, such as [stabilising_predictions, {overall_uncertainty: {threshold: .2}}]
        device: where to train: auto, cpu or cuda
    """

    strategy: Any = "margin"
    learner: Any = "small_mlp"
    n_epochs: int | None = None
    features: Any = "auto"
    labels: Sequence[str] | None = None
    seed_set: Any = "kmeans"
    seed: int = 0
    test_share: float = 0.1
    explore: float = 0.0
    per_class: int = 1
    stopping: Any = ()
    device: str = "auto"
    choices: Choices = field(init=False, repr=False, compare=False)

    def resolve(self, problems: Problems) -> None:
        """Sets `choices`, and adds everything invalid to `problems`."""
        from cal.acquisition.base import unmet_needs
        from cal.acquisition.spec import make_strategies
        from cal.data.features import as_features
        from cal.learners.base import as_learner
        from cal.learners.compute import resolve_device
        from cal.simulation.seed_sets import make_seed_set
        from cal.simulation.stopping import make_criteria

        n_before = len(problems)
        strategies = problems.attempt(lambda: make_strategies([self.strategy]), otherwise={})
        epochs = {} if self.n_epochs is None else {"n_epochs": self.n_epochs}
        learner: Any = problems.attempt(lambda: as_learner(self.learner, **epochs), otherwise=None)
        features = problems.attempt(lambda: as_features(self.features), otherwise=None)
        chooser: Any = problems.attempt(lambda: make_seed_set(self.seed_set), otherwise=None)
        criteria = problems.attempt(lambda: make_criteria(self.stopping), otherwise={})
        device = problems.attempt(
            lambda: resolve_device(self.device, learner is None or learner.uses_gpu), otherwise="cpu"
        )
        problems += whole_numbers(0, seed=self.seed, per_class=self.per_class)
        problems += numbers_in("[0, 1)", test_share=self.test_share, explore=self.explore)
        problems += label_names(or_null=True, labels=self.labels)
        if chooser is not None and (chooser.covers_classes or not _needs_no_labels(chooser)):
            problems.append(
                f"seed_set={shown(self.seed_set)} chooses by labels, and there are none yet. Give kmeans, typiclust or "
                "random."
            )
        if learner is not None:
            for name, strategy in strategies.items():
                unmet = problems.attempt(partial(unmet_needs, strategy, learner.abilities), otherwise=[])
                problems += [f"strategy '{name}' {need}" for need in unmet]
        if len(problems) > n_before:
            return
        ((label, strategy),) = strategies.items()
        if not learner.reads_features and not chooser.reads_features and not self.explore:
            features = None
        self.choices = Choices(
            *(strategy, label, learner, features, chooser, criteria, tuple(self.labels or ()), self.seed),
            *(self.test_share, self.explore, self.per_class, device),
        )

    def chosen(self) -> Choices:
        """The options with every name replaced by what it stands for.

        Raises:
            ConfigError: listing everything wrong with them.
        """
        with all_problems() as problems:
            self.resolve(problems)
        return self.choices


def _needs_no_labels(chooser: Any) -> bool:
    from cal.simulation.seed_sets import RandomSeedSet

    return bool(chooser.reads_features) or isinstance(chooser, RandomSeedSet)
