"""Scores of documents: where a number is kept that a queue ranks by or a filter compares, and which way it points.

A name stands for the first of these that has it: a number of the ranking of suspects (`p_wrong`, `score` and its other
columns), a metric of the map, a column of the corpus. `suspects.NAME`, `map.NAME` and `column.NAME` say which.
`SOURCE.score` is how sure a source of labels is, and `disagreement` how far the sources differ.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from cal.annotation.queues.basis import Basis
from cal.annotation.queues.filters import number
from cal.annotation.queues.homes import COLUMN, HOMES, MAP, SOURCES, SUSPECTS
from cal.annotation.store.database import as_word
from cal.annotation.store.schema import DOCUMENT, LABEL, MAP_POINT, SUGGESTION
from cal.annotation.suggestions.sources import read_sources
from cal.errors import ConfigError, UnknownNameError

DISAGREEMENT = "disagreement"
_TABLES = {SUSPECTS: SUGGESTION, MAP: MAP_POINT}
_REALS = {SUSPECTS: ("p_wrong", "score"), MAP: ("confidence", "variability", "correctness")}
_NUMBER = r"^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$"
_QUOTED_NUMBER = _NUMBER.replace("^", '^"?', 1).replace("$", '"?$')
_KNOWN: weakref.WeakKeyDictionary[Engine, dict[tuple[str, int], frozenset[str]]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Score:
    """A number that documents may have.

    Attributes:
        home: `suspects`, `map`, `column` or `sources`.
        name: its name there.
        run: number of the run that it is of; None for a column of the corpus.
        source: name of the source whose score it is; empty otherwise.
        runs: numbers of the runs that it compares.
    """

    home: str
    name: str
    run: int | None = None
    source: str = ""
    runs: tuple[int, ...] = ()

    @property
    def low_first(self) -> bool:
        """Whether low numbers are the suspicious ones, as a low confidence is."""
        from cal.dynamics.metrics import HIGH_IS_VALUABLE

        if self.home == MAP:
            return self.name not in HIGH_IS_VALUABLE
        if self.home == SOURCES:
            return self.name != DISAGREEMENT
        return self.home == SUSPECTS and (self.name in ("p_label", "rank") or self.name.startswith("rank_"))

    @property
    def is_probability(self) -> bool:
        """Whether it is the probability that the label is wrong."""
        return (self.home, self.name) == (SUSPECTS, "p_wrong")

    def __str__(self) -> str:
        if self.source:
            return f"{self.source}.{self.name}"
        return f"{self.home}.{self.name}" if self.home == COLUMN else self.name

    def number(self, dialect: str) -> Any:
        """An expression for it, NULL where there is none, in a query about `DOCUMENT`.

        Args:
            dialect: name of the kind of database.
        """
        if self.home == COLUMN:
            return _json_number(DOCUMENT.c["columns"], self.name, dialect)
        if self.runs:
            return _disagreement(self.runs)
        if self.source:
            return sa.select(SUGGESTION.c.score).where(*self._row(SUGGESTION)).correlate(DOCUMENT).scalar_subquery()
        table = _TABLES[self.home]
        if self.name in _REALS[self.home]:
            value: Any = table.c[self.name]
        else:
            value = _json_number(table.c.metrics if self.home == MAP else table.c["columns"], self.name, dialect)
        return sa.select(value).where(*self._row(table)).correlate(DOCUMENT).scalar_subquery()

    def is_text(self, values: Iterable[str], dialect: str) -> Any:
        """A condition: whether a column of the corpus is one of these texts, or true or false."""
        json, listed = DOCUMENT.c["columns"], list(values)
        bools = [each for each in listed if each in ("true", "false")]
        if dialect == "sqlite":
            each = sa.func.json_each(json).table_valued("key", "value", "type")
            fits = sa.or_(each.c.type == "text", each.c.type == "null") & each.c.value.in_(listed)
            query = sa.select(1).select_from(each).where(each.c.key == self.name, sa.or_(fits, each.c.type.in_(bools)))
            return query.correlate(DOCUMENT).exists()
        raw = sa.cast(_postgresql_value(json, self.name), sa.Text)
        return sa.func.coalesce(raw.in_([orjson.dumps(value).decode() for value in listed] + bools), sa.false())

    def _row(self, table: sa.Table) -> tuple[Any, ...]:
        return table.c.run_id == self.run, table.c.document_id == DOCUMENT.c.id


def find_score(connection: Connection, basis: Basis, name: str) -> Score:
    """The score of a name.

    Raises:
        ConfigError: if nothing has it; the message lists what there is.
    """
    from cal.dynamics.metrics import HIGH_IS_VALUABLE

    if (of_sources := _of_sources(connection, basis, name)) is not None:
        return of_sources
    home, _, rest = name.partition(".")
    if home in HOMES and rest:
        return _checked(connection, Score(home, _named(home, rest), _run(basis, home)), basis)
    for home in HOMES:
        score = Score(home, _named(home, name), _run(basis, home))
        if (score.run is not None or home == COLUMN) and _exists(connection, score):
            return score
    if name in _REALS[SUSPECTS] and basis.suspects is None:
        make = f"rank the labels and import the ranking: {ranking(connection)}"
        raise ConfigError(
            f"{name} needs a ranking of suspects, and none was imported. {_instead(connection, basis, make)}"
        )
    if basis.map is None and _named(MAP, name) in (*_REALS[MAP], *HIGH_IS_VALUABLE, "aum"):
        make = f"import one: cal annotate import {as_word(connection)} map=FOLDER"
        raise ConfigError(f"{name} needs a map, and none was imported. {_instead(connection, basis, make)}")
    raise UnknownNameError("score", name, known_scores(connection, basis), _none_known(connection, basis))


def _of_sources(connection: Connection, basis: Basis, name: str) -> Score | None:
    """The score of a source, or how far the sources differ; None if the name means something else."""
    sources = read_sources(connection)
    source, _, rest = name.rpartition(".")
    if name == "score" and basis.source is not None:
        source, rest = basis.source, name
    if rest == "score" and source in sources:
        return Score(SOURCES, "score", sources[source], source)
    if rest == DISAGREEMENT and source in ("", SOURCES) and len(sources) > 1:
        return Score(SOURCES, DISAGREEMENT, runs=tuple(sources.values()))
    return None


def _disagreement(runs: Iterable[int]) -> Any:
    """Number of different labels that sources give a document, without the first; NULL where none gives one."""
    labels = sa.func.count(sa.distinct(sa.func.coalesce(LABEL.c.merged_into, LABEL.c.id)))
    query = sa.select(sa.func.nullif(labels, 0) - 1).select_from(SUGGESTION.join(LABEL))
    query = query.where(SUGGESTION.c.document_id == DOCUMENT.c.id, SUGGESTION.c.run_id.in_(runs))
    return query.correlate(DOCUMENT).scalar_subquery()


def usual_score(basis: Basis) -> str:
    """The score to rank by if nobody says otherwise: that of the suspects, else of the map; empty without either."""
    if basis.suspects is not None:
        return "p_wrong"
    return "" if basis.map is None else "confidence"


def new_queue(connection: Connection) -> str:
    """The command that makes a queue by `usual_score`, or else a random one."""
    by = usual_score(Basis.of(connection))
    return f"cal annotate queue {as_word(connection)} {f'by={by} order=sampled' if by else 'order=random'}"


def ranking(connection: Connection) -> str:
    """The commands that rank the labels of a project and import the ranking."""
    project = as_word(connection)
    return (
        f"cal suspects dataset=annotation dataset.project={project} output=suspects && "
        f"cal annotate import {project} suspects=suspects"
    )


def known_scores(connection: Connection, basis: Basis, *, columns: bool = True) -> list[str]:
    """Names of the scores that the first documents have.

    Args:
        connection: a transaction that reads.
        basis: the runs that are looked at.
        columns: whether the columns of the corpus and the scores of sources count.
    """
    found: dict[str, None] = {}
    for home, table in _TABLES.items():
        if (run := _run(basis, home)) is None:
            continue
        found |= dict.fromkeys(_REALS[home])
        column = table.c.metrics if home == MAP else table.c["columns"]
        for row in connection.execute(sa.select(column).where(table.c.run_id == run).limit(100)):
            found |= dict.fromkeys(_numeric(row[0]))
    if not columns:
        return list(found)
    sources = read_sources(connection)
    found |= dict.fromkeys(f"{source}.score" for source in sources)
    found |= {DISAGREEMENT: None} if len(sources) > 1 else {}
    rows = connection.execute(sa.select(DOCUMENT.c["columns"]).limit(100)).scalars()
    of_corpus = dict.fromkeys(name for row in rows for name in _numeric(row))
    return [*found, *(f"{COLUMN}.{name}" if name in found else name for name in of_corpus)]


def _numeric(values: Any) -> list[str]:
    """Keys of a JSON object whose values are numbers, or texts that say one."""
    return [
        key
        for key, value in (values or {}).items()
        if (isinstance(value, int | float) and not isinstance(value, bool))
        or (isinstance(value, str) and number(value) is not None)
    ]


def _named(home: str, name: str) -> str:
    from cal.dynamics.metrics import our_name

    return str(our_name(name)) if home == MAP else name


def _run(basis: Basis, home: str) -> int | None:
    return {SUSPECTS: basis.suspects, MAP: basis.map}.get(home)


def _checked(connection: Connection, score: Score, basis: Basis) -> Score:
    if (score.home == COLUMN or score.run is not None) and _exists(connection, score):
        return score
    raise UnknownNameError(
        "score", f"{score.home}.{score.name}", known_scores(connection, basis), _none_known(connection, basis)
    )


def _exists(connection: Connection, score: Score) -> bool:
    """Whether any document may have a score; a column of numbers may be empty in all of them."""
    if score.name in _REALS.get(score.home, ()):
        return True
    dialect = connection.dialect.name
    if score.run is not None and "\0" not in score.name:  # which SQLite cannot list
        return score.name in _names_of_run(connection, score.home, score.run)
    table = _TABLES.get(score.home, DOCUMENT)
    column = table.c.metrics if score.home == MAP else table.c["columns"]
    query = sa.select(1).select_from(table).where(_has_key(column, score.name, dialect))
    if score.run is not None:
        query = query.where(table.c.run_id == score.run)
    return connection.execute(query.limit(1)).first() is not None


def _names_of_run(connection: Connection, home: str, run: int) -> frozenset[str]:
    """Names of the scores that any document has in a run.

    They are read once, because a run never changes, and to read a million rows takes seconds.
    """
    kept = _KNOWN.setdefault(connection.engine, {})
    if (home, run) not in kept:
        table = _TABLES[home]
        column = table.c.metrics if home == MAP else table.c["columns"]
        if connection.dialect.name == "sqlite":
            each = sa.func.json_each(column).table_valued("key")
            query = sa.select(each.c.key).select_from(table.join(each, sa.true()))
        else:
            query = sa.select(sa.func.json_object_keys(_postgresql_json(column)))
        names = connection.execute(query.where(table.c.run_id == run).distinct()).scalars()
        kept[home, run] = frozenset(map(str, names))
    return kept[home, run]


def _none_known(connection: Connection, basis: Basis) -> str:
    return "" if known_scores(connection, basis) else "There is none yet. Take order=random, which needs none."


def _instead(connection: Connection, basis: Basis, make: str) -> str:
    known = known_scores(connection, basis)
    others = f"Use another score ({', '.join(known)})" if known else "Take order=random, which needs no score"
    return f"{others}, or {make}"


def _has_key(column: Any, name: str, dialect: str) -> Any:
    if dialect == "sqlite":
        each = sa.func.json_each(column).table_valued("key")
        return sa.select(1).select_from(each).where(each.c.key == name).correlate(column.table).exists()
    return _postgresql_value(column, name).is_not(None)


def _json_number(column: Any, name: str, dialect: str) -> Any:
    """The number, or the text that says one, at a key of a JSON object; a name is never part of the SQL."""
    if dialect == "sqlite":
        each = sa.func.json_each(column).table_valued("key", "value", "type")
        said = sa.case(
            (each.c.type.in_(("integer", "real")), sa.cast(each.c.value, sa.Float)),
            (
                sa.and_(each.c.type == "text", sa.cast(each.c.value, sa.Text).regexp_match(_NUMBER)),
                sa.cast(each.c.value, sa.Float),
            ),
        )
        query = sa.select(said).select_from(each).where(each.c.key == name).limit(1)
        return query.correlate(column.table).scalar_subquery()
    raw = sa.cast(_postgresql_value(column, name), sa.Text)
    return sa.case((raw.regexp_match(_QUOTED_NUMBER), sa.cast(sa.func.btrim(raw, '" '), sa.Float(53))))


def _postgresql_value(column: Any, name: str) -> Any:
    """The raw value at a key, which is not decoded: `json` keeps characters that PostgreSQL's texts cannot hold."""
    return _postgresql_json(column).op("->")(sa.cast(name.replace("\0", "\ufffd"), sa.Text))


def _postgresql_json(column: Any) -> Any:
    text, nul = sa.type_coerce(column, sa.Text), "\\u0000"
    plain = sa.func.replace(sa.func.replace(text, "\\\\", "\\u005c"), nul, "\\ufffd")  # NUL is refused even there
    readable = sa.case((sa.func.strpos(text, nul) > 0, plain), else_=text)
    return sa.cast(readable, _RawJson())


class _RawJson(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "json"
