"""Exports for the page: one file to download, whatever the format, and what it would not hold."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path
from shlex import quote

from cal.annotation.exports.exporting import Exported, output_of
from cal.annotation.project import Project
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import Condition, Filter
from cal.annotation.queues.matching import count_matching, matching
from cal.annotation.store.label_table import read_labels
from cal.exchange.formats import FORMATS
from cal.page.models.exports import ExportPreview

MOST_CHECKED = 2000
"""Documents that are written on trial, to see what a format cannot hold."""


def file_name(project: Project, format: str) -> str:
    """The name of the file that is downloaded: that of the project, of plain characters only."""
    path = output_of(project.address, format, None)
    stem, ending = (path.name, "") if not FORMATS[format].ending else (path.stem, path.suffix)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "export"
    return f"{plain[:80]}{ending}"


def write_export(project: Project, format: str, states: list[str] | None, filter: str | None, folder: Path) -> Path:
    """Writes an export into a folder; several files, or a folder of them, become a zip.

    Args:
        project: the project.
        format: name of the format.
        states: states of the documents; None takes all.
        filter: filter of the documents; None takes all.
        folder: an empty folder.

    Returns:
        The one file.
    """
    inner = folder / "files"
    inner.mkdir()
    exported = project.export(format, inner / file_name(project, format), states=states, filter=filter)
    if len(exported.files) == 1 and exported.files[0].is_file():
        return exported.files[0]
    packed = folder / f"{Path(file_name(project, format)).stem}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(each for each in inner.rglob("*") if each.is_file()):
            archive.write(path, path.relative_to(inner))
    shutil.rmtree(inner)
    return packed


def preview_export(
    project: Project, format: str, states: list[str] | None, filter: str | None, folder: Path
) -> ExportPreview:
    """What an export would hold, from writing its first documents on trial.

    Args:
        project: the project.
        format: name of the format.
        states: states of the documents; None takes all.
        filter: filter of the documents; None takes all.
        folder: an empty folder.
    """
    name = file_name(project, format)
    tried: Exported = project.export(format, folder / name, states=states, filter=filter, n=MOST_CHECKED)
    n, losses = tried.n_documents, tried.losses.message().removeprefix(f"{tried.losses.source}: ")
    several = len(tried.files) > 1 or tried.files[0].is_dir()
    words = ["cal", "annotate", "export", quote(project.address), f"format={format}", f"output={quote(name)}"]
    words += [] if states is None else [quote(f"states=[{','.join(states)}]")]
    words += [] if filter is None else [quote(_setting("filter", filter))]
    return ExportPreview(
        name=f"{Path(name).stem}.zip" if several else name,
        n_documents=n if n < MOST_CHECKED else _count(project, states, filter),
        n_checked=n,
        losses=losses,
        notes=[each.replace(f"{folder}/", "") for each in tried.notes],
        command=" ".join(words),
    )


def _count(project: Project, states: list[str] | None, filter: str | None) -> int:
    chosen = Filter.of(filter or "").conditions
    chosen += () if states is None else (Condition("state", "=", tuple(states)),)
    with project.reading() as connection:
        clauses = matching(connection, Filter(chosen), Basis.of(connection), read_labels(connection))
        return count_matching(connection, clauses)


def _setting(name: str, value: str) -> str:
    """A setting whose value is text, whatever it holds, as the command line reads it."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"{name}='{escaped}'"
