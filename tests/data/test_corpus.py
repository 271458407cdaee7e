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
        ({"train_gold": (-1, 1)}, "gold must be whole numbers from 0, not -1"),
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


def with_extra(label_of, name="hans", names=("x", "other")):
    return corpus(tests={name: TestSet(Split(["h"], ["four"], [1]), list(names), label_of)})


def test_an_extra_test_set_is_among_the_splits():
    assert list(with_extra([0, 1]).splits()) == ["train", "test", "hans"]
    assert with_extra([0, 1]).fingerprint != with_extra([1, 0]).fingerprint != corpus().fingerprint


@pytest.mark.parametrize("label_of", [[0], [0, 2], [0, -1], [0, 1, 1]])
def test_labels_of_an_extra_test_set_must_be_its_own(label_of):
    with pytest.raises(DataError, match="label_of of the test set hans"):
        with_extra(label_of)


@pytest.mark.parametrize("name", ["train", "test", "dev"])
def test_an_extra_test_set_cannot_take_the_place_of_a_split(name):
    with pytest.raises(DataError, match=f"cannot have the name '{name}'"):
        with_extra([0, 1], name)


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
    with pytest.raises(DataError, match="3 choices per document and 2 labels"):
        Corpus(split, Split(["t"], ["three"], [1], "test", choices[:1]), ["1", "2"])


# ---- without a test split


def without_test(n: int = 20) -> Corpus:
    return Corpus.from_texts([f"text {i}" for i in range(n)], ["x", "y"] * (n // 2), [f"i{i}" for i in range(n)])


def test_an_empty_test_split_is_none():
    train = Split(["a", "b"], ["one", "two"], [0, 1])
    empty = Corpus(train, Split([], [], []), ["x", "y"])
    assert empty.test is None
    assert list(empty.splits()) == ["train"]
    assert empty.fingerprint == Corpus(train, None, ["x", "y"]).fingerprint


def test_what_needs_a_test_split_says_how_to_get_one():
    with pytest.raises(DataError, match=r"A simulation measures accuracy on a test split.*corpus\.hold_out\(0\.2\)"):
        without_test().require_test("A simulation")
    held = without_test().hold_out(0.2)
    assert held.require_test("A simulation") is held.test


@given(st.integers(0, 5), st.sampled_from([0.1, 0.25, 0.5]))
def test_a_held_out_part_has_its_share_of_each_label_and_the_rest_stays(seed, fraction):
    corpus = without_test(40)
    held = corpus.hold_out(fraction, seed)
    assert np.bincount(held.test.gold).tolist() == [20 * fraction] * 2
    assert {*held.train.ids, *held.test.ids} == {*corpus.train.ids}
    assert len(held.train) + len(held.test) == 40


def test_another_seed_holds_out_others():
    assert len({tuple(without_test().hold_out(0.2, seed).test.ids) for seed in range(5)}) == 5


def test_advice_on_splitting_again_works():
    held = without_test().hold_out(0.2)
    with pytest.raises(DataError, match=r"Corpus\.from_frame\(corpus\.to_frame\(\), split=None, test=0\.5\)"):
        held.hold_out(0.5)
    again = Corpus.from_frame(held.to_frame(), split=None, test=0.5)
    assert again.fingerprint == without_test().hold_out(0.5).fingerprint


@pytest.mark.parametrize("fraction", [0, 1, -0.1, True])
def test_a_fraction_lies_between_nothing_and_everything(fraction):
    with pytest.raises(DataError, match="must be between 0 and 1"):
        without_test().hold_out(fraction)


def test_nothing_is_held_out_of_one_text():
    with pytest.raises(DataError, match="no document can be held out"):
        Corpus.from_texts(["same", "same"], [0, 1], test=0.5)


def test_a_label_name_may_occur_once_only():
    with pytest.raises(DataError, match="label_names gives 'x' more than once"):
        corpus(names=("x", "x"))


# ---- how it shows itself


def test_a_corpus_is_shown_in_one_line():
    assert repr(corpus(name="news")) == "Corpus 'news': 2 train, 1 test, 2 labels"
    assert repr(without_test(2000)) == "Corpus 'corpus': 2,000 train, 2 labels"
    assert repr(without_test().train) == "Split 'train': 20 documents"


def test_html_is_escaped():
    shown = Corpus.from_texts(["<b>one</b>", "two & three"], ["<i>", "y"], name="<u>")._repr_html_()
    assert not {"<b>", "<i>", "<u>"} & {shown[at : at + 3] for at in range(len(shown))}
    assert "two &amp; three" in shown
