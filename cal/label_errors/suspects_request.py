"""The request of `cal suspects`, and the function that makes one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.checks import Problems, one_of, paths, whole_numbers
from cal.data.request import SplitRequest
from cal.errors import ConfigError, in_words
from cal.files import path_errors, taken
from cal.learners.labels_request import LabelsRequest
from cal.maps.logs_request import LogsRequest
from cal.request import make, takes
from cal.seeds import list_seeds

if TYPE_CHECKING:
    from cal.label_errors.suspects import Suspects


@dataclass(kw_only=True)
class SuspectsRequest(LogsRequest, LabelsRequest, SplitRequest):
    """Rank the documents whose labels look wrong, with the likely label and the reasons.

    Args:
        dataset: corpus to train on or, with map or logs, the source of texts and label names
        map: map to rank instead of training: a folder of cal map, or a file of a map or of coordinates (parquet, csv,
            tsv or jsonl, such as td_metrics.jsonl); in Python also a DataMap or a data frame
        logs: logs whose map to rank instead of training: a folder of dynamics_epoch_0.jsonl and so on, or of a
            recorder
        by: score to rank by: aum, loss, confidence, el2n, correctness or, without a map, any detector of cal audit;
            null means aum with a map or logs (confidence if it has no aum), else consensus
        n: number of suspects to print
        page: number of suspects on the page; suspects.csv has all, but similar texts only of those shown
        neighbours: number of most similar texts to look at, and to show, for each suspect
        seeds: number of trainings to average (the paper's five seeds first), or a list of seeds
        folds: number of cross-validation folds; each is judged by classifiers that never saw it
        read: to_read.csv of a list with your verdicts, or its folder, to estimate how many labels are wrong instead of
            ranking them
        output: folder of the list: suspects.html, suspects.csv, to_read.csv, pairs.csv and problems.csv; p_wrong is
            estimated from labels flipped at random, so errors that people make between similar classes are harder to
            see, and is empty where that was not validated
    """

    map: Any = None
    by: str | None = None
    n: int = 20
    page: int = 200
    neighbours: int = 5
    seeds: Any = 3
    folds: int = 5
    read: Any = None

    @property
    def judges_labels(self) -> bool:
        """Always."""
        return True

    @property
    def trains(self) -> bool:
        """Whether classifiers are trained, as there is no map and there are no logs."""
        return self.map is None and self.logs is None

    def _resolve(self, problems: Problems) -> None:
        from cal.dynamics.metrics import our_name
        from cal.dynamics.suspicion import SUSPICION
        from cal.label_errors.detectors import DETECTORS

        given = [name for name in ("n_epochs", "seeds", "folds") if getattr(self, name) != getattr(type(self), name)]
        super()._resolve(problems)
        problems += paths(or_null=True, read=self.read)
        if self.read is not None and not (self.dataset is None and self.trains):
            problems.append("read estimates from your verdicts alone. Leave dataset, map and logs out.")
        self.by = our_name(self.by)
        problems += whole_numbers(0, n=self.n, page=self.page, neighbours=self.neighbours)
        problems += whole_numbers(2, folds=self.folds)
        self.seeds = problems.attempt(lambda: list_seeds(self.seeds), otherwise=[])
        problems += self._source_problems(self.map)
        if not self.trains and given:
            hint = " burn_out=N reads the first N epochs of logs." if "n_epochs" in given and self.logs else ""
            it = "it" if len(given) == 1 else "them"
            problems.append(
                f"A map is ranked without training and does not use {', '.join(given)}. Leave {it} out.{hint}"
            )
        known = SUSPICION if not self.trains else tuple(name for name in DETECTORS if name != "variability")
        if self.by == "variability":
            problems.append("by=variability ranks wrong labels last; it is a control for cal audit. Leave it out.")
        elif self.by in tuple(DETECTORS) and self.by not in known:
            ways = in_words(known, "or")
            problems.append(f"by={self.by} needs training. Rank a corpus (dataset=NAME), or the map by {ways}.")
        elif self.by is not None:
            problems += one_of(known, by=self.by)

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Suspects:
        """Ranks the labels of a map, or trains on a corpus to rank its labels; writes the list to `output` if given.

        Args:
            corpus: a `Corpus`, or anything that `cal.read_corpus` takes; None reads `dataset`.
            quiet: hide the progress bar.

        Raises:
            ConfigError: if there is neither a corpus nor a map nor logs.
            CalError: if something cannot be read, trained or written.
        """
        from cal.label_errors.suspects import refuse_to_replace, suspects_folder
        from cal.label_errors.suspects_evidence import find_suspects

        if self.read is not None:
            raise ConfigError(f"read={self.read} is for the command line. In Python, call cal.count_errors instead.")
        if self.trains and self.dataset is None and corpus is None:
            raise ConfigError(
                "There is nothing to rank. Give a corpus (dataset=NAME), a map (map=FOLDER) or logs (logs=FOLDER)."
            )
        folder = None if self.output is None else suspects_folder(self.output)
        with taken(folder):
            read = self.corpus_if_given(corpus)
            if folder is not None:
                trained = read if self.trains else None
                about = {} if trained is None else self.origin(trained.train.ids, trained.train.gold, corpus)
                refuse_to_replace(folder, about, trained=trained is not None)
            found = find_suspects(self, read, quiet, given=corpus is not None)
            if folder is not None:
                found.save(folder.path)
        return found

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        if self.read is None:
            return super().run_in_folder(quiet=quiet)
        from cal.corrections.error_count import count_errors

        return str(count_errors(self.read)), Path()


@takes(SuspectsRequest)
@path_errors()
def suspects(source: Any = None, *, corpus: Any = None, quiet: bool = False, **parameters: Any) -> Suspects:
    """Ranks the labels to re-check, most suspicious first. It changes nothing.

    Args:
        source: a `Corpus` to train on, or anything that `cal.read_corpus` takes; or a `DataMap`, its `to_frame()`, or
            the folder or file of one, which is ranked without training.
        corpus: source of texts and label names for a map.
        quiet: hide the progress bar.
        **parameters: those of `SuspectsRequest`.

    Returns:
        The ranked list, with `to_frame()`, `plot()` and `save(folder)`.

    Raises:
        ConfigError: listing every invalid parameter, before any training.
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
        >>> found.to_frame()[["id", "label", "likely"]].iloc[0].tolist()
        ['0', 'person', 'number']
    """
    from cal.maps.given import is_map

    check_arguments(suspects, {"quiet": quiet})

    if is_map(source):
        return make(SuspectsRequest, {"map": source, **parameters}).run(corpus, quiet=quiet)
    return make(SuspectsRequest, parameters).run(corpus if source is None else source, quiet=quiet)
