"""The interactive page: what it carries, and what a browser makes of it."""

import base64
import json
import os
import re
import shutil
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.maps import page as module
from cal.maps.page import map_page, page_of

NASTY = "</script><script>document.title = 'broken'</script><b>How</b> & {{data}} \u2028 why?"


def table(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f"id{k}" for k in range(n)],
            "gold": np.where(np.arange(n) % 3, "HUM", "<b>LOC</b>"),
            "predicted": "HUM",
            "confidence": rng.uniform(0, 1, n),
            "variability": rng.uniform(0, 0.5, n),
            "first_learnt": pd.array([None, *range(1, n)], dtype="Int64"),
            "region": rng.choice(["easy-to-learn", "ambiguous"], n),
            "text": [f"{NASTY} number {k}" for k in range(n)],
        }
    )


def payload(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def decoded(values, dtype):
    return np.frombuffer(base64.b64decode(values), dtype)


def test_the_page_carries_every_column():
    points = table()
    data = payload(map_page(points, title="T"))
    assert data["ids"] == points["id"].tolist()
    assert data["texts"] == points["text"].tolist()
    assert list(data["columns"]) == [name for name in points if name not in ("id", "text")]
    confidence = decoded(data["columns"]["confidence"]["values"], np.float32)
    np.testing.assert_array_equal(confidence, points["confidence"].astype(np.float32))
    first_learnt = decoded(data["columns"]["first_learnt"]["values"], np.float32)
    np.testing.assert_array_equal(first_learnt, [np.nan, *range(1, 60)])
    gold = data["columns"]["gold"]
    assert [gold["names"][k] for k in decoded(gold["values"], np.uint16)] == points["gold"].tolist()


def test_names_keep_their_colours_from_page_to_page_whatever_their_counts():
    def names(labels):
        points = pd.DataFrame({"id": range(len(labels)), "confidence": 0.5, "variability": 0.1, "region": labels})
        return payload(map_page(points, title="T"))["columns"]["region"]["names"]

    assert names(["b", "a", "b"]) == names(["a", "b", "a"]) == ["a", "b"]


def test_of_more_names_than_colours_the_most_frequent_come_first():
    labels = [f"label {k}" for k in range(20) for _ in range(20 - (k + 7) % 20)]
    points = pd.DataFrame({"id": range(len(labels)), "confidence": 0.5, "variability": 0.1, "region": labels})
    names = payload(map_page(points, title="T"))["columns"]["region"]["names"]
    assert names == sorted(names, key=lambda name: -labels.count(name))
    assert names[0] == "label 13"


def test_curves_are_kept_to_one_of_254_steps():
    curves = np.random.default_rng(0).uniform(size=(60, 7))
    curves[3, 2] = np.nan
    levels = decoded(payload(map_page(table(), title="T", curves=curves))["curves"]["values"], np.uint8)
    levels = levels.reshape(60, 7)
    assert levels[3, 2] == 255
    seen = ~np.isnan(curves)
    assert np.abs(levels[seen] / 254 - curves[seen]).max() <= 0.5 / 254 + 1e-12


def test_long_texts_are_shortened():
    points = table(2).assign(text=["x" * 10_000, "y"])
    texts = payload(map_page(points, title="T"))["texts"]
    assert texts == ["x" * module.TEXT_LENGTH + "…", "y"]


def test_many_points_become_their_density_and_a_sample_that_says_so(monkeypatch):
    monkeypatch.setattr(module, "MOST_POINTS", 500)
    monkeypatch.setattr(module, "SAMPLE", 200)
    points = table(600)
    curves = points["confidence"].to_numpy()[:, None]
    page = map_page(points, title="T", note="N.", curves=curves)
    data = payload(page)
    assert "N. Shown: the density of all 600 instances, and a sample of 200" in page
    assert (data["n"], len(data["ids"])) == (600, 200)
    counts = [np.exp(cell) - 1 for row in data["density"]["z"] for cell in row if cell is not None]
    assert sum(counts) == pytest.approx(600)
    np.testing.assert_allclose(  # a row of the sample keeps its curve
        decoded(data["curves"]["values"], np.uint8) / 254,
        decoded(data["columns"]["confidence"]["values"], np.float32),
        atol=0.003,
    )


def test_a_sample_keeps_the_first_rows_which_have_arrows(monkeypatch):
    monkeypatch.setattr(module, "MOST_POINTS", 500)
    monkeypatch.setattr(module, "SAMPLE", 100)
    data = payload(map_page(table(600), title="T", start=("variability", "confidence")))
    assert data["ids"][: module.N_ARROWS] == [f"id{k}" for k in range(module.N_ARROWS)]
    assert len(set(data["ids"])) == 100


def test_the_page_needs_no_network():
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)\s*=", map_page(table(), title="T"))


class Browser:
    """Chromium without a window, spoken to through a pipe."""

    def __init__(self, profile):
        command = [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            *(f"--user-data-dir={profile}", "--window-size=1300,800", "--remote-debugging-pipe", "about:blank"),
        ]
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        shell = f'exec "$@" 3<&{their_in} 4>&{their_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=(their_in, their_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(their_in)
        os.close(their_out)
        self._in, self._out = os.fdopen(our_in, "rb"), os.fdopen(our_out, "wb", buffering=0)
        self._n, self._session, self._left, self.faults = 0, {}, b"", []
        target = next(t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        self.send("Runtime.enable")
        self.send("Network.enable")

    def send(self, method, **parameters):
        self._n += 1
        message = {"id": self._n, "method": method, "params": parameters, **self._session}
        self._out.write(json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._n:
            kind, about = answer.get("method"), answer.get("params", {})
            if (
                kind == "Runtime.exceptionThrown"
                or (kind == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"))
                or (kind == "Network.requestWillBeSent" and about["request"]["url"].startswith("http"))
            ):
                self.faults.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self):
        while b"\0" not in self._left:
            self._left += self._in.read1(1 << 16) or pytest.fail("Chromium ended.")
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)

    def value(self, expression):
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression, seconds=60):
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"not so after {seconds} s: {expression}; {self.faults}"
            time.sleep(0.05)

    def mouse(self, kind, x, y, pressed=False):
        button = {"button": "left", "buttons": 1} if pressed else {"button": "none"}
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, clickCount=1, **button)

    def close(self):
        self._session = {}
        self.send("Browser.close")
        self._in.close()
        self._out.close()
        self.process.wait(30)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if shutil.which("chromium") is None:
        pytest.skip("There is no chromium on the path.")
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def page(browser, tmp_path):
    """A page of 60 points, opened from its file."""
    curves = np.random.default_rng(1).uniform(size=(60, 5))
    (tmp_path / "map.html").write_text(map_page(table(), title="<i>T</i>", curves=curves), encoding="utf-8")
    browser.faults.clear()
    browser.send("Page.navigate", url=(tmp_path / "map.html").as_uri())
    browser.wait_for("document.body?.dataset.ready === 'yes'")
    yield browser
    assert not browser.faults


def count(page):
    return page.value("document.getElementById('count').textContent")


def search(page, text):
    box = "document.getElementById('search')"
    page.value(f"{box}.value = {json.dumps(text)}; {box}.dispatchEvent(new Event('input'))")


def test_every_point_is_drawn(page):
    assert count(page) == "60 points"
    assert page.value("document.getElementById('plot').data.reduce((sum, trace) => sum + trace.x.length, 0)") == 60


def test_texts_are_no_markup(page):
    page.value("pin(7); 0")
    assert page.value("document.title") == "<i>T</i>"
    assert page.value("document.querySelector('#point p').textContent") == f"{NASTY} number 7"
    assert page.value("document.querySelectorAll('#point b, #point script, h1 i').length") == 0


def test_a_kept_point_shows_its_columns_and_its_curve(page):
    page.value("pin(7); 0")
    points = table()
    cells = page.value("[...document.querySelectorAll('#point tr')].map(row => row.innerText.split('\\t'))")
    shown = {name.strip(): value.strip() for name, value in cells}
    assert shown["gold"] == points["gold"][7]
    assert float(shown["confidence"]) == pytest.approx(points["confidence"][7], abs=5e-4)
    assert page.value("document.querySelectorAll('#point circle').length") == 5


def test_arrows_lead_from_where_an_instance_was(page, tmp_path):
    points = table().assign(was_x=0.1, was_y=0.2)
    html = map_page(points, title="T", start=("was_x", "was_y"))
    (tmp_path / "diff.html").write_text(html, encoding="utf-8")
    page.send("Page.navigate", url=(tmp_path / "diff.html").as_uri())
    page.wait_for("document.title === 'T' && document.body?.dataset.ready === 'yes'")
    last = page.value(
        "(t => [t.x.slice(0, 2), t.y.slice(0, 2), t.x.length])(document.getElementById('plot').data.at(-1))"
    )
    expected_x, expected_y = ([was, points[name][0]] for was, name in ((0.1, "variability"), (0.2, "confidence")))
    assert last[0] == pytest.approx(expected_x, abs=1e-6)
    assert last[1] == pytest.approx(expected_y, abs=1e-6)
    assert last[2] == 3 * module.N_ARROWS
    page.value("pin(50).then(() => 0)")
    assert page.value("document.getElementById('plot').data.at(-1).x.length") == 3


def test_search_finds_in_ids_and_texts_and_lists(page):
    search(page, "ID1")
    page.wait_for("document.getElementById('count').textContent.startsWith('11 found')")
    assert page.value("document.querySelectorAll('#list li').length") == 11
    search(page, "number 59")
    page.wait_for("document.getElementById('count').textContent.startsWith('1 found')")
    assert page.value("csv().split('\\n')[1].startsWith('id59,')")
    search(page, "")
    page.wait_for("document.getElementById('count').textContent === '60 points'")


def test_no_legend_lies_over_the_scale_of_a_number(page):
    search(page, "ID1")
    page.wait_for("document.getElementById('count').textContent.startsWith('11 found')")
    for name, has_legend in (("region", True), ("confidence", False)):
        page.value(f"state.colour = '{name}'; draw().then(() => 0)")
        assert page.value("!!document.querySelector('#plot .legend')") == has_legend, name
        assert page.value("!!document.querySelector('#plot .colorbar')") != has_legend, name


def test_every_column_colours(page):
    for name in payload(map_page(table(), title="T"))["columns"]:
        page.value(f"state.colour = '{name}'; draw().then(() => 0)")
        drawn = "document.getElementById('plot').data.reduce((sum, trace) => sum + trace.x.length, 0)"
        assert page.value(drawn) == 60, name


def test_hovering_shows_text_and_labels(page):
    box = "document.querySelector('.nsewdrag').getBoundingClientRect()"
    axes = "document.getElementById('plot')._fullLayout"
    place = page.value(f"[{axes}.xaxis.l2p(x[9]) + {box}.left, {axes}.yaxis.l2p(y[9]) + {box}.top]")
    page.mouse("mouseMoved", place[0] - 40, place[1] - 40)
    page.mouse("mouseMoved", *place)
    page.wait_for("!document.getElementById('tip').hidden", 10)
    tip = page.value("document.getElementById('tip').innerText")
    assert "</script>" in tip
    assert "predicted: HUM" in tip


def test_a_lasso_selects_what_it_encloses(page):
    page.value("Plotly.relayout('plot', {dragmode: 'lasso'}).then(() => 0)")
    box = page.value(
        "(r => [r.left, r.top, r.right, r.bottom])(document.querySelector('.nsewdrag').getBoundingClientRect())"
    )
    left, top, right, bottom = box[0] + 3, box[1] + 3, box[2] - 3, box[3] - 3
    middle = (left + right) / 2
    corners = [(left, top), (middle, top), (middle, bottom), (left, bottom), (left, top)]
    page.mouse("mousePressed", *corners[0], pressed=True)
    for x, y in corners[1:]:
        page.mouse("mouseMoved", x, y, pressed=True)
    page.mouse("mouseReleased", *corners[-1], pressed=True)
    page.wait_for("document.getElementById('count').textContent.includes('selected')", 20)
    expected = page.value(
        "(a => Array.from({length: n}, (_, k) => k).filter(k => a.l2p(x[k]) < a._length / 2).map(k => data.ids[k]))"
        "(document.getElementById('plot')._fullLayout.xaxis)"
    )
    assert sorted(page.value("listed().map(row => data.ids[row])")) == sorted(expected)
    assert 0 < len(expected) < 60
    assert not page.value("document.getElementById('copy').disabled")


def test_a_narrow_page_has_a_key_instead_of_a_legend():
    points = pd.DataFrame({"id": ["a"], "variability": [0.1], "confidence": [0.9], "region": ["easy"]})
    page = map_page(points, title="One")
    assert '<ul id="key"' in page
    assert "showlegend: named && !narrow.matches" in page


def test_a_page_of_one_epoch_warns_that_nothing_varies():
    dynamics = TrainingDynamics.from_logits(torch.zeros(1, 2, 2), torch.tensor([0, 1]))
    assert "with one epoch, variability is 0" in page_of(DataMap.of(dynamics, ["a", "b"]))
