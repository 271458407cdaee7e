"""A real browser for the pages: Chromium, driven by Playwright.

A test that uses `page` or `new_page` fails if a page reports an error, logs one, or breaks its content security policy.
On a busy machine the hand of a test may slip: two clicks come too far apart, or a drag ends early. So a test that fails
is tried twice more, as Playwright's own runner does.
"""

import asyncio
import json
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.page import start

WATCH = """addEventListener("securitypolicyviolation", event => console.error(
  `securitypolicyviolation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))"""


def is_fault(message):
    """Whether a page complains; that a server is gone, which its test has stopped, is no fault of the page."""
    return message.type == "error" and "ERR_CONNECTION_REFUSED" not in message.text


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=2))


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
        page.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
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


@pytest.fixture
def sign_in():
    """sign_in(page, reviewer="Ann"): lets a reviewer have said their name to a page."""

    def say(page, reviewer="Ann"):
        name = json.dumps(json.dumps(reviewer))
        page.context.add_init_script(f"try {{ localStorage.setItem('cal:reviewer', {name}); }} catch {{}}")

    return say


@pytest.fixture
def server(project):
    """A server of the project of a module, for this machine."""
    with start(project, port=0) as server:
        yield server


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


@pytest.fixture(scope="session")
def make_reviews():
    """make_reviews(path, texts, ids, labels, columns): a project with everything that the page shows.

    It has a map with its curves, a ranking of suspects, queues, guidelines, and decisions of two reviewers who differ
    about a document.
    """

    def make(path, texts=None, ids=None, labels=("HUM", "LOC", "NUM"), columns=None, reviewers=("bob", "cy"), n=40):
        texts = texts or [f"Question number {i}, which is about something?" for i in range(n)]
        n, k = len(texts), len(labels)
        ids = ids or [f"q{i}" for i in range(n)]
        corpus = pd.DataFrame({"id": ids, "text": texts, "label": [labels[i % k] for i in range(n)], "split": "train"})
        for name, values in ({"year": range(n)} | (columns or {})).items():
            corpus[name] = list(values)
        suspects = corpus[["id", "label"]].assign(
            likely=[labels[(i + 1) % k] for i in range(n)],
            p_wrong=[0.9 - i / (2 * n) for i in range(n)],
            p_label=0.05,
            p_likely=0.9,
            rank_aum=range(1, n + 1),
            score=[1 - i / n for i in range(n)],
            why="Models that never saw it say so. None of the 5 most similar texts has its label.",
        )
        logits = torch.randn(4, n, k, generator=torch.Generator().manual_seed(0))
        dynamics = TrainingDynamics.from_logits(logits, torch.tensor([i % k for i in range(n)]))
        a_map = DataMap.of(dynamics, ids, name="map", label_names=list(labels))
        with Project.create(path, labels=list(labels)) as project:
            project.import_corpus(corpus, map=a_map, suspects=suspects)
            project.queue(order="ranked")
            project.queue(order="sampled", double_share=0.2)
            project.write_guidelines("# What to do\n\n- **Read** it.\n- See [more](https://example.org).")
            for i, reviewer in enumerate(reviewers):
                said = [Decision(ids[0], "relabel", label=labels[1 + i], reviewer=reviewer, comment="I think so.")]
                said += [Decision(ids[j], "keep", reviewer=reviewer) for j in range(2 + i, n // 2, 3)]
                project.decide_all(said)
        return path

    return make
