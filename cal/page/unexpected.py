"""Errors that nobody expected: logged, and answered in the one shape."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cal.page.errors import answer

logger = logging.getLogger(__name__)


async def answered(app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, who: str) -> None:
    """Lets an app answer, or answers for it that it failed, unless it has begun.

    Args:
        app: the app.
        scope: the request.
        receive: gives the parts of the request.
        send: takes the parts of the answer.
        who: what failed, as the subject of the message.
    """
    begun = False

    async def watched(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        await app(scope, receive, watched)
    except Exception as error:
        logger.exception("%s %r failed", scope["method"], scope["path"], exc_info=error)
        if not begun:
            told = f"{who} failed. What it printed says why; nothing was changed."
            await answer(500, "unexpected", told)(scope, receive, send)
