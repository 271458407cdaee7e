"""The page of a data map in a browser: every point, hovering, clicking, selecting, searching, themes, small screens."""

import csv
import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cal.maps.page import N_ARROWS, map_page

NASTY = (
    "</script><script>document.title = 'broken'</script><img src=x onerror=alert(1)><b>How</b> & {{data}} \u2028 why?"
)
MAP = "document.getElementById('map').dataMap"


def table(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f'id{k}"><i>' for k in range(n)],
            "gold": np.where(np.arange(n) % 3, "HUM", "<b>LOC</b>"),
            "predicted": "HUM",
            "confidence": rng.uniform(0, 1, n),
            "variability": rng.uniform(0, 0.5, n),
            "first_learnt": pd.array([None, *range(1, n)], dtype="Int64"),
            "region": rng.choice(["easy-to-learn", "ambiguous"], n),
            "text": [f"{NASTY} number {k}" for k in range(n)],
        }
    )


def load(page, folder, until, points=None, **options):
    points = table() if points is None else points
    curves = np.random.default_rng(1).uniform(size=(len(points), 5))
    html = map_page(points, **{"title": "<i>T</i>", "curves": curves, **options})
    (folder / "map.html").write_text(html, encoding="utf-8")
    page.goto((folder / "map.html").as_uri())
    until(page, f"document.body.dataset.ready === 'yes' && {MAP}.places !== null")
    return page


@pytest.fixture
def show(tmp_path, until):
    """A function that opens the page of some points in a page of the browser."""
    return lambda page, points=None, **options: load(page, tmp_path, until, points, **options)


@pytest.fixture
def shown(browser, shared_page, tmp_path, until):
    """The page of 60 points as it opens: one page for all tests, brought back to its beginning by its own controls."""
    page, faults = shared_page
    if page.url == "about:blank":
        load(page, tmp_path, until)
    yield page
    page.keyboard.press("Escape")
    page.locator("#search").fill("")
    page.locator("[data-title='Lasso Select']").click()
    select_all(page, until)
    page.locator("[data-title='Whole map']").click()
    page.locator("[data-title='Zoom']").click()
    page.locator("#colour").select_option("region")
    page.mouse.move(2, 2)
    until(page, "document.getElementById('count').textContent === '60 points'")
    assert not faults


def place(page, index):
    """Where a point is in the window."""
    spot = page.evaluate(f"{MAP}.placeOf({index})")
    return spot["clientX"], spot["clientY"]


def pixel(page, x, y, canvas="canvas"):
    """Colour of the canvas of the map at a place of the window."""
    script = f"""([x, y]) => {{
        const {{{canvas}: canvas, ratio}} = {MAP}, box = canvas.getBoundingClientRect();
        const [left, top] = [(x - box.left) * ratio, (y - box.top) * ratio];
        return [...canvas.getContext("2d").getImageData(left, top, 1, 1).data] }}"""
    return tuple(page.evaluate(script, [x, y]))


def frame(page):
    """Left, top, right and bottom of the area between the axes, a little inside."""
    box = page.locator(".nsewdrag").bounding_box()
    return box["x"] + 3, box["y"] + 3, box["x"] + box["width"] - 3, box["y"] + box["height"] - 3


def drag(page, corners):
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()


def select_all(page, until):
    """A double click ends a selection; on a busy machine its two clicks may come too far apart to be one."""
    for _ in range(10):
        page.mouse.dblclick(*frame(page)[2:])
        try:
            return until(page, "!document.getElementById('count').textContent.includes('selected')", seconds=2)
        except AssertionError:
            continue
    raise AssertionError("a double click does not end the selection")


def test_every_point_is_drawn_in_the_colour_of_its_name(shown):
    page = shown
    assert page.locator("#count").inner_text() == "60 points"
    shades = dict(zip(("ambiguous", "easy-to-learn"), ((0, 114, 178), (0, 158, 115)), strict=True))
    for k, region in enumerate(table()["region"]):
        for _ in range(50):  # a slow machine draws again after the fonts have come
            near = [pixel(page, *place(page, k))[:3]]
            if tuple(near[0]) != (255, 255, 255):
                break
            page.wait_for_timeout(100)
        distance = {name: np.abs(np.subtract(near[0], shade)).sum() for name, shade in shades.items()}
        assert min(distance, key=distance.get) == region, (k, near)


def test_what_people_wrote_is_never_markup(shown):
    page = shown
    page.mouse.click(*place(page, 7))
    assert page.title() == "<i>T</i>"
    assert page.locator("#point h2").inner_text() == 'id7"><i>'
    assert page.locator("#point .text").text_content() == f"{NASTY} number 7"
    page.locator("#colour").select_option("gold")
    assert "<b>LOC</b>" in page.locator("#legend").inner_text()
    assert page.locator("#point b, #point img, #point i, h1 i, #legend b, .map-tip b, .map-tip img").count() == 0


def test_a_click_keeps_a_point_with_its_columns_and_its_curve(shown):
    page = shown
    page.mouse.click(*place(page, 7))
    points = table()
    rows = page.locator("#point tr").all_inner_texts()
    shown = dict(row.split("\t") for row in rows)
    assert list(shown) == [name for name in points if name not in ("id", "text")]
    assert float(shown["confidence"]) == pytest.approx(points["confidence"][7], abs=5e-4)
    assert page.locator("#point circle").count() == 5
    page.mouse.move(*place(page, 9))
    assert page.locator("#point h2").inner_text() == 'id7"><i>'
    page.keyboard.press("Escape")
    page.mouse.move(*place(page, 11))
    assert page.locator("#point h2").inner_text() == 'id11"><i>'


def test_hovering_shows_text_and_labels(shown):
    page = shown
    assert not page.locator(".map-tip").is_visible()
    page.mouse.move(*place(page, 9))
    assert NASTY[:20] in page.locator(".map-tip").inner_text()
    assert "gold: <b>LOC</b> · predicted: HUM" in page.locator(".map-tip").inner_text()
    page.locator("h1").hover()
    assert not page.locator(".map-tip").is_visible()


@pytest.mark.parametrize("tool", ["Lasso Select", "Box Select"])
def test_a_lasso_and_a_box_select_what_they_enclose(shown, until, tool):
    page = shown
    page.locator(f"[data-title='{tool}']").click()
    left, top, right, bottom = frame(page)
    middle = (left + right) / 2
    corners = [(left, top), (middle, top), (middle, bottom), (left, bottom), (left, top)]
    drag(page, corners if tool == "Lasso Select" else [corners[0], corners[2]])
    points = table()
    expected = [row for row in range(60) if place(page, row)[0] < middle]
    assert 0 < len(expected) < 60
    until(page, f"document.getElementById('count').textContent === '{len(expected)} selected of 60 points'")
    with page.expect_download() as download:
        page.locator("#save").click()
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        saved = list(csv.DictReader(file))
    assert [row["id"] for row in saved] == points["id"][expected].tolist()
    assert [row["text"] for row in saved] == points["text"][expected].tolist()
    select_all(page, until)


def test_search_finds_in_ids_and_texts_and_lists(shown, until):
    page = shown
    page.locator("#search").fill("ID1")
    until(page, "document.getElementById('count').textContent === '11 found of 60 points'")
    assert page.locator("#list li").count() == 11
    lost, found = place(page, 7), place(page, 1)
    until(page, f"{MAP}.matching !== null")
    page.mouse.move(*lost)
    assert not page.locator(".map-tip").is_visible()
    page.mouse.move(*found)
    assert page.locator(".map-tip").is_visible()
    page.locator("#search").fill("number 59")
    until(page, "document.getElementById('count').textContent.startsWith('1 found')")
    page.locator("#list button").click()
    assert page.locator("#point h2").inner_text() == 'id59"><i>'
    page.locator("#search").fill("")
    until(page, "document.getElementById('count').textContent === '60 points'")


def test_a_zoom_shows_less_and_a_button_the_whole_map(shown, until):
    page = shown
    whole = page.evaluate(f"{MAP}.axes.view()")
    left, top, right, bottom = frame(page)
    drag(page, [(left + 50, top + 50), ((left + right) / 2, (top + bottom) / 2)])
    until(page, f"{MAP}.axes.view().x1 < {whole['x1']}")
    seen = [row for row in range(60) if page.evaluate(f"{MAP}.placeOf({row})")]
    assert 0 < len(seen) < 60
    until(page, f"Math.abs({MAP}.canvas.getBoundingClientRect().left - {left}) < 10")
    page.mouse.move(*place(page, seen[0]))
    assert f"number {seen[0]}" in page.locator("#point .text").text_content()
    page.locator("[data-title='Whole map']").click()
    until(page, f"{MAP}.axes.view().x1 === {whole['x1']}")


def test_every_column_colours(shown):
    page = shown
    for name in ("gold", "predicted", "confidence", "variability", "first_learnt", "region"):
        page.locator("#colour").select_option(name)
        number = name in ("confidence", "variability", "first_learnt")
        assert page.locator("#legend .legend-bar").count() == number, name
        assert (page.locator("#legend button").count() > 0) != number, name
    page.locator("#colour").select_option("first_learnt")
    assert "no value: 1" in page.locator("#legend").inner_text()


def test_a_name_of_the_legend_hides_and_shows_its_points(shown, until):
    page = shown
    row = int((table()["region"] == "easy-to-learn").idxmax())
    page.locator("#legend button", has_text="easy-to-learn").click()
    assert page.locator("#legend button[aria-pressed=false]").count() == 1
    page.mouse.move(*place(page, row))
    assert not page.locator(".map-tip").is_visible()
    page.locator("#legend button", has_text="easy-to-learn").click()
    page.mouse.move(*place(page, row))
    assert page.locator(".map-tip").is_visible()


@pytest.mark.slow
def test_arrows_lead_from_where_a_point_was(page, show, until):
    points = table().assign(was_x=0.25, was_y=0.5)
    show(page, points, start=("was_x", "was_y"))
    inked = f"""() => {{ const {{overlay}} = {MAP}; return overlay.getContext("2d").getImageData(0, 0, overlay.width,
        overlay.height).data.reduce((sum, value, k) => sum + (k % 4 === 3 && value > 0), 0) }}"""
    all_arrows = page.evaluate(inked)
    left, top, right, bottom = frame(page)
    x0, x1, y0, y1 = page.evaluate(f"(view => [view.x0, view.x1, view.y0, view.y1])({MAP}.axes.view())")
    middle = (left + (0.25 - x0) / (x1 - x0) * (right - left), top + (y1 - 0.5) / (y1 - y0) * (bottom - top))
    for row in (0, N_ARROWS - 1):
        x, y = ((a + b) / 2 for a, b in zip(place(page, row), middle, strict=True))
        assert pixel(page, x, y, "overlay")[3] > 0, row
    page.locator("#search").fill("number 59")
    until(page, "document.getElementById('count').textContent.startsWith('1 found')")
    assert 0 < page.evaluate(inked) < all_arrows / 5


def test_a_picture_has_points_axes_and_a_key(shown):
    page = shown
    with page.expect_download() as download:
        page.locator("[data-title='Save a picture']").click()
    picture = (255 * plt.imread(download.value.path())).round()[..., :3]
    box, left = page.locator("#map").bounding_box(), page.evaluate(f"{MAP}.axes.box().left")
    x, y = (int(2 * value) for value in np.subtract(place(page, 7), (box["x"], box["y"])))
    shades = {"ambiguous": (0, 114, 178), "easy-to-learn": (0, 158, 115)}
    assert np.abs(picture[y, x] - shades[table()["region"][7]]).sum() < 120
    key = picture[int(2 * box["height"]) :].reshape(-1, 3)
    for name, shade in shades.items():
        assert (np.abs(key - shade).sum(axis=1) == 0).sum() > 100, name
    assert (picture[: int(2 * box["height"]), : int(2 * left)] < 200).sum() > 100  # numbers beside the axis


def test_arrow_keys_move_from_point_to_point(shown):
    page = shown
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#point h2").inner_text() == 'id0"><i>'
    page.keyboard.press("ArrowRight")
    second = page.evaluate(f"{MAP}.highlighted")
    assert table()["variability"][second] > table()["variability"][0]
    page.keyboard.press("Enter")
    page.mouse.move(*place(page, 9))
    assert page.locator("#point h2").inner_text() == f'id{second}"><i>'


@pytest.mark.slow
def test_a_dark_system_has_a_dark_page_and_a_button_changes_it(new_page, show, until):
    page = show(new_page(color_scheme="dark"))
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(20, 24, 29)"
    left, top, *_ = frame(page)
    assert pixel(page, left + 1, top + 1) == (20, 24, 29, 255)
    page.get_by_role("button", name="Light page").click()
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    until(page, f"{MAP}.colours.dark === false")
    until(page, f"{MAP}.image.data[0] === 255")


@pytest.mark.slow
def test_a_phone_scrolls_down_only_and_a_tap_keeps_a_point(new_page, show):
    page = show(new_page(viewport={"width": 390, "height": 844}, device_scale_factor=3, has_touch=True, is_mobile=True))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("#map").bounding_box()["height"] > 400
    assert page.evaluate(f"{MAP}.canvas.width / {MAP}.canvas.getBoundingClientRect().width") == pytest.approx(
        3, rel=0.01
    )
    page.touchscreen.tap(*place(page, 7))
    assert page.locator("#point h2").inner_text() == 'id7"><i>'


def test_a_page_can_send_nothing(shown, shared_page):
    page, faults = shared_page
    answer = "fetch('https://example.org').then(() => 'sent', () => 'refused')"
    assert page.evaluate(answer) == "refused"
    page.wait_for_timeout(100)
    assert any("securitypolicyviolation: connect-src" in fault for fault in faults)
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    assert page.evaluate("window.ran === undefined")
    faults.clear()


def test_nothing_stands_in_the_way_of_assistive_technology(shown):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed.")
    page = shown
    page.mouse.click(*place(page, 7))
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


@pytest.mark.slow
def test_a_lasso_around_many_of_many_points(page, show, until, capsys):
    show(page)
    n = 200_000
    page.evaluate(
        f"""n => {{ const random = () => Float32Array.from({{length: n}}, () => Math.random());
        {MAP}.setPoints({{x: random().map(v => v / 2), y: random()}});
        {MAP}.addEventListener("select", event => {{ window.chosen = event.detail.indices.length }}) }}""",
        n,
    )
    page.locator("[data-title='Lasso Select']").click()
    left, top, right, bottom = frame(page)
    width = right - left
    edge = [(left + width * part, top + 5) for part in (0.1, 0.3)]
    page.mouse.move(*edge[0])
    page.mouse.down()
    for corner in (edge[1], (edge[1][0], bottom - 5), (edge[0][0], bottom - 5), edge[0]):
        page.mouse.move(*corner, steps=4)
    time = page.evaluate("performance.now()")
    page.mouse.up()
    until(page, "window.chosen")
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    time = page.evaluate("performance.now()") - time
    with capsys.disabled():
        sys.stdout.write(f"\nlasso around {page.evaluate('window.chosen'):,} of {n:,} points: {time:.0f} ms\n")
    assert 0.15 * n < page.evaluate("window.chosen") < 0.25 * n
    assert json.loads(page.evaluate(f"JSON.stringify({MAP}.selected.reduce((a, b) => a + b))")) == page.evaluate(
        "window.chosen"
    )
