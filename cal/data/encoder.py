"""Encoder: documents as sentence vectors of a frozen pretrained encoder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cal.checks import one_of, refuse, whole_numbers
from cal.data.cache import cached_array
from cal.data.corpus import Corpus
from cal.data.features import Embedder, Features, computed_once, documents_fingerprint
from cal.data.pretrained import Pretrained, transformers_version
from cal.data.standardise import scale_of, scaled
from cal.data.tokens import Tokens, attention, passes, tokenise, warn_of_cuts
from cal.errors import ConfigError
from cal.progress import bar
from cal.threads import one_thread

_PRECISIONS = ("bf16", "float32", "int8")


@dataclass
class Encoder:
    """The last hidden state of a pretrained encoder, averaged over the tokens of a document.

    The texts of a pair are read together; in multiple choice, the vectors of all choices are concatenated.

    Args:
        model: name on the Hugging Face hub, folder, or `pkg://PACKAGE/FOLDER` for a folder in an installed package.
        revision: branch, tag or commit on the hub; null takes the newest.
        max_length: largest number of tokens per text, the rest is cut; null takes the model's limit.
        precision: bf16 (float32 on devices without bf16), float32, or int8 for int8 weights in linear layers on a CPU.
        standardise: scale each feature to mean 0 and standard deviation 1 over train.

    References:
        Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks (Reimers and Gurevych, 2019)
        https://aclanthology.org/D19-1410
    """

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    revision: str | None = None
    max_length: int | None = None
    precision: str = "bf16"
    standardise: bool = True

    def __post_init__(self) -> None:
        problems = whole_numbers(3, or_null=True, max_length=self.max_length)
        refuse(problems + one_of(_PRECISIONS, precision=self.precision))

    def compute(self, corpus: Corpus) -> Features:
        """The vectors of a corpus.

        Raises:
            ModelError: if the model cannot be loaded or used.
        """
        model, device = self._model_and_device()
        # Vectors in the cache need neither transformers, which takes seconds to import, nor the tokens.
        recipe = self._recipe(model, device)
        read: list[Tokens] = []

        def tokens() -> Tokens:
            if not read:
                read.append(tokenise(corpus, model, self.max_length))
            return read[0]

        def vectors() -> Mapping[str, np.ndarray]:
            made = self._vectors(tokens(), device)
            if not self.standardise:
                return made
            scale = self._scale(corpus, recipe, lambda: made["train"])
            return {name: scaled(split, scale) for name, split in made.items()}

        features = computed_once("encoder", corpus, recipe, vectors)
        cuts = cached_array(
            "features/cuts", {**recipe, "documents": documents_fingerprint(corpus)}, lambda: tokens().cuts
        )
        if not read:
            sizes = {name: len(split) for name, split in corpus.splits().items()}
            warn_of_cuts(cuts, sizes, "max_length" if self.max_length else self.model)
        return features

    def embedder(self, corpus: Corpus) -> Embedder:
        """A function that computes the vectors of new documents as if they were a test split of the corpus."""
        model, device = self._model_and_device()

        @cache
        def module(short: bool) -> Any:
            made, _ = model.load("AutoModel", **attention(device, short))
            return self._ready(made, device)

        def train() -> np.ndarray:  # if the vectors, but not their scale, are in the cache
            return self._vectors(tokenise(only_train, model, self.max_length), device)["train"]

        only_train = replace(corpus, test=None, dev=None, tests={})
        scale = self._scale(only_train, self._recipe(model, device), train) if self.standardise else None

        @one_thread()
        def embed(new: Corpus) -> np.ndarray:
            tokens = tokenise(new, model, self.max_length, keep=False).with_model_ids()
            vectors = self._encoded(module(tokens.are_short), tokens, device)["train"]
            return vectors if scale is None else scaled(vectors, scale)

        return embed

    def _model_and_device(self) -> tuple[Pretrained, torch.device]:
        device = torch.device("cuda" if torch.cuda.is_available() and self.precision != "int8" else "cpu")
        return Pretrained.find(self.model, self.revision, "features.model"), device

    def _recipe(self, model: Pretrained, device: torch.device) -> dict[str, Any]:
        """All that the vectors of a text depend on."""
        return {
            "recipe": 3,
            "model": model.whole_fingerprint,
            "max_length": self.max_length,
            "precision": self.precision,
            "device": (device.type, _computes_in_bf16(device)),
            "standardise": self.standardise,
            "torch": version("torch"),
            "transformers": transformers_version(),
        }

    def _scale(self, corpus: Corpus, recipe: Mapping[str, object], train: Callable[[], np.ndarray]) -> np.ndarray:
        """(2, feature) mean and divisor of the features over train, kept for documents that are yet to come."""
        of = documents_fingerprint(replace(corpus, test=None, dev=None, tests={}))
        return cached_array("features/scale", {**recipe, "documents": of}, lambda: scale_of(train()))

    def _ready(self, module: Any, device: torch.device) -> Any:
        return (_in_int8(module) if self.precision == "int8" else module).eval().to(device)

    def _vectors(self, tokens: Tokens, device: torch.device) -> dict[str, np.ndarray]:
        """(instance, feature) of each split."""
        module, _ = tokens.load("AutoModel", device)
        return self._encoded(self._ready(module, device), tokens, device)

    def _encoded(self, module: Any, tokens: Tokens, device: torch.device) -> dict[str, np.ndarray]:
        total = sum(int(tokens.document_lengths(name).sum()) for name in tokens.sizes)
        made = {}
        with bar(total=total, desc="Encoding", unit="token", unit_scale=True) as shown:
            for name in tokens.sizes:
                made[name] = _embedded(module, tokens, name, device, self.precision, shown)
        return made


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """A context in which matrix products round their factors to bf16, if asked for and if the device supports it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16" and _computes_in_bf16(device))


def _computes_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return torch.cpu._is_avx512_bf16_supported()


def pooled(layer: Tensor, mask: Tensor, how: str) -> Tensor:
    """(sequence, width) one vector per sequence.

    Args:
        layer: (sequence, token, width) hidden states.
        mask: (sequence, token) 1 for tokens, 0 for padding.
        how: `cls` for the state of the first token, `mean` for the mean over all tokens.

    Example:
        >>> pooled(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]]), "mean").tolist()
        [[2.0]]
    """
    if how == "cls":
        return layer[:, 0]
    weights = mask.to(layer.dtype).unsqueeze(-1)
    return (layer * weights).sum(dim=1) / weights.sum(dim=1)


def _in_int8(module: Any) -> Any:
    """The module with int8 weights in its linear layers, whose inputs are also int8 while they are multiplied."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch will move it to a package of its own, torchao
            # One scale per unit: with one per matrix, vectors are twice as far from those of float32.
            scales = {nn.Linear: torch.ao.quantization.per_channel_dynamic_qconfig}
            return torch.ao.quantization.quantize_dynamic(module.eval(), scales)
    except AttributeError as error:
        raise ConfigError(f"PyTorch {version('torch')} has no int8 layers; give precision=bf16.") from error


def _embedded(module: Any, tokens: Tokens, split: str, device: torch.device, precision: str, shown: Any) -> np.ndarray:
    """(instance, feature) vectors of a split.

    On a CPU several batches are encoded at once, by one thread each, so that no number depends on how many there are.
    """
    lengths = tokens.document_lengths(split)
    vectors = np.empty((len(lengths), module.config.hidden_size * tokens.n_choices), dtype=np.float32)

    def embed(rows: Any) -> int:
        batch = {name: values.flatten(0, -2).to(device) for name, values in tokens.batch(split, rows).items()}
        with torch.no_grad(), autocast(device, precision):  # both belong to the thread
            states = module(**batch).last_hidden_state
        vectors[rows] = pooled(states, batch["attention_mask"], "mean").float().reshape(len(rows), -1).cpu().numpy()
        return int(lengths[rows].sum())

    with ThreadPoolExecutor(1 if device.type == "cuda" else os.cpu_count()) as pool:
        for n_tokens in pool.map(embed, passes(lengths, device.type)):
            shown.update(n_tokens)
    return vectors
