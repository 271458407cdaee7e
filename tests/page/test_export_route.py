"""Exports from the page hold exactly what those of the library hold."""

from __future__ import annotations

import io
import json
import shlex
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cal.annotation import Project
from cal.annotation.requests.export_request import ExportRequest
from cal.config import compose
from cal.exchange.formats import FORMATS

HOSTILE = 'it\'s \\ "all" = $HOME `ls` {a: [1, 2]}, and'


@pytest.fixture
def decided(small):
    small.decide("q1", "relabel", "HUM", reviewer="bob", comment="so", seconds=2.5)
    small.decide("q2", "keep", reviewer="ann")
    small.decide("q3", "exclude", reviewer="ann")
    return small


def files_in(body, name):
    """The files of a download, by name."""
    if not name.endswith(".zip"):
        return {name: body}
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {each: archive.read(each) for each in archive.namelist()}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("which", [{}, {"states": ["decided"]}, {"filter": "given=HUM"}])
def test_a_download_holds_what_export_writes(ann, decided, tmp_path, format, which):
    answer = ann.get(f"/api/export?{urlencode({'format': format, **which}, doseq=True)}")
    assert answer.status == 200
    kind, _, name = answer.headers["content-disposition"].partition("; filename=")
    assert (kind, answer.headers["x-content-type-options"]) == ("attachment", "nosniff")
    (tmp_path / "out").mkdir()
    written = decided.export(format, tmp_path / "out" / called(format), **which)
    wanted = {}
    for path in written.files:
        for each in [path] if path.is_file() else sorted(path.rglob("*")):
            if each.is_file():
                wanted[str(each.relative_to(tmp_path / "out"))] = each.read_bytes()
    found = files_in(answer.body, name.strip('"'))
    if FORMATS[format].ending:
        assert found == wanted
    else:  # its fingerprint is made anew
        assert set(found) == set(wanted)
        same = {each for each in found if found[each] == wanted[each]}
        assert {each.rpartition("/")[2] for each in set(found) - same} <= {"state.json"}
    preview = ann.get(f"/api/export/preview?{urlencode({'format': format, **which}, doseq=True)}").json
    assert (preview["n_documents"], preview["name"]) == (written.n_documents, name.strip('"'))
    message = written.losses.message().removeprefix(f"{written.losses.source}: ")
    assert preview["losses"] == message


def called(format):
    ending = FORMATS[format].ending
    return f"small{ending}" if ending == f".{format}" else f"small.{format}{ending}"


def test_nothing_is_left_behind(ann, decided, monkeypatch, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    for path in (
        "export?format=csv",
        "export?format=datasets",
        "export?filter=given%3DHUX",
        "export/preview?format=csv",
    ):
        assert ann.get(f"/api/{path}").status in (200, 400)
    assert list(folder.iterdir()) == []


def test_what_is_not_there_is_said(ann):
    assert "Unknown format 'xls'" in ann.get("/api/export?format=xls").message
    assert "Unknown state 'kpt'" in ann.get("/api/export?states=kpt").message
    answer = ann.get("/api/export?format=csv", Sec_Fetch_Site="cross-site")
    assert (answer.status, answer.message) == (403, "Another site's page asked for this.")


@pytest.mark.parametrize("text", ["Who", HOSTILE])
def test_the_command_that_is_shown_asks_for_the_same(ann, text):
    filter = f"given=HUM and text~{json.dumps(text)}"
    found = ann.get(f"/api/export/preview?{urlencode({'format': 'jsonl', 'states': 'decided', 'filter': filter})}").json
    words = shlex.split(found["command"])
    assert words[:3] == ["cal", "annotate", "export"]
    request = compose(ExportRequest, "annotate export", words[3:])
    assert (request.filter, list(request.states), request.format) == (filter, ["decided"], "jsonl")


def test_a_file_is_named_after_its_project_in_plain_characters(serve, client, small, tmp_path):
    path = Path(tmp_path) / 'a "b"; ö\n.db'
    with Project.create(path, labels=["X"]) as project:
        project.import_corpus({"id": ["a", "b"], "text": ["c", "d"], "label": ["X", "Y"]})
        answer = client(serve(project)).get("/api/export?format=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="a-b.csv"'
