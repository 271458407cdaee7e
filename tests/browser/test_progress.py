"""Progress and the project on the page, in a real browser before a real server."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.annotation.store.reviewer_links import links, make_links, set_lead
from cal.page import Server, start

LABELS = ["HUM", "LOC", "NUM"]
HOSTILE = '<img src=x onerror="window.broken=1">\u202e"\\,>'
WIDTHS = [(1280, 720), (390, 844)]


def make_project(path, n=200, labels=LABELS):
    rows = range(n)
    given = [labels[(i + (i % 5 == 0)) % 3] for i in rows]
    corpus = {"id": [f"q{i}" for i in rows], "text": [f"Question {i}?" for i in rows], "label": given}
    project = Project.create(path, labels=labels)
    project.import_corpus(pd.DataFrame(corpus))
    project.queue(order="random", double_share=0.3, seed=1, name="first")
    return project


def review(project, reviewer, n, labels=LABELS, wrong_every=11):
    """Lets a reviewer decide the next documents, erring at times."""
    decisions, time = [], datetime(2026, 3, 1, 9, tzinfo=UTC)
    for step, task in enumerate(project.tasks(reviewer, n)):
        right = labels[(int(task.document[1:]) + (step % wrong_every == 0)) % 3]
        kept = right == task.given
        decision = task.decision("keep" if kept else "relabel", None if kept else right, seconds=4.0)
        decisions.append(replace(decision, time=time + timedelta(seconds=5 * step)))
    project.decide_all(decisions)


@pytest.fixture
def project(tmp_path):
    with make_project(tmp_path / "reviews.db") as project:
        review(project, "ann", 90)
        review(project, "bob", 70, wrong_every=7)
        yield project


@pytest.fixture
def visit(server, new_page, sign_in, until):
    def open_page(view, reviewer="ann", **options):
        page = new_page(**options)
        sign_in(page, reviewer)
        page.goto(f"{server.address}?view={view}")
        until(page, "!!document.body.dataset.ready")
        if view == "progress":
            until(page, "!!document.querySelector('.sheet.queues')")
        if view == "settings":
            until(page, "!!document.querySelector('.labels-list li') && !!document.querySelector('.events-list li')")
        return page

    return open_page


def text(page, selector):
    return page.locator(selector).inner_text()


def test_progress_says_what_the_status_says(project, visit):
    page, status = visit("progress"), project.status()
    left = status.errors_left
    assert f"{status.decided} of 200 documents decided" in text(page, ".sheet.counts")
    assert f"{status.errors_found} errors found" in text(page, ".sheet.counts")
    told = text(page, ".sheet.left")
    assert f"About {round(left.estimate)} errors left" in told
    assert f"Between {left.low} and {left.high}, with 95 % certainty" in told
    chart = page.locator("svg.shrinking")
    assert f"between {status.estimating.total.low} and {status.estimating.total.high}" in chart.get_attribute(
        "aria-label"
    )
    assert chart.locator("text", has_text="Documents read").count() == 1
    assert text(page, ".sheet.stop h3") == ("You may stop here" if status.can_stop else "Read on")
    agreement = text(page, ".sheet.agreement")
    assert f"{status.agreement.alpha:.2f}" in agreement
    table = status.agreement.to_frame().iloc[0]
    assert f"{table.kappa:.2f}" in agreement
    rows = page.locator(".sheet.reviewers tbody tr").all_inner_texts()
    assert [row.split("\t")[:4] for row in rows] == [
        [row.reviewer, str(row.decisions), str(row.kept), str(row.relabelled)] for row in status.reviewers.itertuples()
    ]
    changes = page.locator(".sheet.changes tbody tr").all_inner_texts()
    assert [row.split("\t") for row in changes] == [
        [each.given, each.label, str(each.n)] for each in status.label_changes.itertuples()
    ]


@pytest.mark.slow
def test_a_changed_label_opens_its_documents_without_loading_the_page_again(project, visit, until):
    page, first = visit("progress"), project.status().label_changes.iloc[0]
    page.evaluate("window.same = true")
    page.locator(".sheet.changes tbody a").first.click()
    until(page, "document.body.dataset.view === 'documents'")
    assert f"given={first.given} and label={first.label}" in page.evaluate(
        "new URLSearchParams(location.search).get('filter')"
    )
    assert page.evaluate("window.same")
    page.go_back()
    until(page, "document.body.dataset.view === 'progress'")


@pytest.mark.slow
def test_the_line_in_the_top_and_the_progress_follow_a_decision(project, visit, until):
    page, decided = visit("progress"), project.status().decided
    until(page, f"document.getElementById('progress-line').textContent.startsWith('{decided} of 200 decided ·')")
    waiting = set(f"q{i}" for i in range(200)) - set(project.events()["document"])
    project.decide(min(waiting), "ambiguous", reviewer="cy")
    until(page, f"document.getElementById('progress-line').textContent.startsWith('{decided + 1} of 200 decided ·')")
    until(page, f"document.querySelector('.sheet.counts h3').textContent.startsWith('{decided + 1} of 200')")
    until(page, "[...document.querySelectorAll('.sheet.reviewers tbody th')].some(each => each.textContent === 'cy')")
    page.locator("#progress-line").click()
    assert "view=progress" in page.url


@pytest.mark.slow
def test_a_project_in_which_nothing_was_decided_says_what_is_missing(tmp_path, new_page, sign_in, until):
    with make_project(tmp_path / "fresh.db") as project, start(project, port=0) as server:
        page = new_page()
        sign_in(page, "ann")
        page.goto(f"{server.address}?view=progress")
        until(page, "!!document.querySelector('.sheet.queues')")
        assert "0 of 200 documents decided" in text(page, ".sheet.counts")
        assert text(page, ".sheet.left h3") == "How many errors are left is not known yet"
        assert project.status().errors_left_reason in text(page, ".sheet.left")
        assert "No document was decided by two reviewers yet" in text(page, ".sheet.agreement")


@pytest.mark.slow
def test_labels_are_changed_in_the_project(project, visit, until):
    page = visit("settings")
    page.get_by_label("Rename HUM").click()
    page.keyboard.type("person")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.labels-list').textContent.includes('person')")
    page.get_by_label("Move down person").click()
    until(page, "document.querySelectorAll('.labels-list .label-name')[1].textContent === 'person'")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move down person"
    page.get_by_label("Colour of person").fill("#123456")
    page.get_by_label("Colour of person").dispatch_event("change")
    page.get_by_label("Name of a new label").fill(HOSTILE)
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.labels-list li').length === 4")
    assert project.label_names == ["LOC", "person", "NUM", HOSTILE]
    assert project.labels[1].colour == "#123456"
    assert page.evaluate("window.broken") is None
    until(page, "document.querySelector('.events-list').textContent.includes('ann renamed the label HUM to person')")


@pytest.mark.slow
def test_a_merge_says_how_many_documents_change_and_asks(project, visit, until):
    page = visit("settings")
    merged = project.status().documents
    page.get_by_role("button", name="Merge NUM").click()
    question = text(page, "dialog")
    n = int("".join(filter(str.isdigit, question.split(" documents")[0].split()[-1])))
    assert 0 < n < merged
    page.keyboard.press("Escape")
    assert "NUM" in project.label_names
    page.get_by_role("button", name="Merge NUM").click()
    page.get_by_label("Into").select_option("LOC")
    page.get_by_role("button", name=f"Merge {n} documents").click()
    until(page, "document.querySelectorAll('.labels-list li').length === 2")
    assert project.label_names == ["HUM", "LOC"]


@pytest.mark.slow
def test_ones_own_bulk_decision_can_be_taken_back(project, visit, until):
    waiting = sorted({f"q{i}" for i in range(200)} - set(project.events()["document"]))[:12]
    before = project.counts()
    project.decide_all([Decision(each, "keep", reviewer="ann") for each in waiting], bulk=str(uuid.uuid4()))
    page = visit("settings")
    first = page.locator(".events-list li").first
    assert "ann kept the labels of 12 documents" in first.inner_text()
    first.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Take it back").click()
    until(page, "document.querySelector('.events-list li').textContent.includes('took back')")
    assert project.counts() == before
    page = visit("settings", "bob")
    assert page.locator(".events-list li", has_text="12 documents").get_by_role("button").count() == 0


@pytest.mark.slow
def test_a_link_is_shown_once_and_only_to_whoever_leads(project, new_page, until):
    set_lead(project, "ann")
    secrets = make_links(project, ["ann", "bob"])
    with Server(project, host="0.0.0.0", port=0).start() as server:
        address = f"http://127.0.0.1:{server.port}/?view=settings"
        page = new_page()
        page.goto(f"{address}#token={secrets['ann']}")
        until(page, "!!document.querySelector('.sheet.people .adding')")
        page.get_by_label("Name of a new reviewer").fill("cy <b>")
        page.keyboard.press("Enter")
        until(page, "!!document.querySelector('.made input')")
        link = page.get_by_label("Link for cy <b>").input_value()
        assert link == f"http://127.0.0.1:{server.port}/#token={links(project)['cy <b>']}"
        page.reload()
        until(page, "!!document.querySelector('.sheet.people tbody tr')")
        assert links(project)["cy <b>"] not in page.content()
        other = new_page()
        other.goto(f"{address}#token={secrets['bob']}")
        until(
            other, "!!document.querySelector('.sheet.people tbody tr') && !!document.querySelector('.labels-list li')"
        )
        assert other.locator(".sheet.people button").count() == 0
        assert other.locator(".sheet.labels button, .sheet.labels input").count() == 0
        assert "Whoever leads the project can change them" in text(other, ".sheet.labels")


@pytest.mark.slow
@pytest.mark.parametrize("size", WIDTHS)
def test_many_labels_and_long_names_break_no_layout(tmp_path, new_page, sign_in, until, size):
    long = "w" * 190
    labels = [HOSTILE, long, "n", *(f"label {i} {'x' * (i % 40)}" for i in range(197))]
    with make_project(tmp_path / "many.db", labels=labels) as project, start(project, port=0) as server:
        review(project, long, 60, labels=labels)
        review(project, HOSTILE, 60, labels=labels, wrong_every=5)
        page = new_page(viewport={"width": size[0], "height": size[1]})
        sign_in(page, "ann")
        for view, drawn in (
            ("progress", ".sheet.queues"),
            ("settings", ".events-list li"),
            ("disagreements", ".opinion"),
        ):
            page.goto(f"{server.address}?view={view}")
            until(page, f"!!document.querySelector('{drawn}')")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            wide = "[...document.querySelectorAll('.view:not([hidden]) .sheet, .view:not([hidden]) .card')]"
            assert page.evaluate(f"{wide}.every(each => each.getBoundingClientRect().right <= innerWidth + 1)")
            assert page.evaluate("window.broken") is None
