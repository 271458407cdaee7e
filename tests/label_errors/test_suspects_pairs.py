"""Pairs of label and likely label against a slow count, and what stands out among them."""

import numpy as np
import pandas as pd
import pytest

from cal.label_errors.suspects_pairs import label_pairs, mix_ups, n_counted

COLUMNS = ["label", "likely", "n", "n_back", "mixed_up", "examples"]


def ranking(first, n=2000, classes="abcdef"):
    """A ranking that begins with some pairs, in a corpus with as many documents of each class."""
    rest = [(classes[k % len(classes)], classes[(k + 1) % len(classes)]) for k in range(n - len(first))]
    pairs = [*first, *rest]
    return pd.DataFrame(pairs, columns=["label", "likely"]).assign(text=[f"text\n {k}" for k in range(n)])


def test_pairs_are_counted_among_the_first_the_most_frequent_first():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.choice(list("abc"), (300, 2)), columns=["label", "likely"]).assign(text="x")
    rows.loc[::7, "likely"] = ""
    for n in (None, 1, 40, 1000):
        first = list(zip(rows["label"], rows["likely"], strict=True))[: n_counted(300) if n is None else n]
        found = label_pairs(rows, n)
        expected = {pair: first.count(pair) for pair in first if pair[1]}
        assert dict(zip(zip(found["label"], found["likely"], strict=True), found["n"], strict=True)) == expected
        assert found["n"].is_monotonic_decreasing
        assert [expected.get((row.likely, row.label), 0) for row in found.itertuples()] == found["n_back"].tolist()


def test_examples_are_the_first_texts_on_one_line():
    assert label_pairs(ranking([("a", "b")] * 5))["examples"].iloc[0] == "text 0 | text 1 | text 2"


def test_labels_that_are_mixed_up_both_ways_are_one_sentence():
    found = label_pairs(ranking([("a", "b")] * 14 + [("b", "a")] * 9 + [("c", "not d")] * 20 + [("d", "e")] * 57))
    assert found[found["mixed_up"]][["label", "likely", "n", "n_back"]].to_numpy().tolist() == [
        ["a", "b", 14, 9],
        ["b", "a", 9, 14],
    ]
    (said,) = mix_ups(found, 100)
    assert said.startswith("a and b are mixed up both ways: 14 + 9 of the first 100. Decide in your guidelines")


@pytest.mark.parametrize(
    "rows",
    [
        ranking([("a", "b")] * 60 + [("b", "a")] * 40, classes="ab"),  # of two labels there is no other pair
        ranking([("a", "b")] * 30 + [("b", "a")] * 2 + [("c", "d")] * 68),  # one way
        ranking([("a", "b")] * 4 + [("b", "a")] * 4 + [("c", "d")] * 92),  # few
        ranking([(x, y) for x in "abcdef" for y in "abcdef" if x != y] * 3 + [("a", "b")] * 10),  # evenly
        ranking([], n=60).assign(likely=""),
        ranking([], n=60)[:0],
    ],
)
def test_nothing_else_is_a_mix_up(rows):
    found = label_pairs(rows)
    assert found.columns.tolist() == COLUMNS
    assert mix_ups(found, 100) == []


def test_labels_changed_at_random_are_rarely_a_mix_up():
    rng, n_said = np.random.default_rng(0), 0
    for _ in range(40):
        labels = rng.choice(list("abcdef"), 3000, p=[0.4, 0.2, 0.2, 0.1, 0.06, 0.04])
        likely = [rng.choice([each for each in "abcdef" if each != label]) for label in labels[:100]]
        rows = pd.DataFrame({"label": labels, "likely": [*likely, *[""] * 2900], "text": "x"})
        n_said += bool(mix_ups(label_pairs(rows), 100))
    assert n_said <= 2
