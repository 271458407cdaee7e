"""Disagreements. They are settled by decisions with `adjudicates`, as any other decision is taken."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from cal.page.access import reader
from cal.page.disagreements import read_disagreements
from cal.page.models.disagreements import Disagreements
from cal.page.routes.given import Served

router = APIRouter(prefix="/api", tags=["disagreements"], dependencies=[Depends(reader)])


@router.get("/disagreements")
def disagreements(project: Served) -> Disagreements:
    """Documents about which reviewers differ, those that wait longest first."""
    with project.reading() as connection:
        return read_disagreements(connection)
