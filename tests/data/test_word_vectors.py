import logging
import os
import subprocess
import sys

import numpy as np
import pytest
from gensim.models import FastText as GensimFastText
from gensim.models import KeyedVectors
from gensim.models.fasttext import save_facebook_model

from cal.data import word_vectors
from cal.data.corpus import Corpus, Split
from cal.data.fasttext import FastText
from cal.data.text_words import tokens
from cal.errors import ConfigError, FeatureError

WORDS = {"how": [1.0, 0.0], "many": [0.0, 2.0], "miles": [4.0, 4.0]}


@pytest.fixture
def few() -> Corpus:
    train = Split(["a", "b", "c"], ["How many miles", "how how unheard", "unheard"], [0, 1, 0])
    return Corpus(train, Split(["d"], ["MILES, miles!"], [1]), ["x", "y"])


def saved(tmp_path, ending):
    path = tmp_path / f"words.{ending}"
    vectors = KeyedVectors(2)
    vectors.add_vectors(list(WORDS), np.array(list(WORDS.values()), np.float32))
    if ending == "kv":
        vectors.save(str(path))
    else:
        vectors.save_word2vec_format(str(path))
    return str(path)


def by_id(corpus, features):
    return {
        i: vector.tolist()
        for name, split in corpus.splits().items()
        for i, vector in zip(split.ids, features.splits()[name], strict=True)
    }


@pytest.mark.parametrize("ending", ["vec", "kv"])
@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("sum", {"a": [5, 6], "b": [2, 0], "c": [0, 0], "d": [8, 8]}),
        ("mean", {"a": [5 / 3, 2], "b": [1, 0], "c": [0, 0], "d": [4, 4]}),
    ],
)
def test_pooling_counts_known_words_with_their_repeats(tmp_path, few, ending, pool, expected):
    features = FastText(vectors=saved(tmp_path, ending), pool=pool, standardise=False).compute(few)
    assert by_id(few, features) == pytest.approx({i: pytest.approx(vector) for i, vector in expected.items()})


@pytest.mark.parametrize("standardise", [True, False])
def test_standardising_uses_train(tmp_path, few, standardise):
    train = FastText(vectors=saved(tmp_path, "vec"), standardise=standardise).compute(few).train
    assert (np.abs(train.mean(axis=0)).max() < 1e-6) == standardise


def test_the_share_of_known_words_is_logged(tmp_path, few, caplog):
    with caplog.at_level(logging.INFO, "cal"):
        FastText(vectors=saved(tmp_path, "vec")).compute(few)
    assert "71.4 % of the words of train have a vector." in caplog.text  # 5 of 7
    assert "50.0 % of the words of test have a vector." in caplog.text


def test_text_vectors_need_no_first_line(tmp_path, few, write):
    bare = write("bare.vec", "".join(f"{word} {x} {y}\n" for word, (x, y) in WORDS.items()))
    expected = FastText(vectors=saved(tmp_path, "vec"), standardise=False).compute(few)
    np.testing.assert_array_equal(FastText(vectors=bare, standardise=False).compute(few).train, expected.train)


def test_facebook_vectors_equal_gensims_own_also_for_unknown_words(tmp_path, questions):
    sentences = [tokens(text) for text in questions.train.texts]
    model = GensimFastText(sentences, vector_size=4, min_count=1, bucket=100, workers=1, seed=1)
    save_facebook_model(model, str(tmp_path / "words.bin"))
    words = ["many", "person", "manyperson", "x"]
    vectors = word_vectors.pretrained(tmp_path / "words.bin", words)
    expected = [model.wv.get_vector(word) for word in words]
    np.testing.assert_allclose(vectors, expected, rtol=1e-5)


def test_a_word_too_short_to_have_parts_is_unknown(tmp_path):
    model = GensimFastText([["lengthy", "words"]], vector_size=4, min_count=1, bucket=9, min_n=5, workers=1, seed=1)
    save_facebook_model(model, str(tmp_path / "words.bin"))
    vectors = word_vectors.pretrained(tmp_path / "words.bin", ["lengthier", "x"])
    assert np.isfinite(vectors).all(axis=1).tolist() == [True, False]


def test_a_file_is_read_once_for_a_vocabulary(tmp_path, few, monkeypatch):
    path = saved(tmp_path, "vec")
    FastText(vectors=path).compute(few)
    monkeypatch.setattr(word_vectors, "_read_vec", lambda *_: pytest.fail("read again"))
    assert FastText(vectors=path, pool="sum").compute(few).width == 2


def test_a_changed_file_is_read_anew(tmp_path, few, write):
    path = saved(tmp_path, "vec")
    first = FastText(vectors=path, standardise=False).compute(few)
    write("words.vec", "how 3 3 3\nmany 1 1 1\n")
    second = FastText(vectors=path, standardise=False).compute(few)
    assert (first.width, second.width) == (2, 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.vec", "how 1 2\nmany 1\n", "line 2: 1 numbers; the first vector has 2"),
        ("a.vec", "how 1 x\n", "cannot be read as .vec"),
        ("a.vec", "", "holds no vectors"),
        ("a.vec", "bonjour 1 2\n", "None of the .* words"),
        ("a.bin", "no model", "cannot be read as .bin"),
        ("a.kv", "no pickle", "cannot be read as .kv"),
        ("a.txt", "how 1 2", ".bin, .vec, .kv"),
    ],
)
def test_a_broken_file_is_named(write, few, name, content, message):
    with pytest.raises(FeatureError, match=message):
        FastText(vectors=write(name, content)).compute(few)


def test_a_missing_file_is_named(few):
    with pytest.raises(FeatureError, match=r"no file nowhere\.bin"):
        FastText(vectors="nowhere.bin").compute(few)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pool": "summ"}, "Did you mean 'sum'"),
        ({"dim": 0, "epochs": 0}, "2 problems"),
        ({"min_n": 4, "max_n": 3}, "max_n"),
    ],
)
def test_settings_that_make_no_sense_are_refused(few, settings, message):
    with pytest.raises(ConfigError, match=message):
        FastText(**settings).compute(few)


def test_training_gives_the_same_bits_in_every_process():
    code = (
        "from cal.data.word_vectors import trained; "
        "print(trained([['how', 'many'], ['who', 'wrote', 'it'], ['how']] * 9, ['how', 'it', 'new'], 4, 2, 3, 6, 0)"
        ".tobytes().hex())"
    )
    hashes = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) > 3 * 4 * 4


def test_training_depends_on_its_seed(questions):
    settings = {"dim": 4, "epochs": 1}
    first = FastText(**settings, seed=0).compute(questions)
    assert not np.array_equal(first.train, FastText(**settings, seed=1).compute(questions).train)
