from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cal.data.holdout import held_out

# Few distinct texts, so that many documents repeat one; labels of repeats may differ.
documents = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("xyz")), min_size=2, max_size=60)
fractions = st.floats(0.05, 0.95)


def columns(pairs):
    return [f"id{i}" for i in range(len(pairs))], [f"text{n}" for n, _ in pairs], [label for _, label in pairs]


@given(documents, fractions, st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_the_rows(pairs, fraction, random):
    ids, texts, labels = columns(pairs)
    order = random.sample(range(len(ids)), len(ids))
    held = held_out(ids, texts, labels, fraction)
    shuffled = held_out(*([column[row] for row in order] for column in (ids, texts, labels)), fraction)
    assert shuffled == [held[row] for row in order]


@given(documents, fractions)
def test_equal_texts_stay_together(pairs, fraction):
    ids, texts, labels = columns(pairs)
    sides = {(text, test) for text, test in zip(texts, held_out(ids, texts, labels, fraction), strict=True)}
    assert len(sides) == len(set(texts))


@given(documents, fractions)
def test_every_label_stays_in_train(pairs, fraction):
    ids, texts, labels = columns(pairs)
    held = held_out(ids, texts, labels, fraction)
    assert {label for label, test in zip(labels, held, strict=True) if not test} == set(labels)


@given(st.lists(st.sampled_from("xyz"), min_size=2, max_size=80), fractions)
def test_distinct_texts_are_shared_out_to_the_document(labels, fraction):
    ids = [f"id{i}" for i in range(len(labels))]
    held = held_out(ids, ids, labels, fraction)
    sizes, taken = Counter(labels), Counter(label for label, test in zip(labels, held, strict=True) if test)
    for label, n in sizes.items():
        assert taken[label] <= n - 1
        # Within one document of the exact share, or of all but the one that train keeps.
        assert abs(taken[label] - min(n * fraction, n - 1)) <= 1
    if all(n * fraction + 1 <= n - 1 for n in sizes.values()):
        assert sum(held) == max(1, round(len(labels) * fraction))


def test_another_id_can_change_the_side():
    sides = {held_out([f"{k}{i}" for i in range(10)], list("abcdefghij"), ["x"] * 10, 0.2)[0] for k in range(30)}
    assert sides == {True, False}
