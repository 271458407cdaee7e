"""What a team sends back: decided documents, changed labels, disagreements; and reviewers with their pace."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pandas as pd
import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.annotation.status.reviewers import fast_decisions, read_decisions, reviewer_frame
from cal.annotation.status.status_counts import read_counts
from cal.annotation.store.column_types import now
from cal.annotation.store.schema import DOCUMENT, GIVEN, LABEL_VERSION

START = datetime(2026, 1, 1, 9, tzinfo=UTC)


@pytest.fixture
def project(database):
    """q0 to q11 with labels HUM, LOC and NUM in turn, and bare without one."""
    with Project.create(database, labels=["HUM", "LOC", "NUM"]) as made:
        import_version(made, 1, {f"q{i}": 1 + i % 3 for i in range(12)} | {"bare": None})
        yield made


def import_version(project, number, given):
    """A version of the labels, by their numbers."""
    with project.writing() as connection:
        version = {"id": number, "name": f"v{number}", "digest": str(number), "created": now()}
        connection.execute(sa.insert(LABEL_VERSION).values(version))
        for i, (name, label) in enumerate(given.items(), start=1):
            if number == 1:
                values = {"id": i, "external_id": name, "digest": "d", "text": f"text of {name}", "split": "train"}
                connection.execute(sa.insert(DOCUMENT).values(**values, withdrawn=False))
            connection.execute(sa.insert(GIVEN).values(version_id=number, document_id=i, label_id=label))


def counts(project):
    with project.reading() as connection:
        return read_counts(connection)


def decisions(project):
    with project.reading() as connection:
        return read_decisions(connection)


def test_decided_documents_are_what_a_team_sends_back(project):
    project.decide("q3", "relabel", "LOC", reviewer="ann", comment="a place")
    project.decide("q3", "comment", reviewer="bob", comment="yes")
    project.decide("q0", "keep", reviewer="bob", time=START)
    project.decide("q1", "ambiguous", reviewer="ann")
    project.decide("q2", "exclude", reviewer="ann")
    project.decide("bare", "relabel", "NUM", reviewer="ann")
    project.decide("q4", "skip", reviewer="ann", comment="not now")
    project.decide("q5", "keep", reviewer="ann")
    project.undo(reviewer="ann")
    table = project.decided().set_index("id")
    assert list(table.index) == ["q0", "q1", "q2", "q3", "bare"]
    columns = ["text", "given", "label", "state", "reviewer", "comment"]
    assert table.loc["q3", columns].tolist() == ["text of q3", "HUM", "LOC", "relabelled", "ann", "a place / yes"]
    assert table.loc["q1", columns[1:4]].tolist() == ["LOC", "LOC", "ambiguous"]
    assert table.loc["bare", ["label", "state"]].tolist() == ["NUM", "relabelled"]
    assert pd.isna(table.loc["bare", "given"])
    assert table.loc["q0", "when"] == START
    assert table["returns"].isna().all()
    assert project.changes()["id"].tolist() == ["q3", "bare"]
    assert counts(project).changed == 2
    assert counts(project).errors_found == 1, "a label that was missing was not wrong"
    assert counts(project).label_changes.fillna("").to_numpy().tolist() == [["HUM", "LOC", 1], ["", "NUM", 1]]


def test_who_settles_a_disagreement_counts(project):
    project.decide("q0", "keep", reviewer="ann")
    project.decide("q0", "relabel", "NUM", reviewer="bob", comment="7 of them")
    project.decide("q1", "ambiguous", reviewer="ann")
    project.decide("q1", "exclude", reviewer="bob")
    project.decide("q1", "skip", reviewer="eve")
    first, second = project.disagreements().itertuples()
    assert (first.document, first.text, first.given) == ("q0", "text of q0", "HUM")
    assert (first.reviewers, first.labels, first.comments) == (("ann", "bob"), ("HUM", "NUM"), ("", "7 of them"))
    assert (second.reviewers, second.labels) == (("ann", "bob"), ("[ambiguous]", "[exclude]"))
    assert len(project.decided()) == counts(project).errors_found == 0
    project.decide("q0", "relabel", "LOC", reviewer="eve", adjudicates=True)
    assert project.decided()[["id", "label", "reviewer"]].to_numpy().tolist() == [["q0", "LOC", "eve"]]
    assert len(project.disagreements()) == counts(project).errors_found == 1


def test_nothing_decided_gives_tables_without_rows(project):
    for table in (project.decided(), project.changes(), project.disagreements(), counts(project).label_changes):
        assert len(table) == 0
        assert len(table.columns)
    assert counts(project).states["undecided"] == 13
    assert len(reviewer_frame(decisions(project))) == len(fast_decisions(decisions(project))) == 0


def test_a_label_that_the_corpus_has_by_now_is_no_change_but_was_an_error(project):
    project.decide("q0", "relabel", "LOC")
    project.decide("q1", "relabel", "NUM")
    import_version(project, 2, {"q0": 2} | {f"q{i}": 1 + i % 3 for i in range(1, 12)} | {"bare": None})
    assert (counts(project).changed, counts(project).errors_found) == (1, 2)
    assert project.changes()["id"].tolist() == ["q1"]


def test_labels_that_were_merged_are_no_change(project):
    project.decide("q0", "relabel", "LOC")
    project.decide("q2", "relabel", "LOC")
    project.merge_labels("LOC", "HUM")
    assert (counts(project).changed, counts(project).errors_found) == (1, 1)
    assert project.changes()[["id", "given", "label"]].to_numpy().tolist() == [["q2", "NUM", "HUM"]]


def test_withdrawn_documents_are_not_counted(project):
    project.decide("q0", "relabel", "LOC")
    with project.writing() as connection:
        connection.execute(sa.update(DOCUMENT).where(DOCUMENT.c.external_id.in_(["q0", "q1"])).values(withdrawn=True))
    assert (counts(project).documents, sum(counts(project).states.values()), counts(project).changed) == (11, 11, 0)


def one_by_one(gaps, **given):
    """Decisions at intervals of these seconds."""
    times = pd.Timestamp(START) + pd.to_timedelta(pd.Series(gaps).cumsum(), unit="s")
    about = {"reviewer": "ann", "action": "keep", "seconds": float("nan"), "bulk": False, "imported": False}
    return pd.DataFrame({"time": times, **about, **given})


def test_decisions_faster_than_a_second_in_a_row_are_marked():
    both = pd.concat([one_by_one([60, 20, *[0.5] * 7, 30, 0.5, 0.5]), one_by_one([5] * 12, reviewer="bob")])
    (row,) = fast_decisions(both.sort_values("time")).to_dict("records")
    first = pd.Timestamp(START) + timedelta(seconds=80.5)
    assert row == {"reviewer": "ann", "from": first, "to": first + timedelta(seconds=3), "n": 7}


@pytest.mark.parametrize(
    ("gaps", "given", "n"),
    [
        ([0.2] * 6, {}, [5]),  # how long the first took is unknown
        ([0.2] * 5, {}, []),
        ([1.0] * 12, {}, []),
        ([0.2] * 12, {"seconds": 3.0}, []),  # the client knows better
        ([20] * 5, {"seconds": 0.9}, [5]),
        ([0.2] * 12, {"imported": True}, []),
        ([0.2] * 12, {"bulk": True}, []),
        ([0.2] * 12, {"action": "skip"}, []),
        ([0.2] * 12, {"action": ["keep", "skip"] * 6}, [5]),  # a skip ends no row
    ],
)
def test_which_decisions_are_fast(gaps, given, n):
    assert fast_decisions(one_by_one(gaps, **given))["n"].tolist() == n


def test_bulk_decisions_are_not_fast(project):
    all_at_once = [Decision(f"q{i}", "keep", reviewer="ann") for i in range(12)]
    project.decide_all(all_at_once, bulk=str(uuid4()))
    assert len(fast_decisions(decisions(project))) == 0
    row = reviewer_frame(decisions(project)).iloc[0]
    assert (row["decisions"], row["kept"], row["bulk"]) == (12, 12, 12)
    assert pd.isna(row["median_seconds"])
    assert pd.isna(row["per_hour"])


def test_reviewers_with_counts_seconds_and_pace(project):
    for i, (gap, took) in enumerate([(0, 4), (10, 8), (3600, 9), (20, 30)]):
        project.decide(f"q{i}", "keep", reviewer="ann", seconds=took, time=START + timedelta(seconds=gap * (i > 0)))
    project.decide("q0", "skip", reviewer="bob")
    project.decide("q1", "relabel", "NUM", reviewer="ann", source="answers.csv")
    table = reviewer_frame(decisions(project)).set_index("reviewer")
    assert list(table.index) == ["ann", "bob"]
    assert table.loc["ann", ["decisions", "kept", "relabelled", "imported"]].tolist() == [5, 4, 1, 1]
    assert table.loc["bob", ["decisions", "skipped"]].tolist() == [0, 1]
    assert table.loc["ann", "median_seconds"] == 8.5
    assert table.loc["ann", "per_hour"] == pytest.approx(3600 * 4 / (4 + 10 + 30 + 9))
