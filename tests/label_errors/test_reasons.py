"""Reasons in words: what they say is so, and they say it in a sentence."""

import itertools
import re
from collections import Counter

import pytest

from cal.label_errors.reasons import by_epochs, by_models, by_neighbours, in_words, percent, probability
from cal.report.markup import shortened

OWN = "own"


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_labels_of_similar_texts_are_counted_as_they_are(n):
    for labels in itertools.product([OWN, "A", "B"], repeat=n):
        says_as_it_is(list(labels))


def says_as_it_is(labels):
    said, counts, n = by_neighbours(labels, OWN), Counter(labels), len(labels)
    assert said.endswith(".")
    assert ("like this one" in said) == (counts[OWN] > 0)
    if n == 1:
        assert said == f"The most similar text is labelled {labels[0]}{', like this one' if labels == [OWN] else ''}."
    elif counts[OWN] >= 0.8 * n:
        assert re.match(rf"(The|{counts[OWN]} of the) {n} most similar texts are (both |all )?labelled own", said)
    elif every := re.search(r"are (?:all|both) labelled (\w+)", said):
        assert counts == {every[1]: n}
    else:
        pairs = re.findall(r"(\d+) (?:is labelled |are labelled )?(A|B|own)\b", said)
        assert {label: int(count) for count, label in pairs} == counts
        assert bool(re.search("(None|Neither) of .* is labelled own:", said)) == (not counts[OWN])


@pytest.mark.parametrize(
    ("p_likely", "p_own", "said"),
    [
        (0.9, 0.05, "say HUM (90 %), not own (5 %)."),
        (0.9999, 0.0001, "say HUM (over 99 %), not own (under 1 %)."),
        (0.45, 0.4, "hesitate between HUM (45 %) and own (40 %)."),
        (0.4, 0.45, "hesitate between HUM (40 %) and own (45 %)."),
        (0.3, 0.05, "are unsure: HUM (30 %) rather than own (5 %)."),
        (0.2, 0.7, "say own (70 %), too; next comes HUM (20 %)."),
    ],
)
def test_models_say_confirm_or_hesitate(p_likely, p_own, said):
    assert by_models(p_likely, p_own, "HUM", OWN) == f"Models that never saw this text {said}"


@pytest.mark.parametrize(
    ("correctness", "n_epochs", "last", "said"),
    [
        (0.0, 10, "HUM", "never said own; at the end it said HUM."),
        (0.02, 10, "HUM", "hardly ever said own; at the end it said HUM."),
        (0.3, 10, "HUM", "said own in 3 of 10 rounds, and HUM at the end."),
        (0.3, 10, OWN, "said own in 3 of 10 rounds, and at the end."),
        (0.26, 10, None, "said own in about 3 of 10 rounds."),
        (1.0, 10, OWN, "said so in every round."),
        (0.0, 1, "HUM", "said HUM."),
        (1.0, 1, OWN, "said own, too."),
        (0.0, 1, None, "never said own."),
    ],
)
def test_epochs_are_said_as_they_are(correctness, n_epochs, last, said):
    assert by_epochs(correctness, n_epochs, last, OWN) == f"While it learnt this text as own, the model {said}"


def test_a_probability_is_never_said_to_be_certain():
    said = [probability(k / 1000) for k in range(1001)]
    assert (said[0], said[5], said[500], said[994], said[995], said[1000]) == (
        *("under .01", ".01", ".50", ".99", "over .99", "over .99"),
    )
    assert all(re.fullmatch(r"(under |over )?\.\d\d", each) for each in said)


def test_percents_are_never_said_to_be_certain():
    said = [percent(k / 1000) for k in range(1001)]
    assert (said[0], said[5], said[500], said[994], said[995], said[1000]) == (
        *("under 1 %", "1 %", "50 %", "99 %", "over 99 %", "over 99 %"),
    )
    assert all(re.fullmatch(r"(under |over )?\d\d? %", each) for each in said)


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
    told = by_models(0.38, 0.3, label, OWN)
    assert re.search(f"between “?\u2068{label}\u2069”? \\(38 %\\) and", told)
