"""A project's database: from a file or an address to an engine whose schema is up to date."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError as BadAddress
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from cal.annotation.store.migrations import VERSION_TABLE, earliest, is_known, latest, upgrade
from cal.annotation.store.schema import METADATA
from cal.errors import ConfigError, DataError, StorageError, missing_package
from cal.files import storage_errors

OURS = 0x63616C31
"""`application_id` of our SQLite files: the letters cal1."""

_BUSY_SECONDS = 30.0
_WRITES = "cal_writes"


def connect(project: str | Path, *, create: bool = False) -> Engine:
    """An engine for a project, upgraded to the present schema; an earlier SQLite file is copied first.

    Args:
        project: a SQLite file, or the address of a database such as `postgresql://user@host/name`.
        create: whether to make a new project if there is none.

    Raises:
        ConfigError: if the address cannot be used.
        DataError: if there is no project, or it is not one of ours, or a newer version of cal has written it.
        StorageError: if the database refuses, as a full disk or a locked file does.
    """
    url = address(project)
    path = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    if path is not None:
        _check_file(path, create)
    engine = _engine(url)
    try:
        with storage(engine, writes=create) as connection:
            revision = _revision(connection, shown_address(url), create)
        if revision == latest():
            return engine
        if not is_known(revision):
            raise DataError(
                f"{shown_address(url)} was written by a newer version of cal (schema {revision}; this one knows "
                f"{earliest()} to {latest()}). Upgrade: pip install --upgrade cartography-active-learning"
            )
        if path is not None and revision is not None:
            _back_up(path, revision)
        with storage(engine, writes=True) as connection:
            upgrade(connection)
            if path is not None:
                connection.exec_driver_sql(f"PRAGMA application_id = {OURS}")
    except BaseException:
        engine.dispose()
        raise
    return engine


def exists(project: str | Path) -> bool:
    """Whether there is a database with anything in it.

    Raises:
        CalError: if the address cannot be used.
    """
    url = address(project)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        return path.exists() and (path.is_dir() or path.stat().st_size > 0)
    engine = _engine(url)
    try:
        with storage(engine) as connection:
            return bool(sa.inspect(connection).get_table_names())
    finally:
        engine.dispose()


def remove(project: str | Path) -> None:
    """Removes a project that nobody has used yet."""
    url = address(project)
    if url.get_backend_name() == "sqlite":
        for ending in ("", "-wal", "-shm"):
            Path(f"{url.database}{ending}").unlink(missing_ok=True)
        return
    engine = _engine(url)
    try:
        with storage(engine, writes=True) as connection:
            METADATA.drop_all(connection)
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {VERSION_TABLE}")
    finally:
        engine.dispose()


def address(project: str | Path) -> URL:
    """The address of a project; a path is a SQLite file."""
    given = str(project)
    if not re.match(r"[a-zA-Z][\w+]*://", given):
        return URL.create("sqlite", database=given)
    try:
        url = sa.make_url(given)
    except (BadAddress, ValueError) as error:
        raise ConfigError(f"{given!r} is not the address of a database. Give a file, or postgresql://HOST/NAME.") from (
            error
        )
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError(f"{given!r} names no file, and nothing would be kept. Give a file such as reviews.db.")
    if kind not in ("sqlite", "postgresql", "postgres"):
        raise ConfigError(f"{kind} databases are not supported. Give a file, or postgresql://HOST/NAME.")
    return url if kind == "sqlite" else url.set(drivername="postgresql+psycopg")


def shown_address(url: URL) -> str:
    """An address for messages, without its password."""
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def as_word(connection: Connection) -> str:
    """The project as a word of a command that people copy, without its password."""
    return quote(shown_address(connection.engine.url))


@contextmanager
def storage(engine: Engine, *, writes: bool = False) -> Iterator[Connection]:
    """A transaction; what the database refuses becomes an error of ours, and nothing of it is kept."""
    with connection_of(engine) as connection, transaction(connection, writes=writes):
        yield connection


@contextmanager
def connection_of(engine: Engine) -> Iterator[Connection]:
    """A connection for several transactions; what the database refuses becomes an error of ours."""
    name = shown_address(engine.url)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise StorageError(_explained(error, name)) from error
    except sqlite3.Error as error:  # raised by PRAGMA and while closing
        raise StorageError(f"{name}: {error}.") from error


@contextmanager
def transaction(connection: Connection, *, writes: bool = False) -> Iterator[None]:
    """A transaction of a connection: all of it is kept, or nothing."""
    connection.execution_options(**{_WRITES: writes})
    with connection.begin():
        if connection.dialect.name == "postgresql" and not writes:  # all of it sees the same moment, as in SQLite
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


@contextmanager
def untouched(connection: Connection) -> Iterator[None]:
    """A transaction that may write, and of which nothing is kept."""
    connection.execution_options(**{_WRITES: True})
    begun = connection.begin()
    try:
        yield
    finally:
        begun.rollback()


def _explained(error: DBAPIError, name: str) -> str:
    said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    for pattern, advice in _ADVICE.items():
        if re.search(pattern, said):
            return f"{name}: {said}. {advice}"
    return f"{name}: {said}."


_ADVICE = {
    "is locked|lock timeout": f"Another program has held it for {_BUSY_SECONDS:.0f} seconds. Close it and try again.",
    "readonly|read-only": "Make the file and its folder writable; SQLite writes beside the file, too.",
    "disk is full|disk I/O error|No space left": "Free some space and try again. Everything decided before is kept.",
    "unable to open database file": "See whether its folder exists and is writable.",
    "file is not a database|malformed": "Give a project that `cal annotate import` has made, or restore a copy.",
    "(?i)connection (to server|refused)|could not connect": "See whether the server runs and the address is right.",
    "does not exist": "Create it first, for instance with createdb.",
}


def _check_file(path: Path, create: bool) -> None:
    """Refuses a file that is no project of ours, before SQLite opens it."""
    if path.is_dir():
        raise DataError(f"{path} is a folder. Give a file for the project, such as {path / 'reviews.db'}.")
    if not path.exists():
        if not create:
            raise DataError(
                f"There is no project {path}. Make one: cal annotate import {path} dataset=files dataset.path=FILE"
            )
        if not path.parent.is_dir():
            raise DataError(f"The folder {path.parent} does not exist, and {path} would be in it. Make it first.")
        return
    with storage_errors(f"read {path}", "Make it readable, or give another file."), path.open("rb") as file:
        head = file.read(100)
    if head and not head.startswith(b"SQLite format 3\x00"):
        raise DataError(f"{path} is not a project, nor any SQLite file. Give another name for the project.")
    if not head and not create:
        raise DataError(f"{path} is empty. Make a project there: cal annotate import {path} dataset=NAME")
    _refuse_foreign(path, _tables(path))


def _tables(path: Path) -> list[str]:
    """The tables of a SQLite file, looked at without changing it; none if it is a project of ours."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA application_id").fetchone()[0] == OURS:
                return []
            found = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return [] if {VERSION_TABLE, "event"} <= {*found} else found
    except sqlite3.Error:  # locked or damaged: opening it says so
        return []


def _refuse_foreign(name: str | Path, tables: list[str]) -> None:
    if tables:
        some = ", ".join(sorted(tables)[:3])
        raise DataError(f"{name} is a database of something else: it has tables such as {some}. Give another one.")


def _revision(connection: Connection, name: str, create: bool) -> str | None:
    """The revision of the schema; None for a new database.

    Raises:
        DataError: if the database holds tables of something else, or nothing although nothing may be created.
    """
    tables = sa.inspect(connection).get_table_names()
    if VERSION_TABLE in tables and "event" in tables:
        return str(connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one())  # nosec B608
    _refuse_foreign(name, tables)
    if not create:
        raise DataError(f"{name} is empty. Make a project there: cal annotate import {name} dataset=NAME")
    return None


def _back_up(path: Path, revision: str) -> Path:
    """A copy of an earlier version's file beside it, made by SQLite so that it is whole."""
    copy = path.with_name(f"{path.name}.{revision}-{datetime.now():%Y%m%d-%H%M%S}.backup")
    try:
        free = shutil.disk_usage(path.parent).free
        if free < path.stat().st_size:
            raise StorageError(f"{path} needs an upgrade, and there is no room for a copy beside it. Free some space.")
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise StorageError(f"{path} needs an upgrade, and a copy of it cannot be written: {error}.") from error
    return copy


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True)
            sa.event.listen(engine, "connect", _set_up_sqlite)
            sa.event.listen(engine, "begin", _begin_sqlite)
            return engine
        engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
        sa.event.listen(engine, "connect", _set_up_postgresql)
        return engine
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(missing_package("A project in PostgreSQL", "psycopg", extra="postgresql")) from error


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {1000 * _BUSY_SECONDS:.0f}",
        "foreign_keys = ON",
        "synchronous = FULL",
        "cache_size = -65536",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "readonly" not in str(error):  # a file that may only be read is read in whatever mode it has
                raise
    cursor.close()


def _set_up_postgresql(connection: Any, _: Any) -> None:
    connection.execute(f"SET lock_timeout = {1000 * _BUSY_SECONDS:.0f}")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that writes takes the lock at once: one that asks later can only be refused."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
