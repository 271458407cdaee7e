"""The loop in Python: what it asks for, what it takes, and what never changes."""

import logging
from itertools import chain

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cal
from cal.errors import ConfigError, DataError, FeatureError, LearnerError


def test_it_never_asks_twice_for_what_is_decided_and_ends_when_all_is(make, gold, caplog):
    loop = make()
    seen = []
    while ids := loop.ask(17):
        assert not set(ids) & set(seen)
        loop.tell(ids, [None if i % 5 == 0 else gold[id] for i, id in enumerate(ids)])
        seen += ids
    assert sorted(seen) == sorted(gold)
    assert "All 120 documents are decided" in caplog.text
    assert loop.ask(3) == []


def test_the_same_is_asked_until_something_is_told(make, gold, label):
    loop = make()
    for _ in range(3):
        ids = loop.ask(8)
        assert loop.ask(8) == ids
        others = loop.ask(12)
        assert loop.ask(8) == ids, "another size in between changes nothing"
        loop.tell(ids, [gold[id] for id in ids])
        assert loop.ask(12) != others


def test_labels_that_are_told_again_change_nothing(make, gold, label):
    loop = make()
    label(loop, 2)
    ids = loop.ask(10)
    loop.tell(loop.labels)
    assert loop.ask(10) == ids


def test_what_was_asked_and_not_told_is_asked_again_some_time(make, gold):
    loop = make(test_share=0.0)
    first = loop.ask(10)
    loop.tell({id: gold[id] for id in first[:4]})
    left, seen = set(first[4:]), set(first[:4])
    while ids := loop.ask(20):
        assert not seen & set(ids)
        loop.tell({id: gold[id] for id in ids})
        seen |= set(ids)
        left -= set(ids)
    assert not left


def test_test_documents_that_were_not_told_come_first(make, gold):
    loop = make(test_share=0.3)
    first = loop.ask(10)
    frame = loop.to_frame().set_index("id")
    test = [id for id in first if frame.role[id] == "test"]
    assert len(test) == 3
    loop.tell({id: gold[id] for id in first if id not in test[1:]})
    assert set(test[1:]) <= set(loop.ask(10))


def test_the_order_of_rows_does_not_matter(make, questions, label):
    shuffled = questions[["id", "text"]].sample(frac=1, random_state=3)
    one, other = make(), make(shuffled)
    assert label(one, 4) == label(other, 4)
    frame = one.predict_proba()
    pd.testing.assert_frame_equal(frame, other.predict_proba().loc[frame.index], check_exact=True)
    assert other.predict_proba().index.tolist() == shuffled["id"].tolist()


def test_predicting_in_between_changes_nothing(make, label):
    one, other = make(), make()
    for _ in range(3):
        assert label(one, 1) == label(other, 1)
        other.predict()
        other.predict(["How far?"])
    assert one.ask(9) == other.ask(9)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25])
def test_test_documents_keep_their_share_are_mixed_in_and_never_trained_on(make, label, share):
    loop = make(test_share=share)
    batches = label(loop, 5, size=12)
    frame = loop.to_frame().set_index("id")
    roles = [[frame.role[id] for id in batch] for batch in batches]
    assert sum(role == "test" for role in chain(*roles)) == int(share * 60)
    if share:
        places = [place for batch in roles for place, role in enumerate(batch) if role == "test"]
        assert len(set(places)) > 2, "not always at the end"
        corpus, loop_map = loop.corpus(), loop.data_map
        test = set(frame.index[frame.role == "test"])
        assert set(corpus.test.ids) == test
        assert not test & set(corpus.train.ids)
        assert not test & set(loop_map.ids)


def test_which_documents_test_does_not_depend_on_what_is_labelled(make, label, gold):
    one, other = make(strategy="margin"), make(strategy="random", seed_set="random")
    tests = []
    for loop in (one, other):
        label(loop, 3, size=20)
        frame = loop.to_frame()
        tests.append(set(frame.id[frame.role == "test"]))
    assert tests[0] == tests[1] != set()


def test_labels_given_at_first_are_trained_on_and_none_of_them_tests(make, questions):
    some = questions.copy()
    some.loc[some.index >= 60, "label"] = None
    loop = make(some)
    assert len(loop.labels) == 60
    loop.ask(10)
    frame = loop.to_frame()
    assert set(frame.role[:60]) == {"given"}
    assert set(loop.data_map.ids) == set(questions.id[:60])
    assert loop.label_names == ("number", "person", "place")


def test_a_label_told_again_corrects_the_one_before(make, gold, label):
    loop = make()
    ids = label(loop, 2)[0]
    loop.tell([ids[0]], ["place"])
    loop.tell({ids[1]: None})
    assert loop.labels[ids[0]] == "place"
    assert loop.labels[ids[1]] is None
    loop.predict()
    assert ids[1] not in loop.data_map.ids
    loop.tell(pd.Series({ids[1]: "person"}))
    loop.predict()
    assert ids[1] in loop.data_map.ids or loop.to_frame().set_index("id").role[ids[1]] == "test"


@pytest.mark.parametrize(
    "form",
    [
        lambda ids, labels: (ids, labels),
        lambda ids, labels: (np.array(ids), np.array(labels, dtype=object)),
        lambda ids, labels: (pd.Series(ids), pd.Series(labels)),
        lambda ids, labels: (dict(zip(ids, labels, strict=True)),),
        lambda ids, labels: (pd.Series(labels, index=ids),),
        lambda ids, labels: (pd.DataFrame({"id": ids, "label": labels, "note": 1}),),
        lambda ids, labels: (ids, [float("nan") if label is None else label for label in labels]),
        lambda ids, labels: (ids, [label and f" {label} " for label in labels]),
    ],
)
def test_labels_come_in_many_forms(make, gold, form):
    loop, plain = make(), make()
    ids = loop.ask(8)
    labels = [*(gold[id] for id in ids[:7]), None]
    loop.tell(*form(ids, labels))
    plain.tell(ids, labels)
    assert loop.labels.equals(plain.labels)
    assert loop.ask(8) == plain.ask(8)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ((["q0-nu", "nobody"], ["a", "b"]), "No document has the id 'nobody'."),
        ((["q0-nx"], ["a"]), "Did you mean 'q0-"),
        ((["q0-nu", "q1-nu"], ["a"]), "2 ids and 1 label do not fit together"),
        ((["q0-nu"],), "There are no labels"),
        ((["q0-nu", "q0-nu"], ["a", "b"]), "Document 'q0-nu' has two labels, 'a' and 'b'"),
        ((["q0-nu"], [" "]), "The label of 'q0-nu' is empty. Give None"),
        ((["q0-nu"], [1.5]), "The label of 'q0-nu' is 1.5. A label is a name or a whole number."),
        (({"q0-nu": ["a"]},), "A label is a name"),
        ((pd.DataFrame({"id": ["q0-nu"]}),), "no column 'label'"),
        ((["q0-nu", 1.5], ["a", "b"]), "An id is text or a whole number, not 1.5"),
        (("q0-nu", "a"), "ids is 'q0-nu'"),
    ],
)
def test_what_cannot_be_taken_is_refused_before_anything_changes(make, told, words):
    loop = make()
    with pytest.raises(DataError) as caught:
        loop.tell(*told)
    assert words in str(caught.value)
    assert len(loop.labels) == 0


def test_a_new_label_that_looks_like_a_known_one_is_named(make, gold, label, caplog):
    loop = make()
    label(loop, 1)
    loop.tell([loop.ask(10)[0]], ["Person "])
    assert "The label 'Person' is new, and differs from 'person' only" in caplog.text
    assert "Person" in loop.label_names


def test_new_labels_may_come_at_any_time(make, gold, label):
    loop = make()
    label(loop, 2)
    id = loop.ask(5)[0]
    loop.tell([id], ["other"])
    assert loop.label_names[-1] == "other"
    assert loop.predict_proba(["Say where?"]).columns.tolist() == list(loop.label_names)


def test_it_does_not_wait_for_ever_for_a_label_that_nobody_finds(make, gold, label, caplog):
    loop = make(labels=["number", "person", "place", "weather"], test_share=0.0)
    label(loop, 3)
    assert set(loop.to_frame()["round"].dropna()) == set()
    label(loop, 1)
    assert set(loop.to_frame()["round"].dropna()) == {0}
    assert "no longer waits for weather" in caplog.text
    assert loop.predict_proba(["Say where?"]).columns.tolist() == ["number", "person", "place", "weather"]


def test_there_is_no_classifier_before_there_are_two_labels(make, gold):
    loop = make(test_share=0.0)
    with pytest.raises(LearnerError, match="no document to train on is labelled"):
        loop.predict()
    assert loop.data_map is None
    ids = [id for id, label in gold.items() if label == "place"]
    loop.tell(ids, ["place"] * len(ids))
    with pytest.raises(LearnerError, match="the only label is place"):
        loop.predict(["Who?"])
    assert loop.ask(5), "it still asks"


def test_while_nothing_can_be_trained_it_asks_for_what_is_unlike_the_labelled(make, gold):
    loop = make(test_share=0.0)
    ids = [id for id, label in gold.items() if label == "place"]
    loop.tell(ids[:30], ["place"] * 30)
    found = [gold[id] for id in loop.ask(6)]
    assert found.count("place") <= 1


def test_a_share_of_each_batch_looks_for_new_classes(make, gold, label):
    loop = make(explore=0.4, test_share=0.0)
    ids = [id for id, label in gold.items() if label != "person"]
    loop.tell(ids[:40], [gold[id] for id in ids[:40]])
    asked = loop.ask(10)
    frame = loop.to_frame().set_index("id")
    explored = [id for id in asked if frame.role[id] == "explore"]
    assert len(explored) == 4
    assert [gold[id] for id in explored].count("person") >= 2


def test_a_corpus_of_what_is_labelled_can_be_simulated(make, label):
    loop = make(test_share=0.2)
    label(loop, 4, size=15)
    corpus = loop.corpus()
    assert (len(corpus.train), len(corpus.test)) == (48, 12)
    curves = cal.simulate(
        corpus, ["margin"], seeds=1, seed_size=12, query_size=6, rounds=1, features="lsa", full_data=False,
        workers=1, quiet=True,
    )  # fmt: skip
    assert len(curves.rounds) == 2
    assert loop.corpus(test=False).test is None


def test_a_corpus_needs_two_labels_and_no_label_in_test_alone(make, gold):
    loop = make(test_share=0.5)
    with pytest.raises(DataError, match="nothing is labelled"):
        loop.corpus()
    ids = loop.ask(12)
    roles = loop.to_frame().set_index("id").role
    train = [id for id in ids if roles[id] != "test"]
    loop.tell({id: gold[id] if id in train else "odd" for id in ids})
    with pytest.raises(DataError, match=r"labels that no document of train has: odd\..*test=False"):
        loop.corpus()
    assert len(loop.corpus(test=False).train) == len(train)


def test_it_shows_itself(make, label):
    loop = make(["How far <b>?", "Who?", "Where?"])
    assert repr(loop) == "ActiveLearner 'corpus': 3 documents, 0 labelled, 0 labels, strategy=margin"
    loop.tell(loop.ask(3), ["<NUM>", "HUM", None])
    html = loop._repr_html_()
    assert "&lt;NUM&gt;" in html
    assert "<NUM>" not in html
    assert "cannot be labelled" in html


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strategy": "marging"}, "Did you mean 'margin'?"),
        ({"stratgy": "margin"}, "Unknown option 'stratgy'. Did you mean 'strategy'?"),
        ({"seed_set": "stratified"}, "chooses by labels, and there are none yet"),
        ({"test_share": 1}, "test_share must be a number of at least 0 and below 1"),
        ({"labels": ["a", "a"]}, "names a label twice"),
        ({"learner": "scikit", "strategy": "bald"}, "needs dropout"),
    ],
)
def test_wrong_options_are_all_named_at_once(make, options, words):
    with pytest.raises(ConfigError) as caught:
        make(**options)
    assert words in str(caught.value)


def test_strategies_notes_are_said_once(make, label, caplog):
    caplog.set_level(logging.INFO, "cal")
    loop = make(strategy="cal", test_share=0.0)
    label(loop, 3)
    messages = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(messages) == len(set(messages))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 12), st.lists(st.integers(0, 11), max_size=12)), max_size=4))
def test_whatever_is_told_in_whatever_order_the_laws_hold(make, gold, steps):
    """Nothing decided is asked for, no document twice, never more than there are, and a copy does the same."""
    loop, copy = make(seed_set="random", strategy="random"), make(seed_set="random", strategy="random")
    for n, told in steps:
        ids = loop.ask(n)
        assert len(ids) == len(set(ids)) == min(n, 120 - len(loop.labels))
        assert not set(ids) & set(loop.labels.index)
        assert copy.ask(n) == ids
        labels = {ids[i]: gold[ids[i]] for i in told if i < len(ids)}
        for each in (loop, copy):
            each.tell(labels)


def test_a_label_that_was_a_slip_of_the_keys_is_not_waited_for(make, gold, tmp_path):
    loop = make(seed_set="random", test_share=0)
    ids = loop.ask(12)
    labels = {id: gold[id] for id in ids}
    loop.tell({**labels, ids[0]: f"{gold[ids[0]]} "[::-1] + "x"})
    loop.tell(labels)
    loop.ask(5)
    assert loop.trained is not None
    loop.save(tmp_path / "loop")
    copy = cal.ActiveLearner.load(tmp_path / "loop", strategy="entropy")
    copy.ask(6)
    assert copy.trained is not None


def test_vectors_without_texts_are_refused(make, label):
    loop = make()
    label(loop, 1)
    with pytest.raises(FeatureError, match="Give both or neither"):
        loop.predict(features=[[1.0]])
