"""Writing and reading 50,000 documents for Label Studio, beside its own import and export of the same file.

    cal benchmark label_studio                                         what cal takes
    cal benchmark label_studio --server http://localhost:8080 --user ann@example.org --password ...

Seconds are seconds on the clock. The server is one that you started (`pip install label-studio`, `label-studio start`);
the file goes through its API, and its export as JSON, with all tasks, is read back by cal. A tenth of the documents is
decided. The project is deleted afterwards.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import json
import re
import tempfile
import time
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from machine import describe

START = "pip install label-studio, label-studio start, then give --server, --user and --password"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--server", help="address of a Label Studio that runs")
    parser.add_argument("--user", default="", help="mail address to log in with")
    parser.add_argument("--password", default="")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()

    from cal.exchange.formats import read_annotated, write_annotated
    from cal.exchange.records import LabelSet

    result: dict = {"documents": given.documents, "missing": []}
    with tempfile.TemporaryDirectory() as folder:
        tasks, back = Path(folder) / "tasks.json", Path(folder) / "export.json"
        labels = LabelSet(("HUM", "LOC", "NUM"))
        seconds, written = clocked(lambda: write_annotated(documents(given.documents), labels, tasks, "label_studio"))
        result |= {"megabytes": round(tasks.stat().st_size / 1e6, 1), "write_seconds": round(seconds, 2)}
        seconds, n_read = clocked(lambda: sum(1 for _ in read_annotated(tasks, "label_studio").documents))
        result |= {"read_seconds": round(seconds, 2), "import_seconds": None, "export_seconds": None}
        if given.server is None:
            result["missing"].append(f"there is no server: {START}")
        else:
            result |= of_server(Session(given.server.rstrip("/"), given.user, given.password), written.files, back)
            seconds, n_read = clocked(lambda: sum(1 for _ in read_annotated(back, "label_studio").documents))
            result["read_export_seconds"] = round(seconds, 2)
        assert n_read == given.documents
    if given.json:
        print(json.dumps({"benchmark": "label_studio", "machine": describe(), **result}))
        return
    print(f"{given.documents:,} documents, a file of {result['megabytes']} MB")
    print(f"  cal writes it       {result['write_seconds']:8.1f} s")
    print(f"  cal reads it        {result['read_seconds']:8.1f} s")
    if result["missing"]:
        print(f"  {result['missing'][0]}")
    else:
        print(f"  Label Studio takes it   {result['import_seconds']:8.1f} s")
        print(f"  Label Studio exports it {result['export_seconds']:8.1f} s")
        print(f"  cal reads the export    {result['read_export_seconds']:8.1f} s")


def documents(n):
    """Made-up questions with a suggestion, of which each tenth is decided."""
    from cal.exchange.records import AnnotatedDocument, Answer, Suggested

    now = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(n):
        text = f"Question {number}: how far is it from here to there, and who has walked it in a day?"
        about = {"suggestions": (Suggested("HUM", number % 1000 / 1000, "run-1"),), "columns": {"source": "web"}}
        if number % 10:
            yield AnnotatedDocument(f"d-{number}", text, "LOC", "LOC", **about)
        else:
            answer = Answer(str(UUID(int=number)), "ann", "relabel", "HUM", seconds=2.5, time=now)
            yield AnnotatedDocument(f"d-{number}", text, "LOC", "HUM", "relabelled", answers=(answer,), **about)


def of_server(session, files, back):
    """Seconds in which the server takes the file and exports it again."""
    tasks, config = files
    project = json.loads(
        session.call("/api/projects", {"title": "benchmark", "label_config": config.read_text("utf-8")})
    )
    try:
        seconds, _ = clocked(lambda: session.upload(project["id"], tasks))
        result = {"import_seconds": round(seconds, 2)}
        where = f"/api/projects/{project['id']}/export?exportType=JSON&download_all_tasks=true"
        seconds, content = clocked(lambda: session.call(where))
        back.write_bytes(content)
        return result | {"export_seconds": round(seconds, 2)}
    finally:
        session.call(f"/api/projects/{project['id']}/", method="DELETE")


class Session:
    """A logged-in session with a Label Studio."""

    def __init__(self, address, user, password):
        self.address, self.cookies = address, http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.call("/user/login/").decode())[1]
        form = {"email": user, "password": password, "csrfmiddlewaretoken": token}
        self._send("/user/login/", urllib.parse.urlencode(form).encode(), {})

    def call(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        return self._send(path, data, {"Content-Type": "application/json"} if data else {}, method)

    def upload(self, project, path):
        head = f'--cal\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n'
        content = f"{head}Content-Type: application/json\r\n\r\n".encode() + path.read_bytes() + b"\r\n--cal--\r\n"
        about = {"Content-Type": "multipart/form-data; boundary=cal"}
        return self._send(f"/api/projects/{project}/import", content, about)

    def _send(self, path, data, headers, method=None):
        tokens = {"X-CSRFToken": each.value for each in self.cookies if each.name == "csrftoken"}  # noqa: B035
        headers = {"Referer": f"{self.address}/", **tokens, **headers}
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with self.opener.open(request, timeout=1_800) as answer:
            return answer.read()


def clocked(call):
    """Seconds on the clock that a call takes, and its answer."""
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


if __name__ == "__main__":
    main()
