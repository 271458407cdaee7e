"""Text files: plain or packed by gzip, in UTF-8, UTF-16 or an encoding that the user names."""

from __future__ import annotations

import codecs
import gzip
import io
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO, cast

from cal.errors import DataError

logger = logging.getLogger(__name__)
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is how it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_ORDERED = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""The encoding of what follows each mark."""
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_SAMPLE = 65_536  # bytes that are looked at to find the encoding


@contextmanager
def open_text(path: Path, encoding: str | None = None, option: str = "", *, errors: str = "strict") -> Iterator[TextIO]:
    r"""Opens a text file with its line ends as they are; gzip is recognised by its content.

    Args:
        path: file to read.
        encoding: encoding of the file; None takes what its byte order mark says, or else UTF-8. A mark always wins.
        option: what comes before `encoding=NAME` in messages, such as `dataset.`; empty if there is no such setting.
        errors: what to do with bytes that the encoding lacks, as for `open`.

    Raises:
        DataError: if the file is missing, packed in another way or damaged, or has bytes that its encoding lacks;
            naming the line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_bytes("\ufefftext\nWho?\n".encode("utf-16-le"))
        >>> with open_text(path) as lines:
        ...     lines.read()
        'text\nWho?\n'
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file. Give a file in it.")
    if not path.is_file():
        raise DataError(f"There is no file {path}. Check the path; it is relative to {Path.cwd()}.")
    try:
        with _opened(path) as content:
            sample = content.read(_SAMPLE)
        if sample.startswith(_ZIP):
            raise DataError(
                f"{path} is a ZIP archive or an Excel workbook, not text. Unpack it, or save the sheet as CSV UTF-8."
            )
        named = _encoding(sample, encoding)
        if encoding is not None and named == encoding and _is_utf8_too(sample, encoding):
            logger.warning("%s is read as %s, as asked, but it is valid UTF-8 too.", path, encoding)
        with _opened(path) as content, io.TextIOWrapper(content, named, errors, newline="") as text:
            yield text
    except UnicodeError as error:
        raise _undecodable(path, named, encoding, option, error) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} cannot be unpacked: {error}. Copy or pack it again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. Check its permissions.") from error


def spreadsheet_encoding(path: Path) -> str | None:
    r"""The encoding of a table that a spreadsheet saved: cp1252 if it is no Unicode, as what Excel calls CSV.

    Returns:
        None for Unicode, and what `open_text` finds out by itself.

    Raises:
        DataError: if it is neither.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_bytes("text\nCaf\xe9?\n".encode("cp1252"))
        >>> spreadsheet_encoding(path)
        'cp1252'
    """
    try:
        return _readable(path, None)
    except DataError as error:
        if not isinstance(error.__cause__, UnicodeError):
            raise
        try:
            return _readable(path, "cp1252")
        except DataError:
            raise error from error.__cause__


def _readable(path: Path, encoding: str | None) -> str | None:
    with open_text(path, encoding) as file:
        while file.read(1 << 20):
            pass
    return encoding


@contextmanager
def utf8_lines(path: Path) -> Iterator[IO[bytes]]:
    r"""Opens a text file as bytes in UTF-8, whatever Unicode it is in, for readers that are faster on bytes.

    Raises:
        OSError: if it cannot be read, or is named .gz and is no text either.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.jsonl"
        >>> _ = path.write_bytes('{"guid":1}\n'.encode("utf-16"))
        >>> with utf8_lines(path) as lines:
        ...     lines.readlines()
        [b'{"guid":1}\n']
    """
    with _opened(path) as content:
        sample = content.read(_SAMPLE)
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
    if path.suffix == ".gz" and not is_packed and not sample.lstrip().startswith(b"{"):
        raise OSError("it is not packed by gzip")
    encoding = _encoding(sample, None)
    with _opened(path) as content:
        yield content if encoding == "utf-8" else cast(IO[bytes], codecs.EncodedFile(content, "utf-8", encoding))


@dataclass(frozen=True)
class WholeText:
    r"""All of a text file, and how to write another text in the same way.

    Attributes:
        text: its characters, with line ends as they are.
        mark: its byte order mark, or nothing.
        encoding: encoding of what follows the mark.
        packed: whether it is packed by gzip.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_bytes("\ufefftext\r\n".encode("utf-16-be"))
        >>> whole = WholeText.read(path)
        >>> whole.text, whole.written("text\r\n") == path.read_bytes()
        ('text\r\n', True)
    """

    text: str
    mark: bytes
    encoding: str
    packed: bool

    @classmethod
    def read(cls, path: Path, encoding: str | None = None) -> WholeText:
        """Reads a file that `open_text` can read.

        Raises:
            DataError: if its encoding has several ways to write a character, and the file uses another than Python.
        """
        data = path.read_bytes()
        packed = data.startswith(_GZIP)
        data = gzip.decompress(data) if packed else data
        mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
        named = _ORDERED[mark] if mark else _encoding(data[:_SAMPLE], encoding)
        whole = cls(data[len(mark) :].decode(named), mark, named, packed)
        if whole.mark + whole.text.encode(named) != data:
            raise DataError(f"{path} cannot be written again as it is in {named.upper()}. Save it as UTF-8.")
        return whole

    def written(self, text: str) -> bytes:
        """The bytes of a file with another text.

        Raises:
            UnicodeEncodeError: if the encoding lacks a character.
        """
        data = self.mark + text.encode(self.encoding)
        return gzip.compress(data, mtime=0) if self.packed else data


def encoding_problems(encoding: object, name: str = "encoding") -> list[str]:
    """A sentence if this is not an encoding of text.

    Example:
        >>> encoding_problems("latin1"), encoding_problems("utf9")
        ([], ["encoding must be the name of an encoding, such as cp1252, latin-1 or utf-16, not 'utf9'."])
    """
    try:
        if encoding is None or "a".encode(cast(str, encoding)):
            return []
    except (LookupError, TypeError, ValueError):
        pass
    return [f"{name} must be the name of an encoding, such as cp1252, latin-1 or utf-16, not {encoding!r}."]


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
    return cast(IO[bytes], gzip.open(path)) if is_packed else path.open("rb")


def _encoding(sample: bytes, given: str | None) -> str:
    """The encoding that a byte order mark names, the given one, or UTF-16 without a mark if every other byte is 0."""
    for mark, name in _MARKS.items():
        if sample.startswith(mark):
            return name
    if given is not None:
        return given
    even, odd = sample[0:2000:2], sample[1:2000:2]
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if len(zeros) > 3 and zeros.count(0) > 0.5 * len(zeros) and others.count(0) < 0.1 * len(others):
            return name
    return "utf-8"


def _is_utf8_too(sample: bytes, encoding: str) -> bool:
    if sample.isascii() or codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return True


def _undecodable(path: Path, named: str, given: str | None, option: str, error: UnicodeError) -> DataError:
    with _opened(path) as content:
        data = content.read()
    place = f"{path}"
    try:
        data.decode(named)
    except UnicodeDecodeError as first:
        line = data[: first.start].decode(named, "ignore").count("\n") + 1
        place, what = f"{path}, line {line}", f"byte 0x{data[first.start]:02X} is not {named.upper()}"
    except UnicodeError:
        what = str(error)
    else:
        what = str(error)
    if not option:
        return DataError(f"{place}: {what}. Save the file as UTF-8.")
    likely = next((name for name in ("cp1252", "latin-1") if name != given and _fits(data, name)), "latin-1")
    python = f"encoding={likely!r}"
    return DataError(
        f"{place}: {what}. Name the encoding in which it was saved, such as {option}encoding={likely} for most files "
        f"of Windows in Western languages ({python} in Python), or save it again as UTF-8."
    )


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
