"""Labels, links and events on the page: who may change them, and that they are those of the project."""

import uuid
from collections import Counter
from uuid import uuid4

import pytest

from cal.annotation.decisions.decision import Decision
from cal.annotation.store.reviewer_links import make_links, set_lead

CHANGES = {
    "/api/labels/rename": {"old": "HUM", "new": "person"},
    "/api/labels/merge": {"old": "HUM", "into": "LOC", "count": 10},
    "/api/labels/recolour": {"name": "HUM", "colour": "#123456"},
    "/api/labels/reorder": {"names": ["NUM", "LOC"]},
    "/api/links": {"name": "cy"},
    "/api/links/new": {"name": "bob"},
    "/api/links/remove": {"name": "bob"},
}
READS = ("/api/labels", "/api/reviewers", "/api/events", "/api/progress", "/api/progress/line", "/api/disagreements")


@pytest.fixture
def team(small, serve, client):
    """A server that ann leads and bob has a link to; their clients, and one without a session."""
    set_lead(small, "ann")
    secrets = make_links(small, ["ann", "bob"])
    server = serve(small, host="0.0.0.0")
    cookie = server.access.cookie
    ann, bob = (client(server, None, Cookie=f"{cookie}={secrets[name]}") for name in ("ann", "bob"))
    return ann, bob, client(server, None)


@pytest.mark.parametrize("path", CHANGES)
def test_only_whoever_leads_changes_labels_and_links(small, team, path):
    ann, bob, stranger = team
    before = (small.labels, len(small.events()))
    refused = bob.post(path, CHANGES[path])
    assert (refused.status, refused.json["error"]["kind"]) == (403, "access")
    assert "Only whoever leads the project" in refused.message
    assert stranger.post(path, CHANGES[path]).status == 401
    assert (small.labels, len(small.events())) == before
    assert bob.get("/api/about").status == 200  # the link still works
    assert ann.post(path, CHANGES[path]).status == 200


@pytest.mark.parametrize("path", READS)
def test_everybody_with_a_link_may_look(team, path):
    ann, bob, stranger = team
    assert (ann.get(path).status, bob.get(path).status, stranger.get(path).status) == (200, 200, 401)


def uses(client):
    return {each["name"]: each for each in client.get("/api/labels").json["labels"]}


def test_labels_say_how_many_documents_have_them(small, ann):
    decisions = [Decision("q0", "relabel", label="LOC"), Decision("q3", "relabel", label="NUM"), Decision("q1", "keep")]
    small.decide_all([*decisions, Decision("q2", "ambiguous"), Decision("q4", "skip")])
    assert [(each["n_given"], each["n_now"], each["n_either"]) for each in uses(ann).values()] == [
        (10, 8, 10),
        (10, 11, 11),
        (10, 11, 11),
    ]
    now = Counter(small.document(f"q{i}").label for i in range(30))
    assert {name: each["n_now"] for name, each in uses(ann).items()} == dict(now)


def test_labels_are_renamed_recoloured_and_put_into_another_order(small, ann):
    assert ann.post("/api/labels/rename", {"old": "HUM", "new": "a person"}).json["labels"][0]["name"] == "a person"
    assert ann.post("/api/labels/recolour", {"name": "LOC", "colour": "#123456"}).status == 200
    order = ["NUM", "a person", "LOC"]
    assert [each["name"] for each in ann.post("/api/labels/reorder", {"names": order}).json["labels"]] == order
    assert small.label_names == order
    assert small.labels[2].colour == "#123456"
    for path, body, told in [
        ("rename", {"old": "LOC", "new": "NUM"}, "There is a label 'NUM' already"),
        ("rename", {"old": "nothing", "new": "x"}, "Unknown label 'nothing'"),
        ("rename", {"old": "LOC", "new": " "}, "not blank"),
        ("recolour", {"name": "LOC", "colour": "red; background: 0"}, "six hexadecimal digits"),
    ]:
        answer = ann.post(f"/api/labels/{path}", body)
        assert (answer.status, told in answer.message) == (400, True), answer.message
    actions = [each["action"] for each in ann.get("/api/events").json["events"]]
    assert actions[:3] == ["reorder_labels", "recolour_label", "rename_label"]


def test_a_merge_is_refused_if_its_number_of_documents_has_changed_since(small, ann):
    count = uses(ann)["HUM"]["n_either"]
    small.decide("q1", "relabel", "HUM")
    refused = ann.post("/api/labels/merge", {"old": "HUM", "into": "LOC", "count": count})
    assert (refused.status, refused.json["error"]["facts"]) == (409, {"count": count + 1})
    assert "HUM" in small.label_names
    assert ann.post("/api/labels/merge", {"old": "HUM", "into": "LOC", "count": count + 1}).status == 200
    assert small.label_names == ["LOC", "NUM"]
    assert uses(ann)["LOC"] == uses(ann)["LOC"] | {"n_given": 20, "n_now": 20, "n_either": 20}
    assert small.check() == []


def test_a_link_is_made_once_replaced_and_taken_away(small, team, client):
    ann, bob, stranger = team
    made = ann.post("/api/links", {"name": "cy <b>"}).json
    token = made["path"].removeprefix("/#token=")
    opened = stranger.post("/api/session", {"token": token})
    assert opened.json == {"reviewer": "cy <b>"}
    again = ann.post("/api/links", {"name": "cy <b>"})
    assert again.status == 409
    assert token not in again.body.decode()
    for path in (*READS, "/api/about"):
        assert token not in ann.get(path).body.decode()
    assert ann.post("/api/links/new", {"name": "cy <b>"}).json["path"] != made["path"]
    assert stranger.post("/api/session", {"token": token}).status == 401
    named = {
        each["name"]: each["has_link"] for each in ann.post("/api/links/remove", {"name": "bob"}).json["reviewers"]
    }
    assert named == {"ann": True, "bob": False, "cy <b>": True}
    assert bob.get("/api/about").status == 401
    assert ann.post("/api/links/new", {"name": "bob"}).status == 404
    assert ann.post("/api/links", {"name": "bob"}).status == 200


def test_whoever_leads_cannot_lock_themselves_out(team):
    ann, _, _ = team
    assert ann.post("/api/links/remove", {"name": "ann"}).status == 409
    renewed = ann.post("/api/links/new", {"name": "ann"})
    assert ann.get("/api/about").status == 401  # the old cookie
    ann.headers["Cookie"] = renewed.headers["set-cookie"].partition(";")[0]
    assert ann.get("/api/about").json["leads"]


def test_a_server_for_this_machine_hands_out_no_links(small, ann):
    for path in ("/api/links", "/api/links/new", "/api/links/remove"):
        refused = ann.post(path, {"name": "bob"})
        assert (refused.status, "--host" in refused.message) == (409, True)
    assert not ann.get("/api/reviewers").json["links"]


def all_events(client, n):
    pages, before = [], None
    while True:
        page = client.get(f"/api/events?n={n}" + ("" if before is None else f"&before={before}")).json
        pages.append(page["events"])
        if (before := page["before"]) is None:
            return [event for page in pages for event in page]


@pytest.mark.parametrize("n", [1, 3, 200])
def test_each_event_is_told_once_and_a_bulk_decision_in_one_row(small, ann, n):
    bulk, imported = str(uuid.uuid4()), str(uuid.uuid4())
    small.decide("q0", "relabel", "NUM", reviewer="bob")
    small.decide_all([Decision(f"q{i}", "keep", reviewer="ann") for i in range(1, 9)], bulk=bulk)
    small.decide("q9", "keep", reviewer="ann")
    small.decide_all([Decision("q10", "keep"), Decision("q11", "exclude")], bulk=imported)
    small.decide_all([Decision("q12", "keep", reviewer="ann")], bulk=bulk)  # later, so that it is in two pieces
    small.undo(reviewer="bob")
    small.add_label("x")
    rows = all_events(ann, n)
    told = [(each["action"], each["reviewer"], each["n"], each["undone"], each["mine"]) for each in rows]
    assert told == [
        ("add_label", "reviewer", 1, False, False),
        ("undo", "bob", 1, False, False),
        ("keep", "ann", 9, False, True),
        ("decide", "reviewer", 2, False, False),
        ("keep", "ann", 1, False, True),
        ("relabel", "bob", 1, True, False),
        ("add_label", "cal", 3, False, False),
    ]
    assert rows[2]["id"] == bulk
    assert (rows[5]["document"], rows[5]["old"], rows[5]["new"]) == ("q0", "HUM", "NUM")


def test_ones_own_bulk_decision_is_taken_back_from_its_row(small, ann):
    bulk = str(uuid.uuid4())
    small.decide_all([Decision(f"q{i}", "keep", reviewer="ann") for i in range(8)], bulk=bulk)
    row = ann.get("/api/events").json["events"][0]
    assert ann.post("/api/undo", {"id": str(uuid.uuid4()), "event": row["id"]}).json["n_documents"] == 8
    undo, keep = ann.get("/api/events").json["events"][:2]
    assert (undo["action"], keep["undone"], keep["mine"]) == ("undo", True, False)
    assert small.counts()["undecided"] == 30


def test_events_hide_what_a_first_reviewer_said_while_a_second_decides_blindly(small, ann, client):
    small.queue(order="random", filter="id=q4", double_share=1, name="double")
    small.decide_all([small.next("bob", "double").decision("relabel", "NUM", comment="clearly a number")])
    row = ann.get("/api/events").json["events"][0]
    assert (row["action"], row["reviewer"], row["blind"]) == ("decide", "bob", True)
    assert (row["old"], row["new"], row["comment"]) == (None, None, None)
    own = client(ann.server, "bob").get("/api/events").json["events"][0]
    assert (own["action"], own["new"], own["comment"]) == ("relabel", "NUM", "clearly a number")
    small.decide_all([small.next("ann", "double").decision("keep")])
    assert [each["new"] for each in ann.get("/api/events").json["events"][:2]] == ["LOC", "NUM"]


def test_only_whoever_leads_takes_back_what_others_decided(small, team):
    ann, bob, _ = team
    (by_ann,) = ann.decide("q0", "skip").json["recorded"]
    (by_bob,) = bob.decide("q1", "skip").json["recorded"]
    refused = bob.post("/api/undo", {"id": str(uuid4()), "event": by_ann["id"]})
    assert (refused.status, refused.json["error"]["kind"]) == (403, "access")
    assert small.document("q0").state == "skipped"
    for client, event in ((ann, by_bob), (ann, by_ann)):
        assert client.post("/api/undo", {"id": str(uuid4()), "event": event["id"]}).status == 200
    assert small.document("q1").state == "undecided"
    (again,) = bob.decide("q1", "skip").json["recorded"]
    assert bob.post("/api/undo", {"id": str(uuid4()), "event": again["id"]}).status == 200
