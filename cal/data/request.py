"""Requests about a corpus: the part that all of them share, and the request of `cal data`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal import registry
from cal.checks import Problems
from cal.errors import ConfigError
from cal.request import Request

if TYPE_CHECKING:
    from cal.data.corpus import Corpus

TRAIN = "train"


@dataclass(kw_only=True)
class CorpusRequest(Request):
    """Where the corpus comes from.

    Args:
        dataset: reader of the corpus, its name or {name: {parameter: value}}; not needed where a corpus is given

    Attributes:
        used: which documents are used, in words, once the corpus is read.
    """

    dataset: Any = None
    split = TRAIN
    used: str = field(init=False, repr=False, default="")

    @property
    def uses_dev(self) -> bool:
        """Whether the command looks at the dev split beside train."""
        return False

    @property
    def needs_test(self) -> bool:
        """Whether accuracy is measured on a test split."""
        return False

    @property
    def judges_labels(self) -> bool:
        """Whether labels are judged, so that it must be clear which of them are one."""
        return False

    @property
    def command(self) -> str:
        """The command, in words."""
        return f"cal {type(self).__name__.removesuffix('Request').lower()}"

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
        from cal.data.cautions import check_labels, usage

        if corpus is None and self.dataset is None:
            return None
        read: Corpus = self.dataset.read() if corpus is None else read_corpus(corpus)
        read = self._part_of(read)
        check_labels(read, self.command if self.judges_labels else "")
        held_out = self.needs_test and read.test is None and read.may_hold_out
        if held_out:
            read = read.hold_out()
        elif self.needs_test and corpus is None and getattr(self.dataset, "test_fraction", None) == 0:
            raise ConfigError(
                "dataset.test_fraction=0 leaves no test split, and accuracy is measured on one. Leave it out to hold "
                "out a fifth."
            )
        if read.test is not None or not self.needs_test:
            self.used = usage(
                read, needs_test=self.needs_test, held_out=held_out, split=self.split, uses_dev=self.uses_dev
            )
        return read

    def say_joined(self, ids: Iterable[str | int], corpus: Corpus) -> None:
        """Corrects `used` where a map has only some of the documents, or none."""
        n, n_train = len(set(map(str, ids)) & set(corpus.train.ids)), len(corpus.train)
        if n < n_train:
            self.used = f"{corpus.name}: {n:,} of {n_train:,} documents are in the map." if n else ""

    def _part_of(self, corpus: Corpus) -> Corpus:
        """The documents of a corpus that the command is about."""
        return corpus


@dataclass(kw_only=True)
class SplitRequest(CorpusRequest):
    """The documents that a command is about, if it needs no test split.

    Args:
        split: documents to use: train, test, dev, an extra test set, or all of train, test and dev
    """

    split: str = TRAIN

    def _part_of(self, corpus: Corpus) -> Corpus:
        from cal.data.parts import only

        return corpus if self.split == TRAIN else only(corpus, self.split)

    def corpus_if_given(self, corpus: Any = None) -> Corpus | None:
        read = super().corpus_if_given(corpus)
        if read is None and self.split != TRAIN:
            raise ConfigError(f"split={self.split} is a part of a corpus, and there is none. Give dataset=NAME.")
        return read


@dataclass(kw_only=True)
class DataRequest(CorpusRequest):
    """Describe a corpus: sizes, label balance, duplicates, lengths and ten examples."""

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Corpus:
        """Returns the corpus, which describes itself when printed."""
        read = self.read_corpus(corpus)
        self.used = ""  # the description says it
        return read

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        return str(self.run(quiet=quiet)), Path()
