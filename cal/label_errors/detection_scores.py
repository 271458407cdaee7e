"""Detection scores: how well a ranking of documents finds known wrong labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cal.label_errors.detectors import Detection

REVIEWED = (1, 5, 10, 20)
"""Percentages of the documents that are read, most suspicious first."""
READ = 5
"""The percentage in headlines, and the share of labels that is cleaned."""
CURVE = np.arange(101) / 2
"""Percentages read along a recall curve."""


def found(score: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Number of wrong labels among the first 0, 1, ... n documents, most suspicious first.

    Where documents tie, this is the expected number for a random order among them.

    Args:
        score: (instance,) scores, higher = more suspicious.
        wrong: (instance,) which labels are wrong.

    Returns:
        (instance + 1,) numbers; the last counts all wrong labels.

    Example:
        >>> found(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, False, True, False])).tolist()
        [0.0, 1.0, 1.5, 2.0, 2.0]
    """
    _, tie, sizes = np.unique(-score, return_inverse=True, return_counts=True)
    shares = np.bincount(tie, wrong) / sizes
    return np.concatenate([[0.0], shares[np.sort(tie)].cumsum()])


def first_read(score: np.ndarray, k: int) -> np.ndarray:
    """(instance,) probability of being among the k most suspicious, for a random order among those that tie.

    Args:
        score: (instance,) scores, higher = more suspicious.
        k: number of documents.

    Example:
        >>> first_read(np.array([0.9, 0.5, 0.5, 0.1]), 2).tolist()
        [1.0, 0.5, 0.5, 0.0]
    """
    _, tie, sizes = np.unique(-score, return_inverse=True, return_counts=True)
    shares: np.ndarray = np.clip((k - sizes.cumsum() + sizes) / sizes, 0, 1)[tie]
    return shares


def n_read(percent: float, n: int) -> int:
    """Number of documents in a percentage of n, at least one.

    Example:
        >>> n_read(5, 5452), n_read(1, 20)
        (273, 1)
    """
    return max(round(percent / 100 * n), 1)


def recall_curve(score: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(percentage,) share of the wrong labels found by reading each percentage in `CURVE`.

    Args:
        score: (instance,) scores, higher = more suspicious.
        wrong: (instance,) which labels are wrong.
    """
    recall: np.ndarray = found(score, wrong)[[round(percent / 100 * len(wrong)) for percent in CURVE]] / wrong.sum()
    return recall


def class_scores(
    score: np.ndarray, right: np.ndarray, given: np.ndarray, label_names: Sequence[str]
) -> list[dict[str, Any]]:
    """Wrong labels of each class, and how many of them are found by reading `READ` percent.

    Args:
        score: (instance,) scores, higher = more suspicious.
        right: (instance,) right classes.
        given: (instance,) given classes.
        label_names: name of each class.

    Returns:
        A row per side, `given` or `right`, and `label` of a class that has wrong labels: their number `n_wrong`, and
        how many are `found`, the expected number where documents tie.

    Example:
        >>> class_scores(np.array([0.9, 0.1, 0.2]), np.array([0, 0, 1]), np.array([1, 0, 0]), ["no", "yes"])[0]
        {'side': 'given', 'label': 'no', 'n_wrong': 1, 'found': 0.0}
    """
    wrong = right != given
    share = first_read(score, n_read(READ, len(score)))[wrong]
    rows = []
    for side, classes in (("given", given[wrong]), ("right", right[wrong])):
        n_wrong, hits = np.bincount(classes), np.bincount(classes, share)
        rows += [
            {"side": side, "label": label_names[each], "n_wrong": int(n_wrong[each]), "found": float(hits[each])}
            for each in np.flatnonzero(n_wrong).tolist()
        ]
    return rows


def detection_scores(detection: Detection, wrong: np.ndarray) -> dict[str, float | str | None]:
    """The measures of one detector, as described in `cal.label_errors.audit_result.AuditResult.scores`.

    Args:
        detection: output of the detector.
        wrong: (instance,) which labels are wrong; some but not all.

    Example:
        >>> suspicion = Detection(np.array([0.9, 0.1, 0.5, 0.4, 0.3]))
        >>> scores = detection_scores(suspicion, np.array([True, False, False, True, False]))
        >>> scores["recall_at_20"], scores["ceiling_at_20"], scores["precision_at_20"]
        (0.5, 0.5, 1.0)
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    flagged, estimate = detection.flagged, detection.estimate
    n, n_wrong, hits = len(wrong), int(wrong.sum()), found(detection.score, wrong)
    scores: dict[str, float | str | None] = {
        "n_instances": n,
        "n_wrong": n_wrong,
        "average_precision": float(average_precision_score(wrong, detection.score)),
        "auroc": float(roc_auc_score(wrong, detection.score)),
    }
    for percent in REVIEWED:
        k = n_read(percent, n)
        scores |= {
            f"recall_at_{percent}": float(hits[k] / n_wrong),
            f"ceiling_at_{percent}": min(1.0, k / n_wrong),
            f"precision_at_{percent}": float(hits[k] / k),
        }
    scores |= dict.fromkeys(("flagged_share", "flag_precision", "flag_recall"))
    if flagged is not None:
        n_hit = int(wrong[flagged].sum())
        scores |= {"flagged_share": float(flagged.mean()), "flag_recall": n_hit / n_wrong}
        scores["flag_precision"] = n_hit / int(flagged.sum()) if flagged.any() else None
    for name in ("n_errors", "n_errors_low", "n_errors_high"):
        scores[name] = None if estimate is None else float(getattr(estimate, name))
    return scores | {"no_estimate": detection.no_estimate, "seconds": detection.seconds}
