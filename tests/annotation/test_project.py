"""The store: decisions, states, undo, labels; and that the view is a replay of the events."""

import random
import uuid
from contextlib import suppress

import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.annotation.store.schema import DOCUMENT, GIVEN, LABEL_VERSION
from cal.errors import CalError, ConfigError, DataError


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p.db", labels=["HUM", "LOC", "NUM"]) as made:
        fill(made, {f"q{i}": 1 + i % 3 for i in range(12)} | {"bare": None})
        yield made


def fill(project, given):
    """Documents with these numbers of given labels."""
    with project.writing() as connection:
        connection.execute(
            sa.insert(LABEL_VERSION).values(id=1, name="first", digest="0", created=sa.text("'2026-01-01T00:00:00Z'"))
        )
        for number, (name, label) in enumerate(given.items(), start=1):
            values = {"id": number, "external_id": name, "digest": "d", "text": name, "split": "train"}
            connection.execute(sa.insert(DOCUMENT).values(**values, withdrawn=False))
            connection.execute(sa.insert(GIVEN).values(version_id=1, document_id=number, label_id=label))


@pytest.mark.parametrize(
    ("action", "label", "state"),
    [
        ("keep", None, "kept"),
        ("relabel", "LOC", "relabelled"),
        ("relabel", "HUM", "kept"),
        ("ambiguous", None, "ambiguous"),
        ("exclude", None, "excluded"),
        ("skip", None, "skipped"),
    ],
)
def test_a_decision_gives_the_state(project, action, label, state):
    assert project.decide("q0", action, label).state == state
    assert project.counts()[state] == 1
    assert project.counts()["undecided"] == 12
    assert project.check() == []


def test_the_same_id_is_the_same_event(project):
    mine = Decision("q0", "relabel", label="LOC")
    first, again = project.decide_all([mine])[0], project.decide_all([mine])[0]
    assert (again.seq, again.known, first.known) == (first.seq, True, False)
    with pytest.raises(DataError, match="used before"):
        project.decide("q1", "keep", id=mine.id)


def test_the_same_id_with_another_label_is_refused(project):
    mine = Decision("q0", "relabel", label="LOC")
    project.decide_all([mine])
    with pytest.raises(DataError, match="used before, for relabel of 'q0' to 'LOC'"):
        project.decide("q0", "relabel", "NUM", id=mine.id)
    project.rename_label("LOC", "place")
    assert project.decide_all([mine])[0].known  # a client that has not heard of the new name


def test_nothing_is_added_to_a_bulk_decision_that_was_undone(project):
    bulk, mine = str(uuid.uuid4()), Decision("q0", "keep")
    project.decide_all([mine], bulk=bulk)
    project.undo(event=bulk)
    assert project.decide_all([mine], bulk=bulk)[0].known
    with pytest.raises(DataError, match="Give these decisions a new id"):
        project.decide_all([Decision("q1", "keep")], bulk=bulk)
    with pytest.raises(ConfigError, match="must be a UUID; given 'mine'"):
        project.decide_all([Decision("q1", "keep")], bulk="mine")
    assert (project.counts()["kept"], project.check()) == (0, [])


def test_reviewers_who_differ_disagree_until_somebody_adjudicates(project):
    project.decide("q0", "keep", reviewer="ann")
    assert project.decide("q0", "relabel", "LOC", reviewer="bob").state == "disagreement"
    assert project.decide("q0", "relabel", "NUM", reviewer="eve", adjudicates=True).state == "relabelled"
    assert project.check() == []


def test_undo_takes_back_the_latest_any_number_of_times(project):
    project.decide("q0", "keep", reviewer="ann")
    project.decide("q1", "relabel", "NUM", reviewer="ann")
    project.decide("q2", "keep", reviewer="bob")
    project.undo(reviewer="ann")
    assert project.counts()["relabelled"] == 0
    project.undo(reviewer="ann")
    assert project.counts()["kept"] == 1
    with pytest.raises(DataError, match="nothing that can be undone"):
        project.undo(reviewer="ann")
    assert project.check() == []


def test_a_bulk_decision_is_undone_as_a_whole(project):
    project.decide("q1", "relabel", "NUM")
    bulk = str(uuid.uuid4())
    made = project.decide_all([Decision(f"q{i}", "keep") for i in range(6)], bulk=bulk)
    assert project.counts()["kept"] == 6
    assert project.undo(event=made[3].id) == 6
    assert (project.counts()["kept"], project.counts()["relabelled"]) == (0, 1)
    with pytest.raises(DataError, match="undone before"):
        project.undo(event=bulk)


def test_all_or_nothing(project):
    with pytest.raises(DataError, match="1 document not in the project"):
        project.decide_all([Decision("q0", "keep"), Decision("nowhere", "keep")])
    assert project.counts()["kept"] == 0
    assert not (project.events()["action"] == "keep").any()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"action": "delete"}, "delete"),
        ({"action": "relabel"}, "needs a label"),
        ({"action": "keep", "label": "LOC"}, "takes no label"),
        ({"action": "relabel", "label": "lco"}, "lco"),
        ({"action": "comment"}, "say something"),
        ({"action": "keep", "seconds": -1}, "at least 0"),
        ({"action": "keep", "id": "7"}, "UUID"),
        ({"action": "keep", "reviewer": " "}, "not blank"),
        ({"action": "keep", "document": "bare"}, "no label to keep"),
    ],
)
def test_what_is_refused(project, given, told):
    with pytest.raises(CalError, match=told):
        project.decide(**{"document": "q0", **given})
    assert project.counts()["undecided"] == 13


def test_labels_are_renamed_and_merged_in_decisions_too(project):
    project.decide("q0", "relabel", "LOC")
    project.rename_label("LOC", "place")
    project.merge_labels("NUM", "place")
    assert project.label_names == ["HUM", "place"]
    with pytest.raises(DataError, match="merged into 'place'"):
        project.decide("q1", "relabel", "NUM")
    assert project.decide("q1", "relabel", "place").state == "kept"
    assert project.check() == []


def test_reviewers_who_differed_by_merged_labels_agree(project):
    project.decide("q0", "relabel", "LOC", reviewer="ann")
    assert project.decide("q0", "relabel", "NUM", reviewer="bob").state == "disagreement"
    project.merge_labels("LOC", "NUM")
    assert project.counts()["relabelled"] == 1
    assert project.decide("q0", "relabel", "NUM", reviewer="eve").state == "relabelled"
    assert project.check() == []


def test_the_view_is_a_replay_of_random_events(project):
    chance, ids = random.Random(3), [f"q{i}" for i in range(12)]
    for _ in range(150):
        reviewer, bulk = chance.choice("abc"), chance.random() < 0.2
        some = chance.sample(ids, 4 if bulk else 1)
        with suppress(DataError):  # nothing that can be undone
            if chance.random() < 0.3:
                project.undo(reviewer=reviewer)
                continue
            action = chance.choice(["keep", "relabel", "ambiguous", "exclude", "skip", "comment"])
            more = {"label": chance.choice(["HUM", "LOC"])} if action == "relabel" else {}
            more |= {"comment": "hm"} if action == "comment" else {}
            more["adjudicates"] = chance.random() < 0.1
            project.decide_all(
                [Decision(each, action, reviewer=reviewer, **more) for each in some],
                bulk=str(uuid.uuid4()) if bulk else None,
            )
    assert project.check() == []
    with project.writing() as connection:
        connection.exec_driver_sql("UPDATE state SET state = 'kept' WHERE state = 'relabelled'")
    assert project.check()
