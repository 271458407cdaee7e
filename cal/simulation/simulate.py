"""A simulation from a request: vectors, seed sets and runs in; learning curves out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import torch

from cal.acquisition.digest import digest
from cal.acquisition.pool import PoolDocuments
from cal.data.cautions import in_train
from cal.data.corpus import Corpus
from cal.data.features import Features, vectors_of
from cal.errors import StorageError
from cal.files import dated_folder, refuse_unwritable
from cal.learners.base import Inputs, carries
from cal.learners.compute import in_processes
from cal.learners.evaluate import labels_by_test
from cal.learners.grid import Setup
from cal.provenance import provenance
from cal.scratch import scratch_folder
from cal.simulation.blocks import Plan, Processes, carry_out
from cal.simulation.curves import LearningCurves
from cal.simulation.dev_set import DevSet
from cal.simulation.extension import open_folder
from cal.simulation.identity import differences
from cal.simulation.loop import Setting
from cal.simulation.on_cluster import cluster_workers
from cal.simulation.oracle import digest as digest_of_wrong
from cal.simulation.price import price_of_looks
from cal.simulation.progress import Progress
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder
from cal.simulation.seed_sets import SeedSet, check_sizes, choose_seed_set
from cal.simulation.until_decided import n_first, portions
from cal.stopwatch import phase

if TYPE_CHECKING:
    from cal.learners.cluster_tasks import ClusterTasks
    from cal.simulation.request import SimulationRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Prepared:
    """What all runs of a simulation share.

    Attributes:
        corpus: what is learnt.
        inputs: documents as the learner reads them.
        vectors: document vectors.
        copies: instances that are not asked for.
        dev_set: labelled documents for the stopping criteria.
        wrong: (class, class) probabilities of what an oracle that errs says instead; None if it never errs.
    """

    corpus: Corpus
    inputs: Inputs
    vectors: Features | None
    copies: Sequence[int]
    dev_set: DevSet
    wrong: np.ndarray | None


def prepare(request: SimulationRequest, corpus: Corpus, quiet: bool) -> Prepared:
    """Checks that a request fits its corpus, and makes what its runs share.

    Raises:
        ConfigError: if it does not fit.
        FeatureError: if the vectors do not fit the corpus.
    """
    sizes = request.seed_size, request.dev_size
    copies = request.asked.copies(corpus.train.texts)
    check_sizes(request.seed_chooser, np.delete(corpus.train.gold, copies), *sizes, corpus.label_names)
    dev_set = DevSet.of(corpus, request.criteria, request.dev_size, request.all_seeds, copies)
    with phase("features"):
        vectors = vectors_of(corpus, request.features)
        needs = frozenset[str]().union(*(strategy.needs for strategy in request.acquisitions.values()))
        inputs = request.learner.inputs(corpus, vectors, needs)
    wrong = None
    if request.labeller.noise:
        with phase("oracle"):
            setup = Setup(request.learner, vectors, request.device, request.workers, quiet)
            wrong = request.labeller.wrong_labels(corpus, setup)
    return Prepared(corpus, inputs, vectors, copies, dev_set, wrong)


def run_simulation(
    request: SimulationRequest, corpus: Corpus, quiet: bool, dated_in: Path | None = None
) -> LearningCurves:
    """Every run of a request, from where its folder says it is.

    Args:
        request: what to simulate; without an output folder nothing is kept.
        corpus: what is learnt.
        quiet: hide the progress bar.
        dated_in: parent of the folder to choose where the request names none; it is then the request's.
    """
    with ExitStack() as held:
        if request.output is not None:  # before the vectors, so that a folder in use costs no time
            held.enter_context(RunFolder(request.output).taken())
        elif dated_in is not None:
            refuse_unwritable(dated_in)
        corpus.require_test("A simulation")
        n_workers = request.workers or joblib.cpu_count()
        tasks = None if request.cluster is None else open_tasks(request.cluster, n_workers, request.device)
        made = prepare(request, corpus, quiet)
        about = about_of(request, made)
        if request.output is None and dated_in is not None:
            request.output = choose_folder(dated_in, corpus.name, {**about, "config": request.as_data()})
            held.enter_context(RunFolder(request.output).taken())
        # Absolute, because worker processes may be those of an earlier call from another working directory.
        folder = RunFolder(Path(request.output or held.enter_context(scratch_folder())).absolute())
        open_folder(folder, request.as_data(), about, n_first(request))
        middle = request.seed_size + request.query_size * request.rounds / 2
        of_runs = len(corpus.train), middle, request.query_size, request.device
        if price := price_of_looks(request.acquisitions, request.learner, *of_runs):
            logger.warning("%s", price)
        plan_of = partial(plan_of_seeds, request, made, folder)
        all_runs = runs_of(request, request.all_seeds)
        logger.info("%d runs on %s into %s.", len(all_runs), about["device"], folder.path)
        with phase("runs"), Progress(folder, all_runs, request.rounds + 1, quiet) as progress:
            for seeds in portions(request, folder, progress.tell, n_workers if tasks is None else tasks.n_workers):
                runs = runs_of(request, seeds)
                plan = plan_of(seeds)
                here = nullcontext(Processes(plan, n_workers))
                with here if tasks is None else cluster_workers(plan, tasks) as workers:
                    carry_out(plan, runs, workers)
        folder.remove_unfinished()
        curves = LearningCurves.load(request.output or folder.path)
    for remark in curves.remarks:
        logger.warning("%s", remark)
    return curves


def open_tasks(cluster: Any, n_workers: int, device: str) -> ClusterTasks:
    """The workers of a cluster; whoever has none need not have Dask."""
    from cal.learners.cluster_tasks import open_tasks as opened

    return opened(cluster, n_workers, device)


def choose_folder(parent: Path, name: str, wanted: Mapping[str, Any]) -> Path:
    """The newest folder under `parent` with this simulation, unfinished and left alone, or a dated one.

    Args:
        parent: folder of dated folders.
        name: end of the name of a new folder.
        wanted: what `differences` compares.
    """
    reasons: list[str] = []
    for path in sorted(parent.glob("*/run.json"), reverse=True):
        folder = RunFolder(path.parent)
        try:
            known = {**folder.about(), "config": folder.config()}
            if "finished" in known or differences(known, wanted, contents=False):
                continue
            if differing := differences(known, wanted):
                reasons.append(f"{path.parent} is unfinished, but its contents differ ({'; '.join(differing)})")
                continue
            with folder.lock():  # another process may be at it
                logger.warning("Resuming the unfinished simulation in %s.", path.parent)
            return path.parent
        except StorageError:  # not of a simulation, or taken
            continue
    chosen = dated_folder(parent, name)
    if reasons:
        logger.warning("%s; starting a new one in %s.", reasons[0], chosen)
    return chosen


def runs_of(request: SimulationRequest, seeds: Sequence[int]) -> list[Run]:
    """The runs of some seeds, the longest first."""
    full = [Run(FULL_DATA, seed) for seed in seeds if request.full_data]
    return full + [Run(strategy, seed) for strategy in request.acquisitions for seed in seeds]


def about_of(request: SimulationRequest, made: Prepared) -> dict[str, Any]:
    """The contents of run.json: versions, device, corpus and what the runs share."""
    corpus, inputs, vectors = made.corpus, made.inputs, made.vectors
    about = {
        "corpus": corpus.name,
        "label_names": list(corpus.label_names),
        "n_train": len(corpus.train),
        "n_test": len(corpus.require_test("A simulation")),
        "n_test_in_train": in_train(corpus),
        "n_dev": 0 if corpus.dev is None else len(corpus.dev),
        "uses_dev": request.uses_dev and corpus.dev is not None,
        "strategies": list(request.acquisitions),
        "seeds": request.all_seeds,
        "stopping": list(request.criteria),
        "strategy_digests": {name: digest(strategy) for name, strategy in request.acquisitions.items()},
        "corpus_fingerprint": corpus.fingerprint,
        # Also of vectors that only the seed set reads: other seed sets are another simulation.
        "features_fingerprint": "/".join(dict.fromkeys(each.fingerprint for each in (inputs, vectors) if each)),
        **provenance(request.device),
    }
    if request.asked.distinct:
        about["n_copies"] = len(made.copies)
    if made.wrong is not None:
        about["oracle_fingerprint"] = digest_of_wrong(made.wrong)
    return about


def plan_of_seeds(request: SimulationRequest, made: Prepared, folder: RunFolder, seeds: Sequence[int]) -> Plan:
    """What workers need to know of a simulation.

    Args:
        request: what to simulate.
        made: what its runs share.
        folder: folder for the finished rounds.
        seeds: the seeds.
    """
    corpus, vectors, copies, dev_set, wrong = made.corpus, made.vectors, made.copies, made.dev_set, made.wrong
    gold, strategies = corpus.train.gold, request.acquisitions
    n_workers = request.workers or joblib.cpu_count()
    with phase("seed sets"):
        aside = {seed: [*dev_set.aside.get(seed, ()), *copies] for seed in seeds}
        seed_sets = _seed_sets(request.seed_chooser, gold, vectors, request.seed_size, aside, n_workers)
    reads_texts = any("texts" in strategy.needs for strategy in strategies.values())
    setting = Setting(
        documents=PoolDocuments(corpus.train.ids, corpus.label_names, corpus.train.texts if reads_texts else None),
        gold=torch.from_numpy(gold),
        tests=labels_by_test(corpus),
        strategies=strategies,
        query_size=request.query_size,
        n_rounds=request.rounds,
        profile=request.profile,
        carries=carries(request.learner),
    )
    criteria, device, oracle = request.criteria, request.device, request.labeller
    answers = {}
    if wrong is not None:
        answers = {seed: torch.from_numpy(oracle.answers(corpus.train.ids, gold, wrong, seed)) for seed in seeds}
    return Plan(
        *(setting, made.inputs, request.learner, seed_sets, device, folder, criteria, request.stop, dev_set),
        copies=copies,
        answers=answers,
    )


def _seed_sets(
    chooser: SeedSet,
    gold: np.ndarray,
    vectors: Features | None,
    size: int,
    aside: Mapping[int, Sequence[int]],
    n_workers: int,
) -> dict[int, list[int]]:
    """The seed set of each seed, chosen by one thread each, whose number must not change the last bits of distances."""
    x = None
    if vectors is not None and chooser.reads_features:
        x = vectors.require_dense("A seed set chosen by vectors").train
    tasks = [(chooser, gold, x, size, seed, left_out) for seed, left_out in aside.items()]
    n_workers = min(n_workers, len(tasks)) if chooser.reads_features else 1
    return dict(zip(aside, in_processes(choose_seed_set, tasks, n_workers), strict=True))
