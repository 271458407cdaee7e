"""Audit advice: the detector to use on this corpus, and why, in a sentence."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cal.errors import quantity
from cal.label_errors.audit_tables import Injection, Mean, injections, interval_over_seeds, mean_over_seeds
from cal.label_errors.detection_scores import READ
from cal.rounding import highest_first

if TYPE_CHECKING:
    from cal.label_errors.audit_result import AuditResult

_NO_DIFFERENCE, _ANY_DIFFERENCE = 0.01, 0.05
"""Shares found that differ by less are equal; those that differ by more never are, whatever the seeds say."""
_CHEAPER, _SECOND = 0.8, 1.0
"""Share of the seconds of another detector below which one is cheaper, if it saves a second; times vary."""
_ENOUGH = 50
"""Number of wrong labels, over all injections and seeds, with which detectors can be told apart."""
_CONTROLS = ("variability",)


class Advice(NamedTuple):
    """Which detector to use.

    Attributes:
        detector: name of the detector.
        sentence: what to do, and why.
        command: how to rank the labels with it; empty if no detector is of use.
        found: share that each detector finds of the wrong labels that reading `READ` percent can find, best first.
    """

    detector: str
    sentence: str
    command: str
    found: Mapping[str, Mean]


def advise(result: AuditResult) -> Advice:
    """The detector that finds most over all kinds and rates of noise or, if others find as many, the cheapest of them.

    Two detectors find as many if they differ by less than a point or, up to five points, by less than the 95 % interval
    over seeds of their difference.

    Args:
        result: result of the audit.
    """
    parts = injections(result)
    shares = _shares(result)
    means = {name: float(values.mean()) for name, values in shares.items()}
    seconds = {str(name): float(each) for name, each in result.scores.groupby("detector")["seconds"].mean().items()}
    order = highest_first(means)
    found = {name: mean_over_seeds(shares[name]) for name in order}
    if (n_wrong := sum(part.n_wrong for part in parts) * result.scores["seed"].nunique()) < _ENOUGH:
        return Advice(order[0], _undecided(n_wrong), "", found)
    chance = float(np.mean([READ / 100 / part.ceiling for part in parts]))
    useful = [name for name in order if means[name] >= 2 * chance and any(part.of_use(name) for part in parts)]
    candidates = [name for name in useful if name not in _CONTROLS]
    if not candidates:
        return Advice(order[0], _useless(result, parts, order[0], means[order[0]], chance), "", found)
    best = candidates[0]
    equal = [name for name in candidates if _as_many(shares[best] - shares[name])]
    cheapest = min(seconds[name] for name in equal)
    chosen = next(name for name in equal if _CHEAPER * seconds[name] <= cheapest or seconds[name] < cheapest + _SECOND)
    average = ", on average over all kinds and rates of noise" if len(parts) > 1 else ""
    sentence = (
        f"Use {chosen} on this corpus: in the {READ} % of the documents that it ranks first, it finds "
        f"{_percent(means[chosen])} of {_those(parts)}{average}{_compared(chosen, best, candidates, means, seconds)}"
    )
    return Advice(chosen, sentence, _command(result, chosen), found)


def _shares(result: AuditResult) -> dict[str, np.ndarray]:
    """(seed,) share of what can be found that each detector finds, averaged over kinds and rates."""
    scores = result.scores
    share = scores[f"recall_at_{READ}"] / scores[f"ceiling_at_{READ}"]
    table = scores.assign(share=share).pivot_table(index="seed", columns="detector", values="share", sort=False)
    return {str(name): table[name].to_numpy() for name in scores["detector"].unique()}


def _as_many(differences: np.ndarray) -> bool:
    """Whether a detector finds as many as the best, from the (seed,) shares by which it finds less."""
    mean = float(differences.mean())
    if mean <= _NO_DIFFERENCE or len(differences) < 2:
        return mean <= _NO_DIFFERENCE
    low, _ = interval_over_seeds(differences)
    return bool(low <= 0) and mean <= _ANY_DIFFERENCE


def _compared(
    chosen: str, best: str, candidates: Sequence[str], means: Mapping[str, float], seconds: Mapping[str, float]
) -> str:
    """What a choice has ahead of the others, as the end of a sentence."""
    if chosen != best:
        took = f"{_round(seconds[chosen])} seconds instead of {_round(seconds[best])}"
        same = _percent(means[chosen]) == _percent(means[best])
        return f", as many as {best}{'' if same else f' ({_percent(means[best])})'}, in {took}."
    if len(candidates) == 1:
        return ". It is the only detector that was tried."
    second = candidates[1]
    if _percent(means[second]) == _percent(means[chosen]):
        return f", and none finds more; {second} finds as many."
    return f", and none finds more; next is {second} with {_percent(means[second])}."


def _undecided(n_wrong: int) -> str:
    return (
        f"This audit cannot tell which detector to use: it has {quantity(n_wrong, 'wrong label')} in all, and needs "
        f"{_ENOUGH} or more. Use more documents, more seeds or higher rates."
    )


def _useless(result: AuditResult, parts: Sequence[Injection], name: str, share: float, chance: float) -> str:
    features, better = result.config.get("features", {}), "better vectors, such as features=minilm"
    if features is None:  # an encoder is fine-tuned
        better = "another encoder, model=FOLDER"
    elif features.get("kind") == "encoder":
        better = "an encoder fine-tuned on them, learner=transformer model=FOLDER"
    return (
        f"No detector is of use on this corpus: in its first {READ} % of the documents the best, {name}, finds "
        f"{_percent(share)} of {_those(parts)}, and a random order finds {_percent(chance)}. Use more documents, or "
        f"{better}, and audit again."
    )


def _those(parts: Sequence[Injection]) -> str:
    """Which wrong labels shares are of."""
    possible = all(part.ceiling == 1 for part in parts)
    return "the wrong labels" if possible else "the wrong labels that can be found there"


def _command(result: AuditResult, by: str) -> str:
    """The audit's own command as `cal suspects`, or the call in Python."""
    from cal.label_errors.suspects_request import SuspectsRequest
    from cal.request import help_of

    words = []
    with suppress(ValueError):  # older folders have it without quotes
        words = shlex.split(result.about.get("command", ""))
    if len(words) < 2 or words[1] != "audit" or {"-m", "--multirun"} & set(words):
        return f'cal.suspects(corpus, by="{by}"), with the other arguments of this audit'
    kept, known = [], {*help_of(SuspectsRequest), "experiment"} - {"seeds", "output", "by"}
    for before, word in pairwise(words[1:]):
        key = word.split("=")[0].split(".")[0].lstrip("+")
        if before == "--config-dir":
            kept += [before, word]
        elif word.startswith("--config-dir=") or (key in known and "=" in word):
            kept.append(word)
    return shlex.join(["cal", "suspects", *kept, f"by={by}"])


def _round(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
