"""Every route is documented, in /api/openapi.json and in docs/label_with_others.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cal.annotation import Project
from cal.page.access import Access
from cal.page.app import create_app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "label_with_others.md"
FILES = {"/api/export", "/api/map", "/api/changes"}  # a file, arrays, a stream


@pytest.fixture
def routes(tmp_path):
    with Project.create(tmp_path / "reviews.db") as project:
        paths = create_app(project, Access(project)).openapi()["paths"]
        return {(name.upper(), path): about for path, of in paths.items() for name, about in of.items()}


def test_every_route_says_what_it_does_and_what_it_answers(routes):
    assert len(routes) > 30
    for (method, path), about in routes.items():
        assert re.match(r"[A-Z].*\.$", about["description"].splitlines()[0]), (method, path)
        if path not in FILES:
            schema = about["responses"]["200"]["content"]["application/json"]["schema"]
            assert "$ref" in schema or schema.get("type") == "object", (method, path)
        assert about["responses"]["4XX"]["content"]["application/json"]["schema"]["$ref"].endswith("ErrorAnswer")


def test_the_documentation_lists_the_routes_that_there_are(routes):
    listed = re.findall(r"^\| `(\w+) (/api/\S+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {(method, path) for method, path, _ in listed} == set(routes)
    for method, path, told in listed:
        assert told == routes[method, path]["description"].splitlines()[0]
