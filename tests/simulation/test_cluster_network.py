"""A cluster whose workers are other hosts, as far as the network goes: a scheduler here, each worker in a namespace."""

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
QUICK = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s", "OMP_NUM_THREADS": "1"}


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


@contextmanager
def host(number: int):
    """A network namespace with an address of its own; gives its name, and the name of the link to it."""
    name, link, address = f"cal{os.getpid()}-{number}", f"cal{number}", f"10.231.{number}"
    try:
        ip(f"netns add {name}")
        ip(f"link add {link} type veth peer name inner netns {name}")
        ip(f"addr add {address}.1/24 dev {link}")
        ip(f"link set {link} up")
        for words in (f"addr add {address}.2/24 dev inner", "link set inner up", "link set lo up"):
            ip(f"-n {name} {words}")
    except (OSError, subprocess.CalledProcessError) as error:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        pytest.skip(f"This system lets us make no network namespaces: {getattr(error, 'stderr', error)!r}")
    try:
        yield name, link
    finally:
        ip(f"netns del {name}")


@contextmanager
def running(words):
    process = subprocess.Popen(words, env=os.environ | QUICK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not shutil.which("ip"), reason="The command ip is not installed.")
def test_a_worker_that_is_cut_off_changes_nothing(small, simulated, kept, tmp_path):
    many = small | {"seeds": list(range(6)), "rounds": 8}
    simulated(**many, output=tmp_path / "alone")
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    with ExitStack() as running_now:
        hosts = [running_now.enter_context(host(number)) for number in (1, 2)]
        told = tmp_path / "scheduler.json"
        words = [*dask, "--host", "0.0.0.0", "--port", "0", "--no-dashboard", "--scheduler-file", told]
        running_now.enter_context(running(words))
        while not told.exists():
            time.sleep(0.1)
        time.sleep(0.5)
        port = distributed.Client(scheduler_file=str(told), set_as_default=False).scheduler.address.rpartition(":")[2]
        for number, (name, _) in enumerate(hosts, 1):
            worker = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://10.231.{number}.1:{port}"]
            options = ["--nthreads", "1", "--no-dashboard", "--local-directory", tmp_path / name]
            running_now.enter_context(running(["ip", "netns", "exec", name, *worker, *options]))
        client = distributed.Client(f"tcp://127.0.0.1:{port}", set_as_default=False)
        running_now.callback(client.close)
        client.wait_for_workers(2, timeout=60)
        cut = threading.Thread(target=cut_off, args=(tmp_path / "out", hosts[0][1]))
        cut.start()
        simulated(**many, output=tmp_path / "out", cluster=client)
        cut.join()
        assert len(client.scheduler_info()["workers"]) == 1
    assert kept(tmp_path / "out") == kept(tmp_path / "alone")


def cut_off(folder, link):
    """Takes a link down when a third of the runs have several rounds."""
    while sum(path.read_bytes().count(b"\n") > 2 for path in folder.glob("rounds/*")) < 6:
        time.sleep(0.05)
    ip(f"link set {link} down")
