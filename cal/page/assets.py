"""The files of the page as a browser fetches them: all at once, and again only after they have changed.

Their addresses hold a digest of all of them, so that a browser may keep them for ever. The page names every module at
its head, so that none has to be read before the next can be fetched, and the style sheets come as one.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PAGE = Path(str(files("cal.page") / "static"))
MAP = Path(str(files("cal.maps") / "static"))
PLOTLY = Path(str(files("plotly") / "package_data" / "plotly.min.js"))
SHEETS = (MAP / "theme.css", MAP / "map.css", PAGE / "style.css")
"""The style sheets that come before all others."""

_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


class Assets:
    """The files of the page."""

    @cached_property
    def digest(self) -> str:
        """A digest of all files."""
        found = hashlib.sha256(f"{PLOTLY.stat().st_size} {PLOTLY.stat().st_mtime_ns}".encode())
        for path in (*sorted(PAGE.rglob("*.*")), *sorted(MAP.rglob("*.*"))):
            found.update(path.name.encode() + path.read_bytes())
        return found.hexdigest()[:16]

    @property
    def folder(self) -> str:
        """Where they are."""
        return f"/static/{self.digest}"

    def sheet(self) -> str:
        """All style sheets of our own as one."""
        others = [path for path in sorted(PAGE.rglob("*.css")) if path not in SHEETS]
        return "\n".join(path.read_text(encoding="utf-8") for path in (*SHEETS, *others))

    def page(self) -> str:
        """The page, with the addresses of its files."""
        modules = [f"page/{path.relative_to(PAGE).as_posix()}" for path in sorted(PAGE.rglob("*.js"))]
        modules += [f"map/{name}" for name in _imported(PAGE)]
        preloads = "\n".join(f'<link rel="modulepreload" href="{self.folder}/{name}">' for name in modules)
        page = (PAGE / "index.html").read_text(encoding="utf-8")
        return page.replace("{{static}}", self.folder).replace("{{modules}}", preloads)

    def add_to(self, app: FastAPI) -> None:
        """Serves the page and its files."""
        page, sheet = self.page(), self.sheet()

        @app.get("/", include_in_schema=False)
        def shown() -> HTMLResponse:
            return HTMLResponse(page)

        @app.get(f"{self.folder}/page.css", include_in_schema=False)
        def style() -> Response:
            return Response(sheet, media_type="text/css", headers=_FOR_EVER)

        @app.get(f"{self.folder}/plotly.min.js", include_in_schema=False)
        def plotly() -> FileResponse:
            return FileResponse(PLOTLY, headers=_FOR_EVER)

        @app.get("/favicon.ico", include_in_schema=False)
        def icon() -> FileResponse:
            return FileResponse(PAGE / "icon.svg")

        app.mount(f"{self.folder}/page", _Kept(directory=PAGE))
        app.mount(f"{self.folder}/map", _Kept(directory=MAP))


class _Kept(StaticFiles):
    """Files that a browser may keep for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_FOR_EVER)
        return response


def _imported(folder: Path) -> list[str]:
    """Names of the modules of maps that the page needs, directly or through each other."""

    def names(path: Path) -> set[str]:
        return set(re.findall(r'from "(?:\.\./)*(?:\./)?(?:map/)?([\w./-]+\.js)"', path.read_text(encoding="utf-8")))

    known: set[str] = set()
    wanted = {
        name
        for path in folder.rglob("*.js")
        for name in re.findall(r'from "(?:\.\./)+map/([\w-]+\.js)"', path.read_text(encoding="utf-8"))
    }
    while new := wanted - known:
        known |= new
        wanted |= {name for each in new for name in names(MAP / each)}
    return sorted(known)
