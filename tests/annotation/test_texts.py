"""Documents without labels: how they come in, and what copes with them."""

import pandas as pd
import pytest

import cal
from cal.annotation import Project
from cal.annotation.requests.learn_request import LearnRequest
from cal.cli import main
from cal.errors import DataError

TEXTS = ["How far is it?", "Who wrote it?", "Where is it?", "How long is it?"]


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "questions.db") as made:
        yield made


def write(path, **columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


def run(*words):
    return main(["annotate", *words])


def test_a_file_without_labels_is_refused_with_advice_that_works(tmp_path, capsys):
    path, db = write(tmp_path / "texts.csv", text=TEXTS, year=[1, 2, 3, 4]), str(tmp_path / "a.db")
    assert run("import", db, "dataset=files", f"dataset.path={path}") == 1
    said = capsys.readouterr().err
    assert "has no column 'label'" in said
    assert "add unlabelled=true" in said
    assert not (tmp_path / "a.db").exists()
    assert run("import", db, "dataset=files", f"dataset.path={path}", "unlabelled=true", "labels=[NUM,HUM]") == 0
    assert "--learn" in capsys.readouterr().out
    with Project.open(db) as project:
        assert project.label_names == ["NUM", "HUM"]
        documents = list(project.documents())
    assert [(each.text, each.given, each.state, each.columns) for each in documents] == [
        (text, None, "undecided", {"year": str(year)}) for year, text in enumerate(TEXTS, start=1)
    ]


@pytest.mark.parametrize("labels", [["NUM", None, None, "NUM"], ["NUM", "HUM", "", "NUM"]])
def test_a_file_in_which_some_have_a_label(tmp_path, project, labels):
    path = write(tmp_path / "some.csv", id=list("abcd"), text=TEXTS, label=labels)
    n = sum(not label for label in labels)
    with pytest.raises(DataError, match=f"also the {n} documents? without a label, add unlabelled=true"):
        project.import_corpus(path)
    project.import_texts(path)
    assert project.loop_labels() == {id: label for id, label in zip("abcd", labels, strict=True) if label}


def test_a_corpus_of_one_label_can_be_the_start_of_another(tmp_path, project):
    path = write(tmp_path / "one.csv", text=TEXTS, label=["NUM"] * 4)
    with pytest.raises(DataError, match="To find the others with people, add unlabelled=true"):
        project.import_corpus(path)
    project.import_texts(path)
    assert set(project.loop_labels().values()) == {"NUM"}


@pytest.mark.parametrize("form", [list, tuple, pd.Series, lambda texts: pd.DataFrame({"text": texts})])
def test_texts_of_any_form_have_the_ids_that_a_corpus_gives_them(project, form):
    project.import_texts(form(TEXTS))
    corpus = cal.Corpus.from_texts(TEXTS, ["x", "y", "x", "y"])
    assert {each.id: each.text for each in project.documents()} == dict(
        zip(corpus.train.ids, corpus.train.texts, strict=True)
    )


def test_pairs_are_kept_as_pairs(project):
    project.import_texts([("He sleeps.", "He is awake."), ("She runs.", "She moves.")])
    assert {each.sequences for each in project.documents()} == {
        (("He sleeps.", "He is awake."),),
        (("She runs.", "She moves."),),
    }


def test_more_texts_withdraw_nothing_and_keep_labels(project):
    project.import_corpus({"id": list("abcd"), "text": TEXTS, "label": ["NUM", "HUM", "LOC", "NUM"]})
    project.import_texts({"id": ["a", "e"], "text": [TEXTS[0], "Who?"]})
    assert project.loop_labels() == dict(zip("abcd", ["NUM", "HUM", "LOC", "NUM"], strict=True))
    assert len(list(project.documents())) == 5


def test_what_needs_a_given_label_copes(project):
    project.import_texts(TEXTS, labels=["NUM", "HUM"])
    assert "0 of 4 documents decided" in str(project.status())
    assert project.queue(order="random", filter='given=""').n_documents == 4
    task = project.next("ann")
    assert task.given is None
    with pytest.raises(DataError, match="no label to keep"):
        project.decide_all([task.decision("keep")])
    project.decide_all([task.decision("relabel", "NUM")])
    assert project.status().errors_found == 0
    with pytest.raises(DataError, match="Label some: cal annotate serve"):
        Project.corpus(Project.create(f"{project.address}2"))


def test_undecided_texts_are_left_out_of_the_corpus_with_a_sentence(project, caplog):
    project.import_texts(TEXTS, labels=["NUM", "HUM"])
    ids = [each.id for each in project.documents()]
    project.decide(ids[0], "relabel", "NUM")
    project.decide(ids[1], "relabel", "HUM")
    assert set(project.corpus().train.ids) == set(ids[:2])
    assert "2 documents without a label are left out" in caplog.text


def test_a_reader_without_files_is_refused(tmp_path, capsys):
    assert run("import", str(tmp_path / "a.db"), "dataset=docstrings", "unlabelled=true") == 1
    assert "not for dataset=docstrings" in capsys.readouterr().err


def test_a_command_that_learns_once_tells_what_it_did_and_what_waits(tmp_path, capsys):
    path, db = (
        write(tmp_path / "texts.csv", text=[f"{text} {i}" for i in range(9) for text in TEXTS]),
        tmp_path / "a.db",
    )
    run("import", str(db), "dataset=files", f"dataset.path={path}", "unlabelled=true", "labels=[NUM,HUM]")
    words = ("learn", str(db), "--once", "features=lsa", "learner=small_mlp", "seed_size=6", "batch=4")
    assert run(*words) == 0
    assert "Batch 0: 6 documents, chosen without a model" in capsys.readouterr().out
    assert run("learn", str(db), "--once") == 0
    assert "Nothing to do before people have decided the batch." in capsys.readouterr().out
    assert run("status", str(db)) == 0
    said = capsys.readouterr().out
    assert "Learning in queue 'active-1': 1 batch, 0 trainings; no worker runs." in said
    assert "--learn" in said
    assert LearnRequest(project=str(db), once=True, batch=4).run(quiet=True) == (
        "Nothing to do before people have decided the batch."
    )


def test_options_of_learning_without_learning_are_refused(tmp_path, capsys):
    assert run("serve", str(tmp_path / "a.db"), "strategy=entropy") == 1
    assert "strategy is for learning. Add --learn." in capsys.readouterr().err
