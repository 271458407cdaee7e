"""Who may ask the server for what.

A server for this machine answers only requests to this machine's names, so that no site can reach it under a name of
its own. A server for others wants a session, which a reviewer's link opens. Either refuses writes that a page of
another origin sends: browsers say where a request comes from in `Sec-Fetch-Site` and `Origin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from cal.annotation.decisions.decision import name_problems
from cal.annotation.project import Project
from cal.annotation.store.reviewer_links import lead_of, reviewer_of_token
from cal.page.errors import Refused, answer
from cal.page.unexpected import answered

LOCAL = ("localhost", "127.0.0.1", "[::1]")
READS = ("GET", "HEAD", "OPTIONS")
REVIEWER = "Cal-Reviewer"
"""Header in which the page says who sits before it, percent-encoded; sessions know it themselves."""

MOST_BYTES = 64 * 2**20
"""Most bytes of a request."""


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        project: the project.
        links: whether a session is needed, which a reviewer's link opens.
        port: port of the server.
        host: address that it listens on, by which this machine may call it, too.
    """

    project: Project
    links: bool = False
    port: int = 0
    host: str = "127.0.0.1"

    @property
    def cookie(self) -> str:
        """Name of the session's cookie. Cookies do not tell ports apart, so that the name must."""
        return f"cal_session_{self.port}"

    def reviewer(self, request: Request) -> str | None:
        """Who asks; None if they have not said it, or their session is unknown.

        Raises:
            Refused: if the name cannot be one.
        """
        if self.links:
            token = request.cookies.get(self.cookie)
            return None if token is None else reviewer_of_token(self.project, token)
        name = unquote(request.headers.get(REVIEWER, "")).strip()
        if name and (problems := name_problems("reviewer", name)):
            raise Refused(400, "access", problems[0])
        return name or None

    def leads(self, reviewer: str | None) -> bool:
        """Whether a reviewer may change labels and guidelines and hand out links."""
        return not self.links or (reviewer is not None and reviewer == lead_of(self.project))


def access_of(request: Request) -> Access:
    """The access of the app that has a request."""
    found: Access = request.app.state.access
    return found


async def reader(request: Request) -> str | None:
    """Who reads. Only a session is looked up, so that nothing else waits for a thread.

    Raises:
        Refused: if a session is needed and there is none.
    """
    access = access_of(request)
    if not access.links:
        return access.reviewer(request)
    name = await run_in_threadpool(access.reviewer, request)
    if name is None:
        raise Refused(401, "access", "Open the link that you were given: this browser has no session yet.")
    return name


async def writer(request: Request) -> str:
    """Who writes.

    Raises:
        Refused: if they have not said who they are.
    """
    name = await reader(request)
    if name is None:
        raise Refused(401, "access", f"Say who you are in the header {REVIEWER}.")
    return name


async def lead(request: Request) -> str:
    """Who leads the project.

    Raises:
        Refused: if it is somebody else.
    """
    name = await writer(request)
    if not await run_in_threadpool(access_of(request).leads, name):
        raise Refused(403, "access", "Only whoever leads the project may change this. Ask them.")
    return name


class Guard:
    """Refuses requests to foreign names and from foreign pages, and what is too large.

    Pages and their files may be opened from anywhere, as links are shared; data may not.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        problem = self._problem(request)
        if problem is not None:
            await answer(*problem)(scope, receive, send)
            return
        await answered(self.app, scope, receive, send, who="The server")

    def _problem(self, request: Request) -> tuple[int, str, str] | None:
        host = request.headers.get("host", "")
        own = f"[{self.access.host}]" if ":" in self.access.host else self.access.host
        if not self.access.links and host_name(host) not in (*LOCAL, own.lower()):
            return 421, "access", "This server answers only to this machine. Open the address that it printed."
        if request.method in READS:
            if request.url.path.startswith("/api/") and not same_origin(request.headers, host):
                return 403, "access", "Another site's page asked for this."
            return None
        if not same_origin(request.headers, host):
            return 403, "access", "Another site's page sent this. Nothing was changed."
        length = request.headers.get("content-length")
        if length is None or not length.isdecimal() or "transfer-encoding" in request.headers:
            return 411, "request", "A request must say its length."
        if int(length) > MOST_BYTES:
            return 413, "request", f"A request has at most {MOST_BYTES:,} bytes; given {int(length):,}."
        return None


def host_name(host: str) -> str:
    """The name in a Host header, without the port.

    Example:
        >>> host_name("127.0.0.1:8000"), host_name("[::1]:8000"), host_name("localhost")
        ('127.0.0.1', '[::1]', 'localhost')
    """
    name, _, port = host.rpartition(":")
    return (name if name and port.isdecimal() else host).lower()


def same_origin(headers: Any, host: str) -> bool:
    """Whether a request comes from our own page, or from a program that is no browser.

    Browsers send `Sec-Fetch-Site`; those that do not know it send `Origin` with every write.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()
