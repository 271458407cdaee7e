"""Pretrained: an encoder from the Hugging Face hub or a folder, found once and then read from disk."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from cal.data.hub_connection import reachable
from cal.errors import ModelError, missing_package

_PACKAGE = "pkg://"
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]  # of a snapshot; weights in other formats only if needed
_WEIGHTS = ("*.safetensors", "*.bin")


@dataclass(frozen=True)
class Pretrained:
    """A pretrained encoder with its tokenizer, in a folder.

    Args:
        name: name that the user gave, for messages.
        folder: folder with `config.json`, weights and the files of the tokenizer.
    """

    name: str
    folder: Path

    @classmethod
    def find(cls, name: str, revision: str | None = None, setting: str = "model") -> Pretrained:
        """The model with a name.

        Args:
            name: name on the Hugging Face hub, such as `FacebookAI/roberta-base`; a folder; or `pkg://PACKAGE/FOLDER`,
                a folder in an installed Python package.
            revision: branch, tag or commit on the hub; None takes the newest.
            setting: parameter that names the model, for messages.

        Raises:
            ModelError: if there is no such model, or the hub cannot be reached and its cache lacks the model.
        """
        if name.startswith(_PACKAGE):
            folder = _package_folder(name)
        elif Path(name).expanduser().is_dir():
            folder = Path(name).expanduser().resolve()
        elif name.count("/") > 1 or name.startswith((".", "~", "/")):
            raise ModelError(f"There is no folder {name} with a model. Check the path; it is relative to {Path.cwd()}.")
        else:
            folder = _snapshot(name, revision, setting)
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"{folder} holds no model: it has no config.json. Give a folder that `save_pretrained` wrote, or a "
                "name on the Hugging Face hub."
            )
        return cls(name, folder)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the configuration and the weights."""
        return self._digest("config.json", *_WEIGHTS)

    @cached_property
    def whole_fingerprint(self) -> str:
        """A hash of every file that the model or its tokenizer may be read from, without reading either of them."""
        return self._digest(*_WEIGHTS, "*.json", "*.txt", "*.model", "*.vocab", "*.codes", "*.tiktoken")

    def _digest(self, *patterns: str) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for path in sorted(self.folder.glob("*")):
            if path.is_file() and any(path.match(pattern) for pattern in patterns):
                with path.open("rb") as file:
                    digest.update(path.name.encode() + hashlib.file_digest(file, "blake2b").digest())
        return digest.hexdigest()

    def config(self) -> Any:
        """The configuration of the model.

        Raises:
            ModelError: if it cannot be read, or the model has a decoder behind its encoder.
        """
        auto = _transformers().AutoConfig
        config = self._read("configuration", lambda: auto.from_pretrained(self.folder, local_files_only=True))
        if getattr(config, "is_encoder_decoder", False):
            raise ModelError(f"{self.name} is an encoder with a decoder, such as T5. {ADVICE}")
        return config

    def tokenizer(self) -> Any:
        """The tokenizer of the model.

        Raises:
            ModelError: if it cannot be read, or has no words or no padding token.
        """
        auto = _transformers().AutoTokenizer
        tokenizer = self._read("tokenizer", lambda: auto.from_pretrained(self.folder, local_files_only=True))
        if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
            raise ModelError(
                f"The tokenizer of {self.name} has no words: its files are not in {self.folder}. Save it there, with "
                "tokenizer.save_pretrained."
            )
        if tokenizer.pad_token_id is None:
            raise ModelError(
                f"The tokenizer of {self.name} has no padding token, so texts of different length cannot share a "
                "batch. Choose an encoder such as FacebookAI/roberta-base, or set tokenizer.pad_token and "
                "model.config.pad_token_id and save both to a folder of your own."
            )
        return tokenizer

    def max_length(self, config: Any, tokenizer: Any) -> int:
        """The largest number of tokens that the model can read in one sequence, special ones included."""
        positions = getattr(config, "max_position_embeddings", None) or -1
        positions = positions if positions > 0 else 10**9  # XLNet says -1
        if config.model_type in _COUNTS_FROM_PAD:
            positions -= tokenizer.pad_token_id + 1
        return int(min(positions, tokenizer.model_max_length))

    def load(self, auto: str, **options: Any) -> tuple[Any, dict[str, Any]]:
        """A model of an `AutoModel` class in float32, and the weights that are missing or misfit on disk.

        Args:
            auto: name of the class.
            options: options of its `from_pretrained`.

        Raises:
            ModelError: if the class has no model of this architecture, or the weights cannot be read.
        """
        kind = getattr(_transformers(), auto)
        with torch.random.fork_rng():  # new weights use the global generator here, and are drawn again later
            model, info = self._read(
                "weights",
                lambda: kind.from_pretrained(
                    self.folder,
                    local_files_only=True,
                    dtype=torch.float32,
                    output_loading_info=True,
                    ignore_mismatched_sizes=True,
                    **options,
                ),
            )
        return model, info

    def _read(self, what: str, read: Any) -> Any:
        try:
            with _quiet():
                return read()
        except Exception as error:  # whatever transformers, safetensors and the files raise
            reason = " ".join(str(error).split()).rstrip(".")
            way_out = ADVICE if isinstance(error, ValueError | KeyError) else "Download or save the model again."
            raise ModelError(f"The {what} of {self.name} cannot be used: {reason[:400]}. {way_out}") from error


ADVICE = "Choose an encoder with a sequence classifier in transformers, such as BERT, RoBERTa, DeBERTa or ModernBERT."
_COUNTS_FROM_PAD = {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "mpnet", "longformer"}


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ModelError(missing_package("A pretrained encoder", "transformers", extra="transformers")) from error
    return transformers


def transformers_version() -> str:
    """The version of transformers, found without the seconds that importing it takes.

    Raises:
        ModelError: if it is not installed.
    """
    try:
        return version("transformers")
    except PackageNotFoundError as error:
        raise ModelError(missing_package("A pretrained encoder", "transformers", extra="transformers")) from error


def _package_folder(name: str) -> Path:
    package, _, inner = name.removeprefix(_PACKAGE).partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    places = [Path(place) / inner for place in (spec.submodule_search_locations or [])] if spec else []
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise ModelError(f"{name}: no package '{package}' with a folder '{inner}' is installed here. Install it.")
    return folder


def _snapshot(name: str, revision: str | None, setting: str) -> Path:
    """The folder in the cache of the hub's client, downloaded if needed."""
    from huggingface_hub import snapshot_download

    online = reachable()
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_FILES, local_files_only=not online))
        if not any(folder.glob("*.safetensors")):
            patterns = [*_FILES, "pytorch_model*.bin"]
            folder = Path(
                snapshot_download(name, revision=revision, allow_patterns=patterns, local_files_only=not online)
            )
    except Exception as error:  # a missing model, an invalid name, the network: whatever the hub's client raises
        what = " ".join(str(error).split()).rstrip(".") if online else "it cannot be reached, and its cache lacks it"
        others = ", or features=minilm, which needs no network" if setting.startswith("features") else ""
        raise ModelError(
            f"The model '{name}' is not a folder, and cannot be loaded from the Hugging Face hub: {what}. Check the "
            f"name, or give the folder of a model: {setting}=FOLDER{others}."
        ) from error
    return folder


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers from reporting weights that are new on purpose, and from drawing progress bars."""
    logging = _transformers().utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(50)  # above errors
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
