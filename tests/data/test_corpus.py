import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cal.data.corpus import Corpus, Split, TestSet
from cal.errors import DataError


def corpus(
    train_ids=("a", "b"), train_texts=("one", "two"), train_gold=(0, 1), test_gold=(1,), names=("x", "y"), **more
):
    return Corpus(Split(train_ids, train_texts, train_gold), Split(["t"], ["three"], test_gold), list(names), **more)


@given(st.permutations(range(6)))
def test_the_order_of_a_split_does_not_depend_on_the_order_of_its_rows(order):
    ids, texts, gold = list("abcdef"), [f"text {i}" for i in range(6)], np.arange(6)
    split = Split(ids, texts, gold)
    shuffled = Split([ids[i] for i in order], [texts[i] for i in order], gold[list(order)])
    assert (shuffled.ids, shuffled.texts, shuffled.gold.tolist()) == (split.ids, split.texts, split.gold.tolist())


def test_sorting_keeps_id_text_and_label_together():
    split = Split([f"id{i}" for i in range(50)], [f"text{i}" for i in range(50)], range(50))
    assert sorted(zip(split.ids, split.texts, split.gold.tolist(), strict=True)) == sorted(
        (f"id{i}", f"text{i}", i) for i in range(50)
    )


@pytest.mark.parametrize(
    ("ids", "texts", "gold", "message"),
    [
        (["a"], ["one", "two"], [0, 1], "1 ids, 2 texts and 2 gold labels"),
        (["a", "a"], ["one", "two"], [0, 1], "'a'"),
        (["a", "b"], ["one", " \n"], [0, 1], "empty, e.g. id 'b'"),
    ],
)
def test_a_split_refuses(ids, texts, gold, message):
    with pytest.raises(DataError, match=message):
        Split(ids, texts, gold)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_gold": (0, 0)}, "every training document has the label 'x'"),
        ({"train_gold": (0, 2)}, "run from 0 to 2"),
        ({"train_gold": (-1, 1)}, "run from -1 to 1"),
        ({"test_gold": (2,), "names": ("x", "y", "z")}, "test has the label 'z'"),
        ({"dev": Split(["d"], ["four"], [2]), "names": ("x", "y", "z")}, "dev has the label 'z'"),
        ({"train_ids": (), "train_texts": (), "train_gold": ()}, "train split is empty"),
    ],
)
def test_a_corpus_refuses(change, message):
    with pytest.raises(DataError, match=message):
        corpus(**change)


def test_equal_content_has_an_equal_fingerprint():
    assert corpus().fingerprint == corpus(("b", "a"), ("two", "one"), (1, 0)).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"train_ids": ("a", "c")},
        {"train_texts": ("one", "two!")},
        {"train_gold": (1, 0)},
        {"test_gold": (0,)},
        {"names": ("x", "z")},
        {"dev": Split(["d"], ["four"], [0])},
    ],
)
def test_any_change_of_content_changes_the_fingerprint(change):
    assert corpus(**change).fingerprint != corpus().fingerprint


def further(label_of, name="hans", names=("x", "other")):
    return corpus(tests={name: TestSet(Split(["h"], ["four"], [1]), list(names), label_of)})


def test_a_further_test_set_is_among_the_splits():
    assert list(further([0, 1]).splits()) == ["train", "test", "hans"]
    assert further([0, 1]).fingerprint != further([1, 0]).fingerprint != corpus().fingerprint


@pytest.mark.parametrize("label_of", [[0], [0, 2], [0, -1], [0, 1, 1]])
def test_labels_of_a_further_test_set_must_be_its_own(label_of):
    with pytest.raises(DataError, match="label_of of the test set hans"):
        further(label_of)


@pytest.mark.parametrize("name", ["train", "test", "dev"])
def test_a_further_test_set_cannot_take_the_place_of_a_split(name):
    with pytest.raises(DataError, match=f"cannot have the name '{name}'"):
        further([0, 1], name)


def test_documents_of_all_splits_must_be_of_one_kind():
    pairs = Split(["h"], ["four / five"], [1], "hans", [[("four", "five")]])
    with pytest.raises(DataError, match="a document of train is a text, one of hans a pair"):
        corpus(tests={"hans": TestSet(pairs, ["x", "y"], [0, 1])})


def test_an_empty_part_of_a_pair_is_refused():
    with pytest.raises(DataError, match=r"a part of 1 documents is empty, e\.g\. of id 'q'"):
        Split(["p", "q"], ["one", "two"], [0, 1], "train", [[("one", "three")], [("two", " ")]])


def test_choices_are_as_many_as_labels():
    choices = [[("one", "a"), ("one", "b"), ("one", "c")]] * 2
    split = Split(["p", "q"], ["one", "two"], [0, 1], "train", choices)
    with pytest.raises(DataError, match="3 choices a document and 2 labels"):
        Corpus(split, Split(["t"], ["three"], [1], "test", choices[:1]), ["1", "2"])
