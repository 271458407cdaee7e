"""The truncated SVD of LSA beside scikit-learn's, on the texts of a corpus or on random words, one thread.

    cal benchmark lsa --data FOLDER        300 directions of train.csv; FOLDER holds columns id, text, label
    cal benchmark lsa --texts 6000 --json  texts of random words

Seconds are CPU seconds of the SVD alone: the tf-idf matrix is given. scikit-learn's are those of `TruncatedSVD` with
its default, a randomised SVD, and with ARPACK. Beside them is the share of directions whose cosine with that of an
exact decomposition of x x' is above .99, and the singular values around the last direction that is kept.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from machine import describe, timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with train.csv and test.csv")
    parser.add_argument("--texts", type=int, default=3_000, help="number of texts of random words without --data")
    parser.add_argument("--directions", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is loaded

    import numpy as np
    from scipy.linalg import eigh
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    from cal.data.directions import principal_directions
    from cal.data.lsa import Lsa, words_and_pairs

    n, size = given.directions, Lsa().max_terms
    terms = TfidfVectorizer(analyzer=words_and_pairs, sublinear_tf=True, max_features=size)
    seconds, x = timed(lambda: terms.fit_transform(texts_of(given)))
    result = {"texts": x.shape[0], "terms": x.shape[1], "directions": n, "tfidf_seconds": round(seconds, 2)}

    def exact():
        squares, left = eigh((x @ x.T).toarray(), subset_by_index=[x.shape[0] - n - 1, x.shape[0] - 1])
        return np.sqrt(squares[::-1]), left[:, ::-1]

    result["exact_seconds"], (singular, left) = timed(exact)
    result |= {"last_singular": round(singular[n - 1], 6), "next_singular": round(singular[n], 6)}
    expected = x.T @ left[:, :n] / singular[:n]
    ways = {
        "cal": lambda: principal_directions(x, n),
        "sklearn": lambda: TruncatedSVD(n, random_state=0).fit(x).components_.T,
        "sklearn_arpack": lambda: TruncatedSVD(n, algorithm="arpack", random_state=0).fit(x).components_.T,
    }
    for name, way in ways.items():
        seconds, found = timed(way)
        cosines = np.abs((found * expected).sum(axis=0))
        result |= {f"{name}_seconds": seconds, f"{name}_matching": round(float((cosines > 0.99).mean()), 4)}
        result[f"{name}_farthest"] = float(1 - cosines.min())
    result = {name: round(value, 2) if name.endswith("_seconds") else value for name, value in result.items()}
    if given.json:
        print(json.dumps({"benchmark": "lsa", "machine": describe(), **result}))
        return
    print(f"{n} directions of {x.shape[0]:,} texts x {x.shape[1]:,} terms; tf-idf {result['tfidf_seconds']:.2f} s")
    print(f"  singular values {result['last_singular']} (the last kept) and {result['next_singular']}")
    print(f"  exact                  {result['exact_seconds']:8.2f} s")
    for name in ways:
        matching, farthest = result[f"{name}_matching"], result[f"{name}_farthest"]
        print(f"  {name:<22} {result[f'{name}_seconds']:8.2f} s, {matching:.1%} match, 1 - least cosine {farthest:.1e}")


def texts_of(given: argparse.Namespace) -> list[str]:
    if given.data:
        import pandas as pd

        return pd.read_csv(given.data / "train.csv")["text"].astype(str).tolist()
    import numpy as np

    rng = np.random.default_rng(0)
    return [" ".join(f"w{word}" for word in (3000 * rng.random(12) ** 3).astype(int)) for _ in range(given.texts)]


if __name__ == "__main__":
    main()
