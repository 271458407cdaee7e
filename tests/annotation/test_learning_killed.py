"""Worker and server that are killed under people who label: every decision is there, and the batches are the same."""

import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.learning.options import LearningOptions
from cal.annotation.learning.roles import RESERVE
from cal.annotation.learning.starting import start_learning
from cal.annotation.learning.worker import Worker
from cal.annotation.store.schema import DRAW

KILLER = Path(__file__).with_name("killed_learning.py")
WORDS = {"NUM": ["far", "many", "much", "long"], "HUM": ["wrote", "sang", "painted", "ruled"]}
OPTIONS = {
    **{"features": {"lsa": {"n_components": 8}}, "learner": {"small_mlp": {"n_epochs": 3}}, "check_share": 0.0},
    **{"seed_size": 10, "batch": 6, "reserve": 12, "test_share": 0.2, "seed": 5},
}


def label_of(text):
    return next(label for label, words in WORDS.items() if text.split()[2] in words)


def fill(project):
    chance = random.Random(0)
    texts = [
        f"who or {chance.choice(WORDS[chance.choice([*WORDS])])} the {chance.choice(WORDS['NUM'])} thing {i}"
        for i in range(1500)
    ]
    project.import_texts(texts)
    project.learn(labels=[*WORDS], **OPTIONS)


class People:
    """Two who label through the page, and send again what was not acknowledged, with the same ids."""

    def __init__(self, port):
        self.port, self.stop, self.sent, self.acknowledged = port, threading.Event(), set(), set()
        self.threads = [threading.Thread(target=self.label, args=(each,)) for each in range(2)]
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
                    assert answer.status == 200, said
                    return said
            except (OSError, http.client.HTTPException, ValueError):
                pass  # it is away
            finally:
                connection.close()
            time.sleep(0.02)

    def label(self, i):
        reviewer, chance = f"reviewer {i}", random.Random(i)
        while not self.stop.is_set():
            for task in self.send(reviewer, "/api/tasks", {"n": 2})["tasks"]:
                id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
                of = {key: task[key] for key in ("document", "queue", "position", "digest", "version", "run", "seen")}
                action = {0: "skip", 1: "ambiguous"}.get(chance.randrange(20), "relabel")
                label = label_of(task["text"]) if action == "relabel" else None
                self.sent.add(id)
                decision = {"id": id, "action": action, "label": label, **of}
                self.send(reviewer, "/api/decisions", {"decisions": [decision]})
                self.acknowledged.add(id)
                if chance.random() < 0.1:
                    undo = str(uuid.UUID(int=chance.getrandbits(128), version=4))
                    self.sent.add(undo)
                    self.send(reviewer, "/api/undo", {"id": undo, "event": id})
                    self.acknowledged.add(undo)
                time.sleep(0.02)

    def end(self):
        self.stop.set()
        for each in self.threads:
            each.join(120)
            assert not each.is_alive()


def batches(project):
    """What must be the same of each batch, whoever has made it."""
    with project.reading() as connection:
        query = sa.select(DRAW.c.batch, DRAW.c.role, DRAW.c.document_id).where(DRAW.c.role != RESERVE)
        drawn = sorted(map(tuple, connection.execute(query)))
    of = [(each.batch, each.round, each.after_seq, dict(each.record.counts)) for each in project.learning.batches]
    return of, drawn


@pytest.mark.slow
def test_every_decision_is_there_and_the_batches_are_those_of_a_worker_that_lived(tmp_path):
    n_kills = 50
    with Project.create(tmp_path / "killed.db") as project:
        fill(project)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, str(KILLER), str(tmp_path / "killed.db"), str(port), str(n_kills), "1"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killer:
        people = People(port)
        try:
            assert killer.stdout.readline() == "killed\n"
            with Project.open(tmp_path / "killed.db") as project:
                before, end = len(project.learning.batches), time.monotonic() + 120
                while len(project.learning.batches) < max(before + 2, 6):
                    assert time.monotonic() < end, project.learning
                    time.sleep(0.1)
        finally:
            people.end()
            killer.stdin.close()
    assert people.acknowledged == people.sent
    assert len(people.sent) > n_kills
    with Project.open(tmp_path / "killed.db") as project, Project.create(tmp_path / "lived.db") as lived:
        events = project.events()
        decided = events[events["reviewer"].str.startswith("reviewer ")]
        assert sorted(decided["uuid"]) == sorted(people.sent)
        assert project.check() == []
        fill(lived)
        queue, options, _ = start_learning(lived, LearningOptions())
        n = len(project.learning.batches)
        with Worker(lived, queue, options) as worker:
            for row in decided.itertuples():
                if row.action == "undo":
                    lived.undo(reviewer=row.reviewer, event=row.undoes)
                else:
                    label = row.new_value if row.action == "relabel" else None
                    lived.decide(row.document, row.action, label, reviewer=row.reviewer, id=row.uuid)
                if len(lived.learning.batches) < n:
                    worker.step()
        assert batches(project) == batches(lived)
