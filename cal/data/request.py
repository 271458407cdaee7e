"""The request of `cal data`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cal import registry
from cal.checks import Problems
from cal.errors import ConfigError
from cal.request import Request


@dataclass(kw_only=True)
class DataRequest(Request):
    """Describe a corpus: sizes, label balance, duplicates, lengths and ten examples.

    Args:
        dataset: reader of the corpus, its name or {name: {parameter: value}}
    """

    dataset: Any = None

    def _resolve(self, problems: Problems) -> None:
        if self.dataset is not None:
            chosen = problems.attempt(lambda: registry.choose(registry.READERS, "dataset", self.dataset), ("", None))
            self.dataset = chosen[1]

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Any:
        """The corpus, which describes itself when printed."""
        if corpus is None and self.dataset is None:
            raise ConfigError("There is no corpus to describe. Give dataset=NAME.")
        return self.dataset.read() if corpus is None else corpus

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        return str(self.run(quiet=quiet)), Path()
