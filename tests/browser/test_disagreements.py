"""Disagreements on the page: two reviewers differ, and somebody settles it with a key."""

from __future__ import annotations

import pandas as pd
import pytest

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision

LABELS = ["HUM", "LOC", "NUM"]
HOSTILE = '<img src=x onerror="window.broken=1">\u202e'
FRONT = ".view.disagreements"


@pytest.fixture
def project(tmp_path):
    rows = range(12)
    corpus = {
        "id": [f"q{i}" for i in rows],
        "text": [f"Question {i}?" for i in rows],
        "label": ["HUM" if i > 2 else "LOC" for i in rows],
    }
    with Project.create(tmp_path / "reviews.db", labels=LABELS) as project:
        project.import_corpus(pd.DataFrame(corpus))
        project.queue(order="random")
        yield project


@pytest.fixture
def visit(server, new_page, sign_in, until):
    """visit(reviewer, view): a page of the server, ready."""

    def open_page(reviewer, view="disagreements", **options):
        page = new_page(**options)
        sign_in(page, reviewer)
        page.goto(f"{server.address}?view={view}")
        until(page, "!!document.body.dataset.ready")
        return page

    return open_page


def differ(project, document, one="LOC", other="NUM", comment=None, reviewers=("ann", "bob")):
    first, second = reviewers
    project.decide_all(
        [
            Decision(document, "relabel", label=one, reviewer=first, comment=comment),
            Decision(document, "relabel", label=other, reviewer=second),
        ]
    )


def in_front(text):
    return f"document.querySelector('{FRONT} .card .text')?.textContent === '{text}'"


def tab(n):
    words = f"Disagreements {n}" if n else "Disagreements"
    return f"document.querySelector('#tabs [data-view=disagreements]').textContent === '{words}'"


def sent(page, until):
    until(page, "!Object.keys(localStorage).some(key => key.startsWith('cal:outbox:'))")


def state_of(project, document):
    found = project.document(document)
    return found.state, found.label


def test_an_adjudicator_settles_each_with_a_key(project, visit, until):
    for k, document in enumerate(["q3", "q5", "q7"]):
        differ(project, document, comment="See rule 2." if k == 0 else None)
    page = visit("cy")
    until(page, tab(3))
    until(page, in_front("Question 3?"))
    assert page.locator(f"{FRONT} .opinion h3").all_inner_texts() == ["ann", "bob"]
    assert page.locator(f"{FRONT} .opinion .chip-name").all_inner_texts() == ["LOC", "NUM"]
    assert page.locator(f"{FRONT} .opinion q").all_inner_texts() == ["See rule 2."]
    assert not page.locator(f"{FRONT} .note.own").count()
    labels = page.locator(f"{FRONT} .give-name").all_inner_texts()
    page.keyboard.press("2")
    until(page, in_front("Question 5?"))
    assert "settled: gave it" in page.locator(f"{FRONT} .told").inner_text()
    page.keyboard.press("k")
    until(page, in_front("Question 7?"))
    page.keyboard.press("a")
    until(page, tab(0))
    assert "Nothing to settle" in page.locator(f"{FRONT} .card-read").inner_text()
    sent(page, until)
    assert state_of(project, "q3") == ("kept" if labels[1] == "HUM" else "relabelled", labels[1])
    assert state_of(project, "q5") == ("kept", "HUM")
    assert state_of(project, "q7")[0] == "ambiguous"
    events = project.events().query("reviewer == 'cy'")
    assert list(events["adjudicates"]) == [True] * 3
    assert (events["seconds"] > 0).all()


@pytest.mark.slow
def test_undo_brings_a_settled_document_back_and_skipping_decides_nothing(project, visit, until):
    differ(project, "q3")
    differ(project, "q5")
    page = visit("cy")
    until(page, in_front("Question 3?"))
    page.keyboard.press("s")
    until(page, in_front("Question 5?"))
    page.keyboard.press("x")
    until(page, in_front("Question 3?"))
    page.keyboard.press("u")
    until(page, in_front("Question 5?"))
    until(page, tab(2))
    sent(page, until)
    assert state_of(project, "q5")[0] == "disagreement"
    assert list(project.events().query("reviewer == 'cy'")["action"]) == ["exclude", "undo"]
    page.keyboard.press("u")
    until(page, f"document.querySelector('{FRONT} .told').textContent.includes('nothing to undo')")


@pytest.mark.slow
def test_the_count_in_the_tab_follows_what_others_decide(project, visit, until):
    page, other = visit("ann", "review"), visit("cy")
    until(page, tab(0))
    until(other, f"document.querySelector('{FRONT} .empty') !== null")
    differ(project, "q3", reviewers=("bob", "dan"))
    until(other, tab(1))
    until(other, in_front("Question 3?"))
    until(page, tab(1))
    project.decide("q3", "keep", reviewer="eve", adjudicates=True)
    until(other, tab(0))
    until(page, tab(0))


@pytest.mark.slow
def test_whoever_took_part_is_told_so_and_may_settle_it(project, visit, until):
    differ(project, "q3")
    page = visit("ann")
    until(page, in_front("Question 3?"))
    assert "One of these answers is yours" in page.locator(f"{FRONT} .note.own").inner_text()
    assert page.locator(f"{FRONT} .opinion h3").all_inner_texts() == ["ann (you)", "bob"]
    page.keyboard.press("k")
    sent(page, until)
    assert state_of(project, "q3") == ("kept", "HUM")


@pytest.mark.slow
def test_keys_decide_only_in_the_view_that_is_in_front(project, visit, until):
    differ(project, "q3")
    page = visit("cy")
    until(page, in_front("Question 3?"))
    page.locator("#tabs [data-view=review]").click()
    until(page, "!!document.querySelector('.view.review .card .text')")
    page.keyboard.press("a")
    sent(page, until)
    assert state_of(project, "q3")[0] == "disagreement"
    assert project.counts()["ambiguous"] == 1
    page.locator("#tabs [data-view=disagreements]").click()
    until(page, in_front("Question 3?"))
    page.keyboard.press("a")
    sent(page, until)
    assert state_of(project, "q3")[0] == "ambiguous"
    assert project.counts()["ambiguous"] == 2


@pytest.mark.slow
def test_hostile_names_and_comments_are_text(project, visit, until):
    project.add_label(HOSTILE)
    differ(project, "q3", one=HOSTILE, comment=HOSTILE, reviewers=(HOSTILE, "bob"))
    page = visit("cy")
    until(page, in_front("Question 3?"))
    said = page.locator(f"{FRONT} .opinion").first.inner_text()
    assert said.count("<img") == 3
    assert page.evaluate("window.broken") is None
    assert page.locator(f"{FRONT} img").count() == 0


@pytest.mark.slow
def test_a_decision_that_waits_for_the_server_stays_out_of_the_list(project, visit, until, faults):
    differ(project, "q3")
    differ(project, "q5")
    page = visit("cy")
    until(page, in_front("Question 3?"))
    page.route(
        "**/api/decisions", lambda route: route.fulfill(status=503, json={"error": {"kind": "storage", "message": "x"}})
    )
    page.keyboard.press("k")
    until(page, in_front("Question 5?"))
    differ(project, "q7")  # the list is fetched again
    until(page, tab(2))
    assert page.locator(f"{FRONT} .settle-list li").count() == 2
    page.unroute("**/api/decisions")
    sent(page, until)
    assert state_of(project, "q3") == ("kept", "HUM")
    faults[:] = [each for each in faults if "503" not in each]  # the browser logs what was provoked
