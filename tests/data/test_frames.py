"""A corpus from data frames, datasets and lists: the same documents give the same corpus, however they come."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st

import cal
from cal.data.corpus import Corpus, Split, TestSet
from cal.data.local_files import LocalFiles
from cal.errors import ConfigError, DataError, UnknownNameError

TEXTS = [f"question number {i}" for i in range(12)]
LABELS = ["n", "p", "q"] * 4
FRAME = pd.DataFrame({"text": TEXTS, "label": LABELS})
IDS = [f"d{i}" for i in range(12)]


def refused(message, make, error=DataError):
    with pytest.raises(error, match=message):
        make()


# ---- the same corpus, however it comes


@pytest.mark.parametrize(
    "kind", [list, tuple, np.array, pd.Series, pd.Categorical, lambda values: pd.Series(values, dtype="category")]
)
def test_texts_and_labels_may_be_any_kind_of_sequence(kind):
    corpus = Corpus.from_texts(kind(TEXTS), kind(LABELS), kind(IDS))
    assert corpus.fingerprint == Corpus.from_texts(TEXTS, LABELS, IDS).fingerprint


@pytest.mark.parametrize(
    "make",
    [
        lambda: Corpus.from_frame(FRAME),
        lambda: Corpus.from_frame({"text": TEXTS, "label": LABELS}),
        lambda: Corpus.from_frame(FRAME.set_index(pd.Index(range(100, 112)))),
        lambda: Corpus.from_dataset(Dataset.from_pandas(FRAME)),
        lambda: Corpus.from_dataset({"train": FRAME}),
        lambda: Corpus.from_frame(Dataset.from_pandas(FRAME)),
        lambda: cal.read_corpus(FRAME),
        lambda: cal.read_corpus(Dataset.from_pandas(FRAME)),
        lambda: cal.read_corpus({"train": FRAME}),
        lambda: cal.read_corpus(DatasetDict(train=Dataset.from_pandas(FRAME))),
    ],
)
def test_every_container_gives_the_same_corpus(make):
    assert make().fingerprint == Corpus.from_texts(TEXTS, LABELS).fingerprint


def test_every_row_is_for_training_unless_a_test_split_is_asked_for():
    corpus = Corpus.from_frame(FRAME)
    assert (len(corpus.train), corpus.test, corpus.label_names) == (12, None, ["n", "p", "q"])


@given(order=st.permutations(range(12)))
def test_the_order_of_rows_changes_nothing(order):
    assert Corpus.from_frame(FRAME.iloc[list(order)]).fingerprint == Corpus.from_frame(FRAME).fingerprint


def test_a_frame_gives_the_corpus_of_its_csv(tmp_path):
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    from_file = LocalFiles(path=str(tmp_path / "a.csv"), test_fraction=0.3).read()
    for corpus in (
        Corpus.from_frame(FRAME, test=0.3),
        Corpus.from_frame(FRAME).hold_out(0.3),
        Corpus.from_texts(TEXTS, LABELS, test=0.3),
        cal.read_corpus(tmp_path / "a.csv", test=0.3),
        cal.read_corpus(str(tmp_path / "a.csv"), test_fraction=0.3),
    ):
        assert corpus.fingerprint == from_file.fingerprint
    assert cal.read_corpus(tmp_path / "a.csv").name == "a"


def test_a_second_frame_is_the_test_split(tmp_path):
    train, test = FRAME[:9], FRAME[9:]
    train.to_csv(tmp_path / "train.csv", index=False)
    test.to_csv(tmp_path / "test.csv", index=False)
    expected = cal.read_corpus(tmp_path).fingerprint
    for corpus in (
        Corpus.from_frame(train, test=test),
        Corpus.from_texts(TEXTS[:9], LABELS[:9], test=(TEXTS[9:], LABELS[9:])),
        Corpus.from_dataset(DatasetDict(train=Dataset.from_pandas(train), test=Dataset.from_pandas(test))),
        Corpus.from_frame(FRAME.assign(split=["train"] * 9 + ["test"] * 3)),
        Corpus.from_frame(FRAME.assign(part=["Train"] * 9 + ["test"] * 3), split="part"),
        cal.read_corpus(str(tmp_path / "train.csv"), test=tmp_path / "test.csv"),
    ):
        assert corpus.fingerprint == expected


def test_validation_is_dev():
    parts = {"train": FRAME[:6], "validation": FRAME[6:9], "test": FRAME[9:]}
    corpus = Corpus.from_dataset(DatasetDict({name: Dataset.from_pandas(part) for name, part in parts.items()}))
    assert {name: len(split) for name, split in corpus.splits().items()} == {"train": 6, "test": 3, "dev": 3}


def test_ids_may_be_a_column_or_the_index():
    named = FRAME.assign(id=IDS)
    expected = Corpus.from_texts(TEXTS, LABELS, IDS).fingerprint
    assert Corpus.from_frame(named).fingerprint == expected
    assert Corpus.from_frame(named.rename(columns={"id": "uid"}), id="uid").fingerprint == expected
    assert Corpus.from_frame(FRAME.set_index(pd.Index(IDS)), id=pd.Index(IDS)).fingerprint == expected
    assert Corpus.from_frame(named, id=None).fingerprint == Corpus.from_frame(FRAME).fingerprint


# ---- labels


def test_the_order_of_categories_is_the_order_of_labels():
    labels = pd.Categorical(LABELS, categories=["q", "n", "never", "p"])
    for corpus in (Corpus.from_frame(FRAME.assign(label=labels)), Corpus.from_texts(TEXTS, labels)):
        assert corpus.label_names == ["q", "n", "p"]
        assert [corpus.label_names[label] for label in corpus.train.gold] == [
            LABELS[TEXTS.index(text)] for text in corpus.train.texts
        ]


def test_names_of_a_class_label_keep_their_order():
    features = Features({"text": Value("string"), "label": ClassLabel(names=["q", "n", "p", "never"])})
    rows = {"text": TEXTS, "label": [["q", "n", "p"].index(label) for label in LABELS]}
    assert Corpus.from_dataset(Dataset.from_dict(rows, features)).label_names == ["q", "n", "p"]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([10, 9] * 6, ["9", "10"]),
        (np.array([1, 0] * 6, dtype=np.int8), ["0", "1"]),
        (torch.tensor([1, 0] * 6), ["0", "1"]),
        (pd.Series([1, 0] * 6, dtype="Int64"), ["0", "1"]),
        ([True, False] * 6, ["False", "True"]),
        (np.array([True, False] * 6), ["False", "True"]),
        (pd.Series([True, False] * 6, dtype="boolean"), ["False", "True"]),
        (pd.Series(["b", "a"] * 6, dtype="string"), ["a", "b"]),
        (pd.Categorical([2, 1] * 6, categories=[2, 1]), ["2", "1"]),
    ],
)
def test_labels_may_be_strings_integers_or_booleans(labels, names):
    for corpus in (Corpus.from_texts(TEXTS, labels), Corpus.from_frame(pd.DataFrame({"text": TEXTS, "label": labels}))):
        assert corpus.label_names == names
        assert sorted(corpus.train.gold.tolist()) == [0] * 6 + [1] * 6


def test_integer_labels_are_positions_in_label_names():
    corpus = Corpus.from_texts(TEXTS, [1, 0] * 6, label_names=["neg", "pos"])
    assert corpus.label_names == ["neg", "pos"]
    assert dict(zip(corpus.train.texts, corpus.train.gold, strict=True))[TEXTS[0]] == 1


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, float("nan")])
@pytest.mark.parametrize("column", ["text", "label"])
def test_a_missing_value_is_refused_with_its_rows(column, missing):
    frame = FRAME.astype(object)
    frame.loc[[3, 7], column] = missing
    advice = "unlabelled='skip' to leave out all 2 rows" if column == "label" else "give them a text"
    refused(
        rf"the data frame, index 3 and 7: column '{column}'.*Remove these rows.*{advice}",
        lambda: Corpus.from_frame(frame),
    )
    given = {name: frame[name].tolist() for name in frame}
    refused("the texts, positions 3 and 7: ", lambda: Corpus.from_texts(given["text"], given["label"]))


def test_many_missing_values_are_cut_short():
    frame = FRAME.assign(label=[None] * 6 + LABELS[6:])
    refused(r"index 0, 1, 2, 3, 4 \.\.\.: column 'label' has no label", lambda: Corpus.from_frame(frame))


def test_advice_on_missing_labels_works(caplog):
    frame = FRAME.assign(label=[None, *LABELS[1:]])
    with caplog.at_level(logging.WARNING):
        assert len(Corpus.from_frame(frame, unlabelled="skip").train) == 11
    assert "1 of 12 rows have no label" in caplog.text


def test_whole_numbers_that_pandas_stores_as_decimals_are_labels():
    frame = FRAME.assign(label=[0.0, 1.0] * 6)
    assert Corpus.from_frame(frame).label_names == ["0", "1"]
    assert Corpus.from_frame(frame.astype({"label": "category"})).label_names == ["0", "1"]
    frame.loc[3, "label"] = None
    assert len(Corpus.from_frame(frame, unlabelled="skip").train) == 11
    assert Corpus.from_texts(TEXTS, [0.0, 1.0] * 6).label_names == ["0", "1"]
    refused("float 0.5", lambda: Corpus.from_texts(TEXTS, [0.5, 1.0] * 6))


# ---- pairs and choices


def test_pairs_are_two_columns_or_tuples():
    frame = pd.DataFrame({"premise": TEXTS, "hypothesis": TEXTS[::-1], "label": LABELS})
    corpus = Corpus.from_frame(frame, text=["premise", "hypothesis"])
    assert corpus.train.shape == (1, 2)
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    for texts in (pairs, np.array(pairs), pd.Series(pairs)):
        assert Corpus.from_texts(texts, LABELS).fingerprint == corpus.fingerprint


def test_a_pair_among_texts_is_refused():
    refused("the texts, position 1: no pair", lambda: Corpus.from_texts([("a", "b"), "c"], [0, 1]))
    refused(
        "index 1: column 'b' is empty",
        lambda: Corpus.from_frame({"a": ["one", "two"], "b": ["three", None], "label": [0, 1]}, text=["a", "b"]),
    )


def test_choices_are_columns():
    frame = {"text": ["The _ ran.", "A _ sat."], "a": ["dog", "cat"], "b": ["cup", "hat"], "label": ["dog", "2"]}
    corpus = Corpus.from_frame(frame, choices=["a", "b"], blank="_")
    assert (corpus.n_choices, corpus.label_names, sorted(corpus.train.gold.tolist())) == (2, ["1", "2"], [0, 1])


# ---- what is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Corpus.from_frame(FRAME, label="lable"), "no column 'lable'. Did you mean 'label'.*label='label'"),
        (lambda: Corpus.from_frame(FRAME.rename(columns={"text": "body"})), r"Columns: body, label.*text='NAME'"),
        (lambda: Corpus.from_frame(pd.concat([FRAME, FRAME["text"]], axis=1)), "2 columns named 'text'.*duplicated"),
        (lambda: Corpus.from_frame(FRAME.assign(id=["a", *IDS[1:11], "a"])), "index 0 and 11 have the same id 'a'"),
        (lambda: Corpus.from_texts(TEXTS, LABELS, ["a"] * 12), "have the same id 'a'.*ids=None"),
        (lambda: Corpus.from_frame(FRAME, id=["a", "b"]), "2 ids for 12 rows"),
        (lambda: Corpus.from_frame(FRAME, id="uid"), "no column 'uid'"),
        (lambda: Corpus.from_texts(TEXTS, LABELS[:5]), "12 texts and 5 labels"),
        (lambda: Corpus.from_texts("abc", [0, 1, 2]), "texts is 'abc'; give a list"),
        (lambda: Corpus.from_texts(TEXTS, 3), "labels is 3; give a list"),
        (lambda: Corpus.from_texts([1, 2], [0, 1]), "holds int 1, not text"),
        (lambda: Corpus.from_frame([("a", 1)]), "is a list; give a pandas DataFrame.*from_texts"),
        (lambda: Corpus.from_frame(FRAME.assign(split="tset")), "holds 'tset'. Did you mean 'test'.*split=None"),
        (lambda: Corpus.from_frame(FRAME.assign(split="test")), "names no training document"),
        (lambda: Corpus.from_frame(FRAME.assign(split=["train"] * 9 + ["test"] * 3), test=FRAME), "Give one of them"),
        (
            lambda: Corpus.from_frame(FRAME.assign(split=["train"] * 9 + ["test"] * 3), test=0.2),
            "has a test split of 3",
        ),
        (lambda: Corpus.from_frame(FRAME, test=1.5), "between 0 and 1, not 1.5"),
        (lambda: Corpus.from_texts(TEXTS, LABELS, test=TEXTS), "test must be a fraction, or"),
        (lambda: Corpus.from_dataset({"train": FRAME, "unsupervised": FRAME}), r"'unsupervised'.*\{'train': dataset"),
        (lambda: Corpus.from_dataset({"validation": FRAME}), "no train split, only validation"),
        (lambda: Corpus.from_dataset(7), "the dataset is a int"),
        (lambda: Corpus.from_frame({"text": ["a", "b"], "label": [0, 0]}), "every training document has the label '0'"),
    ],
)
def test_a_problem_is_named_with_what_to_do(make, message):
    refused(message, make)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unlabelled": "no"}, "^unlabelled must be error or skip"),
        ({"choices": ["a"]}, "^choices must name at least two columns"),
        ({"text": ["a", "b"], "choices": ["c", "d"]}, "^a second text column and choices exclude each other"),
        ({"text": ["a", "b", "c"]}, "text must name one column, or two for pairs"),
        ({"blank": "_"}, "^blank marks"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options, message):
    refused(message, lambda: Corpus.from_frame(FRAME, **options), ConfigError)


def test_unused_columns_may_hold_anything():
    frame = pd.concat([FRAME, pd.DataFrame({"x": [object()] * 12}), pd.DataFrame({"x": [[1]] * 12, 7: 1.5})], axis=1)
    assert Corpus.from_frame(frame).fingerprint == Corpus.from_frame(FRAME).fingerprint


# ---- read_corpus


def test_a_corpus_is_returned_as_it_is():
    corpus = Corpus.from_frame(FRAME)
    assert cal.read_corpus(corpus) is corpus
    refused("used as it is", lambda: cal.read_corpus(corpus, text="body"), ConfigError)


def test_columns_of_a_file_are_named_as_those_of_a_frame(tmp_path):
    other = FRAME.assign(uid=IDS).rename(columns={"text": "body", "label": "class"})
    other.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    names = {"text": "body", "label": "class", "id": "uid"}
    corpus = cal.read_corpus(tmp_path / "a.jsonl", **names, test=0.3)
    assert corpus.fingerprint == Corpus.from_frame(other, **names, test=0.3).fingerprint
    pairs = cal.read_corpus(tmp_path / "a.jsonl", text=["body", "uid"], label="class")
    assert pairs.train.shape == (1, 2)


def test_a_name_that_is_no_reader_and_no_file_is_refused():
    refused(
        "Unknown reader 'docstring'. Did you mean 'docstrings'", lambda: cal.read_corpus("docstring"), UnknownNameError
    )
    refused("no file nowhere/a", lambda: cal.read_corpus("nowhere/a.csv"))
    refused("reader 'files' has no parameter 'txt'", lambda: cal.read_corpus("a.csv", txt="body"), ConfigError)


# ---- round trips

words = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)


@st.composite
def corpora(draw):
    """Corpora of texts, pairs or choices with any ids, texts and label names, and perhaps test and dev."""
    kind = draw(st.sampled_from(["texts", "pairs", "choices"]))
    names = draw(st.lists(words, min_size=2, max_size=4, unique=True))
    n = draw(st.integers(len(names), 12))
    ids = draw(st.lists(words, min_size=n + 4, max_size=n + 4, unique=True))

    def split(name, ids, gold):
        texts = [draw(words) for _ in ids]
        n_choices = {"texts": 0, "pairs": 1, "choices": len(names)}[kind]
        sequences = [[(draw(words), draw(words)) for _ in range(n_choices)] for _ in ids]
        return Split(ids, texts, gold, name, sequences if n_choices else None)

    train = split("train", ids[:n], [i % len(names) for i in range(n)])
    test = split("test", ids[n : n + 2], [0, 1]) if draw(st.booleans()) else None
    dev = split("dev", ids[n + 2 :], [1, 0]) if draw(st.booleans()) else None
    return Corpus(train, test, names, dev)


@settings(deadline=None)
@given(corpora())
def test_a_frame_of_a_corpus_is_that_corpus(corpus):
    assert Corpus.from_frame(corpus.to_frame()).fingerprint == corpus.fingerprint


def test_the_frame_of_a_corpus_survives_parquet(tmp_path):
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    corpus = Corpus.from_texts(pairs, LABELS, IDS, test=0.3)
    corpus.to_frame().to_parquet(tmp_path / "a.parquet")
    assert Corpus.from_frame(pd.read_parquet(tmp_path / "a.parquet")).fingerprint == corpus.fingerprint


def test_extra_test_sets_are_in_the_frame_under_their_own_labels():
    extra = TestSet(Split(["h"], ["new"], [1]), ["n", "other"], [0, 1, 1])
    corpus = Corpus.from_texts(TEXTS, LABELS, IDS)
    frame = Corpus(corpus.train, None, corpus.label_names, tests={"hans": extra}).to_frame()
    assert frame.iloc[-1][["id", "label", "split"]].tolist() == ["h", "other", "hans"]
    refused("Splits are train, test and dev", lambda: Corpus.from_frame(frame))
    assert Corpus.from_frame(frame[frame["split"] != "hans"]).fingerprint == corpus.fingerprint
