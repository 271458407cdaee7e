"""A backend of Label Studio with a project of 40 tasks, and messages to it as Label Studio sends them."""

from __future__ import annotations

import base64
import http.client
import json
import time
from pathlib import Path

import pytest

from cal.label_studio.backend import Backend
from cal.label_studio.options import BackendOptions

CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text" choice="single"><Choice value="NUM"/><Choice value="HUM"/></Choices>
</View>"""
TEXTS = {
    i: f"How far is it from town {i} to town {7 * i % 11}?" if i % 2 else f"Who wrote book {i} of {5 * i % 7}?"
    for i in range(1, 41)
}
QUICK = {
    "features": {"lsa": {"n_components": 4}},
    "learner": {"mlp": {"hidden": [8], "n_epochs": 3}},
    "device": "cpu",
    "seed_size": 6,
    "batch": 4,
    "test_share": 0.0,
}


def options(**given):
    """Options for a backend that trains in a moment."""
    made = BackendOptions(**QUICK | given)
    made.chosen()
    return made


class Studio:
    """What Label Studio sends about a project to a backend."""

    texts = TEXTS

    def __init__(self, backend, number=3, config=CONFIG):
        self.backend, self.number, self.config = backend, number, config
        self.uid = f"{number}.1700000000"
        self.annotation = 100

    @staticmethod
    def label(task):
        """The right label of a task."""
        return "NUM" if task % 2 else "HUM"

    @property
    def project(self):
        return {"id": self.number, "created_at": "2023-11-14T22:13:20.25Z", "label_config": self.config}

    def ask(self, method, path, body=None, raw=None, **headers):
        """Status and answer of a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.backend.port, timeout=60)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if self.backend.password and "Authorization" not in sent:
                secret = base64.b64encode(f"cal:{self.backend.password}".encode()).decode()
                sent["Authorization"] = f"Basic {secret}"
            if body is not None:
                raw = json.dumps(body).encode()
            connection.request(method, path, raw, {"Content-Type": "application/json"} | sent)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()

    def post(self, path, body):
        """The answer to a message, which must be taken."""
        status, answer = self.ask("POST", path, body)
        assert status in (200, 201), answer
        return answer

    def setup(self):
        return self.post("/setup", {"project": self.uid, "schema": self.config, "hostname": "", "access_token": "x"})

    def webhook(self, action, **about):
        return self.post("/webhook", {"action": action, "project": self.project, **about})

    def send_tasks(self, texts=TEXTS):
        return self.webhook("TASKS_CREATED", tasks=[self.task(id, text) for id, text in texts.items()])

    def task(self, id, text=None):
        return {"id": id, "data": {"text": TEXTS[id] if text is None else text}, "meta": {}, "project": self.number}

    def made(self, task, choice, second=0, **about):
        """An annotation of a task, which chooses a label."""
        self.annotation += 1
        value = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [choice]}}
        annotation = {"id": self.annotation, "task": task, "completed_by": 1, "result": [value] if choice else []}
        return annotation | {"updated_at": f"2026-11-29T12:00:{second:02}.5Z", "was_cancelled": False} | about

    def annotate(self, tasks, **about):
        """Labels tasks rightly, in one message."""
        listed = list(tasks)
        made = [self.made(task, self.label(task), **about) for task in listed]
        self.webhook("ANNOTATIONS_CREATED", annotation=made, task=[self.task(task) for task in listed])
        return made

    def predict(self, tasks=TEXTS):
        return self.post(
            "/predict", {"project": self.uid, "label_config": self.config, "tasks": list(map(self.task, tasks))}
        )

    def order(self, n=None):
        """The tasks that are not decided, the next one first."""
        tasks = list(TEXTS)
        scores = {task: each["score"] for task, each in zip(tasks, self.predict(tasks)["results"], strict=True)}
        return sorted((task for task in tasks if scores[task] < 1), key=lambda task: scores[task])[:n]

    def version(self):
        return self.setup()["model_version"]

    def wait(self, number):
        """Waits until a version with this number serves."""
        end = time.monotonic() + 120
        while not (version := self.version()).startswith(f"cal-{number}-"):
            assert time.monotonic() < end, version
            time.sleep(0.05)
        return version


@pytest.fixture
def quick_options():
    """quick_options(**given): options for a backend that trains in a moment."""
    return options


@pytest.fixture(scope="session")
def connect():
    """connect(backend, number, config): what Label Studio sends about a project to a backend."""
    return Studio


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Label Studio with a backend that knows nothing, and nothing hostile must change that."""
    with Backend(tmp_path_factory.mktemp("hostile"), options(), port=0) as backend:
        yield Studio(backend)


@pytest.fixture
def serve(tmp_path):
    """serve(folder, **options): a backend in the background, which ends with the test."""
    backends = []

    def start(folder: Path = tmp_path / "learned", *, host="127.0.0.1", password=None, client=None, **given):
        told = []
        backend = Backend(
            folder, options(**given), host=host, port=0, password=password, client=client, tell=told.append
        )
        backend.told = told
        backends.append(backend)
        return backend.start()

    yield start
    for each in backends:
        each.close()


@pytest.fixture
def studio(serve):
    """Label Studio with a backend that knows its 40 tasks."""
    found = Studio(serve())
    found.setup()
    found.send_tasks()
    found.wait(1)
    return found
