"""What to know about a map first: the numbers in map.json, and the lines that `cal map` prints."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten
from typing import Any

import numpy as np
import pandas as pd

from cal.dynamics.data_map import DataMap
from cal.dynamics.map_frame import points_of
from cal.errors import quantity

ONE_EPOCH = (
    "Warning: with one epoch, variability is 0 everywhere, so regions and rankings by it mean nothing. Record more "
    "epochs, or use confidence."
)


def map_summary(data_map: DataMap, points: pd.DataFrame | None = None) -> dict[str, Any]:
    """Sizes, regions and correlations of a map, as map.json holds them.

    Args:
        data_map: map of one or several runs.
        points: its `to_frame()`, if that is known already.
    """
    points = points_of(data_map) if points is None else points
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
    n_epochs = summary["n_epochs"]
    lines = [
        f"{summary['name'] or 'Data map'}: {quantity(n, 'instance')}, {quantity(n_epochs, 'epoch')}, "
        f"capture {summary['capture']}{of_seeds}.",
        f"Regions{by}: {shares}.",
        ("" if correct is None else f"Correct at the end: {100 * correct:.1f} %. ")
        + f"Correlation of confidence and variability: {_said(r, 2)}.",
    ]
    if n_epochs == 1 and r is None:
        lines.append(ONE_EPOCH)
    if between := summary["correlation_between_seeds"]:
        values = ", ".join(f"{name} {_said(r, 3)}" for name, r in between.items())
        lines.append(f"Correlation between seeds, mean over pairs: {values} (the paper reports .75 and more).")
    return "\n".join(lines)


def hardest_text(points: pd.DataFrame, n: int) -> str:
    """The n instances of least confidence: confidence, correctness, id, gold and predicted label, and the text.

    Args:
        points: rows of a map, as `DataMap.to_frame` has them.
        n: greatest number of instances.

    Example:
        >>> points = pd.DataFrame({"id": ["a", "b"], "confidence": [0.9, 0.1], "correctness": [1.0, 0.0]})
        >>> points = points.assign(loss=[0.1, 2.3], gold=0, predicted=[0, 1], text=["Who?", "How far is it?"])
        >>> print(hardest_text(points, 1))
        Hardest to learn: confidence, correctness, id, labels and text
        .100  0.00  b  gold 0, predicted 1: How far is it?
    """
    named = with_label_names(points)
    keys = {"confidence": True, "loss": False, "id": True}  # ascending or not
    keys = {name: rises for name, rises in keys.items() if name in named}
    first = named.sort_values([*keys], ascending=[*keys.values()], kind="stable").head(n)
    texts = first.get("text", pd.Series("", index=first.index)).map(lambda text: shorten(text, 200, placeholder=" …"))
    called = first.get("place", first["id"])
    rows = zip(first["confidence"], first["correctness"], called, first["gold"], first["predicted"], texts, strict=True)
    lines = [
        f"{confidence:.3f}".removeprefix("0")
        + f"  {correctness:.2f}  {instance_id}"
        + f"  {_labels_said(gold, predicted)}: {text}".removesuffix(": ").rstrip()
        for confidence, correctness, instance_id, gold, predicted, text in rows
    ]
    return "\n".join(["Hardest to learn: confidence, correctness, id, labels and text", *lines])


def with_label_names(points: pd.DataFrame) -> pd.DataFrame:
    """The rows of a map with gold and predicted labels by their names, or their numbers as text; missing if unknown."""
    named = {
        name: points.get(f"{name}_label", points[name]).astype("string").where(points[name] >= 0)
        for name in ("gold", "predicted")
    }
    return points.assign(**named).drop(columns=["gold_label", "predicted_label"], errors="ignore")


def _labels_said(gold: Any, predicted: Any) -> str:
    """The labels of an instance that are known."""
    known = {"gold": gold, "predicted": predicted}
    return ", ".join(f"{name} {label}" for name, label in known.items() if not pd.isna(label))


def _defined(value: float) -> float | None:
    """A number as JSON has it: None for one that is not defined, such as a correlation with a constant."""
    return None if np.isnan(value) else float(value)


def _said(r: float | None, n_decimals: int) -> str:
    return "undefined (no spread)" if r is None else f"{r:.{n_decimals}f}"
