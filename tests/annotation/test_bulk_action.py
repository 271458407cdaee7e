"""One action for many documents comes to the same as a decision for each."""

import shutil
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cal.annotation import Project
from cal.annotation.decisions import bulk_action
from cal.annotation.decisions.bulk_action import BulkAction, act, known_bulk
from cal.annotation.decisions.decision import Decision
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DRAW, EVENT, LEASE, STATE, VERDICT
from cal.errors import CalError

ACTIONS = [
    ("keep", None),
    ("relabel", "LOC"),
    ("ambiguous", None),
    ("exclude", None),
    ("skip", None),
    ("comment", None),
]


def take(project, numbers, action, label=None, comment=None, id=None, reviewer="ann"):
    with project.writing() as connection:
        made = BulkAction(id or str(uuid4()), action, reviewer, label, comment)
        return act(connection, made, numbers, read_labels(connection))


def one_by_one(project, numbers, action, label=None, comment=None, reviewer="ann"):
    """The same as a decision per document."""
    with project.reading() as connection:
        blind = sa.select(DRAW.c.document_id).where(DRAW.c.is_open, DRAW.c.n_reviewers > 1)
        disagree = sa.select(STATE.c.document_id).where(
            STATE.c.state == "disagreement", ~STATE.c.document_id.in_(blind)
        )
        settled = set(connection.execute(disagree).scalars())
    project.decide_all(
        [
            Decision(f"q{n - 1}", action, reviewer, label, comment, adjudicates=n in settled)
            for n in sorted(set(numbers))
        ],
        bulk=str(uuid4()),
    )


def everything(project):
    """All that a project says, without ids and times that are made anew."""
    with project.reading() as connection:
        apart = ("uuid", "bulk", "undoes", "server_time", "time", "until", "served")
        return {
            table.name: sorted(
                map(repr, connection.execute(sa.select(*(column for column in table.c if column.name not in apart))))
            )
            for table in (EVENT, VERDICT, STATE, DRAW, LEASE)
        }


steps = st.tuples(
    st.sampled_from(["ann", "bob", "cem"]),
    st.sampled_from(ACTIONS),
    st.lists(st.integers(1, 24), max_size=12, unique=True),
    st.booleans(),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=1, max_size=4), st.sampled_from([0.0, 0.5]), st.booleans())
def test_one_action_comes_to_the_same_as_a_decision_for_each(filled_file, tmp_path_factory, some, double, merges):
    folder = tmp_path_factory.mktemp("same")
    with Project.open(shutil.copy(filled_file, folder / "a.db")) as made:
        made.queue("p_wrong", double_share=double)
        for reviewer in ("ann", "bob"):
            made.tasks(reviewer, 4)
        if merges:
            made.merge_labels("NUM", "HUM")
    with Project.open(folder / "a.db") as fast, Project.open(shutil.copy(folder / "a.db", folder / "b.db")) as slow:
        for reviewer, (action, label), numbers, undoes in some:
            more = {"comment": "so", "reviewer": reviewer}
            assert take(fast, numbers, action, label, **more) == len(numbers)
            one_by_one(slow, numbers, action, label, **more)
            assert everything(fast) == everything(slow)
            if undoes and numbers:
                assert fast.undo(reviewer=reviewer) == slow.undo(reviewer=reviewer) == len(numbers)
                assert everything(fast) == everything(slow)
        fast.check()


def test_every_database_takes_it_once(reviews):
    reviews.queue("p_wrong", double_share=0.5)
    reviews.decide("q3", "relabel", "LOC", reviewer="bob")
    id = str(uuid4())
    assert take(reviews, range(1, 25), "keep", id=id) == 24
    before = everything(reviews)
    assert take(reviews, range(1, 20), "keep", id=id) == 24
    assert everything(reviews) == before
    assert reviews.counts() == reviews.counts() | {"kept": 23, "disagreement": 1}
    reviews.check()
    assert reviews.undo(reviewer="ann") == 24
    assert reviews.counts() == reviews.counts() | {"undecided": 23, "relabelled": 1}
    reviews.check()
    with reviews.reading() as connection:
        assert known_bulk(connection, BulkAction(id, "keep", "ann")) == 24
    assert reviews.counts()["undecided"] == 23


def test_what_is_refused_changes_nothing(in_file, monkeypatch):
    used = str(uuid4())
    take(in_file, [1, 2], "keep", id=used)
    with in_file.writing() as connection:
        connection.exec_driver_sql("UPDATE given SET label_id = NULL WHERE document_id = 7")
    before = everything(in_file)
    monkeypatch.setattr(bulk_action, "MOST_DOCUMENTS", 20)
    for numbers, how, told in (
        ([6, 7], {"action": "keep"}, "1 of the 2 documents have no label to keep"),
        ([6], {"action": "relabel"}, "relabel needs a label"),
        ([6], {"action": "relabel", "label": "ENTY"}, "Unknown label 'ENTY'"),
        ([6], {"action": "keep", "id": "7"}, "must be a UUID"),
        ([6], {"action": "exclude", "id": used}, "was used before, for something else"),
        ([6], {"action": "keep", "id": used, "reviewer": "bob"}, "was used before, for something else"),
        (range(1, 22), {"action": "keep"}, "takes at most 20 documents; given 21"),
    ):
        with pytest.raises(CalError, match=told):
            take(in_file, numbers, **how)
    assert everything(in_file) == before
