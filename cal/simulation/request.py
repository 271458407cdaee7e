"""The request of `cal simulate`, and the function that makes one."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.checks import Problems, whole_numbers
from cal.errors import ConfigError
from cal.learners.request import TrainingRequest
from cal.progress import note
from cal.request import as_data, make, nested, takes
from cal.seeds import list_seeds

if TYPE_CHECKING:
    from cal.acquisition.base import Acquisition
    from cal.acquisition.spec import StrategySpec
    from cal.anytime import Pair
    from cal.simulation.curves import LearningCurves
    from cal.simulation.oracle import Oracle
    from cal.simulation.query import Query
    from cal.simulation.seed_sets import SeedSet
    from cal.simulation.stopping import Criterion

logger = logging.getLogger(__name__)
MAX_SEEDS = 50
STRATEGIES = ("random", "least_confidence", "margin", "entropy", "bald", "dal", "cal")


@dataclass(kw_only=True)
class SimulationRequest(TrainingRequest):
    """Simulate active learning: every strategy with every seed on one corpus, ending in a report.

    Each run starts from a seed set. Each round trains fresh classifiers on what is labelled, measures them on the
    test split, and lets the strategy choose what to label next.

    Args:
        strategies: list of names, {name: {parameter: value}}, {mix: shares} or {_target_: package.module.Class}; in
            Python also objects and functions of the pool; of the default, those that the learner can serve
        seeds: number of seeds (the paper's five first), a list, or until_decided: as many as it takes to tell which
            strategy of each pair in `decide` is better, by a paired test that is looked at after every seed
        max_seeds: number of seeds at which seeds=until_decided ends, and what is undecided then remains so
        decide: pairs for seeds=until_decided: all, a strategy to compare each other one with, or a list such as
            [[cal, margin]]
        seed_size: number of labelled documents at the start
        seed_set: way to choose them, a name or {name: {parameter: value}}
        query_size: number of documents acquired a round; if the pool runs empty, the last batch is smaller
        query: documents that may be asked for; distinct=true asks for each text once: the first document with a text
            stands for its copies, which may differ in case and whitespace and are set aside
        rounds: number of batches to acquire; accuracy is measured rounds + 1 times
        oracle: labeller of the train split: noise is the probability of a wrong label, which is the same for all
            strategies of a seed; kind is uniform, class_dependent (with confusions=FILE, or those of the learner) or
            annotator. Strategies, maps, dev_size and full_data get these labels; accuracy is always measured on the
            right ones, and the corpus's own dev split keeps its labels
        stopping: criteria to report, such as [stabilising_predictions, {target_macro_f1: {macro_f1: .8}}]
        stop: end a run at the first criterion it meets
        dev_size: number of documents of train set aside for criteria such as {target_accuracy: {accuracy: .8}}; no
            strategy sees them, and they count as labelled nowhere; 0 uses the dev split of the corpus
        full_data: train on the whole train split too, as a reference line
        cluster: Dask cluster that carries out the runs: local, slurm, kubernetes, the address of a scheduler, or in
            Python a cluster or client of Dask; null trains in processes of this machine, and results are the same
        profile: report where the seconds went, by phase
        output: run folder; the same command resumes an unfinished one

    Attributes:
        acquisitions: strategies by label.
        all_seeds: the seeds; for seeds=until_decided, all that may be run.
        pairs: pairs of strategies to decide between; empty if the number of seeds is given.
        seed_chooser: what chooses the seed sets.
        labeller: who labels.
        asked: which documents may be asked for.
        criteria: stopping criteria by label.

    References:
        Cartography Active Learning (Zhang and Plank, 2021), https://aclanthology.org/2021.findings-emnlp.36
    """

    strategies: Sequence[StrategySpec] = STRATEGIES
    seeds: Any = 3
    max_seeds: int = MAX_SEEDS
    decide: Any = "all"
    seed_size: int = 200
    seed_set: Any = "stratified"
    query_size: int = 50
    query: Any = field(default_factory=lambda: {"distinct": False})
    rounds: int = 6
    oracle: Any = field(default_factory=lambda: {"noise": 0.0, "kind": "uniform", "confusions": None})
    stopping: Any = ()
    stop: bool = False
    dev_size: int = 0
    full_data: bool = True
    cluster: Any = None
    profile: bool = False
    acquisitions: dict[str, Acquisition] = field(init=False, repr=False, default_factory=dict)
    all_seeds: list[int] = field(init=False, repr=False, default_factory=list)
    pairs: list[Pair] = field(init=False, repr=False, default_factory=list)
    seed_chooser: SeedSet = field(init=False, repr=False)
    labeller: Oracle = field(init=False, repr=False)
    asked: Query = field(init=False, repr=False)
    criteria: dict[str, Criterion] = field(init=False, repr=False, default_factory=dict)

    @property
    def needs_test(self) -> bool:
        """Always."""
        return True

    @property
    def uses_dev(self) -> bool:
        """Whether stopping criteria look at the dev split of the corpus."""
        return self.dev_size == 0 and any(criterion.needs_dev_set for criterion in self.criteria.values())

    def _resolve(self, problems: Problems) -> None:
        from cal.acquisition.base import unmet_needs
        from cal.acquisition.spec import make_strategies
        from cal.anytime import first_decision, make_pairs
        from cal.learners.clusters import as_cluster
        from cal.simulation.oracle import Oracle
        from cal.simulation.query import Query
        from cal.simulation.run_folder import FULL_DATA
        from cal.simulation.seed_sets import StratifiedSeedSet, make_seed_set
        from cal.simulation.stopping import make_criteria
        from cal.simulation.until_decided import UNTIL_DECIDED

        self.seed_chooser = problems.attempt(lambda: make_seed_set(self.seed_set), otherwise=StratifiedSeedSet())
        oracle = functools.partial(nested, Oracle, self.oracle, "oracle", "{noise: .1}")
        self.labeller = problems.attempt(oracle, otherwise=Oracle())
        self.oracle = {each.name: getattr(self.labeller, each.name) for each in fields(Oracle)}
        query = functools.partial(nested, Query, self.query, "query", "{distinct: true}")
        self.asked = problems.attempt(query, otherwise=Query())
        self.query = {each.name: getattr(self.asked, each.name) for each in fields(Query)}
        self.cluster = problems.attempt(lambda: as_cluster(self.cluster), otherwise=None)
        super()._resolve(problems)
        problems += whole_numbers(1, seed_size=self.seed_size, query_size=self.query_size)
        problems += whole_numbers(0, rounds=self.rounds, dev_size=self.dev_size)
        until_decided = isinstance(self.seeds, str) and self.seeds == UNTIL_DECIDED
        if until_decided:
            problems += whole_numbers(first_decision(), max_seeds=self.max_seeds)
        else:
            self.seeds = problems.attempt(self._listed_seeds, otherwise=[])
        self.all_seeds = problems.attempt(lambda: list_seeds(self.max_seeds), []) if until_decided else self.seeds
        self.acquisitions = problems.attempt(lambda: make_strategies(self.strategies), otherwise={})
        n_before = len(problems)
        self.criteria = problems.attempt(lambda: make_criteria(self.stopping), otherwise={})
        if len(problems) == n_before:
            problems += self._misfits()
        if self.learner is not None:
            if self.acquisitions and tuple(self.strategies) == STRATEGIES:
                self._leave_out_unmet(self.learner.abilities)
            for name, strategy in self.acquisitions.items():
                unmet = functools.partial(unmet_needs, strategy, self.learner.abilities)
                problems += [f"strategy '{name}' {need}" for need in problems.attempt(unmet, otherwise=[])]
            if self.seed_chooser.reads_features and self.features is None:
                problems.append(
                    "seed_set chooses by document vectors, and features is null; give features=lsa or another."
                )
        if until_decided and self.acquisitions:
            self.pairs = problems.attempt(lambda: make_pairs(self.decide, list(self.acquisitions)), otherwise=[])
        problems += self._misfits_of_seeds(until_decided)
        if FULL_DATA in self.acquisitions:
            problems.append(f"'{FULL_DATA}' is the name of the reference line; give the strategy another name.")

    def _leave_out_unmet(self, abilities: frozenset[str]) -> None:
        """Drops default strategies that need what the learner does not have, such as dropout."""
        from cal.acquisition.base import unmet_needs

        for name, strategy in [*self.acquisitions.items()]:
            if unmet := unmet_needs(strategy, abilities):
                logger.warning("The default strategy '%s' is left out: it %s", name, unmet[0])
                del self.acquisitions[name]
        self.strategies = list(self.acquisitions)

    def _uses_features(self) -> bool:
        return self.seed_chooser.reads_features

    def _device(self, uses_gpu: bool) -> str:
        on_workers = self.cluster is not None and self.device == "cuda"  # which may have GPUs that this machine lacks
        return "cuda" if on_workers and uses_gpu else super()._device(uses_gpu)

    def _misfits(self) -> list[str]:
        """What is wrong between stopping criteria, `stop` and `dev_size`."""
        reading = [name for name, criterion in self.criteria.items() if criterion.needs_dev_set]
        problems = []
        if not reading and self.dev_size != 0:
            problems.append(f"dev_size is {self.dev_size}, but no stopping criterion uses a dev set. Leave it out.")
        if self.stop and not self.criteria:
            problems.append("stop=true ends a run at the first stopping criterion it meets; give stopping=[...].")
        return problems

    def _listed_seeds(self) -> list[int]:
        try:
            return list_seeds(self.seeds)
        except ConfigError as error:
            if not isinstance(self.seeds, str):
                raise
            raise ConfigError(f"{error} Or give seeds=until_decided.") from None

    def _misfits_of_seeds(self, until_decided: bool) -> list[str]:
        """What is wrong between `seeds`, `max_seeds`, `decide` and `stop`."""
        if until_decided and self.stop:
            return [
                "seeds=until_decided compares areas under whole curves, and stop=true ends runs at different rounds; "
                "leave stop=true out."
            ]
        others = {"max_seeds": self.max_seeds != MAX_SEEDS, "decide": self.decide != "all"}
        if not until_decided and any(others.values()):
            given = [name for name, is_given in others.items() if is_given]
            return [f"{name} is for seeds=until_decided; give that, or leave {name} out." for name in given]
        return []

    def as_data(self) -> dict[str, Any]:
        data = super().as_data()
        labels = zip(self.strategies, self.acquisitions, strict=True)
        data["strategies"] = [as_data(spec) if isinstance(spec, str | Mapping) else label for spec, label in labels]
        return data

    def run(self, corpus: Any = None, *, quiet: bool = False) -> LearningCurves:
        """Simulates; rounds are kept in the output folder, if there is one: see `cal.simulation.run_folder`.

        Args:
            corpus: anything that `cal.read_corpus` takes; None reads `dataset`.
            quiet: hide the progress bar.

        Raises:
            ConfigError: if the request does not fit the corpus; before any training.
            FeatureError: if the vectors do not fit the corpus.
            StorageError: if the run folder cannot be used.
        """
        from cal.simulation.simulate import run_simulation

        return run_simulation(self, self.read_corpus(corpus), quiet)

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        from cal.simulation.profile import profile_table, profile_text
        from cal.simulation.run_folder import RunFolder
        from cal.simulation.simulate import run_simulation
        from cal.stopwatch import Stopwatch, phase

        with Stopwatch() as watch:
            with phase("corpus"):
                corpus = self.read_corpus()
            curves = run_simulation(self, corpus, quiet, dated_in=Path("runs"))
            assert self.output is not None  # chosen by then
            with phase("report"):
                note("Writing the report ...", quiet)
                curves.report(self.output)
        folder = RunFolder(self.output)
        folder.finish()
        text = "\n\n".join([str(curves), *["\n".join(map(str, curves.decisions()))] * bool(self.pairs)])
        if not self.profile:
            return text, self.output
        table = profile_table(folder)
        folder.write("profile.csv", table.to_csv(float_format="%.4f").encode())
        return f"{text}\n\n{profile_text(table, watch.seconds)}\n", self.output


@takes(SimulationRequest)
def simulate(
    corpus: Any, strategies: Sequence[StrategySpec] = STRATEGIES, *, quiet: bool = False, **parameters: Any
) -> LearningCurves:
    """Pool-based active learning with every strategy and every seed.

    Each run starts from a seed set; each round trains fresh classifiers on what is labelled, measures them on the
    test split, and lets the strategy choose what to label next.

    Args:
        corpus: a `Corpus`, or anything that `cal.read_corpus` takes.
        strategies: list of names, `{name: parameters}`, `{mix: shares}`, objects or functions of the pool.
        quiet: hide the progress bar.
        **parameters: those of `SimulationRequest`.

    Returns:
        Learning curves, with `summary()`, `compare()`, `plot()` and `report(folder)`.

    Raises:
        ConfigError: listing everything wrong with the parameters; before any training.

    References:
        Cartography Active Learning (Zhang and Plank, 2021), https://aclanthology.org/2021.findings-emnlp.36

    Example:
        >>> import cal
        >>> texts = ["How far is it?", "How old is it?", "Who wrote it?", "Who sang it?"] * 6
        >>> corpus = cal.Corpus.from_texts([f"{text} {i}" for i, text in enumerate(texts)], [0, 0, 1, 1] * 6, test=0.25)
        >>> small = {"seeds": 2, "seed_size": 4, "query_size": 4, "rounds": 1, "n_epochs": 5}
        >>> curves = cal.simulate(corpus, ["random", "margin"], **small)
        >>> curves.strategies
        ['random', 'margin']
    """
    check_arguments(simulate, {"quiet": quiet})
    return make(SimulationRequest, {"strategies": strategies, **parameters}).run(corpus, quiet=quiet)
