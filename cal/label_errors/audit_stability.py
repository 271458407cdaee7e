"""Audit stability: how much of the first 5 % of a ranking stays when a detector trains with another seed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from cal.label_errors.detection_scores import READ, first_read, n_read
from cal.label_errors.detectors import Detection

Firsts = dict[str, list[dict[str, Any]]]
"""The first documents by each detector, as `first_documents` returns them."""
FIRSTS = "first"
_COLUMNS = {"detector": object, "seed": int, "other": int, "overlap": float}


def first_documents(detections: Mapping[str, Detection]) -> Firsts:
    """The first `READ` percent of the documents by each detector, with what they are compared by.

    Args:
        detections: outputs by name of the detector.

    Returns:
        Under `first`, a row per detector: positions `at` of the documents that may be among the first, and the
        probability `share` that each is, where documents tie.

    Example:
        >>> first_documents({"aum": Detection(np.array([0.1, 0.9, 0.5]))})
        {'first': [{'detector': 'aum', 'at': [1], 'share': [1.0]}]}
    """
    rows = []
    for name, detection in detections.items():
        share = first_read(detection.score, n_read(READ, len(detection.score)))
        at = np.flatnonzero(share)
        rows.append({"detector": name, "at": at.tolist(), "share": share[at].tolist()})
    return {FIRSTS: rows}


def overlaps(firsts: Mapping[int, Firsts]) -> pd.DataFrame:
    """One row per detector and pair of seeds: `detector`, `seed`, `other` and `overlap`.

    The overlap is the share of the first documents with one seed that are also among the first with the other, the
    expected one for a random order among those that tie.

    Args:
        firsts: first documents by seed; with fewer than two seeds there are no rows.

    Example:
        >>> first, other = ({"first": [{"detector": "aum", "at": at, "share": [1, 1]}]} for at in ([3, 5], [5, 8]))
        >>> overlaps({1: first, 2: other}).values.tolist()
        [['aum', 1, 2, 0.5]]
    """
    rows = [
        (one["detector"], seed, other, _overlap(one, another))
        for seed, other in combinations(firsts, 2)
        for one, another in zip(firsts[seed][FIRSTS], firsts[other][FIRSTS], strict=True)
    ]
    return pd.DataFrame(rows, columns=[*_COLUMNS]).astype(_COLUMNS)


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    share = dict(zip(other["at"], other["share"], strict=True))
    both = sum(each * share.get(at, 0.0) for at, each in zip(one["at"], one["share"], strict=True))
    return float(both / sum(one["share"]))
