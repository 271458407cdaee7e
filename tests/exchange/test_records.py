"""What records accept, and what a document is after its answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from cal.errors import ConfigError
from cal.exchange.losses import Losses
from cal.exchange.records import STATES, AnnotatedDocument, Answer, LabelSet, Suggested
from cal.exchange.states import settled

START = datetime(2026, 11, 29, 12, tzinfo=UTC)


def answer(reviewer, action, label=None, hour=0):
    return Answer("00000000-0000-0000-0000-000000000000", reviewer, action, label, time=START + timedelta(hours=hour))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: answer("ann", "delete"), "action"),
        (lambda: answer("ann", "keep", "HUM"), "label must be"),
        (lambda: answer("ann", "relabel"), "label must be"),
        (lambda: Answer("1", "ann", "skip", time=datetime(2026, 1, 1)), "time zone"),
        (lambda: Answer("1", "ann", "skip", seconds=float("inf")), "seconds"),
        (lambda: Answer("1", 7, "relabel", 3.5, seconds=float("nan")), "reviewer"),
        (lambda: Suggested("HUM", float("nan")), "score"),
        (lambda: Suggested(3), "label"),
        (lambda: AnnotatedDocument("q", "Who?", state="done"), "state"),
        (lambda: AnnotatedDocument(3, "Who?"), "id"),
        (lambda: AnnotatedDocument("", "Who?"), "id must not be empty"),
        (lambda: LabelSet("HUM"), "names"),
    ],
)
def test_records_refuse_what_makes_no_sense(make, what):
    with pytest.raises(ConfigError, match=what):
        make()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], ("ENTY", "undecided")),
        ([("ann", "comment")], ("ENTY", "undecided")),
        ([("ann", "skip")], ("ENTY", "skipped")),
        ([("ann", "skip"), ("bob", "keep")], ("ENTY", "kept")),
        ([("ann", "keep"), ("bob", "keep")], ("ENTY", "kept")),
        ([("ann", "relabel", "HUM")], ("HUM", "relabelled")),
        ([("ann", "relabel", "ENTY")], ("ENTY", "kept")),
        ([("ann", "relabel", "HUM"), ("ann", "keep", None, 1)], ("ENTY", "kept")),
        ([("ann", "relabel", "HUM"), ("bob", "relabel", "HUM")], ("HUM", "relabelled")),
        ([("ann", "relabel", "HUM"), ("bob", "keep")], ("ENTY", "disagreement")),
        ([("ann", "ambiguous"), ("bob", "exclude")], ("ENTY", "disagreement")),
        ([("ann", "ambiguous")], ("ENTY", "ambiguous")),
        ([("ann", "exclude")], ("ENTY", "excluded")),
        ([("ann", "keep"), ("ann", "skip", None, 1)], ("ENTY", "skipped")),
    ],
)
def test_the_last_answer_of_each_reviewer_decides(answers, expected):
    for order in permutations([answer(*given) for given in answers]):
        assert settled("ENTY", order) == expected
    assert expected[1] in STATES


def test_who_adjudicates_settles_a_disagreement():
    first, second = answer("ann", "keep"), answer("bob", "relabel", "HUM")
    settling = replace(answer("eve", "relabel", "LOC"), adjudicates=True)
    assert settled("ENTY", [first, settling, second]) == ("LOC", "relabelled")
    again = replace(answer("eve", "exclude", hour=2), adjudicates=True)
    assert settled("ENTY", [first, settling, second, again]) == ("ENTY", "excluded")


def test_losses_are_counted_by_field_and_reason():
    losses = Losses("a.csv")
    assert not losses.message()
    for row in range(3):
        losses.add(f"q-{row}", "time", "?", "is no date")
    losses.add("q-9", "score", "nan", "is no number")
    assert losses.message() == (
        "a.csv: 4 values were lost. time: 3 (is no date), e.g. document 'q-0'; score: 1 (is no number), e.g. document "
        "'q-9'."
    )
    assert losses.to_frame().loc[3].to_dict() == {
        "document": "q-9",
        "field": "score",
        "value": "nan",
        "why": "is no number",
    }
