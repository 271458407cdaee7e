"""Active learning: what was gained so far, and how it begins."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from cal.page.access import reader
from cal.page.learning_start import begin
from cal.page.learning_views import learning_view
from cal.page.models.learning import LearnAsked, LearningView
from cal.page.routes.given import Lead, Served

router = APIRouter(prefix="/api", tags=["learning"], dependencies=[Depends(reader)])


@router.get("/learning")
def learning(request: Request, project: Served) -> LearningView:
    """Whether the project learns from decisions, what its worker does, and what was gained so far."""
    return learning_view(project, request.app.state.trainer)


@router.post("/learning")
def learn(asked: LearnAsked, request: Request, project: Served, lead: Lead) -> LearningView:
    """Begins to learn from decisions with the usual options, or goes on if nothing learns at present."""
    begin(project, asked.labels, lead, request.app.state.trainer)
    return learning_view(project, request.app.state.trainer)
