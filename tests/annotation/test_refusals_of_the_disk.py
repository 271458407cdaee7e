"""A full disk, files that may not be written, and databases that are locked: one clear line, and nothing is lost."""

import os
import resource
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from cal.annotation import Project
from cal.annotation.store import database
from cal.cli import main
from cal.errors import StorageError

NOBODY = 65534


def table(n=9):
    ids = [f"q{i}" for i in range(n)]
    return pd.DataFrame({"id": ids, "text": ids, "label": ["HUM", "LOC", "NUM"] * (n // 3)})


def made(path):
    """A project with a queue and a decision; whatever is imported lazily has been imported."""
    with Project.create(path) as project:
        project.import_corpus(table())
        project.queue(order="random")
        project.decide_all([project.next("ann").decision("keep")])
        assert project.counts()["kept"] == 1
    return path


@contextmanager
def ordinary_user():
    """Permissions count, which those of the superuser do not."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def folder():
    """A folder that anybody can reach."""
    folder = Path(tempfile.mkdtemp(prefix="cal-test-"))
    folder.chmod(0o777)
    yield folder
    folder.chmod(0o777)
    shutil.rmtree(folder)


@pytest.mark.parametrize(("of_file", "of_folder"), [(0o444, 0o777), (0o666, 0o555), (0o444, 0o555)])
def test_what_may_not_be_written_is_said_in_one_line(folder, of_file, of_folder, capsys):
    path = made(folder / "p.db")
    path.chmod(of_file)
    folder.chmod(of_folder)
    before = path.read_bytes()
    with ordinary_user():
        with pytest.raises(StorageError, match="Make the file and its folder writable"), Project.open(path) as project:
            project.decide("q1", "keep")
        assert main(["annotate", "queue", str(path), "order=random"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Make the file and its folder writable" in said
    folder.chmod(0o777)
    path.chmod(0o666)
    assert path.read_bytes() == before
    with Project.open(path) as project:
        assert (project.counts()["kept"], project.check()) == (1, [])
        assert project.decide("q1", "keep").state == "kept"


def test_a_file_that_may_not_be_read(folder):
    path = made(folder / "p.db")
    path.chmod(0o000)
    with ordinary_user(), pytest.raises(StorageError, match=r"Permission denied\. Make it readable"):
        Project.open(path)


@contextmanager
def largest_file(n_bytes):
    """Files end there, as on a disk that fills up."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def test_a_full_disk_is_said_and_what_was_acknowledged_stays(tmp_path):
    path, n = made(tmp_path / "p.db"), 0
    with Project.open(path) as project:
        n_before = len(project.events())
        with largest_file(path.stat().st_size + 20_000):
            with pytest.raises(StorageError, match=r"p\.db: .*Free some space and try again"):  # noqa: PT012
                while True:
                    project.decide(f"q{n % 9}", "comment", comment=f"{n}" * 500)
                    n += 1
            assert len(project.events()) == n_before + n  # what is there can be read
        assert project.check() == []
        assert project.decide("q8", "keep").state == "kept"  # as soon as there is room
    with Project.open(path) as project:
        assert len(project.events()) == n_before + n + 1
        assert n > 0


def test_a_full_disk_leaves_nothing_of_an_import(tmp_path):
    path = made(tmp_path / "p.db")
    with Project.open(path) as project:
        more = table(3_000)
        with largest_file(path.stat().st_size + 20_000), pytest.raises(StorageError, match="Free some space"):
            project.import_corpus(more, accept=True)
        assert sum(project.counts().values()) == 9
        assert project.import_corpus(more, accept=True).difference["new"] == 2_991
        assert project.check() == []


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_locked_file_is_said_and_read_all_the_same(tmp_path, monkeypatch, lock):
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    path = made(tmp_path / "p.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as other, Project.open(path) as project:
        other.execute(lock)
        with pytest.raises(StorageError, match=r"p\.db: database is locked\. Another program has held it"):
            project.decide("q1", "keep")
        assert project.counts()["kept"] == 1
        other.execute("ROLLBACK")
        assert project.decide("q1", "keep").state == "kept"
        assert project.check() == []


def test_a_locked_server_is_said_in_one_line(postgresql, monkeypatch):
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    with Project.open(made(postgresql)) as project, psycopg.connect(postgresql) as other:
        other.execute("LOCK TABLE event IN EXCLUSIVE MODE")
        with pytest.raises(StorageError, match=r"lock timeout\. Another program has held it"):
            project.decide("q1", "keep")
        assert project.counts()["kept"] == 1
        other.rollback()
        assert project.decide("q1", "keep").state == "kept"
        assert project.check() == []
