"""Reasons why a label looks wrong, or right after all, in the words of somebody who labels texts."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from cal.report.markup import shortened

_LEAST_GAP = 0.1  # between two probabilities; if they are nearer to each other, models do not decide
_SURE = 0.5  # probability from which on models say a label
_MOST = 0.8  # share of similar texts that speaks for a label
_LONGEST = 40  # characters of a label in a sentence


def by_neighbours(labels: Sequence[str], own: str) -> str:
    """What the labels of the most similar texts say.

    Args:
        labels: their labels, the most similar text's first.
        own: label of the document.

    Example:
        >>> by_neighbours(["HUM"] * 5, "ENTY")
        'The 5 most similar texts are all labelled HUM.'
        >>> by_neighbours(["HUM", "ENTY", "HUM", "LOC"], "ENTY")
        'Of the 4 most similar texts, 2 are labelled HUM, 1 LOC and 1 ENTY, like this one.'
    """
    n, n_own = len(labels), labels.count(own)
    counts = Counter(label for label in labels if label != own).most_common()
    if n == 1:
        return f"The most similar text is labelled {in_words(labels[0])}{', like this one' if n_own else ''}."
    texts, every = f"{n} most similar texts", "both" if n == 2 else "all"
    if n_own >= _MOST * n:
        which = f"The {texts} are {every}" if n_own == n else f"{n_own} of the {texts} are"
        return f"{which} labelled {in_words(own)}, like this one."
    if len(counts) == 1 and not n_own:
        return f"The {texts} are {every} labelled {in_words(counts[0][0])}."
    said = [f"{count} {in_words(label)}" for label, count in counts]
    said[0] = f"{counts[0][1]} {'is' if counts[0][1] == 1 else 'are'} labelled {in_words(counts[0][0])}"
    if not n_own:
        which = f"{'Neither' if n == 2 else 'None'} of the {texts} is labelled {in_words(own)}"
        return f"{which}: {', '.join(said[:-1])} and {said[-1]}."
    return f"Of the {texts}, {', '.join(said)} and {n_own} {in_words(own)}, like this one."


def by_models(p_likely: float, p_own: float, likely: str, own: str) -> str:
    """What models say that were not trained on the document.

    Args:
        p_likely: their probability of the likely label.
        p_own: their probability of the label that the document has.
        likely: the likely label.
        own: label of the document.

    Example:
        >>> by_models(0.99, 0.01, "HUM", "ENTY")
        'Models that never saw this text say HUM (99 %), not ENTY (1 %).'
        >>> by_models(0.1, 0.8, "HUM", "ENTY")
        'Models that never saw this text say ENTY (80 %), too; next comes HUM (10 %).'
    """
    of_likely, of_own = f"{in_words(likely)} ({percent(p_likely)})", f"{in_words(own)} ({percent(p_own)})"
    if abs(p_likely - p_own) < _LEAST_GAP:
        return f"Models that never saw this text hesitate between {of_likely} and {of_own}."
    if p_own > p_likely:
        return f"Models that never saw this text say {of_own}, too; next comes {of_likely}."
    if p_likely >= _SURE:
        return f"Models that never saw this text say {of_likely}, not {of_own}."
    return f"Models that never saw this text are unsure: {of_likely} rather than {of_own}."


def by_epochs(correctness: float, n_epochs: int, last: str | None, own: str) -> str:
    """What a model said of a document while it learnt its label.

    Args:
        correctness: share of epochs in which it predicted the label of the document, perhaps a mean over trainings.
        n_epochs: number of epochs.
        last: label that it predicted after the last epoch; None if unknown.
        own: label of the document.

    Example:
        >>> by_epochs(0.2, 10, "HUM", "ENTY")
        'While it learnt this text as ENTY, the model said ENTY in 2 of 10 rounds, and HUM at the end.'
    """
    named = in_words(own)
    learnt = f"While it learnt this text as {named}, the model" if own else "While it learnt, the model"
    if n_epochs == 1 and last is not None:
        return f"{learnt} said {in_words(last)}{', too' if last == own else ''}."
    if correctness >= 1:
        return f"{learnt} said so in every round."
    exact = correctness * n_epochs
    n_right = round(exact)
    about = "" if abs(exact - n_right) < 1e-3 else "about "
    how_often = f"said {named} in {about}{n_right} of {n_epochs} rounds"
    if n_right == 0:
        how_often = f"{'hardly ever' if about else 'never'} said {named}"
    ended = "" if last is None else ", and at the end" if last == own else f", and {in_words(last)} at the end"
    if n_right == 0 and last not in (None, own):
        ended = f"; at the end it said {in_words(last)}"
    return f"{learnt} {how_often}{ended}."


def percent(p: float) -> str:
    """A probability in percent, never rounded to 0 or 100.

    Example:
        >>> percent(0.054), percent(0.9999), percent(1e-9)
        ('5 %', 'over 99 %', 'under 1 %')
    """
    if p < 0.005:
        return "under 1 %"
    return "over 99 %" if p >= 0.995 else f"{min(max(round(100 * p), 1), 99)} %"


def probability(p: float) -> str:
    """A probability with two digits, never rounded to 0 or 1.

    Example:
        >>> probability(0.054), probability(0.9999), probability(1e-9)
        ('.05', 'over .99', 'under .01')
    """
    if p > 0.99:
        return ".99" if p < 0.995 else "over .99"
    if p < 0.01:
        return ".01" if p >= 0.005 else "under .01"
    return f"{p:.2f}".removeprefix("0")


def in_words(label: str) -> str:
    """A label within a sentence: in quotation marks if it is more than one word, and not too long.

    One in a script that runs from right to left is isolated, so that it does not turn what follows around.

    Example:
        >>> in_words("HUM"), in_words("not spam")
        ('HUM', '“not spam”')
    """
    line = shortened(label, _LONGEST)
    runs_left = any(unicodedata.bidirectional(character) in ("R", "AL") for character in line)
    told = f"\u2068{line}\u2069" if runs_left else line
    return told if re.fullmatch(r"[\w:/&+#-]+", line) else f"“{told}”"
