"""Exports: whole files or none, in formats told by their endings, and what they cannot hold."""

import errno
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cal.annotation import Project
from cal.annotation.exports.exporting import format_of
from cal.cli import main
from cal.errors import ConfigError, StorageError
from cal.exchange.formats import read_annotated

CORPUS = {
    "id": ["q-1", "q-2", "q-3", "q-4"],
    "text": ["Who wrote Hamlet?", "=1+1", "Where is Oslo?", "How far is it?"],
    "label": ["HUM", "HUM", "LOC", "LOC"],
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "template.db"
    with Project.create(path, labels=["HUM", "LOC", "NUM"]) as made:
        made.import_corpus(CORPUS)
        made.decide("q-4", "relabel", "NUM", reviewer="ann")
        made.decide("q-1", "keep", reviewer="ann")
    return path


@pytest.fixture
def path(template, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return shutil.copy(template, tmp_path / "reviews.db")


@pytest.fixture
def project(path):
    with Project.open(path) as opened:
        yield opened


def test_a_file_is_named_after_the_project(project):
    assert project.export().files == [Path("reviews.csv")]
    assert project.export("jsonl").files == [Path("reviews.jsonl")]
    assert project.export("label_studio").files[0] == Path("reviews.label_studio.json")
    assert project.export("doccano").files[0] == Path("reviews.doccano.jsonl")
    frame = pd.read_csv("reviews.csv", dtype=str, keep_default_na=False)
    assert frame.set_index("id")["text"]["q-2"] == "'=1+1"
    assert frame.set_index("id")["label"].to_dict() == {"q-1": "HUM", "q-2": "HUM", "q-3": "LOC", "q-4": "NUM"}


def test_the_ending_tells_the_format():
    assert [format_of(None, f"a.{each}") for each in ("csv", "TSV", "jsonl", "parquet")] == [
        *("csv", "tsv", "jsonl", "parquet"),
    ]
    with pytest.raises(ConfigError, match="label_studio or argilla"):
        format_of(None, "a.json")
    with pytest.raises(ConfigError, match="does not tell a format"):
        format_of(None, "a.xlsx")


def test_an_export_says_what_it_holds(project, tmp_path):
    exported = project.export(output="a.jsonl", states=["decided"], losses="lost.csv")
    assert (exported.n_documents, exported.counts) == (2, {"kept": 1, "relabelled": 1})
    assert str(exported).splitlines()[0] == "a.jsonl: 2 documents (1 kept, 1 relabelled)."
    assert {each.id for each in read_annotated(Path("a.jsonl")).documents} == {"q-1", "q-4"}
    assert pd.read_csv("lost.csv").columns.tolist() == ["document", "field", "value", "why"]
    assert [each.id for each in project.documents(filter="given=LOC and state=undecided")] == ["q-3"]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("reviews.db", "the project itself"),
        ("./reviews.db-wal", "the project itself"),
        ("link.csv", "the project itself"),
        ("folder", "is a folder"),
        ("pipe.csv", "can be replaced"),
    ],
)
def test_nothing_of_value_is_replaced(project, path, tmp_path, output, told):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.csv").symlink_to(path)
    os.mkfifo(tmp_path / "pipe.csv")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=told):
        project.export("csv", output)
    assert path.read_bytes() == before
    assert (tmp_path / "pipe.csv").is_fifo()


def test_a_folder_of_other_files_is_no_dataset(project, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="other files"):
        project.export("datasets", "mine")


def test_a_full_disk_leaves_the_old_file_and_no_other(project, tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        project.export(output="a.csv")
    assert (tmp_path / "a.csv").read_text() == "old"
    assert {each.name for each in tmp_path.iterdir()} <= {"a.csv", "reviews.db", "reviews.db-wal", "reviews.db-shm"}


def test_the_command_reports_all_problems_at_once(path, capsys):
    assert main(["annotate", "export", "reviews.db", "format=cvs", "states=[kep]", "withdrawn=perhaps"]) == 1
    told = capsys.readouterr().err
    assert "Did you mean 'csv'" in told
    assert "Did you mean 'kept'" in told
    assert "withdrawn" in told
    assert main(["annotate", "export", "reviews.db", "output=reviews.db", "format=csv", "filter='pair=HUM'"]) == 1
    told = capsys.readouterr().err
    assert "the project itself" in told
    assert "filter" in told


def test_the_command_writes_a_file(path, capsys):
    assert main(["annotate", "export", "reviews.db", "states=decided", "version=1"]) == 0
    assert capsys.readouterr().out.startswith("reviews.csv: 2 documents (1 kept, 1 relabelled).")


def test_the_same_on_postgresql(postgresql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Project.create(postgresql) as project:
        project.import_corpus(CORPUS)
        project.decide("q-4", "relabel", "HUM")
        exported = project.export("csv")
        assert exported.counts == {"undecided": 3, "relabelled": 1}
        assert exported.files[0].suffix == ".csv"
        assert ":" not in exported.files[0].name
        assert project.to_frame(filter="state=decided")["id"].tolist() == ["q-4"]
