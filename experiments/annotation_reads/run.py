"""Do intervals from the reads of a queue hold at all times of looking, how wide are they, and what do the orders find?

    python experiments/annotation_reads/run.py ../shared/data

Trainings are kept under runs/annotation_reads; what is there is not done again.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from itertools import product
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from scipy.stats import beta
from sklearn.metrics import average_precision_score

import cal
from cal.annotation.proof.simulated_reviews import simulated_reviews
from cal.annotation.proof.stopping import next_reads
from cal.annotation.queues.draw_order import draw_order, draw_weights
from cal.annotation.queues.orders import FLOOR
from cal.data.confusions import predicted_confusions
from cal.data.features import vectors_of
from cal.data.noise import inject
from cal.label_errors import detectors
from cal.label_errors.error_estimate import estimate_errors
from cal.label_errors.estimate_range import trusted_estimate
from cal.label_errors.linear_models import Logistic
from cal.label_errors.suspects_request import SuspectsRequest
from cal.label_errors.views import document_views
from cal.learners.grid import cross_validation
from cal.streams import stream

CORPORA = ("trec", "ag_news_10k")
NOISE = ("uniform", "class_dependent", "annotator")
RATES = (0.01, 0.05, 0.1, 0.2)
SCORES = {"p_wrong": True, "consensus": False, "aum": False}
"""What documents are drawn by, and whether it is a probability; the others count by their ranks."""
ORDERS = ("sampled", "mixed", "random", "ranked")
SHARES = (0.05, 0.1, 0.2)
"""Shares of the corpus that are read."""
FLOORS = (FLOOR, 0.3, 1.0)
"""Share of the mean score that is added to each; the first is cal's own."""
STOPPED = ("sampled", "ranked", "mixed")
"""Orders in which a reviewer reads until told to stop."""
SEED = 398048
RUNS = Path("runs/annotation_reads")
RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Trains what is not there, reads, and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of trec and ag_news_10k, each with a train.csv (text, label)")
    parser.add_argument("--repetitions", type=int, default=1000)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    RUNS.mkdir(parents=True, exist_ok=True)
    for name in CORPORA:
        _train(name, given.data)
    rows = []
    for name, noise, rate, score in product(CORPORA, NOISE, RATES, SCORES):
        rows += _read(name, noise, rate, score, given.repetitions)
        print(name, noise, rate, score, flush=True)
    table = pd.DataFrame(rows)
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / "reads.csv", index=False, float_format="%.4g")
    print(summary(table))
    stops = pd.DataFrame([_stopped(*each) for each in product(CORPORA, NOISE, RATES, STOPPED)])
    stops.to_csv(RESULTS / "stops.csv", index=False, float_format="%.4g")
    print(_markdown(stops.groupby(["order", "rate"], sort=False).median(numeric_only=True).reset_index()))


def _train(name: str, data: Path) -> None:
    """Scores of every document under every kind and rate of noise, as `cal suspects` computes them, by LSA vectors."""
    open_ = [(noise, rate) for noise, rate in product(NOISE, RATES) if not _path(name, noise, rate).exists()]
    if not open_:
        return
    corpus, request = cal.read_corpus(data / name / "train.csv"), SuspectsRequest(seeds=1, workers=1, features="lsa")
    vectors = vectors_of(corpus, request.features)
    views, setup = document_views(corpus, vectors), replace(request.setup(True), features=vectors)
    folds = [(each.rows, each.recorded) for each in cross_validation(corpus.train.gold, SEED, 5)]
    model = Logistic.chosen(views, corpus.train.gold, corpus.n_classes, folds[0])
    probs = model.probs(corpus.train.gold, corpus.n_classes, folds)
    for noise, rate in open_:
        noised = inject(corpus, noise, rate, SEED, confusions=predicted_confusions(probs, corpus.train.gold))
        with patch.object(detectors, "trusted_estimate", _UntrustedEstimate()) as estimate:
            found = detectors.detect(
                noised.corpus, ["calibrated", "consensus", "aum"], setup, seeds=[SEED], views=views
            )
        scores = {"p_wrong": found["calibrated"].estimate.probability}
        scores |= {detector: found[detector].score for detector in ("consensus", "aum")}
        np.savez(_path(name, noise, rate), wrong=noised.wrong, told=estimate.told, **scores)


class _UntrustedEstimate:
    """p_wrong whether it can be trusted or not, so that the draws are also tried with probabilities that are off."""

    told = False

    def __call__(self, scores, flipped, gold, probs, names, *, seed):
        self.told = trusted_estimate(scores, flipped, gold, probs, names, seed=seed)[0] is not None
        return estimate_errors(scores, flipped, len(names), seed=seed), ""


def _path(name: str, noise: str, rate: float) -> Path:
    return RUNS / f"{name}-{noise}-{rate}.npz"


def _read(name: str, noise: str, rate: float, score: str, repetitions: int) -> list[dict[str, object]]:
    """One row per order, floor and share of the corpus."""
    kept = np.load(_path(name, noise, rate))
    wrong, n = kept["wrong"], len(kept["wrong"])
    looks = [round(share * n) for share in SHARES]
    rows, how = [], {"repetitions": repetitions, "intervals": min(repetitions, 100)}
    for order in ORDERS:
        for floor in FLOORS if order == "sampled" else FLOORS[:1]:
            weights = draw_weights(kept[score], probability=SCORES[score], floor=floor)
            purpose = f"reads/{name}/{noise}/{rate}/{score}/{order}/{floor}"
            seen = simulated_reviews(weights, wrong, order, looks, stream(SEED, purpose), **how)
            about = {"corpus": name, "noise": noise, "rate": rate, "score": score, "order": order, "floor": floor}
            about |= {"average_precision": average_precision_score(wrong, kept[score]), "told": bool(kept["told"])}
            about |= {"held": seen.held.mean() if len(seen.held) else np.nan, "errors": seen.n_errors}
            for look, (share, reads) in enumerate(zip(SHARES, looks, strict=True)):
                width = np.median(seen.high[:, look] - seen.low[:, look]) if len(seen.high) else np.nan
                rows.append(
                    about
                    | {"share": share, "reads": reads, "found": seen.found[:, look].mean() / seen.n_errors}
                    | {"width": width, "binomial": _binomial_width(n, seen.n_errors, reads)}
                    | {"bias": seen.estimate[:, look].mean() / seen.n_errors - 1}
                    | {"sd": seen.estimate[:, look].std(), "random_sd": _random_sd(n, seen.n_errors, reads)}
                )
    return rows


def _stopped(name: str, noise: str, rate: float, order: str, repetitions: int = 30) -> dict[str, object]:
    """Means over reviewers who look after every 100 documents, and stop when told that the next 100 hold no error."""
    kept = np.load(_path(name, noise, rate))
    weights, wrong = draw_weights(kept["consensus"], probability=False), kept["wrong"]
    seen = []
    for repetition in range(repetitions):
        drawn = draw_order(weights, order, generator=stream(SEED, f"stops/{name}/{noise}/{rate}/{order}", repetition))
        errors = wrong[drawn.documents]
        for reads in range(100, len(errors) + 1, 100):
            told = next_reads(drawn.weights[:reads], errors[:reads], drawn.weights[reads : reads + 100], errors=1)
            if told.may_stop:
                break
        seen.append(
            (reads / len(errors), errors[:reads].mean() * reads / wrong.sum(), errors[reads : reads + 100].sum())
        )
    share, recall, came = np.mean(seen, axis=0)
    about = {"corpus": name, "noise": noise, "rate": rate, "order": order}
    return about | {"share_read": share, "recall": recall, "errors_in_next_100": came}


def _binomial_width(n: int, n_errors: int, n_reads: int) -> float:
    """Median width of the Clopper-Pearson interval of so many random reads, in errors."""
    found = np.random.default_rng(0).hypergeometric(n_errors, n - n_errors, n_reads, size=1001)
    low, high = beta.ppf(0.025, found, n_reads - found + 1), beta.ppf(0.975, found + 1, n_reads - found)
    return float(np.median(n * (high - np.nan_to_num(low))))


def _random_sd(n: int, n_errors: int, n_reads: int) -> float:
    """Standard deviation of the number of errors as so many random reads estimate it."""
    rate = n_errors / n
    return float(n * np.sqrt(rate * (1 - rate) / n_reads * (n - n_reads) / (n - 1)))


def summary(table: pd.DataFrame) -> str:
    """The tables of the README, in Markdown."""
    table = table.assign(ratio=table["width"] / table["binomial"], sd_ratio=table["sd"] / table["random_sd"])
    parts = []
    for keys in (
        ["order", "floor", "share"],
        ["order", "floor", "share", "rate"],
        ["order", "floor", "share", "score"],
    ):
        grouped = table.groupby(keys, sort=False).agg(
            settings=("held", "size"),
            held_least=("held", "min"),
            held_mean=("held", "mean"),
            width=("ratio", "median"),
            narrowest=("ratio", "min"),
            widest=("ratio", "max"),
            found=("found", "median"),
            sd=("sd_ratio", "median"),
            bias=("bias", "median"),
        )
        parts.append(_markdown(grouped.reset_index()))
    return "\n\n".join(parts)


def _markdown(table: pd.DataFrame) -> str:
    cells = table.map(lambda value: f"{value:.3g}" if isinstance(value, float) else str(value)).to_numpy()
    lines = [table.columns, ["---"] * table.shape[1], *cells]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


if __name__ == "__main__":
    main()
