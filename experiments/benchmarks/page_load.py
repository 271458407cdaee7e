"""Reviewers who decide on the labelling page at once: what each of them waits for.

    cal benchmark page_load                         8 reviewers, 2 decisions a second each, for ten minutes, in SQLite
    cal benchmark page_load --seconds 60 --documents 1000000
    cal benchmark page_load --database URL          in an empty PostgreSQL database, such as postgresql://me@host/name

The server is `cal annotate serve` in a process of its own. Each reviewer sends what their browser would: a decision,
then a request for the next documents of the queue, and listens to what others decide. Afterwards every decision that
was acknowledged must be in the project once, and the project's view must be a replay of its events.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

from annotation import LABELS, write_documents
from peers import Failed


class Reviewer(threading.Thread):
    """A reviewer with a browser of their own."""

    def __init__(self, port: int, number: int, rate: float, until: float) -> None:
        super().__init__()
        self.port, self.reviewer, self.rate, self.until = port, f"reviewer {number}", rate, until
        self.chance = random.Random(number)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.took: dict[str, list[float]] = {"decide": [], "next": []}
        self.acknowledged: list[str] = []
        self.n_heard, self.late, self.problem = 0, 0.0, ""

    def send(self, path: str, body: dict) -> dict:
        headers = {"Content-Type": "application/json", "Cal-Reviewer": self.reviewer.replace(" ", "%20")}
        start = time.perf_counter()
        self.connection.request("POST", f"/api/{path}", json.dumps(body), headers)
        answer = self.connection.getresponse()
        said = json.loads(answer.read())
        self.took["decide" if path == "decisions" else "next"].append(1000 * (time.perf_counter() - start))
        if answer.status != 200:
            raise Failed(f"{path} was refused: {said}")
        return said

    def listen(self, stream: http.client.HTTPResponse) -> None:
        try:
            while line := stream.readline():
                self.n_heard += line.startswith(b"data:")
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # it was closed

    def run(self) -> None:
        try:
            self.work()
        except Exception as error:  # told at the end
            self.problem = f"{type(error).__name__}: {error}"

    def work(self) -> None:
        hearing = http.client.HTTPConnection("127.0.0.1", self.port)
        hearing.request("GET", "/api/changes?after=0")
        stream = hearing.getresponse()
        listener = threading.Thread(target=self.listen, args=(stream,), daemon=True)
        listener.start()
        tasks = self.send("tasks", {"n": 5})["tasks"]
        due = time.monotonic() + self.chance.random() / self.rate
        while due < self.until and tasks:
            time.sleep(max(0.0, due - time.monotonic()))
            self.late = max(self.late, time.monotonic() - due)
            due += 1 / self.rate
            task = tasks.pop(0)
            kept = {name: task[name] for name in ("document", "queue", "position", "digest", "version", "run", "seen")}
            label = self.chance.choice(LABELS) if self.chance.random() < 0.2 else None
            decision = {"id": str(uuid.uuid4()), "action": "relabel" if label else "keep", "label": label, **kept}
            self.send("decisions", {"decisions": [decision]})
            self.acknowledged.append(decision["id"])
            tasks = self.send("tasks", {"n": 5})["tasks"]
        if hearing.sock is not None:
            hearing.sock.shutdown(socket.SHUT_RDWR)
        stream.close()
        hearing.close()
        listener.join(5)
        self.connection.close()


def serve(project: str) -> tuple[subprocess.Popen, int]:
    """The server in a process of its own, once it answers, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "cal", "annotate", "serve", project, "--port", str(port), "--no-browser"]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server, port
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise Failed("The server did not start.") from None
            time.sleep(0.05)


def make_project(project: str, n: int, folder: Path) -> None:
    """A project of made-up documents with a queue."""
    from cal.annotation import Project

    write_documents(n, folder / "documents.csv")
    with Project.create(project) as made:
        made.import_corpus(folder / "documents.csv")
        made.queue(by="doubt")


def load(project: str, n_reviewers: int, rate: float, seconds: float) -> dict:
    """What reviewers waited for, after a check that nothing is lost or doubled."""
    import numpy as np

    from cal.annotation import Project

    server, port = serve(project)
    try:
        until = time.monotonic() + seconds
        reviewers = [Reviewer(port, number, rate, until) for number in range(n_reviewers)]
        for each in reviewers:
            each.start()
        for each in reviewers:
            each.join()
    finally:
        server.terminate()
        server.wait(30)
    if problems := [each.problem for each in reviewers if each.problem]:
        raise Failed(problems[0])
    acknowledged = sorted(id for each in reviewers for id in each.acknowledged)
    with Project.open(project) as opened:
        events = opened.events()
        kept = sorted(events.loc[events["reviewer"].str.startswith("reviewer "), "uuid"])
        if kept != acknowledged:
            raise Failed(f"{len(acknowledged):,} decisions were acknowledged, and {len(kept):,} are there.")
        if differences := opened.check():
            raise Failed(f"The view is no replay of the events: {differences[0]}")
    result: dict = {"reviewers": n_reviewers, "decisions": len(acknowledged), "seconds": seconds}
    for name in ("decide", "next"):
        took = [value for each in reviewers for value in each.took[name][1:]]  # the first opens and prepares everything
        result |= {
            f"{name}_{key}_ms": float(np.percentile(took, q)) for key, q in (("p50", 50), ("p95", 95), ("max", 100))
        }
    return result | {
        "heard": sum(each.n_heard for each in reviewers),
        "latest_ms": 1000 * max(e.late for e in reviewers),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200_000, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--reviewers", type=int, default=8, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--rate", type=float, default=2, metavar="R", help="decisions a second of each (default: 2)")
    parser.add_argument("--seconds", type=float, default=600, metavar="S", help="(default: %(default)s)")
    parser.add_argument("--database", metavar="URL", help="an empty database instead of a file")
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    given = parser.parse_args()
    table = sys.stderr if given.json else sys.stdout
    with tempfile.TemporaryDirectory() as scratch:
        project = given.database or str(Path(scratch) / "load.db")
        try:
            make_project(project, given.documents, Path(scratch))
            result = {"documents": given.documents} | load(project, given.reviewers, given.rate, given.seconds)
        except Failed as reason:
            sys.exit(str(reason))
    print(
        f"{result['decisions']:,} decisions of {given.reviewers} reviewers about {given.documents:,} documents, "
        "none lost or doubled",
        file=table,
    )
    for name, told in (("decide", "a decision"), ("next", "the next documents")):
        values = [result[f"{name}_{key}_ms"] for key in ("p50", "p95", "max")]
        print(
            f"{told}: half within {values[0]:.1f} ms, 95 % within {values[1]:.1f} ms, all within {values[2]:.0f} ms",
            file=table,
        )
    if given.json:
        from machine import describe

        print(json.dumps({"benchmark": "page_load", "machine": describe(), **result}))


if __name__ == "__main__":
    main()
