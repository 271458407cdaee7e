"""The tour, in a real browser before a real server."""

from __future__ import annotations

import pandas as pd
import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.status.injected import keep_injected, read_injected
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT

pytestmark = pytest.mark.slow

N = 20


@pytest.fixture
def project(tmp_path):
    """Twenty documents, all labelled LOC, of which the first ten were HUM before."""
    corpus = pd.DataFrame(
        {
            "id": [f"q{i}" for i in range(N)],
            "text": [f"Question number {i} is about something?" for i in range(N)],
            "label": ["LOC"] * (N - 1) + ["HUM"],
            "doubt": [1 - i / N for i in range(N)],
        }
    )
    with Project.create(tmp_path / "reviews.db", labels=["HUM", "LOC"]) as project:
        project.import_corpus(corpus)
        with project.writing() as connection:
            numbers = dict(connection.execute(sa.select(DOCUMENT.c.external_id, DOCUMENT.c.id)).all())
            right = read_labels(connection).number("HUM")
            keep_injected(connection, {numbers[f"q{i}"]: right for i in range(10)})
        project.queue(by="doubt", order="ranked")
        yield project


@pytest.fixture
def page(new_page, sign_in):
    page = new_page()
    sign_in(page)
    return page


@pytest.fixture
def ready(until):
    def wait(page, address):
        page.goto(address)
        until(page, "!!document.body.dataset.ready && !!document.querySelector('.card .text')")

    return wait


def step(page):
    return page.inner_text(".tour-count")


def test_the_tour_goes_on_as_the_reader_does_what_it_says_and_tells_what_was_found(project, page, ready, until):
    with project.serve(port=0, tour=True) as server:
        ready(page, server.address)
        assert step(page) == "Tour, step 1 of 7"
        page.get_by_role("button", name="Next", exact=True).click()
        page.keyboard.press("k")  # the focus stays on the page: the button that was clicked takes no letters
        until(page, "document.querySelector('.tour-count').textContent.includes('3 of 7')")
        page.keyboard.press("u")
        until(page, "document.querySelector('.tour-count').textContent.includes('4 of 7')")
        for left in (4, 3, 2, 1):
            page.keyboard.press("k" if left % 2 else "a")
            until(page, f"document.querySelector('.tour-words').textContent.includes('Go on with {left} document')")
        page.keyboard.press("k")
        until(page, "document.querySelector('.tour-count').textContent.includes('5 of 7')")
        page.get_by_role("button", name="Next", exact=True).click()
        page.click("#progress-line")
        until(page, "document.querySelector('.tour-words').textContent.includes('among 5 read')")
        with project.reading() as connection:
            found = read_injected(connection)
        assert (found.read, found.met, found.found, found.mended) == (5, 5, 2, 0)
        assert page.locator(".tour-words").inner_text().startswith(str(found))
        page.get_by_role("button", name="Done").click()
        assert page.locator(".tour, .tour-ring").count() == 0


def test_escape_leaves_the_tour_for_good_and_the_help_starts_it_again(project, page, ready, until):
    with project.serve(port=0, tour=True) as server:
        ready(page, server.address)
        page.keyboard.press("Escape")
        assert page.locator(".tour, .tour-ring").count() == 0
        ready(page, server.address)
        assert page.locator(".tour").count() == 0
        page.keyboard.press("?")
        page.get_by_role("button", name="Start the tour").click()
        assert step(page) == "Tour, step 1 of 7"


def test_without_the_demo_nobody_is_shown_around(project, page, ready):
    with project.serve(port=0) as server:
        ready(page, server.address)
        assert page.locator(".tour").count() == 0


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_the_box_stays_in_the_window_and_beside_what_it_is_about(project, new_page, sign_in, ready, width, height):
    page = new_page(viewport={"width": width, "height": height})
    sign_in(page)
    with project.serve(port=0, tour=True) as server:
        ready(page, server.address)
        for number in range(1, 8):
            page.wait_for_timeout(250)
            box = page.locator(".tour").bounding_box()
            assert box["x"] >= 0
            assert box["y"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height
            if number == 1:
                ring = page.locator(".tour-ring").bounding_box()
                beside = ring["x"] + ring["width"] <= box["x"] or ring["y"] + ring["height"] <= box["y"]
                assert beside, "the box hides the text"
            page.locator(".tour .buttons button").last.click()
