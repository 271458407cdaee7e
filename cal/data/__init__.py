"""Documents with labels, and their vectors.

- `corpus`: `Corpus`, documents (texts, pairs or choices) with ids, gold labels and splits; `splits` holds `Split` and
  `TestSet`, `corpus_checks` what must hold of a corpus, `describe` a corpus in plain text and HTML, and `holdout` how
  a test split is held out.
- Readers, each with `read() -> Corpus`: `docstrings` (built in), `local_files` (your own), `hub` (Hugging Face,
  through `hub_connection`) and `glue` (GLUE's TSV, through `glue_tsv`). `frames` reads data frames, datasets and lists
  in memory. They share `tables` (named columns), `table_files` (the files that hold them), `columns`
  (how a row becomes a document), `documents` (checked rows, assembled into splits), `extra_tests` and `wsc`.
- `features`: `Features`, the vectors of a corpus. Kinds, each with `compute(corpus) -> Features`: `lsa`,
  `fasttext` (with `word_vectors`), `encoder` and `precomputed`.
- `pretrained` and `tokens`: a pretrained encoder, and a corpus as it reads it.
- `noise` (with `confused_noise` and `confusions`): labels made wrong on purpose.
- `cache`: the user's cache folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal import registry
from cal.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from cal.data.corpus import Corpus

_SETTINGS = {
    **{"text": "text_column", "label": "label_column", "id": "id_column", "choices": "choice_columns"},
    **{"split": "split_column", "spelling": "labels"},
}
"""The settings of `files` by their names in `from_frame`."""


def read_corpus(source: Any = "docstrings", **options: Any) -> Corpus:
    """A corpus from a reader, a file, a folder, a data frame or a dataset.

    Args:
        source: one of
            - the name of a reader: `docstrings`, `files`, `hub` or `glue`;
            - a path to a `.csv`, `.tsv`, `.jsonl` or `.parquet` file, all of which is for training until a command
              measures accuracy on a fifth of it, or to a folder with `train.*` and perhaps `test.*` and `dev.*`;
            - a pandas `DataFrame`: see `Corpus.from_frame`;
            - a `datasets` `Dataset` or `DatasetDict`, or a mapping of splits: see `Corpus.from_dataset`;
            - a `Corpus`, which is returned as it is.
        options: fields of the reader; for a path, also `text`, `label`, `id`, `choices` and `split`, which name
            columns, `spelling`, and `test`, a fraction to hold out or a second file; otherwise keywords of
            `from_frame` or `from_dataset`.

    Raises:
        ConfigError: if there is no such reader or option.
        DataError: if the corpus cannot be used as given.

    Example:
        >>> read_corpus({"text": ["How far?", "Who?"], "label": ["number", "person"]}, name="questions")
        Corpus 'questions': 2 train, 2 labels
        >>> read_corpus("nowhere.csv")
        Traceback (most recent call last):
        cal.errors.DataError: ...nowhere.csv...
    """
    from cal.data.corpus import Corpus

    if isinstance(source, Corpus):
        if options:
            raise ConfigError(f"A Corpus is used as it is and takes no {', '.join(options)}; build it with them.")
        return source
    if isinstance(source, str | os.PathLike):
        corpus: Corpus = reader_of(source, options).read()
        return corpus
    is_dataset = type(source).__module__.partition(".")[0] == "datasets"
    is_splits = isinstance(source, Mapping) and "train" in source
    return Corpus.from_dataset(source, **options) if is_dataset or is_splits else Corpus.from_frame(source, **options)


def reader_of(source: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Any:
    """The reader that a name, a file or a folder stands for."""
    name, settings = _reader(source, options or {})
    return registry.build(registry.find(registry.READERS, "reader", name), settings, f"reader '{name}'")


def _reader(source: str | os.PathLike[str], options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of a reader and its settings; a path is read by `files`."""
    from cal.data.table_files import ending

    path = Path(source)
    if isinstance(source, str) and source in registry.READERS:
        return source, dict(options)
    if not (path.exists() or ending(path) or len(path.parts) > 1):
        raise UnknownNameError("reader", str(source), registry.READERS, "There is no file or folder of that name.")
    settings = {_SETTINGS.get(name, name): value for name, value in options.items()}
    text = settings.get("text_column")
    if text is not None and not isinstance(text, str):
        settings["text_column"], settings["second_column"] = text
    test = settings.pop("test", None)
    if isinstance(test, str | os.PathLike):
        return "files", {"train": str(path), "test": str(test), **settings}
    return "files", {"path": str(path), **settings, **({} if test is None else {"test_fraction": test})}
