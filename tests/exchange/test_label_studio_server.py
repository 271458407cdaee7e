"""A real Label Studio server takes our file, is labelled through its API, and gives everything back."""

import http.cookiejar
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import venv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cal.exchange.formats import find_format, read_annotated, write_annotated
from cal.exchange.records import AnnotatedDocument, Answer, LabelSet, Suggested

pytestmark = pytest.mark.slow
MAIL, PASSWORD = "ann@example.org", "hamlet-1603"
START = datetime(2026, 11, 28, 12, tzinfo=UTC)
LABELS = LabelSet(("ENTY", "HUM", 'has "quotes" & <tags>'), "Who is a person?", {"HUM": "#0072B2"})


class Server:
    """A logged-in session with a server."""

    def __init__(self, address):
        self.address = address
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def call(self, path, body=None, form=None, method=None):
        headers = {"Referer": f"{self.address}/"}
        if token := self.token():
            headers["X-CSRFToken"] = token
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        elif form is not None:
            data = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with self.opener.open(request, timeout=60) as answer:
            return answer.read()

    def token(self):
        return next((each.value for each in self.cookies if each.name == "csrftoken"), None)

    def log_in(self):
        page = self.call("/user/login/").decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        self.call("/user/login/", form={"email": MAIL, "password": PASSWORD, "csrfmiddlewaretoken": token})
        return self

    def upload(self, project, path):
        boundary = "----------cal"
        content = (
            (
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n'
                "Content-Type: application/json\r\n\r\n"
            ).encode()
            + path.read_bytes()
            + f"\r\n--{boundary}--\r\n".encode()
        )
        request = urllib.request.Request(
            f"{self.address}/api/projects/{project}/import",
            content,
            {
                "Content-Type": f"multipart/form-data; boundary={boundary}",
                "X-CSRFToken": self.token(),
                "Referer": f"{self.address}/",
            },
        )
        with self.opener.open(request, timeout=60) as answer:
            return json.load(answer)


def installed(folder):
    """The program of a Label Studio of its own: the one that LABEL_STUDIO names, or a fresh one from the index."""
    if named := os.environ.get("LABEL_STUDIO"):
        return Path(named)
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--retries", "1", "label-studio"], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"label-studio cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return folder / "env" / "bin" / "label-studio"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if sys.platform == "win32":
        pytest.skip("the test starts programs as Unix does")
    folder = tmp_path_factory.mktemp("label_studio")
    program = installed(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "start", "--no-browser", "--port", str(port), "--username", MAIL, "--password", PASSWORD],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
                **{"LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"), "HOME": str(folder)},
                **{"COLLECT_ANALYTICS": "False", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""},
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        session = Server(f"http://127.0.0.1:{port}")
        for _ in range(240):
            try:
                session.call("/health")
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None, (folder / "log").read_text()[-3000:]
                time.sleep(0.5)
        yield session.log_in()
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def given_documents():
    hostile = "=1+1 \"quoted\"; 'single'\r\nline\u2028two \x00 \ud83d 😀 <b>&amp;</b>"
    answer = Answer(
        *("0f0f7a3e-2f0b-4f5f-8d4e-1b1d7f3f8a01", "bob", "relabel", "HUM", "surely", 2.5),
        START + timedelta(microseconds=7),
        Suggested("HUM", 0.9, "run-1"),
    )
    skipped = Answer("0f0f7a3e-2f0b-4f5f-8d4e-1b1d7f3f8a02", "bob", "skip", seconds=1.25, time=START)
    doubtful = Answer("0f0f7a3e-2f0b-4f5f-8d4e-1b1d7f3f8a03", "eve", "ambiguous", None, "either", 4.0, START)
    high = (Suggested("HUM", 0.93, "run-1"), Suggested("ENTY", None, "run-2"))
    return [
        AnnotatedDocument("q-0", "Who wrote Hamlet ?", "ENTY", "ENTY", split="train", suggestions=high),
        AnnotatedDocument("q-1", hostile, "ENTY", "HUM", "relabelled", suggestions=high, answers=(answer,)),
        AnnotatedDocument("q-2", "What bird ?", "HUM", "HUM", "skipped", answers=(skipped,)),
        AnnotatedDocument("q-3", "Either ?", "HUM", "HUM", "ambiguous", answers=(doubtful,)),
        AnnotatedDocument(
            "q-4", "What is <b> ?", LABELS.names[2], LABELS.names[2], columns={"id": 7, "n": 1.5, "s": "007"}
        ),
        AnnotatedDocument("q-5", "No label ?", sequences=(("No", "label ?"),)),
        AnnotatedDocument("q-6", "Nobody reads this", "ENTY", "ENTY"),
    ]


def chosen(label, field="label"):
    value = {"choices": [label]}
    return {"id": f"{field}1", "from_name": field, "to_name": "text", "type": "choices", "value": value}


def written(comment):
    about = {"id": "c1", "from_name": "cal_comment", "to_name": "text", "type": "textarea"}
    return about | {"value": {"text": [comment]}}


ASKED = {
    "q-0": ({"result": [chosen("HUM"), written("a person")], "lead_time": 3.5}, ("relabel", "HUM", "a person", 3.5)),
    "q-1": ({"result": [chosen("ENTY")], "lead_time": 1.5}, ("keep", None, "", 1.5)),
    "q-2": ({"result": [chosen("exclude", "cal_action")]}, ("exclude", None, "", None)),
    "q-4": ({"result": [chosen(LABELS.names[2])], "lead_time": 9.0}, ("keep", None, "", 9.0)),
    "q-5": ({"result": [], "was_cancelled": True}, ("skip", None, "", None)),
}


@pytest.fixture(scope="module")
def project(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    documents = given_documents()
    tasks, config = write_annotated(documents, LABELS, folder / "tasks.json", "label_studio").files
    made = json.loads(server.call("/api/projects", {"title": "cal", "label_config": config.read_text("utf-8")}))
    assert server.upload(made["id"], tasks)["task_count"] == len(documents)
    listed = json.loads(server.call(f"/api/tasks?project={made['id']}&fields=all&page_size=100"))["tasks"]
    ids = {task["data"]["cal_id"]: task["id"] for task in listed}
    for document, (annotation, _) in ASKED.items():
        server.call(f"/api/tasks/{ids[document]}/annotations/", annotation)
    return made["id"], documents, folder


def export(server, project, folder, kind):
    path = folder / f"export-{kind.lower()}"
    if kind == "SNAPSHOT":
        made = json.loads(server.call(f"/api/projects/{project}/exports/", {"title": "all"}))
        path.write_bytes(server.call(f"/api/projects/{project}/exports/{made['id']}/download?exportType=JSON"))
    else:
        path.write_bytes(server.call(f"/api/projects/{project}/export?exportType={kind}&download_all_tasks=true"))
    return path


@pytest.mark.parametrize("kind", ["JSON", "SNAPSHOT", "JSON_MIN", "CSV", "TSV"])
def test_decisions_come_back_exactly(server, project, kind):
    number, documents, folder = project
    path = export(server, number, folder, kind)
    assert find_format(path) == "label_studio"
    reading = read_annotated(path)
    back = {document.id: document for document in reading.documents}
    assert not reading.losses.message()
    for document in documents:
        expected = ASKED.get(document.id, (None, None))[1]
        actions = {*(each.action for each in document.answers), *(expected or ())[:1]}
        if actions == {"skip"} and kind not in ("JSON", "SNAPSHOT"):
            assert document.id not in back  # these exports leave it out
            continue
        found = back[document.id]
        if expected is None:
            assert found == document
            continue
        *old, new = found.answers
        assert tuple(old) == document.answers
        assert (new.action, new.label, new.comment, new.seconds) == expected
        assert new.reviewer == "1"
        assert new.time.tzinfo is not None
        same = ("text", "given", "split", "suggestions", "columns", "sequences")
        assert [getattr(found, name) for name in same] == [getattr(document, name) for name in same]
    again = {document.id: document for document in read_annotated(path).documents}
    assert again == back  # ids of answers, too


def test_an_annotation_that_is_edited_there_is_another_answer(server, project):
    number, documents, folder = project
    path = export(server, number, folder, "JSON")
    [task] = [each for each in json.loads(path.read_bytes()) if each["data"]["cal_id"] == "q-1"]
    ours = documents[1].answers[0]
    [annotation] = [each for each in task["annotations"] if each["import_id"]]
    time.sleep(1.1)
    server.call(f"/api/annotations/{annotation['id']}/", {"result": [chosen(LABELS.names[2])]}, method="PATCH")
    [found] = [each for each in read_annotated(export(server, number, folder, "JSON")).documents if each.id == "q-1"]
    assert ours in found.answers
    assert [each.label for each in found.answers if each.action == "relabel"] == ["HUM", LABELS.names[2]]
    assert len({each.id for each in found.answers}) == 3
