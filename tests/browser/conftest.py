"""A real browser for the pages: Chromium, driven by Playwright.

A test that uses `page` or `new_page` fails if a page reports an error, logs one, or breaks its content security policy.
"""

import asyncio
import shutil
import time
from contextlib import contextmanager

import pytest

WATCH = """addEventListener("securitypolicyviolation", event => console.error(
  `securitypolicyviolation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))"""


class Chromium:
    """The browser, and the event loop that Playwright would leave running in this thread for other tests to find."""

    def __init__(self, path, playwright):
        self.driver = playwright.sync_playwright().start()
        self.browser = self.driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        self.loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)

    @contextmanager
    def running(self):
        """Lets the loop run: Playwright works here only."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self.loop)
        try:
            yield self.browser
        finally:
            asyncio._set_running_loop(outer)

    def open(self, faults, **options):
        """An empty page in a window of its own, whose complaints are added to `faults`."""
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options})
        context.set_default_timeout(10_000)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    def close(self):
        with self.running():
            self.browser.close()
            self.driver.stop()


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("There is no chromium on the path.")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
    chromium = Chromium(path, playwright)
    yield chromium
    chromium.close()


@pytest.fixture
def browser(chromium):
    """Playwright's browser, for the time of a test."""
    with chromium.running() as browser:
        yield browser


@pytest.fixture
def faults():
    """What pages complained about: a test that provokes a complaint removes it."""
    return []


@pytest.fixture
def new_page(chromium, browser, faults):
    """A function that opens an empty page in a window of its own; options are those of a Playwright context."""
    pages = []

    def open_page(**options):
        pages.append(chromium.open(faults, **options))
        return pages[-1]

    yield open_page
    for page in pages:
        page.context.close()
    assert not faults


@pytest.fixture
def page(new_page):
    return new_page()


@pytest.fixture(scope="module")
def shared_page(chromium):
    """A page for all tests of a module and the list of its faults: loading a page with Plotly takes a second."""
    faults = []
    with chromium.running():
        page = chromium.open(faults)
    yield page, faults
    with chromium.running():
        page.context.close()


@pytest.fixture
def until():
    """Waits until an expression is true in a page. Playwright's own waiting evaluates strings: forbidden."""

    def wait(page, expression, seconds=20.0):
        end = time.monotonic() + seconds
        while not (value := page.evaluate(expression)):
            assert time.monotonic() < end, f"not so after {seconds} s: {expression}"
            time.sleep(0.02)
        return value

    return wait
