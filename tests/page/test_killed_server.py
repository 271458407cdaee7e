"""A server that is killed under reviewers who resend: whatever was acknowledged is there once."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from urllib.parse import quote

import pandas as pd
import pytest

from cal.annotation import Project


class Crowd:
    """Reviewers whose browsers send again what was not acknowledged, with the same ids."""

    def __init__(self, port, n):
        self.port, self.stop = port, threading.Event()
        self.sent, self.acknowledged, self.refused = set(), set(), []
        self.threads = [threading.Thread(target=self.review, args=(i,)) for i in range(n)]
        for each in self.threads:
            each.start()

    def send(self, reviewer, path, body):
        """The answer, however often it takes."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                headers = {"Content-Type": "application/json", "Cal-Reviewer": quote(reviewer)}
                connection.request("POST", path, json.dumps(body), headers)
                answer = connection.getresponse()
                said = json.loads(answer.read())
                if answer.status < 500:
                    if answer.status != 200:
                        self.refused.append((answer.status, said))
                    return said
            except (OSError, http.client.HTTPException, ValueError):
                pass  # it is away
            finally:
                connection.close()
            time.sleep(0.02)

    def review(self, i):
        reviewer, chance = f"reviewer {i}", random.Random(i)
        while not self.stop.is_set():
            tasks = self.send(reviewer, "/api/tasks", {"n": 2}).get("tasks", [])
            for task in tasks:
                id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
                keys = ("document", "queue", "position", "digest", "version", "run", "seen")
                decision = {"id": id, "action": chance.choice(["keep", "skip"]), **{key: task[key] for key in keys}}
                self.sent.add(id)
                self.send(reviewer, "/api/decisions", {"decisions": [decision]})
                self.acknowledged.add(id)
                if chance.random() < 0.2:
                    undo = str(uuid.UUID(int=chance.getrandbits(128), version=4))
                    self.sent.add(undo)
                    self.send(reviewer, "/api/undo", {"id": undo, "event": id})
                    self.acknowledged.add(undo)

    def end(self):
        self.stop.set()
        for each in self.threads:
            each.join(120)
            assert not each.is_alive()


def start(project, port):
    words = ["-m", "cal", "annotate", "serve", project, "--port", str(port), "--no-browser"]
    return subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(("n_reviewers", "n_kills"), [(8, 12)])
def test_whatever_was_acknowledged_is_there_once(tmp_path, n_reviewers, n_kills):
    path, chance = str(tmp_path / "reviews.db"), random.Random(0)
    ids = [f"q{i}" for i in range(20_000)]
    with Project.create(path) as project:
        project.import_corpus(pd.DataFrame({"id": ids, "text": ids, "label": ["HUM", "LOC"] * 10_000}))
        project.queue(order="random", lease_seconds=1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server, crowd = start(path, port), None
    try:
        crowd = Crowd(port, n_reviewers)
        for _ in range(n_kills):
            end = time.monotonic() + 120
            while not answers(port):
                assert server.poll() is None
                assert time.monotonic() < end
                time.sleep(0.02)
            before = len(crowd.acknowledged)
            while len(crowd.acknowledged) == before and time.monotonic() < end:
                time.sleep(0.005)
            time.sleep(chance.expovariate(1 / 0.1))
            server.send_signal(signal.SIGKILL)
            server.wait()
            server = start(path, port)
    finally:
        if crowd is not None:
            crowd.end()
        server.kill()
        server.wait()
    assert crowd.refused == []
    assert crowd.acknowledged == crowd.sent
    assert len(crowd.sent) > n_kills
    with Project.open(path) as project:
        events = project.events()
        events = events[events["reviewer"].str.startswith("reviewer ")]
        assert sorted(events["uuid"]) == sorted(crowd.sent)
        assert project.check() == []
