"""Dataset folder: a table in the format in which the library `datasets` saves it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cal.files import storage_errors

if TYPE_CHECKING:
    import pandas as pd


def write_dataset_folder(table: pd.DataFrame, folder: Path, label_names: Sequence[str] | None = None) -> None:
    """Writes a folder that `datasets.load_from_disk` reads, completely or not at all; an old one is replaced.

    Args:
        table: rows to write; the column `label` holds positions in `label_names`.
        folder: folder to write.
        label_names: names of the labels; None leaves numbers in the column `label`.

    Raises:
        StorageError: if the disk is full or the folder cannot be written.

    Example:
        >>> import tempfile
        >>> import pandas as pd
        >>> from datasets import load_from_disk
        >>> folder = Path(tempfile.mkdtemp()) / "chosen"
        >>> write_dataset_folder(pd.DataFrame({"text": ["Who?"], "label": [1]}), folder, ["number", "person"])
        >>> dataset = load_from_disk(str(folder))
        >>> dataset[0], dataset.features["label"].names
        ({'text': 'Who?', 'label': 1}, ['number', 'person'])
    """
    from datasets import ClassLabel, Dataset, disable_progress_bars, enable_progress_bars
    from datasets.utils.logging import is_progress_bar_enabled

    dataset = Dataset.from_pandas(table, preserve_index=False)
    if label_names is not None:
        # Rather than by cast_column, which would write the whole table once more, into the user's cache.
        features = dataset.features.copy()
        features["label"] = ClassLabel(names=list(label_names))
        dataset = Dataset.from_pandas(table, features=features, preserve_index=False)
    partial = folder.with_name(f".{folder.name}.partial")
    shown = is_progress_bar_enabled()
    try:
        with storage_errors(f"write {folder}", "Make room and try again."):
            shutil.rmtree(partial, ignore_errors=True)
            disable_progress_bars()
            dataset.save_to_disk(str(partial))
            shutil.rmtree(folder, ignore_errors=True)
            partial.replace(folder)
    finally:
        if shown:
            enable_progress_bars()
        shutil.rmtree(partial, ignore_errors=True)
