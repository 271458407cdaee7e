from collections import Counter

import numpy as np

from cal.data.corpus import Corpus, Split, TestSet


def describe(corpus: Corpus) -> str:
    return corpus.describe()


def corpus(**more) -> Corpus:
    texts = ["a b c", "a b c", "a b c", "same", "same", "lone"]
    train = Split(list("abcdef"), texts, [0, 0, 1, 1, 1, 0])
    test = Split(["t", "u"], ["same", "w " * 50], [0, 1])
    return Corpus(train, test, ["first", "second"], name="small", **more)


def test_trec_has_its_known_repeats(trec):
    text = describe(trec)
    assert "71 of 5,452 documents repeat an earlier one" in text
    assert "10 of 500 test documents repeat one of train" in text


def test_repeats_are_counted_as_a_plain_loop_counts_them(trec):
    """Oracle of the definition: equal character for character, copies beyond the first."""
    repeats = sum(text in trec.train.texts[:row] for row, text in enumerate(trec.train.texts))
    shared = sum(text in trec.train.texts for text in trec.test.texts)
    assert (repeats, shared) == (71, 10)


def test_repeats_with_other_labels_are_counted():
    text = describe(corpus())
    assert "3 of 6 documents repeat an earlier one" in text
    assert "(2 texts occur more than once, 1 of them with different labels)" in text
    assert "1 of 2 test documents repeat one of train" in text
    assert "(1 of them with another label)" in text
    assert "3 x [first/second] a b c" in text


def test_dev_is_described_too():
    text = describe(corpus(dev=Split(["d"], ["lone"], [0])))
    assert "between train and dev: 1 of 1 dev documents" in text
    assert "6 train, 2 test, 1 dev" in text


def test_an_extra_test_set_with_labels_of_train_is_a_column_and_one_with_its_own_a_table():
    same = TestSet(Split(["s"], ["new"], [0]), ["first", "second"], [0, 1])
    own = TestSet(Split(["o", "p"], ["same", "lone"], [1, 0]), ["other", "any"], [1, 1])
    lines = describe(corpus(tests={"alike": same, "apart": own})).splitlines()
    assert lines[0] == "small: 6 train, 2 test, 1 alike, 2 apart; 2 labels"
    assert next(line for line in lines if line.startswith("Labels ")).split() == ["Labels", "train", "test", "alike"]
    at = lines.index(next(line for line in lines if line.startswith("Labels of apart")))
    assert [line.split() for line in lines[at + 1 : at + 3]] == [
        ["other", "1", "50.0", "%"],
        ["any", "1", "50.0", "%", "first/second"],
    ]


def test_labels_of_repeats_are_compared_as_the_extra_test_set_names_them():
    own = TestSet(Split(["o", "p"], ["same", "lone"], [1, 0]), ["other", "any"], [1, 1])
    text = describe(corpus(tests={"apart": own}))
    assert "between train and apart: 2 of 2 apart documents repeat one of train" in text
    assert "(1 of them with another label)" in text.partition("train and apart")[2]
    assert "[other/any] lone" in text


def test_pairs_and_choices_are_measured_by_what_is_read():
    def split(ids: str, sequences: list) -> Split:
        return Split(list(ids), ["x / y"] * len(ids), [0, 1][: len(ids)], sequences=sequences)

    pairs = [(("a b", "c"),), (("a", "b c d"),)]
    text = describe(Corpus(split("ab", pairs), split("c", pairs[:1]), ["n", "p"]))
    assert text.splitlines()[0].endswith("; 2 labels; pairs of texts")
    (line,) = (line for line in text.splitlines() if line.startswith("train, words"))
    assert (line.split()[2], line.split()[-1]) == ("3", "4")
    choices = [(("a b", "c"), ("a b", "c d e")), (("a", "b"), ("a", "b"))]
    text = describe(Corpus(split("ab", choices), split("c", choices[:1]), ["n", "p"]))
    assert text.splitlines()[0].endswith("; 2 labels; 2 choices")
    (line,) = (line for line in text.splitlines() if line.startswith("train, words"))
    assert (line.split()[2], line.split()[-1]) == ("2", "5")


def test_labels_have_counts_and_shares(trec):
    lines = {line.split()[0]: line.split() for line in describe(trec).splitlines() if line and line[0].isupper()}
    for label, name in enumerate(trec.label_names):
        train, test = (Counter(split.gold.tolist())[label] for split in (trec.train, trec.test))
        expected = [f"{train:,}", f"{100 * train / 5452:.1f}", "%", f"{test:,}", f"{test / 5:.1f}", "%"]
        assert lines[name][1:] == expected


def test_lengths_are_quantiles(trec):
    (line,) = (line for line in describe(trec).splitlines() if line.startswith("train, characters"))
    lengths = sorted(len(text) for text in trec.train.texts)
    expected = [lengths[round(share * (len(lengths) - 1))] for share in (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)]
    assert [int(number) for number in line.split()[2:]] == expected


def test_no_line_is_longer_than_100_columns():
    names = ["x" * 200, "y" * 200]
    split = Split(list("abc"), ["word " * 100, "word " * 100, "z" * 300], [0, 1, 1])
    text = describe(Corpus(split, Split(["d"], ["word " * 100], [0]), names, name="long"))
    assert max(map(len, text.splitlines())) <= 100


def test_ten_examples_of_train_do_not_depend_on_the_rows(trec):
    rows = np.random.default_rng(0).permutation(len(trec.train))
    train = trec.train
    shuffled = Split([train.ids[r] for r in rows], [train.texts[r] for r in rows], train.gold[rows])
    assert describe(Corpus(shuffled, trec.test, trec.label_names, name=trec.name)) == describe(trec)
    examples = describe(trec).split("Ten documents of train\n")[1].splitlines()
    assert len(examples) == 10


def test_a_corpus_prints_its_description(trec):
    assert str(trec) == trec.describe()


def test_a_corpus_without_a_test_split_is_described():
    train = corpus().train
    text = describe(Corpus(train, None, ["first", "second"], name="small"))
    assert text.splitlines()[0] == "small: 6 train; 2 labels"
    assert "between train" not in text
