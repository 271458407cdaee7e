"""Documents out of the store: what a record says, in which order, from which moment, under which labels."""

import shutil
import uuid
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.annotation.exports import documents
from cal.annotation.store.column_types import now
from cal.annotation.store.schema import DOCUMENT, GIVEN, LABEL_VERSION, RUN, SUGGESTION
from cal.errors import ConfigError
from cal.exchange.records import Suggested
from cal.exchange.states import settled

IDS = {f"q{i}": 1 + i % 3 for i in range(12)} | {"bare": None}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("documents") / "template.db"
    with Project.create(path, labels=["HUM", "LOC", "NUM"]) as made:
        fill(made, IDS)
    return path


@pytest.fixture
def project(template, tmp_path):
    with Project.open(shutil.copy(template, tmp_path / "project.db")) as made:
        yield made


@pytest.fixture
def anywhere(database):
    with Project.create(database, labels=["HUM", "LOC", "NUM"]) as made:
        fill(made, IDS)
        yield made


def fill(project, given):
    """Documents with these numbers of given labels."""
    texts = [{"id": n, "external_id": name, "text": name} for n, name in enumerate(given, start=1)]
    with project.writing() as connection:
        version = {"id": 1, "name": "first", "digest": "0", "created": now()}
        connection.execute(sa.insert(LABEL_VERSION).values(version))
        connection.execute(sa.insert(DOCUMENT).values(digest="d", split="train", withdrawn=False), texts)
        labels = [{"document_id": n, "label_id": label} for n, label in enumerate(given.values(), start=1)]
        connection.execute(sa.insert(GIVEN).values(version_id=1), labels)


def only(project, document, **which):
    return next(each for each in project.documents(**which) if each.id == document)


def test_documents_come_in_the_order_of_the_corpus_in_blocks(project, monkeypatch):
    monkeypatch.setattr(documents, "BLOCK", 5)
    project.decide("q7", "exclude")
    assert [each.id for each in project.documents()] == list(IDS)
    assert [each.id for each in project.documents(states=["decided"])] == ["q7"]
    assert len(list(project.documents(states=["undecided"]))) == 12


def test_an_answer_says_what_the_event_says(anywhere):
    time = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    seen = {"label": "LOC", "score": 0.75, "source": "map", "p_wrong": 0.5}
    one = Decision("q0", "relabel", "ann", "LOC", "a\x00b", 2.5, seen=seen, time=time, adjudicates=True)
    anywhere.decide_all([one])
    [answer] = only(anywhere, "q0").answers
    assert (answer.id, answer.reviewer, answer.action, answer.label) == (one.id, "ann", "relabel", "LOC")
    assert (answer.comment, answer.seconds, answer.time) == ("a\x00b", 2.5, time)
    assert (answer.seen, answer.adjudicates) == (Suggested("LOC", 0.75, "map"), True)


def test_the_time_of_an_answer_from_elsewhere_is_unknown_unless_it_was_given(project):
    here, there = project.decide_all([Decision("q0", "keep"), Decision("q1", "keep", source="a.csv")])
    assert (here.known, there.known) == (False, False)
    assert abs((now() - only(project, "q0").answers[0].time).total_seconds()) < 60
    assert only(project, "q1").answers[0].time is None


def test_what_was_undone_is_no_answer(project):
    project.decide("q0", "keep", reviewer="ann")
    project.decide("q0", "exclude", reviewer="bob")
    project.decide_all([Decision(each, "ambiguous", reviewer="eve") for each in ("q0", "q1")], bulk=str(uuid.uuid4()))
    project.undo(reviewer="eve")
    project.undo(reviewer="bob")
    assert [answer.reviewer for answer in only(project, "q0").answers] == ["ann"]
    assert only(project, "q1").answers == ()


def test_a_record_makes_sense_by_itself_after_labels_were_merged_and_changed(project):
    project.decide("q0", "relabel", "LOC")  # HUM
    project.decide("q1", "keep")  # LOC
    project.decide("q3", "exclude")  # HUM
    project.merge_labels("HUM", "LOC")
    with project.writing() as connection:
        version = {"id": 2, "name": "second", "digest": "1", "created": now()}
        connection.execute(sa.insert(LABEL_VERSION).values(version))
        changed = [{"version_id": 2, "document_id": n, "label_id": 3} for n in range(1, 14)]
        connection.execute(sa.insert(GIVEN), changed)
    for which in ({}, {"version": 1}, {"version": "second"}):
        for each in project.documents(**which):
            assert settled(each.given, each.answers) == (each.label, each.state)
    before, after = only(project, "q1", version="first"), only(project, "q1")
    assert (before.given, before.state, before.answers[0].action) == ("LOC", "kept", "keep")
    assert (after.given, after.label, after.state, after.answers[0].action) == ("NUM", "LOC", "relabelled", "relabel")
    assert only(project, "q0", version=1).state == "kept"
    assert [each.id for each in project.documents(version=1, states=["relabelled"])] == []


def test_withdrawn_documents_are_left_out_unless_they_are_wanted(project):
    with project.writing() as connection:
        connection.execute(sa.update(DOCUMENT).where(DOCUMENT.c.external_id == "q3").values(withdrawn=True))
    assert len(list(project.documents())) == 12
    assert only(project, "q3", withdrawn=True).given == "HUM"


def test_documents_that_wait_in_a_queue_come_in_its_order(project, monkeypatch):
    monkeypatch.setattr(documents, "BLOCK", 5)
    project.queue(order="random", seed=3)
    ids = [each.document for each in project.tasks("ann", 13)]
    assert [each.id for each in project.documents(queue=1)] == ids != list(IDS)
    project.decide(ids[1], "exclude")
    assert [each.id for each in project.documents(queue=1, n=3)] == [ids[0], *ids[2:4]]
    assert [each.id for each in project.documents(n=2)] == list(IDS)[:2]


def test_suggestions_of_all_runs_come_with_the_surest_first(project):
    with project.writing() as connection:
        for number, (name, score) in enumerate([("a", None), ("b", 0.4), ("c", 0.9)], start=1):
            run = {"id": number, "kind": "map", "name": name, "digest": name, "imported": now()}
            connection.execute(sa.insert(RUN).values(run))
            row = {"run_id": number, "document_id": 1, "label_id": number, "score": score}
            connection.execute(sa.insert(SUGGESTION).values(row))
    expected = (Suggested("NUM", 0.9, "c"), Suggested("LOC", 0.4, "b"), Suggested("HUM", None, "a"))
    assert only(project, "q0").suggestions == expected
    assert only(project, "q1").suggestions == ()


def test_decisions_that_come_in_meanwhile_are_not_seen(anywhere, monkeypatch):
    monkeypatch.setattr(documents, "BLOCK", 3)
    reading = anywhere.documents()
    first = next(reading)
    for each in ("q0", "q11"):
        anywhere.decide(each, "exclude")
    states = {each.id: each.state for each in [first, *reading]}
    assert set(states.values()) == {"undecided"}
    assert only(anywhere, "q11").state == "excluded"


def test_a_frame_has_a_row_per_document(project):
    project.decide("q0", "relabel", "LOC", reviewer="ann", seconds=2)
    with project.writing() as connection:
        connection.execute(sa.update(DOCUMENT).values(columns={"source": "web", "length": 7}))
    frame = project.to_frame()
    assert frame["id"].tolist() == list(IDS)
    row = frame.iloc[0]
    assert (row["label"], row["action"], row["reviewer"], row["seconds"], row["n_answers"]) == (
        *("LOC", "relabel", "ann", 2, 1),
    )
    assert (row["length"], row["corpus_source"]) == (7, "web")
    assert list(project.to_frame(states=["skipped"])) == list(documents.FRAME)


@pytest.mark.parametrize("which", [{"states": ["kep"]}, {"stats": ["kept"]}, {"version": 7}, {"states": "kept"}])
def test_what_there_is_not_is_refused(project, which):
    with pytest.raises(ConfigError, match=r"kept|states|first"):
        list(project.documents(**which))


def test_withdrawn_documents_are_left_out_of_every_version(database):
    with Project.create(database) as project:
        corpus = {"id": ["a", "b", "c"], "text": ["How far?", "Who?", "Where?"], "label": ["NUM", "HUM", "HUM"]}
        project.import_corpus(corpus)
        project.import_corpus({name: values[:2] for name, values in corpus.items()}, accept=True)
        for version in (None, 1, 2):
            assert len(list(project.documents(version=version))) == 2
            assert len(list(project.documents(version=version, withdrawn=True))) == 3
