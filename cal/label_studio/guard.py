"""Who may call the backend.

A backend for this machine answers only to this machine's names, so that no site can reach it under a name of its own. A
backend for others wants a user and a password, which Label Studio sends as basic authentication: with what belongs to
the ML backend, and to webhooks as part of the address. Neither answers to pages in a browser.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from cal.page.access import LOCAL, READS, host_name, same_origin
from cal.page.errors import answer
from cal.page.unexpected import answered

USER = "cal"
MOST_BYTES = 256 * 2**20
"""Most bytes of a request. Label Studio sends all tasks that somebody has selected at once."""


@dataclass(frozen=True)
class Entrance:
    """Who may come in.

    Attributes:
        password: the password of the user `cal`; empty if none is needed.
        host: address that the backend listens on, by which this machine may call it, too.
        is_local: whether only this machine can reach it.
    """

    password: str = ""
    host: str = "127.0.0.1"
    is_local: bool = True

    def problem(self, request: Request) -> tuple[int, str, str] | None:
        """Why a request is refused: status, kind and message; None if it is not."""
        host = request.headers.get("host", "")
        own = f"[{self.host}]" if ":" in self.host else self.host
        if self.is_local and host_name(host) not in (*LOCAL, own.lower()):
            return 421, "access", "This backend answers only to this machine. Use the address that it printed."
        if self.password and not self._knows(request.headers.get("authorization", "")):
            return 401, "access", f"Give the user {USER} and the password that the backend printed."
        if not same_origin(request.headers, host):
            return 403, "access", "A page in a browser asked for this."
        if request.method in READS:
            return None
        length = request.headers.get("content-length")
        if length is None or not length.isdecimal() or "transfer-encoding" in request.headers:
            return 411, "request", "A request must say its length."
        if int(length) > MOST_BYTES:
            return 413, "request", f"A request has at most {MOST_BYTES:,} bytes; given {int(length):,}."
        return None

    def _knows(self, authorization: str) -> bool:
        """Whether a header has the password; it takes as long for every wrong one."""
        expected = "Basic " + base64.b64encode(f"{USER}:{self.password}".encode()).decode()
        return hmac.compare_digest(authorization.encode(errors="replace"), expected.encode())


class Door:
    """Refuses whatever may not come in, and gives errors that nobody expected the shape of all others."""

    def __init__(self, app: ASGIApp, entrance: Entrance) -> None:
        self.app, self.entrance = app, entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if (problem := self.entrance.problem(Request(scope))) is not None:
            refusal = answer(*problem)
            if problem[0] == 401:
                refusal.headers["WWW-Authenticate"] = 'Basic realm="cal annotate label-studio"'
            await refusal(scope, receive, send)
            return
        await answered(self.app, scope, receive, send, who="The backend")
