"""Laws of all formats: documents of all sorts, with hostile texts, read back as they were written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cal.exchange.formats import FORMATS
from cal.exchange.records import ACTIONS, RELABEL, STATES, AnnotatedDocument, Answer, LabelSet, Suggested

LABEL_SET = LabelSet(("HUM", "LOC", "=SUM", "a#b", "has, comma"), "# What they mean\nA person, or a place.")

HOSTILE = [
    *("=cmd|' /C calc'!A0", "'=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n", "a\r\nb\rc\nd", '"quoted", "twice"""'),
    *("NUL \x00 here", "half \ud83d a character", "\ufeffmark", "line\u2028separator", "😀🏳️‍🌈", "null", "NaN", "[]"),
    *("007", "true", '{"a": 1}', "", " ", "a#b", "</View><Choice value='x'/>", "&amp;", "العربية", "{}"),
]
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec=None), max_size=12))
LABELS = st.one_of(st.sampled_from(["HUM", "LOC", "=SUM", "a#b", "has, comma"]), TEXTS.filter(bool))
NUMBERS = st.none() | st.floats(-1e6, 1e6) | st.integers(-5, 5).map(float)
TIMES = st.none() | st.datetimes(
    datetime(1970, 1, 2),
    datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]),
)
SUGGESTED = st.builds(Suggested, LABELS, NUMBERS, TEXTS)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
NAMES = st.one_of(
    TEXTS, st.sampled_from(["id", "cal", "cal_id", "label", "state", "columns", "source", "meta", "answer", "text"])
)
IDS = TEXTS.filter(bool)
SEQUENCES = st.none() | st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=2).map(tuple)


@st.composite
def answers(draw):
    action = draw(st.sampled_from(ACTIONS))
    return Answer(
        str(draw(st.uuids())),
        draw(TEXTS),
        action,
        draw(LABELS) if action == RELABEL else None,
        draw(TEXTS),
        draw(NUMBERS),
        draw(TIMES),
        draw(st.none() | SUGGESTED),
        draw(st.booleans()),
    )


def documents(ids=IDS, min_size=0):
    """Lists of documents with distinct ids."""
    document = st.builds(
        AnnotatedDocument,
        *(ids, TEXTS, st.none() | LABELS, st.none() | LABELS, st.sampled_from(STATES)),
        *(st.none() | st.sampled_from(["train", "test"]), st.lists(SUGGESTED, max_size=2).map(tuple)),
        *(st.lists(answers(), max_size=2).map(tuple), st.dictionaries(NAMES, JSON_VALUES, max_size=3), SEQUENCES),
    )
    return st.lists(document, min_size=min_size, max_size=4, unique_by=lambda each: each.id)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exchange")


LAW = {"database": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.explicit, Phase.generate]}


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_reads_back(name, folder):
    check_round_trips(name, folder, 15 if name == "datasets" else 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_reads_back_hundreds_of_times(name, folder):
    check_round_trips(name, folder, 100 if name == "datasets" else 500)


def check_round_trips(name, folder, n_examples):
    each, n_made = FORMATS[name], 0

    @settings(max_examples=n_examples, **LAW)
    @given(documents())
    def check(made):
        nonlocal n_made
        n_made += 1
        path = folder / f"{name}{n_made % 2}{each.ending}"
        written = each.write(iter(made), LABEL_SET, path)
        assert {loss.why for loss in written.losses} <= {"XML cannot hold it, so it is not offered"}
        reading = each.read(path)
        assert reading.all() == made
        assert not reading.losses.rows

    check()
