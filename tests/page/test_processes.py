"""The server as a process of its own: what it prints, and how it ends."""

import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from cal.annotation import Project
from cal.annotation.store.reviewer_links import links


class Process:
    """`cal annotate serve` of a project, with all that it has printed."""

    def __init__(self, path, *words):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "cal",
            "annotate",
            "serve",
            str(path),
            "--no-browser",
            "--port",
            str(self.port),
        ]
        self.running = subprocess.Popen(
            [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.lines = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def wait(self):
        self.wait_for("Ctrl-C stops it; everything that was decided is kept.")
        self.wait_until_it_answers()
        return self

    def read(self):
        for line in self.running.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, line):
        start = time.monotonic()
        while line not in self.lines:
            assert self.running.poll() is None, self.lines
            assert time.monotonic() - start < 60, self.lines
            time.sleep(0.02)

    def wait_until_it_answers(self):
        start = time.monotonic()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() - start < 30
                time.sleep(0.02)

    def stop(self, how=signal.SIGINT):
        """Seconds until it has ended, and its exit code."""
        start = time.monotonic()
        self.running.send_signal(how)
        code = self.running.wait(30)
        took = time.monotonic() - start
        self.reader.join()
        return took, code


@pytest.fixture
def run(small):
    """run(*words): the command for the small project."""
    started = []

    def start(*words):
        started.append(Process(small.address, *words))
        return started[-1].wait()

    yield start
    for each in started:
        if each.running.poll() is None:
            each.running.kill()
        each.running.wait()
        each.reader.join()
        each.running.stdout.close()


def test_ctrl_c_ends_it_at_once_though_pages_are_open(run, client):
    process = run()
    streams = []
    for _ in range(5):
        stream = socket.create_connection(("127.0.0.1", process.port), timeout=10)
        stream.sendall(b"GET /api/changes HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200 OK" in stream.recv(4096)
        streams.append(stream)
    took, code = process.stop()
    for each in streams:
        each.close()
    assert took < 10  # a second or two, unless the machine is busy
    assert code == 0
    assert "Cancel" not in "\n".join(process.lines)  # it has not waited for pages in vain
    assert "Traceback" not in "\n".join(process.lines)


@pytest.mark.slow
def test_secrets_are_printed_once_and_never_again(run, client, small):
    process = run("--host", "0.0.0.0", "reviewers=bob")
    at_start = list(process.lines)
    tokens = links(small)
    assert len(tokens) == 2
    for name, token in tokens.items():
        assert [f"  {name}: " in line for line in at_start if token in line] == [True]
        assert f"/#token={token}" in "\n".join(at_start)  # behind a #, which no browser sends
    for token in tokens.values():
        asks = client(process, None, Cookie=f"cal_session_{process.port}={token}")
        answers = [
            *(asks.get("/api/about"), asks.get(f"/api/{token}"), asks.get(f"/?token={token}"), asks.decide(token)),
            *(asks.post("/api/session", {"token": token, "x": 1}), asks.post("/api/session", {"token": [token]})),
            *(asks.post(f"/{token}", {}), asks.get("/api/about", Host=token), asks.get("/%00")),
        ]
        assert {200, 400, 404, 422} <= {each.status for each in answers}
        asks.ask("FOO", "/")
    with socket.create_connection(("127.0.0.1", process.port)) as garbage:
        garbage.sendall(f"{token}\r\n\r\n".encode())
        garbage.recv(1000)
    process.stop()
    later = "\n".join(process.lines[len(at_start) :])
    assert [token for token in tokens.values() if token in later] == []


def test_secrets_are_in_no_exception(small):
    from cal.annotation.store.reviewer_links import make_links
    from cal.errors import StorageError

    with small.writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refused BEFORE UPDATE ON reviewer BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    with pytest.raises(StorageError) as caught:
        make_links(small, ["ann"])
    assert "refused" in str(caught.value)
    assert "[SQL" not in str(caught.value)
    assert "parameters hidden" in str(caught.value.__cause__)


@pytest.mark.slow
def test_a_project_that_is_served_can_be_opened_beside_it(run, client, small):
    process = run()
    assert client(process).decide("q1").status == 200
    with Project.open(small.address) as beside:
        beside.decide("q2", "skip", reviewer="bob")
    assert client(process).get("/api/document?number=1").status == 200
