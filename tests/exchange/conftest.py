"""A real Label Studio, installed from the index and started once for all tests that use it."""

from __future__ import annotations

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
from pathlib import Path

import pytest

MAIL, PASSWORD = "ann@example.org", "hamlet-1603"


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


@pytest.fixture(scope="session")
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
                **{"ML_BLOCK_LOCAL_IP": "False", "SSRF_PROTECTION_ENABLED": "False"},  # our backend is on this machine
                **{"COLLECT_ANALYTICS": "False", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""},
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        session = Server(f"http://127.0.0.1:{port}")
        for _ in range(1200):  # its first start takes a minute, and many where everything is busy
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
