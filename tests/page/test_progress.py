"""Progress on the page is what `Project.status` says, nothing else, and it is read no more often than needed."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import Filter
from cal.annotation.queues.matching import count_matching, matching
from cal.annotation.store.label_table import read_labels
from cal.page.changes import latest_seq
from cal.page.status_cache import StatusCache

LABELS = ("HUM", "LOC", "NUM")
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def right_label(i):
    return LABELS[i % 3]


def given_label(i):
    """The label in the corpus: every seventh is wrong."""
    return LABELS[(i + 1) % 3] if i % 7 == 0 else right_label(i)


def corpus(n):
    rows = range(n)
    return pd.DataFrame(
        {
            "id": [f"q{i}" for i in rows],
            "text": [f"Who is number {i}?" for i in rows],
            "label": [given_label(i) for i in rows],
            "doubt": [1.0 if i % 7 == 0 else 1 / (i + 2) for i in rows],
        }
    )


def reviewed_project(path, *, n=300, n_read=110, order="random"):
    """A project of which two reviewers have decided a part, a quarter of it both; the second errs at times."""
    project = Project.create(path)
    project.import_corpus(corpus(n))
    by = None if order == "random" else "doubt"
    project.queue(by=by, order=order, double_share=0.25, seed=5, name="first")
    time = {"ann": START, "bob": START + timedelta(hours=1)}
    for reviewer in ("ann", "bob"):
        decisions = []
        for step, task in enumerate(project.tasks(reviewer, n_read)):
            i = int(task.document[1:])
            label = right_label(i + 1) if reviewer == "bob" and step % 9 == 0 else right_label(i)
            decision = task.decision(
                "keep" if label == task.given else "relabel", label if label != task.given else None
            )
            time[reviewer] += timedelta(seconds=5)
            seconds = 0.4 if reviewer == "bob" and 20 <= step < 30 else 4.0
            decisions.append(replace(decision, seconds=seconds, time=time[reviewer]))
        project.decide_all(decisions)
    return project


def undecided(project):
    """Ids of documents that nobody has decided."""
    decided = set(project.events()["document"])
    return [f"q{i}" for i in range(300) if f"q{i}" not in decided]


def disagree(project, document, comment=None):
    """Lets two reviewers give a document different labels."""
    project.decide_all(
        [
            Decision(document, "relabel", label="LOC", reviewer="ann", comment=comment),
            Decision(document, "relabel", label="NUM", reviewer="bob"),
        ]
    )


@pytest.fixture
def reviewed(tmp_path):
    with reviewed_project(tmp_path / "reviewed.db") as project:
        yield project


@pytest.fixture
def reader(reviewed, serve, client):
    return client(serve(reviewed))


def plain(frame):
    """Rows of a table, with None for what is missing."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()} for row in rows]


def test_all_numbers_are_those_of_the_status(reviewed, reader):
    status, told = reviewed.status(), reader.get("/api/progress").json
    assert told["fresh"]
    assert (told["documents"], told["decided"]) == (status.documents, status.decided)
    assert (told["found"], told["changed"]) == (status.errors_found, status.changed)
    assert told["states"] == dict(status.counts.states)
    assert told["left"] == status.errors_left._asdict()
    assert told["left_reason"] == ""
    assert told["not_counted"] == status.not_counted
    assert told["estimating"]["n_by_chance"] == status.estimating.n_by_chance
    assert told["stop"]["may_stop"] == status.can_stop
    assert told["stop"]["expected"] == status.latest.next.expected
    assert plain(status.reviewers) == told["reviewers"]
    assert (
        [(each["reviewer"], each["n"]) for each in told["fast"]]
        == [("bob", 10)]
        == list(status.fast[["reviewer", "n"]].itertuples(index=False, name=None))
    )
    assert told["agreement"]["alpha"] == status.agreement.alpha
    assert told["agreement"]["pairs"] == plain(status.agreement.to_frame())
    history = [{"queue": of["queue"]} | look for of in told["history"] for look in of["looks"]]
    assert history == plain(status.history())
    assert len(history) > 5
    assert told["certificates"] == [each._asdict() for each in status.certificates()]


def test_the_line_in_the_top_says_the_counts_at_once_and_the_estimate_if_asked(reviewed, reader):
    status, first = reviewed.status(), reader.get("/api/progress/line").json
    assert (first["decided"], first["documents"]) == (status.decided, status.documents)
    assert (first["found"], first["left"], first["fresh"]) == (None, None, False)
    assert first["disagreements"] == status.counts.states["disagreement"] > 0
    line = reader.get("/api/progress/line?estimate=true").json
    assert (line["found"], line["left"], line["fresh"]) == (status.errors_found, status.errors_left._asdict(), True)


def test_the_status_is_read_again_only_after_something_has_happened_and_a_pause(reviewed):
    def seq():
        with reviewed.reading() as connection:
            return latest_seq(connection)

    cache = StatusCache(reviewed, pause=60)
    kept = cache.read(seq())
    assert cache.read(seq()) is kept
    one, other = undecided(reviewed)[:2]
    reviewed.decide(one, "ambiguous", reviewer="cy")
    assert cache.read(seq()) is kept  # too early
    assert kept.seq == seq() - 1
    without_pause = StatusCache(reviewed, pause=0)
    without_pause._next = math.inf
    first = without_pause.read(seq())
    reviewed.decide(other, "ambiguous", reviewer="cy")
    without_pause._next = 0.0
    again = without_pause.read(seq())
    assert again is not first
    assert again.status.decided == first.status.decided + 1
    assert again.seq == seq()


def test_the_page_says_if_there_is_news_that_the_status_does_not_know(reviewed, reader):
    assert reader.get("/api/progress").json["fresh"]
    reviewed.decide(undecided(reviewed)[0], "ambiguous", reviewer="cy")
    told, line = reader.get("/api/progress").json, reader.get("/api/progress/line").json
    assert not told["fresh"]
    assert not line["fresh"]
    assert line["decided"] == told["decided"] + 1  # the counts are those of now


def test_nothing_is_estimated_where_the_status_gives_a_reason(tmp_path, serve, client):
    with reviewed_project(tmp_path / "ranked.db", order="ranked") as project:
        reader, status = client(serve(project)), project.status()
        told, line = reader.get("/api/progress").json, reader.get("/api/progress/line?estimate=true").json
        assert status.errors_left is None
        assert (told["left"], line["left"]) == (None, None)
        assert told["left_reason"] == status.errors_left_reason != ""
        assert told["history"] == []
        assert all(each["left"] is None and each["reason"] for each in told["queues"])


def test_a_project_without_documents_has_a_progress(tmp_path, serve, client):
    with Project.create(tmp_path / "empty.db") as project:
        told = client(serve(project)).get("/api/progress").json
        assert (told["documents"], told["left"], told["stop"], told["reviewers"]) == (0, None, None, [])
        assert "has no documents yet" in told["left_reason"]


HOSTILE = ['"; DROP TABLE label; --', "a,b>c and state=kept", "\\", "<img src=x onerror=alert(1)>", "Ä 字 \u202e"]


@pytest.mark.parametrize("label", HOSTILE)
def test_the_filter_of_a_changed_label_finds_its_documents(reviewed, reader, label):
    reviewed.add_label(label)
    before = {each["filter"] for each in reader.get("/api/progress").json["changes"]}
    changed = undecided(reviewed)[:4]
    reviewed.decide_all([Decision(each, "relabel", label=label, reviewer="cy") for each in changed])
    reader.server.app.state.status = StatusCache(reviewed)
    changes = reader.get("/api/progress").json["changes"]
    assert sum(each["n"] for each in changes if each["label"] == label) == len(changed)
    assert {each["filter"] for each in changes} > before
    for each in changes:
        assert found(reviewed, each["filter"]) == each["n"]


def found(project, filter):
    with project.reading() as connection:
        names = read_labels(connection)
        return count_matching(connection, matching(connection, Filter.of(filter), Basis.of(connection), names))


def test_disagreements_are_listed_with_what_each_says_and_leave_when_they_are_settled(small, ann, client):
    assert ann.get("/api/disagreements").json == {"documents": [], "n": 0, "n_waiting": 0}
    disagree(small, "q4", comment="See rule 2.")
    ann.decide("q4", "comment", comment="Or a place?")
    (each,) = ann.get("/api/disagreements").json["documents"]
    said = [(o["reviewer"], o["action"], o["label"], o["comments"]) for o in each["opinions"]]
    given = each["given"]
    assert (each["document"], given) == ("q4", "LOC")
    assert said == [("ann", "keep", "LOC", ["See rule 2.", "Or a place?"]), ("bob", "relabel", "NUM", [])]
    view = ann.get(f"/api/document?number={each['number']}").json
    assert view["adjudicates"]
    cy = client(ann.server, "cy")
    seen = {name: view[name] for name in ("digest", "version", "run", "seen")}
    assert cy.decide("q4", "relabel", label="HUM", adjudicates=True, **seen).status == 200
    assert ann.get("/api/disagreements").json["n"] == 0
    assert small.document("q4").state == "relabelled"
    assert small.document("q4").label == "HUM"


def test_answers_stay_hidden_while_a_second_reviewer_decides_blindly(small, ann):
    small.decide("q4", "relabel", "NUM", reviewer="bob")
    small.queue(order="random", filter="id=q4", double_share=1, name="double")
    task = small.next("cy", "double")
    small.decide_all([task.decision("keep")])
    assert small.document("q4").state == "disagreement"
    assert ann.get("/api/disagreements").json == {"documents": [], "n": 0, "n_waiting": 1}
    assert ann.get("/api/progress/line").json["disagreements"] == 0
    second = small.next("ann", "double")
    assert second.verdicts == ()
    small.decide_all([second.decision("ambiguous")])
    (each,) = ann.get("/api/disagreements").json["documents"]
    assert [o["reviewer"] for o in each["opinions"]] == ["bob", "cy", "ann"]
