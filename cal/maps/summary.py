"""What to know about a map first: the numbers in map.json, and the lines that `cal map` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cal.dynamics.data_map import DataMap


def map_summary(data_map: DataMap, points: pd.DataFrame | None = None) -> dict[str, Any]:
    """Sizes, regions and correlations of a map, as map.json holds them.

    Args:
        data_map: map of one or several runs.
        points: its `to_frame()`, if that is known already.
    """
    points = data_map.to_frame() if points is None else points
    return {
        "name": data_map.name,
        "n_instances": len(points),
        "n_epochs": data_map.n_epochs,
        "capture": data_map.capture,
        "seeds": list(data_map.seeds),
        "label_names": None if data_map.label_names is None else list(data_map.label_names),
        "region_rule": data_map.rule,
        "regions": points["region"].value_counts().to_dict(),
        "correct_at_the_end": _defined((points["gold"] == points["predicted"])[points["gold"] >= 0].mean()),
        "correlation_of_confidence_and_variability": _defined(points["confidence"].corr(points["variability"])),
        "correlation_between_seeds": (
            {name: _defined(r) for name, r in data_map.correlation().items()} if data_map.n_runs > 1 else None
        ),
    }


def summary_text(summary: Mapping[str, Any]) -> str:
    """The contents of map.json in a few lines.

    Example:
        >>> about = {"name": "trec", "n_instances": 2, "n_epochs": 3, "capture": "end", "seeds": [7]}
        >>> about |= {"region_rule": {"quantile": {"ambiguous": 0.5}}, "regions": {"easy-to-learn": 1, "ambiguous": 1}}
        >>> about |= {"correct_at_the_end": 0.5, "correlation_of_confidence_and_variability": -0.5}
        >>> print(summary_text(about | {"correlation_between_seeds": None}))
        trec: 2 instances, 3 epochs, capture end, seed 7.
        Regions by quantile (ambiguous 0.5): easy-to-learn 50.0 %, ambiguous 50.0 %.
        Correct at the end: 50.0 %. Correlation of confidence and variability: -0.50.
    """
    n, seeds = summary["n_instances"], summary["seeds"]
    of_seeds = f", {'seed' if len(seeds) == 1 else 'mean over seeds'} {', '.join(map(str, seeds))}" if seeds else ""
    by = ""
    if summary["region_rule"]:
        ((rule, parameters),) = summary["region_rule"].items()
        by = f" by {rule} ({', '.join(f'{name} {value:.3g}' for name, value in parameters.items())})"
    shares = ", ".join(f"{name} {count / n:.1%}".replace("%", " %") for name, count in summary["regions"].items())
    correct, r = summary["correct_at_the_end"], summary["correlation_of_confidence_and_variability"]
    lines = [
        f"{summary['name'] or 'Data map'}: {n:,} instances, {summary['n_epochs']} epochs, "
        f"capture {summary['capture']}{of_seeds}.",
        f"Regions{by}: {shares}.",
        ("" if correct is None else f"Correct at the end: {100 * correct:.1f} %. ")
        + f"Correlation of confidence and variability: {_said(r, 2)}.",
    ]
    if between := summary["correlation_between_seeds"]:
        values = ", ".join(f"{name} {_said(r, 3)}" for name, r in between.items())
        lines.append(f"Correlation between seeds, mean over pairs: {values} (the paper reports .75 and more).")
    return "\n".join(lines)


def with_label_names(points: pd.DataFrame) -> pd.DataFrame:
    """The rows of a map with gold and predicted labels by their names, or their numbers as text."""
    named = {name: points.get(f"{name}_label", points[name]).astype("string") for name in ("gold", "predicted")}
    return points.assign(**named).drop(columns=["gold_label", "predicted_label"], errors="ignore")


def _defined(value: float) -> float | None:
    """A number as JSON has it: None for one that is not defined, such as a correlation with a constant."""
    return None if np.isnan(value) else float(value)


def _said(r: float | None, n_decimals: int) -> str:
    return "undefined (no spread)" if r is None else f"{r:.{n_decimals}f}"
