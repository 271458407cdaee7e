"""The map beside the document, in a real browser before a real server."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
import torch

from cal.annotation import Project
from cal.annotation.store.schema import DOCUMENT, MAP_POINT
from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.page import start
from cal.page.points import inside

HOSTILE = '<img src=x onerror="window.broken=1"><b>"\'&amp;'
LABELS = ["HUM", "LOC", HOSTILE]
N, EPOCHS = 60, 5
MAP = "document.querySelector('.map-canvas')?.dataMap"
PLACES = f"(() => {{ const {{x, y, numbers}} = {MAP}; return [...numbers].map((k, i) => [k, x[i], y[i]]); }})()"
READY = f"!!({MAP}?.n && {MAP}.places && document.querySelector('.card .text'))"


def data_map(seed, n=N):
    gold = torch.tensor([i % 3 for i in range(n)])
    logits = 2 * torch.randn(EPOCHS, n, 3, generator=torch.Generator().manual_seed(seed))
    ids = [f"q{i}" for i in range(n)]
    return DataMap.of(TrainingDynamics.from_logits(logits, gold), ids, name=f"map {seed}", label_names=LABELS)


def corpus(n=N):
    texts = [f"Question number {i}, {HOSTILE}" for i in range(n)]
    given = [LABELS[i % 3] for i in range(n)]
    extra = {HOSTILE: [f"<i>{i % 4}</i>" for i in range(n)], "length": range(n)}
    return pd.DataFrame({"id": [f"q{i}" for i in range(n)], "text": texts, "label": given, "split": "train", **extra})


@pytest.fixture(scope="session")
def project_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("maps") / "map.db"
    with Project.create(path, labels=LABELS) as project:
        project.import_corpus(corpus(), map=[data_map(1), data_map(2)])
        project.queue(by="confidence", order="ranked")
    return path


@pytest.fixture
def project(project_file, tmp_path):
    with Project.open(shutil.copy(project_file, tmp_path / "map.db")) as project:
        yield project


@pytest.fixture
def visit(server, new_page, sign_in, until):
    """visit(query="", ready=..., **options): a page whose map is drawn, as Ann has it."""

    def open_page(query="", ready=READY, **options):
        page = new_page(**options)
        sign_in(page)
        page.goto(server.address + query)
        until(page, f"document.body.dataset.ready === 'yes' && {ready}")
        return page

    return open_page


def places(page):
    """Places of the points by number of the document."""
    return {number: (x, y) for number, x, y in page.evaluate(PLACES)}


def stored(project, run):
    """Places as the run has them."""
    with project.reading() as connection:
        columns = (MAP_POINT.c.document_id, MAP_POINT.c.variability, MAP_POINT.c.confidence)
        rows = connection.execute(sa.select(*columns).where(MAP_POINT.c.run_id == run))
        return {row[0]: (row[1], row[2]) for row in rows}


@pytest.fixture
def ids(project):
    """Position in the corpus by number of the document."""
    with project.reading() as connection:
        rows = connection.execute(sa.select(DOCUMENT.c.id, DOCUMENT.c.external_id))
        return {number: int(name[1:]) for number, name in rows}


def same(one, other, tolerance=1e-6):
    assert one.keys() == other.keys()
    np.testing.assert_allclose([one[k] for k in sorted(one)], [other[k] for k in sorted(one)], atol=tolerance)


def at(page, number):
    """Where the point of a document is in the window."""
    found = page.evaluate(f"{MAP}.placeOf([...{MAP}.numbers].indexOf({number}))")
    return found["clientX"], found["clientY"]


def lonely(page):
    """The document whose point is farthest from all others."""
    points = places(page)
    numbers = sorted(points)
    xy = np.array([points[number] for number in numbers]) * [2, 1]
    apart = np.linalg.norm(xy[:, None] - xy[None], axis=2) + 9 * np.eye(len(xy))
    inner = (xy[:, 1] > 0.1) & (xy[:, 1] < 0.9)
    return numbers[int(np.argmax(np.where(inner, apart.min(1), 0)))]


def test_a_click_opens_a_document_and_the_document_shows_its_point(visit, until, ids):
    page = visit()
    front = page.evaluate("document.querySelector('.card .text').textContent.match(/number (\\d+)/)[1]")
    assert ids[page.evaluate(f"{MAP}.numbers[{MAP}.highlighted]")] == int(front)
    number = lonely(page)
    x, y = at(page, number)
    page.mouse.move(x, y)
    until(page, "!document.querySelector('.map-tip').hidden")
    lines = page.locator(".map-tip > div").all_inner_texts()
    assert lines[0] == f"Question number {ids[number]}, {HOSTILE}"
    assert lines[1] == f"{LABELS[ids[number] % 3]} · undecided"
    page.mouse.click(x, y)
    until(page, f"document.querySelector('.card .text')?.textContent.includes('number {ids[number]},')")
    until(page, f"{MAP}.numbers[{MAP}.highlighted] === {number}")
    assert page.evaluate("window.broken") is None


@pytest.mark.slow
def test_decisions_are_drawn_at_once_and_those_of_others_soon(visit, until, project, ids):
    page = visit("?colour=state")
    number = page.evaluate(f"{MAP}.numbers[{MAP}.highlighted]")
    of = f"[...{MAP}.numbers].indexOf({number})"
    assert page.evaluate(f"{MAP}.marks[{of}]") == 0
    page.keyboard.press("k")
    until(page, f"{MAP}.marks[{of}] === 1 && {MAP}.highlighted !== {of}")
    assert "kept" in page.locator(".map-legend-place").inner_text()
    other = next(each for each in ids if each != number)
    project.decide(f"q{ids[other]}", "exclude", reviewer="Bob")
    until(page, f"{MAP}.marks[[...{MAP}.numbers].indexOf({other})] === 2")
    page.keyboard.press("u")
    until(page, f"{MAP}.marks[{of}] === 0")


def drag(page, corners):
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()


def test_a_lasso_selects_exactly_the_documents_inside(visit, until, project):
    page = visit()
    page.evaluate(f"{MAP}.addEventListener('select', event => {{ window.drawn = event.detail.polygon; }})")
    box = page.locator(".map-canvas .draglayer").bounding_box()
    left, top, width, height = box["x"], box["y"], box["width"], box["height"]
    drag(page, [(left + width * a, top + height * b) for a, b in [(0.2, 0.2), (0.8, 0.25), (0.75, 0.7), (0.3, 0.6)]])
    until(page, "window.drawn && !document.querySelector('.selection-bar').hidden")
    polygon = [tuple(corner) for corner in page.evaluate("window.drawn")]
    with project.reading() as connection:
        expected = inside(project, connection, 2, None, polygon)
    assert 0 < len(expected) < N
    assert page.locator(".selection-told").inner_text() == f"{len(expected)} documents selected"
    selected = page.evaluate(f"[...{MAP}.numbers].filter((_, i) => {MAP}.selected[i])")
    assert selected == expected.tolist()
    page.locator(".selection-bar").get_by_text("Clear").click()
    until(page, f"{MAP}.selected === null && document.querySelector('.selection-bar').hidden")


@pytest.mark.slow
def test_the_slider_shows_the_first_epochs_and_play_goes_on_to_the_last(visit, until, project, ids):
    page = visit("?run=1")
    same(places(page), stored(project, 1))
    page.locator("#map-epochs").focus()
    page.keyboard.press("Home")
    until(page, "location.search.includes('epochs=1')")
    with project.reading() as connection:
        rows = connection.execute(sa.select(MAP_POINT.c.document_id, MAP_POINT.c.curves).where(MAP_POINT.c.run_id == 1))
        curves = {row[0]: np.frombuffer(row[1], np.float16).reshape(EPOCHS, 3).astype(float) for row in rows}
    expected = {number: (0.0, curve[0, ids[number] % 3]) for number, curve in curves.items()}
    until(page, f"Math.abs({MAP}.y[0] - {expected[1][1]}) < 1e-6")
    same(places(page), expected)
    assert page.locator(".epochs-said").inner_text() == f"first 1 of {EPOCHS}"
    page.locator(".play").click()
    until(page, f"document.querySelector('.epochs-said').textContent === 'all {EPOCHS}'")
    until(page, "!location.search.includes('epochs') && document.querySelector('.play').textContent === '▶'")
    until(page, f"Math.abs({MAP}.y[0] - {stored(project, 1)[1][1]}) < 1e-6")
    same(places(page), stored(project, 1))


@pytest.mark.slow
def test_switching_runs_moves_the_points_and_says_how_many_changed_region(visit, until, project):
    page = visit("?colour=region")
    page.locator("#map-run").select_option("1")
    until(page, "document.querySelector('.map-told').textContent.includes('moved to another region')")
    until(page, f"Math.abs({MAP}.y[0] - {stored(project, 1)[1][1]}) < 1e-6")
    same(places(page), stored(project, 1))
    with project.reading() as connection:
        columns = (MAP_POINT.c.document_id, MAP_POINT.c.run_id, MAP_POINT.c.region)
        rows = pd.DataFrame(connection.execute(sa.select(*columns)).all())
    regions = rows.pivot_table(index="document_id", columns="run_id", values="region", aggfunc="first")
    moved = int((regions[1] != regions[2]).sum())
    assert page.locator(".map-told").inner_text().startswith(f"{moved} of {N} documents moved")
    assert "run=1" in page.evaluate("location.search")


@pytest.mark.slow
def test_every_colour_can_be_chosen_light_and_dark(visit, until):
    page = visit("?colour=given")
    legend = page.locator(".map-legend-place")
    assert HOSTILE in legend.inner_text()
    until(page, "document.querySelectorAll('#map-colour option').length > 8")
    options = page.evaluate("[...document.querySelectorAll('#map-colour option')].map(each => each.value)")
    assert {"region", "suggested", "reviewer", f"column.{HOSTILE}", "map.confidence"} <= set(options)
    for option in options:
        page.locator("#map-colour").select_option(option)
        until(page, f"new URLSearchParams(location.search).get('colour') === {option!r}")
    page.locator("#map-colour").select_option(f"column.{HOSTILE}")
    until(page, "document.querySelector('.map-legend-place').textContent.includes('<i>3</i>')")
    page.get_by_label("Light or dark").click()
    until(page, f"{MAP}.colours.dark")
    assert page.evaluate("window.broken") is None


@pytest.mark.slow
def test_a_filter_leaves_the_others_grey(visit, ids):
    page = visit("?filter=id%3Dq3,q4")
    matching = page.evaluate(f"[...{MAP}.numbers].filter((_, i) => {MAP}.matching[i])")
    assert {ids[number] for number in matching} == {3, 4}
    assert "2 of 60 documents match the filter." in page.locator(".map-told").inner_text()


@pytest.mark.slow
def test_many_points_are_a_sample_over_their_density_until_one_zooms_in(visit, until, monkeypatch, project):
    monkeypatch.setattr("cal.page.map_sample.draw.__kwdefaults__", {"most": 20, "sample": 10})
    monkeypatch.setattr("cal.page.map_views.TOP", 3)
    page = visit()
    assert page.evaluate(f"{MAP}.density.counts.reduce((sum, n) => sum + n)") == N
    assert "60 documents in view; the dots are a sample" in page.locator(".map-told").inner_text()
    page.evaluate(f"""{MAP}.dispatchEvent(new CustomEvent("select", {{detail:
        {{polygon: [[-1, -1], [2, -1], [2, 2], [-1, 2]], indices: []}}}}))""")
    until(page, f"document.querySelector('.selection-told').textContent === '{N} documents selected'")
    page.locator(".selection-bar").get_by_text("Clear").click()
    page.evaluate(f"{MAP}.setRange({{x: [0.1, 0.3], y: [0.2, 0.4]}})")
    until(page, f"!{MAP}.density")
    expected = {k for k, (x, y) in stored(project, 2).items() if 0.1 <= x <= 0.3 and 0.2 <= y <= 0.4}
    assert set(places(page)) == expected


@pytest.mark.slow
def test_a_narrow_screen_has_the_map_in_a_view_of_its_own(visit, until, ids):
    page = visit("?view=map", ready=f"!!({MAP}?.n && {MAP}.places)", viewport={"width": 390, "height": 844})
    assert page.get_by_role("link", name="Map").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    number = lonely(page)
    page.mouse.click(*at(page, number))
    until(page, f"document.querySelector('.card .text')?.textContent.includes('number {ids[number]},')")
    assert "view=review" in page.evaluate("location.search")


@pytest.mark.slow
def test_a_project_without_a_map_says_how_to_make_one(new_page, sign_in, until, tmp_path):
    with Project.create(tmp_path / "bare.db", labels=LABELS) as project:
        project.import_corpus(corpus(6))
        project.queue(order="random")
        with start(project, port=0) as server:
            page = new_page()
            sign_in(page)
            page.goto(server.address)
            until(page, "!!document.querySelector('.no-map') && !!document.querySelector('.card .text')")
            assert "cal annotate import" in page.locator(".no-map").inner_text()


@pytest.mark.slow
def test_a_map_without_curves_says_why_it_cannot_be_replayed(project, new_page, sign_in, until):
    with project.writing() as connection:
        connection.execute(sa.update(MAP_POINT).values(curves=None))
    with start(project, port=0) as server:
        page = new_page()
        sign_in(page)
        page.goto(server.address)
        until(page, READY)
        told = page.locator(".map-note").inner_text()
        assert not page.locator("#map-epochs").is_visible()
    assert "without curves" in told
