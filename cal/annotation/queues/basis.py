"""The basis of a queue: the label version, the ranking of suspects and the map that it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.store.schema import MAP_POINT, RUN, SUGGESTION
from cal.annotation.suggestions.sources import LABELLER, read_sources
from cal.errors import UnknownNameError


@dataclass(frozen=True)
class Basis:
    """The numbers of a label version, of a run with suggestions and of a run with map points; None if there is none.

    The suggestions are those of a ranking of suspects, or of a source of labels where one was chosen, by its name.
    """

    version: int | None = None
    suspects: int | None = None
    map: int | None = None
    source: str | None = None

    @classmethod
    def of(cls, connection: Connection, run: str | int | None = None) -> Self:
        """The latest of each, or a certain run where there are several.

        Args:
            connection: a transaction that reads.
            run: name or number of a run, or name of a source of labels; None takes the latest ranking and map.

        Raises:
            ConfigError: if there is no such run.
        """
        chosen = None if run is None else _number(connection, run)
        source = None if chosen is None else _source_of(connection, chosen)
        suspects = chosen if source is not None else _latest(connection, SUGGESTION, chosen)
        return cls(latest_version(connection), suspects, _latest(connection, MAP_POINT, chosen), source)

    def as_settings(self) -> dict[str, int | None]:
        """The runs, as the settings of a queue keep them."""
        return {"suspects": self.suspects, "map": self.map}


def _latest(connection: Connection, table: sa.Table, chosen: int | None) -> int | None:
    """The latest run that has rows in a table, or the chosen one if it has."""
    query = sa.select(RUN.c.id).where(sa.exists().where(table.c.run_id == RUN.c.id), RUN.c.kind != LABELLER)
    query = query.order_by(RUN.c.id.desc())
    if chosen is not None and (found := connection.execute(query.where(RUN.c.id == chosen)).scalar()) is not None:
        return int(found)
    latest: int | None = connection.execute(query.limit(1)).scalar()
    return latest


def _source_of(connection: Connection, run: int) -> str | None:
    """The source whose labels a run holds; None if it is of another kind."""
    source: str | None = connection.execute(sa.select(RUN.c.source).where(RUN.c.id == run)).scalar()
    return source


def _number(connection: Connection, run: str | int) -> int:
    runs: list[Any] = list(connection.execute(sa.select(RUN.c.id, RUN.c.name).order_by(RUN.c.id)).all())
    by_name: dict[Any, int] = {row.name: row.id for row in runs} | {row.id: row.id for row in runs}
    by_name |= read_sources(connection)
    number = by_name.get(run, by_name.get(int(run)) if isinstance(run, str) and run.isdecimal() else None)
    if number is None:
        raise UnknownNameError("run", run, [row.name for row in runs], "" if runs else "No run was imported yet.")
    return int(number)
