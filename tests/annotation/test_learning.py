"""Active learning in a project: which batches are made, from which labels, and what becomes of odd decisions."""

import itertools
import random
import socket
from collections import Counter

import pytest
import sqlalchemy as sa

import cal
from cal.annotation import Project
from cal.annotation.imports.returning import append_returns
from cal.annotation.learning.claim import OtherWorkerError
from cal.annotation.learning.options import LearningOptions
from cal.annotation.learning.progress import decided_labels, read_progress
from cal.annotation.learning.roles import CHOSEN, FAILED, RESERVE, TEST, WAITING
from cal.annotation.learning.starting import start_learning
from cal.annotation.learning.worker import Worker
from cal.annotation.store.column_types import now
from cal.annotation.store.schema import DOCUMENT, DRAW, LEARNING, SUGGESTION
from cal.errors import ConfigError, DataError

WORDS = {
    "NUM": ["far", "many", "much", "long", "old"],
    "HUM": ["wrote", "sang", "painted", "ruled", "won"],
    "LOC": ["town", "river", "island", "capital", "mountain"],
}
QUICK = {"features": "lsa", "learner": {"small_mlp": {"n_epochs": 3}}, "seed": 3, "check_share": 0.0}


def questions(n=150, seed=0):
    """Text and label of questions by their ids."""
    chance, found = random.Random(seed), {}
    for i in range(n):
        label = chance.choice(list(WORDS))
        words = [*chance.sample(WORDS[label], 2), chance.choice(WORDS[chance.choice(list(WORDS))]), f"thing {i % 40}"]
        found[f"q{i}"] = (f"what {' '.join(words)} number {i}", label)
    return found


def fill(project, of, labelled=()):
    """Imports questions, of which some have a label."""
    given = {id: of[id][1] for id in labelled}
    rows = {"id": [*of], "text": [text for text, _ in of.values()], "label": [given.get(id) for id in of]}
    project.import_texts(rows if given else {name: rows[name] for name in ("id", "text")})


def decide(project, id, label, reviewer="ann", action="relabel"):
    """A decision; its id."""
    return project.decide(id, action, label if action == "relabel" else None, reviewer=reviewer).id


def asked(project, batch=None):
    """Role of each document of a batch, or of the last one, by its id, in the order of the queue."""
    with project.reading() as connection:
        last = project.learning.batches[-1]
        query = sa.select(DOCUMENT.c.external_id, DRAW.c.role).join(DRAW, DRAW.c.document_id == DOCUMENT.c.id)
        query = query.where(DRAW.c.queue_id == project.learning.queue, DRAW.c.role != RESERVE)
        query = query.where(DRAW.c.batch == (last.batch if batch is None else batch))
        return dict(connection.execute(query.order_by(DRAW.c.position)).all())


def reserve(project):
    """Documents that stand by."""
    with project.reading() as connection:
        query = sa.select(DOCUMENT.c.external_id).join(DRAW, DRAW.c.document_id == DOCUMENT.c.id)
        query = query.where(DRAW.c.queue_id == project.learning.queue, DRAW.c.role == RESERVE)
        return list(connection.execute(query.order_by(DRAW.c.position)).scalars())


def made(project):
    """What must be the same of each batch whoever has made it, and when."""
    return [
        (
            *(each.batch, each.round, each.after_seq, each.record.n_labelled, dict(each.record.counts)),
            *(dict(each.record.test), sorted(asked(project, each.batch).items())),
        )
        for each in project.learning.batches
    ]


OF = questions()
GOLD = {id: label for id, (_, label) in OF.items()}
SMALL = {**QUICK, "seed_size": 12, "batch": 8, "reserve": 6, "test_share": 0.25}


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "questions.db", labels=["NUM", "HUM", "LOC"]) as made:
        fill(made, OF)
        yield made


def answer(project, ids, reviewer="ann"):
    for id in ids:
        decide(project, id, GOLD[id], reviewer)


def test_batches_follow_one_another_in_each_database(database):
    with Project.create(database) as project:
        fill(project, OF)
        assert project.learning is None
        (first,) = project.learn(labels=["NUM", "HUM", "LOC"], **SMALL).steps
        assert (first.batch, first.round, first.n_documents) == (0, None, 12)
        assert sorted(asked(project).values()) == [CHOSEN] * 9 + [TEST] * 3
        assert project.learn().steps == ()
        for number in (1, 2):
            for task in project.tasks("ann", 12 if number == 1 else 8):
                project.decide_all([task.decision("relabel", GOLD[task.document])])
            (step,) = project.learn().steps
            assert (step.batch, step.round, step.n_documents) == (number, number - 1, 8)
            assert step.n_labelled == sum(GOLD[id] is not None for id in project.loop_labels()) - 1 - 2 * number
        assert not set(asked(project, 0)) & set(asked(project, 1)) & set(asked(project, 2))
        assert project.check() == []


def test_what_is_decided_during_a_training_counts_for_the_next_one(project):
    project.learn(**SMALL)
    stand_by = reserve(project)
    assert len(stand_by) == 6
    answer(project, asked(project))
    with project.reading() as connection:
        complete = connection.execute(sa.text("SELECT max(seq) FROM event")).scalar_one()
    answer(project, stand_by[:3])  # while a model would be trained
    project.learn()
    batch = project.learning.batches[-1]
    assert (batch.after_seq, batch.record.n_labelled) == (complete, 9)
    answer(project, [id for id in asked(project) if id not in stand_by[:3]])
    project.learn()
    counted = {*asked(project, 0), *asked(project, 1), *stand_by[:3]}
    tests = {id for number in (0, 1) for id, role in asked(project, number).items() if role == TEST}
    assert project.learning.batches[-1].record.n_labelled == len(counted - tests)


def test_a_document_of_the_new_batch_that_is_decided_already_is_not_served(project):
    project.learn(**SMALL)
    answer(project, asked(project))
    others = [id for id in OF if id not in asked(project)]
    answer(project, others[:100])  # most of them
    project.learn()
    decided = set(project.loop_labels())
    assert set(asked(project)) & decided
    assert not {task.document for task in project.tasks("ann", 100)} & decided


def test_reserve_documents_that_nobody_was_served_give_way(project):
    project.learn(**SMALL)
    served = [task.document for task in project.tasks("bob", 14)][-2:]
    before = reserve(project)
    assert set(served) < set(before)
    answer(project, asked(project))
    project.learn()
    taken = {id for id in served if id in asked(project)}
    assert set(served) - taken <= set(reserve(project))
    assert {task.document for task in project.tasks("bob", 50)} >= set(served), "they keep what they have"
    with project.reading() as connection:
        twice = sa.select(DRAW.c.document_id).group_by(DRAW.c.document_id).having(sa.func.count() > 1)
        assert connection.execute(twice).all() == []


def test_whoever_makes_the_batches_and_when_they_are_the_same(project, tmp_path):
    queue, options, _ = start_learning(project, _options())
    with Worker(project, queue, options) as worker:  # one worker that looks after each decision
        list(worker.steps())
        for count in itertools.count():
            task = project.next("ann" if count % 3 else "bob")
            if len(project.learning.batches) > 4:
                break
            act = {0: "skip", 7: "ambiguous", 13: "exclude"}.get(count % 20, "relabel")
            project.decide_all([task.decision(act, GOLD[task.document] if act == "relabel" else None)])
            if count % 20 == 16:
                project.undo(reviewer=task.reviewer)
                decide(project, task.document, "LOC", "cleo")
            worker.step()
    expected = made(project)
    events = project.events()
    for often in (3, 17):  # others that come and go, every so many decisions
        with Project.create(tmp_path / f"{often}.db", labels=["NUM", "HUM", "LOC"]) as other:
            fill(other, OF)
            other.learn(**SMALL)
            ids = {}
            for count, row in enumerate(events[events["seq"] > events["seq"].min() + 2].itertuples()):
                if row.action == "undo":
                    other.undo(reviewer=row.reviewer, event=ids[row.undoes])
                else:
                    label = row.new_value if row.action == "relabel" else None
                    ids[row.uuid] = decide(other, row.document, label, row.reviewer, row.action)
                if count % often == 0:
                    other.learn()
            other.learn()
            assert made(other) == expected


def _options():
    return LearningOptions(**SMALL)


def test_a_decision_that_is_taken_back_is_waited_for_again(project):
    project.learn(**SMALL)
    ids = list(asked(project))
    answer(project, ids[:-1])
    project.undo(reviewer="ann")
    answer(project, ids[-1:])
    assert project.learn().steps == (), "one of the batch is undecided again"
    answer(project, [ids[-2]])
    assert [step.batch for step in project.learn().steps] == [1]


def test_a_document_that_was_undecided_again_is_not_chosen_twice(project):
    project.learn(**SMALL)
    ids = list(asked(project))
    answer(project, ids)
    project.learn()
    project.undo(reviewer="ann")
    answer(project, asked(project))
    project.learn()
    assert ids[-1] not in asked(project)
    assert ids[-1] in {task.document for task in project.tasks("ann", 50)}, "it waits where it was"


def test_a_new_label_needs_no_restart(project):
    queue, options, _ = start_learning(project, _options())
    with Worker(project, queue, options) as worker:
        list(worker.steps())
        answer(project, asked(project))
        worker.step()
        assert project.learning.batches[-1].record.n_classes == 3
        first, *others = asked(project)
        project.add_label("WHY")
        decide(project, first, "WHY")
        answer(project, others)
        assert worker.step().round == 1
    record = project.learning.batches[-1].record
    assert (record.n_classes, record.counts[4]) == (4, int(first not in _tests(project)))


def _tests(project):
    return {id for each in project.learning.batches for id, role in asked(project, each.batch).items() if role == TEST}


def test_merged_labels_are_one_class(project):
    project.learn(**SMALL)
    answer(project, asked(project))
    project.merge_labels("LOC", "NUM")
    decide(project, next(iter(asked(project))), GOLD[next(iter(asked(project)))].replace("LOC", "NUM"))
    project.learn()
    assert project.learning.batches[-1].record.n_classes == 3, "they were merged after the batch was complete"
    ids = asked(project)
    for id in ids:
        decide(project, id, GOLD[id].replace("LOC", "NUM"))
    project.learn()
    assert project.learning.batches[-1].record.n_classes == 2


@pytest.mark.parametrize("action", ["skip", "ambiguous", "exclude"])
def test_what_people_cannot_label_is_neither_trained_on_nor_chosen_again(project, action):
    project.learn(**{**SMALL, "test_share": 0.0})
    first, second, *others = asked(project)
    for id in (first, second):
        decide(project, id, None, action=action)
    answer(project, others)
    project.learn()
    assert project.learning.batches[-1].record.n_labelled == 10
    for _ in range(4):
        assert not {first, second} & {*asked(project), *reserve(project)}
        answer(project, asked(project))
        project.learn()


def test_a_document_on_which_reviewers_disagree_is_no_label(project):
    project.learn(**{**SMALL, "test_share": 0.0})
    first, *others = asked(project)
    decide(project, first, "NUM", "ann")
    decide(project, first, "HUM", "bob")
    answer(project, others)
    project.learn()
    assert project.learning.batches[-1].record.n_labelled == 11
    project.decide(first, "relabel", "HUM", reviewer="cleo", adjudicates=True)
    answer(project, asked(project))
    project.learn()
    assert project.learning.batches[-1].record.n_labelled == 20


def test_two_workers_do_not_share_a_queue_and_a_dead_one_keeps_nobody_out(project):
    queue, options, _ = start_learning(project, _options())
    with Worker(project, queue, options), pytest.raises(OtherWorkerError, match="Stop it first"):
        project.learn()
    assert project.learning.worker is None
    with project.writing() as connection:  # as a process that was killed leaves it
        dead = f"{socket.gethostname()}:4194304:0"  # no process has such a number
        connection.execute(sa.update(LEARNING).values(worker=dead, seen=now()))
    assert project.learn().steps


def test_a_worker_that_was_taken_for_dead_writes_nothing(project):
    queue, options, _ = start_learning(project, _options())
    with Worker(project, queue, options) as worker:
        with project.writing() as connection:
            connection.execute(sa.update(LEARNING).values(worker="elsewhere:1:0"))
        with pytest.raises(OtherWorkerError, match="taken this queue over"):
            worker.step()
    assert project.learning.batches == ()
    assert project.learning.worker == "elsewhere:1:0"


def test_a_training_that_fails_is_told_and_tried_again_with_new_labels(project):
    project.learn(**{**SMALL, "learner": {"small_mlp": {"lr": 1e30}}})
    answer(project, asked(project))
    (step,) = project.learn().steps
    assert step.batch is None
    assert "diverged" in str(step)
    assert (project.learning.stage, len(project.learning.batches)) == (FAILED, 1)
    assert "learner.lr" in project.learning.message
    assert project.tasks("ann", 3), "people go on with the reserve"
    queue, options, _ = start_learning(project, _options(), {})
    with Worker(project, queue, options) as worker:
        assert worker.step().batch is None
        assert worker.step() is None, "nothing is new"
        answer(project, reserve(project)[:1])
        assert worker.step().batch is None


def test_other_options_begin_a_new_queue_in_which_all_labels_count(project):
    project.learn(**SMALL)
    answer(project, asked(project))
    tests = _tests(project)
    learnt = project.learn(strategy="entropy")
    assert [queue.name for queue in project.queues] == ["active-1", "active-2"]
    assert "strategy=entropy is not margin" in learnt.about
    (step,) = learnt.steps
    assert (step.batch, step.round) == (0, 0), "there is enough to train at once"
    assert step.n_labelled == len(set(project.loop_labels()) - tests), "the test documents stay what they are"
    assert tests <= _tests(project)


def test_the_options_of_a_queue_that_goes_on_are_those_that_it_began_with(project):
    project.learn(**SMALL)
    assert "batch=8" in project.learn().about
    assert project.learn(batch=8).queue == project.learn(seed=3).queue == 1
    assert project.learn(batch=9).queue == 2
    assert project.learn(new_queue=True, **SMALL).queue == 3


def test_documents_that_were_imported_since_begin_a_new_queue(project):
    project.learn(**SMALL)
    project.import_texts(["what town is far", "what river is long"])
    learnt = project.learn(**SMALL)
    assert learnt.queue == 2
    assert "2 documents were imported since" in learnt.about


def test_documents_that_an_import_withdraws_are_not_waited_for(project):
    project.learn(**SMALL)
    gone, *others = asked(project)
    answer(project, others)
    rows = {name: [id if name == "id" else OF[id][0] for id in OF if id != gone] for name in ("id", "text")}
    labels = ["NUM" if i % 2 else "HUM" for i in range(len(rows["id"]))]
    project.import_corpus(rows | {"label": labels}, accept=True)
    assert [step.batch for step in project.learn().steps] == [1]


def test_the_model_shows_suggestions_but_not_for_test_documents(project):
    project.learn(**SMALL)
    assert all(task.suggestion is None for task in project.tasks("ann", 12))
    answer(project, asked(project))
    project.learn()
    roles = asked(project)
    for task in project.tasks("bob", 14):
        assert (task.suggestion is None) == (roles.get(task.document) == TEST)
    run = project.learning.batches[-1].run
    with project.reading() as connection:
        n = connection.execute(sa.select(sa.func.count()).where(SUGGESTION.c.run_id == run)).scalar_one()
    assert n == len([role for role in roles.values() if role != TEST]) + len(reserve(project)), "a row for few of them"


def test_test_documents_have_no_suggestions_in_any_queue(project):
    project.import_suggestions({"id": [*GOLD], "label": [*GOLD.values()]}, source="gpt")
    project.learn(**SMALL)
    queue = project.queue(order="random").id
    waiting = _tests(project)
    tasks = project.tasks("bob", len(GOLD), queue)
    assert {each.document for each in tasks} == set(GOLD)
    assert {each.document for each in tasks if not each.suggestions} == waiting


def test_test_documents_are_never_trained_on_and_are_the_test_split_of_the_corpus(project, tmp_path):
    project.learn(**SMALL)
    for _ in range(3):
        answer(project, asked(project))
        project.learn()
    tests = {id for id in _tests(project) if id in project.loop_labels()}
    answered = {id for each in project.learning.batches[:-1] for id in asked(project, each.batch)}
    assert project.learning.batches[-1].record.n_labelled == len(answered - tests)
    assert set(project.learning.batches[-1].record.test) == set(project.learning.batches[1].record.test)
    corpus = project.corpus()
    assert set(corpus.test.ids) == tests
    assert set(corpus.train.ids) == answered - tests
    project.export(output=tmp_path / "labelled.csv", states=["decided"])
    read = cal.read_corpus(tmp_path / "labelled.csv")
    assert (set(read.test.ids), set(read.train.ids)) == (set(corpus.test.ids), set(corpus.train.ids))
    project.export(output=tmp_path / "all.csv")
    assert project.import_corpus(tmp_path / "all.csv", unlabelled=True).difference["unchanged"] == len(OF)


def test_the_status_counts_labels_and_speaks_of_no_errors(project):
    project.learn(**SMALL)
    for _ in range(2):
        answer(project, asked(project))
        project.learn()
    answer(project, [id for id, role in asked(project).items() if role == CHOSEN][:2])  # since the latest training
    status = str(project.status())
    tests = [id for id in project.loop_labels() if id in _tests(project)]
    n = len(project.loop_labels()) - len(tests)
    assert f"{n + len(tests)} labelled." in status
    assert f"{n} documents labelled, and {len(tests)} test documents." in status
    counts = Counter(project.loop_labels().values())
    assert all(f"{label}{count:>11}" in status for label, count in counts.items())
    assert not any(word in status for word in ("Errors", "Certificate", "wrong", "->", "relabelled."))


def test_labels_that_people_gave_are_not_accepted_over(project):
    project.learn(**SMALL)
    answer(project, asked(project))
    id = next(id for id, role in asked(project).items() if role == CHOSEN)
    with project.writing() as connection:
        number = connection.execute(sa.select(DOCUMENT.c.id).where(DOCUMENT.c.external_id == id)).scalar_one()
        append_returns(connection, [{"document_id": number, "comment": "It looks like a slip."}])
    other = next(label for label in GOLD.values() if label != GOLD[id])
    project.import_suggestions({"id": [id], "label": [other]}, source="gpt")
    assert project.accept_suggestions("gpt").n_documents == 0
    assert project.loop_labels()[id] == GOLD[id]
    assert project.accept_suggestions("gpt", "state=returned", reviewer="ann").n_documents == 1  # if that is meant


def test_accepted_suggestions_do_not_measure_accuracy(project):
    project.learn(**{**SMALL, "seed_size": 24})
    answer(project, asked(project))
    project.learn()
    order = list(project.learning.batches[-1].record.test)  # by number
    with project.reading() as connection:
        id_of = dict(connection.execute(sa.select(DOCUMENT.c.id, DOCUMENT.c.external_id)).all())
        drawn = set(connection.execute(sa.select(DRAW.c.document_id).where(DRAW.c.role == TEST)).scalars())
    later = [number for number in order if number not in drawn]
    wrong = {"NUM": "HUM", "HUM": "LOC", "LOC": "NUM"}
    ids = [id_of[number] for number in later]
    project.import_suggestions({"id": ids, "label": [wrong[GOLD[id]] for id in ids]}, source="gpt")
    accepted = project.accept_suggestions("gpt")
    for _ in range(2):
        answer(project, asked(project))
        project.learn()
    with project.reading() as connection:
        known, _ = decided_labels(connection, order)
        accuracy = read_progress(connection, project.learning).rounds[-1].accuracy
    assert [number for number in order if known.get(number, 0) is None] == later
    read = [number for number in order if known.get(number) is not None]
    assert (accuracy.accuracy.n, accuracy.n_open) == (len(read), len(later))
    assert accuracy.bounds[0] < accuracy.accuracy.low
    assert "accepted a suggestion without reading" in accuracy.notes()[0]

    decide(project, ids[0], GOLD[ids[0]], reviewer="reviewer")  # reads it after all
    project.undo(event=accepted.bulk)
    with project.reading() as connection:
        known, _ = decided_labels(connection, order)
    assert later[0] in known
    assert not [number for number in order if known.get(number, 0) is None]


def test_labels_that_documents_came_with_count_from_the_start(tmp_path):
    with Project.create(tmp_path / "some.db") as project:
        given = [*OF][:30]
        fill(project, OF, labelled=given)
        (step,) = project.learn(**SMALL).steps
        assert (step.round, step.n_labelled) == (0, 30)
        assert not set(asked(project)) & set(given)


def test_it_ends_when_everything_is_decided(tmp_path):
    with Project.create(tmp_path / "few.db", labels=["NUM", "HUM", "LOC"]) as project:
        few = dict(list(OF.items())[:26])
        fill(project, few)
        project.learn(**SMALL)
        for _ in range(10):
            answer(project, asked(project))
            project.learn()
            if set(project.loop_labels()) == set(few):
                break
        assert set(project.loop_labels()) == set(few)
        assert (project.learning.stage, project.learn().steps) == ("stopped", ())
        assert project.learning.batches[-1].record.n_candidates == 0


def test_a_project_without_documents_says_how_to_import_them(tmp_path):
    with Project.create(tmp_path / "empty.db") as project:
        with pytest.raises(DataError, match="unlabelled=true"):
            project.learn()
        with pytest.raises(ConfigError, match="Did you mean 'strategy'"):
            project.learn(stratgy="margin")


def test_a_waiting_worker_says_so(project):
    queue, options, _ = start_learning(project, _options())
    with Worker(project, queue, options) as worker:
        list(worker.steps())
        learning = project.learning
        assert (learning.stage, learning.message) == (WAITING, None)
        assert learning.seen is not None
        assert worker.step() is None


@pytest.mark.parametrize("strategy", ["margin", "blend", "round_change"])
def test_a_project_acquires_what_a_simulation_acquires(tmp_path, strategy):
    rows = {"id": [*OF], "text": [text for text, _ in OF.values()], "label": [*GOLD.values()]}
    test = questions(40, seed=1)
    held_out = {"id": [f"t{id}" for id in test], "text": [text for text, _ in test.values()]}
    corpus = cal.Corpus.from_frame(rows, test=held_out | {"label": [label for _, label in test.values()]})
    setting = {"seed_size": 12, "seed_set": "kmeans", "features": "lsa"}
    of_simulation = {"rounds": 3, "query_size": 8, "full_data": False, "workers": 1, "learner": "small_mlp"}
    curves = cal.simulate(corpus, [strategy], seeds=[3], quiet=True, **of_simulation, **setting)
    with Project.create(tmp_path / "live.db", labels=corpus.label_names) as project:
        fill(project, OF)
        project.learn(strategy=strategy, seed=3, batch=8, test_share=0.0, check_share=0.0, per_class=0, **setting)
        for _ in range(3):
            answer(project, asked(project))
            project.learn()
        acquired = [list(asked(project, number)) for number in range(4)]
    of = curves.acquired
    assert acquired == [of.id[of["round"] == number].tolist() for number in range(4)]
