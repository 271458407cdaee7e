"""The law of all formats: a project that is made from an export holds what the exported one holds."""

import contextlib
import shutil
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.errors import ConfigError, DataError
from cal.exchange.formats import FORMATS, read_annotated
from cal.exchange.records import AnnotatedDocument, LabelSet, Suggested

LABELS = ("HUM", "LOC", "=SUM", "a#b", "has, comma", "né")
HOSTILE = [
    *("=cmd|' /C calc'!A0", "'=1", "+1", "\t=1", "a\r\nb\rc", '"quoted"', "NUL \x00", "\ufeffmark", "\u2028", "007"),
    *("null", "[]", "{}", "", " ", "</View>", "&amp;", "العربية", "😀", "id", "cal", "true", "1e5", "x" * 300),
]
TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), max_size=8)
IDS = TEXTS.filter(str.strip)
NAMES = st.sampled_from(["ann", "bob", "=eve", "Zoë, Ltd", "5"])
COLUMNS = st.dictionaries(
    TEXTS, st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e6, 1e6) | TEXTS, max_size=2
)
SUGGESTED = st.builds(Suggested, st.sampled_from(LABELS), st.floats(0, 1), st.sampled_from(["map", "=suspects"]))
TIMES = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@st.composite
def documents(draw):
    ids = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    return [
        AnnotatedDocument(
            *(id, draw(TEXTS), draw(st.none() | st.sampled_from(LABELS[:4]))),
            split=draw(st.sampled_from(["train", "test", "dev"])),
            suggestions=tuple(draw(st.lists(SUGGESTED, max_size=2, unique_by=lambda each: each.source))),
            columns=draw(COLUMNS),
            sequences=draw(st.none() | st.just((("a", "b"), ("c",)))),
        )
        for id in ids
    ]


@st.composite
def decisions(draw, ids):
    action = draw(st.sampled_from(["keep", "relabel", "relabel", "ambiguous", "exclude", "skip", "comment"]))
    return Decision(
        *(draw(st.sampled_from(ids)), action, draw(NAMES)),
        label=draw(st.sampled_from(LABELS)) if action == "relabel" else None,
        comment=draw(TEXTS.filter(str.strip) if action == "comment" else st.none() | TEXTS),
        seconds=draw(st.none() | st.floats(0, 1e5)),
        id=str(draw(st.uuids(version=4))),
        adjudicates=draw(st.booleans()) and action not in ("skip", "comment"),
        time=draw(TIMES),
        seen=draw(st.none() | st.builds(lambda each: {"label": each.label, "score": each.score}, SUGGESTED)),
    )


@st.composite
def stories(draw):
    """Documents, and what people do with them."""
    made = draw(documents())
    ids = [each.id for each in made]
    single = st.tuples(st.just("decide"), decisions(ids))
    bulk = st.tuples(st.just("bulk"), st.lists(decisions(ids), min_size=1, max_size=3, unique_by=lambda each: each.id))
    rest = st.tuples(st.just("undo"), NAMES) | st.tuples(st.just("merge"), st.permutations(LABELS))
    rest |= st.tuples(st.just("rename"), st.sampled_from(LABELS))
    return made, draw(st.lists(single | single | bulk | rest, max_size=6))


def live(project, story):
    """A project in which that has happened, as far as it makes sense."""
    made, steps = story
    project.import_documents(made, LabelSet(LABELS, "# Guidelines", {"HUM": "#112233"}))
    for what, of in steps:
        with contextlib.suppress(ConfigError, DataError):
            if what == "decide":
                project.decide_all([of])
            elif what == "bulk":
                project.decide_all(of, bulk=str(uuid.uuid4()))
            elif what == "undo":
                project.undo(reviewer=of)
            elif what == "merge":
                project.merge_labels(*of[:2])
            else:
                project.rename_label(of, f"{of}.")


@pytest.fixture(scope="module")
def folder():
    """A folder in memory, if the system has such: a database asks the disk to be safe at each step."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        with Project.create(Path(name) / "template.db", name="template"):
            pass
        yield Path(name)


def new(folder, name):
    for old in folder.glob(f"{name}*"):
        old.unlink()
    return Project.open(shutil.copy(folder / "template.db", folder / name))


def check_round_trip(folder, story, name):
    path = folder / f"export{FORMATS[name].ending or '_dataset'}"
    with new(folder, "first.db") as first:
        live(first, story)
        assert first.check() == []
        held = list(first.documents())
        shutil.rmtree(path, ignore_errors=True)
        exported = first.export(name, path)
    reading = read_annotated(path, name)
    with new(folder, "second.db") as second:
        second.import_documents(reading.documents, reading.labels, name="again")
        assert list(second.documents()) == held
        assert (len(exported.losses), len(reading.losses)) == (0, 0)
        assert {state: n for state, n in second.counts().items() if n} == exported.counts
        assert second.check() == []
        again = second.import_documents(read_annotated(path, name).documents, name="again")
        assert again.difference.is_empty
        assert again.n_answers == 0


SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@given(stories(), st.sampled_from(sorted(FORMATS)))
@settings(max_examples=12, **SETTINGS)
def test_a_project_made_from_an_export_holds_the_same(folder, story, name):
    check_round_trip(folder, story, name)


def test_two_runs_that_say_the_same_stay_two(folder):
    suggestions = (Suggested("HUM", 0.0, "map"), Suggested("LOC", 0.0, "suspects"))
    made = [AnnotatedDocument("a", "Who?", suggestions=suggestions)]
    check_round_trip(folder, (made, [("merge", LABELS)]), "jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_project_made_from_an_export_in_this_format_holds_the_same(folder, name):
    given(stories())(settings(max_examples=50, **SETTINGS)(lambda story: check_round_trip(folder, story, name)))()
