"""Labelling from nothing on the page, while a model beside it learns: a real browser, server and worker."""

from __future__ import annotations

import pytest

import cal
from cal.annotation import Project

WORDS = {
    "number": ["far", "many", "much", "long"],
    "person": ["wrote", "sang", "painted", "ruled"],
    "place": ["lies", "borders", "flows", "rises"],
}
LABEL_OF = {
    f"Who or what {of[i % 4]} the {i % 13} {of[(i // 4) % 4]} thing {i}?": label
    for label, of in WORDS.items()
    for i in range(40)
}
OPTIONS = {"seed_size": 10, "batch": 8, "reserve": 3, "test_share": 0.6, "features": "lsa", "check_share": 0.0}
FRONT = "document.querySelector('.card .text')?.textContent ?? null"
SENT = "!Object.keys(localStorage).some(key => key.startsWith('cal:outbox:'))"
LONG = 60.0  # seconds; machines differ


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "questions.db") as project:
        project.import_texts(sorted(LABEL_OF, key=lambda text: text[::-1]))
        yield project


@pytest.fixture
def label_in_front(until):
    """label_in_front(page): gives the document in front its label by keys, a label of its own if there is none yet."""

    def label(page):
        text = until(page, FRONT, LONG)
        right = LABEL_OF[text]
        names = page.locator(".give .give-name").all_inner_texts()
        if right in names:
            page.keyboard.press(str(names.index(right) + 1))
        else:
            page.keyboard.press("n")
            page.keyboard.type(right)
            page.keyboard.press("Enter")
        until(page, f"({FRONT}) !== {text!r}", LONG)
        return right

    return label


@pytest.mark.slow
def test_a_person_labels_from_nothing_and_sees_the_model_learn(
    project, new_page, sign_in, until, label_in_front, tmp_path
):
    page = new_page()
    sign_in(page)
    with project.serve(port=0, learn=OPTIONS) as server:
        page.goto(server.address)
        until(page, "document.body.dataset.ready === 'yes'")
        until(page, FRONT, LONG)  # by itself, when the first documents are chosen
        assert page.locator(".act-keep").is_hidden()
        assert "first label" in page.locator(".label-buttons").inner_text()
        assert "Given label" not in page.locator(".card-read").inner_text()
        said = []
        while len(said) < 30:
            if LABEL_OF[until(page, FRONT, LONG)] == "place" and len(said) < 8:  # nobody has thought of it yet
                text = page.evaluate(FRONT)
                page.keyboard.press("s")
                until(page, f"({FRONT}) !== {text!r}", LONG)
            else:
                said.append(label_in_front(page))
        until(page, SENT, LONG)
        assert project.label_names[-1] == "place"
        assert set(said) == set(WORDS)

        # The curve appears, with its interval, and as a table.
        page.goto(f"{server.address}?view=learning")
        until(page, "!!document.querySelector('svg.learning-chart')", LONG)
        chart = page.locator("svg.learning-chart").get_attribute("aria-label")
        assert "with 95 % certainty" in chart
        page.get_by_text("As a table").click()
        rows = page.locator(".sheet.accuracy tbody tr")
        assert rows.count() == page.locator(".learning-dot").count() >= 1
        found = page.locator(".found-labels li").all_inner_texts()
        assert sorted(each.split("\n")[0] for each in found) == sorted(WORDS)
        assert page.locator(".sheet.batches tbody tr").count() >= 3

        # The export is a corpus.
        page.goto(f"{server.address}?view=export")
        until(page, "!!document.querySelector('.export-about a.primary')", LONG)
        page.get_by_text("Decided documents").click()
        until(page, "document.querySelector('.export-about').textContent.includes('30 documents')", LONG)
        with page.expect_download() as download:
            page.locator(".export-about a.primary").click()
        file = tmp_path / "labelled.csv"
        download.value.save_as(file)
    corpus = cal.read_corpus(file)
    assert sorted(corpus.label_names) == sorted(WORDS)
    assert len(corpus.train.ids) + len(corpus.test.ids) == 30
    for split in (corpus.train, corpus.test):  # what measured accuracy is the test split
        assert [LABEL_OF[text] for text in split.texts] == [corpus.label_names[each] for each in split.gold]
    assert project.check() == []
