"""Maps: their points, what they are coloured by, and what a lasso holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from cal.page.map_colours import colour_choices
from cal.page.map_views import map_view, point_tip
from cal.page.models.fields import Number
from cal.page.models.maps import ColourChoices, MapAsked, PointTip
from cal.page.routes.given import Reader, Served

router = APIRouter(prefix="/api/map", tags=["maps"])


@router.get("", response_class=Response, responses={200: {"content": {"application/octet-stream": {}}}})
def points(asked: Annotated[MapAsked, Query()], project: Served, reviewer: Reader) -> Response:
    """Points of a map in a compact form: a header in JSON after its length, then arrays that the header lists."""
    return Response(map_view(project, asked, reviewer), media_type="application/octet-stream")


@router.get("/colours")
def colours(run: Number, project: Served, reviewer: Reader) -> ColourChoices:
    """What the points of a run can be coloured by."""
    with project.reading() as connection:
        return ColourChoices(colours=colour_choices(connection, run))


@router.get("/document")
def document(number: Number, project: Served, reviewer: Reader, hidden: bool = False) -> PointTip:
    """The beginning of a document, for the box beside the mouse."""
    return point_tip(project, number, reviewer, hidden=hidden)
