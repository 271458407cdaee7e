"""Auto: the document vectors that suit a corpus best among those that are at hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cal import registry
from cal.data.corpus import Corpus
from cal.data.features import FeatureKind, Features
from cal.data.minilm import lacking
from cal.errors import install

MOST_SECONDS = 180
"""CPU seconds that MiniLM may take unasked: about 25,000 news texts, or 100,000 short questions."""

_MINILM = "Vectors: sentence vectors of MiniLM (features=minilm)."
_LSA = "Vectors: LSA, from the words of the texts (features=lsa)."
FIND = "finds {} wrong labels: on TREC, reading the first 5 % found 82 % of random errors with MiniLM and 71 % with LSA"
LEARN = (
    "learns {} from few labels: on TREC, 450 labels chosen by margin gave an accuracy of .77 with MiniLM, .71 with LSA"
)
"""What the choice changed where it was measured, for re-checking labels and for labelling; {} is more, or less."""

# One core of a server of 2024, in bf16: 1.6 ms for a question of 50 characters, 6.5 ms for a news text of 240.
_SECONDS_PER_CHARACTER = 3e-5
_CHARACTERS_READ = 1_150  # in 256 tokens
_LATIN = re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]")
_LETTER = re.compile(r"[^\W\d_]")
_SAMPLE = 1_000  # texts, of 200 characters each, that tell the script


class Chosen(NamedTuple):
    """A kind of vectors, and a sentence or two about the choice."""

    kind: FeatureKind
    told: str


@dataclass
class Auto:
    """MiniLM where it is installed and suits the texts, otherwise LSA.

    MiniLM is left aside where encoding would take more than about three CPU minutes, where most letters are not Latin,
    because it reads English, and for pairs and multiple choice, because it was made for single texts.

    Example:
        >>> from cal.data.corpus import Split
        >>> train = Split(["a", "b"], ["Где это?", "Кто это?"], [0, 1])
        >>> Auto().choose(Corpus(train, None, ["place", "person"])).kind
        Lsa(n_components=None, max_terms=20000)
    """

    def choose(self, corpus: Corpus, gain: str = FIND) -> Chosen:
        """The vectors for a corpus, and what to tell the user: which they are and what others would give.

        Args:
            corpus: the documents.
            gain: what the choice changes, `FIND` or `LEARN`.
        """
        to_do = []
        if lacking():
            to_do.append(f"run {install('minilm')}")
        if (seconds := encoding_seconds(corpus)) > MOST_SECONDS:
            to_do.append("add features=minilm")
        if unsuited := _why_unsuited(corpus):
            return Chosen(_kind("lsa"), f"{_LSA} {unsuited}")
        if to_do:
            cost = f", which takes {_about(seconds)} here, once" * (seconds > MOST_SECONDS)
            return Chosen(_kind("lsa"), f"{_LSA} MiniLM {gain.format('more')}. To use it, {' and '.join(to_do)}{cost}.")
        return Chosen(
            _kind("minilm"), f"{_MINILM} LSA (features=lsa) {gain.format('less' if gain == LEARN else 'fewer')}."
        )

    def compute(self, corpus: Corpus) -> Features:
        """The vectors of a corpus.

        Raises:
            CalError: if they cannot be computed.
        """
        return self.choose(corpus).kind.compute(corpus)


def encoding_seconds(corpus: Corpus) -> float:
    """Roughly the CPU seconds in which MiniLM encodes a corpus."""
    n_read = sum(min(len(text), _CHARACTERS_READ) for split in corpus.splits().values() for text in split.texts)
    return n_read * _SECONDS_PER_CHARACTER


def _kind(name: str) -> FeatureKind:
    made: FeatureKind = registry.find(registry.FEATURES, "features", name)()
    return made


def _why_unsuited(corpus: Corpus) -> str:
    """What keeps MiniLM from these documents, and what suits them; empty if nothing does."""
    if corpus.train.sequences is not None:
        return (
            "MiniLM reads single texts, not pairs or choices. A fine-tuned encoder reads them: learner=transformer "
            "model=NAME."
        )
    if not _mostly_latin(corpus.train.texts):
        return (
            "MiniLM reads English, and most of these texts are not in Latin script. An encoder for their language may "
            "find more: features=encoder features.model=NAME."
        )
    return ""


def _mostly_latin(texts: Sequence[str]) -> bool:
    """Whether at least half of the letters are Latin, judged by the first texts, whose order is that of a hash."""
    letters = _LETTER.findall(" ".join(text[:200] for text in texts[:_SAMPLE]))
    return 2 * len(_LATIN.findall("".join(letters))) >= len(letters)


def _about(seconds: float) -> str:
    """A duration of minutes or hours, in words.

    Example:
        >>> _about(200), _about(20_000)
        ('about 3 CPU minutes', 'about 6 CPU hours')
    """
    minutes = seconds / 60
    return f"about {minutes:.0f} CPU minutes" if minutes < 100 else f"about {minutes / 60:.0f} CPU hours"
