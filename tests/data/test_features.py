import dataclasses
import logging
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from omegaconf import OmegaConf
from sklearn.preprocessing import StandardScaler

from cal.data import features
from cal.data.cache import cache_dir, cached_array
from cal.data.corpus import Corpus, Split
from cal.data.fasttext import FastText
from cal.data.features import Features
from cal.data.lsa import Lsa
from cal.data.precomputed import Precomputed
from cal.data.standardise import standardised
from cal.data.text_words import tokens
from cal.errors import FeatureError

# Small enough to train in a test.
KINDS = [Lsa(n_components=10), FastText(dim=8), FastText(dim=8, pool="sum", standardise=False)]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=["lsa", "fasttext mean", "fasttext sum"])


def zeros(n: int, width: int = 2) -> np.ndarray:
    return np.zeros((n, width), np.float32)


# ---- every kind


@each_kind
def test_vectors_are_float32_read_only_and_one_per_document(kind, questions):
    made = kind.compute(questions)
    for name, split in questions.splits().items():
        vectors = made.splits()[name]
        assert (vectors.dtype, len(vectors)) == (np.float32, len(split))
        assert not vectors.flags.writeable


@each_kind
def test_test_texts_do_not_touch_the_vectors_of_train(kind, questions, make_questions):
    other = make_questions(test_words="miles never seen in train " * 9)
    first, second = kind.compute(questions), kind.compute(other)
    np.testing.assert_array_equal(first.train, second.train)
    assert not np.array_equal(first.test, second.test)


@each_kind
def test_a_corpus_without_a_test_split_has_the_same_vectors_of_train(kind, questions):
    made = kind.compute(Corpus(questions.train, None, questions.label_names))
    assert made.test is None
    assert list(made.splits()) == ["train"]
    if isinstance(kind, Lsa):  # what fastText draws depends on the words it is asked for
        np.testing.assert_array_equal(made.train, kind.compute(questions).train)


@each_kind
def test_a_text_has_one_vector_in_whatever_split_it_is(kind, questions):
    train = questions.train
    test = Split(["x", "y"], train.texts[3:5], train.gold[3:5])
    made = kind.compute(Corpus(train, test, questions.label_names, dev=Split(["z"], train.texts[3:4], train.gold[3:4])))
    # Products of differently shaped matrices may differ by rounding.
    rows = [train.texts.index(text) for text in test.texts]
    np.testing.assert_allclose(made.test, made.train[rows], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made.dev, made.train[[train.texts.index(train.texts[3])]], rtol=1e-4, atol=1e-5)


@each_kind
def test_the_second_time_comes_from_the_cache(kind, questions, monkeypatch, caplog):
    first = kind.compute(questions)
    monkeypatch.setattr(type(kind), "_vectors", lambda self, corpus: pytest.fail("computed again"))
    with caplog.at_level(logging.INFO, "cal"):
        second = kind.compute(questions)
    for name, vectors in first.splits().items():
        np.testing.assert_array_equal(vectors, second.splits()[name])
        assert isinstance(second.splits()[name], np.memmap)
    assert "Using cached features" in caplog.text


@each_kind
def test_corrected_labels_leave_the_vectors_in_the_cache(kind, questions, monkeypatch):
    first = kind.compute(questions)
    monkeypatch.setattr(type(kind), "_vectors", lambda self, corpus: pytest.fail("computed again"))
    train = dataclasses.replace(questions.train, gold=1 - questions.train.gold)
    second = kind.compute(dataclasses.replace(questions, train=train))
    np.testing.assert_array_equal(first.train, second.train)


@each_kind
def test_labels_can_be_told_from_the_vectors(kind, questions):
    """The nearest class mean of train classifies test: rows and ids are aligned."""
    made, gold = kind.compute(questions), questions.train.gold
    means = np.stack([made.train[gold == label].mean(axis=0) for label in (0, 1)])
    nearest = np.linalg.norm(made.test[:, None] - means, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, questions.test.gold)


@each_kind
def test_a_text_of_unknown_words_is_no_problem(kind, questions):
    test = Split(["x", "y"], ["\u00a7", "zzz"], [0, 0])
    made = kind.compute(Corpus(questions.train, test, questions.label_names))
    assert np.isfinite(made.test).all()


@each_kind
def test_two_documents_are_enough(kind):
    corpus = Corpus(Split(["a", "b"], ["one", "two"], [0, 1]), Split(["c"], ["one two"], [1]), ["x", "y"])
    assert np.isfinite(kind.compute(corpus).test).all()


@each_kind
def test_documents_that_are_all_the_same_are_no_problem(kind):
    train = Split(list("abcd"), ["the same words"] * 4, [0, 1, 0, 1])
    made = kind.compute(Corpus(train, Split(["e"], ["other words"], [1]), ["x", "y"]))
    assert np.isfinite(made.train).all()
    assert np.abs(made.test).max() < 10


def test_other_settings_are_kept_apart(questions):
    assert Lsa(n_components=3).compute(questions).width == 3
    assert Lsa(n_components=4).compute(questions).width == 4


@pytest.mark.parametrize("kind", [Lsa, FastText, Precomputed])
def test_the_settings_of_a_kind_are_a_schema(kind):
    assert OmegaConf.structured(kind)


# ---- the container


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": zeros(2), "test": zeros(1, 3)}, "test have 3 features, those of train 2"),
        ({"train": zeros(2), "test": np.zeros(2, np.float32)}, "shape"),
        ({"train": zeros(2), "test": np.zeros((2, 2))}, "float64"),
        ({"train": zeros(2, 0), "test": zeros(1, 0)}, "shape"),
        ({"train": zeros(2), "test": np.float32([[0, 1], [2, np.nan]])}, "1 of 2 vectors of test .* row 1"),
        ({"train": zeros(2), "test": zeros(1), "dev": np.float32([[np.inf, 0]])}, "1 of 1 vectors of dev"),
    ],
)
def test_broken_vectors_are_refused(splits, message):
    with pytest.raises(FeatureError, match=message):
        Features(**splits)


# ---- standardising


finite = st.floats(-1e3, 1e3, width=32)


@given(arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=16)), arrays(np.float32, (2, 3), elements=finite))
def test_standardised_is_what_scikit_learn_makes_of_it(train, test):
    train[0], train[1] = train[1] + 1, train[1] - 1  # every feature varies
    made = standardised({"train": train, "test": test})
    scaler = StandardScaler().fit(train.astype(np.float64))
    np.testing.assert_allclose(made["train"], scaler.transform(train), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(made["test"], scaler.transform(test), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8])
def test_a_constant_feature_gives_zeros(value):
    made = standardised({"train": np.full((9, 1), value, np.float32), "test": np.float32([[value]])})
    assert np.abs(made["train"]).max() < 1e-6
    assert np.abs(made["test"]).max() < 1e-6


# ---- tokens


@given(st.text())
def test_tokens_hold_every_sign_but_white_space(text):
    assert "".join(tokens(text)) == re.sub(r"\s", "", text.lower())


# ---- the cache


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage", "one bit"])
def test_a_damaged_file_is_made_anew(cache, damage):
    array = np.arange(1000.0).reshape(100, 10)
    cached_array("kind", {"a": 1}, lambda: array)
    (file,) = files(cache)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {"truncated": content[: len(content) // 2], "empty": b"", "garbage": b"x" * 99, "one bit": content}
    file.write_bytes(damaged[damage])
    made = []
    np.testing.assert_array_equal(cached_array("kind", {"a": 1}, lambda: made.append(1) or array), array)
    assert made == [1]
    np.testing.assert_array_equal(cached_array("kind", {"a": 1}, lambda: pytest.fail("not mended")), array)


def test_a_failure_leaves_nothing_behind(cache):
    with pytest.raises(ZeroDivisionError):
        cached_array("kind", {}, lambda: 1 / 0)
    assert files(cache) == []


def test_a_folder_that_cannot_be_written_is_one_warning(tmp_path, monkeypatch, caplog, questions):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAL_CACHE", str(tmp_path / "file" / "cache"))
    first, second = Lsa(n_components=2).compute(questions), Lsa(n_components=2).compute(questions)
    np.testing.assert_array_equal(first.train, second.train)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "CAL_CACHE" in caplog.text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CAL_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, "/c"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/cal"),
        ({}, "/home/me/.cache/cal"),
    ],
)
def test_where_the_cache_is(monkeypatch, environment, expected):
    monkeypatch.delenv("CAL_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_dir() == Path(expected)


def test_processes_that_compute_at_once_never_mix(cache):
    """Each process would write a number of its own; whichever wins, an array holds one number."""
    code = (
        "import sys, numpy as np; from cal.data.cache import cached_array; "
        "arrays = [cached_array('race', {'k': k}, lambda: np.full(20_000, float(sys.argv[1]))) for k in range(30)]; "
        "print(all((array == array[0]).all() for array in arrays))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(n)], stdout=subprocess.PIPE) for n in range(3)]
    assert [process.communicate()[0].strip() for process in running] == [b"True"] * 3
    assert len(files(cache)) == 30


def test_broken_vectors_never_reach_the_cache(cache, questions):
    sizes = {"train": 40, "test": 8}
    vectors = {name: np.full((n, 2), np.nan) for name, n in sizes.items()}
    with pytest.raises(FeatureError, match="NaN"):
        features.computed_once("kind", questions, {}, lambda: vectors)
    assert files(cache) == []
