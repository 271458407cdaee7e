"""Making queues: which documents, in which order, and what is refused."""

import re

import numpy as np
import pytest
import sqlalchemy as sa
import torch

from cal.annotation import Project
from cal.annotation.queues import queue_making
from cal.annotation.queues.draw_order import draw_order, draw_weights
from cal.annotation.store.schema import DRAW, SUGGESTION
from cal.config import compose
from cal.errors import CalError
from cal.streams import stream


def order_of(project, queue):
    """Numbers of the documents of a queue, in its order."""
    with project.reading() as connection:
        query = sa.select(DRAW.c.document_id).where(DRAW.c.queue_id == queue.id).order_by(DRAW.c.position)
        return list(connection.execute(query).scalars())


def test_a_queue_is_drawn_as_draw_order_says_in_every_database(reviews):
    reviews.queue("p_wrong", seed=1)
    queue = reviews.queue("p_wrong", seed=7, name="second")
    p_wrong = np.array([np.nan] + [i / 24 for i in range(1, 24)])
    drawn = draw_order(draw_weights(p_wrong, probability=True), generator=stream(7, "queue", 2))
    reviews.decide("q2", "keep")
    assert order_of(reviews, queue) == (drawn.documents + 1).tolist()
    with reviews.reading() as connection:
        query = sa.select(DRAW.c.weight, DRAW.c.probability).where(DRAW.c.queue_id == 2).order_by(DRAW.c.position)
        assert np.allclose(np.array(connection.execute(query).all()).T, [drawn.weights, drawn.probability])
    assert (queue.name, queue.by, queue.order, queue.without_score) == ("second", "p_wrong", "sampled", 1)


@pytest.mark.parametrize(
    ("by", "first"),
    [
        *[(by, 24) for by in ("p_wrong", "confidence", "-confidence", "aum", "loss", "p_label", "rank", "year")],
        *[(by, 24) for by in ("+p_wrong", "map.aum", "suspects.rank", "column.year", "-p_label", "+year")],
        *[(by, 1) for by in ("+confidence", "+aum", "-loss", "-year", "-column.year", "+rank")],
        ("-p_wrong", 2),
    ],
)
def test_the_most_suspicious_come_first_unless_a_sign_says_otherwise(in_file, by, first):
    queue = in_file.queue(by, "ranked")
    assert order_of(in_file, queue)[0] == first
    assert f"({'lowest' if queue.settings['high_first'] is False else 'highest'} first)" in str(queue)


def test_a_queue_of_no_score_is_random(in_file):
    queue = in_file.queue(order="random")
    assert (queue.by, str(queue)) == (
        "",
        "Queue 'random-1': 24 documents, random; filter: state=undecided,returned. None served yet.",
    )


def test_two_queues_of_one_seed_are_drawn_apart(in_file):
    assert order_of(in_file, in_file.queue(order="random")) != order_of(in_file, in_file.queue(order="random"))


def test_decided_documents_are_left_out_until_they_come_back(in_file):
    for i, action in enumerate(["keep", "exclude", "ambiguous", "skip"]):
        in_file.decide(f"q{i}", action)
    assert in_file.queue("p_wrong").n_documents == 20
    assert in_file.queue("p_wrong", filter="state=undecided,skipped,returned").n_documents == 21
    with in_file.writing() as connection:
        connection.exec_driver_sql("UPDATE state SET returned = 'its text changed' WHERE document_id = 1")
    queue = in_file.queue("p_wrong", "ranked")
    assert queue.n_documents == 21
    with in_file.reading() as connection:
        assert connection.execute(sa.select(DRAW.c.is_open).where(DRAW.c.queue_id == 3)).scalars().all() == [True] * 21


def test_a_document_decided_while_its_queue_is_made_is_not_served(reviews, monkeypatch):
    write = queue_making.draw_order

    def slow(*arguments, **more):
        reviews.decide("q23", "keep")
        return write(*arguments, **more)

    monkeypatch.setattr(queue_making, "draw_order", slow)
    queue = reviews.queue("p_wrong", "ranked")
    assert (queue.n_documents, queue.n_decided) == (24, 1)
    assert reviews.next("ann").document == "q22"


def test_a_share_is_for_two_reviewers_and_the_same_in_each_database(reviews):
    queue = reviews.queue("p_wrong", double_share=0.4, seed=3)
    with reviews.reading() as connection:
        query = sa.select(DRAW.c.n_reviewers).order_by(DRAW.c.position)
        n_reviewers = connection.execute(query).scalars().all()
    chance = torch.rand(24, generator=stream(3, "double review", 1), dtype=torch.float64)
    assert n_reviewers == (1 + (chance < 0.4).int()).tolist()
    assert queue.settings["double_share"] == 0.4


def test_queues_are_listed_with_their_progress(in_file):
    in_file.queue("p_wrong", "ranked", name="first")
    in_file.queue("confidence", "mixed", "year>=2012", random_share=0.5)
    tasks = in_file.tasks("ann", 3)
    in_file.decide_all([tasks[0].decision("keep"), tasks[1].decision("skip")])
    listed = [(each.name, each.n_documents, each.n_served, each.n_decided) for each in in_file.queues]
    assert listed == [("first", 24, 0, 1), ("mixed-2", 12, 3, 1)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"by": "nothing"}, "Unknown score 'nothing'. Known: aum, confidence, correctness, loss, p_label, p_wrong"),
        ({"by": "kind"}, "column.kind is empty for all 24 documents that fit. Take by=p_wrong or by=score"),
        ({"by": ""}, "by must be the name of a score"),
        ({"by": "-"}, "by must be the name of a score"),
        ({"order": "rankd"}, "Did you mean 'ranked'"),
        ({"filter": "state=undicided"}, "Did you mean 'undecided'"),
        ({"filter": 3}, "filter must be text"),
        ({"filter": "given=HUM and year>2030"}, "of 24 documents, 8 fit given=HUM and 0 fit year>2030"),
        ({"filter": "given=HUM and given=LOC"}, "8 fit given=HUM and 8 fit given=LOC. No document fits all of them"),
        ({"filter": "given=HMU"}, "Did you mean 'HUM'"),
        ({"from_run": "ranknig"}, "Did you mean 'ranking'"),
        ({"from_run": True}, "from_run must be"),
        ({"name": " "}, "name of a queue must be text that is not blank"),
        ({"seed": -1}, "seed must be"),
        ({"double_share": 1.5}, "double_share must be a number from 0 to 1"),
        ({"random_share": 0}, "random_share must be"),
        ({"lease_seconds": 0}, "lease_seconds must be"),
        ({"double_share": 0.1, "filter": "state=disagreement"}, "settled by one person"),
        ({"dubble_share": 0.1}, "Did you mean 'double_share'"),
        ({"seed": -1, "order": "x"}, "2 problems"),
    ],
)
def test_what_is_refused(in_file, options, told):
    with pytest.raises(CalError, match=re.escape(told)):
        in_file.queue(**options)
    assert in_file.queues == []


def test_two_queues_of_one_name_are_refused(in_file):
    in_file.queue("p_wrong", name="first")
    with pytest.raises(CalError, match="There is a queue 'first' already"):
        in_file.queue("p_wrong", name="first")


def test_score_ranks_where_p_wrong_is_empty(in_file):
    with in_file.writing() as connection:
        connection.execute(sa.update(SUGGESTION).values(p_wrong=None))
    queue = in_file.queue()
    assert queue.by == "score"
    assert "score ranks them instead" in str(queue)


def test_a_larger_floor_draws_more_alike(in_file):
    spread = []
    for floor in (0.1, 3):
        queue = in_file.queue(floor=floor)
        with in_file.reading() as connection:
            weights = connection.execute(sa.select(DRAW.c.weight).where(DRAW.c.queue_id == queue.id)).scalars().all()
        spread.append(max(weights) / min(weights))
    assert spread[0] > 2 * spread[1] > 2


def test_a_project_that_is_all_decided_says_so(in_file):
    for i in range(24):
        in_file.decide(f"q{i}", "keep")
    with pytest.raises(CalError, match="All are decided"):
        in_file.queue("p_wrong")
    assert in_file.queue("p_wrong", filter="all").n_documents == 24


def test_an_empty_project_asks_for_an_import(tmp_path):
    with Project.create(tmp_path / "bare.db") as bare:
        with pytest.raises(CalError, match="holds no documents"):
            bare.queue(order="random")
        with pytest.raises(CalError, match="needs a ranking of suspects, and none was imported"):
            bare.queue()
        with pytest.raises(CalError, match=r"has no queue\. Make one"):
            bare.next("ann")


def test_an_earlier_run_can_be_asked_for(in_file):
    with in_file.writing() as connection:
        run = {"id": 3, "kind": "suspects", "name": "newer", "digest": "3", "imported": sa.text("'2027'")}
        connection.execute(sa.insert(queue_making.QUEUE.metadata.tables["run"]).values(**run))
        connection.execute(sa.insert(SUGGESTION).values(run_id=3, document_id=5, p_wrong=0.5, label_id=2))
    assert order_of(in_file, in_file.queue("p_wrong", "ranked"))[0] == 5
    assert order_of(in_file, in_file.queue("p_wrong", "ranked", from_run="ranking"))[0] == 24
    assert in_file.next("ann").suggestion.source == "ranking"


def test_the_words_of_the_command_make_a_queue(in_file):
    from cal.annotation.requests.queue_request import QueueRequest

    path = in_file.engine.url.database
    words = [path, "by=-confidence", "order=ranked", 'filter=given=HUM,LOC and text~"number 1"', "double_share=.5"]
    queue = compose(QueueRequest, "annotate queue", words).run()
    assert (queue.by, queue.filter, queue.n_documents) == ("confidence", 'given=HUM,LOC and text~"number 1"', 8)
    with pytest.raises(CalError, match="There is no project"):
        compose(QueueRequest, "annotate queue", [])
    with pytest.raises(CalError, match="3 problems"):
        compose(QueueRequest, "annotate queue", [path, "order=x", "filter=given=", "seed=-1"])
