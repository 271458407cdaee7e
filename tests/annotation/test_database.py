"""Opening a project: addresses, files that are something else, and the steps from earlier versions."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cal.annotation import Project
from cal.annotation.store import migrations
from cal.annotation.store.column_types import now
from cal.annotation.store.database import OURS, address, connect, shown_address, storage
from cal.annotation.store.schema import DOCUMENT, METADATA, REVIEWER, SUGGESTION
from cal.errors import ConfigError, DataError, StorageError


def made(path):
    Project.create(path, labels=["HUM", "LOC"]).close()
    return path


def test_the_schema_is_what_the_steps_lead_to(tmp_path):
    engine = connect(made(tmp_path / "p.db"))
    with storage(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert connection.exec_driver_sql("PRAGMA application_id").scalar() == OURS
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


def test_the_schema_is_the_same_in_postgresql(postgresql):
    with Project.create(postgresql, labels=["HUM"]) as project:
        with project.reading() as connection:
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert project.label_names == ["HUM"]
    with Project.open(postgresql) as project:
        assert project.label_names == ["HUM"]


@pytest.mark.parametrize("revision", migrations.revisions())
def test_a_project_of_each_earlier_version_is_upgraded(tmp_path, revision):
    path = tmp_path / "p.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrations.upgrade(connection, revision)
    engine.dispose()
    engine = connect(path)
    with storage(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()
    assert bool([*tmp_path.glob("*.backup")]) == (revision != migrations.latest())


NEXT = '''"""Marks."""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "{}"
def upgrade():
    op.create_table("mark", sa.Column("id", sa.Integer, primary_key=True))
    {}
'''


def scripts_with_another(folder, monkeypatch, body="pass"):
    """The steps of the project and one more."""
    shutil.copytree(Path(migrations.__file__).parent, folder)
    (folder / "versions" / "9999_marks.py").write_text(NEXT.format(migrations.latest(), body))
    config = migrations.Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    scripts = migrations.ScriptDirectory.from_config(config)
    monkeypatch.setattr(migrations, "_scripts", lambda: scripts)


def test_a_project_of_the_first_version_opens_with_all_that_it_held(database, of_version_1):
    with Project.open(of_version_1) as project:
        with project.reading() as connection:
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
            token = connection.execute(sa.select(REVIEWER.c.name, REVIEWER.c.token)).all()
            new = connection.execute(sa.select(SUGGESTION.c.neighbours, SUGGESTION.c.curves).distinct()).all()
        assert (token, new) == ([("ann", None)], [(None, None)])
        assert project.check() == []
        assert project.decided()["id"].tolist() == ["q3"]
        project.decide("q4", "keep", reviewer="bob")
        project.queue(by="p_wrong", order="ranked")
        assert project.next("bob").suggestion.p_wrong == 23 / 24
    copies = [*Path(database).parent.glob("*.backup")] if "://" not in database else []
    assert len(copies) == ("://" not in database)
    for copy in copies:  # an SQLite file as it was
        with closing(sqlite3.connect(copy)) as before:
            assert before.execute("SELECT count(*) FROM document").fetchone() == (24,)
            assert before.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        with Project.open(copy) as project:  # which cal still opens
            assert project.decided()["id"].tolist() == ["q3"]


def test_two_reviewers_have_no_link_in_common(reviews):
    rows = [{"name": name, "created": now(), "token": token} for name, token in (("ann", "a"), ("bob", None))]
    with reviews.writing() as connection:
        connection.execute(sa.insert(REVIEWER), [*rows, {"name": "eve", "created": now(), "token": None}])
    with pytest.raises(StorageError, match=r"(?i)unique"), reviews.writing() as connection:
        connection.execute(sa.update(REVIEWER).where(REVIEWER.c.name == "bob").values(token="a"))


def test_a_step_that_fails_leaves_the_project_as_it_was(tmp_path, monkeypatch):
    path = made(tmp_path / "p.db")
    with monkeypatch.context() as patched:
        scripts_with_another(tmp_path / "steps", patched, 'raise OSError("disk")')
        with pytest.raises(OSError, match="disk"):
            Project.open(path)
    with Project.open(path) as project, project.reading() as connection:
        assert "mark" not in sa.inspect(connection).get_table_names()
        assert project.label_names == ["HUM", "LOC"]


def test_a_project_of_a_newer_version_is_refused(tmp_path):
    path = made(tmp_path / "p.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
        connection.commit()
    with pytest.raises(DataError, match=r"newer version of cal \(schema 0999"):
        Project.open(path)


def foreign(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE person (name TEXT)")
        connection.commit()


def text(path):
    path.write_text("id,text\n1,How far?\n")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (foreign, "database of something else: it has tables such as person"),
        (text, "nor any SQLite file"),
        (Path.mkdir, "is a folder"),
        (Path.touch, "is empty"),
        (lambda path: None, "There is no project"),
    ],
)
def test_what_is_no_project_is_refused_and_left_alone(tmp_path, make, told):
    path = tmp_path / "p.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(DataError, match=told):
        Project.open(path)
    if make in (foreign, text):
        with pytest.raises(DataError, match=told):
            Project.create(path)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_project_needs_its_folder(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        Project.create(tmp_path / "nowhere" / "p.db")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("mysql://me@host/name", "not supported"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://host:port/x", "not the address"),
    ],
)
def test_an_address_that_cannot_be_used(given, told):
    with pytest.raises(ConfigError, match=told):
        Project.open(given)


def test_passwords_are_not_shown():
    url = address("postgresql://ann:secret@localhost:1/x")
    assert "secret" not in shown_address(url)
    with pytest.raises(StorageError) as caught:
        connect("postgresql://ann:secret@localhost:1/x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "written", ["a\x00b", "\x10", "\x10\x100\x00", "=1+1", "'; DROP TABLE event; --", "😀\u2028\r\n"]
)
def test_any_text_is_kept(database, written):
    with Project.create(database) as project:
        values = {"external_id": written, "digest": "d", "text": written, "split": "train", "columns": {"a": written}}
        with project.writing() as connection:
            connection.execute(sa.insert(DOCUMENT).values(**values, withdrawn=False))
        with project.reading() as connection:
            row = connection.execute(sa.select(DOCUMENT)).one()
    assert (row.external_id, row.text, row.columns) == (written, written, {"a": written})
