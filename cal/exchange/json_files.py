"""JSON files: the objects in a list, one per line or one after the other, read and written without holding them all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TextIO

from cal.errors import DataError
from cal.exchange.carried import from_json, to_json
from cal.files import write_whole
from cal.text_files import open_text

_CHUNK = 1 << 20
_WRAPPERS = ("data", "rows", "records", "examples", "items", "documents", "tasks")
_decoder = json.JSONDecoder()


def read_objects(path: Path, encoding: str | None = None, option: str = "") -> Iterator[dict[str, Any]]:
    r"""The objects of a JSON file: a list of them, `{"data": [...]}`, one per line, or simply one after the other.

    Args:
        path: file to read; it may be packed by gzip.
        encoding: encoding of the file; None finds out.
        option: what comes before `encoding=NAME` in messages.

    Raises:
        DataError: if it is no JSON, or holds something other than objects; naming the line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.json"
        >>> _ = path.write_text('[{"text": "Who?"},\n {"text": "How far?"}]')
        >>> list(read_objects(path))
        [{'text': 'Who?'}, {'text': 'How far?'}]
    """
    with open_text(path, encoding, option) as file:
        number = 0
        for number, (line, value) in enumerate(_values(file, path), start=1):
            if not isinstance(value, dict):
                kind = {"str": "text", "int": "a number", "float": "a number", "list": "a list"}
                what = kind.get(type(value).__name__, json.dumps(value))
                raise DataError(
                    f"{path}, line {line}: item {number} is {what}, not an object. Write a list of objects, or one "
                    'per line, such as {"text": "Who?", "label": "HUM"}.'
                )
            inner = next(iter(value.values())) if len(value) == 1 and next(iter(value)) in _WRAPPERS else None
            if number == 1 and isinstance(inner, list) and all(isinstance(each, dict) for each in inner):
                yield from inner
            else:
                yield value


def _values(file: TextIO, path: Path) -> Iterator[tuple[int, Any]]:
    """Each value with the line on which it begins."""
    buffer, at, line, size, ended = file.read(_CHUNK), 0, 1, _CHUNK, False
    newline = buffer.find("\n")  # the next one, -1 if there is none
    opened = buffer.lstrip()[:1] == "["
    if opened:
        at = buffer.index("[") + 1
        line += buffer.count("\n", 0, at)
    while True:
        start = at
        while at < len(buffer) and buffer[at] in " \t\r\n,":
            at += 1
        line += buffer.count("\n", start, at)
        if at < len(buffer) and not (opened and buffer[at] == "]"):
            newline = buffer.find("\n", at) if 0 <= newline < at else newline
            try:
                if newline > 0 and buffer[at] == "{":  # a line of its own, as most tools write
                    value, stop = _of_line(buffer, at, newline)
                else:
                    value, stop = _decoder.raw_decode(buffer, at)
                if stop < len(buffer) or ended:
                    yield line, value
                    line += buffer.count("\n", at, stop)
                    at, size = stop, _CHUNK
                    continue
            except json.JSONDecodeError as error:
                if ended:
                    there = line + (buffer.count("\n", at, error.pos) if opened else 0)
                    raise DataError(
                        f"{path}, line {there} is not JSON: {error.msg}. Write a list of objects or one object per "
                        "line, and check that the file is whole."
                    ) from error
            except RecursionError as error:
                raise DataError(f"{path}, line {line}: JSON is nested too deeply. Repair the file.") from error
        elif ended or at < len(buffer):
            if opened and at >= len(buffer):
                raise DataError(f"{path}, line {line} is not JSON: its list has no end. Check that the file is whole.")
            if opened and buffer[at + 1 :].strip() + file.read(_CHUNK).strip():
                raise DataError(f"{path}, line {line}: something follows the list. Write one list, or no brackets.")
            return
        more = file.read(size)
        buffer, at, size, ended = buffer[at:] + more, 0, size * 2, not more
        newline = buffer.find("\n")


def _of_line(buffer: str, at: int, end: int) -> tuple[Any, int]:
    """The object on the rest of a line and where it ends; on several lines if the line does not hold all of it."""
    text = buffer[at:end].rstrip(" \t\r")
    stop = at + len(text) - (1 if text.endswith(",") else 0)
    if buffer[stop - 1] == "}":
        try:
            return from_json(buffer[at:stop]), stop
        except ValueError:
            pass
    return _decoder.raw_decode(buffer, at)


def first_character(path: Path) -> str:
    """The first character of a text file that is no blank; empty if there is none."""
    with open_text(path, errors="replace") as file:  # which encoding it is in does not matter
        return file.read(_CHUNK).lstrip()[:1]


def write_list(path: Path, objects: Iterable[Any]) -> None:
    """Writes a JSON list, one object per line."""

    def write(file: IO[bytes]) -> None:
        before = b"[\n"
        for each in objects:
            file.write(before + to_json(each))
            before = b",\n"
        file.write(b"[]\n" if before == b"[\n" else b"\n]\n")

    write_whole(path, write)


def write_lines(path: Path, objects: Iterable[Any]) -> None:
    """Writes one JSON object per line."""

    def write(file: IO[bytes]) -> None:
        for each in objects:
            file.write(to_json(each) + b"\n")

    write_whole(path, write)
