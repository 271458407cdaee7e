"""Imports: idempotent, with a difference before anything changes, and decided documents back only with a reason."""

import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cal.annotation import Project
from cal.annotation.imports.importing import NotAcceptedError
from cal.data.local_files import LocalFiles
from cal.errors import CalError, ConfigError, DataError
from cal.exchange.formats import write_annotated
from cal.exchange.records import AnnotatedDocument, Answer, LabelSet, Suggested

LABELS = ["HUM", "LOC", "NUM"]


def table(n=12, n_test=3):
    splits = ["train"] * (n - n_test) + ["test"] * n_test
    columns = {"id": [f"q{i}" for i in range(n)], "text": [f"text {i}" for i in range(n)]}
    return pd.DataFrame(columns | {"label": [LABELS[i % 3] for i in range(n)], "split": splits})


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p.db") as made:
        made.import_corpus(table())
        yield made


def returned(project):
    events = project.events()
    return events[events["action"] == "return"].set_index("document")["comment"].to_dict()


def test_the_same_corpus_twice_adds_nothing_and_says_so(database):
    with Project.create(database) as project:
        first = project.import_corpus(table(), name="first")
        assert (first.difference["new"], first.version) == (12, "first")
        assert project.label_names == LABELS
        again = project.import_corpus(table())
        assert again.version is None
        assert "holds these 12 documents already" in str(again)
        assert project.check() == []


def test_a_changed_corpus_is_shown_before_anything_is_written(database):
    with Project.create(database) as project:
        project.import_corpus(table())
        changed = table().drop(index=4)
        changed.loc[0, "label"], changed.loc[1, "text"] = "NUM", "other"
        changed.loc[99] = ["new", "a new one", "HUM", "dev"]
        with pytest.raises(NotAcceptedError, match="accept=true") as refused:
            project.import_corpus(changed)
        kinds = {"new": 1, "changed text": 1, "changed label": 1, "withdrawn": 1, "unchanged": 9}
        assert {kind: n for kind, n in refused.value.difference.counts.items() if n} == kinds
        assert project.import_corpus(table()).version is None  # nothing was written
        frame = project.difference(changed).to_frame().set_index("change")
        assert frame.loc["changed label", ["id", "before", "after"]].tolist() == ["q0", "HUM", "NUM"]
        assert project.import_corpus(changed, accept=True).difference.counts == refused.value.difference.counts
        assert project.import_corpus(changed).version is None
        back = project.import_corpus(table(), accept=True).difference
        assert (back["restored"], back["withdrawn"], project.check()) == (1, 1, [])


def test_additions_alone_need_no_consent(project):
    more = project.import_corpus(table(15))
    assert (more.difference["new"], more.difference["unchanged"]) == (3, 9)  # 3 of them moved to another split


def test_decided_documents_come_back_only_with_a_reason(project):
    for document, action, label in [("q0", "relabel", "LOC"), ("q1", "keep", None), ("q2", "exclude", None)]:
        project.decide(document, action, label)
    changed = table()
    changed.loc[[0, 1], "label"], changed.loc[2, "text"] = ["LOC", "HUM"], "other"
    assert project.import_corpus(changed, accept=True, name="trec.csv").n_returned == 2
    assert returned(project) == {
        "q1": "Its label in trec.csv changed from LOC to HUM.",
        "q2": "The text was changed.",
    }
    assert (project.counts()["relabelled"], project.check()) == (1, [])


def test_a_document_comes_back_that_an_import_changed_before_its_reviewer_decided(database):
    with Project.create(database) as project:
        project.import_corpus(table())
        project.queue(order="random", filter="id=q0,q1,q2,q3")
        tasks = {task.document: task for task in project.tasks("ann", 4)}
        changed = table()
        changed.loc[0, "text"], changed.loc[[1, 2], "label"] = "other", ["HUM", "HUM"]
        project.import_corpus(changed, accept=True)
        for name, label in {"q0": None, "q1": None, "q2": "HUM", "q3": None}.items():
            project.decide_all([tasks[name].decision("relabel" if label else "keep", label)])
        assert returned(project) == {
            "q0": "An import changed the text before ann decided.",
            "q1": "An import changed its label to HUM before ann decided.",
        }
        assert project.queue(order="random", filter="state=returned").n_documents == 2
        assert project.status().changed == 1  # q1 was kept as LOC, and is HUM in the corpus
        assert project.changes()["id"].tolist() == ["q1"]
        assert project.check() == []


def test_labels_of_an_earlier_name_or_that_were_merged_are_no_change(project):
    project.rename_label("LOC", "place")
    project.merge_labels("NUM", "place")
    assert project.import_corpus(table()).version is None
    exported = table().replace({"label": {"LOC": "place", "NUM": "place"}})
    assert project.import_corpus(exported).version is None
    assert project.label_names == ["HUM", "place"]


def test_three_label_versions_stand_side_by_side(project):
    for other in ("LOC", "NUM"):
        changed = table()
        changed.loc[0, "label"] = other
        project.import_corpus(changed, accept=True, name=other)
    with pytest.raises(ConfigError, match="a label version 'LOC' already"):
        project.import_corpus(table(), accept=True, name="LOC")
    with project.reading() as connection:
        query = "SELECT l.name FROM given JOIN label l ON l.id = label_id WHERE document_id = (SELECT id FROM document"
        labels = connection.exec_driver_sql(f"{query} WHERE external_id = 'q0') ORDER BY version_id").scalars().all()
    assert labels == ["HUM", "LOC", "NUM"]


def test_answers_become_decisions_once(project):
    answer = Answer("8c2f6a52-7d0e-4d7a-9a5e-0d5f3c1b2a10", "ann", "relabel", "ABBR", comment="short")
    exported = [AnnotatedDocument("q0", "text 0", answers=(answer,)), AnnotatedDocument("q1", "text 1")]
    assert project.import_documents(exported, LabelSet(LABELS)).n_answers == 1
    again = project.import_documents(exported)
    assert (again.n_answers, again.version, again.difference["withdrawn"]) == (0, None, 0)
    assert (project.counts()["relabelled"], project.label_names) == (1, [*LABELS, "ABBR"])


def test_a_file_that_a_tool_exported_brings_its_answers(project, tmp_path):
    suggestion = Suggested("LOC", 0.9, "r1")
    answer = Answer("8c2f6a52-7d0e-4d7a-9a5e-0d5f3c1b2a10", "ann", "relabel", "LOC", seconds=2.0, seen=suggestion)
    exported = [
        AnnotatedDocument("q0", "text 0", "HUM", "LOC", "relabelled", suggestions=(suggestion,), answers=(answer,)),
        AnnotatedDocument("q3", "text 3", "HUM", "HUM", suggestions=(suggestion,)),
    ]
    for kind in ("jsonl", "csv", "parquet"):
        write_annotated(exported, LabelSet(tuple(LABELS)), tmp_path / f"e.{kind}", kind)
        done = project.import_corpus(tmp_path / f"e.{kind}")
        assert (done.version, done.n_answers, done.difference["withdrawn"]) == (None, int(kind == "jsonl"), 0)
    [back] = project.documents(states=["relabelled"])
    assert (back.suggestions, back.answers[0].seen) == ((suggestion,), suggestion)


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([AnnotatedDocument("a", "x"), AnnotatedDocument("a", "y")], "occur more than once"),
        ([AnnotatedDocument(" ", "x")], "blank id"),
        ([AnnotatedDocument("a" * 2001, "x")], "2,001 bytes"),
        ([AnnotatedDocument("a", "\ud800")], "half a character"),
        ([AnnotatedDocument("a", "x", given="b\nc")], "control characters"),
    ],
)
def test_documents_that_are_refused(project, documents, told):
    with pytest.raises(CalError, match=told):
        project.import_documents(documents)
    assert repr(project) == "Project 'p': 12 documents, 3 labels"


IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip)
DOCUMENTS = st.lists(
    st.builds(
        AnnotatedDocument,
        IDS,
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        given=st.sampled_from([None, "a", "b", "ä", "c'd"]),
        split=st.sampled_from([None, "train", "dev"]),
        columns=st.dictionaries(IDS, st.none() | st.integers(-9, 9) | st.text(max_size=3), max_size=2),
        sequences=st.none() | st.just((("x", "y"),)),
    ),
    unique_by=lambda each: each.id,
    max_size=6,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Project.create(tmp_path_factory.mktemp("shared") / "p.db") as made:
        yield made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=DOCUMENTS)
def test_import_is_idempotent_whatever_the_documents(shared, documents):
    shared.import_documents(documents, complete=True, accept=True)
    again = shared.import_documents(documents, complete=True)
    assert (again.difference.is_empty, again.version) == (True, None)
    assert again.difference["unchanged"] == len(documents)


def test_hostile_ids_are_kept_as_they_were(database):
    ids = [
        "a\x00b",
        "\x10",
        "'; DROP TABLE document; --",
        "é",
        "e\u0301",
        "%s",
        ":x",
        "a ",
        "a",
        "\N{PILE OF POO}",
        "1.0",
    ]
    with Project.create(database) as project:
        project.import_documents(AnnotatedDocument(each, each, given="x") for each in ids)
        for each in ids:
            assert project.decide(each, "keep").document == each
        assert project.import_documents(AnnotatedDocument(each, each, given="x") for each in ids).version is None
        with pytest.raises(DataError, match="not in the project"):
            project.decide("A", "keep")


def test_answers_that_were_taken_up_under_a_name_stay_under_it(project, tmp_path):
    path = tmp_path / "all.jsonl"
    path.write_text(json.dumps({"text": "text 0", "cal_id": "q0", "label": ["LOC"], "Comments": []}))
    project.decide_from(path, reviewer="ann")
    imported = project.import_corpus(path)
    assert (imported.n_answers, imported.version) == (0, None)
    assert project.events().query("action == 'relabel'")["reviewer"].tolist() == ["ann"]


def test_a_later_export_brings_the_suggestions_that_its_run_lacks(project, tmp_path):
    def tasks(n):
        result = [{"from_name": "label", "type": "choices", "value": {"choices": ["LOC"]}}]
        path = tmp_path / f"{n}.json"
        predictions = [{"model_version": "m", "score": 0.5, "result": result}]
        data = [{"text": f"text {at}", "cal_id": f"q{at}"} for at in range(n)]
        path.write_text(json.dumps([{"data": each, "annotations": [], "predictions": predictions} for each in data]))
        return path

    project.import_corpus(tasks(1))
    assert "Run m: 2 documents more." in str(project.import_corpus(tasks(3)))
    assert project.import_corpus(tasks(3)).notes == []
    suggested = {each.id: [of.source for of in each.suggestions] for each in project.documents()}
    assert [suggested[f"q{n}"] for n in range(4)] == [["m"], ["m"], ["m"], []]


@pytest.mark.parametrize("numbered", [True, False])
def test_a_frame_of_cleanlab_without_texts_ranks_documents_that_are_there(project, tmp_path, numbered):
    names = [str(LABELS.index(each)) if numbered else each for each in table()["label"]]
    frame = pd.DataFrame({"given_label": names, "predicted_label": names[1:] + names[:1]}, index=table()["id"])
    frame["label_quality"] = [n / 12 for n in range(12)]
    frame["is_label_issue"] = frame["label_quality"] < 0.2
    path = tmp_path / "issues.csv"
    frame.rename_axis(None).to_csv(path)
    assert str(project.import_corpus(path)) == "Run issues.csv: suspects of 12 documents."
    assert {each.id: each.text for each in project.documents()} == table().set_index("id")["text"].to_dict()
    assert {each.id: each.suggestions[0].label for each in project.documents()}["q0"] == "LOC"
    project.queue(by="-label_quality", order="ranked")
    frame.reset_index(drop=True).to_csv(path)
    with pytest.raises(DataError, match=r"12 of 12 ids .* not among the documents .* Its index must hold"):
        project.import_corpus(path)


def test_exports_with_answers_are_imported_one_after_the_other(project, tmp_path):
    row = {"text": "text 0", "cal_id": "q0", "label": ["LOC"], "Comments": []}
    for name in ("ann.jsonl", "bob.jsonl"):
        (tmp_path / name).write_text(json.dumps(row))
    files = [str(tmp_path / "ann.jsonl"), str(tmp_path / "bob.jsonl")]
    for given_files in ({"path": files}, {"train": files[0]}):
        with pytest.raises(DataError, match=r"Import each by itself, one after the other: dataset\.path=.*ann\.jsonl"):
            project.import_corpus(LocalFiles(**given_files))
    assert [project.import_corpus(each).n_answers for each in files] == [1, 1]
