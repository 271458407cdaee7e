"""Near-duplicates: all pairs that a slow comparison of all finds, and no questions of one pattern."""

from itertools import pairwise

import numpy as np
import pytest

from cal.data.spelling import text_form
from cal.doubtful_texts.near_duplicates import near_duplicates
from cal.doubtful_texts.similar_texts import SIMILAR, similar_pairs
from cal.doubtful_texts.word_sets import WordSets, words

WORDS = [f"w{k}" for k in range(60)]


def random_texts(n, seed, longest=12):
    rng = np.random.default_rng(seed)
    chance = 1 / np.arange(1, len(WORDS) + 1)
    return [
        " ".join(rng.choice(WORDS, size=rng.integers(1, longest), p=chance / chance.sum()).tolist()) for _ in range(n)
    ]


def slow_pairs(texts, least):
    """Every pair compared word by word."""
    sets = [set(words(text)) for text in texts]
    weight = {word: np.log(1 + len(texts) / sum(word in own for own in sets)) for word in set().union(*sets)}
    found = {}
    for a, one in enumerate(sets):
        for b in range(a + 1, len(sets)):
            both = sum(weight[word] for word in one | sets[b])
            similarity = sum(weight[word] for word in one & sets[b]) / both if both else 0
            if similarity >= least - 1e-9:
                found[a, b] = similarity
    return found


def pairs_of(texts, least):
    return {
        (a, b): similarity
        for pairs in similar_pairs(WordSets.of(texts), least)
        for a, b, similarity in zip(*(part.tolist() for part in pairs), strict=True)
    }


def groups_of(texts, gold=None):
    gold = np.zeros(len(texts), dtype=int) if gold is None else np.array(gold)
    forms = [text_form(text) for text in texts]
    return near_duplicates(forms, gold, np.arange(len(texts)), WordSets.of(texts))


@pytest.mark.parametrize("least", [0.3, 0.6, SIMILAR, 0.9])
def test_all_similar_pairs_are_found_and_no_other(least):
    texts = [*random_texts(150, seed=1), "", "w1"]
    assert pairs_of(texts, least) == pytest.approx(slow_pairs(texts, least))


def test_blocks_of_any_size_find_the_same_pairs(monkeypatch):
    texts = random_texts(120, seed=2)
    expected = pairs_of(texts, 0.5)
    monkeypatch.setattr("cal.doubtful_texts.similar_texts._PRODUCTS", 50)
    monkeypatch.setattr("cal.doubtful_texts.similar_texts._PAIRS", 7)
    assert pairs_of(texts, 0.5) == expected


def test_groups_are_chains_of_similar_texts(monkeypatch):
    monkeypatch.setattr("cal.doubtful_texts.near_duplicates._EDGES", 3)
    texts = random_texts(150, seed=3, longest=5)
    own, reached = {k: {k} for k in range(len(texts))}, {}
    linked = slow_pairs(list(dict.fromkeys(" ".join(sorted(set(text.split()))) for text in texts)), SIMILAR)
    forms = list(dict.fromkeys(" ".join(sorted(set(text.split()))) for text in texts))
    node = [forms.index(" ".join(sorted(set(text.split())))) for text in texts]
    for a in range(len(texts)):
        for b in range(len(texts)):
            if node[a] == node[b] or (min(node[a], node[b]), max(node[a], node[b])) in linked:
                own[a].add(b)
    for start in own:
        seen, todo = {start}, [start]
        while todo:
            new = own[todo.pop()] - seen
            seen |= new
            todo += new
        reached[start] = seen
    found = groups_of(texts)
    for text, group in enumerate(found.group.tolist()):
        members = set(np.flatnonzero(found.group == group).tolist()) if group >= 0 else {text}
        assert members == reached[text]


def test_each_is_compared_with_one_of_another_label_where_there_is_one():
    texts = ["Who is the mayor of Bonn?", "who is the mayor of  Bonn?", "Who is mayor of Bonn", "Why?", "How?"]
    found = groups_of(texts, [0, 0, 1, 0, 1])
    assert found.other.tolist() == [2, 2, 0, -1, -1]
    assert groups_of(texts, [0, 1, 1, 0, 1]).other.tolist() == [1, 0, 0, -1, -1]
    assert groups_of(texts, [0, -1, 0, 0, 1]).other.tolist() == [1, 0, 0, -1, -1]


@pytest.mark.parametrize(
    "pattern",
    [
        "What is the capital of {} ?",
        "How many people live in {} ?",
        "Please tell me what the weather will be like in {} tomorrow morning",
        "{}的首都在哪里",
        "Wo liegt {} ?",
    ],
)
def test_questions_of_one_pattern_are_no_near_duplicates(pattern):
    places = "Rome Oslo Bonn Lima Bern Riga Graz York Kiel Cork 北京 東京".split()
    assert (groups_of([pattern.format(place) for place in places]).group == -1).all()
    assert (
        groups_of([*(pattern.format(place) for place in places), *random_texts(200, seed=4)]).group[:12] == -1
    ).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the capital of France ?", "what is the capital of FRANCE?"),
        ("Who was Randy Craft 's lawyer ?", "Who was the lawyer for Randy Craft ?"),
        ("这个产品什么时候可以发货？", "这个产品什么时候可以发货呢？"),
        ("من كتب هذا الكتاب القديم الجميل؟", "من كتب هذا الكتاب القديم الجميل"),
        ("ＡＢＣ ist ein Kurs", "ABC ist ein Kurs"),
        ("😀😀 nice", "nice 😀😀"),
    ],
)
def test_what_a_reader_calls_the_same_is_found(one, other):
    others = [f"who was the {a} 's brother for {b}?" for a, b in pairwise(WORDS)]
    texts = [one, *others, *(f"{word} {word}s {word}t" for word in WORDS), other]
    found = groups_of(texts)
    assert found.group[0] == found.group[-1] >= 0


@pytest.mark.parametrize(("one", "other"), [("What is C++ ?", "What is C ?"), ("2 + 3", "2 * 3"), ("+", "*")])
def test_signs_that_carry_the_meaning_count(one, other):
    found = groups_of([one, other, *random_texts(50, seed=6)])
    assert found.group[0] == found.group[1] == -1


def test_a_thousand_copies_are_one_group():
    found = groups_of(["Who is it?"] * 1000 + ["Who is it ?"], [0] * 1000 + [1])
    assert set(found.group.tolist()) == {0}
    assert found.other[0] == 1000
    assert found.other[1000] == 0


def test_there_may_be_no_texts():
    assert groups_of([]).group.tolist() == []
    assert groups_of([""]).group.tolist() == [-1]
