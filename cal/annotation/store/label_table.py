"""The table of labels as an object."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.store.labels import Label, LabelNames
from cal.annotation.store.schema import LABEL


def read_labels(connection: Connection) -> LabelNames:
    """The labels of the project."""
    rows = connection.execute(sa.select(LABEL).order_by(LABEL.c.position))
    return LabelNames(Label(row.id, row.name, row.position, row.colour, row.merged_into) for row in rows)
