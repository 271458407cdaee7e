"""Labels that models suggest: on the card, in blind mode, accepted in bulk, and in the progress, in a real browser."""

import pytest

from cal.annotation import Project
from cal.exchange.records import AnnotatedDocument
from cal.page import start

pytestmark = pytest.mark.slow
N, LABELS = 60, ("HUM", "LOC", "NUM")
HOSTILE = '<img src=x onerror="window.hurt=1">'


@pytest.fixture
def project(tmp_path):
    """Texts without labels; two models agree on the first thirty, and one says nothing about the others."""
    with Project.create(tmp_path / "suggested.db", labels=LABELS) as project:
        project.import_documents([AnnotatedDocument(f"d{i}", f"Question {i}?") for i in range(N)])
        labels = [LABELS[i % 3] for i in range(N)]
        ids = [f"d{i}" for i in range(N)]
        scores = [0.9 if i < 30 else 0.4 for i in range(N)]
        project.import_suggestions({"id": ids, "label": labels, "score": scores, "why": [HOSTILE] * N}, source="gpt")
        project.import_suggestions({"id": ids[:30], "label": labels[:30]}, source=HOSTILE)
        project.queue(by="+gpt.score", order="ranked")
        yield project


@pytest.fixture
def opened(project, page, sign_in, until):
    """opened(query): the page as Ann sees it."""
    sign_in(page)
    with start(project, port=0) as server:

        def go(query=""):
            page.goto(f"{server.address}?{query}")
            until(page, "document.body.dataset.ready === 'yes'")
            return page

        yield go


def test_a_key_accepts_what_models_agree_on_and_the_decision_keeps_what_was_seen(opened, project, until):
    page = opened()
    until(page, "document.querySelector('.labels-said')?.textContent.includes('gpt')")
    told = page.inner_text(".labels-said")
    assert HOSTILE in told
    assert "90%" in told
    assert page.evaluate("window.hurt") is None
    label = page.inner_text(".act-keep .kept-name").strip()
    assert page.inner_text(".act-keep .act-name") == f"Accept {label}"
    page.keyboard.press("k")
    for _ in range(100):
        if project.counts()["relabelled"]:
            break
        page.wait_for_timeout(100)
    (decided,) = project.documents(states=["decided"])
    assert decided.label == label
    (event,) = project.document(decided.id).events
    assert event["seen"]["suggestions"] == {
        "gpt": {"label": label, "score": 0.9},
        HOSTILE: {"label": label, "score": None},
    }


def test_blind_mode_hides_what_models_say(opened, project, until):
    page = opened()
    until(page, "document.querySelector('.labels-said')?.textContent.includes('gpt')")
    page.keyboard.press("b")
    until(page, "!document.querySelector('.labels-said')")
    assert "gpt" not in page.inner_text(".card")
    assert page.is_disabled(".act-keep")
    page.keyboard.press("2")
    for _ in range(100):
        if project.counts()["relabelled"]:
            break
        page.wait_for_timeout(100)
    assert project.source("gpt").seen().set_index("seen")["n"]["did not see it"] == 1


def test_labels_of_a_model_are_accepted_in_bulk_and_taken_back(opened, project, until):
    page = opened("view=documents&filter=state%3Dundecided")
    until(page, f"document.querySelector('.documents-told').textContent === '{N} documents'")
    page.click("thead input")
    page.click(".documents-side .selection-actions .bulk")
    page.wait_for_selector(".bulk-dialog form")
    page.get_by_label("Give each the label that a model suggests").check()
    assert page.inner_text(".bulk-dialog .primary") == f"Accept {N} labels of gpt"
    page.select_option("#bulk-source", HOSTILE)
    assert "30 documents are left out" in page.inner_text(".bulk-dialog .what")
    page.select_option("#bulk-source", "gpt")
    page.click(".bulk-dialog .primary")
    until(page, f"document.querySelector('#notices').textContent.includes('You accepted {N} labels of gpt')")
    assert {each.id: each.label for each in project.documents()} == {f"d{i}": LABELS[i % 3] for i in range(N)}
    page.click("#notices button:has-text('Undo')")
    until(page, "document.querySelector('#notices').textContent.includes('Taken back')")
    assert project.counts()["undecided"] == N


def test_progress_compares_models_with_what_people_decide(opened, project, until):
    project.queue(order="random", name="sample")
    for task in project.tasks("bob", 25, "sample"):
        project.decide_all([task.decision("relabel", LABELS[int(task.document[1:]) % 3])])
    page = opened("view=progress")
    until(page, "document.querySelector('.sheet.sources')")
    rows = page.inner_text(".sheet.sources table")
    assert "25 (100 %)" in rows
    assert "100 % (86 to 100 %)" in rows
    page.click(".sheet.sources summary")
    assert "drawn at random" in page.inner_text(".sheet.sources")
