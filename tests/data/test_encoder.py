"""Sentence vectors of the real MiniLM, beside a loop that reads one text at a time."""

import dataclasses
import json
import shutil
import sys

import numpy as np
import pytest
import torch
import transformers

from cal.data.auto import Auto
from cal.data.corpus import Corpus, Split
from cal.data.encoder import Encoder
from cal.data.features import as_features
from cal.data.minilm import MODEL, MiniLm
from cal.data.pretrained import Pretrained
from cal.errors import ConfigError, ModelError

TEXTS = [
    "How far is it from Denver to Aspen ?",
    "Who wrote it?",
    "What is the full form of .com ?",
    "A rather long question, which goes on and on about nothing at all, so that others are padded.",
    "Who was he?",
    "Where is Aspen?",
]


def split(name, texts, sequences=None):
    return Split([f"{name}{i}" for i in range(len(texts))], texts, np.arange(len(texts)) % 2, name, sequences)


@pytest.fixture(scope="module")
def corpus():
    return Corpus(split("train", TEXTS), split("test", TEXTS[:3]), ["a", "b"], dev=split("dev", TEXTS[2:4]))


@pytest.fixture(scope="module")
def one_by_one():
    """The mean of the last hidden states of a text, or of a pair, read alone."""
    folder = Pretrained.find(MODEL).folder
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()

    def read(*texts):
        with torch.no_grad():
            return model(**tokenizer(*texts, return_tensors="pt")).last_hidden_state[0].mean(dim=0).numpy()

    return read


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize(("precision", "least"), [("float32", 0.999999), ("bf16", 0.999), ("int8", 0.92)])
def test_vectors_are_means_over_the_tokens_of_each_text_alone(corpus, one_by_one, precision, least):
    made = Encoder(MODEL, precision=precision, standardise=False).compute(corpus)
    for name, documents in corpus.splits().items():
        expected = np.stack([one_by_one(text) for text in documents.texts])
        assert cosines(made.splits()[name], expected).min() > least
    if precision == "float32":
        np.testing.assert_allclose(made.test, [one_by_one(text) for text in corpus.test.texts], atol=1e-5)


def test_standardising_is_over_train(corpus):
    plain = Encoder(MODEL, precision="float32", standardise=False).compute(corpus)
    made = Encoder(MODEL, precision="float32").compute(corpus)
    std = plain.train.std(axis=0)
    varying = std > 1e-4  # a few units of MiniLM are the same for all texts
    assert varying.sum() > 370
    expected = (plain.dev - plain.train.mean(axis=0))[:, varying] / std[varying]
    np.testing.assert_allclose(made.dev[:, varying], expected, atol=1e-3)


def test_the_second_time_comes_from_the_cache(corpus, monkeypatch):
    first = Encoder(MODEL).compute(corpus)
    monkeypatch.setattr(Encoder, "_vectors", lambda *given: pytest.fail("computed again"))
    np.testing.assert_array_equal(Encoder(MODEL).compute(corpus).train, first.train)


def test_minilm_is_the_encoder_of_the_package(corpus, monkeypatch):
    """No hub is asked, and parameters are those of the encoder."""
    monkeypatch.setattr("cal.data.pretrained._snapshot", lambda *_: pytest.fail("asked the hub"))
    made = as_features({"minilm": {"max_length": 5}}).compute(corpus).train
    np.testing.assert_array_equal(made, Encoder(MODEL, max_length=5).compute(corpus).train)
    assert made.shape == (6, 384)
    np.testing.assert_array_equal(Auto().compute(corpus).train, MiniLm().compute(corpus).train)


def test_the_cache_needs_neither_transformers_nor_tokens_and_repeats_the_warning(corpus, monkeypatch, caplog):
    first = MiniLm(max_length=8).compute(corpus)
    told = [record.getMessage() for record in caplog.records]
    assert any("documents of train are longer than 8 tokens, the limit of max_length" in line for line in told)
    caplog.clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr("cal.data.encoder.tokenise", lambda *_: pytest.fail("tokenised again"))
    np.testing.assert_array_equal(Encoder(MODEL, max_length=8).compute(corpus).train, first.train)
    assert [record.getMessage() for record in caplog.records] == told


def test_both_texts_of_a_pair_are_read_together(one_by_one):
    pairs = [(("Who sleeps?", "He does."),), (("Where?", "In Aspen, far away."),)]
    documents = split("train", ["x", "y"], pairs)
    corpus = Corpus(documents, split("test", ["x", "y"], pairs), ["a", "b"])
    made = Encoder(MODEL, precision="float32", standardise=False).compute(corpus).train
    expected = [one_by_one(*choices[0]) for choices in corpus.train.sequences]
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_vectors_of_choices_are_put_side_by_side(one_by_one):
    choices = [(("The ball broke", "the table."), ("The ball broke", "itself, as it was thin."))] * 2
    corpus = Corpus(split("train", ["x", "y"], choices), split("test", ["x", "y"], choices), ["1", "2"])
    made = Encoder(MODEL, precision="float32", standardise=False).compute(corpus).train
    expected = np.concatenate([one_by_one(*choice) for choice in choices[0]])
    np.testing.assert_allclose(made, [expected, expected], atol=1e-5)


def test_a_pass_has_no_influence_on_the_vectors(corpus):
    """Many copies of a text fill several passes; each gets the vector of the text alone."""
    texts = [TEXTS[3]] * 150 + [TEXTS[1]]
    many = Corpus(split("train", texts), corpus.test, ["a", "b"])
    made = Encoder(MODEL, precision="float32", standardise=False).compute(many).train
    long = made[np.array(many.train.texts) == TEXTS[3]]
    np.testing.assert_allclose(long, np.broadcast_to(long[0], long.shape), atol=1e-5)


def test_a_wrong_precision_and_length_are_refused_together():
    with pytest.raises(ConfigError) as caught:
        Encoder(MODEL, precision="int4", max_length=1)
    assert len(caught.value.problems) == 2
    assert "precision must be bf16, float32 or int8" in str(caught.value)


def test_an_unknown_model_is_refused(corpus):
    with pytest.raises(ModelError, match=r"no folder ./nowhere with a model"):
        dataclasses.replace(Encoder(), model="./nowhere").compute(corpus)


def test_another_tokenizer_makes_other_vectors_of_the_same_weights(corpus, tmp_path):
    """Whatever was kept of the model before its tokenizer was changed is not used."""
    folder = tmp_path / "model"
    shutil.copytree(Pretrained.find(MODEL).folder, folder)
    before = Encoder(str(folder)).compute(corpus)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 6}))
    after, cut = Encoder(str(folder)).compute(corpus), Encoder(MODEL, max_length=6).compute(corpus)
    assert np.abs(after.train - before.train).max() > 0.1
    np.testing.assert_array_equal(after.train, cut.train)
