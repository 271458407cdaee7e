"""The list of documents, selections and exports on the page, in a real browser before a real server."""

from __future__ import annotations

import csv
import shutil
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from cal.annotation import Project
from cal.page import start

HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>\u202e"\'&amp;'
N = 600


@pytest.fixture(scope="session")
def listed_file(tmp_path_factory):
    """A project of many documents with a ranking, of which every third is suspicious."""
    path = tmp_path_factory.mktemp("documents") / "listed.db"
    corpus = pd.DataFrame(
        {
            "id": [f"q{i}" for i in range(N)],
            "text": [
                HOSTILE if i == 7 else f"Question {i}, asked by {'somebody' if i % 2 else 'nobody'}?" for i in range(N)
            ],
            "label": [("HUM", "LOC", "NUM", HOSTILE)[i % 3 if i != 7 else 3] for i in range(N)],
            "split": "train",
        }
    )
    suspects = corpus[["id", "label"]].assign(
        likely=[("LOC", "NUM", "HUM")[i % 3] for i in range(N)],
        p_wrong=[1 - i / N for i in range(N)],
        p_label=0.05,
        p_likely=0.9,
        rank_aum=range(1, N + 1),
        score=[1 - i / N for i in range(N)],
        why="Models that never saw it say so.",
    )
    with Project.create(path) as project:
        project.import_corpus(corpus, suspects=suspects)
        project.queue(order="ranked")
    return path


@pytest.fixture
def listed(listed_file, tmp_path):
    with Project.open(shutil.copy(listed_file, tmp_path)) as project:
        yield project


@pytest.fixture
def opened(listed, page, sign_in, until):
    """opened(query): the page as Ann sees it, with the list."""
    sign_in(page)
    with start(listed, port=0) as server:

        def go(query):
            page.goto(f"{server.address}?{query}")
            until(page, "document.body.dataset.ready === 'yes'")
            return page

        yield go


def told(page):
    return page.inner_text(".documents-told")


def texts(page):
    return page.locator("tr[data-number] .clamp").all_inner_texts()


@pytest.mark.slow
def test_a_filter_is_chosen_typed_and_shared(opened, until, faults):
    page = opened("view=documents")
    until(page, "document.querySelector('.documents-told').textContent === '600 documents'")
    page.keyboard.press("/")
    until(page, "document.activeElement.id === 'search'")
    page.keyboard.type("somebody")
    until(page, "document.querySelector('.documents-told').textContent === '299 documents'")
    page.select_option("select[aria-label='Any given label']", label="LOC")
    until(page, "document.querySelector('.documents-told').textContent === '99 documents'")
    address = parse_qs(urlsplit(page.url).query)
    assert address["filter"] == ["text~somebody and given=LOC"]
    page.fill("#filter-text", "given=LOX")
    page.press("#filter-text", "Enter")
    until(page, "document.querySelector('#filter-wrong').textContent.includes('Did you mean')")
    assert page.get_attribute("#filter-text", "aria-invalid") == "true"
    assert faults.pop().startswith("Failed to load resource: the server responded with a status of 400")
    page.fill("#filter-text", 'p_wrong>=.9 and text~"asked by nobody"')
    page.press("#filter-text", "Enter")
    until(page, "document.querySelector('.documents-told').textContent === '31 documents'")
    page.select_option("#sort", "p_wrong")
    until(page, "new URLSearchParams(location.search).get('sort') === 'p_wrong'")
    until(page, "document.querySelector('tr[data-number] .clamp').textContent.startsWith('Question 0,')")
    shared = opened(urlsplit(page.url).query)
    until(shared, "document.querySelector('.documents-told').textContent === '31 documents'")
    assert shared.input_value("#search") == "asked by nobody"
    assert texts(shared)[:2] == ["Question 0, asked by nobody?", "Question 2, asked by nobody?"]
    shared.go_back()
    until(shared, "!new URLSearchParams(location.search).has('sort')")


def test_a_selection_is_kept_in_bulk_and_taken_back(opened, until, listed):
    page = opened("view=documents&sort=p_wrong")
    until(page, "document.querySelectorAll('tr[data-number]').length > 10")
    page.locator("tr[data-number] input").nth(1).click()
    page.evaluate("document.querySelector('.documents-scroll').scrollTop = 40 * 47")
    until(page, "!!document.querySelector('tr[aria-rowindex=\"42\"]')")
    page.locator('tr[aria-rowindex="42"] input').click(modifiers=["Shift"])
    assert page.inner_text(".documents-side .selection-told") == "40 documents selected"
    page.click(".documents-side .keep-labels")
    page.wait_for_selector(".bulk-dialog form")
    assert page.inner_text(".bulk-dialog .primary") == "Keep the labels of 40 documents"
    page.click(".bulk-dialog .primary")
    until(page, "document.querySelector('#notices').textContent.includes('You kept the labels of 40 documents')")
    assert listed.counts()["kept"] == 40
    kept = {each.id for each in listed.documents(states=["kept"])}
    assert kept == {f"q{i}" for i in range(1, 41)}
    page.click("#notices button:text('Undo')")
    until(page, "document.querySelector('#notices').textContent.includes('Taken back')")
    assert listed.counts()["undecided"] == N


@pytest.mark.slow
def test_all_that_match_are_relabelled_when_their_number_is_typed(opened, until, listed, monkeypatch):
    page = opened("view=documents&filter=given%3DLOC")
    until(page, "document.querySelector('.documents-told').textContent === '199 documents'")
    page.click("thead input")
    page.click(".documents-side .selection-actions .relabel")
    page.wait_for_selector(".bulk-dialog form")
    assert page.is_disabled(".bulk-dialog .primary")
    page.select_option("#bulk-label", "HUM")
    listed.decide("q1", "keep", reviewer="bob")  # meanwhile: still given LOC, so their number is the same
    page.click(".bulk-dialog .primary")
    until(page, "document.querySelector('#notices').textContent.includes('You gave 199 documents HUM')")
    assert (listed.counts()["relabelled"], listed.counts()["disagreement"]) == (198, 1)


@pytest.mark.slow
def test_a_selection_that_has_changed_is_asked_about_again(opened, until, listed, faults):
    page = opened("view=documents&filter=state%3Dundecided")
    until(page, "document.querySelector('.documents-told').textContent === '600 documents'")
    page.click("thead input")
    page.click(".documents-side .selection-actions .bulk")
    page.wait_for_selector(".bulk-dialog form")
    listed.decide("q1", "keep", reviewer="bob")
    page.click(".bulk-dialog .primary")
    until(page, "document.querySelector('.bulk-dialog .primary')?.textContent === 'Keep the labels of 599 documents'")
    assert "You have confirmed 600 documents, and there are 599 now" in page.inner_text("#notices")
    assert listed.counts()["kept"] == 1
    assert "409" in faults.pop()


@pytest.mark.slow
def test_documents_are_opened_and_decided_beside_the_list(opened, until, listed):
    page = opened("view=documents&sort=p_wrong")
    until(page, "document.querySelectorAll('tr[data-number]').length > 10")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.card .text')?.textContent.startsWith('Question 1,')")
    page.keyboard.press("k")
    until(page, "document.querySelector('.card .text')?.textContent.startsWith('Question 2,')")
    assert page.get_attribute("tr[aria-current]", "aria-rowindex") == "4"
    page.keyboard.press("ArrowUp")
    until(page, "document.querySelector('.card .text')?.textContent.startsWith('Question 1,')")
    until(page, "document.querySelector('tr[aria-current]').dataset.state === 'kept'")
    page.keyboard.press("Escape")
    until(page, "!new URLSearchParams(location.search).has('document')")
    until(page, "document.activeElement.getAttribute('aria-rowindex') === '3'")
    assert {each.id for each in listed.documents(states=["decided"])} == {"q1"}


@pytest.mark.slow
def test_a_long_list_stays_small_in_the_page(opened, until):
    page = opened("view=documents&sort=p_wrong")
    until(page, "document.querySelectorAll('tr[data-number]').length > 10")
    assert page.get_attribute(".documents-table", "aria-rowcount") == str(N + 1)
    end = """(() => {
      const box = document.querySelector(".documents-scroll");
      box.scrollTop = box.scrollHeight;  // further rows are fetched on the way
      return document.querySelector('tr[aria-rowindex="601"]') !== null;
    })()"""
    until(page, end)
    assert page.locator("tr[data-number]").count() < 60
    assert texts(page)[-1].startswith("Question 599,")


@pytest.mark.slow
def test_a_queue_is_made_of_a_selection_and_begun(opened, until, listed):
    page = opened("view=documents&filter=given%3DNUM")
    until(page, "document.querySelector('.documents-told').textContent === '200 documents'")
    page.click("text=Make a queue of these…")
    page.wait_for_selector(".queue-dialog form")
    page.check("input[name=queue-order][value=ranked]")
    page.fill("#queue-name", "numbers")
    page.click(".queue-dialog .primary")
    until(page, "document.querySelector('#notices').textContent.includes('Queue numbers is ready: 200 documents.')")
    page.click("#notices button:text('Start reading')")
    until(page, "document.querySelector('.card .text')?.textContent.startsWith('Question 2,')")
    assert (listed.queues[-1].name, listed.queues[-1].n_documents) == ("numbers", 200)


@pytest.mark.slow
def test_hostile_documents_are_listed_as_text(opened, until):
    page = opened("view=documents&filter=id%3Dq7")
    until(page, "document.querySelectorAll('tr[data-number]').length === 1")
    assert HOSTILE in texts(page)[0]
    page.click("thead input")
    page.click(".documents-side .keep-labels")
    page.wait_for_selector(".bulk-dialog .chip")
    assert HOSTILE in page.inner_text(".bulk-dialog .chip")
    assert page.evaluate("window.broken") is None
    assert page.locator("img, tr script").count() == 0


@pytest.mark.slow
def test_an_export_is_downloaded(opened, until, listed, tmp_path):
    listed.decide("q1", "relabel", "HUM", reviewer="bob")
    page = opened("view=export")
    page.check("input[name=which][value=changed]")
    until(page, "document.querySelector('.export-about').textContent.includes('1 document.')")
    with page.expect_download() as download:
        page.click(".export-about a")
    download.value.save_as(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert (row["id"], row["label"], row["reviewer"]) == ("q1", "HUM", "bob")
    assert "cal annotate export" in page.inner_text(".command code")
