"""The reader `annotation`: a project back into training, with the labels of now or of an earlier version."""

import pandas as pd
import pytest

import cal
from cal.annotation import Project
from cal.annotation.exports.reader import AnnotationReader
from cal.cli import main
from cal.errors import CalError

LABELS = ["HUM", "LOC", "NUM"]


def table(n=30):
    columns = {"id": [f"q{i}" for i in range(n)], "text": [f"text {i}" for i in range(n)]}
    return pd.DataFrame(columns | {"label": [LABELS[i % 3] for i in range(n)], "split": ["train"] * 24 + ["test"] * 6})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "p.db"
    with Project.create(path) as project:
        project.import_corpus(table(), name="raw")
        project.decide("q0", "relabel", "LOC")
        project.decide("q1", "keep")
        project.decide("q2", "exclude")
        project.decide("q3", "ambiguous")
        project.decide("q4", "skip")
        project.decide("q5", "keep", reviewer="ann")
        project.decide("q5", "relabel", "HUM", reviewer="bob")
        project.decide("q24", "relabel", "NUM")
    return path


def labels_of(corpus):
    frame = corpus.to_frame()
    return dict(zip(frame["id"], frame["label"].astype(str), strict=True))


def test_labels_are_those_of_now(path):
    corpus = AnnotationReader(str(path)).read()
    changed = {"q0": "LOC", "q24": "NUM"}
    given = dict(zip(table()["id"], table()["label"], strict=True))
    assert labels_of(corpus) == {id: changed.get(id, label) for id, label in given.items() if id != "q2"}
    assert (len(corpus.train), len(corpus.test), corpus.name) == (23, 6, "p")
    assert corpus.label_names == LABELS


def test_ambiguous_documents_stay_or_go_as_the_user_says(path):
    assert "q3" in labels_of(AnnotationReader(path).read())
    assert "q3" not in labels_of(AnnotationReader(path, ambiguous="leave_out").read())


def test_an_earlier_version_has_the_same_documents(path):
    with Project.open(path) as project:
        now, before = project.corpus(), project.corpus(version="raw")
        assert labels_of(before) == {id: label for id, label in labels_of(project.corpus(version=1)).items()}
    assert labels_of(before)["q0"] == "HUM"
    assert (now.train.ids, now.test.ids) == (before.train.ids, before.test.ids)


def test_labels_follow_renames_and_merges_and_exports_are_no_news(path):
    with Project.open(path) as project:
        project.rename_label("LOC", "place")
        project.merge_labels("NUM", "HUM")
        corpus = project.corpus()
        assert corpus.label_names == ["HUM", "place"]
        assert (labels_of(corpus)["q0"], labels_of(corpus)["q24"]) == ("place", "HUM")
        again = project.import_corpus(corpus, accept=True)
        assert again.difference["withdrawn"] == 1  # the excluded one
        assert again.n_returned == 0
        assert labels_of(project.corpus()) == labels_of(corpus)


def test_pairs_and_choices_go_round(tmp_path):
    pairs = {"a": ["He sleeps.", "It rains."] * 3, "b": ["He is awake.", "It is wet."] * 3, "label": ["no", "yes"] * 3}
    choices = {"q": ["_ runs."] * 6, "x": list("abcdef"), "y": list("ghijkl"), "label": [1, 2] * 3}
    for name, corpus in {
        "pairs": cal.Corpus.from_frame(pairs | {"id": range(6)}, text=["a", "b"]),
        "choices": cal.Corpus.from_frame(choices, text="q", choices=["x", "y"], blank="_"),
    }.items():
        with Project.create(tmp_path / name) as project:
            project.import_corpus(corpus)
            assert project.corpus(name="corpus").fingerprint == corpus.fingerprint


def test_unlabelled_documents_are_left_out(tmp_path, caplog):
    from cal.exchange.records import AnnotatedDocument

    with Project.create(tmp_path / "p.db") as project:
        given = ["HUM", "LOC", None]
        project.import_documents(AnnotatedDocument(str(i), f"text {i}", given[i % 3]) for i in range(6))
        assert len(project.corpus().train) == 4
        assert "2 documents without a label are left out" in caplog.text


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "dataset.project must be the file"),
        ({"project": "nowhere.db"}, "There is no project nowhere.db"),
        ({"ambiguous": "drop"}, "keep or leave_out"),
        ({"version": "rwa"}, "Did you mean|Unknown label version"),
        ({"version": 1.5}, "number or name of a label version"),
        ({"test_fraction": 2}, "test_fraction"),
    ],
)
def test_what_is_refused(path, settings, told):
    with pytest.raises(CalError, match=told):
        AnnotationReader(**({"project": path} if settings and "project" not in settings else {}) | settings).read()


def test_an_empty_project_says_what_to_do(tmp_path):
    Project.create(tmp_path / "p.db").close()
    with pytest.raises(CalError, match="cal annotate import"):
        AnnotationReader(tmp_path / "p.db").read()


def test_a_corpus_goes_in_and_out_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table().assign(note=[f"n{i}" for i in range(30)]).to_csv("my.csv", index=False)
    words = ["annotate", "import", "p.db", "dataset=files", "dataset.path=my.csv"]
    assert main(words) == 0
    assert "30 new" in capsys.readouterr().out
    assert main(words) == 0
    assert "holds these 30 documents already" in capsys.readouterr().out
    changed = table().drop(index=3)
    changed.loc[0, "label"] = "NUM"
    changed.to_csv("my.csv", index=False)
    assert main(words) == 1
    refused = capsys.readouterr().err
    assert "1 changed label: 'q0' ('HUM' -> 'NUM')" in refused
    assert "accept=true" in refused
    assert main([*words, "accept=true"]) == 0
    capsys.readouterr()
    assert main(["data", "dataset=annotation", "dataset.project=p.db"]) == 0
    assert "23 train, 6 test" in capsys.readouterr().out.replace("\n", " ")
    with Project.open("p.db") as project:
        assert next(project.documents()).columns["note"].startswith("n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["p.db"], "There is nothing to import"),
        (["p.db", "map=nowhere"], "map: there is no folder or file"),
        (["p.db", "dataset=files", "dataset.path=nowhere.csv"], "nowhere.csv"),
        (["p.db", "dataset=files", "dataset.path=two.csv"], "two columns of labels|two columns named"),
        (["p.db", "dataset=files", "dataset.path=twice.csv"], "twice.csv"),
        (["other.db", "dataset=files", "dataset.path=my.csv"], "something else"),
    ],
)
def test_a_refused_import_leaves_no_project(tmp_path, capsys, monkeypatch, words, told):
    import re
    import sqlite3

    monkeypatch.chdir(tmp_path)
    table().to_csv("my.csv", index=False)
    table().assign(Label="HUM").to_csv("two.csv", index=False)
    (tmp_path / "twice.csv").write_text("id,text,label,label\na,b,c,d\n")
    with sqlite3.connect("other.db") as other:
        other.execute("CREATE TABLE things (a)")
    assert main(["annotate", "import", *words]) == 1
    assert re.search(told, capsys.readouterr().err)
    assert not (tmp_path / "p.db").exists()
