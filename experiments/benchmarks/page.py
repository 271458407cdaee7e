"""The labelling page with 200,000 and a million documents on its map, in a real browser.

    cal benchmark page                             both, in SQLite
    cal benchmark page --documents 200000          one of them
    cal benchmark page --keep FOLDER               keeps the made-up projects there, and takes them if they are there

The first view counts from the navigation until document and map are drawn: at once after the server says that it
serves, and by a new browser later. A decision is a request to the server. The lasso counts from the release of the
mouse until the page says how many documents were selected. The memory of the tab is what its process holds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from page_projects import write_project

GOALS = {200_000: 3.0, 1_000_000: 5.0}
MAP = "document.querySelector('.map-canvas')?.dataMap"
DRAWN = f"!!({MAP}?.n && {MAP}.places && document.querySelector('.card .text'))"
LASSO = 20_000


class Served:
    """A server of a project in a process of its own."""

    def __init__(self, project: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = ["annotate", "serve", str(project), "--no-browser", "--port", str(self.port)]
        start = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cal", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("The server did not start.")
                time.sleep(0.02)
        self.seconds = time.perf_counter() - start
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def post(self, path: str, body: dict) -> tuple[float, dict]:
        """Milliseconds that a request takes, and its answer."""
        headers = {"Content-Type": "application/json", "Cal-Reviewer": "program"}
        start = time.perf_counter()
        self.connection.request("POST", path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        said = json.loads(answer.read())
        if answer.status != 200:
            sys.exit(f"The server answered {answer.status}: {said}")
        return 1000 * (time.perf_counter() - start), said

    def close(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.wait()


def decisions(served: Served, n: int) -> dict:
    """Percentiles of the milliseconds of decisions and of asking for the next documents."""
    import numpy as np

    times: dict[str, list[float]] = {"tasks": [], "decide": []}
    tasks: list[dict] = []
    for _ in range(n):
        took, said = served.post("/api/tasks", {"n": 5})
        times["tasks"].append(took)
        tasks = said["tasks"]
        told = {name: tasks[0][name] for name in ("document", "queue", "position", "digest", "version", "run", "seen")}
        took, _ = served.post("/api/decisions", {"decisions": [{"id": str(uuid.uuid4()), "action": "keep", **told}]})
        times["decide"].append(took)
    return {
        f"{name}_{key}_ms": float(np.percentile(values, q))
        for name, values in times.items()
        for key, q in (("p50", 50), ("p95", 95))
    }


def until(page, expression: str, seconds: float = 120.0):
    """Waits until an expression is true in a page."""
    end = time.monotonic() + seconds
    while not (value := page.evaluate(expression)):
        if time.monotonic() > end:
            sys.exit(f"The page did not show this within {seconds} s: {expression}")
        time.sleep(0.01)
    return value


def opened(browser, address: str):
    """A page whose map is drawn, and the seconds that took."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.add_init_script("""localStorage.setItem("cal:reviewer", '"Ann"')""")
    page = context.new_page()
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    until(page, DRAWN)
    return page, time.perf_counter() - start


def n_inside(project: Path, corners: list[tuple[float, float]]) -> int:
    """Number of points of the map that a polygon holds."""
    from cal.annotation import Project
    from cal.page.points import inside

    with Project.open(project) as opened, opened.reading() as connection:
        return len(inside(opened, connection, 1, None, corners))


def circle(project: Path, n: int) -> list[tuple[float, float]]:
    """Corners of a polygon that holds about `n` points of the map."""
    low, high = 0.0, 0.5
    for _ in range(20):
        radius = (low + high) / 2
        corners = [
            (0.1 + radius / 2 * math.cos(k * math.pi / 60), 0.85 + radius * math.sin(k * math.pi / 60))
            for k in range(120)
        ]
        low, high = (radius, high) if n_inside(project, corners) < n else (low, radius)
    return corners


def lasso(page, project: Path, corners: list[tuple[float, float]]) -> dict:
    """Milliseconds from the release of the mouse until the page says how many were selected, and what it says.

    Plotly leaves out corners where the hand hardly turns, so points are counted in the polygon that it reports.
    """
    view, box = page.evaluate(f"[{MAP}.axes.view(), {MAP}.canvas.getBoundingClientRect().toJSON()]")

    def at(x: float, y: float) -> tuple[float, float]:
        across, up = (x - view["x0"]) / (view["x1"] - view["x0"]), (y - view["y0"]) / (view["y1"] - view["y0"])
        return box["left"] + across * box["width"], box["top"] + (1 - up) * box["height"]

    page.evaluate(
        """() => {
          const told = document.querySelector(".selection-told");
          addEventListener("pointerup", () => { window.released = performance.now(); }, true);
          addEventListener("mouseup", () => { window.released ??= performance.now(); }, true);
          new MutationObserver(() => {
            if (/selected/.test(told.textContent)) window.counted = performance.now();
          }).observe(told, {childList: true, characterData: true, subtree: true});
        }"""
    )
    page.evaluate(f"{MAP}.axes.addEventListener('selected', event => {{ window.drawn = event.detail.polygon; }})")
    page.mouse.move(*at(*corners[0]))
    page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.mouse.move(*at(*corner))
    page.mouse.up()
    until(page, "window.counted && window.released")
    return {
        "lasso_ms": page.evaluate("window.counted - window.released"),
        "lasso_documents": n_inside(project, page.evaluate("window.drawn")),
        "lasso_told": page.locator(".selection-told").inner_text(),
    }


def memory(browser, page) -> dict:
    """Megabytes of the process of a page, and of its JavaScript."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    pids = [each["id"] for each in processes if each["type"] == "renderer"]
    own = page.context.new_cdp_session(page)
    own.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in own.send("Performance.getMetrics")["metrics"]}
    return {
        "tab_mb": max(resident(pid) for pid in pids),
        "heap_mb": metrics["JSHeapUsedSize"] / 2**20,
    }


def resident(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(n: int, project: Path, n_decisions: int, chromium: str) -> dict:
    """What the page takes with `n` documents."""
    from playwright.sync_api import sync_playwright

    corners = circle(project, min(LASSO, n // 10))
    with sync_playwright() as playwright:
        served = Served(project)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page, at_once = opened(browser, served.address)
            page.context.close()
            page, later = opened(browser, served.address)
            result = {"documents": n, "serving_s": served.seconds, "first_view_at_once_s": at_once}
            result |= {"first_view_s": later, **lasso(page, project, corners)}
            page.evaluate("document.querySelector('.selection-bar .plain').click()")
            start = time.perf_counter()
            page.evaluate(f"{MAP}.setRange({{x: [0.15, 0.2], y: [0.5, 0.6]}})")
            until(page, f"!{MAP}.density || {n} < 100001")
            result["zoom_s"] = time.perf_counter() - start
            page.evaluate(f"{MAP}.axes.reset()")
            time.sleep(3)
            result |= memory(browser, page)
            result |= decisions(served, n_decisions)
            result["server_mb"] = resident(served.process.pid)
            return result
        finally:
            browser.close()
            served.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, nargs="+", default=list(GOALS), metavar="N", help="(default: both)")
    parser.add_argument("--decisions", type=int, default=300, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the projects are kept")
    parser.add_argument("--chromium", default=shutil.which("chromium"), metavar="PATH", help="the browser")
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    given = parser.parse_args()
    if not given.chromium:
        sys.exit("There is no chromium on the path. Give one: --chromium PATH")
    table = sys.stderr if given.json else sys.stdout
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for n in given.documents:
            project = (given.keep or Path(scratch)) / f"page-{n}.db"
            if not project.exists():
                write_project(project, n)
            results.append(measure(n, project, given.decisions, given.chromium))
            for name, value in results[-1].items():
                print(f"{name:<24}{value if isinstance(value, str) else format(value, ',.4g')}", file=table, flush=True)
    if given.json:
        from machine import describe

        print(json.dumps({"benchmark": "page", "machine": describe(), "results": results}))


if __name__ == "__main__":
    main()
