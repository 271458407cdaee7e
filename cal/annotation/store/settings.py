"""Settings of a project: small facts about it by name, in one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.store.schema import PROJECT


def read_settings(connection: Connection) -> dict[str, Any]:
    """All settings by name."""
    return dict(connection.execute(sa.select(PROJECT.c.settings)).scalar_one() or {})


def keep_settings(connection: Connection, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps settings that are not there yet; those that are stay. All settings by name."""
    kept = {**settings, **read_settings(connection)}
    connection.execute(sa.update(PROJECT).values(settings=kept))
    return kept
