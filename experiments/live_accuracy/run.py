"""Does the interval of the live accuracy hold the true one, and does the comparison with random labels claim truly?

python experiments/live_accuracy/run.py trec ../shared/data
python experiments/live_accuracy/run.py ag_news_10k ../shared/data
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cal.active.accuracy import binomial_bounds
from cal.active.person import Person, Session, simulate_session
from cal.active.random_labels import compare_with_random
from cal.data.corpus import Corpus, TestSet
from cal.data.features import Features, vectors_of
from cal.data.lsa import Lsa
from cal.data.splits import Split

STRATEGIES = ("random", "margin", "blend")
MOST = 1_500
"""Documents that are labelled from at most; as many as that or more are held out."""
RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Simulates the sessions and writes a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="name of the folder of a corpus")
    parser.add_argument("data", type=Path, help="folder of the corpora, each with train.csv and test.csv (text, label)")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--decisions", type=int, default=300)
    parser.add_argument("--look", action="store_true", help="compare with random labels, with 3 test documents in 10")
    given = parser.parse_args()
    tables = [pd.read_csv(given.data / given.corpus / f"{name}.csv", dtype=str) for name in ("train", "test")]
    RESULTS.mkdir(exist_ok=True)
    name = f"{given.corpus}_{'looks' if given.look else 'coverage'}.csv"
    rows: list[dict[str, Any]] = []
    whole = Corpus.from_frame(tables[0], test=tables[1])
    vectors = vectors_of(whole, Lsa())  # of all documents, without labels: those held out are like those to label
    for number in range(given.sessions):
        corpus, features = halves(whole, vectors, number)
        person = Person.of(corpus)
        for strategy in STRATEGIES[: 1 if given.look else 3]:
            share = 0.3 if given.look else 0.1
            options = {"strategy": strategy, "learner": "small_mlp", "test_share": share, "seed": number}
            batch = 25 if given.look else 125
            session = simulate_session(corpus, person, given.decisions, batch=batch, features=features, **options)
            found = looks(session, number) if given.look else outcome(session)
            rows += [{"corpus": given.corpus, "strategy": strategy, "session": number, **each} for each in found]
        if number % 5 == 4 or number == given.sessions - 1:
            table = pd.DataFrame(rows)
            table.to_csv(RESULTS / name, index=False, float_format="%.4g")
    print((claims if given.look else coverage)(table).to_string(index=False))


def halves(whole: Corpus, vectors: Features, seed: int) -> tuple[Corpus, Features]:
    """A corpus whose train split is random documents, with others of them as the test set `new`, and its vectors."""
    names, train = whole.label_names, whole.train
    order = np.random.default_rng([19, seed]).permutation(len(train))
    half = len(train) // 2
    pool, others = np.sort(order[:half][:MOST]), np.sort(order[half:][: 2 * MOST])

    def split(rows: np.ndarray, name: str) -> Split:
        return Split([train.ids[row] for row in rows], [train.texts[row] for row in rows], train.gold[rows], name)

    new = TestSet(split(others, "new"), names, np.arange(len(names)))
    corpus = Corpus(split(pool, "train"), whole.test, names, tests={"new": new})
    places = {id: row for row, id in enumerate(train.ids)}
    rows = {name: [places[id] for id in corpus.splits()[name].ids] for name in ("train", "new")}
    return corpus, Features(vectors.train[rows["train"]], vectors.test, tests={"new": vectors.train[rows["new"]]})


def outcome(session: Session) -> list[dict[str, Any]]:
    """What the last round told, and what was true."""
    last, accuracy = session.curve.iloc[-1], session.progress.accuracy
    assert accuracy is not None
    share = accuracy.accuracy
    told = {"n_labelled": int(last["n_labelled"]), "n_test": share.n, "estimate": share.estimate}
    return [{**told, "low": share.low, "high": share.high, "new": last["new"], "test": last["test"]}]


def looks(session: Session, seed: int) -> list[dict[str, Any]]:
    """The comparison with random labels after each round, by what was known then."""
    learner, found = session.learner, []
    trained, records, tested = learner.trained, learner.records, learner.tested
    assert trained is not None
    order = {id: place for place, id in enumerate(session.decided)}
    for record in records:
        ids = [session.ids[row] for row in tested]
        known = [row for row, id in zip(tested, ids, strict=True) if order[id] < record.n_decided]
        answers = {each.n_labelled: [each.test[row] for row in known] for each in records if each.round <= record.round}
        said = compare_with_random(trained.learner, known, [tested[row] for row in known], answers, seed=seed)
        if said.n_labels:
            mean = said.difference[0] if said.difference else np.nan
            found.append({"n_test": said.n, "n_labels": said.n_labels, "difference": mean, "told": said.is_told})
    return found


def coverage(table: pd.DataFrame) -> pd.DataFrame:
    """Share of sessions whose interval holds the accuracy on new documents, and on the official test split."""
    rows = []
    for strategy, of in table.groupby("strategy", sort=False):
        row = {"strategy": strategy, "sessions": len(of), "width": (of["high"] - of["low"]).mean()}
        for name in ("new", "test"):
            held = (of["low"] <= of[name]) & (of[name] <= of["high"])
            low, high = binomial_bounds(int(held.sum()), len(of))
            row |= {f"{name}: true": of[name].mean(), f"{name}: held": held.mean(), f"{name}: from": low}
            row |= {f"{name}: to": high, f"{name}: mean error": (of["estimate"] - of[name]).mean()}
        rows.append(row)
    return pd.DataFrame(rows).round(3)


def claims(table: pd.DataFrame) -> pd.DataFrame:
    """Share of sessions in which a difference is claimed at the last look, and at any."""
    rows = []
    for strategy, of in table.groupby("strategy", sort=False):
        sessions = of.groupby("session")
        last, ever = sessions["told"].last(), sessions["told"].any()
        better = sessions["difference"].last()[last] > 0
        row = {"strategy": strategy, "sessions": len(last), "looks": len(of) / len(last), "last": last.mean()}
        rows.append({**row, "ever": ever.mean(), "better, of the last": better.mean() if len(better) else np.nan})
    return pd.DataFrame(rows).round(3)


if __name__ == "__main__":
    main()
