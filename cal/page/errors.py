"""Errors of the server: one shape for all of them.

    {"error": {"kind": "data", "message": "There is no document 'q-7' ...", "problems": ["There is ..."]}}

`kind` is for programs and `message` for people; `problems` lists what is wrong where there are several things.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from cal.errors import CalError, ConfigError, DataError, StorageError


class Problem(BaseModel):
    """What is wrong.

    Attributes:
        kind: config, data, storage, request, access, conflict, missing or unexpected.
        message: what is wrong and what to do, for people.
        problems: each thing that is wrong.
        facts: numbers that go with it, such as the present count of a selection.
    """

    kind: str
    message: str
    problems: list[str] = []
    facts: dict[str, Any] = {}


class ErrorAnswer(BaseModel):
    """The answer to whatever cannot be done."""

    error: Problem


class Refused(Exception):
    """A request that the server does not carry out.

    Args:
        status: status code of HTTP.
        kind: kind of the problem.
        message: what is wrong and what to do.
        facts: numbers that go with it.
    """

    def __init__(self, status: int, kind: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.status, self.kind, self.facts = status, kind, facts


def answer(status: int, kind: str, message: str, problems: Sequence[str] = (), **facts: Any) -> JSONResponse:
    """An answer of the one shape."""
    problem = Problem(kind=kind, message=message, problems=list(problems) or [message], facts=facts)
    return JSONResponse(ErrorAnswer(error=problem).model_dump(), status)


def add_handlers(app: FastAPI) -> None:
    """Gives every error of an app the one shape."""

    @app.exception_handler(Refused)
    def refused(_: Request, error: Refused) -> JSONResponse:
        return answer(error.status, error.kind, str(error), **error.facts)

    @app.exception_handler(CalError)
    def known(_: Request, error: CalError) -> JSONResponse:
        if isinstance(error, ConfigError):
            return answer(400, "config", str(error), error.problems)
        if isinstance(error, StorageError):
            return answer(503, "storage", str(error))
        return answer(400, "data" if isinstance(error, DataError) else "config", str(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [f"{_where(each['loc'])}: {each['msg']}." for each in error.errors()]
        return answer(422, "request", " ".join(problems), problems)

    @app.exception_handler(HTTPException)
    def of_http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 404:
            return answer(404, "missing", f"There is nothing at {request.url.path}.")
        return answer(error.status_code, "request", f"{error.detail}.")


def _where(location: Sequence[Any]) -> str:
    """The place of an invalid value, such as decisions.0.action."""
    return ".".join(str(each) for each in location[1:]) or str(location[0])
