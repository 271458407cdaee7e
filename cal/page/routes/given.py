"""What routes are given: the project, and who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from cal.annotation.project import Project
from cal.page.access import lead, reader, writer


async def project_of(request: Request) -> Project:
    """The project of the app that has a request. Like all that only looks it up, it needs no thread of its own."""
    found: Project = request.app.state.project
    return found


Served = Annotated[Project, Depends(project_of)]
"""The project."""

Reader = Annotated[str | None, Depends(reader)]
"""Who reads; None if they have not said it."""

Writer = Annotated[str, Depends(writer)]
"""Who writes."""

Lead = Annotated[str, Depends(lead)]
"""Who leads the project."""
