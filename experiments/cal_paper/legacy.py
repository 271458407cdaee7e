"""What the released code of Cartography Active Learning does where its paper says otherwise: one flag per fault.

The code is github.com/jjzha/cal, as of March 2022. Each fault is switched on alone or with others, in a learner, two
strategies, a seed set and a way to compute vectors that plug into cal as anybody's could; `setting` puts them together:

    cal.simulate(corpus, **setting({"warm_start", "relu_logits"}, vectors), seeds=3, rounds=10)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from legacy_learner import FixedSplit, LegacyMLP
from legacy_strategies import LegacyCal, LegacyDal

from cal.data.corpus import Corpus
from cal.data.fasttext import FastText
from cal.data.features import Features
from cal.data.text_words import tokens
from cal.data.word_vectors import pretrained
from cal.learners.mlp import MLP

OF_CLASSIFIER = ("warm_start", "dropout_at_eval", "pad_is_word", "two_hidden_layers", "fixed_split", "no_shuffle")
"""Faults that change what every strategy does."""
OF_CAL = ("first_epoch_features", "relu_logits", "linear_discriminator", "binned_correctness", "during_capture")
OF_DAL = (
    "first_epoch_features",
    "dal_repeats_labelled",
    "dal_scores_while_training",
    "relu_logits",
    "linear_discriminator",
)
FAULTS = tuple(dict.fromkeys([*OF_CLASSIFIER, *OF_CAL, *OF_DAL]))
"""All that change what is acquired; `pooled_aso` is about the test, and is in tables.py."""


def setting(faults: Collection[str], vectors: str, seed_size: int = 500, **learner: Any) -> dict[str, Any]:
    """Arguments of `cal.simulate` with some of the faults; none of them is the paper's setting.

    Args:
        faults: names among `FAULTS`.
        vectors: file of pretrained word vectors.
        seed_size: number of labelled questions at the start.
        **learner: hyperparameters of the classifier, such as `n_epochs`.
    """
    if unknown := set(faults) - set(FAULTS):
        raise ValueError(f"Unknown faults {sorted(unknown)}; known: {', '.join(FAULTS)}.")
    on = {name: name in faults for name in FAULTS}
    n_layers, n_epochs = (2 if on["two_hidden_layers"] else 3), learner.get("n_epochs", MLP().n_epochs)
    kept = n_epochs if on["dal_repeats_labelled"] else int(on["first_epoch_features"])
    names = ("warm_start", "dropout_at_eval", "no_shuffle", "during_capture", "fixed_split")
    discriminator: dict[str, Any] = {name: on[name] for name in ("first_epoch_features", "relu_logits", "no_shuffle")}
    discriminator |= {"fixed_split": on["fixed_split"], "hidden": None if on["linear_discriminator"] else 300}
    of_dal = {name.removeprefix("dal_"): on[name] for name in ("dal_repeats_labelled", "dal_scores_while_training")}
    given = {"hidden": [300] * n_layers, "batch_size": 16, "kept_epochs": kept, **{name: on[name] for name in names}}
    return {
        "features": Padded(vectors) if on["pad_is_word"] else summed(vectors),
        "learner": LegacyMLP(**{**given, **learner}),
        "strategies": [
            *("random", "least_confidence", "entropy", "mc_entropy"),
            {"dal": LegacyDal(**discriminator, **of_dal)},
            {"cal": LegacyCal(**discriminator, binned_correctness=on["binned_correctness"])},
        ],
        "seed_set": FixedSplit() if on["fixed_split"] else "stratified",
        "seed_size": seed_size,
    }


def summed(vectors: str) -> FastText:
    """The paper's features: frozen word vectors, summed over the first 200 tokens, as they are."""
    return FastText(vectors=vectors, pool="sum", standardise=False, max_tokens=200)


@dataclass
class Padded:
    """Summed word vectors of questions padded to one length with a word: `pad_is_word`.

    Index 0 of the released vocabulary is no padding but the first word of the first question in the file.

    Args:
        vectors: file of pretrained word vectors.
        word: the word that pads; "How" starts TREC.
        length: number of words that each question is padded to.
    """

    vectors: str
    word: str = "how"
    length: int = 42

    def compute(self, corpus: Corpus) -> Features:
        plain = summed(self.vectors).compute(corpus)
        vector = np.nan_to_num(pretrained(Path(self.vectors), [self.word])[0])
        padded = {}
        for name, split in corpus.splits().items():
            n_missing = np.array([max(self.length - len(tokens(text)), 0) for text in split.texts])
            padded[name] = (plain.splits()[name] + n_missing[:, None] * vector).astype(np.float32)
        return Features(padded["train"], padded["test"])
