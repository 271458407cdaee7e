"""Nothing outlives a command that was killed: no worker, no resource tracker, no temporary folder.

`python tests/learners/test_orphans.py 30` kills thirty commands at random moments and prints how long what was left
of each lived on.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from cal.learners.compute import in_processes
from cal.scratch import scratch_folder, sweep

SLEEPER = """
import sys, time
from cal.learners.compute import in_processes

print("ready", flush=True)
list(in_processes(time.sleep, [(600,)] * 4, 2))
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


def children(parent):
    """Processes that a process has started, as folders of /proc with the times when they began."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[1]) == parent and fields[0] != "Z":
            found.add((place, fields[19]))
    return found


def is_worker(process):
    try:
        return b"LokyProcess" in (process[0] / "cmdline").read_bytes()
    except OSError:
        return False


def lives(process):
    try:
        fields = (process[0] / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == process[1] and fields[0] != "Z"


@contextmanager
def sleeper(folder):
    """A process whose two workers sleep, with `folder` for temporary files; killed at the end, whatever happens."""
    env = os.environ | {"TMPDIR": str(folder), "JOBLIB_TEMP_FOLDER": str(folder), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    )
    assert process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for(condition):
    """What a condition returns once it is true; ten minutes are for ever, however slow the machine."""
    end = time.monotonic() + 600
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.002)
    return found


def test_workers_that_are_starting_end_with_a_killed_parent(tmp_path, monkeypatch):
    """Both workers are held before their first line of Python while the parent is killed."""
    with sleeper(tmp_path) as parent:
        # A new process has the name of its parent until it starts its own program.
        started = wait_for(
            lambda: sum(map(is_worker, found := children(parent.pid))) == 2 and len(found) == 4 and found
        )
        workers = [process for process in started if is_worker(process)]
        for place, _ in workers:
            os.kill(int(place.name), signal.SIGSTOP)
    for place, _ in workers:
        os.kill(int(place.name), signal.SIGCONT)
    assert len(workers) == 2
    wait_for(lambda: not any(map(lives, started)))
    left = list(tmp_path.iterdir())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sweep()
    assert [path.name[:12] for path in left] == ["cal-scratch-"]
    assert list(tmp_path.iterdir()) == []


def test_a_worker_whose_parent_has_ended_does_not_start():
    script = "from cal.watchdog import end_with; end_with(1 << 30); print('lives on')"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, b"", b"")


def test_folders_of_living_processes_and_of_others_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "cal-scratches").mkdir()
    (tmp_path / "cal-scratch-ours").mkdir()
    with scratch_folder() as one, scratch_folder() as other:
        sweep()
        assert sorted(tmp_path.iterdir()) == sorted([one, other, tmp_path / "cal-scratches"])
    assert [path.name for path in tmp_path.iterdir()] == ["cal-scratches"]


def test_workers_can_be_used_from_several_threads_in_turn():
    """The kernel ends workers with the thread that started them, so only those of the main thread are tied to it."""
    found = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: found.extend(in_processes(abs, [(-1,), (-2,)], 2)))
        thread.start()
        thread.join()
    assert found == [1, 2, 1, 2]


def main(n):
    """Kills commands at random moments, most of them while workers start."""
    chance = random.Random(0)
    for number in range(n):
        folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
        with sleeper(folder) as parent:
            time.sleep(chance.uniform(0, 4))
            started = children(parent.pid)
            workers = sum(map(is_worker, started))
        killed = time.monotonic()
        wait_for(lambda started=started: not any(map(lives, started)))
        print(f"{number}: {len(started)} processes, {workers} workers: {time.monotonic() - killed:.2f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
