"""Scores by their names: which home has one, and that a run is looked through only once."""

import pytest
import sqlalchemy as sa

from cal.annotation.queues.basis import Basis
from cal.annotation.queues.scores import Score, find_score
from cal.annotation.store.schema import RUN, SUGGESTION
from cal.errors import UnknownNameError

HOSTILE = ["a\ufffdb", 'say "no"', "'; DROP TABLE draw; --", "\\u0000", "Ä é", "$.x", ""]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("p_label", Score("suspects", "p_label", 1)),
        ("rank", Score("suspects", "rank", 1)),
        ("aum", Score("map", "aum", 2)),
        ("map.loss", Score("map", "loss", 2)),
        ("confidence", Score("map", "confidence", 2)),
        ("year", Score("column", "year")),
    ],
)
def test_a_score_is_found_where_it_is(reviews, name, found):
    with reviews.reading() as connection:
        assert find_score(connection, Basis.of(connection), name) == found


def test_the_names_of_a_run_are_read_once_and_those_of_a_new_run_anew(reviews):
    with reviews.reading() as connection:
        basis, engine = Basis.of(connection), connection.engine
        find_score(connection, basis, "confidence")
    statements = []
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    with reviews.reading() as connection:
        find_score(connection, basis, "confidence")
        find_score(connection, basis, "p_label")
    assert not [each for each in statements if "suggestion" in each]
    with reviews.writing() as connection:
        about = {"id": 3, "kind": "suspects", "name": "later", "digest": "3"}
        connection.execute(
            sa.insert(RUN).from_select(
                [*about, "imported"], sa.select(*map(sa.literal, about.values()), RUN.c.imported).where(RUN.c.id == 1)
            )
        )
        connection.execute(sa.insert(SUGGESTION).values(run_id=3, document_id=1, columns={"fresh": 1.0}))
    with reviews.reading() as connection:
        assert find_score(connection, Basis.of(connection), "fresh") == Score("suspects", "fresh", 3)
        with pytest.raises(UnknownNameError, match="p_label"):
            find_score(connection, Basis.of(connection), "p_label")


def test_any_name_is_found(reviews):
    with reviews.writing() as connection:
        columns = dict.fromkeys(HOSTILE, 0.5)
        connection.execute(sa.update(SUGGESTION).where(SUGGESTION.c.document_id == 7).values(columns=columns))
    with reviews.reading() as connection:
        for name in HOSTILE:
            assert find_score(connection, Basis.of(connection), name) == Score("suspects", name, 1)
