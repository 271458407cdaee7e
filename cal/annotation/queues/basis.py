"""The basis of a queue: the label version, the ranking of suspects and the map that it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.decisions.recording import latest_version
from cal.annotation.store.schema import MAP_POINT, RUN, SUGGESTION
from cal.errors import UnknownNameError


@dataclass(frozen=True)
class Basis:
    """The numbers of a label version, of a run with suggestions and of a run with map points; None if there is none."""

    version: int | None = None
    suspects: int | None = None
    map: int | None = None

    @classmethod
    def of(cls, connection: Connection, run: str | int | None = None) -> Self:
        """The latest of each, or a certain run where there are several.

        Args:
            connection: a transaction that reads.
            run: name or number of a run; None takes the latest ranking and the latest map.

        Raises:
            ConfigError: if there is no such run.
        """
        chosen = None if run is None else _number(connection, run)
        return cls(
            latest_version(connection), _latest(connection, SUGGESTION, chosen), _latest(connection, MAP_POINT, chosen)
        )

    def as_settings(self) -> dict[str, int | None]:
        """The runs, as the settings of a queue keep them."""
        return {"suspects": self.suspects, "map": self.map}


def _latest(connection: Connection, table: sa.Table, chosen: int | None) -> int | None:
    """The latest run that has rows in a table, or the chosen one if it has."""
    query = sa.select(RUN.c.id).where(sa.exists().where(table.c.run_id == RUN.c.id)).order_by(RUN.c.id.desc())
    if chosen is not None and (found := connection.execute(query.where(RUN.c.id == chosen)).scalar()) is not None:
        return int(found)
    latest: int | None = connection.execute(query.limit(1)).scalar()
    return latest


def _number(connection: Connection, run: str | int) -> int:
    runs: list[Any] = list(connection.execute(sa.select(RUN.c.id, RUN.c.name).order_by(RUN.c.id)).all())
    by_name = {row.name: row.id for row in runs} | {row.id: row.id for row in runs}
    number = by_name.get(run, by_name.get(int(run)) if isinstance(run, str) and run.isdecimal() else None)
    if number is None:
        raise UnknownNameError("run", run, [row.name for row in runs], "" if runs else "No run was imported yet.")
    return int(number)
