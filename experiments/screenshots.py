"""Screenshots of each view of the labelling page: light and dark, on a desktop and on a phone.

    python experiments/screenshots.py OUTPUT [--project FILE]

Without a project it makes that of `cal annotate demo`. Documents are decided on a copy, in the browser. It needs
Playwright and a chromium on the path.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from cal import read_corpus
from cal.annotation import Project, make_demo
from cal.page import Server

SIZES = {"desktop": (1280, 720), "phone": (390, 844)}
THEMES = ("light", "dark")
COLOURS = 192  # of a PNG with a palette, which is a third as large
REVIEWERS = {"Ann": "k11k1ak1s1k1k11u1k11x1k1k1c", "Bob": "1k1k1k11k"}
AS = "localStorage.setItem('cal:reviewer', JSON.stringify('{name}')); localStorage.setItem('cal:tour seen', 'true')"


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("output", type=Path)
    words.add_argument("--project", type=Path, help="file of a project to show; it is copied")
    given = words.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    path = given.project
    if path is None:
        path = given.output / "demo.db"
        make_demo(path).close()
    with served(path) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, keys in REVIEWERS.items():
            decide(browser, server, name, keys)
        for theme in THEMES:
            for size in SIZES:
                for view, page in views(browser, server, theme, size):
                    print(save(page, given.output / f"{view}_{theme}_{size}.png"))
        with learning(given.output / "learning.db") as server:
            for theme in THEMES:
                for size in SIZES:
                    for view, page in learning_views(browser, server, theme, size):
                        print(save(page, given.output / f"{view}_{theme}_{size}.png"))
        browser.close()


@contextmanager
def served(path: Path) -> Iterator[Server]:
    """A server of a copy of the project."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, Path(folder) / "review.db"))
        with Project.open(copy) as project, project.serve(port=0, tour=True) as server:
            disagree(project)
            yield server


def disagree(project: Project) -> None:
    """Two reviewers differ about the first documents."""
    for task in project.tasks("Cleo", 3):
        label = next(each for each in project.label_names if each != task.given)
        project.decide(task.document, "keep", reviewer="Cleo")
        project.decide(task.document, "relabel", label, reviewer="Dan", comment="As the guidelines say.")


@contextmanager
def learning(path: Path) -> Iterator[Server]:
    """A server of a project that learns from nothing: docstrings, some of which are labelled by the demo's labels."""
    path.unlink(missing_ok=True)
    corpus = read_corpus("docstrings").train
    names = read_corpus("docstrings").label_names
    label_of = {id: names[gold] for id, gold in zip(corpus.ids, corpus.gold, strict=True)}
    with Project.create(path) as project:
        project.import_texts({"id": list(corpus.ids), "text": list(corpus.texts)})
        for name in names[:5]:
            project.add_label(name)
        for _ in range(8):
            project.learn(seed_size=50, batch=25, features="lsa", test_share=0.25)
            tasks = [each for each in project.tasks("Ann", 200) if each.role != "reserve"]
            for task in tasks if project.learning.batches[-1].batch < 7 else tasks[:11]:
                project.add_label(label_of[task.document])
                project.decide_all([task.decision("relabel", label_of[task.document], seconds=3.0)])
        with project.serve(port=0, learn={}) as server:
            yield server


def learning_views(browser: Browser, server: Server, theme: str, size: str) -> Iterator[tuple[str, Page]]:
    """What is different in a project that learns."""
    page = window(browser, theme=theme, size=size)
    for view in ("learning", "review"):
        ready(page, f"{server.address}?view={view}")
        yield f"learning_{view}", page
    page.context.close()


def window(browser: Browser, name: str = "Ann", theme: str = "light", size: str = "desktop", **more: Any) -> Page:
    """A page in a window of its own."""
    width, height = SIZES[size]
    options = {"viewport": {"width": width, "height": height}, "color_scheme": theme, **more}
    page = browser.new_context(**options, has_touch=size == "phone").new_page()
    page.context.add_init_script(AS.format(name=name))
    return page


def ready(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes]")
    page.wait_for_timeout(2500)  # the map is drawn, and numbers have come


def decide(browser: Browser, server: Server, name: str, keys: str) -> None:
    """Decides documents as a reviewer does."""
    page = window(browser, name)
    ready(page, server.address)
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(350)
    page.wait_for_timeout(1500)
    page.context.close()


def views(browser: Browser, server: Server, theme: str, size: str) -> Iterator[tuple[str, Page]]:
    """Each view in front, then what lies over one: help, guidelines and tour."""
    page = window(browser, theme=theme, size=size)
    ready(page, server.address)
    names = [tab.get_attribute("data-view") for tab in page.locator("#tabs a:visible").all()]
    for name in names:
        ready(page, f"{server.address}?view={name}")
        yield name, page
    for name, key in {"help": "?", "guidelines": "g"}.items():
        ready(page, server.address)
        page.keyboard.press(key)
        page.wait_for_timeout(400)
        yield name, page
        page.keyboard.press("Escape" if name == "help" else key)
    ready(page, server.address)
    page.keyboard.press("?")
    page.get_by_role("button", name="Start the tour").click()
    page.wait_for_timeout(600)
    yield "tour", page
    page.context.close()


def save(page: Page, path: Path) -> str:
    """Writes a small PNG; its name and size."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    return f"{path} {path.stat().st_size / 1024:.0f} KB"


if __name__ == "__main__":
    main()
