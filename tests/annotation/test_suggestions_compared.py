"""Sources of labels beside what people decided: what follows from documents that chance has drawn."""

import numpy as np
import pytest
import sqlalchemy as sa

from cal.active.accuracy import binomial_bounds
from cal.annotation import Project
from cal.annotation.store.schema import DRAW, QUEUE
from cal.cli import main
from cal.errors import DataError, UnknownNameError
from cal.exchange.records import AnnotatedDocument

LABELS = ["HUM", "LOC", "NUM"]
N = 80
RIGHT = {f"d{i}": LABELS[i % 3] for i in range(N)}
SAID = {id: label if i % 5 else "HUM" for i, (id, label) in enumerate(RIGHT.items())}  # what gpt says
SCORES = [0.3 + 0.69 * (i % 5 > 0) for i in range(N)]


def fill(project):
    project.import_documents([AnnotatedDocument(id, f"text of {id}") for id in RIGHT])
    table = {"id": list(SAID), "label": list(SAID.values()), "score": SCORES}
    project.import_suggestions(table, source="gpt")


@pytest.fixture
def project(database):
    with Project.create(database, labels=LABELS) as project:
        fill(project)
        yield project


@pytest.fixture
def in_sqlite(tmp_path):
    with Project.create(tmp_path / "p.db", labels=LABELS) as project:
        fill(project)
        yield project


def decide(project, n, queue=None, **more):
    """Lets Ann decide the next documents, rightly; gives their ids."""
    tasks = project.tasks("ann", n, queue)
    project.decide_all([each.decision("relabel", RIGHT[each.document], **more) for each in tasks])
    return [each.document for each in tasks]


def agreed(ids):
    return sum(SAID[each] == RIGHT[each] for each in ids)


def test_documents_drawn_at_random_tell_how_often_people_agree(project):
    project.queue(order="random", name="sample")
    ids = decide(project, 30)
    drawn = project.source("gpt").drawn
    low, high = binomial_bounds(agreed(ids), 30)
    assert (drawn.queue, drawn.n, drawn.n_open, drawn.n_documents) == ("sample", 30, 0, N)
    assert (drawn.estimate, drawn.low, drawn.high) == (agreed(ids) / 30, low, high)
    (row,) = project.sources().to_dict("records")
    assert (row["suggested"], row["decided"], row["agreed"], row["drawn"]) == (N, 30, agreed(ids), 30)


def test_documents_that_people_chose_tell_nothing_about_the_others(project):
    for id in list(RIGHT)[:30]:
        project.decide(id, "relabel", RIGHT[id])
    project.queue(by="gpt.score", order="ranked")
    decide(project, 30)
    comparison = project.source("gpt")
    assert comparison.drawn is None
    assert comparison.n_decided == 60
    told = " ".join(comparison.sentences)
    assert "60 documents that people happened to decide" in told
    assert "says nothing about the others" in told
    assert "interval" not in told
    assert not {"precision_low", "recall_high"} & {*comparison.by_label()}
    assert np.isnan(project.sources()["agreement"][0])


def test_drawn_documents_that_are_not_decided_count_against_either_end(project):
    project.queue(order="random")
    tasks = project.tasks("ann", 30)
    left = tasks[3].document, tasks[7].document
    ids = [each.document for each in tasks if each.document not in left]
    project.decide_all([each.decision("relabel", RIGHT[each.document]) for each in tasks if each.document in ids])
    drawn = project.source("gpt").drawn
    assert (drawn.n, drawn.n_open) == (28, 2)
    assert drawn.low == binomial_bounds(agreed(ids), 30)[0]
    assert drawn.high == binomial_bounds(agreed(ids) + 2, 30)[1]


def test_documents_without_a_label_are_no_part_of_the_comparison(project):
    project.queue(order="random")
    for each in project.tasks("ann", 5):
        project.decide_all([each.decision("ambiguous")])
    ids = decide(project, 25)
    comparison = project.source("gpt")
    assert (comparison.n_decided, comparison.drawn.n, comparison.drawn.n_open) == (25, 25, 0)
    assert comparison.n_agreed == agreed(ids)


def test_too_few_drawn_documents_give_no_interval(in_sqlite):
    in_sqlite.queue(order="random")
    decide(in_sqlite, 19)
    assert in_sqlite.source("gpt").drawn is None
    decide(in_sqlite, 1)
    assert in_sqlite.source("gpt").drawn.n == 20


@pytest.mark.parametrize("order", ["sampled", "mixed"])
def test_draws_of_different_probability_give_an_interval_by_their_weights(project, order):
    project.queue(by="gpt.score", order=order)
    ids = decide(project, 40)
    drawn, truth = project.source("gpt").drawn, agreed(RIGHT) / N
    assert drawn.low <= truth <= drawn.high
    assert abs(drawn.estimate - truth) < abs(agreed(ids) / 40 - truth)  # the least sure ones come first
    decide(project, N)
    drawn = project.source("gpt").drawn
    assert (drawn.low, drawn.estimate, drawn.high) == pytest.approx((truth, truth, truth))


def test_test_documents_of_active_learning_are_drawn_at_random(project):
    queue = project.queue(order="random", name="learning")
    with project.writing() as connection:
        connection.execute(sa.update(QUEUE).values(order="active"))
        connection.execute(sa.update(DRAW).values(role="chosen", batch=0))
        connection.execute(sa.update(DRAW).where(DRAW.c.position % 2 == 0).values(role="test"))
    decide(project, 60, queue.id)
    comparison = project.source("gpt")
    assert (comparison.drawn.order, comparison.drawn.n, comparison.n_decided) == ("active", 30, 60)
    assert set(comparison.compared.query("drawn")["seen"]) == {"did not see it"}  # no suggestion comes with them
    measured = project.accept_suggestions("gpt")
    assert measured.n_documents == 10  # the other 10 are waiting to measure accuracy


def test_who_saw_a_label_and_who_did_not_are_told_apart(project):
    project.queue(order="random")
    saw, blind, unknown = project.tasks("ann", 3)
    project.decide_all([saw.decision("relabel", "HUM")])
    hidden = blind.decision("relabel", "LOC")
    object.__setattr__(hidden, "seen", {"hidden": True})  # as the page does in blind mode
    project.decide_all([hidden])
    project.decide(unknown.document, "relabel", "NUM")
    assert project.source("gpt").seen()["n"].tolist() == [1, 1, 1]
    row = project.sources().iloc[0]
    assert (row["saw"], row["agreed_saw"]) == (1, float(SAID[saw.document] == "HUM"))
    assert (row["unseen"], row["agreed_unseen"]) == (1, float(SAID[blind.document] == "LOC"))
    assert "Those who saw its label agree" in str(project.source("gpt"))


def test_precision_and_recall_of_each_label_are_those_of_the_compared_documents(project):
    project.queue(order="random")
    ids = decide(project, 40)
    frame = project.source("gpt").by_label().set_index("label")
    for label in LABELS:
        said, people = [each for each in ids if SAID[each] == label], [each for each in ids if RIGHT[each] == label]
        n = sum(RIGHT[each] == label for each in said)
        assert frame["suggested"][label] == sum(each == label for each in SAID.values())
        assert frame["precision"][label] == pytest.approx(n / len(said))
        assert frame["recall"][label] == pytest.approx(n / len(people))
        assert frame["recall_low"][label] == binomial_bounds(n, len(people))[0]


def test_scores_are_compared_with_how_often_people_agree(in_sqlite):
    in_sqlite.queue(order="random")
    decide(in_sqlite, 30)
    assert in_sqlite.source("gpt").calibration().empty  # too few for two bins
    decide(in_sqlite, 50)
    calibration = in_sqlite.source("gpt").calibration()
    assert calibration["n"].sum() == N
    assert calibration["score"].is_monotonic_increasing
    assert (calibration["low"] <= calibration["agreed"]).all()
    assert calibration["agreed"].iloc[-1] == 1.0  # wrong ones have a low score here
    assert in_sqlite.source("gpt").plot().axes


def test_renamed_and_merged_labels_are_compared_as_they_are_now(project):
    project.queue(order="random")
    ids = decide(project, 30)
    project.rename_label("NUM", "number")
    assert project.source("gpt").n_agreed == agreed(ids)
    project.merge_labels("number", "HUM")
    merged = {"NUM": "HUM"}
    assert project.source("gpt").n_agreed == sum(
        merged.get(SAID[each], SAID[each]) == merged.get(RIGHT[each], RIGHT[each]) for each in ids
    )


def test_labels_are_accepted_in_bulk_and_prove_nothing(project):
    project.decide("d0", "relabel", "LOC")
    accepted = project.accept_suggestions("gpt", "gpt.score>=.9", reviewer="ann")
    wanted = [id for id, score in zip(SAID, SCORES, strict=True) if score >= 0.9 and id != "d0"]
    assert accepted.n_documents == len(wanted)
    now = {each.id: each.label for each in project.documents(states=["decided"])}
    assert now == {"d0": "LOC"} | {id: SAID[id] for id in wanted}
    comparison = project.source("gpt")
    assert (comparison.n_decided, comparison.n_accepted) == (1, len(wanted))
    assert project.document("d1").events[-1]["seen"]["accepted"] == "gpt"
    assert project.check() == []
    assert project.undo(event=accepted.bulk) == len(wanted)
    assert project.counts()["relabelled"] == 1
    assert project.check() == []


def test_accepting_asks_again_if_there_are_other_documents_than_expected(project):
    with pytest.raises(DataError, match=f"You have confirmed 3 documents, and there are {N} now.*count={N}"):
        project.accept_suggestions("gpt", count=3)
    with pytest.raises(UnknownNameError, match="Known: gpt"):
        project.accept_suggestions("gtp")
    assert project.counts()["undecided"] == N


def test_accepting_on_the_command_line_counts_first(in_sqlite, capsys):
    words = ["annotate", "decide", in_sqlite.address, "accept=gpt", "filter=gpt.score>=.9"]
    assert main(words) == 0
    n = sum(each >= 0.9 for each in SCORES)
    assert f"add count={n}" in capsys.readouterr().out
    assert in_sqlite.counts()["undecided"] == N
    assert main([*words, f"count={n}"]) == 0
    assert f"Accepted {n} labels of gpt" in capsys.readouterr().out
    assert in_sqlite.counts()["relabelled"] == n
    assert main(["annotate", "decide", in_sqlite.address, "undo=last"]) == 0
    assert in_sqlite.counts()["undecided"] == N


def test_accepted_documents_do_not_hide_that_drawn_ones_are_open(project):
    project.queue(order="random")
    decide(project, 25)
    before = project.source("gpt").drawn
    project.accept_suggestions("gpt")
    assert project.source("gpt").drawn == before


def test_the_status_tells_of_the_sources(in_sqlite, capsys):
    in_sqlite.queue(order="random")
    decide(in_sqlite, 30)
    assert "Labels by gpt: 80 documents labelled. People agree with" in str(in_sqlite.status())
    (row,) = in_sqlite.status().as_data()["sources"]
    assert (row["source"], row["decided"]) == ("gpt", 30)
    assert main(["annotate", "status", in_sqlite.address, "--json"]) == 0
    assert '"source": "gpt"' in capsys.readouterr().out.replace('":"', '": "')
