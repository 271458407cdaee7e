"""AFLite on 40,000 instances: all its rounds, and its first round beside probes of scikit-learn, one thread.

    cal benchmark aflite                   40,000 x 300, two classes, a third remains
    cal benchmark aflite --classes 3
    cal benchmark aflite --instances 4000 --json

Seconds are CPU seconds. A round trains 64 logistic regressions on halves of the instances. scikit-learn trains only the
first --peer-probes of the first round, one after the other, each on the same half, in the same precision and with the
same regularisation; the ratio is that of the seconds a probe takes in that round. Of how many held-out instances both
predict the same class is said beside.
"""

from __future__ import annotations

import argparse
import json
import os

from machine import describe, timed

WIDTH, N_PROBES = 300, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=40_000)
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--peer-probes", type=int, default=4, help="probes that scikit-learn trains")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is loaded

    import numpy as np
    import torch

    from cal.selection.aflite import RIDGE, aflite, train_probes

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    gold = rng.integers(0, given.classes, given.instances)
    centres = 0.15 * rng.normal(size=(given.classes, WIDTH))
    x = centres[gold] + rng.normal(size=(given.instances, WIDTH))
    count = given.instances // 3
    seconds, _ = timed(lambda: aflite(x, gold, count, n_probes=N_PROBES))

    x = (x - x.mean(axis=0)) / x.std(axis=0)
    inputs = torch.from_numpy(np.column_stack([x, np.ones(len(x))])).float()
    trained_on = torch.rand(len(x), N_PROBES, generator=torch.Generator().manual_seed(0)) < 0.5
    ridge = RIDGE * len(x) / 2
    mine, (predicted, _) = timed(lambda: train_probes(inputs, torch.from_numpy(gold), trained_on, ridge))

    result = {"instances": given.instances, "classes": given.classes, "remaining": count, "probes": N_PROBES}
    result |= {"seconds": round(seconds, 2), "probe_ms": round(1e3 * mine / N_PROBES, 2), "missing": []}
    result |= {"sklearn_probes": given.peer_probes, "sklearn_probe_ms": None}
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        result["missing"].append("scikit-learn is not installed: pip install scikit-learn")
    else:
        strength = (2 if given.classes == 2 else 1) / ridge  # with two classes it has half as many coefficients
        vectors, theirs, same = inputs[:, :-1].numpy(), 0.0, []
        for probe in range(given.peer_probes):
            rows = trained_on[:, probe].numpy()
            model = LogisticRegression(C=strength, max_iter=1000)
            spent, answers = timed(lambda model=model, rows=rows: model.fit(vectors[rows], gold[rows]).predict(vectors))
            theirs += spent
            same.append((predicted[:, probe].numpy() == answers)[~rows].mean())
        each = theirs / given.peer_probes
        result |= {"sklearn_probe_ms": round(1e3 * each, 2), "sklearn_ratio": round(each / mine * N_PROBES, 1)}
        result["same_predictions"] = round(float(np.mean(same)), 4)
    if given.json:
        print(json.dumps({"benchmark": "aflite", "machine": describe(), **result}))
        return
    print(f"{given.instances:,} x {WIDTH}, {given.classes} classes, until {count:,} remain, {N_PROBES} probes a round")
    print(f"  cal, all rounds                 {seconds:8.1f} s")
    print(f"  cal, a probe of the first       {result['probe_ms']:8.1f} ms")
    if result["missing"]:
        print(f"  {result['missing'][0]}")
    else:
        theirs_ms, ratio = result["sklearn_probe_ms"], result["sklearn_ratio"]
        print(f"  scikit-learn, mean of {given.peer_probes:2}     {theirs_ms:8.1f} ms: {ratio} times as long")
        print(f"  the same prediction of {result['same_predictions']:.2%} of the held-out instances")


if __name__ == "__main__":
    main()
