"""Estimates: arithmetic that all plans share."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence

import numpy as np

from cal.planning.figures import duration

_MOST = 200_000  # tasks that are handed out one by one


def half_width(samples: Sequence[float], n_ahead: float) -> float:
    """Half of the 90 % prediction interval of the mean of `n_ahead` further ones, as a share of the mean.

    That is t(.95, n - 1) s sqrt(1/n + 1/n_ahead) / mean, with the standard deviation s of the n samples. One sample has
    no spread, and gives 0.

    Args:
        samples: what was measured, such as the seconds of each part.
        n_ahead: number of further ones that one worker does.

    Example:
        >>> round(half_width([9.0, 10.0, 11.0], 1_000_000), 4)
        0.1686
        >>> half_width([10.0], 5)
        0.0
    """
    values = np.asarray(samples, dtype=float)
    if len(values) < 2 or values.mean() <= 0:
        return 0.0
    from scipy.stats import t

    spread = t.ppf(0.95, len(values) - 1) * values.std(ddof=1) * math.sqrt(1 / len(values) + 1 / max(n_ahead, 1))
    return float(spread / values.mean())


def makespan(tasks: Sequence[tuple[float, int]], workers: int) -> float:
    """Seconds until tasks are done that workers take one after the other, in this order.

    Args:
        tasks: seconds of a task, and the number of tasks alike.
        workers: number of workers.

    Example:
        >>> makespan([(3.0, 1), (1.0, 3)], 2), makespan([(3.0, 1), (1.0, 1)], 9), makespan([(2.0, 3_000_000)], 10)
        (3.0, 3.0, 600000.0)
    """
    n_tasks, total = sum(n for _, n in tasks), sum(seconds * n for seconds, n in tasks)
    if n_tasks > _MOST or workers == 1:
        return max(max((seconds for seconds, n in tasks if n), default=0.0), total / workers)
    ends = [0.0] * max(min(workers, n_tasks), 1)
    for seconds, n in tasks:
        for _ in range(n):
            heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def seconds_of_parts(
    alone: Mapping[str, float], of_document: np.ndarray, n_documents: int, n_parts: int, workers: int
) -> tuple[float, float]:
    """Seconds of work in parts, each for one worker, and half of the 90 % interval that differences between them give.

    With n parts and w workers there are ceil(n / w) waves of parts.

    Args:
        alone: seconds by phase of what one process does, whatever the number of workers.
        of_document: (part,) seconds for a document, as measured on some parts.
        n_documents: number of documents.
        n_parts: number of parts.
        workers: number of workers.

    Example:
        >>> [seconds_of_parts({"start": 5.0}, np.array([0.01]), 1_000, 4, n)[0] for n in (1, 2, 4, 99)]
        [15.0, 10.0, 7.5, 7.5]
    """
    waves = math.ceil(n_parts / workers)
    together = float(waves * n_documents / n_parts * np.mean(of_document))
    return sum(alone.values()) + together, together * half_width(of_document.tolist(), waves)


def bottleneck(waits: Mapping[str, float], seconds: float, advice: Mapping[str, str]) -> str:
    """The phase that takes most of the time, and what helps, in words.

    Args:
        waits: seconds by phase from start to end.
        seconds: seconds of all phases.
        advice: what helps, by phase.

    Example:
        >>> bottleneck({"read": 90.0, "score": 30.0}, 120.0, {"read": "Put shards nearer."})
        'Bottleneck: read, 75% of the time (90 seconds). Put shards nearer.'
    """
    phase = max(waits, key=lambda each: waits[each])
    share = waits[phase] / seconds if seconds else 0.0
    return f"Bottleneck: {phase}, {share:.0%} of the time ({duration(waits[phase])}). {advice[phase]}"


def held(n_places: int, n: int) -> float:
    """Expected share of places that hold some of n things, which are spread at random.

    Example:
        >>> held(4, 1), held(4, 0), round(held(2, 2), 2)
        (0.25, 0.0, 0.75)
    """
    return 1.0 - (1.0 - 1.0 / n_places) ** n
