"""Almost Stochastic Order between all pairs of strategies: cal's matrix beside deepsig's.

    cal benchmark aso                    six strategies, 150 scores each, 1,000 bootstraps
    cal benchmark aso --strategies 3 --scores 20
    cal benchmark aso --json

cal computes every epsilon both ways, and the paired permutation tests. deepsig's `multi_aso` gets as many jobs as
there are cores, and computes one of each two epsilons, as it does by default. The largest difference between those it
computes is reported at confidence .95 for both, because its own correction is not Bonferroni's; what remains of it is
that deepsig integrates on a grid and that each draws its own resamples.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import sys
import time
import warnings

from machine import describe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategies", type=int, default=6)
    parser.add_argument("--scores", type=int, default=150)
    parser.add_argument("--bootstraps", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()

    import joblib
    import numpy as np

    from cal.report import aso, aso_matrix

    rng = np.random.default_rng(0)
    scores = {f"strategy {k}": rng.normal(0.8 + 0.005 * k, 0.02, given.scores) for k in range(given.strategies)}
    aso_matrix(scores, n_bootstrap=given.bootstraps)
    seconds = statistics.median(timed(lambda: aso_matrix(scores, n_bootstrap=given.bootstraps))[0] for _ in range(7))

    n_jobs = joblib.cpu_count()
    result = {"strategies": given.strategies, "scores": given.scores, "bootstraps": given.bootstraps}
    result |= {"seconds": round(seconds, 4), "deepsig_seconds": None, "deepsig_jobs": n_jobs, "missing": []}
    try:
        import deepsig
    except ImportError:
        result["missing"].append("deepsig is not installed: pip install deepsig")
    else:
        print(f"deepsig with {n_jobs} jobs; this takes a minute ...", file=sys.stderr)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            theirs, matrix = timed(
                lambda: deepsig.multi_aso(
                    {name: values.tolist() for name, values in scores.items()},
                    confidence_level=0.95,
                    use_bonferroni=False,
                    num_bootstrap_iterations=given.bootstraps,
                    num_jobs=n_jobs,
                    seed=0,
                    show_progress=False,
                )
            )
        values = list(scores.values())
        pairs = [(a, b) for a in range(len(values)) for b in range(a + 1, len(values))]
        ours = [aso(values[a], values[b], alpha=0.05, n_bootstrap=given.bootstraps) for a, b in pairs]
        apart = max(abs(epsilon - matrix[a, b]) for epsilon, (a, b) in zip(ours, pairs, strict=True))
        result |= {"deepsig_seconds": round(theirs, 2), "deepsig_ratio": round(theirs / seconds, 1)}
        result["largest_difference"] = round(float(apart), 4)
    if given.json:
        print(json.dumps({"benchmark": "aso", "machine": describe(), **result}))
        return
    print(f"{given.strategies} x {given.strategies} strategies, {given.scores} scores, {given.bootstraps:,} bootstraps")
    print(f"  cal      {seconds:8.3f} s")
    if result["deepsig_seconds"] is None:
        print(f"  {result['missing'][0]}")
    else:
        print(f"  deepsig  {theirs:8.1f} s with {n_jobs} jobs: {theirs / seconds:,.0f} times as long")
        print(f"  the largest difference between their epsilons is {apart:.3f}")


def timed(call):
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


if __name__ == "__main__":
    main()
