"""`cal annotate serve` and `cal annotate demo` as people start and stop them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pandas as pd
import pytest

from cal.annotation import Project
from cal.cli import main
from cal.errors import ConfigError

CORPUS = {"id": ["a", "b", "c"], "text": ["How far?", "Who?", "How old?"], "label": ["X", "Y", "X"]}


@pytest.fixture
def path(tmp_path):
    with Project.create(tmp_path / "reviews.db") as project:
        project.import_corpus(pd.DataFrame(CORPUS))
    return tmp_path / "reviews.db"


@contextmanager
def command(*words, **options):
    """The command line in a process of its own."""
    given = [sys.executable, "-m", "cal", "annotate", *map(str, words), "--no-browser"]
    with subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_at_once_although_browsers_listen(path, number):
    with command("serve", path) as process:
        told = process.stdout.readline()
        assert told.startswith(f"The labelling page of {path} is at http://127.0.0.1:")
        port = int(told.rstrip().rstrip("/").rpartition(":")[2])
        listening = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(3)]
        for each in listening:
            each.sendall(f"GET /api/changes?after=0 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            assert b"200 OK" in each.recv(400)
        process.send_signal(number)
        said = process.communicate(timeout=20)[0]
        for each in listening:
            each.close()
        assert process.returncode == 0
        assert "Stopped." in said
        assert "Cancel" not in said  # what uvicorn says once it has waited for browsers that do not go
        assert "Traceback" not in said
    assert not path.with_name("reviews.db-wal").exists()  # everything is in the one file


def test_a_browser_is_opened_at_the_address_that_was_printed_first(path, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    given = [sys.executable, "-m", "cal", "annotate", "serve", str(path)]
    env = {**os.environ, "BROWSER": f"{browser} %s"}
    with subprocess.Popen(given, stdout=subprocess.PIPE, text=True, env=env) as process:
        address = process.stdout.readline().split()[-1]
        end = time.monotonic() + 20
        while not (tmp_path / "opened").exists() and time.monotonic() < end:
            time.sleep(0.05)
        with urllib.request.urlopen(address) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
    assert (tmp_path / "opened").read_text().strip() == address


def test_others_get_a_link_each_whose_secret_is_behind_the_hash(path):
    with command("serve", path, "--host", "0.0.0.0", "reviewers=[Ann,Bob]") as process:
        said = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
    assert "Everybody opens their own link, which is like a password:" in said[0]
    assert "  Ann: http://" in said[2]
    assert all(line.partition("/#token=")[2] for line in said[1:])


@pytest.mark.parametrize(
    ("words", "what_to_do"),
    [
        ([], "There is no project to open"),
        ([], "cal annotate import reviews.db"),
        ([], "cal annotate demo"),
        (["nowhere.db"], "Make one: cal annotate import nowhere.db"),
        (["nowhere.db"], "cal annotate demo"),
        (["notes.txt"], "is not a project"),
        (["."], "is a folder"),
        (["reviews.db", "--host", "203.0.113.7"], "This machine has no address"),
        (["reviews.db", "--host", "no.such.host.invalid"], "This machine has no address"),
        (["reviews.db", "--port", "70000"], "at most 65535"),
        (["reviews.db", "--port", "-1"], "port"),
    ],
)
def test_what_cannot_be_served_says_what_to_do(path, words, what_to_do, monkeypatch, capsys):
    monkeypatch.chdir(path.parent)
    path.with_name("notes.txt").write_text("not a database")
    assert main(["annotate", "serve", "--no-browser", *words]) == 1
    said = capsys.readouterr()
    assert what_to_do in said.err
    assert said.out == ""


def test_a_port_that_is_taken_is_named_and_the_advice_works(path, monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["annotate", "serve", str(path), "--no-browser", "--port", str(port)]) == 1
        assert f"Port {port} is taken" in capsys.readouterr().err
        with Project.open(path) as project, project.serve() as server:  # without a port: a free one
            assert server.port != port
            with urllib.request.urlopen(server.address) as answer:
                assert answer.status == 200


@pytest.mark.slow
def test_without_the_extra_it_says_how_to_install_it(path, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "uvicorn.py").write_text("raise ModuleNotFoundError(\"No module named 'uvicorn'\", name='uvicorn')\n")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")])}
    for words in (("serve", path), ("demo", tmp_path / "demo.db")):
        with command(*words, env=env) as process:
            said = process.communicate(timeout=60)[0]
        assert process.returncode == 1
        assert "needs the package uvicorn: pip install 'cartography-active-learning[page]'" in said
        assert said.count("\n") == 1
    assert not (tmp_path / "demo.db").exists()


def test_a_project_that_may_only_be_read_is_shown_with_a_warning(path):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    path.chmod(0o444)
    with Project.open(path) as project:
        if os.access(path, os.W_OK):  # the superuser may write; what SQLite says then is what a setting makes it say
            project.engine.dispose()
            import sqlalchemy as sa

            sa.event.listen(project.engine, "connect", lambda each, _: each.execute("PRAGMA query_only = ON"))
        with project.serve() as server:
            assert "readonly" in server.read_only
            assert "Make the file and its folder writable" in server.read_only
            with urllib.request.urlopen(f"{server.address}api/about") as answer:
                assert answer.status == 200


def test_a_server_shows_itself_in_a_notebook_without_secrets(path):
    with Project.open(path) as project:
        with project.serve() as server:
            assert f'href="{server.address}"' in server._repr_html_()
            assert server.opens == server.address
        with project.serve(host="0.0.0.0", reviewers=["Ann"]) as server:
            secret = server.links["Ann"].partition("#token=")[2]
            assert len(secret) > 20
            assert secret not in server._repr_html_() + repr(server)
            assert server.opens == next(iter(server.links.values()))


def test_a_script_waits_until_the_server_is_closed(path):
    import threading

    with Project.open(path) as project:
        server = project.serve()
        threading.Timer(0.3, lambda: setattr(server._server, "should_exit", True)).start()
        server.wait()
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(server.address)


def test_a_wrong_argument_of_serve_is_named(path):
    with Project.open(path) as project:
        with pytest.raises(ConfigError, match="port must be a whole number or None"):
            project.serve(port="8000")
        with pytest.raises(ConfigError, match="reviewer"):
            project.serve(host="0.0.0.0", reviewers=["\n"])


def test_the_help_is_there_at_once():
    before = time.monotonic()
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cal", "annotate", "serve", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert time.monotonic() - before < 5
    assert "--no-browser" in said.stdout
    assert not {"fastapi", "sqlalchemy", "numpy"} & {line.split("|")[-1].strip() for line in said.stderr.splitlines()}


@pytest.fixture(scope="module")
def demo_file(tmp_path_factory):
    from cal.annotation import make_demo

    path = tmp_path_factory.mktemp("demo") / "review.db"
    make_demo(path, max_per_class=50, rate=0.1, quiet=True).close()
    return path


@pytest.fixture
def demo(demo_file, tmp_path):
    return shutil.copy(demo_file, tmp_path / "review.db")


@pytest.mark.slow
def test_it_holds_a_map_a_ranking_a_queue_and_wrong_labels_that_nothing_gives_away(demo):
    import json

    with Project.open(demo) as project:
        status = project.status()
        assert status.injected.n == 24
        assert status.documents == 240
        assert [each.order for each in project.queues] == ["sampled"]
        task = project.next("Ann")
        assert task.suggestion is not None
        assert task.point is not None
        assert not task.columns
        assert task.document.startswith("doc-")
        frame = project.to_frame()
        with project.serve(port=0) as server:
            request = urllib.request.Request(f"{server.address}api/about", headers={"Cal-Reviewer": "Ann"})
            with urllib.request.urlopen(request) as answer:
                about = json.load(answer)
    assert "injected" not in json.dumps(about)
    assert "injected" not in " ".join(frame.columns)


@pytest.mark.slow
def test_who_reads_well_is_told_so(demo):
    from cal.annotation.store.schema import DOCUMENT
    from cal.annotation.store.settings import read_settings

    with Project.open(demo) as project:
        with project.reading() as connection:
            right = read_settings(connection)["injected"]
            numbers = {row.external_id: str(row.id) for row in connection.execute(DOCUMENT.select())}
        names = {each.id: each.name for each in project.labels}
        for _ in range(20):
            task = project.next("Ann")
            label = right.get(numbers[task.document])
            action = ("keep",) if label is None else ("relabel", names[label])
            project.decide_all([task.decision(*action)])
        found = project.status().injected
        assert found.read == 20
        assert found.met == found.found == found.mended > 5
        assert found.also_changed == 0
        assert str(found).startswith(f"Found: {found.met} of {found.met} labels made wrong on purpose, among 20 read;")
        assert str(found) in str(project.status())
        assert project.status().as_data()["injected"]["mended"] == found.mended


@pytest.mark.slow
def test_it_is_opened_again_with_its_decisions_and_says_how_to_start_over(demo):
    with Project.open(demo) as project:
        project.decide_all([project.next("Ann").decision("keep")])
    with command("demo", demo) as process:
        said = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        end = process.communicate(timeout=20)[0]
    assert "was there and is opened with its decisions. To start over, delete the file." in said[0]
    assert "http://127.0.0.1:" in said[1]
    assert "among 1 read" in end
    assert f"To go on: cal annotate demo {demo}" in end


def test_a_project_of_ones_own_is_left_alone(path, capsys):
    before = path.read_bytes()
    assert main(["annotate", "demo", "--no-browser", str(path)]) == 1
    assert "is a project of your own, not the demo" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_taken_port_is_refused_before_the_work(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ["annotate", "demo", "--no-browser", "--port", str(taken.getsockname()[1])]
        assert main([*words, str(tmp_path / "new.db")]) == 1
    assert "is taken" in capsys.readouterr().err
    assert not (tmp_path / "new.db").exists()
