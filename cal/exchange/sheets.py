"""CSV and TSV for people: a row per document, which a spreadsheet can open, edit and save.

Cells show the document, its best suggestion and its last answer; what they cannot say is in the last column, `cal`.
Cells that a spreadsheet would run as a formula are escaped, and read back as they were.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, TypeVar

from cal.exchange.answers import answer_id, known_action, number_of, time_of, with_answers
from cal.exchange.carried import ID, REST, rest_of, restored, storable, to_json
from cal.exchange.delimited import delimited_rows
from cal.exchange.losses import Losses
from cal.exchange.plain_rows import PlainRows
from cal.exchange.records import ACTIONS, RELABEL, STATES, AnnotatedDocument, Answer, LabelSet, Suggested
from cal.exchange.spreadsheet import escaped, unescaped
from cal.exchange.transfer import Reading, Written, clean, leading
from cal.files import write_whole

T = TypeVar("T")
_DOCUMENT = ("id", "text", "given", "label", "state", "split")
_SUGGESTION = ("suggestion", "suggestion_score", "suggestion_source")
_ANSWER = ("action", "reviewer", "comment", "seconds", "time")
OWN = (*_DOCUMENT, *_SUGGESTION, *_ANSWER)
"""Columns of every sheet that we write, before those of the corpus and `cal`."""

_EXCEL_CELL = 32_767  # characters that a cell of Excel holds


def write_csv(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes documents as CSV in UTF-8 with a byte order mark, for a spreadsheet."""
    return _write(documents, path, ",")


def write_tsv(documents: Iterable[AnnotatedDocument], labels: LabelSet, path: Path) -> Written:
    """Writes documents as tab-separated values in UTF-8 with a byte order mark, for a spreadsheet."""
    return _write(documents, path, "\t")


def read_sheet(path: Path) -> Reading:
    """The documents in a CSV or TSV file: one that we wrote, perhaps edited since, or any other with a column `text`.

    Raises:
        DataError: if it cannot be read, or has no column `text`.
    """
    losses = Losses(str(path))
    return Reading(_documents(path, losses), losses)


def _write(documents: Iterable[AnnotatedDocument], path: Path, separator: str) -> Written:
    losses, long = Losses(str(path)), 0
    first, every = leading(documents)
    names = dict.fromkeys(
        name for document in first for name in document.columns if storable(name) == name and name.strip() == name
    )
    extra = [name for name in names if name and name not in (*OWN, ID, REST)]

    def write(file: IO[bytes]) -> None:
        nonlocal long
        text = io.TextIOWrapper(file, "utf-8-sig", newline="", write_through=True)
        rows = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
        rows.writerow([*OWN, *map(escaped, extra), REST])
        for document in clean(every, losses):
            cells = [escaped(storable(cell)) for cell in _cells(document, extra)]
            long += any(len(cell) > _EXCEL_CELL for cell in cells)
            rows.writerow(cells)
        text.detach()

    write_whole(path, write)
    notes = []
    if long:
        notes.append(
            f"{long:,} rows have a cell of more than {_EXCEL_CELL:,} characters, which Excel cuts when it saves. Edit "
            "the file in LibreOffice, or export another format."
        )
    return Written([path], losses, notes)


def _cells(document: AnnotatedDocument, extra: list[str]) -> list[str]:
    said = [name for name in ("given", "label", "split") if _is_said(getattr(document, name))]
    hidden = {
        name: value for name, value in document.columns.items() if not value or name not in extra or not _is_said(value)
    }
    return [
        *(document.id, document.text, document.given or "", document.label or "", document.state),
        *(document.split or "", *_shown_of(document).values()),
        *(_cell(document.columns.get(name)) for name in extra),
        rest_of(document, [*said, "state"], hidden),
    ]


def _is_said(value: Any) -> bool:
    """Whether a cell says exactly this."""
    return value is None or (isinstance(value, str) and value != "" and storable(value) == value)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else to_json(value).decode()


def _shown_of(document: AnnotatedDocument) -> dict[str, str]:
    """The cells about the best suggestion and the last answer."""
    cells = dict.fromkeys((*_SUGGESTION, *_ANSWER), "")
    if document.suggestions:
        best = document.suggestions[0]
        cells |= dict(zip(_SUGGESTION, (best.label, _cell(best.score), best.source), strict=True))
    if document.answers:
        last = document.answers[-1]
        cells |= {"action": last.action, "reviewer": last.reviewer, "comment": last.comment}
        cells |= {"seconds": _cell(last.seconds), "time": last.time.isoformat() if last.time else ""}
    return cells


def _documents(path: Path, losses: Losses) -> Iterator[AnnotatedDocument]:
    others = PlainRows(str(path), losses)
    for number, row in enumerate(delimited_rows(path, "\t" if ".tsv" in path.name.lower() else ","), start=1):
        if not is_ours(row):
            yield others.document(row, number)
            continue
        cells = {unescaped(name): unescaped(cell) for name, cell in row.items()}
        yield _document(cells, losses)


def is_ours(header: Iterable[str]) -> bool:
    """Whether these are the columns of a sheet that we wrote."""
    return {"id", "text", "given", "label", "state", _SUGGESTION[-1]} <= set(header)


def _document(cells: Mapping[str, str], losses: Losses) -> AnnotatedDocument:
    shown: dict[str, Any] = {name: cells[name] or None for name in ("given", "label", "split") if name in cells}
    shown["columns"] = {name: cell for name, cell in cells.items() if cell and name not in (*OWN, ID, REST)}
    state = cells["state"].strip()
    if state in STATES:
        shown["state"] = state
    elif state:
        losses.add(cells["id"], "state", state, "is not a state; the answers decide it")
    rest = cells.get(REST, "")
    document = restored(cells["id"], cells["text"], rest, shown)
    if document is None:
        losses.add(cells["id"], REST, rest, "was changed, so only the other cells are read")
        document = restored(cells["id"], cells["text"], "", shown)
        assert document is not None
    if not rest:
        document = _from_cells(document, cells, losses)
    return _edited(document, cells, losses)


def _from_cells(document: AnnotatedDocument, cells: Mapping[str, str], losses: Losses) -> AnnotatedDocument:
    """The document with the suggestion that its cells show, of a sheet that lost its column `cal`."""
    if not (label := cells.get("suggestion")) or document.suggestions:
        return document
    score = _parsed(number_of, cells, "suggestion_score", document.id, losses)
    return replace(document, suggestions=(Suggested(label, score, cells.get("suggestion_source", "")),))


def _edited(document: AnnotatedDocument, cells: Mapping[str, str], losses: Losses) -> AnnotatedDocument:
    """The document with the answer that somebody wrote into its cells, if they are not those that we wrote."""
    before = {name: storable(cell) for name, cell in _shown_of(document).items()}
    asked = {name: cells.get(name, "") for name in ("action", "reviewer", "comment")}
    if not asked["action"].strip() or all(cell == before[name] for name, cell in asked.items()):
        return document
    asked["reviewer"] = asked["reviewer"].strip()
    action = known_action(asked["action"])
    if action is None:
        losses.add(document.id, "action", asked["action"], f"is none of {', '.join(ACTIONS)}")
        return document
    label = cells["label"] or None
    if action == RELABEL and label is None:
        losses.add(document.id, "action", action, "has no label")
        return document
    known = {storable(each) for each in (document.given, *(each.label for each in document.answers)) if each}
    if action != RELABEL and label is not None and label not in known:
        losses.add(document.id, "action", action, f"leaves the label as it is, but the column label says {label!r}")
        return document
    new = {name for name in ("time", "seconds") if cells.get(name) != before[name]}  # others are of the last answer
    time = _parsed(time_of, cells, "time", document.id, losses) if "time" in new else None
    seconds = _parsed(number_of, cells, "seconds", document.id, losses) if "seconds" in new else None
    label = label if action == RELABEL else None
    answer = Answer(
        answer_id("sheet", document.id, asked["reviewer"], time, action, label, asked["comment"]),
        *(asked["reviewer"], action, label, asked["comment"], seconds, time),
    )
    return with_answers(document, [answer])


def _parsed(parse: Callable[[Any], T], cells: Mapping[str, str], name: str, document: str, losses: Losses) -> T | None:
    try:
        return parse(cells.get(name))
    except ValueError:
        losses.add(document, name, cells[name], "cannot be read")
        return None
