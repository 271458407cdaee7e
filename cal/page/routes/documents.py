"""Documents: one with all that is known about it."""

from __future__ import annotations

from fastapi import APIRouter

from cal.page.document_views import opened_view
from cal.page.models.documents import DocumentView
from cal.page.routes.given import Reader, Served

router = APIRouter(prefix="/api", tags=["documents"])


@router.get("/document")
def document(number: int, project: Served, reviewer: Reader, hidden: bool = False) -> DocumentView:
    """A document that is opened from the map or a list."""
    return opened_view(project, number, reviewer or "", hidden=hidden)
