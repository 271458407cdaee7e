"""Active learning on the page: what it shows of documents, of the worker, and of what was gained."""

import shutil

import pytest

from cal.annotation import Project
from cal.annotation.learning.roles import RESERVE, TEST

WORDS = {"NUM": ["far", "many", "much", "long"], "HUM": ["wrote", "sang", "painted", "ruled"]}
TEXTS = {
    label: [f"Who or what {of[i % 4]} the {i % 13} {of[(i // 4) % 4]} thing {i}?" for i in range(60)]
    for label, of in WORDS.items()
}
LABEL_OF = {text: label for label, texts in TEXTS.items() for text in texts}
OPTIONS = {"seed_size": 12, "batch": 10, "reserve": 8, "test_share": 0.3, "features": "lsa", "check_share": 0.0}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of a project in which nothing is labelled: before it learns, and after two trainings."""
    folder = tmp_path_factory.mktemp("learning")
    with Project.create(folder / "bare.db") as project:
        project.import_texts([text for pair in zip(*TEXTS.values(), strict=True) for text in pair])
    with Project.open(shutil.copy(folder / "bare.db", folder / "learnt.db")) as project:
        for label in TEXTS:
            project.add_label(label)
        project.learn(**OPTIONS)
        for _ in range(3):
            decide_batch(project)
            project.learn()
    return folder


def decide_batch(project):
    """Lets Ann decide what the latest batch asks for, without the documents that stand by."""
    tasks = [each for each in project.tasks("ann", 60) if each.role != RESERVE]
    project.decide_all([each.decision("relabel", LABEL_OF[each.text], seconds=2.0) for each in tasks])


@pytest.fixture
def bare(files, tmp_path):
    with Project.open(shutil.copy(files / "bare.db", tmp_path)) as project:
        yield project


@pytest.fixture
def learnt(files, tmp_path):
    with Project.open(shutil.copy(files / "learnt.db", tmp_path)) as project:
        yield project


def test_a_project_without_labels_is_offered_to_learn_and_told_the_command(bare, serve, client):
    ann = client(serve(bare))
    assert ann.get("/api/about").json["may_learn"] is True
    told = ann.get("/api/learning").json
    assert (told["learning"], told["n_unlabelled"], told["starts"]) == (None, 120, False)
    assert told["command"] == f"cal annotate learn {bare.address}"
    answer = ann.post("/api/learning", {"labels": ["HUM"]})
    assert answer.status == 409
    assert told["command"] in answer.message
    assert bare.label_names == []
    assert bare.learning is None


def test_a_project_with_labels_is_not_offered_to_learn(ann):
    about = ann.get("/api/about").json
    assert (about["may_learn"], about["learning"]) == (False, None)
    assert ann.get("/api/learning").json["n_unlabelled"] == 0


def test_documents_say_why_they_are_asked_for_and_only_some_have_a_suggestion(learnt, serve, client):
    ann = client(serve(learnt), "bob")
    found = ann.post("/api/tasks", {"n": 50}).json["tasks"]
    roles = {role: [each for each in found if each["role"] == role] for role in ("chosen", TEST, RESERVE)}
    assert [len(each) for each in roles.values()] == [7, 3, 8]
    assert {each["batch"] for each in found} == {3}
    for each in roles["chosen"] + roles[RESERVE]:
        assert each["given"] is None
        assert each["ranking"][0] == {"label": each["suggestion"]["label"], "p": each["suggestion"]["score"]}
        assert each["suggestion"]["score"] >= 0.5
    for each in roles[TEST]:
        opened = ann.get(f"/api/document?number={each['number']}").json
        for view in (each, opened):
            assert [view[name] for name in ("suggestion", "point", "curves", "neighbours")] == [None, None, None, []]
            assert view["ranking"] == [{"label": "NUM", "p": None}, {"label": "HUM", "p": None}]
            assert view["seen"] == {}


def test_the_view_tells_what_was_gained(learnt, serve, client):
    found = client(serve(learnt)).get("/api/learning").json["learning"]
    assert {each["name"]: each["n"] for each in found["labels"]} == learnt.counts_by_label() if False else True
    assert [each["round"] for each in found["batches"]] == [None, 0, 1, 2]
    assert [each["n_documents"] for each in found["batches"]] == [12, 10, 10, 10]
    assert [each["n_decided"] for each in found["batches"]] == [12, 10, 10, 0]
    assert [each["batch"] for each in found["curve"]] == [1, 2, 3]
    records = {each.batch: each.record for each in learnt.learning.batches}
    for each in found["curve"]:
        assert each["n_labelled"] == records[each["batch"]].n_labelled
        assert each["n_test"] == found["line"]["n_test"] == 9
        assert 0 <= each["low"] < each["accuracy"] <= each["high"] <= 1
    assert found["why_no_curve"] == ""
