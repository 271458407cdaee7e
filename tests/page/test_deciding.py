"""Tasks, decisions, undo, history and guidelines, as the server answers them."""

from __future__ import annotations

import http.client
import json
import uuid

import pytest
import sqlalchemy as sa

from cal.annotation.decisions.decision import Decision
from cal.annotation.store.evidence import packed_neighbours
from cal.annotation.store.schema import DOCUMENT, SUGGESTION


def tasks(who, **asked):
    answer = who.post("/api/tasks", asked)
    assert answer.status == 200, answer.message
    return answer.json


def ids(found):
    return [each["document"] for each in found["tasks"]]


def decide(who, task, action="keep", **more):
    sent = {name: task[name] for name in ("document", "queue", "position", "digest", "version", "run", "seen")}
    decision = {**sent, "id": str(uuid.uuid4()), "action": action, **more}
    answer = who.post("/api/decisions", {"decisions": [decision]})
    assert answer.status == 200, answer.message
    return decision["id"]


def undo(who, event=None):
    return who.post("/api/undo", {"id": str(uuid.uuid4()), "event": event})


def test_tasks_are_kept_until_they_are_decided(ann):
    first = tasks(ann, n=3)
    assert ids(tasks(ann, n=5))[:3] == ids(first)
    decide(ann, first["tasks"][0])
    assert ids(tasks(ann, n=2)) == ids(first)[1:]


def test_reviewers_get_different_documents(server, ann, client):
    bob = client(server, "Bob")
    assert not set(ids(tasks(ann, n=5))) & set(ids(tasks(bob, n=5)))


def test_a_document_that_is_taken_back_is_the_next_one_again_although_others_wait(ann):
    first = tasks(ann, n=10)["tasks"]
    decide(ann, first[0])
    decide(ann, first[1])
    assert len(ids(tasks(ann, n=10))) == 10  # two more were fetched
    assert undo(ann).json["documents"] == [first[1]["document"]]
    assert undo(ann).json["documents"] == [first[0]["document"]]
    assert ids(tasks(ann, n=3)) == [each["document"] for each in first[:3]]


def test_nobody_else_gets_what_was_taken_back(server, ann, client):
    first = tasks(ann, n=1)["tasks"][0]
    decide(ann, first)
    undo(ann)
    assert first["document"] not in ids(tasks(client(server, "Bob"), n=30))


def test_what_undo_would_take_back_is_told_before(small, ann):
    assert ann.get("/api/undo/next").json == {"next": None}
    event = decide(ann, tasks(ann)["tasks"][0])
    found = ann.get("/api/undo/next").json["next"]
    assert (found["event"], found["n_documents"], found["action"], found["bulk"]) == (event, 1, "keep", False)
    bulk = str(uuid.uuid4())
    small.decide_all([Decision(f"q{i}", "exclude", reviewer="ann") for i in range(20)], bulk=bulk)
    found = ann.get("/api/undo/next").json["next"]
    assert (found["event"], found["n_documents"], found["action"], found["bulk"]) == (bulk, 20, "exclude", True)
    assert len(found["documents"]) == 10
    assert len(found["numbers"]) == 20
    assert undo(ann, bulk).json == found
    assert ann.get("/api/undo/next").json["next"]["event"] == event


def test_undo_takes_back_only_what_the_reviewer_did(server, ann, client):
    decide(client(server, "Bob"), tasks(client(server, "Bob"))["tasks"][0])
    answer = undo(ann)
    assert answer.status == 400
    assert "decided nothing that can be undone" in answer.message


def test_what_is_hidden_is_not_sent(ann):
    shown, hidden = tasks(ann, n=1)["tasks"][0], tasks(ann, n=1, hidden=True)["tasks"][0]
    assert shown["given"] in ("HUM", "LOC", "NUM")
    assert [hidden[name] for name in ("given", "label", "suggestion", "point", "curves", "came_back")] == [None] * 6
    assert (hidden["verdicts"], hidden["neighbours"]) == ([], [])
    assert [each["label"] for each in hidden["ranking"]] == ["HUM", "LOC", "NUM"]
    assert {each["p"] for each in hidden["ranking"]} == {None}
    number = hidden["number"]
    decide(ann, hidden, "relabel", label="NUM")
    opened = ann.get(f"/api/document?number={number}&hidden=true").json
    assert (opened["given"], opened["label"], opened["state"], opened["verdicts"]) == (None, None, "undecided", [])
    history = ann.get(f"/api/history?number={number}&hidden=true").json
    assert history["given"] == []
    assert [each["label"] for each in history["events"]] == ["NUM"]


def test_the_history_of_a_document_tells_what_was_taken_back(small, server, ann, client):
    task = tasks(ann)["tasks"][0]
    decide(ann, task, "relabel", label="NUM" if task["given"] != "NUM" else "HUM", comment="Sure?", seconds=1.5)
    undo(ann)
    small.decide(task["document"], "keep", reviewer="Bob")
    found = ann.get(f"/api/history?number={task['number']}").json
    told = [(each["reviewer"], each["action"], each["undone"], each["comment"]) for each in found["events"]]
    assert told == [("ann", "relabel", True, "Sure?"), ("ann", "undo", False, None), ("Bob", "keep", False, None)]
    assert found["given"] == [task["given"]]
    assert ann.get("/api/history?number=999").status == 404


def test_blind_double_review_hides_the_other_reviewer(small, server, ann, client):
    small.queue(order="random", name="double", double_share=1.0)
    bob = client(server, "Bob")
    (task,) = tasks(ann, n=1)["tasks"]
    assert task["blind"]
    decide(ann, task, "exclude", comment="Not a question")
    theirs = next(each for each in tasks(bob, n=30)["tasks"] if each["document"] == task["document"])
    assert theirs["verdicts"] == []
    number = task["number"]
    opened = bob.get(f"/api/document?number={number}").json
    for view in (theirs, opened):
        assert (view["verdicts"], view["state"], view["label"]) == ([], "undecided", view["given"])
    assert ann.get(f"/api/document?number={number}").json["state"] == "excluded"
    assert bob.get(f"/api/history?number={number}").json["events"] == []
    assert [each["action"] for each in ann.get(f"/api/history?number={number}").json["events"]] == ["exclude"]
    decide(bob, theirs)
    assert len(bob.get(f"/api/history?number={number}").json["events"]) == 2


def test_what_is_left_is_told_when_there_is_nothing_for_a_reviewer(small, server, ann, client):
    bob = client(server, "Bob")
    mine = tasks(bob, n=4)["tasks"]
    for each in tasks(ann, n=30)["tasks"]:
        decide(ann, each, "skip" if each["position"] % 2 else "keep")
    skipped = sum(row["is_open"] for row in _draws(small)) - 4
    found = tasks(ann)
    assert found["tasks"] == []
    assert found["left"] == {"n_skipped": skipped, "n_second": 0, "n_with_others": 4}
    for each in mine:
        decide(bob, each)
    assert tasks(ann)["left"] == {"n_skipped": skipped, "n_second": 0, "n_with_others": 0}
    assert tasks(bob, n=1)["left"] is None


def _draws(project):
    with project.reading() as connection:
        return list(connection.exec_driver_sql("SELECT is_open FROM draw").mappings())


def test_guidelines_are_not_overwritten_by_who_has_not_read_them(small, ann):
    small.write_guidelines("Old.")
    put = {"guidelines": "# New\n\n<script>alert(1)</script>", "before": "Old."}
    assert ann.ask("PUT", "/api/guidelines", put).json == {"guidelines": put["guidelines"]}
    answer = ann.ask("PUT", "/api/guidelines", put)
    assert answer.status == 409
    assert "changed the guidelines meanwhile" in answer.message
    assert ann.get("/api/about").json["guidelines"] == put["guidelines"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"action": "relabel", "label": "XYZ"}, "XYZ"),
        ({"action": "relabel"}, "relabel needs a label"),
        ({"action": "comment"}, "comment needs a comment"),
        ({"action": "keep", "document": "nobody"}, "nobody"),
        ({"action": "keep", "id": "7"}, "must be a UUID"),
    ],
)
def test_a_decision_that_cannot_be_taken_says_why_and_changes_nothing(small, ann, more, told):
    decision = {"id": str(uuid.uuid4()), "document": "q1", **more}
    good = {"id": str(uuid.uuid4()), "document": "q2", "action": "keep"}
    answer = ann.post("/api/decisions", {"decisions": [good, decision]})
    assert answer.status == 400
    assert told in answer.message
    assert small.counts()["kept"] == 0


def test_similar_documents_come_with_their_labels_of_now(ann, small):
    corpus = small.to_frame()[["id", "label"]]
    scores = {"likely": "LOC", "p_wrong": 0.5, "p_label": 0.1, "p_likely": 0.8, "score": 0.5, "why": "Look."}
    small.import_corpus(suspects=corpus.assign(**scores, rank_aum=1))
    with small.writing() as connection:
        numbers = dict(connection.execute(sa.select(DOCUMENT.c.external_id, DOCUMENT.c.id)).all())
        near = packed_neighbours([(numbers["q4"], 0.75), (numbers["q8"], 0.5)])
        connection.execute(sa.update(SUGGESTION).values(neighbours=near))
    small.decide("q4", "relabel", "HUM", reviewer="Bob")
    small.queue(order="random", name="with suspects", filter="id=q1")
    for view in (tasks(ann)["tasks"][0], ann.get(f"/api/document?number={numbers['q1']}").json):
        told = [(each["document"], each["label"], each["state"], each["similarity"]) for each in view["neighbours"]]
        assert told == [("q4", "HUM", "relabelled", 0.75), ("q8", "NUM", "undecided", 0.5)]
        assert view["neighbours"][0]["text"] == "Who is 4?"


def test_a_browser_that_connects_again_hears_only_what_is_new(ann, server):
    for task in tasks(ann, n=2)["tasks"]:
        decide(ann, task)
    seq = ann.get("/api/about").json["seq"]
    heard = []
    for headers in ({}, {"Last-Event-ID": str(seq - 1)}):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/api/changes?after=0", headers=headers)
        stream = connection.getresponse()
        line = next(line for line in stream if line.startswith(b"data: "))
        heard.append(json.loads(line.removeprefix(b"data: ")))
        connection.close()
    assert [each["seq"] for each in heard] == [seq, seq]
    assert [len(each["documents"]) for each in heard] == [2, 1]
