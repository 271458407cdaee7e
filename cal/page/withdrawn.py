"""Documents that the latest import lacked, which nothing on the page counts."""

from __future__ import annotations

import sqlalchemy as sa

from cal.annotation.store.schema import DOCUMENT


def withdrawn() -> sa.Select[tuple[int]]:
    """The numbers of these documents."""
    gone = DOCUMENT.alias("gone")  # so that it stands for itself in queries about documents
    return sa.select(gone.c.id).where(sa.literal_column("gone.withdrawn"))  # as its index says it
