"""The labelling page's server on each kind of database: its main routes, and the orders that it keeps in memory."""

import http.client
import json
import uuid
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from cal.annotation.decisions.decision import Decision
from cal.annotation.store.schema import MAP_POINT, SUGGESTION
from cal.page import Server
from cal.page.warming import warm


class Asker:
    """A reviewer's browser."""

    def __init__(self, server, reviewer="ann"):
        self.port, self.headers = server.port, {"Cal-Reviewer": reviewer, "Content-Type": "application/json"}

    def raw(self, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request("GET" if body is None else "POST", f"/api/{path}", sent, self.headers)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said
            return said
        finally:
            connection.close()

    def __call__(self, path, body=None):
        return json.loads(self.raw(path, body))

    def decide(self, task, action, label=None):
        told = {name: task[name] for name in ("document", "queue", "position", "digest", "version", "run", "seen")}
        decision = {"id": str(uuid.uuid4()), "action": action, "label": label, **told}
        return self("decisions", {"decisions": [decision]})["recorded"][0]

    def ids(self, **asked):
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in asked.items())
        return [row["document"] for row in self(f"documents?limit=500&{query}")["rows"]]


@pytest.fixture
def ann(reviews):
    """Ann before the page of a project with a ranking, a map and a queue."""
    reviews.queue(by="p_wrong", order="ranked")
    with Server(reviews, port=0).start() as server:
        yield Asker(server)


def test_a_session(ann, reviews):
    about = ann("about")
    assert (about["n_documents"], [run["kind"] for run in about["runs"]]) == (24, ["suspects", "map"])
    first, second, *_ = ann("tasks", {"n": 5})["tasks"]
    assert [first["document"], second["document"]] == ["q23", "q22"]
    assert ann.decide(first, "keep")["state"] == "kept"
    assert ann.decide(second, "relabel", "HUM")["state"] == "relabelled"
    assert ann("document?number=23")["label"] == "HUM"
    assert [each["action"] for each in ann("history?number=23")["events"]] == ["relabel"]
    undone = ann("undo", {"id": str(uuid.uuid4())})
    assert (undone["documents"], undone["action"]) == (["q22"], "relabel")
    assert ann("tasks", {"n": 1})["tasks"][0]["document"] == "q22"
    assert ann("undo/next")["next"]["documents"] == ["q23"]
    line, progress = ann("progress/line?estimate=true"), ann("progress")
    assert line["decided"] == progress["decided"] == 1
    assert [each["action"] for each in ann("events")["events"][:3]] == ["undo", "relabel", "keep"]
    assert reviews.status().decided == 1


def test_selections_are_counted_decided_and_undone(ann):
    selection = {"filter": "given=LOC and p_wrong>=.5"}
    found = ann("count", {"selection": selection})
    assert found["count"] == len(ann.ids(filter=selection["filter"])) == 4
    bulk = {"id": str(uuid.uuid4()), "selection": selection, "action": "keep", "count": found["count"]}
    assert ann("bulk", bulk)["n_documents"] == 4
    assert ann.ids(filter="state=kept") == ann.ids(filter=selection["filter"])
    assert ann("undo", {"id": str(uuid.uuid4()), "event": bulk["id"]})["n_documents"] == 4
    assert ann.ids(filter="state=kept") == []
    square = [[0.0, 0.4], [0.2, 0.4], [0.2, 0.0], [0.0, 0.0]]
    lasso = {"run": 2, "polygon": square}
    assert ann("count", {"selection": {"lasso": lasso}})["count"] == len(ann.ids(filter="confidence<.4"))
    made = ann("queues", {"selection": {"lasso": lasso}, "order": "ranked"})["queue"]
    assert made["n_documents"] == len(ann.ids(queue=made["number"]))


def test_the_map_and_its_colours(ann):
    for colour in [each["colour"] for each in ann("map/colours?run=2")["colours"]]:
        packed = ann.raw(f"map?run=2&colour={quote(colour)}")
        header = json.loads(packed[4 : 4 + int.from_bytes(packed[:4], "little")])
        assert (header["total"], header["in_view"], header["n_epochs"]) == (24, 24, 0)
    assert ann("map/document?number=1")["document"] == "q0"


def test_changes_and_exports(ann, reviews):
    seq = ann("about")["seq"]
    reviews.decide("q7", "relabel", "NUM", reviewer="bob")
    connection = http.client.HTTPConnection("127.0.0.1", ann.port, timeout=30)
    connection.request("GET", f"/api/changes?after={seq}", headers=ann.headers)
    stream = connection.getresponse()
    while not (line := stream.readline()).startswith(b"data: "):
        pass
    changes = json.loads(line.removeprefix(b"data: "))
    connection.close()
    assert changes["documents"] == [{"number": 8, "state": "relabelled", "label": "NUM"}]
    assert b"q7" in ann.raw("export?format=csv")


@pytest.mark.parametrize(
    ("sort", "key", "high_first"),
    [
        ("p_wrong", "p_wrong", True),
        ("-p_wrong", "p_wrong", False),
        ("confidence", "confidence", False),
        ("+confidence", "confidence", True),
        ("p_label", "p_label", False),
        ("aum", "aum", False),
        ("-rank", "rank", False),
    ],
)
def test_documents_by_a_score_of_a_run(ann, sort, key, high_first):
    scores = {f"q{i}": {"p_wrong": i / 24, "confidence": 1 - i / 24, "p_label": 1 - i / 24} for i in range(24)}
    for i in range(24):
        scores[f"q{i}"] |= {"aum": -i, "rank": 24 - i}
    del scores["q0"]["p_wrong"]  # it has none, and comes last
    known = sorted((id for id in scores if key in scores[id]), key=lambda id: scores[id][key], reverse=high_first)
    expected = [*known, *(id for id in scores if key not in scores[id])]
    assert ann.ids(sort=sort) == expected
    assert ann.ids(sort=sort) == expected  # from memory
    assert ann.ids(sort=sort, filter="split=test") == [id for id in expected if int(id[1:]) % 5 == 0]
    parts, after = [], ""
    while after is not None:
        part = ann(f"documents?limit=5&sort={quote(sort)}" + (f"&after={quote(after)}" if after else ""))
        parts += [row["document"] for row in part["rows"]]
        after = part["next"]
    assert parts == expected


def test_decided_documents_leave_an_order_in_memory_only_by_the_filter(ann, reviews):
    ann.ids(sort="p_wrong")
    reviews.decide_all([Decision("q23", "keep", reviewer="bob")])
    assert ann.ids(sort="p_wrong")[0] == "q23"
    assert ann.ids(sort="p_wrong", filter="state=undecided")[0] == "q22"


def test_the_usual_order_and_all_names_are_read_beforehand(reviews):
    warm(reviews).join()
    statements = []
    with Server(reviews, port=0).start() as server:
        server._warming.join()
        sa.event.listen(reviews.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        assert Asker(server).ids(sort="p_wrong", filter="confidence<.2")[0] == "q23"
    ordered = [each for each in statements if "p_wrong" in each and "WHERE document.id" not in each]
    assert not [each for each in statements if "json" in each and "metrics" in each]
    assert not [each for each in ordered if str(SUGGESTION.name) in each and str(MAP_POINT.name) not in each]
