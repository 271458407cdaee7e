"""Databases for the tests of annotation projects: SQLite files, and a PostgreSQL server that a session shares."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.store import migrations
from cal.annotation.store.column_types import now
from cal.annotation.store.database import address
from cal.annotation.store.label_store import add_labels
from cal.annotation.store.schema import (
    DOCUMENT,
    EVENT,
    GIVEN,
    LABEL_VERSION,
    MAP_POINT,
    PROJECT,
    REVIEWER,
    RUN,
    STATE,
    SUGGESTION,
    VERDICT,
)

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


REGIONS = ("easy-to-learn", "ambiguous", "hard-to-learn")


def fill(project: Project, n: int) -> None:
    """Documents q0, q1, ... with a ranking of suspects and a map; p_wrong rises with the number."""
    with project.writing() as connection:
        insert_rows(connection, n)


def insert_rows(connection: sa.Connection, n: int) -> None:
    """The rows of such documents, in the columns that every version of the schema has."""
    ids = range(n)
    rows = {
        LABEL_VERSION: [{"id": 1, "name": "first", "digest": "0", "created": now()}],
        RUN: [
            {"id": 1, "kind": "suspects", "name": "ranking", "digest": "1", "imported": now()},
            {"id": 2, "kind": "map", "name": "map", "digest": "2", "imported": now()},
        ],
        DOCUMENT: [
            {
                **{"id": i + 1, "external_id": f"q{i}", "digest": "d", "split": "test" if i % 5 == 0 else "train"},
                **{"text": f"Who is number {i}?", "columns": {"year": 2000 + i, "kind": "web" if i % 2 else "it's"}},
                "withdrawn": False,
            }
            for i in ids
        ],
        GIVEN: [{"version_id": 1, "document_id": i + 1, "label_id": 1 + i % 3} for i in ids],
        SUGGESTION: [
            {
                **{"run_id": 1, "document_id": i + 1, "label_id": 1 + (i + 1) % 3, "score": 0.5, "why": "why"},
                **{"p_wrong": None if i == 0 else i / n, "columns": {"p_label": 1 - i / n, "rank": n - i}},
            }
            for i in ids
        ],
        MAP_POINT: [
            {
                **{"run_id": 2, "document_id": i + 1, "confidence": 1 - i / n, "variability": 0.1, "correctness": 0.5},
                **{"region": REGIONS[i % 3], "metrics": {"aum": -i, "loss": i}, "predicted_id": 1 + i % 3},
            }
            for i in ids
        ],
    }
    for table, of_table in rows.items():
        connection.execute(sa.insert(table), of_table)
    if connection.dialect.name == "postgresql":  # whose next number does not know of these
        connection.exec_driver_sql("SELECT setval(pg_get_serial_sequence('run', 'id'), 2)")


@pytest.fixture
def of_version_1(database: str) -> str:
    """A project as the first version of the schema has it: 24 documents, two runs and a decision, in each database."""
    engine = sa.create_engine(address(database))
    with engine.begin() as connection:
        migrations.upgrade(connection, "0001")
        about = {"id": 1, "name": "old", "guidelines": "Read.", "created": now(), "settings": {}}
        connection.execute(sa.insert(PROJECT).values(about))
        add_labels(connection, ["HUM", "LOC", "NUM"], "ann")
        insert_rows(connection, 24)
        connection.execute(sa.insert(REVIEWER).values(name="ann", created=now()))
        event = {"uuid": "1", "action": "relabel", "document_id": 4, "reviewer": "ann", "adjudicates": False}
        said = sa.insert(EVENT).values(**event, label_id=2, version_id=1, server_time=now()).returning(EVENT.c.seq)
        decision = {"document_id": 4, "label_id": 2, "seq": connection.execute(said).scalar_one()}
        kept = {"reviewer": "ann", "action": "relabel", "adjudicates": False}
        connection.execute(sa.insert(VERDICT).values(**decision, **kept))
        connection.execute(sa.insert(STATE).values(**decision, state="relabelled", n_verdicts=1))
    engine.dispose()
    return database


@pytest.fixture
def reviews(database: str) -> Iterator[Project]:
    """A project of 24 documents with a ranking and a map, in each kind of database."""
    with Project.create(database, labels=["HUM", "LOC", "NUM"]) as project:
        fill(project, 24)
        yield project


@pytest.fixture(scope="session")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of such a project, to copy."""
    path = tmp_path_factory.mktemp("filled") / "reviews.db"
    with Project.create(path, labels=["HUM", "LOC", "NUM"]) as project:
        fill(project, 24)
    return path


@pytest.fixture
def in_file(filled_file: Path, tmp_path: Path) -> Iterator[Project]:
    """Such a project in a SQLite file, where the kind of database does not matter."""
    with Project.open(shutil.copy(filled_file, tmp_path)) as project:
        yield project


@pytest.fixture
def larger(tmp_path: Path) -> Iterator[Project]:
    """A project of 120 documents in a SQLite file, for what needs many reads."""
    with Project.create(tmp_path / "larger.db", labels=["HUM", "LOC", "NUM"]) as project:
        fill(project, 120)
        yield project
