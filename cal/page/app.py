"""The server put together: routes, the files of the page, and what guards them."""

from __future__ import annotations

import threading

from fastapi import FastAPI

from cal import __version__
from cal.annotation.project import Project
from cal.page.access import Access, Guard
from cal.page.assets import Assets
from cal.page.errors import ErrorAnswer, add_handlers
from cal.page.headers import Headers
from cal.page.routes import ROUTERS
from cal.page.status_cache import StatusCache


def create_app(project: Project, access: Access, *, tour: bool = False) -> FastAPI:
    """The server of a project, for uvicorn or any other ASGI server.

    Args:
        project: the project.
        access: who may ask.
        tour: whether the page offers its tour.
    """
    app = FastAPI(
        title="cal annotate serve",
        version=__version__,
        docs_url=None,  # their scripts would come from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses={"4XX": {"model": ErrorAnswer}, "5XX": {"model": ErrorAnswer}},
    )
    app.state.project, app.state.access, app.state.tour = project, access, tour
    app.state.status = StatusCache(project)
    app.state.trainer = None
    app.state.closing = threading.Event()
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    Assets().add_to(app)
    app.add_middleware(Guard, access=access)
    app.add_middleware(Headers)  # the outermost: refusals have headers, too
    return app
