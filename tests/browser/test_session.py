"""A real session on TREC with injected errors: two reviewers, every way to decide, and a server that is killed."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from cal.annotation import Project
from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics

pytestmark = pytest.mark.slow
TREC = Path(__file__).parents[2] / "../shared/data/trec/train.csv"
MAP = "document.querySelector('.map-canvas')?.dataMap"
SENT = "!Object.keys(localStorage).some(key => key.startsWith('cal:outbox:'))"


def corpus():
    """The questions of TREC, 5 % of them with a wrong label; the right one is in the column `true`."""
    frame = pd.read_csv(TREC)
    frame["true"] = frame["label"]
    labels, chance = sorted(frame["label"].unique()), random.Random(0)
    for row in chance.sample(range(len(frame)), len(frame) // 20):
        others = [each for each in labels if each != frame.loc[row, "true"]]
        frame.loc[row, "label"] = chance.choice(others)
    return frame.assign(split="train"), labels


def trained(frame, labels):
    """A map of eight epochs of a linear model, and a ranking by models that did not see the question."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.model_selection import cross_val_predict

    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=2).fit_transform(frame["text"])
    gold = torch.tensor([labels.index(each) for each in frame["label"]])
    model, logits = SGDClassifier(loss="log_loss", random_state=0), []
    for _ in range(8):
        model.partial_fit(vectors, gold.numpy(), classes=range(len(labels)))
        logits.append(torch.tensor(model.predict_proba(vectors)).clamp(min=1e-6).log())
    dynamics = TrainingDynamics.from_logits(torch.stack(logits), gold)
    a_map = DataMap.of(dynamics, frame["id"].tolist(), name="linear", label_names=labels)
    p = cross_val_predict(LogisticRegression(C=10, max_iter=300), vectors, gold.numpy(), cv=5, method="predict_proba")
    of_given, likely = p[range(len(p)), gold.numpy()], p.argmax(1)
    doubt = (p.max(1) - of_given).round(4)
    suspects = frame[["id", "label"]].assign(
        likely=[labels[k] for k in likely], p_wrong=doubt, p_label=of_given, p_likely=p.max(1), score=doubt
    )
    return a_map, suspects


class Process:
    """`cal annotate serve` in a process of its own."""

    def __init__(self, project):
        self.project = project
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"

    def start(self):
        words = ["-m", "cal", "annotate", "serve", self.project, "--port", str(self.port), "--no-browser"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.run = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, env=environment)
        end = time.monotonic() + 90
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.run.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)

    def kill(self):
        self.run.send_signal(signal.SIGKILL)
        self.run.wait()


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """A project in which nothing is decided yet."""
    if not TREC.exists():
        pytest.skip(f"{TREC} is not there.")
    frame, labels = corpus()
    a_map, suspects = trained(frame, labels)
    path = tmp_path_factory.mktemp("session") / "trec.db"
    with Project.create(path, labels=labels) as project:
        project.import_corpus(frame, map=a_map, suspects=suspects)
        project.queue(order="ranked")
    return path


@pytest.fixture
def project_file(untouched, tmp_path):
    """A copy of its own for each try of a test."""
    return shutil.copy(untouched, tmp_path / "trec.db")


@pytest.fixture
def process(project_file):
    process = Process(str(project_file))
    process.start()
    yield process
    process.kill()


@pytest.fixture
def visit(process, new_page, sign_in, until):
    """visit(reviewer, query): a page of a browser of that reviewer's own."""

    def open_page(reviewer, query=""):
        page = new_page(accept_downloads=True)
        sign_in(page, reviewer)
        page.goto(process.address + query)
        until(page, "document.body.dataset.ready === 'yes'")
        return page

    return open_page


def other(page, text, until):
    """Waits until another document is in front; a server that was killed needs a while to start."""
    told = "document.querySelector('.card .text')?.textContent"
    until(page, f"![undefined, {json.dumps(text)}].includes({told})", 60)


def front(page):
    return page.evaluate("document.querySelector('.card .text')?.textContent ?? null")


def circle(page, wanted):
    """Corners around a point of the map, in pixels, that enclose a number of points."""
    place = f"(() => {{ const map = {MAP}; return [...map.x].map((_, i) => map.placeOf(i)); }})()"
    points = [(each["clientX"], each["clientY"]) for each in page.evaluate(place) if each]
    box = page.locator(".map-canvas .draglayer").bounding_box()
    best = None
    for x, y in random.Random(1).sample(points, 400):
        away = sorted(math.hypot(x - a, y - b) for a, b in points)
        radius, gap = (away[wanted - 1] + away[wanted]) / 2, away[wanted] - away[wanted - 1]
        inside = box["x"] < x - radius and x + radius < box["x"] + box["width"]
        inside = inside and box["y"] < y - radius and y + radius < box["y"] + box["height"]
        if inside and (best is None or gap > best[0]):
            best = gap, x, y, radius
    _, x, y, radius = best
    turns = [2 * math.pi * k / 60 for k in range(61)]
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


def test_a_session_of_two_reviewers_with_a_server_that_is_killed(process, project_file, visit, until, faults, tmp_path):
    ann, bob = visit("Ann", "?view=review"), visit("Bob", "?view=documents&queue=1")
    with Project.open(project_file) as project:
        ids = dict(zip(*[corpus()[0][name] for name in ("text", "id")], strict=True))

        # A click on the map opens a document.
        until(ann, f"!!({MAP}?.n && document.querySelector('.card .text'))")
        corners = circle(ann, 1)
        x, y = (sum(corner[k] for corner in corners[:-1]) / 60 for k in (0, 1))
        before = front(ann)
        ann.mouse.click(x, y)
        other(ann, before, until)
        assert front(ann) in ids

        # A filter is an address.
        ann.goto(f"{process.address}?view=documents&filter=given%3DDESC+and+p_wrong%3E%3D.3")
        until(ann, "/documents?/.test(document.querySelector('.documents-told')?.textContent ?? '')")
        n = project.queue(order="ranked", filter="given=DESC and p_wrong>=.3", name="counted").n_documents
        assert f"{n:,} document" in ann.locator(".documents-told").inner_text()

        # Thirty are relabelled by keys, two taken back; in the middle the server is killed.
        ann.goto(f"{process.address}?view=review&queue=1")
        until(ann, "!!document.querySelector('.card .text')")
        said = []
        for k in range(30):
            text, label = front(ann), ann.locator(".give .give-name").first.inner_text()
            assert text in ids
            if k == 15:
                process.kill()
            ann.keyboard.press("1")
            said.append((ids[text], label))
            if k == 17:
                process.start()
            other(ann, text, until)
        for _ in range(2):
            ann.keyboard.press("u")
            said.pop()
        until(ann, SENT)
        expected = dict(said)
        assert len(expected) == 28

        # The other reviewer sees them without reloading.
        given = {row["id"]: row["label"] for row in corpus()[0].to_dict("records")}
        relabelled = sum(label != given[each] for each, label in expected.items())
        assert relabelled > 20
        until(bob, "document.querySelectorAll('tr[data-state=relabelled]').length > 5", 60)
        bob.goto(f"{process.address}?view=documents&filter=state%3Drelabelled")
        until(bob, f"document.querySelector('.documents-told')?.textContent.includes('{relabelled} document')")

        # A lasso around forty is kept as a whole, and taken back as a whole.
        ann.reload()
        until(ann, f"!!({MAP}?.n && document.querySelector('.card .text'))")
        corners = circle(ann, 40)
        ann.mouse.move(*corners[0])
        ann.mouse.down()
        for corner in corners[1:]:
            ann.mouse.move(*corner)
        ann.mouse.up()
        until(ann, "/selected/.test(document.querySelector('.selection-told')?.textContent ?? '')")
        n = int(ann.locator(".selection-told").first.inner_text().split()[0])
        assert abs(n - 40) <= 2  # corners are whole pixels
        ann.locator(".selection-bar .keep-labels").first.click()
        until(ann, "!!document.querySelector('.bulk-dialog .primary')")
        if ann.locator("#bulk-count").is_visible():
            ann.locator("#bulk-count").fill(str(n))
        ann.locator(".bulk-dialog .primary").click()
        until(ann, SENT)
        events = project.events()
        assert len(events[events["bulk"].notna()]) == n
        bulk = events["bulk"].dropna().unique()
        assert len(bulk) == 1
        ann.locator(".notice button", has_text="Undo").first.click()
        until(ann, SENT)
        events = project.events()
        assert (events["undoes"] == bulk[0]).sum() == 1

        # Reloading brings nothing back that was decided.
        ann.reload()
        until(ann, "!!document.querySelector('.card .text')")
        assert ids[front(ann)] not in expected

        # The export holds exactly these decisions.
        ann.goto(f"{process.address}?view=export")
        until(ann, "!!document.querySelector('.export-about a.primary')")
        with ann.expect_download() as download:
            ann.locator(".export-about a.primary").click()
        file = tmp_path / "export.csv"
        download.value.save_as(file)
        with file.open(newline="", encoding="utf-8-sig") as opened:
            rows = list(csv.DictReader(opened))
        assert len(rows) == len(given)

        decided = {row["id"]: row["label"] for row in rows if row["state"] != "undecided"}
        assert decided == expected
        assert {row["id"]: row["label"] for row in rows if row["id"] not in decided} == {
            each: value for each, value in given.items() if each not in decided
        }
        assert project.check() == []
    faults[:] = [each for each in faults if "ERR_CONNECTION" not in each and "Failed to load resource" not in each]
