"""The status of a project: counts, errors left, when to stop, certificates of recall, and its command."""

import json

import numpy as np
import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.annotation.proof.stopping import certified_recall
from cal.annotation.requests.status_request import StatusRequest
from cal.annotation.store.schema import DRAW
from cal.errors import ConfigError

COUNTS = ("documents", "decided", "changed", "errors_found")
REVIEWER = ("reviewer", "decisions", "kept", "relabelled", "ambiguous", "excluded", "skipped", "bulk", "imported")
MAY_BE_NULL = ("median_seconds", "per_hour", "agreed")


def as_json(project, **more):
    """What the command prints, checked."""
    printed = StatusRequest(project=project.address, json=True, **more).run_in_folder()[0]
    data = json.loads(printed, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    left = data["errors_left"]
    reason = [] if left else ["errors_left_reason"]
    assert list(data) == [*COUNTS, "errors_left", *reason, "reviewers"]
    assert all(type(data[name]) is int and data[name] >= 0 for name in COUNTS)
    if left:
        assert list(left) == ["estimate", "low", "high"]
        assert 0 <= left["low"] <= left["estimate"] <= left["high"]
        assert type(left["low"]) is type(left["high"]) is int
    else:
        assert isinstance(data["errors_left_reason"], str)
    for each in data["reviewers"]:
        assert set(each) == {*REVIEWER, *MAY_BE_NULL, "n_shared"}
        assert isinstance(each["reviewer"], str)
        assert all(type(each[name]) is int for name in (*REVIEWER[1:], "n_shared"))
        assert all(each[name] is None or isinstance(each[name], float) for name in MAY_BE_NULL)
    return data


def read(project, n, wrong=(), *, queue=None, reviewer="ann"):
    """The next n documents of a queue, whose labels are kept but for those of `wrong`."""
    project.decide_all(
        [
            task.decision("relabel", "LOC" if task.given != "LOC" else "NUM")
            if task.document in wrong
            else task.decision("keep")
            for task in project.tasks(reviewer, n, queue)
        ]
    )


def test_an_empty_project(database):
    with Project.create(database) as project:
        assert "has no documents yet" in as_json(project)["errors_left_reason"]
        assert "cal annotate import" in str(project.status())
        assert len(project.status().history()) == 0
        project.status().plot()


def test_a_project_without_a_queue(reviews):
    data = as_json(reviews)
    assert (data["documents"], data["decided"], data["errors_left"], data["reviewers"]) == (24, 0, None, [])
    assert "cal annotate queue" in data["errors_left_reason"]
    assert "order=sampled by=p_wrong" in data["errors_left_reason"]
    text = str(reviews.status())
    assert "0 of 24 documents decided" in text
    assert "14 / 29 / 59 errors" in text


def test_ranked_only_says_why_nothing_is_known(in_file):
    in_file.queue("p_wrong", "ranked")
    read(in_file, 22, {"q23", "q22"})
    data = as_json(in_file)
    assert (data["decided"], data["changed"], data["errors_found"]) == (22, 2, 2)
    assert "ranked queue does not tell" in data["errors_left_reason"]
    assert "order=sampled by=p_wrong" in data["errors_left_reason"]
    assert len(in_file.status().history()) == 0


def test_too_few_reads_say_so_and_enough_give_an_interval(reviews):
    reviews.queue("p_wrong")
    read(reviews, 19, {"q23"})
    assert "at least 20 documents" in as_json(reviews)["errors_left_reason"]
    read(reviews, 2, {"q23"})
    left = as_json(reviews)["errors_left"]
    assert left["low"] <= left["estimate"] <= left["high"] <= 3
    status = reviews.status()
    assert status.errors_left.high + status.errors_found >= 1
    assert "rests on 21 documents" in str(status)
    history = status.history()
    assert history["read"].tolist() == [20, 21]
    assert (history["low"] <= history["estimate"]).all()
    assert (history["estimate"] <= history["high"]).all()
    assert len(status.plot().axes) == 1


@pytest.mark.parametrize("queue", [None, {"order": "ranked"}, {}])
def test_everything_decided_leaves_nothing(in_file, queue):
    if queue is not None:
        in_file.queue(**queue)
    for i in range(24):
        in_file.decide(f"q{i}", "ambiguous" if i % 3 else "keep")
    data = as_json(in_file)
    assert data["decided"] == 24
    assert data["errors_left"] == {"estimate": 0, "low": 0, "high": 0}
    if queue is not None:
        assert "Every document has been read" in str(in_file.status()) or "have all been read" in str(in_file.status())


def test_skipped_documents_are_not_decided_and_prove_nothing(in_file):
    in_file.queue("p_wrong")
    for task in in_file.tasks("ann", 24):
        in_file.decide_all([task.decision("skip")])
    data = as_json(in_file)
    assert (data["decided"], data["errors_left"]) == (0, None)
    assert data["reviewers"][0]["skipped"] == 24
    assert data["reviewers"][0]["decisions"] == 0
    assert "24 skipped" in str(in_file.status())


def test_disagreements_are_not_decided(in_file):
    in_file.queue("p_wrong", double_share=1)
    for reviewer in ("ann", "bob"):
        read(in_file, 12, () if reviewer == "ann" else {f"q{i}" for i in range(24)}, reviewer=reviewer)
    status = in_file.status()
    assert (status.decided, status.counts.states["disagreement"], status.errors_found) == (0, 12, 0)
    assert status.reviewers["agreed"].tolist() == [0, 0]
    assert status.agreement.blind
    text = str(status)
    assert "Reviewers disagree on 12 documents" in text
    assert "0 % of 12" in text


def test_stop_when_few_errors_are_expected_and_promise_nothing(larger):
    larger.queue("p_wrong", "ranked")
    wrong = {f"q{i}" for i in range(108, 120)}
    read(larger, 40, wrong)
    assert not larger.status().can_stop
    assert "to learn what the next 80 reads are likely to find" in str(larger.status())
    read(larger, 40, wrong)
    eager, careful = larger.status(reads=20, errors=2), larger.status(reads=20, errors=0.01)
    assert (eager.can_stop, careful.can_stop) == (True, False)
    assert "you can stop here. This is an expectation from the reads so far, not a promise" in str(eager)
    assert "read on" in str(careful)


def test_a_random_queue_beside_a_ranked_one_certifies_recall(larger):
    wrong = {f"q{i}" for i in range(96, 120)}
    larger.queue("p_wrong", "ranked", name="review")
    larger.queue(order="random", name="control")
    read(larger, 20, wrong, queue="review")  # finds 20 of 24
    read(larger, 60, wrong, queue="control", reviewer="bob")
    (made,) = larger.status().certified
    with larger.reading() as connection:
        query = sa.select(DRAW.c.document_id).where(DRAW.c.queue_id == 2).order_by(DRAW.c.position)
        drawn = connection.execute(query).scalars().all()
    n_reads = len(larger.reads("control"))
    seen = {f"q{number - 1}" for number in drawn[:n_reads]} & wrong
    n_found = len(seen & {f"q{i}" for i in range(100, 120)})
    assert (made.control, made.n_errors, made.n_found) == ("control", len(seen), n_found)
    assert made.recall == pytest.approx(certified_recall(len(seen), n_found))
    assert f"the review had found {n_found} of them" in str(larger.status())


def test_a_random_queue_that_came_after_the_review_certifies_nothing(larger):
    larger.queue("p_wrong", "ranked", name="review")
    read(larger, 30, {f"q{i}" for i in range(100, 120)}, queue="review")
    larger.queue(order="random", name="control")
    read(larger, 60, queue="control")
    assert list(larger.status().certified) == []


def test_the_queue_with_most_documents_tells(larger):
    larger.queue("p_wrong", filter="given=HUM", name="part")
    larger.queue("p_wrong", name="all")
    read(larger, 25, queue="part")
    assert larger.status().estimating.queue.name == "part"
    assert "80 undecided documents outside this queue are not counted" in str(larger.status())
    assert larger.status().as_data()["errors_left_not_counted"] == 80
    read(larger, 15, queue="part")
    assert "which have all been read. 80 undecided documents" in str(larger.status())
    read(larger, 25, queue="all")
    assert larger.status().estimating.queue.name == "all"
    assert larger.status().not_counted == 0


def test_prices_of_certificates_at_the_present_estimate(larger):
    assert [(each.n_errors, each.n_reads) for each in larger.status().certificates()] == [
        (14, None),
        (29, None),
        (59, None),
    ]
    larger.queue(order="random")
    read(larger, 100, {f"q{i}" for i in range(60, 120)})
    offers, total = larger.status().certificates(), larger.status().estimating.total
    assert offers[0].n_reads == pytest.approx(14 * 121 / (total.estimate + 1), abs=1)


def test_notes_about_what_needs_a_second_look(in_file):
    for i in range(8):
        in_file.decide(f"q{i}", "keep", reviewer="ann", seconds=0.3)
    for i in range(8):
        in_file.decide(f"q{i}", "keep", reviewer="bob", seconds=5)
    text = str(in_file.status())
    assert "ann decided 8 documents in a row, each in less than 1 second" in text
    assert "only 8 documents (documents that several reviewers decided): figures need at least" in text
    assert in_file.status().fast[["reviewer", "n"]].to_numpy().tolist() == [["ann", 8]]


def test_returned_documents_are_named(in_file):
    from cal.annotation.store.schema import STATE

    in_file.decide("q0", "keep")
    with in_file.writing() as connection:
        connection.execute(sa.update(STATE).values(returned="the text has changed"))
    assert "1 decided document comes back" in str(in_file.status())
    assert in_file.decided()["returns"].tolist() == ["the text has changed"]


@pytest.mark.parametrize(
    ("given", "told"),
    [({"reads": 0}, "reads must be"), ({"errors": 0}, "errors must be"), ({"json": "yes"}, "json must be")],
)
def test_what_is_refused(given, told):
    with pytest.raises(ConfigError, match=told):
        StatusRequest(project="reviews.db", **given)
    with pytest.raises(ConfigError, match="cal annotate status reviews"):
        StatusRequest()


def test_the_command_prints_one_object_and_nothing_else(in_file, capsys):
    from cal.cli import main

    in_file.decide_all([Decision("q0", "relabel", label="LOC", reviewer="ann")])
    for more in ([], ["-q"]):
        assert main(["annotate", "status", in_file.address, "--json", *more]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["changed"] == 1
        assert out.count("\n") == 1
        assert err == ""
    assert main(["annotate", "status", in_file.address]) == 0
    assert capsys.readouterr().out.startswith("Project 'reviews': 1 of 24 documents decided (4 %)")


def test_a_status_reads_its_history_like_the_reads_themselves(larger):
    larger.queue("p_wrong")
    read(larger, 60, {f"q{i}" for i in range(110, 120)})
    history = larger.status().history()
    assert history["read"].iloc[0] == 20
    assert history["read"].iloc[-1] == 60
    assert (np.diff(history["found"]) >= 0).all()
    assert (np.diff(history["high"]) <= 0).all()


def test_documents_that_somebody_has_before_them_are_not_read(in_file):
    in_file.queue(order="random")
    (first, *_) = in_file.tasks("ann", 24)
    in_file.decide_all([first.decision("keep")])
    (progress,) = in_file.status().queues
    assert progress.next.n_reads == 23
    assert not progress.next.may_stop
