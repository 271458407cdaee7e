"""The list of documents: in parts, in an order, and without what blind reviewers must not see."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cal.page import document_list
from cal.page.document_list import read_list
from cal.page.models.selections import DocumentSelection


def row_of(client, id, **parameters):
    """The row of a document."""
    return next(each for each in read(client, **parameters).json["rows"] if each["document"] == id)


def read(client, **parameters):
    return client.get(f"/api/documents?{urlencode(parameters)}")


def parts(project, limit, selection=None, reviewer="ann", sort=None):
    """All rows of a list, part by part."""
    after, rows = None, []
    while True:
        with project.reading() as connection:
            chosen = selection or DocumentSelection()
            part = read_list(project, connection, chosen, reviewer, sort=sort, after=after, limit=limit)
        rows += part.rows
        if (after := part.next) is None:
            return rows


def test_a_row_tells_what_a_list_shows(ann, small, number):
    small.decide("q1", "relabel", "HUM", reviewer="bob")
    found = read(ann, limit=2).json
    assert (found["total"], found["more"], found["sort"], found["filter"]) == (30, False, "corpus", "all")
    assert row_of(ann, "q1") == {
        **{
            "number": number(small, "q1"),
            "document": "q1",
            "text": "Who is 1?",
            "split": "train",
            "given": "LOC",
            "label": "HUM",
        },
        **{"suggested": None, "score": None, "p_wrong": None, "state": "relabelled", "came_back": None, "region": None},
        **{"reviewers": ["bob"], "value": None},
    }
    rest = read(ann, limit=28, after=found["next"]).json
    assert [each["number"] for each in rest["rows"]] == list(range(3, 31))
    assert rest["total"] is None
    assert read(ann, limit=28, after=rest["next"]).json["rows"] == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 31), st.sampled_from([None, "corpus", "year", "-year", "+year", "column.half", "queue"]))
def test_the_parts_hold_every_document_once_in_order(small_with_halves, limit, sort):
    project = small_with_halves
    queue = DocumentSelection(queue=1) if sort == "queue" else None
    rows = parts(project, limit, queue, sort=sort)
    found = [each.number for each in rows]
    assert sorted(found) == list(range(1, 31))
    values = [-1 if each.value is None else each.value for each in rows]
    if sort in ("year", "+year", "column.half"):
        assert values == sorted(values, reverse=True)
    if sort == "column.half":
        assert [each.value for each in rows].count(None) == 15
        assert found[15:] == sorted(found[15:])
    if sort == "-year":
        assert values == sorted(values)
    if sort == "queue":
        assert found == [each.number for each in parts(project, 100, queue)] != sorted(found)


@pytest.fixture
def small_with_halves(small):
    """Half of the documents have a number in the column half, some of them the same."""
    with small.writing() as connection:
        for number in range(1, 31, 2):
            row = f'{{"year": {number - 1}, "half": {number % 4}}}'
            connection.exec_driver_sql("UPDATE document SET columns = ? WHERE id = ?", (row, number))
    return small


def test_many_documents_are_not_counted(ann, monkeypatch):
    monkeypatch.setattr(document_list, "MOST_COUNTED", 20)
    found = read(ann, limit=5).json
    assert (found["total"], found["more"]) == (20, True)
    found = read(ann, limit=5, filter="given=HUM").json
    assert (found["total"], found["more"]) == (10, False)


@pytest.mark.parametrize(
    ("parameters", "status", "told"),
    [
        ({"filter": "given=HUX"}, 400, "Did you mean 'HUM'"),
        ({"filter": 'text~"'}, 400, "has no closing quote"),
        ({"sort": "doubt"}, 400, "Unknown score 'doubt'"),
        ({"sort": "queue"}, 400, "needs a queue"),
        ({"after": "5"}, 400, "after must be what an earlier part"),
        ({"after": "[1, null]"}, 400, "after must be what an earlier part"),
        ({"after": "[null, 18446744073709551615]"}, 400, "after must be what an earlier part"),
        ({"after": "[18446744073709551615, 1]", "queue": 1}, 400, "after must be what an earlier part"),
        ({"after": "[1, true]"}, 400, "after must be what an earlier part"),
        ({"limit": 100_000}, 422, "limit"),
    ],
)
def test_what_cannot_be_listed_is_said(ann, parameters, status, told):
    answer = read(ann, **parameters)
    assert (answer.status, told in answer.message) == (status, True), answer.message


def test_a_list_tells_nothing_about_a_blind_double_review(ann, client, server, small, number):
    small.queue(order="random", double_share=1.0)
    small.decide("q1", "relabel", "HUM", reviewer="bob")
    for reviewer in ("ann", None):
        asks = client(server, reviewer)
        row = row_of(asks, "q1")
        assert (row["state"], row["label"], row["reviewers"]) == ("undecided", "LOC", [])
        for told in ("state=relabelled", "state=decided", "reviewer=bob", "state!=undecided"):
            assert read(asks, filter=told).json["total"] == 0, told
            assert asks.post("/api/count", {"selection": {"filter": told}}).json["count"] == 0
        assert asks.post("/api/count", {"selection": {"numbers": [number(small, "q1")]}}).json["states"] == {
            "undecided": 1
        }
    row = row_of(client(server, "bob"), "q1")
    assert (row["state"], row["label"], row["reviewers"]) == ("relabelled", "HUM", ["bob"])
    small.decide("q1", "keep", reviewer="ann")
    row = row_of(ann, "q1")
    assert (row["state"], row["reviewers"]) == ("disagreement", ["ann", "bob"])


def test_a_filter_on_the_label_now_tells_nothing_about_a_blind_double_review(ann, small):
    small.queue(order="random", double_share=1.0)
    small.decide("q1", "relabel", "HUM", reviewer="bob")
    assert read(ann, filter="given=LOC and label=HUM").json["total"] == 0


def test_what_is_hidden_is_not_in_a_list(ann, small):
    small.decide("q1", "relabel", "HUM", reviewer="bob")
    rows = ann.post("/api/list", {"hidden": True, "sort": "year", "limit": 30}).json["rows"]
    assert len(rows) == 30
    told = {
        row[name] for row in rows for name in ("given", "label", "suggested", "score", "p_wrong", "region", "value")
    }
    assert told == {None}
    shown = ann.post("/api/list", {"sort": "year", "limit": 30}).json["rows"]
    assert [row["document"] for row in rows] == [row["document"] for row in shown]
    assert {row["given"] for row in shown} == {"HUM", "LOC", "NUM"}
