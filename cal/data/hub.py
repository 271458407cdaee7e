"""Hub: a corpus of the Hugging Face hub, or its copy in local files."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from ssl import SSLError
from typing import TYPE_CHECKING
from urllib.error import HTTPError

from cal.data.corpus import Corpus
from cal.data.documents import build_corpus, read_documents
from cal.data.files import Files
from cal.data.tables import to_table
from cal.errors import HubError

if TYPE_CHECKING:
    import datasets

_PATIENCE = 1.5  # seconds for the hub to answer


@dataclass
class Hub:
    """A corpus of the Hugging Face hub, or its copy in local files where one is named.

    Args:
        hub_id: owner and name of the dataset, such as `fancyzhx/ag_news`.
        config: of the dataset, where it has several.
        revision: branch, tag or commit; null takes the newest.
        train_split: split on the hub with the training documents.
        test_split: split on the hub with the test documents.
        dev_split: split on the hub with the development documents.
        text_column: column on the hub with the texts.
        label_column: column on the hub with the labels.
        id_column: column on the hub with the ids; with null, ids are name, split and row.
        label_names: the labels in their order; null takes those of train, sorted.
        name: of the corpus; with null, the last part of `hub_id`.
        path: local file or folder to read instead, with columns `text`, `label` and perhaps `id`.
        train: local file of the training documents to read instead, with `test` and perhaps `dev`.
        test: local file of the test documents.
        dev: local file of the development documents.
    """

    hub_id: str
    config: str | None = None
    revision: str | None = None
    train_split: str = "train"
    test_split: str = "test"
    dev_split: str | None = None
    text_column: str = "text"
    label_column: str = "label"
    id_column: str | None = None
    label_names: list[str] | None = None
    name: str | None = None
    path: str | None = None
    train: str | None = None
    test: str | None = None
    dev: str | None = None

    def read(self) -> Corpus:
        """The corpus, from local files where they are named, else from the hub or its cache.

        Raises:
            HubError: if the hub cannot be reached and its cache does not hold the dataset.
            DataError: if the documents cannot be used as they are.
        """
        name = self.name or self.hub_id.rpartition("/")[2]
        if self.path or self.train or self.test or self.dev:
            return Files(self.path, self.train, self.test, self.dev, label_names=self.label_names, name=name).read()
        names = {"train": self.train_split, "test": self.test_split}
        names |= {"dev": self.dev_split} if self.dev_split else {}
        splits = {}
        loaded = self._load()
        for split, hub_split in names.items():
            source = f"{self.hub_id} ({hub_split})"
            if hub_split not in loaded:
                raise HubError(
                    f"{self.hub_id} has no split '{hub_split}'; set dataset.{split}_split to {' or '.join(loaded)}."
                )
            table = to_table(loaded[hub_split], source)
            if self.id_column is None:
                table.columns["id"] = [f"{name}-{split}-{row}" for row in range(len(loaded[hub_split]))]
            splits[split] = read_documents(table, self.text_column, self.label_column, self.id_column or "id")
        return build_corpus(splits, self.label_names, name)

    def _load(self) -> datasets.DatasetDict:
        """The splits of the dataset; without a connection, those the hub's own cache holds."""
        online = _reachable()
        import datasets

        try:
            with nullcontext() if online else _offline():
                return datasets.load_dataset(self.hub_id, self.config, revision=self.revision)
        except Exception as error:  # network, missing dataset, damaged cache: whatever the hub's libraries raise
            what = str(error) if online else "it cannot be reached, and its cache lacks the dataset"
            raise HubError(
                f"{self.hub_id} cannot be had from the Hugging Face hub: {what}. Copy the corpus to this machine and "
                "name it, such as dataset.path=FOLDER with train.csv and test.csv (or .tsv, .jsonl, .parquet; columns "
                "id, text, label), or use the built-in corpus dataset=docstrings."
            ) from error


def _reachable() -> bool:
    """Whether the hub answers, in any way: `datasets` itself would keep trying for 20 s and more."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=_PATIENCE).close()
        except OSError as error:
            # A refusal is an answer, and the hub's own client may know certificates that Python does not.
            if not isinstance(error, HTTPError) and not isinstance(getattr(error, "reason", None), SSLError):
                return
        answered.set()

    # In a thread, as looking up the name of the host may hang beyond any timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return answered.is_set()


@contextmanager
def _offline() -> Iterator[None]:
    """Keeps `datasets` off the network."""
    from datasets import config

    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before
