"""The request of `cal annotate simulate`, and the function that makes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cal.annotation.queues.orders import FLOOR, ORDERS
from cal.arguments import check_arguments
from cal.checks import Problems, known_name, numbers_in, one_of, problems_of, whole_numbers
from cal.data.request import SplitRequest
from cal.errors import ConfigError, DataError
from cal.files import taken
from cal.learners.labels_request import LabelsRequest
from cal.progress import counted
from cal.request import make, takes
from cal.seeds import list_seeds

if TYPE_CHECKING:
    import numpy as np

    from cal.annotation.proof.reviews_result import ReviewsResult
    from cal.data.corpus import Corpus
    from cal.data.noise import Noised

P_WRONG = "p_wrong"
_OTHERWISE = "consensus"
_N_LOOKS, _SHARE_READ = 20, 0.2
_LEAST_READS = 20


@dataclass(kw_only=True)
class ReviewsRequest(LabelsRequest, SplitRequest):
    """Make labels wrong and let a reviewer who knows the truth read queues, to see what each order finds and proves.

    Args:
        noise: kind of wrong labels: uniform (any other class), class_dependent (the class it is most confused with),
            confused (hard documents, and the class each is taken for) or annotator (one careless annotator)
        rate: share of the labels to make wrong
        by: score to draw by, p_wrong or any detector of cal audit, which counts by its ranks; null takes p_wrong where
            it can be told, else consensus
        orders: list of orders of the queue, sampled (probability by score, which tells how many errors are left),
            ranked (highest score first), mixed (ranked, with some documents at random) and random
        reads: number of documents to read; null is a fifth of them
        repetitions: number of reviews in all, each of a queue that is drawn anew
        random_share: share of random draws, for mixed
        floor: share of the mean score that is added to every score, for sampled
        confusions: your own confusions, for noise=class_dependent and confused, as in cal audit
        seeds: number of seeds (the paper's five first), or a list of seeds, for injections and trainings, among which
            the reviews are divided
        folds: number of cross-validation folds, for scores by models that never saw a document
        output: folder of the results: reviews.csv and figures
    """

    noise: str = "uniform"
    rate: float = 0.05
    by: str | None = None
    orders: Any = ("sampled", "ranked", "mixed")
    reads: int | None = None
    repetitions: int = 1000
    random_share: float = 0.1
    floor: float = FLOOR
    confusions: Any = None
    seeds: Any = 1
    folds: int = 5

    @property
    def judges_labels(self) -> bool:
        """Always: it makes some wrong."""
        return True

    @property
    def command(self) -> str:
        return "cal annotate simulate"

    def _resolve(self, problems: Problems) -> None:
        from cal.data.noise import BETWEEN_CLASSES, check_noise
        from cal.label_errors.detectors import DETECTORS

        super()._resolve(problems)
        problems += problems_of(lambda: check_noise([self.noise], [self.rate]))
        problems += one_of((P_WRONG, *DETECTORS), or_null=True, by=self.by)
        self.orders = problems.attempt(lambda: _listed(self.orders), otherwise=[])
        problems += [each for order in self.orders for each in problems_of(partial(known_name, "order", order, ORDERS))]
        problems += whole_numbers(_LEAST_READS, or_null=True, reads=self.reads)
        problems += whole_numbers(repetitions=self.repetitions) + whole_numbers(2, folds=self.folds)
        problems += numbers_in("(0, 1)", random_share=self.random_share) + numbers_in("(0, inf)", floor=self.floor)
        if self.confusions is not None and self.noise not in BETWEEN_CLASSES:
            problems.append(f"confusions are for noise={' or noise='.join(BETWEEN_CLASSES)}. Leave them out.")
        self.seeds = problems.attempt(lambda: list_seeds(self.seeds), otherwise=[])
        if isinstance(self.repetitions, int) and len(self.seeds) > self.repetitions > 0:
            problems.append(f"repetitions is {self.repetitions}, fewer than the {len(self.seeds)} seeds; give more.")

    def run(self, corpus: Any = None, *, quiet: bool = False) -> ReviewsResult:
        """Simulates the reviews; writes their folder to `output` if given.

        Args:
            corpus: a `Corpus`, or anything that `cal.read_corpus` takes; None reads `dataset`.
            quiet: hide the progress bar.

        Raises:
            DataError: if the rate makes no label wrong, or too many, or there are fewer documents than reads.
            CalError: if something cannot be read, trained or written.
        """
        import numpy as np

        from cal.annotation.proof.reviews_result import ReviewsResult, reviews_folder

        folder = None if self.output is None else reviews_folder(self.output)
        with taken(folder):
            read = self.read_corpus(corpus)
            n, reads = len(read.train), self.reads or max(round(_SHARE_READ * len(read.train)), _LEAST_READS)
            if reads > n:
                raise DataError(f"{reads:,} reads are more than the {n:,} documents of {read.name}. Give fewer reads.")
            injections, by, no_p_wrong = self._injected(read, quiet)
            reviews = self._reviewed(injections, by, sorted({*_looks(reads)}), quiet)
            about: dict[str, Any] = {
                "corpus": read.name,
                "by": by,
                "no_p_wrong": no_p_wrong,
                "vectors": self.vectors or None,
            }
            about |= {"average_precision": float(np.mean([_precision(*each, by) for each in injections]))}
            about |= self.origin(read.train.ids, read.train.gold, corpus)
            result = ReviewsResult.of(reviews, sorted({*_looks(reads)}), about, self.as_data())
            if folder is not None:
                result.save(folder.path)
        return result

    def _injected(self, corpus: Corpus, quiet: bool) -> tuple[list[tuple[Noised, dict[str, Any]]], str, str]:
        """Corpora with wrong labels and their scores, one per seed; what to draw by, and why it is not p_wrong."""
        from cal.data.confusions import read_confusions
        from cal.data.features import vectors_of
        from cal.label_errors.detectors import detect
        from cal.label_errors.injection import Injections
        from cal.label_errors.views import document_views

        given = None if self.confusions is None else read_confusions(self.confusions, corpus.label_names)
        vectors = vectors_of(corpus, self.features)
        views = document_views(corpus, vectors)
        setup = replace(self.setup(), features=vectors if self.learner.reads_features else None)
        maker = Injections(corpus, views, setup, self.folds, given)
        names = [self.by] if self.by not in (None, P_WRONG) else ["calibrated", _OTHERWISE][: 1 + (self.by is None)]
        done = []
        for seed in counted(iter(self.seeds), len(self.seeds), "injection", quiet):
            noised = maker.noised(self.noise, self.rate, seed)
            found = detect(noised.corpus, names, setup, seeds=[seed], folds=self.folds, views=views, stops=self.stops)
            done.append((noised, found))
        if self.by not in (None, P_WRONG):
            return done, str(self.by), ""
        reasons = [found["calibrated"].no_estimate for _, found in done if found["calibrated"].estimate is None]
        if reasons and self.by == P_WRONG:
            raise ConfigError(f"p_wrong cannot be told: {reasons[0]} Leave by out, or give by={_OTHERWISE}.")
        return done, _OTHERWISE if reasons else P_WRONG, reasons[0] if reasons else ""

    def _reviewed(
        self, injections: Sequence[tuple[Noised, dict[str, Any]]], by: str, looks: Sequence[int], quiet: bool
    ) -> list[list[Any]]:
        """For each order, the reviews of each injection."""
        import numpy as np

        from cal.annotation.proof.simulated_reviews import simulated_reviews
        from cal.annotation.queues.draw_order import draw_weights
        from cal.streams import stream

        shares = np.diff(np.linspace(0, self.repetitions, len(injections) + 1).astype(int))
        tasks = [
            (order, seed, share, *each)
            for order in self.orders
            for seed, share, each in zip(self.seeds, shares, injections, strict=True)
        ]
        reviews: dict[str, list[Any]] = {order: [] for order in self.orders}
        for order, seed, share, noised, found in counted(iter(tasks), len(tasks), "order", quiet):
            weights = draw_weights(_score(found, by), probability=by == P_WRONG, floor=self.floor)
            reviews[order].append(
                simulated_reviews(
                    weights,
                    noised.wrong,
                    order,
                    looks,
                    stream(seed, f"reviews/{order}"),
                    repetitions=int(share),
                    intervals=max(200 // len(injections), 1),
                    random_share=self.random_share,
                )
            )
        return list(reviews.values())


@takes(ReviewsRequest)
def simulate_reviews(corpus: Any, *, quiet: bool = False, **parameters: Any) -> ReviewsResult:
    """Simulates a reviewer who knows the truth, to plan how many documents people should read.

    Some of your labels are made wrong, documents are scored as `cal suspects` does, and queues are drawn and read many
    times. Labels that were already wrong count as right.

    Args:
        corpus: a `Corpus`, or anything that `cal.read_corpus` takes.
        quiet: hide the progress bar.
        **parameters: those of `ReviewsRequest`.

    Returns:
        Errors found and intervals by reads, with `to_frame()`, `plot()` and `save(folder)`.

    Raises:
        ConfigError: listing every invalid parameter, before any training.
        CalError: if something cannot be read or trained.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> import cal
        >>> texts = [f"{start} {n}?" for n in range(50) for start in ("How far is", "Who lives in")]
        >>> corpus = cal.Corpus.from_texts(texts, ["number", "person"] * 50)
        >>> small = {"features": "lsa", "learner": LogisticRegression(), "repetitions": 20}
        >>> seen = simulate_reviews(corpus, rate=0.1, reads=40, quiet=True, **small)
        >>> seen.to_frame()["order"].unique().tolist()
        ['sampled', 'ranked', 'mixed']
    """
    check_arguments(simulate_reviews, {"quiet": quiet})
    return make(ReviewsRequest, parameters).run(corpus, quiet=quiet)


def _listed(orders: Any) -> list[str]:
    """The orders, each once."""
    from cal.arrays import as_list

    listed = [orders] if isinstance(orders, str) else as_list("orders", () if orders is None else orders, ConfigError)
    if not listed:
        raise ConfigError(f"orders is empty; give some of {', '.join(ORDERS)}.")
    if twice := [order for k, order in enumerate(listed) if order in listed[:k]]:
        raise ConfigError(f"orders has {twice[0]} twice. List each one once.")
    return listed


def _looks(reads: int) -> list[int]:
    return [max(round(reads * k / _N_LOOKS), 1) for k in range(1, _N_LOOKS + 1)]


def _score(found: dict[str, Any], by: str) -> np.ndarray:
    """(instance,) scores to draw by."""
    score: np.ndarray = found["calibrated"].estimate.probability if by == P_WRONG else found[by].score
    return score


def _precision(noised: Noised, found: dict[str, Any], by: str) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(noised.wrong, _score(found, by)))
