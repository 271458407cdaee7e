"""A page as one HTML file: styles, scripts and data inside, and a policy that lets it load and send nothing."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from cal.maps.bundle import bundle
from cal.maps.plotly_script import plotly_script, style_holders

STATIC = Path(__file__).with_name("static")
_STYLES = ("theme", "plotly", "map")


def filled(template: str, name: str, texts: Mapping[str, str], data: Any) -> str:
    """A template with its places `{{...}}` filled: texts, and `style`, `script`, `plotly`, `holders`, `policy`, `data`.

    The policy allows the scripts and the style of the page by their hashes and pictures made by the page itself;
    everything else is refused, so that whatever a text says, the page asks no network for anything.

    Args:
        template: page with places to fill.
        name: name of the page's own module and style sheet among the static files, for example "map_page".
        texts: markup for places of the template.
        data: what the module reads as JSON from the element `data`.
    """
    style, script = style_of(name), script_of(name)
    plotly = plotly_script().replace("\r\n", "\n")
    policy = (
        f"default-src 'none'; script-src {_hash(plotly)} {_hash(script)}; style-src {_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        **texts,
        "style": style,
        "script": script,
        "plotly": plotly,
        "holders": style_holders(),
        "policy": policy,
        # No < inside the script element, so that no text can close it.
        "data": orjson.dumps(data).decode().replace("<", "\\u003c"),
    }
    return re.sub(r"{{(\w+)}}", lambda place: parts[place[1]], template)


@cache
def script_of(name: str) -> str:
    """The module of a page with all that it imports."""
    return bundle(f"{name}.js", lambda file: (STATIC / file).read_text(encoding="utf-8"))


@cache
def style_of(name: str) -> str:
    """The style sheets of a page."""
    return "".join((STATIC / f"{part}.css").read_text(encoding="utf-8") for part in (*_STYLES, name))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
