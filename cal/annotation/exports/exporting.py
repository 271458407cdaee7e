"""Exports: the documents of a project in a file of one of the formats of `cal.exchange`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import Engine

from cal.annotation.exports.documents import Wanted, label_set, read_documents
from cal.annotation.store.database import shown_address, storage
from cal.checks import Problems, known_name, refuse
from cal.errors import ConfigError, quantity
from cal.exchange.formats import FORMATS, write_annotated
from cal.exchange.losses import Losses
from cal.exchange.records import AnnotatedDocument
from cal.exchange.spreadsheet import to_spreadsheet
from cal.files import write_whole
from cal.progress import bar

_BESIDE = ("", "-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps for a project."""


@dataclass(frozen=True, repr=False)
class Exported:
    """What was exported.

    Attributes:
        files: the files, the documents first.
        format: name of the format.
        counts: number of documents in each state.
        losses: what the format could not hold.
        notes: sentences about how to use the files.
    """

    files: list[Path]
    format: str
    counts: dict[str, int]
    losses: Losses
    notes: list[str] = field(default_factory=list)

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return sum(self.counts.values())

    def __repr__(self) -> str:
        return f"Exported to {self.files[0]}: {quantity(self.n_documents, 'document')} as {self.format}"

    def __str__(self) -> str:
        states = ", ".join(f"{n:,} {state}" for state, n in self.counts.items() if n)
        first, *others = self.files
        lines = [f"{first}: {quantity(self.n_documents, 'document')}{f' ({states})' if states else ''}."]
        lines += [f"{each}: goes with it." for each in others]
        return "\n".join([*lines, *filter(None, [self.losses.message()]), *self.notes])


def export(
    engine: Engine, format: str | None, output: str | Path | None, wanted: Wanted, losses: str | Path | None = None
) -> Exported:
    """Writes documents of a project to a file, all of them or nothing.

    Args:
        engine: database of the project.
        format: name of the format; None tells it by the ending of the file.
        output: file to write; None names it after the project.
        wanted: which documents.
        losses: table to write of what the format cannot hold; None writes none.
    """
    name = format_of(format, output)
    address = shown_address(engine.url)
    path = output_of(address, name, output)
    refuse(output_problems(address, path, "output", folder=not FORMATS[name].ending))
    if losses is not None:
        refuse(output_problems(address, Path(losses), "losses"))
    counts: Counter[str] = Counter()
    with storage(engine) as connection:
        documents = _counted(read_documents(connection, wanted), counts)
        written = write_annotated(documents, label_set(connection), path, name)
    if losses is not None:
        write_whole(Path(losses), to_spreadsheet(written.losses.to_frame()))
        written.notes.append(f"{losses}: {quantity(len(written.losses), 'value')} that the format cannot hold.")
    return Exported(written.files, name, dict(counts), written.losses, written.notes)


def format_of(format: str | None, output: str | Path | None) -> str:
    """The name of a format, or that which the ending of a file tells; CSV for no file.

    Raises:
        ConfigError: if it is unknown, or cannot be told.

    Example:
        >>> format_of(None, "reviews.jsonl"), format_of("csv", "reviews.txt"), format_of(None, None)
        ('jsonl', 'csv', 'csv')
    """
    if format is not None:
        return known_name("format", format, FORMATS)
    if output is None:
        return "csv"
    endings = [name for name, each in FORMATS.items() if each.ending and str(output).lower().endswith(each.ending)]
    if endings and (Path(output).suffix.lower().lstrip(".") in endings or len(endings) == 1):
        suffix = Path(output).suffix.lower().lstrip(".")
        return suffix if suffix in endings else endings[0]
    if not endings:
        raise ConfigError(f"{output} does not tell a format by its ending. Give format=NAME: {', '.join(FORMATS)}.")
    raise ConfigError(f"{output} may be {' or '.join(endings)}. Say which: format={endings[0]}.")


def output_of(address: str, format: str, output: str | Path | None) -> Path:
    """The file to write; named after the project if none is given."""
    if output is not None:
        return Path(output)
    stem = Path(address.partition("?")[0]).stem
    ending = FORMATS[format].ending
    return Path(f"{stem}{ending}" if ending == f".{format}" else f"{stem}.{format}{ending}")


def output_problems(address: str, path: Path, name: str, *, folder: bool = False) -> Problems:
    """What speaks against writing a file, or the folder of a dataset, there.

    Args:
        address: file or address of the project.
        path: file or folder to write.
        name: name of the parameter, for messages.
        folder: whether it is a folder.
    """
    problems = Problems()
    kept = [] if "://" in address else [Path(f"{address}{ending}") for ending in _BESIDE]
    if any(path.absolute() == each.absolute() or (path.exists() and _same(path, each)) for each in kept):
        problems.append(f"{name}={path} is the project itself. Give another file.")
    elif path.is_dir() and folder:
        if any(path.iterdir()) and not (path / "dataset_info.json").is_file():
            problems.append(f"{name}={path} is a folder with other files. Give a new one.")
    elif path.is_dir():
        problems.append(f"{name}={path} is a folder. Give a file in it, such as {path / 'export.csv'}.")
    elif path.exists() and not path.is_file():
        problems.append(f"{name}={path} is not a file that can be replaced. Give another one.")
    return problems


def _same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)


def _counted(documents: Iterable[AnnotatedDocument], counts: Counter[str]) -> Iterator[AnnotatedDocument]:
    for document in bar(documents, unit=" documents", desc="Exporting", delay=2):
        counts[document.state] += 1
        yield document
