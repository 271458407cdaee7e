"""The part of a request that every command has that trains classifiers on a corpus."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal import registry
from cal.checks import Problems, is_path, paths, whole_numbers
from cal.data.request import CorpusRequest
from cal.errors import ConfigError

if TYPE_CHECKING:
    from cal.data.corpus import Corpus
    from cal.learners.base import LearnerConfig
    from cal.learners.grid import Setup

logger = logging.getLogger(__name__)
_OF_LEARNERS = ("n_epochs", "model", "precision")


@dataclass(kw_only=True)
class TrainingRequest(CorpusRequest):
    """Corpus, vectors, classifiers and where they are trained.

    Args:
        features: document vectors, or a way to compute them, its name or {name: {parameter: value}}; null for a
            learner that reads the texts
        learner: classifier and its hyperparameters, its name or {name: {parameter: value}}
        n_epochs: number of passes over the training data; null keeps the learner's
        model: pretrained encoder for learner=transformer: a name on the Hugging Face hub, or a folder; null keeps the
            learner's
        precision: precision of matrix products: float32, tf32 (GPUs) or bf16; null keeps the learner's
        device: where to train: auto, cpu or cuda
        workers: number of processes on a CPU; null is one per core; results do not depend on it
        output: folder of the results

    Attributes:
        vectors: which vectors features=auto has chosen, in words, once the corpus is read.
    """

    features: Any = "lsa"
    learner: Any = "mlp"
    n_epochs: int | None = None
    model: str | None = None
    precision: str | None = None
    device: str = "auto"
    workers: int | None = None
    output: Any = None
    vectors: str = field(init=False, repr=False, default="")

    def _resolve(self, problems: Problems) -> None:
        from cal.data.features import as_features

        super()._resolve(problems)
        problems += paths(or_null=True, output=self.output)
        self.output = Path(self.output) if is_path(self.output) else None
        problems += whole_numbers(or_null=True, workers=self.workers)
        self.features = problems.attempt(lambda: as_features(self.features), otherwise=None)
        self.learner = problems.attempt(self._chosen_learner, otherwise=None)
        uses_gpu = self.learner is None or self.learner.uses_gpu
        self.device = problems.attempt(lambda: self._device(uses_gpu), otherwise="cpu")
        if self.learner is not None and not self.learner.reads_features and not self._uses_features():
            self.features = None
        self._asked = self.features

    def corpus_if_given(self, corpus: Any = None) -> Corpus | None:
        from cal.data.auto import Auto

        read = super().corpus_if_given(corpus)
        if read is not None and isinstance(self._asked, Auto):
            self.features, self.vectors = self._asked.choose(read)
            logger.info(self.vectors)
        return read

    def _device(self, uses_gpu: bool) -> str:
        """The device to train on."""
        from cal.learners.compute import resolve_device

        return resolve_device(self.device, uses_gpu)

    def _uses_features(self) -> bool:
        """Whether anything but the learner reads document vectors."""
        return False

    def _chosen_learner(self) -> LearnerConfig:
        """The learner with the parameters that the request has for it."""
        from cal.learners.base import as_learner

        given = {name: getattr(self, name) for name in _OF_LEARNERS if getattr(self, name) is not None}
        spec = {self.learner: {}} if isinstance(self.learner, str) else self.learner
        if not (isinstance(spec, Mapping) and len(spec) == 1):
            return as_learner(spec, **given)
        ((name, parameters),) = spec.items()
        choice: Any = registry.find(registry.LEARNERS, "learner", str(name))
        if "model" in given and "model" not in [field.name for field in dataclasses.fields(choice)]:
            raise ConfigError(
                f"model={given['model']} is for learner=transformer, and this is learner={name}. Give "
                f"learner=transformer too, or features=encoder features.model={given['model']} instead."
            )
        made: LearnerConfig = registry.build(choice, {**(parameters or {}), **given}, "learner")
        return made

    def setup(self, quiet: bool = True) -> Setup:
        """What all trainings of the request have in common."""
        from cal.learners.grid import Setup

        return Setup(self.learner, self.features, self.device, self.workers, quiet)
