"""What axe-core finds in every view of the page: light and dark, on a desk and on a phone, with dialogs open."""

import pytest

from cal.annotation import Project
from cal.page import start

pytestmark = pytest.mark.slow

SIZES = {"desk": {"width": 1280, "height": 720}, "phone": {"width": 390, "height": 844}}
READY = "!!document.body.dataset.ready"
SETTLED = "document.getAnimations().every(each => each.playState !== 'running')"


@pytest.fixture(scope="module")
def address(make_reviews, tmp_path_factory):
    path = make_reviews(tmp_path_factory.mktemp("accessible") / "reviews.db")
    with Project.open(path) as project, start(project, port=0) as server:
        yield server.address


@pytest.fixture(scope="module")
def learning_address(tmp_path_factory):
    """A project that learns: it has been trained, and test documents are labelled."""
    texts = [f"How {word} is town {i}?" for i in range(30) for word in ("far", "high")]
    texts += [f"Who {word} book {i}?" for i in range(30) for word in ("wrote", "read")]
    with Project.create(tmp_path_factory.mktemp("learning") / "reviews.db", labels=["NUM", "HUM"]) as project:
        project.import_texts(texts)
        for n in (16, 12, 12):
            project.learn(seed_size=16, batch=12, reserve=4, test_share=0.5, features="lsa", check_share=0.0)
            tasks = [each for each in project.tasks("Ann", n) if each.role != "reserve"]
            said = [each.decision("relabel", "NUM" if each.text.startswith("How") else "HUM") for each in tasks]
            project.decide_all(said[: n if n > 12 else 9])
        with start(project, port=0) as server:
            yield server.address


@pytest.fixture(scope="module")
def axe():
    return pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed.").Axe()


@pytest.fixture
def check(axe, until):
    """check(page, what): nothing serious or critical is wrong with a page."""

    def run(page, what):
        until(page, SETTLED)
        found = axe.run(page).response["violations"]
        serious = [
            f"{what}: {each['id']} at {node['target']}: {node['failureSummary']}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert not serious, "\n".join(serious)

    return run


@pytest.fixture(params=[("light", "desk"), ("dark", "phone")], ids="-".join)
def visit(request, new_page, sign_in, address, until):
    """visit(query): a page of the project, light on a desk and dark on a phone."""
    scheme, size = request.param
    page = new_page(color_scheme=scheme, viewport=SIZES[size], reduced_motion="reduce")
    sign_in(page)

    def go(query="", of=address):
        page.goto(f"{of}{query}")
        until(page, READY)
        assert page.evaluate("document.body.dataset.ready") == "yes"
        page.wait_for_timeout(400)
        return page

    return go


def views(page):
    return page.evaluate("[...document.querySelectorAll('#tabs a')].map(each => each.dataset.view)")


def test_views(visit, check):
    page = visit()
    for name in views(page):
        check(visit(f"?view={name}"), name)


def test_views_of_a_project_that_learns(visit, learning_address, check, until):
    visit()
    page = visit("?view=learning", learning_address)
    until(page, "!!document.querySelector('svg.learning-chart')")
    page.get_by_text("As a table").click()
    check(page, "learning")
    page = visit("?view=review", learning_address)
    until(page, "!!document.querySelector('.card .text')")
    check(page, "review")


def test_dialogs_of_the_review(visit, check, until):
    page = visit("?view=review")
    until(page, "!!document.querySelector('.card .text')")
    for name, key in {"help": "?", "label": "l", "new label": "n", "comment": "c", "guidelines": "g"}.items():
        page.keyboard.press(key)
        page.wait_for_timeout(200)
        check(page, name)
        page.keyboard.press("Escape")
    for key in ("k", "2", "a"):
        page.keyboard.press(key)
    check(page, "after decisions")
    page.keyboard.press("u")
    page.keyboard.press("u")
    page.keyboard.press("u")
    check(page, "after undoing")


def test_who_reviews_is_asked(new_page, address, check, until):
    page = new_page()
    page.goto(address)
    until(page, "!!document.querySelector('dialog[open]')")
    check(page, "name")


def test_dialogs_of_the_list(visit, check, until):
    page = visit("?view=documents")
    size = page.viewport_size
    page.set_viewport_size(SIZES["desk"])
    until(page, "!!document.querySelector('tbody tr:not(.spacer)')")
    rows = page.locator("tbody tr:not(.spacer)")
    rows.first.click()
    rows.nth(2).click(modifiers=["Shift"])
    check(page, "selection")
    for name in ("keep-labels", "relabel", "bulk", "queue"):
        page.locator(f".selection-bar button.{name}").click()
        until(page, "!!document.querySelector('dialog[open] .buttons')")
        page.set_viewport_size(size)
        check(page, name)
        page.keyboard.press("Escape")
        page.set_viewport_size(SIZES["desk"])
