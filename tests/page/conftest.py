"""Real servers of small projects, and requests to them as programs send them."""

from __future__ import annotations

import http.client
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest
import sqlalchemy as sa

from cal.annotation import Project
from cal.annotation.store.schema import DOCUMENT
from cal.page import Server


@dataclass(frozen=True)
class Answer:
    """An answer: its status, its headers in lower case, and what it says."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """What an error says; the shape of errors is checked on the way."""
        error = self.json["error"]
        assert set(error) == {"kind", "message", "problems", "facts"}
        return str(error["message"])


class Client:
    """A program that asks a server, as a reviewer."""

    def __init__(self, server: Server, reviewer: str | None = "ann", **headers: str) -> None:
        self.server, self.headers = server, headers
        if reviewer is not None:
            self.headers["Cal-Reviewer"] = quote(reviewer, safe="")

    def ask(self, method: str, path: str, body: Any = None, raw: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
            if body is not None:
                raw = json.dumps(body).encode()
            if raw is not None:
                sent = {"Content-Type": "application/json"} | sent
            connection.request(method, path, raw, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.ask("POST", path, body, **headers)

    def decide(self, document: str, action: str = "skip", **more: Any) -> Answer:
        decision = {"id": str(uuid.uuid4()), "document": document, "action": action, **more}
        return self.post("/api/decisions", {"decisions": [decision]})


@pytest.fixture
def client() -> type[Client]:
    """Client(server, reviewer): a program that asks a server."""
    return Client


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a project of 30 documents q0, q1, ... with a queue, to copy."""
    path = tmp_path_factory.mktemp("page") / "small.db"
    rows = range(30)
    labels = [("HUM", "LOC", "NUM")[i % 3] for i in rows]
    corpus = {"id": [f"q{i}" for i in rows], "text": [f"Who is {i}?" for i in rows], "label": labels, "year": rows}
    with Project.create(path) as project:
        project.import_corpus(pd.DataFrame(corpus))
        project.queue(order="random")
    return path


@pytest.fixture
def small(small_file: Path, tmp_path: Path) -> Iterator[Project]:
    """Such a project in a file of its own."""
    with Project.open(shutil.copy(small_file, tmp_path)) as project:
        yield project


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """serve(project, host=..., links=...): a server in the background, which ends with the test."""
    servers = []

    def start(project: Project, **options: Any) -> Server:
        server = Server(project, port=0, **options).start()
        servers.append(server)
        return server

    yield start
    for each in servers:
        each.close()


@pytest.fixture
def server(serve: Callable[..., Server], small: Project) -> Server:
    """A server of the small project for this machine."""
    return serve(small)


@pytest.fixture
def ann(server: Server) -> Client:
    """Ann, who asks the server of the small project."""
    return Client(server)


@pytest.fixture
def number() -> Callable[[Project, str], int]:
    """number(project, id): the number of a document."""

    def find(project: Project, id: str) -> int:
        with project.reading() as connection:
            query = sa.select(DOCUMENT.c.id).where(DOCUMENT.c.external_id == id)
            return int(connection.execute(query).scalar_one())

    return find
