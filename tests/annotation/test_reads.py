"""The reads of a queue: which draws count as read, and what each has shown."""

import numpy as np
import pytest
import sqlalchemy as sa

from cal.annotation.decisions.decision import Decision
from cal.annotation.decisions.view import update_draws
from cal.annotation.proof.betting import Bets
from cal.annotation.proof.error_total import error_total
from cal.annotation.store.schema import DOCUMENT, DRAW, GIVEN, LABEL_VERSION


def draws(project, queue=None):
    """Ids of the documents of a queue, in its order."""
    with project.reading() as connection:
        query = "SELECT external_id FROM draw JOIN document ON id = document_id ORDER BY queue_id, position"
        return list(connection.execute(sa.text(query)).scalars())


def other(label):
    return "LOC" if label != "LOC" else "NUM"


def test_outcomes_are_known_once_a_document_is_decided(reviews):
    reviews.queue("p_wrong", seed=1)
    tasks = reviews.tasks("ann", 7)
    for task, action in zip(tasks, ["keep", "relabel", "ambiguous", "exclude", "skip", "comment"], strict=False):
        label = other(task.given) if action == "relabel" else None
        reviews.decide_all([task.decision(action, label, comment="hm")])
    reads = reviews.reads()
    np.testing.assert_equal(reads.outcome, [0, 1, 0, 0, np.nan, np.nan, np.nan])
    assert (reads.n_documents, len(reads), reads.order) == (24, 7, "sampled")
    assert reads.positions.tolist() == list(range(7))
    with reviews.reading() as connection:
        weights = connection.execute(sa.select(DRAW.c.weight).order_by(DRAW.c.position)).scalars().all()
    assert reads.bets == Bets.of(weights)
    assert np.allclose(reads.weights, weights[:7])
    left = np.cumsum(weights[::-1])[::-1][:7]
    assert np.allclose(reads.probability, reads.weights / left)
    assert [reviews.label_names[label - 1] for label in reads.given] == [task.given for task in tasks]


def test_a_disputed_document_is_unknown_until_somebody_adjudicates(in_file):
    in_file.queue("p_wrong", double_share=1)
    first, second = in_file.next("ann"), in_file.next("bob")
    in_file.decide_all([first.decision("keep")])
    assert np.isnan(in_file.reads().outcome).all()  # it waits for the second reviewer
    in_file.decide_all([second.decision("relabel", other(second.given))])
    assert np.isnan(in_file.reads().outcome).all()
    assert in_file.reads().state.tolist() == ["disagreement"]
    in_file.decide(first.document, "relabel", other(first.given), reviewer="eve", adjudicates=True)
    assert in_file.reads().outcome.tolist() == [1]


def test_a_label_merged_into_the_given_one_is_no_error(in_file):
    in_file.queue("p_wrong", "ranked", "given=HUM")
    in_file.decide_all([in_file.next("ann").decision("relabel", "LOC")])
    assert in_file.reads().outcome.tolist() == [1]
    in_file.rename_label("LOC", "place")
    assert in_file.reads().outcome.tolist() == [1]
    in_file.merge_labels("place", "HUM")
    assert in_file.reads().outcome.tolist() == [0]


def test_errors_are_those_of_the_labels_that_the_queue_was_made_of(in_file):
    in_file.queue("p_wrong", "ranked", "given=HUM")
    with in_file.writing() as connection:  # a later import corrects all labels
        connection.execute(sa.insert(LABEL_VERSION).values(id=2, name="second", digest="1", created=sa.text("'2027'")))
        connection.execute(sa.text("INSERT INTO given SELECT 2, document_id, 2 FROM given"))
    task = in_file.next("ann")
    assert (task.given, task.version) == ("LOC", 2)
    in_file.decide_all([task.decision("keep")])
    assert in_file.reads().outcome.tolist() == [1]


def test_decisions_in_the_order_of_the_queue_count_wherever_they_were_taken(in_file):
    in_file.queue("p_wrong")
    order = draws(in_file)
    assert len(in_file.reads()) == 0
    in_file.decide_all([Decision(each, "keep") for each in [*order[:3], order[9]]])
    in_file.decide(order[11], "ambiguous")
    in_file.decide(order[12], "skip")
    given = in_file.document(order[10]).label
    in_file.decide(order[10], "relabel", other(given))
    reads = in_file.reads()
    assert reads.outcome.tolist() == [0, 0, 0]
    assert (reads.errors_elsewhere, reads.right_elsewhere) == (1, 2)
    assert in_file.next("ann").position == 3
    assert len(in_file.reads()) == 4


def test_errors_found_before_are_not_left_though_their_documents_are_read_again(in_file):
    wrong = [Decision(each, "relabel", label="HUM") for each in ("q23", "q22")]
    in_file.decide_all([*wrong, Decision("q21", "keep")])
    in_file.queue("p_wrong", "ranked", "all")
    assert in_file.reads().errors_elsewhere == 2
    in_file.tasks("ann", 3)
    np.testing.assert_equal(in_file.reads().outcome, [1, 1, np.nan])  # what was kept is checked again
    assert in_file.reads().errors_elsewhere == 0
    in_file.decide_all([task.decision("keep") for task in in_file.tasks("ann", 1)])
    assert np.isnan(in_file.reads().outcome[0])  # disputed
    in_file.queue("p_wrong", "ranked", "state=kept")
    assert in_file.reads().errors_elsewhere == 0


def test_documents_that_were_withdrawn_undecided_hold_no_errors_that_are_left(in_file):
    in_file.queue("p_wrong")
    tasks = in_file.tasks("ann", 22)
    in_file.decide_all([task.decision("keep") for task in tasks[:21]])
    assert in_file.status().errors_left.high == 3
    order = draws(in_file)
    with in_file.writing() as connection:
        gone = connection.execute(
            sa.select(DOCUMENT.c.id).where(DOCUMENT.c.external_id.in_([*order[20:22], order[23]]))
        )
        numbers = gone.scalars().all()
        connection.execute(sa.update(DOCUMENT).where(DOCUMENT.c.id.in_(numbers)).values(withdrawn=True))
        update_draws(connection, numbers)
    assert in_file.reads().withdrawn == 2  # one was decided before
    assert in_file.status().errors_left.high == 1
    in_file.decide(order[22], "keep", reviewer="bob")
    assert in_file.status().errors_left == (0, 0, 0)
    assert in_file.status().not_counted == 0


def test_a_queue_that_is_read_to_the_end_has_only_known_outcomes(in_file):
    in_file.queue(order="random", filter="year>=2020")
    while (task := in_file.next("ann")) is not None:
        in_file.decide_all([task.decision("keep")])
    reads = in_file.reads()
    assert len(reads) == reads.n_documents == 4
    assert not reads.outcome.any()
    assert np.allclose(reads.probability, [1 / 4, 1 / 3, 1 / 2, 1])
    assert reads.at_random.all()


def test_an_unlabelled_document_has_no_wrong_label(in_file):
    with in_file.writing() as connection:
        connection.execute(sa.update(GIVEN).where(GIVEN.c.document_id == 5).values(label_id=None))
    in_file.queue(order="random", filter='given=""')
    in_file.decide_all([in_file.next("ann").decision("relabel", "HUM")])
    assert in_file.reads().outcome.tolist() == [0]
    assert in_file.reads().given.tolist() == [-1]


def test_an_undone_decision_is_unknown_again(in_file):
    in_file.queue("p_wrong")
    in_file.decide_all([in_file.next("ann").decision("keep")])
    in_file.undo(reviewer="ann")
    assert np.isnan(in_file.reads().outcome).tolist() == [True]


@pytest.mark.parametrize("queue", ["first", 1, "1", None])
def test_a_queue_is_found_by_name_and_number(in_file, queue):
    in_file.queue("p_wrong", name="first")
    assert in_file.reads(queue).queue == 1


@pytest.mark.parametrize("order", ["sampled", "mixed", "random"])
def test_the_reads_are_what_the_estimate_takes(in_file, order):
    in_file.queue("p_wrong", order)
    wrong = {"q3", "q20", "q22", "q23"}
    for task in in_file.tasks("ann", 20):
        in_file.decide_all([task.decision(*("relabel", other(task.given)) if task.document in wrong else ("keep",))])
    reads = in_file.reads()
    total = error_total(
        reads.bets,
        *(reads.weights, reads.outcome, reads.probability),
        at_random=reads.at_random,
        errors_elsewhere=reads.errors_elsewhere,
        right_elsewhere=reads.right_elsewhere,
    )
    assert (total.n_documents, total.read, total.found) == (24, 20, int(reads.outcome.sum()))
    assert total.low <= 4 <= total.high
