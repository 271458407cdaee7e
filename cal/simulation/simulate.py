"""simulate: a corpus, strategies and seeds in; learning curves out."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import joblib
import numpy as np
import orjson
import torch

from cal.acquisition.base import Acquisition, unmet_needs
from cal.acquisition.pool import PoolDocuments
from cal.acquisition.spec import StrategySpec, digest, make_strategies
from cal.checks import whole_numbers
from cal.data.corpus import Corpus
from cal.data.features import Features, as_features, vectors_of
from cal.errors import ConfigError
from cal.learners.base import LearnerConfig, as_learner
from cal.learners.compute import in_processes, resolve_device
from cal.learners.evaluate import labels_by_test
from cal.provenance import provenance
from cal.seeds import list_seeds
from cal.simulation.blocks import Plan, carry_out
from cal.simulation.curves import LearningCurves
from cal.simulation.loop import Setting
from cal.simulation.progress import Progress
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder
from cal.simulation.seed_sets import (
    SeedSet,
    StratifiedSeedSet,
    check_sizes,
    choose_dev_set,
    choose_seed_set,
    make_seed_set,
)
from cal.simulation.stopping import Criterion, make_criteria
from cal.stopwatch import phase

logger = logging.getLogger(__name__)
T = TypeVar("T")


def simulate(
    corpus: Corpus,
    strategies: Sequence[StrategySpec] = ("random", "cal"),
    *,
    features: Any = "lsa",
    learner: Any = "mlp",
    seeds: int | Sequence[int] = 3,
    seed_size: int = 200,
    seed_set: str | Mapping[str, Any] | SeedSet = "stratified",
    query_size: int = 50,
    rounds: int = 6,
    stopping: Sequence[str | Mapping[str, Any] | Criterion] = (),
    stop: bool = False,
    dev_size: int = 0,
    full_data: bool = True,
    device: str = "auto",
    workers: int | None = None,
    profile: bool = False,
    output: Path | str | None = None,
    config: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> LearningCurves:
    """Pool-based active learning with every strategy and every seed.

    Each run starts from a seed set; each round trains fresh classifiers on what is labelled,
    measures them on the test split, and lets the strategy choose what to label next.

    Args:
        corpus: what is learnt.
        strategies: names, `{name: parameters}`, `{mix: shares}`, objects or functions of a pool.
        features: vectors of the corpus, or a way to make them: its name, `Lsa()`, a scikit-learn vectoriser; not
            computed if neither the learner nor the seed set reads them.
        learner: its name, `{name: parameters}`, a scikit-learn classifier, or hyperparameters such as `MLP()`.
        seeds: a list, or how many: the paper's five first.
        seed_size: labelled documents at the start.
        seed_set: how they are chosen: a name, `{name: parameters}` or an object.
        query_size: documents labelled a round; when the pool runs empty, the last batch is shorter.
        rounds: batches to acquire; accuracy is measured `rounds + 1` times.
        stopping: criteria whose first round is reported: names, `{name: parameters}` or objects.
        stop: whether a run ends with the first of them that is met.
        dev_size: documents of the train split that are set aside for criteria that need gold labels; no
            strategy sees them, and they count as labelled nowhere.
        full_data: whether to train on the whole train split too, as a reference.
        device: `cpu`, `cuda` or `auto`.
        workers: processes on a CPU; one per core by default. Results do not depend on it.
        profile: whether to count the seconds of phases within phases on a GPU too, which makes it wait; a CPU's are
            always counted. `cal.simulation.profile.profile_table` shows them.
        output: the run folder; one that holds unfinished rounds of this simulation is continued.
            Without it nothing is kept.
        config: what to write down as the configuration, if not these arguments.
        quiet: whether to show no progress bar.

    Raises:
        ConfigError: if arguments do not fit each other or the corpus; before any training.
        FeatureError: if the vectors do not fit the corpus.
        StorageError: if the run folder cannot be used.

    References:
        Cartography Active Learning (Zhang and Plank, 2021)
        https://aclanthology.org/2021.findings-emnlp.36
    """
    learner = as_learner(learner)
    given = check_arguments(
        strategies=strategies,
        learner=learner,
        seeds=seeds,
        seed_size=seed_size,
        seed_set=seed_set,
        query_size=query_size,
        rounds=rounds,
        stopping=stopping,
        stop=stop,
        dev_size=dev_size,
        device=device,
        workers=workers,
    )
    made, seed_list, device = given.strategies, given.seeds, given.device
    test = corpus.require_test("A simulation")
    check_sizes(given.seed_set, corpus.train.gold, seed_size, dev_size, corpus.label_names)
    kind = as_features(features)
    if given.seed_set.reads_features and kind is None:
        raise ConfigError(
            f"seed_set={given.seed_set_label} is chosen by document vectors, and features is null; give "
            "features=lsa or another."
        )
    if config is None:
        config = {
            "corpus": corpus.name,
            "features": kind and ({"kind": "given"} if isinstance(kind, Features) else _described(kind)),
            "learner": _described(learner),
            "strategies": list(made),
            "seed_size": seed_size,
            "seed_set": given.seed_set_label,
            "query_size": query_size,
            "rounds": rounds,
            "stopping": list(given.criteria),
            "stop": stop,
            "dev_size": dev_size,
            "full_data": full_data,
        }
    config = _plain({**config, "seeds": seed_list, "device": device})
    with tempfile.TemporaryDirectory(prefix="cal-") as scratch:
        folder = RunFolder(output or scratch)
        with folder.lock():
            with phase("features"):
                reads = learner.reads_features or given.seed_set.reads_features
                vectors = vectors_of(corpus, kind) if reads else None
                needs = frozenset[str]().union(*(strategy.needs for strategy in made.values()))
                inputs = learner.inputs(corpus, vectors, needs)
            about = {
                "corpus": corpus.name,
                "label_names": list(corpus.label_names),
                "n_train": len(corpus.train),
                "n_test": len(test),
                "strategies": list(made),
                "seeds": seed_list,
                "stopping": list(given.criteria),
                "strategy_digests": {name: digest(strategy) for name, strategy in made.items()},
                "corpus_fingerprint": corpus.fingerprint,
                # Also of vectors that only the seed set reads: other seed sets are another simulation.
                "features_fingerprint": "/".join(dict.fromkeys(each.fingerprint for each in (inputs, vectors) if each)),
                **provenance(device),
            }
            folder.create(config, about)

            dev_sets = {seed: choose_dev_set(corpus.train.gold, dev_size, seed) for seed in seed_list}
            n_workers = workers or joblib.cpu_count()
            reads_texts = any("texts" in strategy.needs for strategy in made.values())
            with phase("seed sets"):
                seed_sets = _seed_sets(given.seed_set, corpus.train.gold, vectors, seed_size, dev_sets, n_workers)
            full = [Run(FULL_DATA, seed) for seed in seed_list if full_data]  # first, because they take longest
            runs = full + [Run(strategy, seed) for strategy in made for seed in seed_list]
            texts = corpus.train.texts if reads_texts else None
            setting = Setting(
                documents=PoolDocuments(corpus.train.ids, corpus.label_names, texts),
                gold=torch.from_numpy(corpus.train.gold),
                tests=labels_by_test(corpus),
                strategies=made,
                query_size=query_size,
                n_rounds=rounds,
                profile=profile,
            )
            plan = Plan(setting, inputs, learner, seed_sets, device, folder, given.criteria, stop, dev_sets)
            logger.info("%d runs on %s into %s.", len(runs), about["device"], folder.path)
            with phase("runs"), Progress(folder, runs, rounds + 1, quiet):
                carry_out(plan, runs, n_workers=min(n_workers, len(runs)))
        return LearningCurves.load(folder.path)


def _seed_sets(
    chooser: SeedSet,
    gold: np.ndarray,
    vectors: Features | None,
    size: int,
    dev_sets: Mapping[int, Sequence[int]],
    n_workers: int,
) -> dict[int, list[int]]:
    """The seed set of each seed, chosen by one thread each, whose number must not change the last bits of distances."""
    x = None
    if vectors is not None and chooser.reads_features:
        x = vectors.require_dense("A seed set chosen by vectors").train
    tasks = [(chooser, gold, x, size, seed, aside) for seed, aside in dev_sets.items()]
    n_workers = min(n_workers, len(tasks)) if chooser.reads_features else 1
    return dict(zip(dev_sets, in_processes(choose_seed_set, tasks, n_workers), strict=True))


class Arguments(NamedTuple):
    """What the arguments of `simulate` stand for."""

    strategies: dict[str, Acquisition]
    seeds: list[int]
    device: str
    seed_set_label: str
    seed_set: SeedSet
    criteria: dict[str, Criterion]


def check_arguments(
    *,
    strategies: Sequence[StrategySpec],
    learner: LearnerConfig,
    seeds: int | Sequence[int],
    seed_size: int,
    seed_set: Any,
    query_size: int,
    rounds: int,
    stopping: Sequence[Any],
    stop: bool,
    dev_size: int,
    device: str,
    workers: int | None,
) -> Arguments:
    """What the arguments of `simulate` stand for, if nothing is wrong with them.

    Raises:
        ConfigError: listing everything that is.
    """
    problems = whole_numbers(seed_size=seed_size, query_size=query_size, workers=1 if workers is None else workers)
    problems += whole_numbers(0, rounds=rounds, dev_size=dev_size)

    def tried(make: Callable[[Any], T], given: Any, otherwise: T) -> T:
        try:
            return make(given)
        except ConfigError as error:
            problems.extend(error.problems)
            return otherwise

    seed_list: list[int] = tried(list_seeds, seeds, [])
    device = tried(lambda given: resolve_device(given, learner.uses_gpu), device, "cpu")
    made: dict[str, Acquisition] = tried(make_strategies, strategies, {})
    no_chooser: tuple[str, SeedSet] = ("", StratifiedSeedSet())
    label, chooser = tried(make_seed_set, seed_set, no_chooser)
    criteria: dict[str, Criterion] | None = tried(make_criteria, stopping, None)
    for name, strategy in made.items():
        try:
            problems += [f"strategy '{name}' {need}" for need in unmet_needs(strategy, learner.abilities)]
        except ConfigError as error:
            problems += error.problems
    if FULL_DATA in made:
        problems.append(f"'{FULL_DATA}' is the name of the reference line; give the strategy another name.")
    if criteria is not None:
        problems += _misfits(criteria, stop, dev_size)
    if problems or criteria is None:
        raise ConfigError(problems)
    return Arguments(made, seed_list, device, label, chooser, criteria)


def _misfits(criteria: Mapping[str, Criterion], stop: bool, dev_size: int) -> list[str]:
    reading = [name for name, criterion in criteria.items() if criterion.needs_dev_set]
    problems = []
    if reading and dev_size == 0:
        problems.append(f"{reading[0]} needs documents that are set aside; give dev_size=200 or so.")
    if not reading and dev_size != 0:
        problems.append(f"dev_size is {dev_size}, but no stopping criterion reads such documents; leave it out.")
    if stop and not criteria:
        problems.append("stop=true ends a run with the first stopping criterion that is met; give stopping=[...].")
    return problems


def _described(choice: Any) -> dict[str, Any]:
    """A choice as data for the configuration."""
    parameters = asdict(choice) if is_dataclass(choice) and not isinstance(choice, type) else {}
    return {"kind": type(choice).__name__} | parameters


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it reads from a file: lists for tuples, strings for paths."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(config, default=str, option=orjson.OPT_SERIALIZE_NUMPY))
    return plain
