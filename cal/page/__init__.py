"""The labelling page: a server of a project, and the page that a browser runs.

    from cal.page import start

    with start("reviews.db") as server:  # serves in the background; `cal annotate serve` does it in front
        print(server.address)

- `server` listens, in front of a terminal or in the background; `serve_request` and `demo_request` are the commands.
- `app` puts the server together; `routes` holds what it answers, one module per part of the page, and `models` the
  shapes of requests and answers, which /api/openapi.json documents.
- `access` says who may ask: hosts, origins, sessions; `headers` what each answer tells the browser; `errors` gives all
  errors one shape.
- `document_views` shows documents, `document_list` lists them, and `selections` says which are meant; `map_views` draws
  maps from the `points` in memory; `progress_views` tells the status that `status_cache` keeps; `changes` tells
  browsers what others have decided; `exports` makes files.
- `learning_line` says what a worker of active learning does, `learning_views` what was gained, and `learning_start`
  begins it.
- `static` is the page: ES modules and style sheets, which `assets` gives addresses that change with them.
  `cal/maps/static` holds the modules that draw maps, which the page shares with that of `cal map`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cal.page.server import Server as Server
    from cal.page.server import start as start

_HOMES = {"Server": "cal.page.server", "start": "cal.page.server"}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cal.page' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
