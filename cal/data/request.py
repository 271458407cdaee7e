"""Requests about a corpus: the part that all of them share, and the request of `cal data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal import registry
from cal.checks import Problems
from cal.errors import ConfigError
from cal.request import Request

if TYPE_CHECKING:
    from cal.data.corpus import Corpus


@dataclass(kw_only=True)
class CorpusRequest(Request):
    """Where the corpus comes from.

    Args:
        dataset: reader of the corpus, its name or {name: {parameter: value}}; not needed where a corpus is given
    """

    dataset: Any = None

    def _resolve(self, problems: Problems) -> None:
        self.dataset = problems.attempt(self._chosen_dataset, otherwise=None)

    def _chosen_dataset(self) -> Any:
        spec = self.dataset
        return registry.choose(registry.READERS, "dataset", spec)[1] if isinstance(spec, str | Mapping) else spec

    def read_corpus(self, corpus: Any = None) -> Corpus:
        """The corpus given, anything that `cal.read_corpus` takes, or that of `dataset`.

        Raises:
            ConfigError: if there is neither.
            DataError: if it cannot be used.
        """
        if (read := self.corpus_if_given(corpus)) is None:
            raise ConfigError("There is no corpus to work on. Give dataset=NAME, or a corpus in Python.")
        return read

    def corpus_if_given(self, corpus: Any = None) -> Corpus | None:
        """Like `read_corpus`, but None if there is neither."""
        from cal.data import read_corpus

        if corpus is not None:
            return read_corpus(corpus)
        read: Corpus | None = None if self.dataset is None else self.dataset.read()
        return read


@dataclass(kw_only=True)
class DataRequest(CorpusRequest):
    """Describe a corpus: sizes, label balance, duplicates, lengths and ten examples."""

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Corpus:
        """Returns the corpus, which describes itself when printed."""
        return self.read_corpus(corpus)

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        return str(self.run(quiet=quiet)), Path()
