"""The map as a module of JavaScript, under the policy of the labelling page: no inline styles, no code from strings."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from matplotlib.path import Path as Polygon

from cal.maps.bundle import bundle
from cal.maps.one_file import STATIC
from cal.maps.plotly_script import plotly_script

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html; charset=utf-8"}
FILES = {
    "index.html": """<!doctype html><html lang="en"><head><title>Map</title><link rel="icon" href="/icon.css">
<link rel="stylesheet" href="/theme.css"><link rel="stylesheet" href="/map.css"><link rel="stylesheet" href="/own.css">
<link rel="stylesheet" href="/plotly.css" id="plotly.js-style-global" class="no-inline-styles"></head>
<body><div id="map"></div><div id="beside"></div><script type="module" src="/own.js"></script></body></html>""",
    "own.css": "#map { width: 800px; height: 600px; }",
    "icon.css": "",
    "own.js": """import {classCurves, singleCurve} from "./curve.js"; import {el} from "./dom.js";
import {nameColours, shown} from "./colours.js"; import {loadPlotly} from "./load_plotly.js";
import {DataMap} from "./map.js";
await loadPlotly("/plotly.js");
const map = new DataMap(document.getElementById("map"), {ranges: {x: [0, 1], y: [0, 1]}});
await map.ready;
document.getElementById("beside").append(map.legend());
const events = [];
for (const name of ["hover", "leave", "click", "select", "deselect", "view"]) {
  map.addEventListener(name, ({detail}) => events.push({name, ...detail,
    ...detail.indices ? {indices: [...detail.indices]} : {}}));
}
Object.assign(window, {map, events, el, classCurves, singleCurve, nameColours, shown});""",
    "plotly.js": plotly_script(),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.strip("/") or "index.html"
        text = FILES.get(name)
        if text is None:
            text = (STATIC / name).read_text(encoding="utf-8")
        self.send_response(200)
        self.send_header("Content-Type", TYPES[name.rsplit(".", 1)[1]])
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser, shared_page, address, until):
    """A map of four points, which each test sets anew."""
    page, faults = shared_page
    if page.url == "about:blank":
        page.goto(address)
        until(page, "'events' in window")
    page.mouse.move(1, 1)
    page.evaluate(
        """async () => { map.setPoints({x: new Float32Array(0), y: new Float32Array(0)}); map.setDensity(null);
        map.setPoints({x: Float32Array.of(0.2, 0.8, 0.2, 0.8), y: Float32Array.of(0.2, 0.2, 0.8, 0.8),
          numbers: Int32Array.of(10, 11, 12, 13)});
        await map.setRange({x: [0, 1], y: [0, 1]}, {x: "variability", y: "confidence"}); }"""
    )
    drawn(page)
    page.evaluate("events.length = 0")
    yield page
    assert not faults


def drawn(page):
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def colour(page, x, y):
    """Colour of the map at a place given in data coordinates."""
    return page.evaluate(
        """([x, y]) => { const {x0, x1, y0, y1} = map.axes.view(), {width, height} = map.canvas;
        return [...map.canvas.getContext("2d").getImageData(Math.floor((x - x0) / (x1 - x0) * width),
          Math.floor((y1 - y) / (y1 - y0) * height), 1, 1).data].slice(0, 3); }""",
        [x, y],
    )


def test_a_journey_ends_where_it_should_and_passes_the_middle(page):
    page.evaluate(
        """() => { window.way = []; const x = Float32Array.of(0.8, 0.2, 0.8, 0.2);
        window.done = map.moveTo({x, y: map.y}, {milliseconds: 300});
        const look = () => { way.push(map.x[0]); if (map.x !== x) requestAnimationFrame(look); }; look(); }"""
    )
    page.evaluate("done")
    way = page.evaluate("way")
    assert way == sorted(way)
    assert any(0.3 < x < 0.7 for x in way)
    assert page.evaluate("[...map.x]") == pytest.approx([0.8, 0.2, 0.8, 0.2])
    assert colour(page, 0.5, 0.5) == [255, 255, 255]
    assert colour(page, 0.8, 0.2) != [255, 255, 255]


def test_readers_who_want_less_movement_see_none(page):
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("map.moveTo({x: Float32Array.of(0.5, 0.5, 0.5, 0.5), y: map.y}, {milliseconds: 60000})")
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate("[...map.x]") == [0.5] * 4


def test_a_hover_and_a_click_tell_which_document(page):
    spot = page.evaluate("map.placeOf(2)")
    page.mouse.move(spot["clientX"] + 3, spot["clientY"] + 2)
    page.mouse.down()
    page.mouse.up()
    events = page.evaluate("events")
    assert [(event["name"], event.get("number")) for event in events] == [("hover", 12), ("leave", None), ("click", 12)]


def test_a_selection_is_told_in_data_coordinates(page, until):
    page.locator("[data-title='Box Select']").click()
    box = page.locator(".nsewdrag").bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 4, steps=4)
    page.mouse.up()
    until(page, "events.some(event => event.name === 'select')")
    (event,) = [event for event in page.evaluate("events") if event["name"] == "select"]
    assert event["indices"] == [0, 2]
    assert event["kind"] == "box"
    assert np.ptp(event["polygon"], axis=0) == pytest.approx([0.5, 1], abs=0.02)
    page.evaluate("map.select(null)")


def test_points_that_do_not_match_are_grey_and_cannot_be_selected(page):
    page.evaluate("map.setMatching(Uint8Array.of(1, 0, 1, 1))")
    drawn(page)
    grey = colour(page, 0.8, 0.2)
    assert max(grey) - min(grey) < 20
    plain = colour(page, 0.2, 0.2)
    assert max(plain) - min(plain) > 60
    assert page.evaluate("(({clientX, clientY}) => map.indexAt(clientX, clientY))(map.placeOf(1))") is None


def test_reviewed_points_differ_in_shape(page):
    page.evaluate("map.setMarks(Uint8Array.of(0, 1, 2, 1))")
    drawn(page)
    blank = [255, 255, 255]
    assert colour(page, 0.2, 0.2) != blank  # a disc
    assert colour(page, 0.8, 0.2) == blank  # the middle of a ring
    assert colour(page, 0.2, 0.8) != blank  # the middle of a cross


def test_density_is_darker_where_more_points_are(page):
    page.evaluate("map.setDensity({counts: [1, 1000, 0, 30], bins_x: 2, bins_y: 2, range: [[0, 1], [0, 1]]})")
    drawn(page)
    one, most, none, some = (sum(colour(page, *spot)) for spot in ((0.3, 0.3), (0.7, 0.3), (0.3, 0.7), (0.7, 0.7)))
    assert most < some < one < none == 3 * 255


def test_a_title_is_never_markup(page):
    page.evaluate("map.setRange({x: [0, 1], y: [0, 1]}, {x: '<b>x</b> & <a href=\"javascript:1\">y</a>', y: 'z'})")
    assert page.locator(".xtitle").text_content() == '<b>x</b> & <a href="javascript:1">y</a>'
    assert page.locator(".xtitle a").count() == 0


def test_wrong_lengths_are_refused(page):
    for call in (
        "map.setPoints({x: new Float32Array(2), y: new Float32Array(3)})",
        "map.setColour({kind: 'numbers', values: new Float32Array(3)})",
        "map.setColour({kind: 'names', names: ['a'], codes: new Uint16Array(5)})",
        "map.setColour({kind: 'sizes', values: new Float32Array(4)})",
        "map.moveTo({x: new Float32Array(2), y: new Float32Array(2)})",
    ):
        assert page.evaluate(
            f"(() => {{ try {{ {call}; return false }} catch (error) {{ return error.message }} }})()"
        ), call


def test_of_many_names_the_last_are_others(page):
    page.evaluate(
        "map.setColour({kind: 'names', names: [...'abcdefghijklmnop'], codes: Uint16Array.of(0, 11, 13, 15)})"
    )
    entries = page.locator(".legend-name").all_inner_texts()
    assert [" ".join(entry.split()) for entry in entries] == ["a 1", "l 1", "others 2"]


def test_a_name_that_was_hidden_stays_so_when_the_colours_of_points_change(page):
    colour = "map.setColour({kind: 'names', names: ['a', 'b'], codes: Uint16Array.of(0, 1, 0, %d)})"
    page.evaluate(colour % 1)
    page.locator(".legend-name", has_text="b").click()
    drawn(page)
    assert are_drawn(page) == [True, False, True, False]
    page.evaluate(colour % 0)
    drawn(page)
    assert are_drawn(page) == [True, False, True, True]
    page.evaluate("map.setColour({kind: 'names', names: ['a', 'c'], codes: Uint16Array.of(0, 1, 0, 1)})")
    drawn(page)
    assert are_drawn(page) == [True] * 4


def are_drawn(page):
    """Whether each of the four points is drawn."""
    return [colour(page, x, y) != [255, 255, 255] for y in (0.2, 0.8) for x in (0.2, 0.8)]


def test_regions_keep_their_colours_whatever_their_order(page):
    there = page.evaluate("nameColours(['hard-to-learn', 'easy-to-learn'])")
    assert there == page.evaluate("nameColours(['easy-to-learn', 'hard-to-learn'])")[::-1]
    assert page.evaluate("nameColours(['hard-to-learn', 'LOC'])") == page.evaluate("nameColours(['HUM', 'LOC'])")


def test_a_colour_that_hardly_shows_is_changed_until_it_does(page):
    assert page.evaluate("shown('#4477aa', false)") == "#4477aa"
    assert page.evaluate("shown('#ddcc77', false)") != "#ddcc77"
    assert page.evaluate("shown('#332288', true)") != "#332288"


def test_curves_name_the_given_label_and_the_suggestion(page):
    text = page.evaluate(
        """() => { const chart = classCurves({values: [[0.5, NaN, 0.1], [0.3, 0.4, 0.8], [0.2, 0.2, 0.1]],
          names: ["<b>HUM</b>", "LOC", "NUM"], given: 0, suggested: 1});
        document.getElementById("beside").append(chart);
        const about = [chart.getAttribute("aria-label"), chart.querySelectorAll("circle").length,
          [...chart.querySelectorAll(".curve-name")].map(node => node.firstChild.textContent)];
        chart.remove(); return about; }"""
    )
    label, dots, names = text
    assert label.endswith("<b>HUM</b> (given) ends at 0.1, LOC (suggested) ends at 0.8")
    assert dots == 2 + 3
    assert sorted(names) == ["<b>HUM</b>", "LOC"]
    assert page.evaluate("singleCurve([NaN, NaN]).querySelectorAll('polyline').length") == 0


def test_elements_hold_text_and_refuse_what_would_run(page):
    made = page.evaluate("el('p', {class: 'a', 'data-x': '\"', title: '<b>'}, '<b>', 3, null, [el('i')]).outerHTML")
    assert made == '<p class="a" data-x="&quot;" title="&lt;b&gt;">&lt;b&gt;3<i></i></p>'
    for properties in (
        "{onclick: 'alert(1)'}",
        "{style: 'color: red'}",
        "{innerHTML: '<b>'}",
        "{href: 'javascript:alert(1)'}",
        "{href: ' java\\nscript:alert(1)'}",
        "{srcdoc: '<b>'}",
    ):
        assert page.evaluate(f"(() => {{ try {{ el('a', {properties}); return 0 }} catch {{ return 1 }} }})()"), (
            properties
        )


def in_points(page, expression, given):
    """The value of an expression in the module points.js."""
    return page.evaluate(
        f"given => {{ {bundle('points.js', lambda n: (STATIC / n).read_text())}; return {expression} }}", given
    )


@pytest.mark.parametrize("n_corners", [3, 7, 200])
def test_points_inside_a_polygon_are_those_that_matplotlib_finds(page, n_corners):
    rng = np.random.default_rng(n_corners)
    points = rng.uniform(-1, 1, (3000, 2)).astype(np.float32)
    corners = rng.uniform(-0.9, 0.9, (n_corners, 2)) if n_corners < 10 else None
    if corners is None:  # a star
        angle, radius = np.linspace(0, 2 * np.pi, n_corners, endpoint=False), rng.uniform(0.2, 0.9, n_corners)
        corners = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    found = in_points(
        page,
        "[...pointsInside(Float32Array.from(given.x), Float32Array.from(given.y), given.corners)]",
        {"x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "corners": corners.tolist()},
    )
    crossings = sum(_crosses(points, a, b) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True))
    assert found == np.flatnonzero(crossings % 2).tolist()
    if n_corners != 7:  # Matplotlib fills where a polygon that crosses itself winds around a point
        assert found == np.flatnonzero(Polygon(corners).contains_points(points)).tolist()


def _crosses(points, a, b):
    x, y = points[:, 0].astype(float), points[:, 1].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((a[1] > y) != (b[1] > y)) & (x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0])


def test_the_nearest_point_is_that_of_all(page):
    rng = np.random.default_rng(0)
    points, asked = rng.uniform(0, 300, (2000, 2)).astype(np.float32), rng.uniform(-5, 305, (200, 2))
    found = in_points(
        page,
        """(() => { const places = {px: Float32Array.from(given.x), py: Float32Array.from(given.y)};
        const index = gridIndex(places, 300, 300, i => i % 3 !== 0);
        return given.asked.map(([x, y]) => nearest(index, x, y, 9)); })()""",
        {"x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "asked": asked.tolist()},
    )
    distance = np.linalg.norm(points[None].astype(float) - asked[:, None], axis=-1)
    distance[:, ::3] = np.inf
    expected = [int(row.argmin()) if row.min() <= 9 else None for row in distance]
    assert found == expected
    assert None in expected


def test_points_at_the_edge_of_a_picture_do_not_appear_at_the_other_edge(page):
    painted = in_points(
        page,
        """(() => { const image = new ImageData(40, 30); fill(image, [255, 255, 255]);
        paint(image, {px: Float32Array.of(0.5, 39.5, -2, 20), py: Float32Array.of(15, 3, 8, 29.9)},
          {status: new Uint8Array(4), only: 0, codes: null, table: [0, 0, 0], marks: null, radius: 4, alpha: 1});
        return [...image.data].filter((_, k) => k % 4 === 0); })()""",
        None,
    )
    dark = np.argwhere(np.reshape(painted, (30, 40)) < 250)
    centres = np.array([[15, 0.5], [3, 39.5], [8, -2], [29.9, 20]])
    assert len(dark) > 60
    assert np.linalg.norm(dark[:, None] + 0.5 - centres[None], axis=-1).min(axis=1).max() < 5.5
