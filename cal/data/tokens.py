"""Tokens: the documents of a corpus as an encoder reads them, tokenised once and cached."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal.data.cache import cached_array
from cal.data.corpus import Corpus
from cal.data.pretrained import ADVICE, Pretrained
from cal.errors import ModelError
from cal.progress import bar

logger = logging.getLogger(__name__)
_CHUNK = 1_000  # sequences between two updates of the progress bar
# Up to this number of tokens, attention in separate operations takes a CPU a quarter of the time of PyTorch's fused
# function, whose backward pass is made for long texts.
_SHORT = 128
_PASS = {"cpu": 2_048, "cuda": 65_536}  # tokens read together if no gradients are needed


@dataclass(frozen=True, eq=False)
class Tokens:
    """Token ids of all documents of a corpus, end to end.

    A document has `n_choices` sequences: one, except in multiple choice. Tokens can be sent to other processes,
    because the ids are a memory map of one file.

    Args:
        model: model whose tokenizer made them.
        n_choices: number of sequences per document.
        sizes: number of documents in each split, by name.
        lengths: (sequence,) number of tokens of each sequence, split after split.
        vocabulary: (entry,) the model's id of each token that occurs; the model needs only these embeddings.
        ids: (token,) tokens of all sequences, as positions in `vocabulary`.
        types: (token,) which of two texts a token belongs to; None if the model does not use it.
        pad_id: id that fills up short sequences; the model's own, because some models count positions by it.
        cuts: (split, 3) number of documents that are cut, the limit, and the longest length, in tokens.
        fingerprint: hash of all of these and the weights of the model.
    """

    model: Pretrained
    n_choices: int
    sizes: dict[str, int]
    lengths: np.ndarray
    vocabulary: np.ndarray
    ids: np.ndarray
    types: np.ndarray | None
    pad_id: int
    cuts: np.ndarray
    fingerprint: str

    def __eq__(self, other: object) -> bool:
        """Whether both are the same model's tokens of the same corpus, even if one came from another process."""
        return isinstance(other, Tokens) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def are_short(self) -> bool:
        """Whether every sequence is so short that a CPU computes attention faster in separate operations."""
        return bool(self.lengths.max() <= _SHORT)

    def document_lengths(self, split: str) -> np.ndarray:
        """(instance,) number of tokens of each document's longest sequence."""
        first, n = self._place[split]
        longest: np.ndarray = self.lengths[first : first + n * self.n_choices].reshape(n, self.n_choices).max(axis=1)
        return longest

    def batch(self, split: str, rows: Sequence[int] | np.ndarray) -> dict[str, Tensor]:
        """The inputs of a model for some documents, padded to the longest of them.

        Args:
            split: name of the split.
            rows: positions of the documents in the split.

        Returns:
            `input_ids`, `attention_mask` and, if the model uses them, `token_type_ids`: (instance, token), or
            (instance, choice, token) in multiple choice.
        """
        first = self._place[split][0]
        sequences = (first + np.asarray(rows)[:, None] * self.n_choices + np.arange(self.n_choices)).ravel()
        lengths = self.lengths[sequences]
        position = np.arange(lengths.max())
        real = position < lengths[:, None]  # (sequence, token)
        at = self._starts[sequences][:, None] + np.where(real, position, 0)
        batch = {"input_ids": np.where(real, self.ids[at], self.pad_id), "attention_mask": real}
        if self.types is not None:
            batch["token_type_ids"] = np.where(real, self.types[at], 0)
        shape = (len(rows), self.n_choices, -1) if self.n_choices > 1 else (len(rows), -1)
        return {name: torch.from_numpy(values.astype(np.int64)).view(shape) for name, values in batch.items()}

    def with_model_ids(self) -> Tokens:
        """The same tokens by the model's own ids, for a module with all of its embeddings."""
        return replace(self, ids=self.vocabulary[self.ids], vocabulary=np.arange(self.vocabulary.max() + 1))

    def load(self, auto: str, device: torch.device, **options: Any) -> tuple[Any, dict[str, Any]]:
        """The model that reads them, on the CPU, and which of its weights are not pretrained: see `Pretrained.load`.

        Embeddings of words that do not occur are dropped, because an optimiser would visit all of them in each step.

        Args:
            auto: name of one of the `AutoModel` classes.
            device: device on which the model will run.
            options: options of its `from_pretrained`.

        Raises:
            ModelError: if there is no such model.
        """
        module, info = self.model.load(auto, **attention(device, self.are_short), **options)
        embedding = module.get_input_embeddings()
        if type(embedding) is not torch.nn.Embedding or self.vocabulary.max() >= embedding.num_embeddings:
            raise ModelError(
                f"The tokenizer of {self.model.name} has words up to number {self.vocabulary.max()}, but the model has "
                f"no plain embeddings for them. Save both again after model.resize_token_embeddings. {ADVICE}"
            )
        rows = embedding.weight.data[torch.from_numpy(self.vocabulary.astype(np.int64))]
        module.set_input_embeddings(
            torch.nn.Embedding.from_pretrained(rows, freeze=False, padding_idx=embedding.padding_idx)
        )
        return module, info

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)[:-1]])

    @cached_property
    def _place(self) -> dict[str, tuple[int, int]]:
        """First sequence and number of documents of each split."""
        ends = np.cumsum([n * self.n_choices for n in self.sizes.values()]).tolist()
        return {name: (end - n * self.n_choices, n) for (name, n), end in zip(self.sizes.items(), ends, strict=True)}


def attention(device: torch.device, short: bool) -> dict[str, str]:
    """The option of `Pretrained.load` that chooses how attention is computed."""
    return {"attn_implementation": "eager"} if device.type == "cpu" and short else {}


def passes(lengths: np.ndarray, device: str) -> list[np.ndarray]:
    """Positions of documents to read together, longest first, for little padding and memory that does not grow.

    Args:
        lengths: (instance,) number of tokens of each document.
        device: `cpu`, whose cache holds few tokens, or `cuda`, which needs many to be busy.

    Example:
        >>> [rows.tolist() for rows in passes(np.array([900, 1500, 7, 950]), "cpu")]
        [[1], [3, 0], [2]]
    """
    order, found = np.argsort(-lengths, kind="stable"), []
    while len(order):
        size = max(_PASS[device] // max(int(lengths[order[0]]), 1), 1)
        found.append(order[:size])
        order = order[size:]
    return found


def tokenise(corpus: Corpus, model: Pretrained, max_length: int | None = None, *, keep: bool = True) -> Tokens:
    """The tokens of a corpus; texts too long for the model are cut, with a warning.

    Args:
        corpus: corpus whose splits are all tokenised.
        model: model whose tokenizer is used.
        max_length: largest number of tokens per sequence, special ones included; None takes the model's limit.
        keep: whether to look for them in the cache, and to keep them there.

    Raises:
        ModelError: if the tokenizer cannot be used, or `max_length` is more than the model can read.
    """
    tokenizer = model.tokenizer()
    limit = model.max_length(model.config(), tokenizer)
    if max_length is not None and max_length > limit:
        raise ModelError(f"max_length is {max_length}, but {model.name} reads at most {limit} tokens.")
    limit = max_length or limit
    n_texts = corpus.train.shape[1]
    least = tokenizer.num_special_tokens_to_add(pair=n_texts == 2) + n_texts
    if limit < least:
        raise ModelError(f"max_length is {limit}, too few for a token of each text; give {least} or more.")
    sizes = {name: len(split) for name, split in corpus.splits().items()}
    typed = "token_type_ids" in tokenizer.model_input_names
    recipe = {
        "recipe": 1,
        "corpus": corpus.fingerprint,
        "tokenizer": tokenizer.backend_tokenizer.to_str()
        if tokenizer.is_fast
        else sorted(tokenizer.get_vocab().items()),
        "padding": tokenizer.pad_token_id,
        "typed": typed,
        "max_length": limit,
        "transformers": version("transformers"),
    }

    def encoded() -> np.ndarray:
        lengths, ids, types = [], [], []
        for length, encoding in _encodings(corpus, tokenizer, limit):
            lengths.append(length)
            ids += encoding["input_ids"]
            types += encoding["token_type_ids"] if typed else []
        vocabulary, positions = _vocabulary(np.array(ids, dtype=np.int64), tokenizer.pad_token_id)
        parts = [[len(vocabulary)], lengths, vocabulary, positions, types]
        return np.concatenate([np.asarray(part, dtype=np.int32) for part in parts])

    # One file: two processes can never mix their halves.
    whole = cached_array("tokens", recipe, encoded) if keep else encoded()
    n_sequences = sum(sizes.values()) * corpus.n_choices
    full_lengths, vocabulary, rest = np.split(whole[1:], np.cumsum([n_sequences, whole[0]]))
    ids, types = np.split(rest, 2) if typed else (rest, None)
    ends = np.cumsum([n * corpus.n_choices for n in sizes.values()])[:-1]
    longest = [
        part.reshape(n, -1).max(axis=1) for n, part in zip(sizes.values(), np.split(full_lengths, ends), strict=True)
    ]
    cuts = np.array([[int((lengths > limit).sum()), limit, lengths.max()] for lengths in longest])
    warn_of_cuts(cuts, sizes, "max_length" if max_length else model.name)
    return Tokens(
        model,
        corpus.n_choices,
        sizes,
        np.minimum(full_lengths, limit),
        vocabulary,
        ids,
        types,
        tokenizer.pad_token_id,
        cuts,
        _fingerprint(whole, corpus.fingerprint, model.fingerprint, limit, tokenizer.pad_token_id, typed),
    )


def warn_of_cuts(cuts: np.ndarray, sizes: Mapping[str, int], limit_of: str) -> None:
    """Warns of documents that are too long to be read whole.

    Args:
        cuts: (split, 3) number of documents that are cut, the limit, and the longest length, in tokens.
        sizes: number of documents in each split, by name.
        limit_of: what sets the limit: `max_length` or the name of the model.
    """
    for (name, n), (n_cut, limit, longest) in zip(sizes.items(), cuts.tolist(), strict=True):
        if n_cut:
            logger.warning(
                "%d of %d documents of %s are longer than %d tokens, the limit of %s, and are cut; the longest: %d.",
                *(n_cut, n, name, limit, limit_of, longest),
            )


def _fingerprint(whole: np.ndarray, *others: object) -> str:
    digest = hashlib.blake2b(repr(others).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(whole).data)
    return digest.hexdigest()


def _encodings(corpus: Corpus, tokenizer: Any, limit: int) -> Iterator[tuple[int, Mapping[str, list[int]]]]:
    """The full length and the cut encoding of each sequence, in order."""
    sequences = [each for split in corpus.splits().values() for choices in split.as_sequences() for each in choices]
    pairs = corpus.train.shape[1] == 2
    with bar(total=len(sequences), desc="Tokenising", unit="text") as shown:
        for start in range(0, len(sequences), _CHUNK):
            chunk = sequences[start : start + _CHUNK]
            texts = [sequence[0] for sequence in chunk]
            seconds = [sequence[1] for sequence in chunk] if pairs else None
            made = tokenizer(texts, seconds, truncation=False, padding=False, verbose=False)
            for row in range(len(chunk)):
                encoding = {name: values[row] for name, values in made.items()}
                length = len(encoding["input_ids"])
                if length > limit:
                    second = seconds[row] if seconds else None
                    encoding = tokenizer(texts[row], second, truncation=True, max_length=limit)
                yield length, encoding
            shown.update(len(chunk))


def _vocabulary(ids: np.ndarray, pad_id: int) -> tuple[np.ndarray, np.ndarray]:
    """The ids that occur, with the padding at its own position, and the position of each id.

    If the padding's position lies beyond the ids that occur, all ids are kept.

    Example:
        >>> _vocabulary(np.array([7, 9, 7, 5]), 1)
        (array([5, 1, 7, 9]), array([2, 3, 2, 0]))
    """
    vocabulary = np.unique(np.append(ids, pad_id))
    if pad_id >= len(vocabulary):
        vocabulary = np.arange(max(ids.max(), pad_id) + 1)
    here = int(np.searchsorted(vocabulary, pad_id))
    vocabulary[[here, pad_id]] = vocabulary[[pad_id, here]]
    place = np.empty(vocabulary.max() + 1, dtype=np.int64)
    place[vocabulary] = np.arange(len(vocabulary))
    return vocabulary, place[ids]
