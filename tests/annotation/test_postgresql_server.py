"""The PostgreSQL server of the tests: each test has a database of its own, and a killed session leaves nothing."""

import fcntl
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest


@pytest.mark.parametrize("_", range(2))
def test_each_test_has_an_empty_database(postgresql, _):
    with psycopg.connect(postgresql) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        connection.execute("CREATE TABLE mark (n integer)")


def test_a_killed_session_leaves_no_server_and_no_files(tmp_path):
    hold = "import fcntl, sys, time; users = open(sys.argv[1], 'a'); fcntl.flock(users, fcntl.LOCK_SH); time.sleep(60)"
    session = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path / "users")])
    server = Path(__file__).with_name("postgresql_server.py")
    with (tmp_path / "users").open("a") as users:
        while True:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(users, fcntl.LOCK_UN)
            except BlockingIOError:
                break
    subprocess.run([sys.executable, str(server), str(tmp_path)], check=True)
    folder = Path((tmp_path / "url").read_text().partition("host=")[2])
    assert (folder / "data").exists()
    session.kill()
    session.wait()
    deadline = time.monotonic() + 30
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.exists()
    assert not (tmp_path / "url").exists()
