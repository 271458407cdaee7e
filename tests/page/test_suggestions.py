"""Labels by other models at the server: what is sent, what blind mode keeps back, and what is accepted in bulk."""

from uuid import uuid4

import pytest


@pytest.fixture
def suggested(small):
    """Two models, of which the second labels two documents only."""
    ids = [each.id for each in small.documents()]
    small.import_suggestions({"id": ids, "label": "HUM", "score": 0.75, "why": "It asks who."}, source="gpt")
    small.import_suggestions({"id": ids[:2], "label": "LOC"}, source="rules")
    return small


def test_what_models_say_is_sent_and_kept_back_in_blind_mode(suggested, serve, client, number):
    ann = client(serve(suggested))
    path = f"/api/document?number={number(suggested, next(suggested.documents()).id)}"
    view = ann.get(path).json
    said = [(each["source"], each["label"], each["score"], each["why"]) for each in view["suggestions"]]
    assert said == [("gpt", "HUM", 0.75, ["It asks who."]), ("rules", "LOC", None, [])]
    assert view["seen"]["suggestions"]["gpt"] == {"label": "HUM", "score": 0.75}
    hidden = ann.get(f"{path}&hidden=true").json
    assert hidden["suggestions"] == []
    assert hidden["seen"] == {"hidden": True}
    assert all(each["p"] is None for each in hidden["ranking"])


def test_labels_of_a_model_are_counted_and_accepted(suggested, serve, client):
    ann = client(serve(suggested))
    n = len(list(suggested.documents()))
    counted = ann.post("/api/count", {"selection": {}}).json
    assert counted["sources"] == [{"source": "gpt", "n": n}, {"source": "rules", "n": 2}]
    asked = {"id": str(uuid4()), "selection": {}, "action": "relabel", "source": "rules", "count": n}
    assert ann.post("/api/bulk", asked).status == 409  # two can be accepted
    assert ann.post("/api/bulk", asked | {"count": 2}).json["n_documents"] == 2
    assert ann.post("/api/bulk", asked | {"count": 2}).json["known"]  # sent again
    assert suggested.source("rules").n_accepted == 2
    assert suggested.check() == []
    wrong = ann.post("/api/bulk", asked | {"id": str(uuid4()), "action": "keep"})
    assert (wrong.status, "must be relabel" in wrong.message) == (400, True)
    assert ann.post("/api/bulk", asked | {"id": str(uuid4()), "source": "nobody"}).status == 400


def test_documents_are_sorted_by_how_sure_a_model_is(suggested, serve, client):
    ann = client(serve(suggested))
    scores = {each["name"]: each["told"] for each in ann.get("/api/scores").json["scores"]}
    assert scores["gpt.score"] == "how sure gpt is"
    assert scores["disagreement"] == "how many different labels models give"
    first = ann.get("/api/documents?sort=disagreement&limit=2").json["rows"]
    assert {each["document"] for each in first} == {each.id for each in suggested.documents(filter="sources=differ")}
