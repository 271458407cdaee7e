"""How values are stored, so that SQLite and PostgreSQL keep exactly what they were given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import String, Text
from sqlalchemy.types import TypeDecorator

_MARK = "\x10"  # a control character that texts hardly ever hold


class AnyText(TypeDecorator[str]):
    r"""Text with any character. PostgreSQL refuses NUL, so `\x00` is stored as `\x10` and `0`, and `\x10` twice."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        if value is None or not ("\x00" in value or _MARK in value):
            return value
        return str(value.replace(_MARK, _MARK * 2).replace("\x00", f"{_MARK}0"))

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        if value is None or _MARK not in value:
            return value
        parts = value.split(_MARK * 2)
        return _MARK.join(part.replace(f"{_MARK}0", "\x00") for part in parts)


class Json(TypeDecorator[Any]):
    """A JSON value as text; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        if value is None:
            return None
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS).decode()

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else orjson.loads(value)


class Time(TypeDecorator[datetime]):
    """A moment, as text in UTC with microseconds, which sorts as the moments do."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}".zfill(27)

    def process_result_value(self, value: Any, dialect: Any) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
