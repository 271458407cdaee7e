"""Filters: what they mean against a plain reading in Python, and that they print what they parse."""

import operator
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cal.annotation.decisions.decision import Decision
from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import NAMES, Condition, Filter, operators
from cal.annotation.queues.matching import matching
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT
from cal.dynamics.regions import AMBIGUOUS, EASY, HARD
from cal.errors import CalError, ConfigError
from cal.exchange.records import STATES

LABELS = ("HUM", "LOC", "NUM")
HOSTILE = ("'; DROP TABLE draw; --", "' OR 1=1 --", 'a"b\\', "%", "_", "Ä é", "and", "a,b>c", " ", ":p", "{0}")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(HOSTILE)


@st.composite
def conditions(draw, scores=("p_wrong", "confidence", "year", "rank", "aum"), texts=TEXTS, labels=None):
    known = [name for name in NAMES if not (labels and name == "sources")]  # of which that project has none
    name = draw(st.sampled_from([*known, *scores]))
    sign = draw(st.sampled_from(operators(name)))
    n = 1 if sign[0] in "<>" else draw(st.integers(1, 3))
    label = st.sampled_from(labels) if labels else texts
    values = {
        "state": st.sampled_from([*STATES, "decided", "returned"]),
        "region": st.sampled_from([EASY, AMBIGUOUS, HARD]),
        "pair": label,
        "given": label,
        "label": label,
        "suggested": label,
        "sources": st.sampled_from(["agree", "differ"]),
    }
    if name not in NAMES:
        values[name] = st.integers(-3, 30).map(str) | st.sampled_from([".5", "2010", "0.25", "-1e1"])
    listed = draw(st.lists(values.get(name, texts), min_size=n, max_size=n))
    return Condition(name, sign, tuple(listed * 2 if name == "pair" else listed))


@settings(max_examples=300)
@given(st.lists(conditions(), max_size=4))
def test_a_filter_reads_what_it_prints(some):
    filter = Filter(tuple(some))
    assert Filter.of(str(filter)) == filter
    assert str(Filter.of(str(filter))) == str(filter)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", "all"),
        (" ALL ", "all"),
        ("state = undecided , returned  AND text ~ how", "state=undecided,returned and text~how"),
        ('given="HUM" and given!=""', 'given=HUM and given!=""'),
        ("pair=HUM>LOC,LOC>HUM", "pair=HUM>LOC,LOC>HUM"),
        ("score>=.5 and score<1", "score>=.5 and score<1"),
        ("given=DESC:def", "given=DESC:def"),
        ('"my column"=3', '"my column"=3'),
    ],
)
def test_how_a_filter_is_written(text, printed):
    assert str(Filter.of(text)) == printed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("state=kpt", "Did you mean 'kept'"),
        ("region=hard", "Known: ambiguous, easy-to-learn, hard-to-learn, other"),
        ("p_wrong>high", "needs a number, not 'high'"),
        ("p_wrong>nan", "needs a number"),
        ("p_wrong>.5,.6", "takes one number, not 2"),
        ("text=how", "text takes ~ or !~"),
        ("given~HUM", "given takes = or !="),
        ("given", "ends where an operator after given"),
        ("given=", "ends where a value after given="),
        ("given=HUM given=LOC", "lacks `and` between two conditions at 'given=LOC'"),
        ("given=HUM or given=LOC", "lacks `and`"),
        ("given=HUM and", "ends where a name"),
        ('given="HUM', "no closing quote"),
        ("pair=HUM", "ends where > between the two labels"),
        ("a==1", "lacks a value after a="),
        ("=1", "lacks a name"),
        ("a=b\\c", "outside quotes"),
        ("split=\ud800", "half a character"),
    ],
)
def test_a_filter_that_cannot_be_read_says_where(text, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        Filter.of(text)


def fitting(project, filter):
    with project.reading() as connection:
        clauses = matching(connection, filter, Basis.of(connection), read_labels(connection))
        return set(connection.execute(DOCUMENT.select().where(*clauses)).scalars())


def fits(condition, row):
    """Whether a document fits a condition, read plainly."""
    name, sign, values = condition.name, condition.operator, condition.values
    if name == "pair":
        found = any((row["given"], row["suggested"]) == pair for pair in condition.pairs)
    elif name == "text":
        found = any(each.lower() in row["text"].lower() for each in values)
    elif name in ("state", "reviewer"):
        found = bool(row[name] & set(values))
    elif name in NAMES:
        found = row[name] in values
    elif row[name] is None:
        found = False
    else:
        compare = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}.get(sign, "eq")
        found = any(getattr(operator, compare)(row[name], float(each)) for each in values)
    return not found if sign.startswith("!") else found


def decided_rows(project):
    """Decisions on some of 24 documents, and what each document is afterwards, by number."""
    actions = {1: "keep", 2: "ambiguous", 3: "exclude", 4: "skip", 5: "keep"}
    for i, action in actions.items():
        project.decide(f"q{i}", action, reviewer="ann")
    project.decide("q5", "relabel", "HUM", reviewer="bob")
    project.decide("q6", "relabel", "LOC", reviewer="a,b>c")
    states = {1: "kept", 2: "ambiguous", 3: "excluded", 4: "skipped", 5: "disagreement", 6: "relabelled"}
    reviewers = {i: {"ann"} for i in actions} | {5: {"ann", "bob"}, 6: {"a,b>c"}}
    rows = {}
    for i in range(24):
        state = states.get(i, "undecided")
        decided = {"decided"} if state in ("kept", "ambiguous", "excluded", "relabelled") else set()
        rows[i + 1] = {
            **{"state": {state} | decided, "given": LABELS[i % 3], "suggested": LABELS[(i + 1) % 3]},
            **{"label": "LOC" if i == 6 else LABELS[i % 3]},
            **{"region": (EASY, AMBIGUOUS, HARD)[i % 3], "split": "test" if i % 5 == 0 else "train", "id": f"q{i}"},
            **{"reviewer": reviewers.get(i, set()), "text": f"Who is number {i}?", "p_wrong": i / 24 if i else None},
            **{"confidence": 1 - i / 24, "year": 2000 + i, "rank": 24 - i, "aum": -i},
        }
    return rows


VALUES = st.sampled_from(["q3", "q7", "train", "test", "ann", "bob", "NUMBER 1", "who", "3?", *HOSTILE])


def test_a_filter_takes_the_documents_that_fit(reviews):
    rows = decided_rows(reviews)

    @settings(max_examples=60 if reviews.engine.dialect.name == "sqlite" else 25, database=None)
    @given(st.lists(conditions(texts=VALUES, labels=LABELS), max_size=2))
    def check(some):
        filter = Filter(tuple(some))
        assert fitting(reviews, filter) == {i for i, row in rows.items() if all(fits(each, row) for each in some)}

    check()
    assert len(fitting(reviews, Filter())) == 24  # nothing was dropped


COMPARED = [
    ("kind=web", 12),
    ('kind="it\'s"', 12),
    ("kind!=web", 12),
    ('kind="\' OR 1=1 --"', 0),
    ("year=2003,2004", 2),
    ("column.year<2002", 2),
    ("map.aum<-20", 3),
    ("suspects.rank=1", 1),
    ('given=""', 0),
    ('suggested=""', 0),
    ("p_wrong=0", 0),
]


def test_scores_and_columns_are_compared(reviews):
    assert {text: len(fitting(reviews, Filter.of(text))) for text, _ in COMPARED} == dict(COMPARED)


def test_a_hostile_name_is_an_unknown_score(reviews):
    for name in ("'; DROP TABLE draw; --", 'a"b', "$.year", "year'", "0", "p_wrong)", "", "%s", ":x", "a\0b"):
        with pytest.raises(ConfigError, match="Unknown score"):
            fitting(reviews, Filter((Condition(name, ">", ("1",)),)))


def test_columns_hold_any_name_and_any_value(reviews):
    names = ['a"b', "$.year", "x'y", "ü", "a.b", "0", "\\"]
    values = [3, "4", " 5e0 ", True, None, "6x", [7], {"a": 8}, "n\0l", 1e300, -(2**60)]
    with reviews.writing() as connection:
        for i, value in enumerate(values, start=1):
            columns = {name: value for name in names}
            connection.execute(DOCUMENT.update().where(DOCUMENT.c.id == i).values(columns=columns))
    for name in names:
        assert fitting(reviews, Filter((Condition(name, ">", ("2",)),))) == {1, 2, 3, 10}
        assert fitting(reviews, Filter((Condition(name, "<", ("0",)),))) == {11}
        assert fitting(reviews, Filter((Condition(name, "=", ("6x", "true")),))) == {4, 6}
        assert fitting(reviews, Filter((Condition(name, "=", ("4", "3.0")),))) == {1, 2}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("given=HMU", "Did you mean 'HUM'"),
        ("pair=HUM>nothing", "Unknown label 'nothing'"),
        ("p_wrnog>.5", "Did you mean 'p_wrong'"),
        ("p_wrong=high", "compares a score with something that is not a number"),
        ("map.p_wrong>.5", "Unknown score 'map.p_wrong'"),
    ],
)
def test_what_the_project_does_not_have_is_refused(in_file, text, told):
    with pytest.raises(CalError, match=re.escape(told)):
        fitting(in_file, Filter.of(text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("region=ambiguous", "has no map"),
        ("suggested=HUM", "has no ranking or map"),
        ("p_wrong>.5", "needs a ranking of suspects, and none was imported"),
        ("confidence<.5", "needs a map, and none was imported"),
        ("nothing<.5", "order=random"),
    ],
)
def test_what_was_not_imported_is_said(tmp_path, text, told):
    from cal.annotation import Project

    with Project.create(tmp_path / "bare.db", labels=LABELS) as bare, pytest.raises(ConfigError, match=told):
        fitting(bare, Filter.of(text))


def test_a_merged_label_stands_for_those_that_became_it(in_file):
    in_file.merge_labels("NUM", "LOC")
    assert len(fitting(in_file, Filter.of("given=LOC"))) == 16
    with pytest.raises(CalError, match="merged into 'LOC'"):
        fitting(in_file, Filter.of("given=NUM"))


def test_documents_that_came_back_are_found(in_file):
    in_file.decide("q3", "keep")
    with in_file.writing() as connection:
        connection.exec_driver_sql("UPDATE state SET returned = 'its text changed'")
    assert len(fitting(in_file, Filter.of("state=returned"))) == 1
    assert len(fitting(in_file, Filter.of("state=undecided,returned"))) == 24
    assert len(fitting(in_file, Filter.of("state!=returned"))) == 23


def test_a_withdrawn_document_never_fits(in_file):
    with in_file.writing() as connection:
        connection.execute(DOCUMENT.update().where(DOCUMENT.c.id == 3).values(withdrawn=True))
    assert len(fitting(in_file, Filter())) == 23


def test_decisions_of_others_do_not_count_for_a_reviewer(in_file):
    in_file.decide_all([Decision("q1", "keep", reviewer="ann"), Decision("q2", "keep", reviewer="bob")])
    assert fitting(in_file, Filter.of("reviewer=ann")) == {2}
    assert len(fitting(in_file, Filter.of("reviewer!=ann,bob"))) == 22
