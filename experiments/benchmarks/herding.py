"""Herding: 50 choices of 5,000 and of 10,000 candidates, beside the greedy algorithm on the kernel of all pairs.

    cal benchmark herding                       300 dimensions, 200 labelled
    cal benchmark herding --candidates 2000
    cal benchmark herding --json

The plain way holds the kernel of all pairs in float32, as published code does, and computes the gains of all candidates
for each choice. Seconds are CPU seconds, of one thread each, in the same process; megabytes are those of the largest
kernel that is held. A tenth of the vectors are copies of others, weights are random, and the bandwidth is that of the
labelled vectors.
"""

from __future__ import annotations

import argparse
import json
import os

from machine import describe, timed

WIDTH, N_LABELLED, N_CHOSEN = 300, 200, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, nargs="+", default=[5_000, 10_000])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is loaded

    import numpy as np
    import torch

    from cal.acquisition.distances import unit
    from cal.acquisition.herding import herd, labelled_bandwidth

    torch.set_num_threads(1)

    def plainly(x: np.ndarray, labelled: np.ndarray, weights: np.ndarray, h: float) -> list[int]:
        """The greedy algorithm on the kernel of all pairs."""
        kernel = np.exp((x @ x.T - 1) * np.float32(2 / h**2))
        covered = np.exp((x @ labelled.T - 1) * np.float32(2 / h**2)).max(axis=1)
        chosen: list[int] = []
        for _ in range(N_CHOSEN):
            gains = weights @ np.maximum(kernel - covered[:, None], 0)
            gains[chosen] = -1
            chosen.append(int(gains.argmax()))
            covered = np.maximum(covered, kernel[:, chosen[-1]])
        return chosen

    rows = []
    for n in given.candidates:
        rng = np.random.default_rng(0)
        x = np.repeat(rng.normal(size=(n // 50, WIDTH)), 50, axis=0) + rng.normal(size=(n // 50 * 50, WIDTH))
        x = rng.permutation(np.concatenate([x, rng.normal(size=(N_LABELLED + n - len(x), WIDTH))]))
        x[rng.integers(0, n, n // 10)] = x[rng.integers(0, n, n // 10)]
        vectors, weights = unit(torch.from_numpy(x)), rng.uniform(size=n)
        labelled, candidates = vectors[:N_LABELLED], vectors[N_LABELLED:]
        h = labelled_bandwidth(labelled, "median")
        single = [array.astype(np.float32) for array in (candidates.numpy(), labelled.numpy(), weights)]
        mine, (places, _) = timed(
            lambda c=candidates, k=labelled, u=weights, h=h: herd(c, k, torch.from_numpy(u), N_CHOSEN, h)
        )
        theirs, chosen = timed(lambda s=single, h=h: plainly(*s, h))
        row = {"candidates": n, "seconds": round(mine, 3), "plain_seconds": round(theirs, 3)}
        row |= {"ratio": round(theirs / mine, 1), "plain_mb": round(4 * n * n / 2**20)}
        rows.append(row | {"same_choices": len(set(places.tolist()) & set(chosen)) / N_CHOSEN})
    if given.json:
        about = {"width": WIDTH, "labelled": N_LABELLED, "chosen": N_CHOSEN}
        print(json.dumps({"benchmark": "herding", "machine": describe(), **about, "rows": rows}))
        return
    for row in rows:
        print(f"{row['candidates']:,} x {WIDTH}, {N_CHOSEN} chosen")
        print(f"  cal                 {row['seconds']:8.2f} s")
        print(
            f"  kernel of all pairs {row['plain_seconds']:8.2f} s  {row['plain_mb']:5} MB  {row['ratio']} times as long"
        )
        print(f"  the same choices    {row['same_choices']:8.0%}")


if __name__ == "__main__":
    main()
