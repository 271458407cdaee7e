"""Extra test sets: where to find them, which columns they have, and how their labels relate to train's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cal.data import hub_connection
from cal.data.annotated import read_labelled
from cal.data.columns import Columns, read_documents
from cal.data.documents import ExtraTestDocuments
from cal.data.glue_tsv import read_glue_tsv, task_problems
from cal.data.tables import Wording
from cal.errors import nearest_name
from cal.exchange.delimited import separator_problems
from cal.text_files import encoding_problems

_TAKEN = ("train", "test", "dev")
COLUMN_SETTINGS = tuple(setting.name for setting in dataclasses.fields(Columns))


@dataclass(frozen=True, kw_only=True)
class ExtraTest(Columns):
    """An extra test set: a local file, or a split of a dataset on the Hugging Face hub.

    Args:
        path: local file.
        hub_id: owner and name of the dataset on the hub, instead of `path`.
        config: configuration of the dataset, if it has several.
        revision: branch, tag or commit; null takes the newest.
        split: split of the dataset.
        encoding: encoding of the file, as in `LocalFiles`.
        separator: character between the columns of the file, as in `LocalFiles`.
        task: snli, mnli, qnli, winogrande or wsc, if `path` is a GLUE-style file of that task; its columns are then
            known. For wsc on the hub, rows become choices.
        labels: the set's own label for labels of train; labels that are not listed stay the same. Gold labels of the
            set are names of its own labels, or positions among them in the order of train's labels.
    """

    path: str | None = None
    hub_id: str | None = None
    config: str | None = None
    revision: str | None = None
    split: str = "test"
    encoding: str | None = None
    separator: str | None = None
    task: str | None = None
    labels: dict[str, str] = field(default_factory=dict)

    def read(self, name: str) -> ExtraTestDocuments:
        """The documents of the set, with its name before their ids.

        Raises:
            DataError: if they cannot be loaded, or not be used as given.
        """
        if self.path is not None:
            file, wording = Path(self.path), Wording(where=f"dataset.tests.{name}")
            if self.task:
                given = read_glue_tsv(file, self.task)
            else:
                table = read_labelled(file, self.encoding, self.separator, f"{wording.where}.")
                given = replace(table, wording=wording), self
            documents = read_documents(*given)
        else:
            hub_id, where = str(self.hub_id), f"dataset.tests.{name}"
            way_out = f"Copy the file to this machine and set {where}.path, or leave the set out: ~{where}."
            loaded = hub_connection.load(hub_id, self.config, self.revision, way_out)
            documents = hub_connection.documents_of(loaded, hub_id, self.split, f"{where}.split", self, self.task)
        labels = {str(label): str(own) for label, own in self.labels.items()}
        return ExtraTestDocuments(documents.of_split(name), labels)


def extra_tests(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, ExtraTest]:
    """The extra test sets that a configuration describes.

    Args:
        given: settings of each set by name, in which `extra_test_problems` finds nothing.
        defaults: column settings for sets that leave them out.

    Example:
        >>> extra_tests({"hans": {"path": "hans.tsv"}}, {"text_column": "premise"})["hans"].text_column
        'premise'
    """
    return {name: ExtraTest(**{**defaults, **settings}) for name, settings in given.items()}


def extra_test_problems(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """One sentence per setting of extra test sets that is unknown or makes no sense.

    Example:
        >>> extra_test_problems({"hans": {"path": "hans.tsv", "lables": {}}}, {})[0][:78]
        "Unknown key 'dataset.tests.hans.lables'. Did you mean 'dataset.tests.hans.labe"
    """
    problems: list[str] = []
    for name, settings in given.items():
        where = f"dataset.tests.{name}"
        if name in _TAKEN:
            problems.append(f"{where}: an extra test set cannot have the name of a split. Give it another name.")
        elif not isinstance(settings, Mapping):
            problems.append(f"{where} must be settings such as {{path: FILE}}, not {settings!r}.")
        elif faults := [*_faults(settings, where)]:
            problems += faults
        else:
            made = ExtraTest(**{**defaults, **settings})
            problems += made.column_problems(where) + task_problems(made.task, where)
            problems += encoding_problems(made.encoding, f"{where}.encoding")
            problems += separator_problems(made.separator, f"{where}.separator")
    return problems


def _faults(settings: Mapping[str, Any], where: str) -> Iterator[str]:
    known = [setting.name for setting in dataclasses.fields(ExtraTest)]
    kinds = {"labels": (Mapping, "a mapping"), "choice_columns": (list, "a list")}
    for key, value in settings.items():
        kind, described = kinds.get(key, (str, "text"))
        if key not in known:
            nearest = nearest_name(str(key), known)
            suggestion = f" Did you mean '{where}.{nearest}'?" if nearest else ""
            yield f"Unknown key '{where}.{key}'.{suggestion} Known: {', '.join(known)}."
        elif value is not None and not isinstance(value, kind):
            yield f"{where}.{key} must be {described}, not {value!r}."
    if (settings.get("path") is None) == (settings.get("hub_id") is None):
        yield f"Give either {where}.path, a local file, or {where}.hub_id, a dataset on the Hugging Face hub."
