"""Maps: which part of one is shown, and how."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from cal.page.models.deciding import Asked
from cal.page.models.fields import Number

Value = Annotated[float, Field(ge=-1e6, le=1e6)]
Epochs = Annotated[int | None, Field(ge=1, le=100_000)]


class MapAsked(Asked):
    """What to show of a map.

    Attributes:
        run: number of the run.
        epochs: number of epochs; null shows all.
        x0, x1, y0, y1: what is in view; null shows the whole map.
        colour: region, correctness, given, suggested, label, state, reviewer, split, `column.NAME`, or a score.
        filter: only these documents have a colour; null for all.
        queue: number of the queue whose next documents are always drawn; null takes the latest.
        document: number of a document that is always drawn.
        from_run: number of the run whose map was shown before, for the way of each point; null if there was none.
        from_epochs: number of epochs that were shown before.
    """

    run: Number
    epochs: Epochs = None
    x0: Value | None = None
    x1: Value | None = None
    y0: Value | None = None
    y1: Value | None = None
    colour: Annotated[str, Field(max_length=2_000)] = "region"
    filter: Annotated[str | None, Field(max_length=20_000)] = None
    queue: Number | None = None
    document: Number | None = None
    from_run: Number | None = None
    from_epochs: Epochs = None


class PointTip(BaseModel):
    """What is said about a document when its point is hovered over.

    Attributes:
        number: its number.
        document: its id.
        text: the beginning of its text.
        given: its given label.
        label: its label now.
        state: its state.
    """

    number: int
    document: str
    text: str
    given: str | None
    label: str | None
    state: str


class ColourChoice(BaseModel):
    """Something that points can be coloured by.

    Attributes:
        colour: its name for the address.
        title: what people call it.
        group: what it belongs to: labels, reviews, map, suspects, columns or measures (for experts).
    """

    colour: str
    title: str
    group: str


class ColourChoices(BaseModel):
    """What the points of a run can be coloured by."""

    colours: list[ColourChoice]
