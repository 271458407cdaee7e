"""Deciding on the page, in a real browser before a real server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import uuid

import pandas as pd
import pytest
import sqlalchemy as sa
import torch

from cal.annotation import Project
from cal.annotation.decisions.decision import Decision
from cal.annotation.store.schema import DOCUMENT
from cal.dynamics.data_map import DataMap
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.page import start

LABELS = ["HUM", "LOC", "NUM"]
N = 40
HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>\u202e"\'&amp;{{7*7}}'
LATE_LABEL = """(() => {
  const links = [...document.querySelectorAll("link[rel=modulepreload]")], {fetch} = window;
  const address = links.find(each => each.href.endsWith("outbox.js"));
  window.answered = false;
  return import(address.href).then(({post, waiting}) => {
    post("labels", {name: "LATE"}).then(() => { window.answered = true; });
    window.fetch = (...asked) => waiting().length ? Promise.reject(new TypeError("away")) : fetch(...asked);
  });
})()"""


def make_project(path, texts=None, labels=LABELS, n=N):
    """A project with a map, its curves, a ranking of suspects and a queue; the given label is wrong in a third."""
    texts = texts or [f"Question number {i}, which is about something?" for i in range(n)]
    given = [labels[i % 3] for i in range(n)]
    likely = [labels[(i + 1) % 3] for i in range(n)]
    corpus = pd.DataFrame({"id": [f"q{i}" for i in range(n)], "text": texts, "label": given, "split": "train"})
    suspects = corpus[["id", "label"]].assign(
        likely=likely,
        p_wrong=[0.9 - i / (2 * n) for i in range(n)],
        p_label=0.05,
        p_likely=0.9,
        rank_aum=range(1, n + 1),
        score=[1 - i / n for i in range(n)],
        why="Models that never saw it say so. None of the 5 most similar texts has its label.",
    )
    gold = torch.tensor([i % 3 for i in range(n)])
    logits = torch.randn(4, n, 3, generator=torch.Generator().manual_seed(0))
    a_map = DataMap.of(
        TrainingDynamics.from_logits(logits, gold), [f"q{i}" for i in range(n)], name="map", label_names=labels
    )
    with Project.create(path, labels=labels) as project:
        project.import_corpus(corpus, map=a_map, suspects=suspects)
        project.queue(order="ranked")
    return path


@pytest.fixture(scope="session")
def project_file(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("deciding") / "reviews.db")


@pytest.fixture
def project(project_file, tmp_path):
    with Project.open(shutil.copy(project_file, tmp_path / "reviews.db")) as project:
        yield project


@pytest.fixture
def visit(new_page, sign_in, until):
    """visit(address, page=None, **options): a page with a document in front, as Ann has it."""

    def open_page(address, page=None, **options):
        if page is None:
            page = new_page(**options)
            sign_in(page)
        page.goto(address)
        until(page, "!!document.body.dataset.ready && !!document.querySelector('.card .text, .card .empty')")
        return page

    return open_page


def text_of(page):
    return page.locator(".card .text").inner_text()


def told(page):
    return page.locator(".told").inner_text().replace("\n", " ")


def decisions(project):
    """Document, action, label of what counts, in its order."""
    events = project.events()
    taken_back = set(events["undoes"].dropna())
    counts = ~(events["uuid"].isin(taken_back) | events["bulk"].isin(taken_back)) & events["action"].isin(
        ["keep", "relabel", "ambiguous", "exclude", "skip", "comment"]
    )
    return rows(events[counts], "document", "action", "new_value")


def rows(events, *names):
    return [tuple(None if pd.isna(each) else each for each in row) for row in events[[*names]].itertuples(index=False)]


def number_of(project, document):
    with project.reading() as connection:
        return connection.execute(sa.select(DOCUMENT.c.id).where(DOCUMENT.c.external_id == document)).scalar_one()


def in_front(i):
    """An expression: whether a document is in front."""
    return f"!!document.querySelector('.card .text')?.textContent.includes('number {i},')"


def arrived(page, until):
    """Waits until the server has everything."""
    until(page, "!Object.keys(localStorage).some(key => key.startsWith('cal:outbox:'))")


def test_one_key_decides_and_advances(server, project, visit, until):
    page = visit(server.address)
    order, labels = [], []
    for key in ["k", "1", "2", "a", "x", "s"]:
        order.append(text_of(page))
        labels.append(page.locator(".give .give-name").all_inner_texts())
        page.keyboard.press(key)
    assert order == [f"Question number {i}, which is about something?" for i in range(6)]
    assert "number 6" in text_of(page)
    assert told(page).startswith("S skipped it")
    arrived(page, until)
    assert decisions(project) == [
        ("q0", "keep", "HUM"), ("q1", "relabel", "NUM"), ("q2", "relabel", labels[2][1]), ("q3", "ambiguous", None),
        ("q4", "exclude", None), ("q5", "skip", None),
    ]  # fmt: skip
    events = project.events().query("action != 'import'")
    first = events[events["document"] == "q0"].iloc[0]
    assert (first["reviewer"], first["position"], first["seen"]["label"]) == ("Ann", 0, "LOC")
    assert 0 < first["seconds"] < 60
    assert first["digest"]


@pytest.mark.slow
def test_the_page_shows_what_is_known_about_a_document(server, visit):
    page = visit(server.address)
    card = page.locator(".card").inner_text()
    assert "Given label" in card
    assert "Models that never saw it say so." in card
    assert "None of the 5 most similar texts has its label." in card
    assert page.locator(".card .curve polyline").count() == 3
    names = page.locator(".give .give-name").all_inner_texts()
    assert names[0] == "LOC"
    assert sorted(names) == LABELS
    assert page.locator(".give kbd").all_inner_texts() == ["1", "2", "3"]
    assert page.locator(".act-keep").inner_text().split() == ["K", "Keep", "HUM"]


@pytest.mark.slow
def test_the_next_document_is_on_the_screen_within_50_milliseconds(server, visit, until, capsys):
    page = visit(server.address)
    page.evaluate("""() => {
      window.waits = [];
      addEventListener("keydown", () => {
        const pressed = performance.now(), before = document.querySelector(".card .text").textContent;
        const painted = () => {  // after the frame in which the text is another one
          const now = document.querySelector(".card .text").textContent;
          if (now === before) requestAnimationFrame(painted);
          else {
            const {port1, port2} = new MessageChannel();
            port1.onmessage = () => window.waits.push(performance.now() - pressed);
            port2.postMessage(0);
          }
        };
        requestAnimationFrame(painted);
      }, {capture: true});
    }""")
    for k in range(25):
        page.keyboard.press("1")
        until(page, f"window.waits.length === {k + 1}")
        time.sleep(0.1)
    waits = page.evaluate("window.waits")
    with capsys.disabled():
        sys.stdout.write(f"\n  keydown to paint: median {statistics.median(waits):.0f} ms, most {max(waits):.0f} ms\n")
    assert statistics.median(waits) < 50


def test_undo_takes_back_step_by_step_also_after_a_reload(server, project, visit, until):
    page = visit(server.address)
    for _ in range(6):
        page.keyboard.press("k")
    for i in (5, 4):
        page.keyboard.press("u")
        until(page, in_front(i))
    assert "Taken back: you kept" in page.locator(".note.undone").inner_text()
    arrived(page, until)
    assert [each[0] for each in decisions(project)] == ["q0", "q1", "q2", "q3"]
    visit(server.address, page)
    assert "number 4," in text_of(page)
    for i in (3, 2, 1):
        page.keyboard.press("u")
        until(page, in_front(i))
    arrived(page, until)
    assert [each[0] for each in decisions(project)] == ["q0"]
    page.keyboard.press("x")
    assert "number 2," in text_of(page)
    arrived(page, until)
    assert decisions(project) == [("q0", "keep", "HUM"), ("q1", "exclude", None)]
    page.keyboard.press("u")
    page.keyboard.press("u")
    page.keyboard.press("u")
    until(page, "document.querySelector('.told').textContent.includes('nothing to undo')")
    assert decisions(project) == []
    assert "number 0," in text_of(page)


@pytest.mark.slow
def test_undoing_a_bulk_decision_asks_with_the_count(server, project, visit, until):
    project.decide_all([Decision(f"q{i}", "keep", reviewer="Ann") for i in range(20, 32)], bulk=str(uuid.uuid4()))
    page = visit(server.address)
    page.keyboard.press("u")
    until(page, "!!document.querySelector('dialog[open]')")
    assert "12 documents" in page.locator("dialog h2").inner_text()
    page.get_by_role("button", name="Cancel").click()
    assert len(decisions(project)) == 12
    page.keyboard.press("u")
    page.get_by_role("button", name="Take back 12").click()
    until(page, "document.querySelector('.told').textContent.includes('took back')")
    assert decisions(project) == []


class Process:
    """`cal annotate serve` in a process of its own, to be killed."""

    def __init__(self, project, port):
        self.project, self.port = project, port
        self.run = None

    def start(self):
        command = [
            sys.executable,
            "-P",
            "-m",
            "cal",
            "annotate",
            "serve",
            self.project,
            "--no-browser",
            f"--port={self.port}",
        ]
        self.run = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return f"http://127.0.0.1:{self.port}/"
            except OSError:
                assert self.run.poll() is None
                time.sleep(0.05)
        raise AssertionError("the server did not start")

    def kill(self):
        self.run.send_signal(signal.SIGKILL)
        self.run.wait()


@pytest.fixture
def process(project):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = Process(project.address, port)
    yield process
    process.kill()


@pytest.mark.slow
def test_a_killed_server_loses_nothing_and_doubles_nothing(process, project, visit, until, faults):
    page = visit(process.start())
    page.keyboard.press("k")
    arrived(page, until)
    process.kill()
    for key in "1kaxk":
        page.keyboard.press(key)
    page.keyboard.press("u")
    page.keyboard.press("1")
    assert "number 6," in text_of(page)
    until(page, "document.querySelector('.told').textContent.includes('server cannot be reached')")
    assert "not sent yet" in page.locator("#sent").inner_text()
    process.start()
    arrived(page, until)
    assert decisions(project) == [
        ("q0", "keep", "HUM"), ("q1", "relabel", "NUM"), ("q2", "keep", "NUM"), ("q3", "ambiguous", None),
        ("q4", "exclude", None), ("q5", "relabel", "HUM"),
    ]  # fmt: skip
    assert project.events()["uuid"].is_unique
    until(page, "!document.querySelector('.told').textContent.includes('reached')")
    faults.clear()  # requests that failed while there was no server


@pytest.mark.slow
def test_a_closed_page_sends_what_it_had_when_it_is_opened_again(process, project, visit, until, faults):
    page = visit(process.start())
    process.kill()
    page.keyboard.press("k")
    page.keyboard.press("1")
    page.keyboard.press("u")
    context = page.context
    page.close()
    address = process.start()
    assert decisions(project) == []
    page = context.new_page()
    visit(address, page)
    arrived(page, until)
    assert decisions(project) == [("q0", "keep", "HUM")]
    assert "number 1," in text_of(page)
    faults.clear()


@pytest.mark.slow
def test_blind_mode_hides_what_models_and_labels_say(server, project, visit, until):
    page = visit(server.address)
    page.keyboard.press("b")
    until(page, "document.querySelector('.note.hidden-hints')")
    card = page.locator(".card-read").inner_text()
    assert "Given label" not in card
    assert "Models that" not in card
    assert not page.locator(".card .curve").count()
    assert page.locator(".give .give-name").all_inner_texts() == LABELS
    assert page.locator(".act-keep").is_disabled()
    page.keyboard.press("k")
    assert "number 0," in text_of(page)
    page.keyboard.press("2")
    arrived(page, until)
    assert decisions(project) == [("q0", "relabel", "LOC")]
    assert project.events().iloc[-1]["seen"] == {"hidden": True}
    visit(server.address, page)
    assert "Given label" not in page.locator(".card-read").inner_text()
    page.keyboard.press("b")
    until(page, "document.querySelector('.card-read').textContent.includes('Given label')")


@pytest.mark.slow
def test_comments_go_with_the_decision_or_by_themselves(server, project, visit, until):
    page = visit(server.address)
    page.keyboard.press("c")
    page.keyboard.type("k, this is hard")
    page.keyboard.press("Enter")
    assert "number 0," in text_of(page)
    assert "k, this is hard" in page.locator(".note.draft").inner_text()
    page.keyboard.press("a")
    page.keyboard.press("c")
    page.keyboard.type("look at this")
    page.keyboard.press("Control+Enter")
    assert "number 1," in text_of(page)
    page.keyboard.press("c")
    page.keyboard.type("never mind")
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    arrived(page, until)
    events = project.events().dropna(subset=["document"])
    assert rows(events, "document", "action", "comment") == [
        ("q0", "ambiguous", "k, this is hard"), ("q1", "comment", "look at this"), ("q1", "keep", None),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_new_label_takes_two_keys_and_its_name(server, project, visit, until):
    page = visit(server.address)
    page.keyboard.press("n")
    page.keyboard.type("ABBR")
    page.keyboard.press("Enter")
    assert "number 1," in text_of(page)
    page.keyboard.press("n")
    page.keyboard.type("loc")
    page.keyboard.press("Enter")
    page.keyboard.press("l")
    page.keyboard.type("ab")
    page.keyboard.press("Enter")
    arrived(page, until)
    assert decisions(project) == [("q0", "relabel", "ABBR"), ("q1", "keep", "LOC"), ("q2", "relabel", "ABBR")]
    assert project.label_names == [*LABELS, "ABBR"]
    until(page, "document.querySelectorAll('.give').length === 4")


@pytest.mark.slow
def test_hostile_texts_labels_and_comments_are_only_text(tmp_path, visit, until):
    labels = [HOSTILE, "x" * 200, "javascript:alert(1)"]
    path = make_project(tmp_path / "p.db", [f"{HOSTILE} {i}" for i in range(9)], labels, 9)
    with Project.open(path) as project:
        project.write_guidelines(
            f"# {HOSTILE}\n\n[a](javascript:window.broken=1) [b](https://example.org/) **{HOSTILE}**"
        )
        project.decide("q1", "comment", reviewer="Bob", comment=HOSTILE)
        with start(project, port=0) as server:
            page = visit(server.address)
            assert HOSTILE in text_of(page)
            page.keyboard.press("g")
            page.keyboard.press("h")
            until(page, "!!document.querySelector('dialog[open]')")
            page.keyboard.press("Escape")
            links = page.locator(".side-panel a").evaluate_all(
                "all => all.map(each => [each.href, each.rel, each.target])"
            )
            assert links == [["https://example.org/", "noreferrer noopener", "_blank"]]
            page.keyboard.press("g")
            for key in ("1", "2", "3"):
                page.keyboard.press(key)
            page.keyboard.press("n")
            page.keyboard.type("<b>new</b>")
            page.keyboard.press("Enter")
            arrived(page, until)
            assert page.evaluate("window.broken") is None
            assert not page.locator(".card img, .card script, .side-panel img").count()
            assert "<b>new</b>" in project.label_names
            width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert width[0] <= width[1]
            page.context.close()


@pytest.mark.slow
def test_an_opened_document_is_decided_beside_the_queue(server, project, visit, until):
    page = visit(f"{server.address}?document={number_of(project, 'q30')}")
    assert "number 30," in text_of(page)
    assert "Back to the queue" in page.locator(".card-place").inner_text()
    page.keyboard.press("1")
    assert "number 0," in text_of(page)
    assert "document" not in page.url
    arrived(page, until)
    assert decisions(project)[0][0] == "q30"
    page.keyboard.press("u")
    until(page, in_front(30))
    page.keyboard.press("Escape")
    assert "number 0," in text_of(page)
    page.keyboard.press("k")
    visit(f"{server.address}?document={number_of(project, 'q0')}", page)
    until(page, "document.querySelector('.note.own')?.textContent.includes('You kept HUM')")
    page.keyboard.press("x")
    arrived(page, until)
    assert decisions(project)[-1] == ("q0", "exclude", None)


@pytest.mark.slow
def test_arrows_go_through_the_queue_without_deciding(server, project, visit, until):
    page = visit(server.address)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert "number 2," in text_of(page)
    page.keyboard.press("k")
    assert "number 3," in text_of(page)
    page.keyboard.press("ArrowUp")
    assert "number 1," in text_of(page)
    arrived(page, until)
    assert [each[0] for each in decisions(project)] == ["q2"]


@pytest.mark.slow
def test_a_refused_decision_is_shown_with_its_reason(server, project, visit, until, faults):
    page = visit(server.address)
    page.evaluate("window.fetchTasks = fetch")
    page.route("**/api/changes*", lambda route: route.abort())
    label = page.locator(".give .give-name").first.inner_text()
    project.rename_label(label, "PLACE")
    page.keyboard.press("1")
    until(page, "document.querySelector('#sent').textContent.includes('refused')")
    page.locator("#sent").click()
    dialog = page.locator("dialog.refused")
    assert label in dialog.inner_text()
    assert "Question number 0" in dialog.inner_text()
    dialog.get_by_role("button", name="Open the document").click()
    until(page, in_front(0))
    page.keyboard.press("1")
    arrived(page, until)
    assert decisions(project) == [("q0", "relabel", "PLACE")]
    faults.clear()  # the browser logs answers that say no


@pytest.mark.slow
def test_two_windows_of_a_reviewer_do_not_decide_twice(server, project, visit, until):
    one = visit(server.address)
    other = one.context.new_page()
    visit(server.address, other)
    one.keyboard.press("k")
    until(other, "!!document.querySelector('.note.changed')")
    assert "in another window" in other.locator(".note.changed").inner_text()
    other.keyboard.press("ArrowDown")
    other.keyboard.press("k")
    arrived(other, until)
    assert [each[0] for each in decisions(project)] == ["q0", "q1"]
    one.evaluate(LATE_LABEL)
    other.evaluate("dispatchEvent(new Event('focus'))")
    until(one, "answered")  # though the other window has sent it
    assert [each.name for each in project.labels][3:] == ["LATE"]
    other.close()


@pytest.mark.slow
def test_what_is_left_is_said(project_file, tmp_path, visit, until):
    with Project.open(make_project(tmp_path / "p.db", n=6)) as project, start(project, port=0) as server:
        taken = project.tasks("Bob", 3)
        page = visit(server.address)
        page.keyboard.press("k")
        page.keyboard.press("s")
        page.keyboard.press("k")
        until(page, "document.querySelector('.empty')?.textContent.includes('Other reviewers have')")
        assert "Nothing is left for you now" in page.locator(".empty").inner_text()
        assert "3 documents" in page.locator(".empty").inner_text()
        assert "You have skipped 1 document." in page.locator(".empty").inner_text()
        project.decide_all([each.decision("keep") for each in taken])
        page.keyboard.press("u")
        until(page, "document.querySelector('.card .text')")
        page.keyboard.press("k")
        until(page, "!!document.querySelector('.empty')")
        page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("n", [0, 3])
def test_a_project_without_documents_or_queue_says_what_to_do(n, tmp_path, visit):
    with Project.create(tmp_path / "p.db", labels=LABELS) as project:
        if n:
            project.import_corpus({"id": ["a", "b", "c"], "text": ["A?", "B?", "C?"], "label": LABELS})
        with start(project, port=0) as server:
            page = visit(server.address)
            said = page.locator(".empty").inner_text()
            assert ("There is no queue yet" if n else "no documents yet") in said
            page.keyboard.press("k")
            assert decisions(project) == []
            page.context.close()


@pytest.mark.slow
def test_keys_can_be_changed(server, project, visit, until):
    page = visit(server.address)
    page.keyboard.press("?")
    page.get_by_role("button", name="keep the given label, or accept what models suggest: K").click()
    page.keyboard.press("x")
    assert "X is the key for" in page.locator("dialog.help [role=alert]").inner_text()
    page.get_by_role("button", name="keep the given label, or accept what models suggest: K").click()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    assert page.locator(".act-keep kbd").inner_text() == "J"
    page.keyboard.press("k")
    assert "number 0," in text_of(page)
    page.keyboard.press("j")
    arrived(page, until)
    assert decisions(project) == [("q0", "keep", "HUM")]


@pytest.mark.slow
def test_guidelines_are_written_and_read_on_the_page(server, project, visit, until):
    page = visit(server.address)
    page.keyboard.press("g")
    page.get_by_role("button", name="Edit").click()
    page.locator(".guidelines-text").fill("# Labels\n\n- **HUM**: people\n- `LOC`: places, see <https://example.org/a>")
    page.get_by_role("button", name="Save").click()
    until(page, "!!document.querySelector('.side-body strong')")
    assert page.locator(".side-body h3").inner_text() == "Labels"
    assert page.locator(".side-body li").count() == 2
    assert project.guidelines.startswith("# Labels")


@pytest.mark.slow
def test_a_screen_reader_hears_what_was_done_and_what_comes(server, visit):
    page = visit(server.address)
    page.keyboard.press("k")
    heard = page.locator(".panel .only-heard").inner_text()
    assert heard.startswith("kept HUM. Next: Question number 1,")


@pytest.mark.slow
def test_a_phone_decides_with_the_thumb(server, project, visit, until):
    page = visit(server.address, viewport={"width": 390, "height": 844}, has_touch=True)
    box = page.locator(".act-keep").bounding_box()
    assert box["y"] > 500
    assert box["height"] >= 44
    page.locator(".act-keep").tap()
    assert "number 1," in text_of(page)
    assert page.evaluate("document.querySelector('.card').scrollWidth") <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    arrived(page, until)
    assert decisions(project) == [("q0", "keep", "HUM")]
