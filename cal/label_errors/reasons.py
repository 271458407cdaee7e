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
        'Of the 4 most similar texts, 2 are labelled HUM, 1 LOC, and 1 has its label.'
    """
    n, n_own = len(labels), labels.count(own)
    counts = Counter(label for label in labels if label != own).most_common()
    if n == 1:
        return f"The most similar text {'has its label' if n_own else f'is labelled {in_words(labels[0])}'}."
    texts, every = f"{n} most similar texts", "both" if n == 2 else "all"
    if n_own >= _MOST * n:
        which = f"The {texts} {every} have" if n_own == n else f"{n_own} of the {texts} have"
        return f"{which} its label, which speaks for it."
    if len(counts) == 1 and not n_own:
        return f"The {texts} are {every} labelled {in_words(counts[0][0])}."
    said = [f"{count} {in_words(label)}" for label, count in counts]
    said[0] = f"{counts[0][1]} {'is' if counts[0][1] == 1 else 'are'} labelled {in_words(counts[0][0])}"
    if not n_own:
        return f"{'Neither' if n == 2 else 'None'} of the {texts} has its label: {', '.join(said)}."
    rest = f"{n_own} {'has' if n_own == 1 else 'have'} its label"
    return f"Of the {texts}, {', '.join(said)}{',' if len(said) > 1 else ''} and {rest}."


def by_models(p_likely: float, p_own: float, likely: str) -> str:
    """What models say that were not trained on the document.

    Args:
        p_likely: their probability of the likely label.
        p_own: their probability of the label that the document has.
        likely: the likely label.

    Example:
        >>> by_models(0.99, 0.01, "HUM")
        'Models that never saw it say HUM with .99 and give its own label .01.'
        >>> by_models(0.1, 0.8, "HUM")
        'Models that never saw it confirm its label with .80; HUM comes next with .10.'
    """
    likely, of_likely, of_own = in_words(likely), probability(p_likely), probability(p_own)
    if abs(p_likely - p_own) < _LEAST_GAP:
        return f"Models that never saw it hesitate between {likely} ({of_likely}) and its own label ({of_own})."
    if p_own > p_likely:
        return f"Models that never saw it confirm its label with {of_own}; {likely} comes next with {of_likely}."
    say = "say" if p_likely >= _SURE else "lean towards"
    return f"Models that never saw it {say} {likely} with {of_likely} and give its own label {of_own}."


def by_epochs(correctness: float, n_epochs: int, last: str | None, own: str) -> str:
    """What a model said in the course of training.

    Args:
        correctness: share of epochs in which it predicted the label of the document, perhaps a mean over trainings.
        n_epochs: number of epochs.
        last: label that it predicted after the last epoch; None if unknown.
        own: label of the document.

    Example:
        >>> by_epochs(0.2, 10, "HUM", "ENTY")
        'In training, the model predicted its label in 2 of 10 epochs; at the end it predicted HUM.'
    """
    if n_epochs == 1 and last is not None:
        if last == own:
            return "In training, the model predicted its label, which speaks for it."
        return f"In training, the model predicted {in_words(last)}."
    if correctness >= 1:
        return "In training, the model predicted its label in every epoch, which speaks for it."
    exact = correctness * n_epochs
    n_right = round(exact)
    about = "" if abs(exact - n_right) < 1e-3 else "about "
    how_often = f"predicted its label in {about}{n_right} of {n_epochs} epochs"
    if n_right == 0:
        how_often = f"{'hardly ever' if about else 'never'} predicted its label"
    ended = "" if last is None else ", and at the end" if last == own else f"; at the end it predicted {in_words(last)}"
    return f"In training, the model {how_often}{ended}."


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
