"""Selections: counted, decided in bulk and made into queues by a real server."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cal.annotation.queues.filters import Condition, Filter
from cal.annotation.store.schema import DOCUMENT, DRAW, EVENT
from cal.page.models.selections import DocumentSelection
from cal.page.selections import resolve

LABELS = ["HUM", "LOC", "NUM"]


def bulk(client, selection, count, action="keep", **more):
    asked = {"id": str(uuid.uuid4()), "selection": selection, "action": action, "count": count}
    return client.post("/api/bulk", asked | more)


def test_all_that_is_given_must_hold(ann, small, number):
    small.decide("q1", "relabel", "HUM", reviewer="bob")
    some = [number(small, each) for each in ("q0", "q1", "q2")]
    for selection, count in (
        ({}, 30),
        ({"filter": "given=HUM"}, 10),
        ({"numbers": [*some, 999]}, 3),
        ({"filter": "given=HUM", "numbers": some}, 1),
        ({"numbers": []}, 0),
        ({"queue": 1, "filter": "state=decided"}, 1),
        ({"queue": 7}, 0),
    ):
        assert ann.post("/api/count", {"selection": selection}).json["count"] == count, selection
    found = ann.post("/api/count", {"selection": {"numbers": [*some[1:], number(small, "q4")]}}).json
    assert found["states"] == {"relabelled": 1, "undecided": 2}
    assert found["given"] == [{"label": "LOC", "n": 2}, {"label": "NUM", "n": 1}]
    assert ann.post("/api/count", {"selection": {"filter": "given=HUX"}}).status == 400
    assert ann.post("/api/count", {"selection": {"lasso": {"run": 1, "polygon": [[0, 0]]}}}).status == 422


def test_withdrawn_documents_never_belong_to_a_selection(ann, small, number):
    corpus = {"id": ["q0", "q1"], "text": ["Who is 0?", "Who is 1?"], "label": ["HUM", "LOC"], "year": [0, 1]}
    small.import_corpus(corpus, accept=True)
    assert (
        ann.post("/api/count", {"selection": {"numbers": [number(small, f"q{i}") for i in range(3)]}}).json["count"]
        == 2
    )
    assert bulk(ann, {"numbers": [number(small, "q2")]}, 1).status == 409


numbers = st.lists(st.integers(0, 32), max_size=12)
conditions = st.one_of(
    st.builds(Condition, st.just("given"), st.sampled_from(["=", "!="]), st.lists(st.sampled_from(LABELS), min_size=1)),
    st.builds(Condition, st.just("year"), st.sampled_from(["<", ">="]), st.tuples(st.integers(0, 30).map(str))),
    st.builds(Condition, st.just("text"), st.just("~"), st.tuples(st.sampled_from(["1", "who", "'; --", "%"]))),
    st.builds(Condition, st.just("state"), st.just("="), st.tuples(st.sampled_from(["undecided", "kept", "decided"]))),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(conditions, max_size=3), st.none() | numbers)
def test_a_selection_is_what_its_conditions_mean(small, some, chosen):
    for i in (1, 2, 3):
        if small.counts()["kept"] < 3:
            small.decide(f"q{i}", "keep")
    with small.reading() as connection:
        numbers = dict(connection.execute(sa.select(DOCUMENT.c.external_id, DOCUMENT.c.id)).all())
        selection = DocumentSelection(filter=str(Filter(tuple(some))), numbers=chosen)
        found = resolve(small, connection, selection)
    wanted = [numbers[each.id] for each in small.documents(filter=str(Filter(tuple(some))))]
    assert found.tolist() == [each for each in wanted if chosen is None or each in chosen]
    assert found.dtype == np.int64


def test_a_bulk_decision_is_taken_once_and_undone_as_a_whole(ann, small):
    asked = {"id": str(uuid.uuid4()), "selection": {"filter": "state=undecided"}, "action": "keep", "count": 30}
    first = ann.post("/api/bulk", asked).json
    assert first == {"id": asked["id"], "n_documents": 30, "known": False, "numbers": list(range(1, 31))}
    again = ann.post("/api/bulk", asked).json  # although nothing is undecided any more
    assert again == {"id": asked["id"], "n_documents": 30, "known": True, "numbers": []}
    with small.reading() as connection:
        ids = connection.execute(sa.select(EVENT.c.uuid).where(EVENT.c.bulk == asked["id"])).scalars().all()
    assert (len(set(ids)), asked["id"] in ids) == (30, False)
    undone = ann.post("/api/undo", {"id": str(uuid.uuid4())}).json
    assert (undone["n_documents"], undone["bulk"], small.counts()["undecided"]) == (30, True, 30)
    assert ann.post("/api/bulk", asked).json["known"]
    assert small.counts()["undecided"] == 30
    small.check()


def test_a_selection_of_another_size_is_refused_with_its_present_count(ann, client, server, small):
    assert client(server, "bob").decide("q1", "keep").status == 200
    answer = bulk(ann, {"filter": "state=undecided"}, 30, "exclude")
    assert (answer.status, answer.json["error"]["facts"]) == (409, {"count": 29})
    assert "You have confirmed 30 documents, and there are 29 now. Nothing was decided." in answer.message
    assert small.counts()["excluded"] == 0
    assert bulk(ann, {"filter": "state=undecided"}, 29, "exclude").json["n_documents"] == 29


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"action": "relabel"}, "relabel needs a label"),
        ({"action": "relabel", "label": "<script>"}, "Unknown label '<script>'"),
        ({"action": "burn"}, "Unknown action 'burn'"),
        ({"id": "1"}, "must be a UUID"),
    ],
)
def test_a_bulk_decision_that_cannot_be_taken_changes_nothing(ann, small, more, told):
    answer = bulk(ann, {}, 30, **more)
    assert answer.status == 400
    assert told in answer.message
    assert small.counts()["undecided"] == 30


def test_somebody_must_say_who_they_are(server, client):
    assert bulk(client(server, None), {}, 30).status == 401
    assert client(server, None).post("/api/queues", {}).status == 401


def test_a_queue_of_a_selection_holds_its_waiting_documents(ann, small, number):
    some = [number(small, each) for each in ("q1", "q2", "q3")]
    small.decide("q1", "keep")
    made = ann.post("/api/queues", {"selection": {"numbers": some}, "order": "random"}).json["queue"]
    assert (made["number"], made["n_documents"]) == (2, 2)
    assert made["filter"] == "3 documents that were chosen, of which those that fit state=undecided,returned"
    more = {"order": "ranked", "by": "column.year", "name": "all", "waiting": False, "double_share": 1}
    made = ann.post("/api/queues", {"selection": {"filter": "given=LOC"}, **more}).json["queue"]
    assert (made["name"], made["n_documents"], made["filter"]) == ("all", 10, "given=LOC")
    with small.reading() as connection:
        query = sa.select(DRAW.c.document_id, DRAW.c.n_reviewers).where(DRAW.c.queue_id == 3).order_by(DRAW.c.position)
        assert connection.execute(query).all() == [(number(small, f"q{i}"), 2) for i in range(28, 0, -3)]
    answer = ann.post("/api/queues", {"selection": {"numbers": some[:1]}, "order": "random"})
    assert "None of the 1 document that were chosen fits the filter state=undecided,returned" in answer.message
    assert ann.get("/api/about").json["queues"][1]["filter"].startswith("3 documents that were chosen")
    for queue in (1, 2, 3):
        assert small.reads(queue).n_documents in (30, 2, 10)


def test_scores_are_told_in_words(ann):
    found = ann.get("/api/scores").json
    assert found["usual"] == ""
    assert [(each["name"], each["kind"]) for each in found["scores"]] == [("year", "column")]
    assert found["scores"][0]["told"] == "column year of the corpus"
