"""Values of requests: how large they may be, so that any database can hold them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field

MOST_BYTES_SEEN = 20_000
"""Most bytes of what a reviewer saw, as JSON."""


def _after_1900(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("a moment needs a time zone, such as 2026-01-31T12:00:00Z")
    if not 1900 <= time.year <= 9000:  # whatever the zone, it is a moment in UTC, too
        raise ValueError("a moment must be between the years 1900 and 9000")
    return time.astimezone(UTC)


def _storable(seen: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(orjson.dumps(seen))
    except TypeError as error:  # numbers of more than 64 bits, half characters, hundreds of levels
        raise ValueError(f"cannot be kept as JSON: {str(error)[:1].lower()}{str(error)[1:]}") from error
    if size > MOST_BYTES_SEEN:
        raise ValueError(f"has at most {MOST_BYTES_SEEN:,} bytes as JSON, not {size:,}")
    return seen


Text = Annotated[str, Field(max_length=20_000)]
"""What somebody writes."""

Name = Annotated[str, Field(max_length=2_000)]
"""A name; the project says what is too long for it."""

Id = Annotated[str, Field(max_length=10_000)]
"""An id of a corpus."""

Digest = Annotated[str, Field(max_length=32)]
"""The digest of a document's content."""

Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A number that the project gives, as to documents, runs and queues."""

Moment = Annotated[datetime, AfterValidator(_after_1900)]
"""A moment with a time zone."""

Seen = Annotated[dict[str, Any], AfterValidator(_storable)]
"""What a reviewer saw, as the server sent it."""
