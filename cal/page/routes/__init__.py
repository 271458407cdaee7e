"""What the server answers: one module per part of the page."""

from __future__ import annotations

from fastapi import APIRouter

from cal.page.routes import (
    about,
    changes,
    deciding,
    disagreements,
    documents,
    exports,
    learning,
    maps,
    progress,
    selections,
    settings,
)

ROUTERS: list[APIRouter] = [
    about.router,
    deciding.router,
    documents.router,
    selections.router,
    exports.router,
    maps.router,
    changes.router,
    progress.router,
    learning.router,
    disagreements.router,
    settings.router,
]
