"""The Plotly library of the pages, and what a page must hold so that Plotly adds no styles of its own.

A page under a content security policy without `unsafe-inline` holds an element for each of `style_ids`, beside
plotly.css under the id `plotly.js-style-global` with the class `no-inline-styles`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files


@cache
def plotly_script() -> str:
    """The library as its package brings it."""
    return files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")


@cache
def style_ids() -> tuple[str, ...]:
    """Ids of style elements for maps of streets, which Plotly adds if the page has no element with the id.

    Example:
        >>> all(len(style_id) == 64 for style_id in style_ids())
        True
    """
    pattern = r'getElementById\("([0-9a-f]{64})"\)\)\{var (\w)=document\.createElement\("style"\)'
    return tuple(sorted({found[0] for found in re.findall(pattern, plotly_script())}))


def style_holders() -> str:
    """Markup for the head of a page that keeps Plotly from adding those styles.

    Example:
        >>> style_holders().count("<template id=") == len(style_ids())
        True
    """
    return "".join(f'<template id="{style_id}"></template>' for style_id in style_ids())
