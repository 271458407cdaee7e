"""Reasons in words: what they say is so, and they say it in a sentence."""

import itertools
import re
from collections import Counter

import pytest

from cal.label_errors.reasons import by_epochs, by_models, by_neighbours, in_words, probability
from cal.report.markup import shortened

OWN = "own"


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_labels_of_similar_texts_are_counted_as_they_are(n):
    for labels in itertools.product([OWN, "A", "B"], repeat=n):
        says_as_it_is(list(labels))


def says_as_it_is(labels):
    said, counts, n = by_neighbours(labels, OWN), Counter(labels), len(labels)
    assert said.endswith(".")
    assert ("speaks for it" in said) == (n > 1 and counts[OWN] >= 0.8 * n)
    if n == 1:
        assert said == f"The most similar text {'has its label' if labels == [OWN] else f'is labelled {labels[0]}'}."
    elif "speaks for it" not in said:
        others = {label: count for label, count in counts.items() if label != OWN}
        told = {
            label: int(count) for count, label in re.findall(r"(\d+) (?:is labelled |are labelled )?([AB])\b", said)
        }
        every = re.search(r"are (?:all|both) labelled ([AB])", said)
        assert (told or {every[1]: n}) == others
        mine = re.search(r"(\d+) (?:has|have) its label", said)
        assert (int(mine[1]) if mine else 0) == counts[OWN]
        assert bool(re.search("None|Neither", said)) == (not counts[OWN] and len(others) > 1)


@pytest.mark.parametrize(
    ("p_likely", "p_own", "said"),
    [
        (0.9, 0.05, "say HUM with .90 and give its own label .05."),
        (0.9999, 0.0001, "say HUM with over .99 and give its own label under .01."),
        (0.45, 0.4, "hesitate between HUM (.45) and its own label (.40)."),
        (0.4, 0.45, "hesitate between HUM (.40) and its own label (.45)."),
        (0.3, 0.05, "lean towards HUM with .30 and give its own label .05."),
        (0.2, 0.7, "confirm its label with .70; HUM comes next with .20."),
    ],
)
def test_models_say_confirm_or_hesitate(p_likely, p_own, said):
    assert by_models(p_likely, p_own, "HUM") == f"Models that never saw it {said}"


@pytest.mark.parametrize(
    ("correctness", "n_epochs", "last", "said"),
    [
        (0.0, 10, "HUM", "never predicted its label; at the end it predicted HUM."),
        (0.02, 10, "HUM", "hardly ever predicted its label; at the end it predicted HUM."),
        (0.3, 10, OWN, "predicted its label in 3 of 10 epochs, and at the end."),
        (0.26, 10, None, "predicted its label in about 3 of 10 epochs."),
        (1.0, 10, OWN, "predicted its label in every epoch, which speaks for it."),
        (0.0, 1, "HUM", "predicted HUM."),
        (1.0, 1, OWN, "predicted its label, which speaks for it."),
        (0.0, 1, None, "never predicted its label."),
    ],
)
def test_epochs_are_said_as_they_are(correctness, n_epochs, last, said):
    assert by_epochs(correctness, n_epochs, last, OWN) == f"In training, the model {said}"


def test_a_probability_is_never_said_to_be_certain():
    said = [probability(k / 1000) for k in range(1001)]
    assert (said[0], said[5], said[500], said[994], said[995], said[1000]) == (
        *("under .01", ".01", ".50", ".99", "over .99", "over .99"),
    )
    assert all(re.fullmatch(r"(under |over )?\.\d\d", each) for each in said)


def test_a_label_of_several_words_is_quoted_and_a_long_one_cut():
    assert [in_words(label) for label in ("HUM", "1", "é/x", "not spam", "a,b")] == [
        "HUM",
        "1",
        "é/x",
        "“not spam”",
        "“a,b”",
    ]
    assert len(in_words("word " * 100)) < 45


def test_a_text_without_spaces_is_cut():
    assert shortened("é" * 100, 10) == "é" * 9 + "…"
    assert shortened("a\n\tb", 10) == "a b"


@pytest.mark.parametrize("label", ["שלום", "שלום 😀", "بريد مزعج"])
def test_a_label_that_runs_from_right_to_left_leaves_the_sentence_as_it_is(label):
    told = by_models(0.38, 0.3, label)
    assert re.search(f"between “?\u2068{label}\u2069”? \\(.38\\) and", told)
