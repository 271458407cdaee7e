"""The server put together: routes, the files of the page, and what guards them."""

from __future__ import annotations

import threading
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from cal import __version__
from cal.annotation.project import Project
from cal.page.access import Access, Guard
from cal.page.errors import ErrorAnswer, add_handlers
from cal.page.headers import Headers
from cal.page.routes import ROUTERS
from cal.page.status_cache import StatusCache

STATIC = Path(str(files("cal.page") / "static"))
MAP_STATIC = Path(str(files("cal.maps") / "static"))


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
    app.state.closing = threading.Event()
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static/page", StaticFiles(directory=STATIC))
    app.mount("/static/map", StaticFiles(directory=MAP_STATIC, check_dir=False))

    @app.get("/static/plotly.min.js", include_in_schema=False)
    def plotly() -> FileResponse:
        script = Path(str(files("plotly") / "package_data" / "plotly.min.js"))
        return FileResponse(script, headers={"Cache-Control": "private, max-age=86400"})

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> FileResponse:
        return FileResponse(STATIC / "icon.svg")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    app.add_middleware(Guard, access=access)
    app.add_middleware(Headers)  # the outermost: refusals have headers, too
    return app
