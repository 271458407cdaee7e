"""Serving: who gets which document, when, and what they may see of it."""

import threading

import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.annotation.queues import serving
from cal.annotation.store.schema import DOCUMENT, LEASE
from cal.errors import CalError, ConfigError, DataError


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it: `clock[0] += 100`."""
    time = [1_000_000.0]
    monkeypatch.setattr(serving, "seconds_now", lambda connection: time[0])
    return time


def ids(tasks):
    return [each.document for each in tasks]


def test_documents_are_served_by_position_one_reviewer_each(reviews):
    reviews.queue("p_wrong", "ranked")
    assert ids(reviews.tasks("ann", 3)) == ["q23", "q22", "q21"]
    assert ids(reviews.tasks("bob", 2)) == ["q20", "q19"]
    assert reviews.next("ann").document == "q23"  # the same until she decides
    reviews.decide_all([reviews.next("ann").decision("keep")])
    assert ids(reviews.tasks("ann", 4)) == ["q22", "q21", "q18", "q17"]


def test_a_task_holds_all_that_was_seen_and_its_decision_says_so(reviews):
    queue = reviews.queue("p_wrong", "ranked")
    task = reviews.next("ann")
    assert (task.text, task.given, task.split, task.columns) == (
        *("Who is number 23?", "NUM", "train"),
        {"year": 2023, "kind": "web"},
    )
    assert (task.suggestion.label, task.suggestion.p_wrong, task.suggestion.columns["rank"]) == ("HUM", 23 / 24, 1)
    assert (task.point.region, task.point.metrics["aum"], task.point.predicted) == ("hard-to-learn", -23, "NUM")
    reviews.decide_all([task.decision("relabel", "HUM", comment="a person", seconds=2.5)])
    event = reviews.document("q23").events[-1]
    told = {name: event[name] for name in ("digest", "version_id", "run_id", "queue_id", "position", "seconds")}
    assert told == {"digest": "d", "version_id": 1, "run_id": 1, "queue_id": queue.id, "position": 0, "seconds": 2.5}
    assert event["seen"]["label"] == "HUM"
    assert event["seen"]["p_wrong"] == 23 / 24
    assert event["seen"]["confidence"] == pytest.approx(1 / 24)


def test_a_lease_ends_unless_it_is_renewed(reviews, clock):
    reviews.queue("p_wrong", "ranked", lease_seconds=60)
    first = reviews.next("ann")
    clock[0] += 50
    assert reviews.next("ann").until > first.until
    clock[0] += 50
    assert reviews.next("bob").document == "q22"
    clock[0] += 59.5
    assert reviews.next("bob").document == "q22"
    assert reviews.next("eve").document == "q23"  # Ann's client was killed
    assert reviews.next("ann").document == "q21"
    with reviews.reading() as connection:
        assert connection.execute(sa.select(LEASE.c.reviewer).order_by("reviewer")).scalars().all() == [
            *("ann", "bob", "eve")
        ]


def test_a_decision_after_the_lease_has_ended_is_kept(in_file, clock):
    in_file.queue("p_wrong", "ranked")
    task = in_file.next("ann")
    clock[0] += 1000
    assert in_file.next("bob").document == task.document
    in_file.decide_all([task.decision("keep")])
    assert in_file.next("bob").document == "q22"


def test_a_skipped_document_goes_to_the_others(reviews):
    reviews.queue("p_wrong", "ranked")
    reviews.decide_all([each.decision("skip") for each in reviews.tasks("ann", 2)])
    assert reviews.next("ann").document == "q21"
    reviews.decide_all([reviews.next("bob").decision("skip")])
    assert reviews.next("bob").document == "q22"
    reviews.decide_all([each.decision("skip") for each in reviews.tasks("bob", 24)])
    assert reviews.next("bob") is None


def test_a_comment_leaves_the_document_where_it_is(in_file):
    in_file.queue("p_wrong", "ranked")
    in_file.decide_all([in_file.next("ann").decision("comment", comment="hm")])
    assert in_file.next("ann").document == "q23"
    assert in_file.next("bob").document == "q22"


def test_what_is_decided_elsewhere_is_not_served_and_undo_serves_it_again(reviews):
    reviews.queue("p_wrong", "ranked")
    bulk = "b0b0b0b0-0000-4000-8000-000000000000"
    assert reviews.next("ann").document == "q23"
    reviews.decide_all([Decision(f"q{i}", "keep", reviewer="sheet") for i in (20, 22, 23)], bulk=bulk)
    assert ids(reviews.tasks("ann", 2)) == ["q21", "q19"]
    reviews.undo(event=bulk)
    assert ids(reviews.tasks("ann", 4)) == ["q23", "q22", "q21", "q19"]


def test_a_document_of_two_queues_is_with_one_reviewer(reviews):
    first, second = reviews.queue("p_wrong", "ranked"), reviews.queue("confidence", "ranked")
    assert reviews.next("ann", first.name).document == "q23"
    assert reviews.next("bob", second.id).document == "q22"
    assert ids(reviews.tasks("ann", 2, "ranked-1")) == ["q23", "q21"]
    reviews.decide_all([reviews.next("bob", second.id).decision("keep")])
    assert ids(reviews.tasks("ann", 3, first.id)) == ["q23", "q21", "q20"]


def test_two_reviewers_decide_blindly(reviews):
    reviews.queue("p_wrong", "ranked", double_share=1)
    mine = reviews.next("ann")
    theirs = reviews.next("bob")
    assert (mine.document, theirs.document, mine.blind) == ("q23", "q23", True)
    assert reviews.next("eve").document == "q22"  # two have the first
    reviews.decide_all([mine.decision("relabel", "HUM")])
    assert reviews.next("ann").document == "q22"
    assert reviews.next("dan").document == "q21"  # Bob still has the first
    assert reviews.next("bob").verdicts == ()
    reviews.decide_all([reviews.next("bob").decision("keep")])
    assert reviews.queues[0].n_decided == 1
    assert reviews.document("q23").state == "disagreement"
    assert {each.document for name in "abc" for each in reviews.tasks(name, 24)} == {f"q{i}" for i in range(22)}


def test_a_lone_reviewer_gets_each_document_once(in_file):
    in_file.queue("p_wrong", double_share=0.5)
    seen = []
    while (task := in_file.next("ann")) is not None:
        seen.append(task)
        in_file.decide_all([task.decision("keep")])
    assert len({*ids(seen)}) == len(seen) == 24
    assert [each.position for each in seen] == list(range(24))
    second = in_file.tasks("bob", 24)
    assert ids(second) == ids(each for each in seen if each.blind)
    assert second


def test_a_disagreement_is_settled_by_an_adjudicator(reviews):
    reviews.decide("q3", "keep", reviewer="ann", comment="a person")
    reviews.decide("q3", "relabel", "LOC", reviewer="bob")
    reviews.queue(order="random", filter="state=disagreement")
    task = reviews.next("eve")
    assert (task.document, task.adjudicates, task.blind) == ("q3", True, False)
    assert [(each.reviewer, each.action, each.label, each.comment) for each in task.verdicts] == [
        ("ann", "keep", "HUM", "a person"),
        ("bob", "relabel", "LOC", None),
    ]
    assert not task.decision("skip").adjudicates
    made = reviews.decide_all([task.decision("relabel", "NUM")])
    assert made[0].state == "relabelled"
    assert reviews.next("ann") is None


def test_whoever_disagreed_may_adjudicate(in_file):
    in_file.decide("q3", "keep", reviewer="ann")
    in_file.decide("q3", "exclude", reviewer="bob")
    in_file.queue(order="random", filter="state=disagreement")
    assert in_file.decide_all([in_file.next("bob").decision("keep")])[0].state == "kept"


def test_a_document_that_came_back_says_why(in_file):
    in_file.decide("q3", "keep", reviewer="ann")
    with in_file.writing() as connection:
        connection.exec_driver_sql("UPDATE state SET returned = 'its text changed'")
    in_file.queue("p_wrong", "ranked", filter="state=returned")
    task = in_file.next("ann")
    assert (task.came_back, task.verdicts[0].action, task.adjudicates) == ("its text changed", "keep", False)
    in_file.decide_all([task.decision("keep")])
    assert in_file.next("ann") is None


def test_a_withdrawn_document_is_not_served(in_file):
    in_file.queue("p_wrong", "ranked")
    assert in_file.next("ann").document == "q23"
    with in_file.writing() as connection:
        connection.execute(sa.update(DOCUMENT).where(DOCUMENT.c.id > 22).values(withdrawn=True))
    assert in_file.next("ann").document == "q21"
    assert in_file.next("bob").document == "q20"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((" ",), "not blank"),
        ((3,), "reviewer must be text"),
        (("ann", 0), "n must be"),
        (("ann", 2000), "at most 1,000"),
        (("ann", 1, "frist"), "Did you mean 'first'"),
        (("ann", 1, 7), "Unknown queue 7"),
    ],
)
def test_what_is_refused(in_file, arguments, told):
    in_file.queue("p_wrong", name="first")
    with pytest.raises(ConfigError, match=told):
        in_file.tasks(*arguments)


def test_everything_about_a_document_is_told(in_file):
    in_file.queue("p_wrong", "ranked")
    in_file.decide_all([in_file.next("ann").decision("relabel", "HUM", comment="a person")])
    bulk = "b0b0b0b0-0000-4000-8000-000000000000"
    in_file.decide_all([Decision(f"q{i}", "keep", reviewer="bob") for i in (22, 23)], bulk=bulk)
    in_file.undo(event=bulk)
    history = in_file.document("q23")
    assert (history.state, history.label, history.given) == ("relabelled", "HUM", {1: "NUM"})
    assert [each["action"] for each in history.events] == ["relabel", "keep", "undo"]
    assert [each.source for each in (*history.suggestions, *history.points)] == ["ranking", "map"]
    assert [(each.queue, each.position, each.is_open) for each in history.places] == [("ranked-1", 0, False)]
    assert history.verdicts[0].comment == "a person"
    with pytest.raises(DataError, match="no document 'q99'"):
        in_file.document("q99")


def test_clients_that_work_at_once_share_the_documents(reviews):
    """Each of 24 documents, a part of them for two reviewers, is decided by as many as it is meant for."""
    reviews.queue("p_wrong", double_share=0.3)
    served, failed = [], []

    def work(reviewer):
        try:
            with Project.open(reviews.engine.url.render_as_string(hide_password=False)) as mine:
                while tasks := mine.tasks(reviewer, 2):
                    served.extend(tasks)
                    mine.decide_all([tasks[0].decision("keep")])
        except CalError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"r{i}",)) for i in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failed
    events = reviews.events()
    wanted = {each.document: 1 + each.blind for each in served}
    assert events[events["action"] == "keep"].groupby("document").size().to_dict() == wanted
    assert len(wanted) == 24
    assert not events.duplicated(["document", "reviewer"]).any() or reviews.check() == []


def test_an_import_closes_the_draws_of_what_it_does_not_hold(database):
    corpus = {"id": ["a", "b", "c"], "text": ["Who?", "Where?", "How far?"], "label": ["HUM", "LOC", "NUM"]}
    with Project.create(database) as project:
        project.import_corpus(corpus)
        project.queue(order="random")
        project.import_corpus({name: values[:2] for name, values in corpus.items()}, accept=True)
        assert project.queues[0].n_decided == 1
        assert {*ids(project.tasks("ann", 3))} == {"a", "b"}
        project.import_corpus(corpus, accept=True)
        assert {*ids(project.tasks("ann", 3))} == {"a", "b", "c"}
