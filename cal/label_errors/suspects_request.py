"""The request of `cal suspects`, and the function that makes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cal.checks import Problems, one_of, whole_numbers
from cal.errors import ConfigError
from cal.learners.request import TrainingRequest
from cal.request import make, takes
from cal.seeds import list_seeds

if TYPE_CHECKING:
    from cal.label_errors.suspects import Suspects


@dataclass(kw_only=True)
class SuspectsRequest(TrainingRequest):
    """Rank the documents whose labels look wrong, with the likely label, why, and the probability of being wrong.

    Args:
        dataset: reader of the corpus to train on, or that gives texts and label names to a map
        map: folder of cal map, or its map.parquet or map.csv; in Python also a DataMap
        by: what ranks, aum, loss, confidence, el2n, correctness or, where classifiers are trained, any detector; null
            is aum for a map, else calibrated
        n: number of suspects to print, with the reasons
        page: number of suspects on the page; suspects.csv has all, without neighbours of those not shown
        neighbours: number of nearest documents with another label to name; 0 looks for none
        seeds: number of trainings to average (the paper's five seeds first), or a list
        folds: parts of the train split, each judged by classifiers that never saw it
        output: folder of the list
    """

    map: Any = None
    by: str | None = None
    n: int = 20
    page: int = 200
    neighbours: int = 3
    seeds: Any = 3
    folds: int = 5

    def _resolve(self, problems: Problems) -> None:
        from cal.dynamics.suspicion import SUSPICION
        from cal.label_errors.detectors import DETECTORS

        given = [name for name in ("n_epochs", "seeds", "folds") if getattr(self, name) != getattr(type(self), name)]
        super()._resolve(problems)
        problems += whole_numbers(0, n=self.n, page=self.page, neighbours=self.neighbours)
        problems += whole_numbers(2, folds=self.folds)
        self.seeds = problems.attempt(lambda: list_seeds(self.seeds), otherwise=[])
        if self.map is not None and given:
            problems.append(f"map=FOLDER trains nothing, and so does not use {', '.join(given)}. Leave it out.")
        known = SUSPICION if self.map is not None else tuple(name for name in DETECTORS if name != "variability")
        if self.by == "variability":
            problems.append("by=variability puts wrong labels last, and is for cal audit; leave it out.")
        elif self.by is not None:
            problems += one_of(known, by=self.by)

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Suspects:
        """Ranks the labels of a map, or of a corpus by training on it; given an output folder, writes the list there.

        Args:
            corpus: whatever `cal.read_corpus` takes; None reads `dataset`, if there is one.
            quiet: hide the progress bar.

        Raises:
            ConfigError: if there is neither a corpus nor a map.
            CalError: if something cannot be read, trained or written.
        """
        from cal.label_errors.suspects import suspects_folder
        from cal.label_errors.suspects_evidence import find_suspects

        if self.map is None and self.dataset is None and corpus is None:
            raise ConfigError("cal suspects needs what to rank: dataset=NAME to train on it, or map=FOLDER of cal map.")
        if self.output is not None:
            suspects_folder(self.output, trained=self.map is None)
        known = corpus is not None or self.dataset is not None
        found = find_suspects(self, self.read_corpus(corpus) if known else None, quiet)
        if self.output is not None:
            found.save(self.output)
        return found


@takes(SuspectsRequest)
def suspects(source: Any, *, corpus: Any = None, quiet: bool = False, **parameters: Any) -> Suspects:
    """The labels to re-check, the most suspicious first; nothing is changed.

    Args:
        source: a corpus to train on, or whatever `cal.read_corpus` takes; or a `DataMap`, which is ranked as it is.
        corpus: gives texts and label names to the instances of a map.
        quiet: hide the progress bar.
        **parameters: those of `SuspectsRequest`.

    Returns:
        The ranked list, with `to_frame()`, `plot()` and `save(folder)`.

    Raises:
        ConfigError: listing everything wrong with the parameters; before any training.
        CalError: if something cannot be read or trained.

    Example:
        >>> from sklearn.feature_extraction.text import TfidfVectorizer
        >>> from sklearn.linear_model import LogisticRegression
        >>> import cal
        >>> places = ["Rome", "Oslo", "Bonn", "Lima", "Bern", "Riga", "Graz", "York"]
        >>> texts = [f"{start} {place}?" for place in places for start in ("How far is", "Who lives in")]
        >>> labels = ["number", "person"] * 8
        >>> labels[0] = "person"  # wrong
        >>> corpus = cal.Corpus.from_texts(texts, labels, ids=range(16))
        >>> found = cal.suspects(corpus, seeds=1, learner=LogisticRegression(), features=TfidfVectorizer())
        >>> found.to_frame()[["id", "gold", "likely"]].iloc[0].tolist()
        ['0', 'person', 'number']
    """
    from cal.dynamics.data_map import DataMap

    if isinstance(source, DataMap):
        return make(SuspectsRequest, {"map": source, **parameters}).run(corpus, quiet=quiet)
    return make(SuspectsRequest, parameters).run(source, quiet=quiet)
