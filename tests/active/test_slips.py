"""Slips: twins that are labelled differently, labels that models deny, and how many come back."""

import numpy as np
import pytest

from cal.active.person import Person, simulate_session
from cal.active.slips import find_slips, n_to_check
from cal.errors import DataError

N = 500
NAMES = ["arts", "law", "sports", "trade"]


def two_clouds(n=N, seed=0):
    """Vectors of two classes that lie far apart, and their classes."""
    rng = np.random.default_rng(seed)
    gold = np.arange(n) % 2
    return np.where(gold[:, None], 3.0, -3.0) * np.eye(8)[0] + rng.normal(size=(n, 8)), gold


def distinct(n):
    return [f"alpha{number} beta{number} gamma{number}" for number in range(n)]


def test_twins_name_each_other_and_the_one_that_models_deny_comes_first():
    x, gold = two_clouds()
    texts, gold = distinct(N), gold.copy()
    texts[11] = texts[40].upper() + "!"
    gold[11] = 1 - gold[40]  # one of the two is a slip: the one whose vector lies with the others
    x[11] = x[40]
    first, second = find_slips(range(N), texts, gold, ["no", "yes"], x)[:2]
    wrong, right = (11, 40) if gold[11] != int(x[11, 0] > 0) else (40, 11)
    assert (first.row, first.other) == (wrong, right)
    assert (second.row, second.other) == (right, wrong)
    assert first.likely == second.label
    assert "says nearly the same" in first.reason


def test_equal_texts_with_equal_labels_and_different_texts_are_no_slips():
    assert find_slips([1, 2, 3], ["Who wrote it?", "Who wrote it?", "How far is it?"], [0, 0, 1], ["HUM", "NUM"]) == []
    assert find_slips([], [], np.empty(0, np.int64), ["HUM"]) == []


def test_a_label_on_the_wrong_side_is_found_and_none_other():
    x, gold = two_clouds()
    for place in (7, 32):
        wrong = gold.copy()
        wrong[place] = 1 - wrong[place]
        (slip,) = find_slips([f"d{number}" for number in range(N)], distinct(N), wrong, ["no", "yes"], x)
        assert (slip.row, slip.label, slip.likely) == (
            f"d{place}",
            ["no", "yes"][wrong[place]],
            ["no", "yes"][gold[place]],
        )
        assert slip.other is None
        assert slip.reason.startswith("Models that never saw this text say")
    assert find_slips(range(N), distinct(N), gold, ["no", "yes"], x) == []


def test_what_the_classifier_has_learnt_is_not_doubted():
    x, gold = two_clouds()
    gold[7] = 1 - gold[7]
    assert find_slips(range(N), distinct(N), gold, ["no", "yes"], x, np.full(N, 0.95)) == []
    assert len(find_slips(range(N), distinct(N), gold, ["no", "yes"], x, np.full(N, 0.3))) == 1


def test_the_order_of_the_documents_changes_nothing_about_twins():
    texts = ["Who wrote the Iliad?", "How far is the Moon?", "Who wrote the Iliad", "How far is the Moon"]
    found = {slip.row: slip.other for slip in find_slips([*"abcd"], texts, [0, 1, 2, 1], NAMES)}
    again = {slip.row: slip.other for slip in find_slips([*"dcba"], texts[::-1], [1, 2, 1, 0], NAMES)}
    assert found == again == {"a": "c", "c": "a"}


def test_sparse_wide_and_equal_vectors_are_taken():
    from scipy import sparse

    x, gold = two_clouds()
    gold[7] = 1 - gold[7]
    (dense,) = find_slips(range(N), distinct(N), gold, ["no", "yes"], x)
    (of_sparse,) = find_slips(range(N), distinct(N), gold, ["no", "yes"], sparse.csr_matrix(x))
    assert of_sparse.row == dense.row == 7
    wide = np.concatenate([x, np.zeros((N, 700))], axis=1)
    assert [slip.row for slip in find_slips(range(N), distinct(N), gold, ["no", "yes"], wide)] == [7]
    assert find_slips(range(N), distinct(N), gold, ["no", "yes"], np.zeros((N, 4))) == []


def test_lengths_that_do_not_match_are_refused():
    with pytest.raises(DataError, match="2 rows, 1 texts and 2 classes"):
        find_slips([1, 2], ["one"], [0, 1], NAMES)


def test_what_came_of_those_before_decides_how_many_come_back():
    for n_mended in range(5):
        n_checked = 0
        while n_to_check(n_checked, n_mended):
            n_checked += 1
        assert n_checked == 2 + 3 * n_mended  # with nobody's slips, two; with one slip in three, it goes on


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["uniform", "class_dependent"])
def test_a_careless_person_mends_slips_and_a_careful_one_is_left_alone(topics, kind):
    counts = {}
    for careless in (0.0, 0.1):
        checked = mended = 0
        for seed in range(3):
            how = {"confusions": np.ones((4, 4))} if kind == "class_dependent" else {}
            person = Person.of(topics, careless=careless, kind=kind, seed=seed, **how)
            options = {"learner": "small_mlp", "seed": seed, "check_share": 0.1, "strategy": "margin"}
            session = simulate_session(topics, person, 200, batch=20, **options)
            assert set(session.checked) <= set(person.seen)
            assert all(changed == (id in person.slips) for id, changed in session.checked.items())
            checked, mended = checked + len(session.checked), mended + sum(session.checked.values())
        counts[careless] = checked, mended
    assert counts[0.0][0] <= 6  # two at most in each session
    assert counts[0.0][1] == 0
    assert counts[0.1][1] >= 0.4 * counts[0.1][0] > 0
    assert counts[0.1][1] >= 5


def test_a_person_slips_the_same_way_in_any_order(topics):
    one, other = (Person.of(topics, careless=0.2, seed=5, seconds=4.0) for _ in range(2))
    ids = [*one.answers]
    first = {id: one.label(id) for id in ids}
    assert first == {id: other.label(id) for id in reversed(ids)}
    assert sum(first[id] != one.answers[id] for id in ids) == len(one.slips) == 80
    assert all(one.label(id) == one.answers[id] for id in ids)
    assert Person.of(topics, careless=0.2, seed=6).slips.keys() != one.slips.keys()


def test_a_session_takes_the_time_of_its_decisions(topics):
    session = simulate_session(topics, Person.of(topics, seconds=6.0), 30, seed_size=20, batch=10, learner="small_mlp")
    assert session.minutes == 3.0
    assert len(session.decided) == len(set(session.decided)) == 30
    assert {"accuracy", "low", "high", "test"} <= set(session.curve)
    assert session.curve["test"].between(0, 1).all()
