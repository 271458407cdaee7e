"""The vectors of new documents, as they would be if a corpus had them as its test split."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cal.data.corpus import Corpus
from cal.data.features import Embedder


def embedder_of(kind: Any, corpus: Corpus) -> Embedder:
    """The embedder of a kind of features; one without is computed again, with the new documents as a test split."""
    if callable(make := getattr(kind, "embedder", None)):
        made: Embedder = make(corpus)
        return made

    def embed(new: Corpus) -> Any:
        together = replace(corpus, test=new.train, dev=None, tests={})
        return kind.compute(together).test

    return embed
