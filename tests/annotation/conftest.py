"""Databases for the tests of annotation projects: SQLite files, and a PostgreSQL server that a session shares."""

from __future__ import annotations

import fcntl
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

NUMBERS = itertools.count()
SERVER = Path(__file__).with_name("postgresql_server.py")


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL server that the processes of this session share; the first that asks starts it."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if base.name.startswith("popen-") else base) / "postgresql"
    home.mkdir(exist_ok=True)
    with (home / "users").open("a") as users, (home / "start").open("a") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        if not (home / "url").exists():
            with (home / "log").open("w") as log:
                run = subprocess.run([sys.executable, str(SERVER), str(home)], stdout=log, stderr=log)
            assert run.returncode == 0, (home / "log").read_text()
        fcntl.flock(start, fcntl.LOCK_UN)
        yield (home / "url").read_text()


@pytest.fixture
def postgresql(postgresql_server: str) -> Iterator[str]:
    """URL of a new, empty PostgreSQL database."""
    name = f"test_{os.getpid()}_{next(NUMBERS)}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield postgresql_server.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database of each kind: the path of an SQLite file, then the URL of a PostgreSQL database."""
    return request.getfixturevalue("postgresql") if request.param == "postgresql" else str(tmp_path / "project.db")
