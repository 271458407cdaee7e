"""The files of the page: all of them named at its head, as they are, for as long as they do not change."""

import re
import subprocess
from pathlib import Path

import cal.page
from cal.page.assets import MAP, PAGE, Assets


def test_the_page_names_every_module_that_it_imports_and_no_other(ann):
    page = ann.get("/").body.decode()
    named = set(re.findall(r'rel="modulepreload" href="([^"]+)"', page))
    start = re.search(r'<script type="module" src="([^"]+)"', page)[1]
    reached, left = set(), [start]
    while left:
        address = left.pop()
        if address not in reached:
            reached.add(address)
            for name in re.findall(r'(?:from|import) "(\.[^"]+)"', ann.get(address).body.decode()):
                parts = address.split("/")[:-1]
                for step in name.split("/"):
                    parts = parts[:-1] if step == ".." else parts if step == "." else [*parts, step]
                left.append("/".join(parts))
    assert named == reached
    assert "{{" not in page


def test_files_are_kept_for_ever_under_an_address_that_changes_with_them(ann, tmp_path, monkeypatch):
    folder = Assets().folder
    for name in ("page/main.js", "page.css", "map/dom.js", "plotly.min.js"):
        assert "immutable" in ann.get(f"{folder}/{name}").headers["cache-control"]
    assert ann.get("/").headers["cache-control"] == "no-cache"
    subprocess.run(["cp", "-r", str(PAGE), str(tmp_path / "static")], check=True)
    monkeypatch.setattr("cal.page.assets.PAGE", tmp_path / "static")
    assert Assets().folder == folder
    with (tmp_path / "static" / "main.js").open("a") as file:
        file.write("// changed")
    assert Assets().folder != folder


def test_the_style_sheet_holds_all_of_them(ann):
    sheet = ann.get(f"{Assets().folder}/page.css").body.decode()
    for path in (*PAGE.rglob("*.css"), MAP / "theme.css", MAP / "map.css"):
        assert path.read_text(encoding="utf-8") in sheet
    assert sheet.index((MAP / "theme.css").read_text(encoding="utf-8")) == 0


def test_every_file_of_the_page_is_used():
    root = Path(cal.page.__file__).parent / "static"
    texts = "".join(path.read_text(encoding="utf-8") for path in root.rglob("*.js"))
    modules = {path.name for path in root.rglob("*.js")} - {"main.js"}
    assert {name for name in modules if f'/{name}"' not in texts} == set()
