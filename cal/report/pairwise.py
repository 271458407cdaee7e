"""Pairwise: every strategy against every other, from scores of any kind."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from cal.arguments import check_arguments
from cal.checks import known_name
from cal.errors import AnalysisError
from cal.report.comparison import Comparison
from cal.report.given_scores import Scores, read_scores
from cal.report.significance import (
    ENGINES,
    aso,
    bonferroni_quantile,
    check_resampling,
    checked_scores,
    holm,
    permutation_p_values,
    resamples,
    upper_bounds,
)


def compare(
    scores: Scores,
    *,
    alpha: float = 0.05,
    engine: str = "vectorised",
    encoding: str | None = None,
    separator: str | None = None,
) -> Comparison:
    """Every strategy against every other, from a file, a data frame or a mapping.

    A table (CSV, TSV, JSONL or Parquet, perhaps with .gz, or a data frame) has one of three layouts: long (columns
    `strategy` or `model`, `seed`, `score`); wide (a column per strategy, a row per seed; columns that number the rows,
    such as `seed`, `run`, `fold` or `Unnamed: 0`, are not taken for strategies); or learning curves (`strategy`,
    `seed`, `round`, `n_labelled`, `accuracy`), of which it compares the area of each seed. In a mapping from name to
    scores, position k belongs to the same seed in every strategy, provided that all have equally many scores.

    Args:
        scores: path of a file, data frame, or mapping.
        alpha: significance level before correction.
        engine: "vectorised" or "deepsig", as in `aso`.
        encoding: encoding of the file, such as cp1252; None takes UTF-8, or what a byte order mark says.
        separator: character between the columns of the file; None finds out from the header.

    Returns:
        The comparison; printed, it is what `cal compare` prints.

    Raises:
        AnalysisError: if the scores have none of these layouts, are not finite, or belong to fewer than two strategies.
        UnknownNameError: for an unknown engine.

    Example:
        >>> comparison = compare({"cal": [0.81, 0.84, 0.83], "random": [0.71, 0.72, 0.73]})
        >>> comparison.verdicts()
        ['cal is better by ASO alone than random (ε_min = 0.000).']
    """
    check_arguments(compare, {"alpha": alpha, "engine": engine})
    given = read_scores(scores, encoding, separator)
    comparison = aso_matrix(given.by_strategy, paired=given.paired, alpha=alpha, engine=engine, measure=given.measure)
    return replace(comparison, subject=given.subject, notes=given.notes)


def aso_matrix(
    scores: Mapping[str, npt.ArrayLike],
    *,
    paired: bool = True,
    alpha: float = 0.05,
    n_bootstrap: int = 1000,
    seed: int = 0,
    engine: str = "vectorised",
    measure: str = "score",
) -> Comparison:
    """Every strategy against every other: ε_min both ways, and the paired permutation test.

    ε_min is Bonferroni-corrected with m = k(k-1)/2, the pairs of k strategies, because the two directions of a pair
    cannot both be significant: their violation ratios sum to 1. p-values are Holm-corrected over the same pairs.

    Args:
        scores: (n,) scores of each strategy, one per seed.
        paired: whether position k of every strategy's scores belongs to the same seed.
        alpha: significance level before correction.
        n_bootstrap: resamples per strategy, shared by all its pairs.
        seed: seed of the resamples and of random sign patterns.
        engine: "vectorised" or "deepsig", as in `aso`.
        measure: what the scores are, for the sentences of the verdict.

    Raises:
        AnalysisError: if there are fewer than two strategies, scores are not finite, or `paired` scores differ in
            number.

    Example:
        >>> seeds = range(12)
        >>> scores = {"cal": [0.80 + k / 1000 for k in seeds], "random": [0.70 + k / 900 for k in seeds]}
        >>> aso_matrix(scores).verdicts()
        ['cal is better than random (ε_min = 0.000, p = 0.000488).']
    """
    check_arguments(aso_matrix, locals())
    check_resampling(n_bootstrap, seed)
    known_name("engine", engine, ENGINES)
    arrays = _checked(scores, paired)
    names, pairs = list(arrays), list(combinations(range(len(arrays)), 2))
    quantile = bonferroni_quantile(alpha, len(pairs))
    # Seeded by name, so that neither another strategy nor another order changes a resample.
    streams = [np.random.default_rng([seed, zlib.crc32(name.encode())]) for name in names]
    eps_min, p_values, uncorrected = np.full((3, len(names), len(names)), np.nan)
    if engine == "vectorised":
        samples = [resamples(arrays[name], n_bootstrap, stream) for name, stream in zip(names, streams, strict=True)]
        ordered = [np.sort(arrays[name]) for name in names]
        for a, b in pairs:
            eps_min[a, b], eps_min[b, a] = upper_bounds(ordered[a], ordered[b], samples[a], samples[b], quantile)
    else:
        for a, b in [*pairs, *((b, a) for a, b in pairs)]:
            eps_min[a, b] = aso(
                arrays[names[a]],
                arrays[names[b]],
                alpha=alpha,
                n_comparisons=len(pairs),
                n_bootstrap=n_bootstrap,
                seed=seed,
                engine=engine,
            )
    if paired:
        ones, others = (np.stack([arrays[names[pair[side]]] for pair in pairs]) for side in (0, 1))
        raw = permutation_p_values(ones, others, seed).tolist()
        for (a, b), p, corrected in zip(pairs, raw, holm(raw), strict=True):
            uncorrected[a, b] = uncorrected[b, a] = p
            p_values[a, b] = p_values[b, a] = corrected
    return Comparison(arrays, eps_min, p_values, uncorrected, alpha, len(pairs), paired, measure)


def _checked(scores: Mapping[str, npt.ArrayLike], paired: bool) -> dict[str, np.ndarray]:
    arrays = {name: checked_scores(values, name) for name, values in scores.items()}
    if len(arrays) < 2:
        raise AnalysisError(f"There is nothing to compare: {len(arrays)} strategies given; give at least 2.")
    lengths = {name: len(values) for name, values in arrays.items()}
    if paired and len(set(lengths.values())) > 1:
        raise AnalysisError(
            f"Strategies have different numbers of scores ({', '.join(f'{k}: {n}' for k, n in lengths.items())}). "
            "Give the seeds they share, or skip the paired test with paired=False."
        )
    return arrays
