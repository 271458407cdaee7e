"""Exports: a file of every format, and what it would not hold."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from cal.checks import known_name
from cal.exchange.formats import FORMATS
from cal.page.access import same_origin
from cal.page.errors import Refused
from cal.page.exports import preview_export, write_export
from cal.page.models.exports import ExportPreview
from cal.page.routes.given import Reader, Served

router = APIRouter(prefix="/api", tags=["exports"])
Format = Annotated[str, Query(max_length=100)]
States = Annotated[list[str] | None, Query(max_length=20)]
FilterText = Annotated[str | None, Query(max_length=20_000)]


class _Passing(FileResponse):
    """A file whose folder is removed once it was sent, or the browser has gone."""

    def __init__(self, path: Path, folder: Path, **more: Any) -> None:
        super().__init__(path, **more)
        self.folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await run_in_threadpool(shutil.rmtree, self.folder, ignore_errors=True)


@router.get("/export", response_class=FileResponse)
def export(
    request: Request,
    project: Served,
    _: Reader,
    format: Format = "csv",
    states: States = None,
    filter: FilterText = None,
) -> FileResponse:
    """The documents as a file of a format; several files come as a zip."""
    if not same_origin(request.headers, request.headers.get("host", "")):
        raise Refused(403, "access", "Another site's page asked for this.")
    known_name("format", format, FORMATS)
    folder = Path(tempfile.mkdtemp(prefix="cal-export-"))
    try:
        path = write_export(project, format, states, filter or None, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
    return _Passing(path, folder, media_type="application/octet-stream", headers=headers)


@router.get("/export/preview")
def preview(
    project: Served, _: Reader, format: Format = "csv", states: States = None, filter: FilterText = None
) -> ExportPreview:
    """What an export would hold, and what its format cannot hold."""
    known_name("format", format, FORMATS)
    with tempfile.TemporaryDirectory(prefix="cal-export-") as folder:
        return preview_export(project, format, states, filter or None, Path(folder))
