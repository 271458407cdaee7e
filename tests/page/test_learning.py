"""Active learning on the page: what it shows of documents, of the worker, and of what was gained."""

import http.client
import json
import shutil
import time

import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.learning.giving_way import give_way
from cal.annotation.learning.roles import RESERVE, TEST
from cal.annotation.store.schema import DRAW, LEASE, QUEUE

WORDS = {"NUM": ["far", "many", "much", "long"], "HUM": ["wrote", "sang", "painted", "ruled"]}
TEXTS = {
    label: [f"Who or what {of[i % 4]} the {i % 13} {of[(i // 4) % 4]} thing {i}?" for i in range(60)]
    for label, of in WORDS.items()
}
LABEL_OF = {text: label for label, texts in TEXTS.items() for text in texts}
PLACE = ("queue_id", "position")
OPTIONS = {"seed_size": 12, "batch": 10, "reserve": 8, "test_share": 0.4, "features": "lsa", "check_share": 0.0}


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
        for n in (12, 10, 10):
            decide_batch(project, n)
            project.learn()
    return folder


def decide_batch(project, n):
    """Lets Ann decide what the latest batch asks for."""
    tasks = project.tasks("ann", n)
    assert RESERVE not in {each.role for each in tasks}
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
    assert [len(each) for each in roles.values()] == [6, 4, 8]
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


def test_all_labels_are_ranked_by_what_the_model_thinks(learnt, serve, client):
    found = client(serve(learnt), "bob").post("/api/tasks", {"n": 50}).json["tasks"]
    rankings = [each["ranking"] for each in found if each["role"] != TEST]
    assert len(rankings) == 14
    for first, second in rankings:
        assert first["p"] + second["p"] == pytest.approx(1, abs=2e-3)
        assert first["p"] >= second["p"]


def test_the_view_tells_what_was_gained(learnt, serve, client):
    found = client(serve(learnt)).get("/api/learning").json["learning"]
    now = learnt.events().query("action == 'relabel'")["new_value"].value_counts()
    assert {each["name"]: each["n"] for each in found["labels"]} == now.to_dict()
    assert sum(now) == found["line"]["n_labelled"] + found["line"]["n_test"] == 32
    assert [each["round"] for each in found["batches"]] == [None, 0, 1, 2]
    assert [each["n_documents"] for each in found["batches"]] == [12, 10, 10, 10]
    assert [each["n_decided"] for each in found["batches"]] == [12, 10, 10, 0]
    assert [each["batch"] for each in found["curve"]] == [1, 2, 3]
    records = {each.batch: each.record for each in learnt.learning.batches}
    for each in found["curve"]:
        assert each["n_labelled"] == records[each["batch"]].n_labelled
        assert each["n_test"] == found["line"]["n_test"] == 12
        assert 0 <= each["low"] < each["accuracy"] <= each["high"] <= 1
    assert found["why_no_curve"] == ""


def test_an_accuracy_that_is_not_known_yet_says_why(bare, serve, client):
    ann = client(serve(bare))
    bare.learn(**OPTIONS | {"test_share": 0.2, "labels": ["NUM", "HUM"]})

    def why():
        learning = ann.get("/api/learning").json["learning"]
        assert learning["curve"] == []
        return learning["why_no_curve"]

    assert why() == "No model was trained yet: every label needs an example first."
    for n in (12, 10):
        decide_batch(bare, n)
        bare.learn()
    assert why() == "Too few test documents are labelled to tell the accuracy: 4, and it takes 10."


def test_what_stood_by_for_a_training_gives_way_to_what_it_has_chosen(learnt, serve, client):
    ann = client(serve(learnt))
    fetched = ann.post("/api/tasks", {"n": 18}).json["tasks"]
    reserve = [each for each in fetched if each["role"] == RESERVE]
    assert len(reserve) == 8
    decide_batch(learnt, 10)
    learnt.learn()
    shown = reserve[3]["number"]
    stale = ann.post("/api/tasks", {"n": 30}).json["tasks"]
    assert {each["batch"] for each in stale if each["role"] == RESERVE} == {3, 4}
    fresh = ann.post("/api/tasks", {"n": 30, "fresh": True, "shown": shown}).json["tasks"]
    assert [each["number"] for each in fresh if each["batch"] == 3] == [shown]
    chosen = [each for each in fresh if each["batch"] == 4 and each["role"] != RESERVE]
    assert len(chosen) == 10
    with learnt.reading() as connection:
        n = sa.select(sa.func.count()).select_from(DRAW)
        assert connection.execute(sa.select(QUEUE.c.n_documents)).scalar() == connection.execute(n).scalar()
    gone = next(each for each in reserve if each["number"] not in [one["number"] for one in fresh])
    assert ann.decide(gone["document"], "relabel", label="HUM", queue=1, position=gone["position"]).status == 200
    assert learnt.check() == []


def test_what_others_have_fetched_stays(learnt):
    assert len(learnt.tasks("ann", 13)) == 13
    held = [each.document for each in learnt.tasks("bob", 5)]
    decide_batch(learnt, 10)
    learnt.learn()
    with learnt.writing() as connection:
        gone = give_way(connection, 1, "bob")
        old = sa.select(LEASE.c.reviewer).join(DRAW, sa.and_(*(LEASE.c[key] == DRAW.c[key] for key in PLACE)))
        old = old.where(DRAW.c.batch == 3, DRAW.c.is_open)
        left = set(connection.execute(old).scalars())
        assert (gone > 0, give_way(connection, 1, "bob")) == (True, 0)
    assert left <= {"ann"}
    assert gone <= len(held)


def test_pages_hear_of_a_new_batch(learnt, server_of):
    stream = server_of(learnt)
    line = next(stream)["learning"]
    assert (line["batch"], line["n_waiting"], line["stage"]) == (3, 10, "stopped")
    decide_batch(learnt, 10)
    said = next(each for each in stream if each["learning"]["n_waiting"] == 0)
    assert len(said["documents"]) <= 10
    learnt.learn()
    assert next(each for each in stream if each["learning"]["batch"] == 4)["learning"]["n_waiting"] == 10


@pytest.mark.slow
def test_whoever_leads_lets_a_worker_go_on_that_has_stopped(bare, serve, client):
    server = serve(bare, learn=OPTIONS)
    ann = client(server)

    def until(right):
        end = time.monotonic() + 120
        while not (found := right(ann.get("/api/learning").json)):
            assert time.monotonic() < end
            time.sleep(0.1)
        return found

    until(lambda told: told["learning"] and told["learning"]["line"]["alive"] and told["learning"]["batches"])
    assert ann.post("/api/learning", {}).status == 409
    server.learning.close()
    told = ann.get("/api/learning").json
    assert (told["learning"]["line"]["stage"], told["starts"], told["starting"]) == ("stopped", True, False)
    assert ann.post("/api/learning", {"labels": ["HUM", "HUM", "NUM"]}).json["starting"]
    until(lambda told: told["learning"]["line"]["alive"] and not told["starting"])
    assert bare.label_names == ["HUM", "NUM"]
    assert len(bare.learning.batches) == 1


@pytest.fixture
def server_of(serve):
    """server_of(project): what a server tells an open page of changes, one after the other."""
    connections = []

    def listen(project):
        connection = http.client.HTTPConnection("127.0.0.1", serve(project).port, timeout=60)
        connections.append(connection)
        connection.request("GET", "/api/changes?after=0", headers={"Cal-Reviewer": "ann"})
        lines = iter(connection.getresponse().readline, b"")
        return (said for line in lines if line.startswith(b"data: ") if (said := json.loads(line[6:]))["learning"])

    yield listen
    for each in connections:
        each.close()
