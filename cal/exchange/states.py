"""States: the label and the state of a document after all answers."""

from __future__ import annotations

from collections.abc import Sequence

from cal.exchange.records import AMBIGUOUS, COMMENT, EXCLUDE, KEEP, RELABEL, SKIP, Answer


def settled(given: str | None, answers: Sequence[Answer]) -> tuple[str | None, str]:
    """The label that holds after some answers, and the state of the document.

    The last answer of each reviewer counts; comments decide nothing, and a skip counts only if nobody decided. Where
    somebody adjudicates, that answer is the one that counts.

    Args:
        given: label that the corpus came with.
        answers: answers in any order; if one has no time, the oldest first.

    Returns:
        The label, which is the given one unless reviewers agree on another, and one of `STATES`.

    Example:
        >>> answer = Answer("8c2f6a52-7d0e-4d7a-9a5e-0d5f3c1b2a10", "ann", "relabel", "HUM")
        >>> settled("ENTY", [answer])
        ('HUM', 'relabelled')
    """
    deciding = [answer for answer in in_order(answers) if answer.action != COMMENT]
    last = {answer.reviewer: answer for answer in deciding}
    standing = sorted((answer for answer in last.values() if answer.action != SKIP), key=deciding.index)
    settling = [answer for answer in standing if answer.adjudicates]
    decided = {_decision(given, answer) for answer in settling[-1:] or standing}
    if not decided:
        return given, "skipped" if last else "undecided"
    if len(decided) > 1:
        return given, "disagreement"
    action, label = decided.pop()
    if action in (AMBIGUOUS, EXCLUDE):
        return given, "ambiguous" if action == AMBIGUOUS else "excluded"
    return label, "kept" if action == KEEP else "relabelled"


def in_order(answers: Sequence[Answer]) -> list[Answer]:
    """Answers by time if all of them have one; otherwise as they are."""
    times = [answer.time for answer in answers if answer.time is not None]
    if len(times) < len(answers):
        return list(answers)
    return [answer for _, answer in sorted(zip(times, answers, strict=True), key=lambda pair: pair[0])]


def _decision(given: str | None, answer: Answer) -> tuple[str, str | None]:
    """What an answer comes to: relabelling to the given label keeps it."""
    if answer.action == KEEP or (answer.action == RELABEL and answer.label == given):
        return KEEP, given
    return answer.action, answer.label
