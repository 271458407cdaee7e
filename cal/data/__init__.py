"""Documents with labels, and their vectors.

- `corpus`: `Corpus` and `Split`, documents (texts, pairs or choices) with ids, gold labels and splits, and `TestSet`.
- Readers, each with `read() -> Corpus`: `docstrings` (built in), `files` (your own), `hub` (Hugging Face, through
  `hub_connection`) and `glue` (GLUE's TSV, by `glue_tsv`). They share `tables` (one file as columns), `columns` (how a
  row is a document), `documents` (checked rows, made into a corpus), `further` (further test sets), `wsc` and
  `holdout` (a test split of one file).
- `describe`: a corpus in plain text.
- `features`: `Features`, the vectors of a corpus. Kinds, each with `compute(corpus) -> Features`: `lsa`,
  `fasttext` (with `word_vectors`), `encoder` and `precomputed`.
- `pretrained` and `tokens`: a pretrained encoder, and a corpus as it reads it.
- `cache`: the user's cache folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cal import registry

if TYPE_CHECKING:
    from cal.data.corpus import Corpus


def read_corpus(reader: str = "docstrings", **options: Any) -> Corpus:
    """The corpus that a reader reads.

    Args:
        reader: `docstrings`, `files`, `hub` or `glue`.
        options: fields of its dataclass, such as `path` for `files`.

    Raises:
        ConfigError: if there is no such reader or option.
        DataError: if the corpus cannot be used as given.

    Example:
        >>> read_corpus("files", path="nowhere.csv")
        Traceback (most recent call last):
        cal.errors.DataError: ...nowhere.csv...
    """
    choice = registry.find(registry.READERS, "reader", reader)
    corpus: Corpus = registry.build(choice, options, f"reader '{reader}'").read()
    return corpus
