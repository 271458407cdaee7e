"""The request of `cal audit`, and the function that makes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.checks import Problems, problems_of, true_or_false, whole_numbers
from cal.data.request import TRAIN, SplitRequest
from cal.errors import ConfigError, shown
from cal.files import taken
from cal.learners.labels_request import LabelsRequest
from cal.request import make, takes
from cal.seeds import list_seeds

if TYPE_CHECKING:
    from cal.label_errors.audit_result import AuditResult

_USUAL = (
    *("consensus", "stack", "logistic", "ridge", "neighbours"),
    *("aum", "el2n", "cv_aum", "cv_self_confidence", "cleanlab"),
)
_USUALLY_CLEANED_BY = ("consensus", "cv_self_confidence")


@dataclass(kw_only=True)
class AuditRequest(LabelsRequest, SplitRequest):
    """Flip some labels, then measure how many each detector finds and what cleaning them gains.

    Args:
        noise: list of kinds of wrong labels: uniform (any other class), class_dependent (the class it is most
            confused with), confused (hard documents, and the class each is taken for) and annotator (one careless
            annotator)
        rates: list of shares of the training labels to make wrong
        confusions: your own confusions, for noise=class_dependent and confused: a table with columns given, right and
            count, or label and corrected (suspects.csv with corrections filled in), or a square one of right by given
            labels; null takes those of classifiers that never saw a document
        seeds: number of seeds (the paper's five first), or a list of seeds, for injections and trainings
        detectors: list of detectors; null means consensus, stack, logistic, ridge, neighbours, aum, el2n, cv_aum,
            cv_self_confidence and, if installed, cleanlab, as far as they suit the documents; `cal audit --help` lists
            all
        folds: number of cross-validation folds, for detectors by models that never saw a document
        clean_by: list of detectors whose 5 % most suspicious labels are fixed or dropped before training again; null
            means consensus and cv_self_confidence, [] none
        stability: whether to run the detectors on the labels as they are too, once per seed, to measure how much of
            their first 5 % stays
        output: folder of the report; the same command resumes an interrupted audit

    Attributes:
        chosen: whether the detectors were given, not the usual ones.
    """

    noise: Any = ("uniform", "class_dependent", "confused")
    rates: Any = (0.05, 0.1)
    confusions: Any = None
    seeds: Any = 3
    detectors: Any = None
    folds: int = 5
    clean_by: Any = None
    stability: bool = True
    chosen: bool = field(init=False, repr=False, default=False)

    @property
    def needs_test(self) -> bool:
        """Whether cleaning is measured, on clean test data."""
        return bool(self.clean_by)

    @property
    def judges_labels(self) -> bool:
        """Always: it makes some wrong."""
        return True

    def _resolve(self, problems: Problems) -> None:
        from cal.data.noise import BETWEEN_CLASSES, check_noise
        from cal.label_errors.detectors import refused_detectors

        super()._resolve(problems)
        for name in ("noise", "rates", "detectors", "clean_by"):
            setattr(self, name, problems.attempt(partial(_listed, name, getattr(self, name)), otherwise=[]))
        self.seeds = problems.attempt(lambda: list_seeds(self.seeds), otherwise=[])
        problems += whole_numbers(2, folds=self.folds) + problems_of(lambda: check_noise(self.noise, self.rates))
        problems += true_or_false(stability=self.stability)
        if self.confusions is not None and not set(self.noise or BETWEEN_CLASSES) & set(BETWEEN_CLASSES):
            problems.append(
                f"confusions are for noise={' or noise='.join(BETWEEN_CLASSES)}. Add one, or leave them out."
            )
        self.chosen = self.detectors is not None
        if not self.chosen:
            self.detectors = [name for name in _USUAL if not refused_detectors([name])]
        else:
            problems += refused_detectors(self.detectors)
        usual = [name for name in _USUALLY_CLEANED_BY if name in self.detectors]
        self.clean_by = usual if self.clean_by is None else self.clean_by
        unknown = [name for name in self.clean_by if name not in self.detectors]
        problems += [f"clean_by names {name}, which is not among the detectors." for name in unknown]
        if self.needs_test and self.split != TRAIN:
            problems.append(
                f"split={self.split} leaves no test split to measure cleaning on. Add clean_by=[], or leave split out."
            )

    def run(self, corpus: Any = None, *, quiet: bool = False) -> AuditResult:
        """Runs the audit; writes the report to `output` if given.

        Args:
            corpus: a `Corpus`, or anything that `cal.read_corpus` takes; None reads `dataset`.
            quiet: hide the progress bar.

        Raises:
            DataError: if a rate makes no label wrong, or too many.
            CalError: if something cannot be read, trained or written.
        """
        from cal.label_errors.audit import run_audit
        from cal.label_errors.audit_result import audit_folder

        folder = None if self.output is None else audit_folder(self.output)
        with taken(folder):
            read = self.read_corpus(corpus)
            origin = self.origin(read.train.ids, read.train.gold, corpus)
            result = run_audit(self, read, folder, quiet, origin)
            if self.output is not None:
                result.save(self.output)
        return result


@takes(AuditRequest)
def audit(corpus: Any, *, quiet: bool = False, **parameters: Any) -> AuditResult:
    """Flips some of your labels and measures how many each detector finds.

    Labels that were already wrong count as right, so all numbers are about flipped labels. Where documents tie,
    recall and precision are the expected values for a random order among them.

    Args:
        corpus: a `Corpus`, or anything that `cal.read_corpus` takes. Its test split stays as it is.
        quiet: hide the progress bar.
        **parameters: those of `AuditRequest`.

    Returns:
        Scores, curves, accuracies and more, with `to_frame()`, `class_recall()`, `plot()` and `save(folder)`.

    Raises:
        ConfigError: listing every invalid parameter, before any training.
        DataError: if a rate makes no label wrong, or too many.

    Example:
        >>> import cal
        >>> texts = [f"{start} is it {i}?" for i in range(20) for start in ("How far", "Who")]
        >>> corpus = cal.Corpus.from_texts(texts, ["number", "person"] * 20, test=0.2)
        >>> small = {"rates": 0.25, "seeds": 1, "detectors": ["loss"], "clean_by": [], "features": "lsa", "n_epochs": 3}
        >>> found = cal.audit(corpus, noise="uniform", **small)
        >>> found.scores[["detector", "n_wrong"]].values.tolist()
        [['loss', 8.0]]
    """
    check_arguments(audit, {"quiet": quiet})
    return make(AuditRequest, parameters).run(corpus, quiet=quiet)


def _listed(name: str, given: Any) -> list[Any] | None:
    """A list without duplicates; a single name or number becomes a list of one, and None stays."""
    if given is None:
        return None
    if not isinstance(given, str | int | float | list | tuple):
        raise ConfigError(f"{name} must be a list, not {shown(given)}.")
    values = [given] if isinstance(given, str | int | float) else list(given)
    return [value for position, value in enumerate(values) if value not in values[:position]]
