"""Documents: one with all that is known about it, and the list of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cal.page.document_list import read_list
from cal.page.document_views import opened_view
from cal.page.models.document_list import DocumentList, ListAsked
from cal.page.models.documents import DocumentView
from cal.page.models.fields import Number
from cal.page.models.selections import DocumentSelection
from cal.page.routes.given import Reader, Served

router = APIRouter(prefix="/api", tags=["documents"])


@router.get("/document")
def document(number: Number, project: Served, reviewer: Reader, hidden: bool = False) -> DocumentView:
    """A document that is opened from the map or a list."""
    return opened_view(project, number, reviewer or "", hidden=hidden)


@router.get("/documents")
def documents(
    project: Served,
    reviewer: Reader,
    filter: Annotated[str | None, Query(max_length=20_000)] = None,
    queue: Number | None = None,
    sort: Annotated[str | None, Query(max_length=2_000)] = None,
    after: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DocumentList:
    """A part of the list of documents."""
    selection = DocumentSelection(filter=filter, queue=queue)
    return selected(ListAsked(selection=selection, sort=sort, after=after, limit=limit), project, reviewer)


@router.post("/list")
def selected(asked: ListAsked, project: Served, reviewer: Reader) -> DocumentList:
    """A part of the list of the documents of a selection, such as a lasso."""
    with project.reading() as connection:
        return read_list(
            project,
            connection,
            asked.selection,
            reviewer,
            sort=asked.sort,
            after=asked.after,
            limit=asked.limit,
            hidden=asked.hidden,
        )
