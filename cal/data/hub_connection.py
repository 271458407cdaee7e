"""The connection to the Hugging Face hub: a dataset with its splits, or a quick error that says what to do."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from ssl import SSLError
from typing import TYPE_CHECKING
from urllib.error import HTTPError

from cal.data.columns import Columns, read_documents
from cal.data.documents import SourceDocuments
from cal.data.tables import to_table
from cal.data.wsc import WSC, with_choices
from cal.errors import HubError

if TYPE_CHECKING:
    import datasets

_PATIENCE = 1.5  # seconds for the hub to answer
_ROW_COLUMN = "row on the hub"


def load(hub_id: str, config: str | None, revision: str | None, way_out: str) -> datasets.DatasetDict:
    """The splits of a dataset; without a connection, those in the cache of `datasets`.

    Args:
        hub_id: owner and name of the dataset.
        config: configuration of the dataset, if it has several.
        revision: branch, tag or commit; None takes the newest.
        way_out: sentence on what to do without the dataset.

    Raises:
        HubError: if it cannot be loaded.
    """
    online = reachable()
    import datasets

    try:
        with nullcontext() if online else _offline():
            return datasets.load_dataset(hub_id, config, revision=revision)
    except Exception as error:  # network, missing dataset, damaged cache: whatever the hub's libraries raise
        what = str(error) if online else "it cannot be reached, and its cache lacks the dataset"
        raise HubError(f"{hub_id} cannot be loaded from the Hugging Face hub: {what}. {way_out}") from error


def documents_of(
    loaded: datasets.DatasetDict, hub_id: str, split: str, key: str, columns: Columns, task: str | None
) -> SourceDocuments:
    """The documents of one split.

    Args:
        loaded: the splits of a dataset.
        hub_id: name of the dataset, for messages.
        split: name of the split.
        key: setting that names the split.
        columns: columns of the documents; without an id column, ids are row numbers from 0.
        task: `wsc` turns rows into choices.

    Raises:
        HubError: if there is no such split.
        DataError: if the documents cannot be used as given.
    """
    if split not in loaded:
        raise HubError(f"{hub_id} has no split '{split}'; set {key} to {' or '.join(loaded)}.")
    table = to_table(loaded[split], f"{hub_id} ({split})")
    if task == WSC:
        return read_documents(*with_choices(table))
    if columns.id_column is None:
        table = table.with_column(_ROW_COLUMN, list(range(len(loaded[split]))))
        columns = replace(columns, id_column=_ROW_COLUMN)
    return read_documents(table, columns)


def reachable() -> bool:
    """Whether the hub answers in any way; `datasets` itself keeps trying for 20 s and more."""
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

    # In a thread, because looking up the host's name may hang beyond any timeout.
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
