"""Simulations on a Dask cluster end as those of processes of this machine, whoever dies in between."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from cal.config import compose
from cal.errors import ConfigError, StrategyError
from cal.learners import cluster_tasks
from cal.learners.cluster_tasks import ClusterTasks
from cal.learners.clusters import Kubernetes, Scheduler, Slurm, as_cluster
from cal.learners.mlp import MLP
from cal.pickled import read_pickled, write_pickled
from cal.simulation.request import SimulationRequest

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    """Two workers in processes of their own."""
    ports = {"scheduler_port": 0, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **ports) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            yield client


@pytest.fixture(scope="module")
def alone(simulated, tmp_path_factory):
    """The folder of the simulation in this process."""
    folder = tmp_path_factory.mktemp("alone")
    simulated(output=folder, full_data=True)
    return folder


def test_a_cluster_keeps_the_same_bytes(client, kept, simulated, alone, tmp_path):
    simulated(output=tmp_path, full_data=True, cluster=client)
    assert kept(tmp_path) == kept(alone)
    assert not list(tmp_path.glob(".plan*"))


def test_workers_that_do_not_see_the_folder_send_the_same_bytes(client, kept, simulated, alone, tmp_path, monkeypatch):
    monkeypatch.setattr(ClusterTasks, "see", lambda *_: False)
    simulated(output=tmp_path, full_data=True, cluster=client)
    assert kept(tmp_path) == kept(alone)


@pytest.mark.parametrize("shared", [True, False])
def test_finished_rounds_are_kept(client, kept, simulated, alone, tmp_path, monkeypatch, shared):
    """Each run has another number of them, and a last line may be cut short."""
    monkeypatch.setattr(ClusterTasks, "see", lambda *_: shared)
    simulated(output=tmp_path, full_data=True)
    for number, path in enumerate(sorted(tmp_path.glob("rounds/*.jsonl"))):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[: number % 4]) + b'{"rou' * (number % 4 < len(lines)))
    simulated(output=tmp_path, full_data=True, cluster=client)
    assert kept(tmp_path) == kept(alone)


def test_a_run_that_fails_on_a_worker_fails_here(client, simulated, tmp_path):
    with pytest.raises(StrategyError, match="failing failed: TypeError: no number"):
        simulated(strategies=["random", failing], cluster=client, output=tmp_path)


def failing(pool):
    raise TypeError("no number")


def test_workers_with_several_threads_are_refused(simulated):
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, scheduler_port=0, dashboard_address=":0"
    ) as cluster:
        with pytest.raises(ConfigError, match=r"has 2 threads.*--nthreads 1"):
            simulated(cluster=cluster)


def test_workers_with_other_versions_are_refused(client, simulated, monkeypatch):
    monkeypatch.setattr(cluster_tasks, "_open", {})
    monkeypatch.setattr(ClusterTasks, "see", None)
    own = cluster_tasks.versions()
    monkeypatch.setattr(client, "run", lambda function: {"tcp://other": own | {"torch": "2.5.1"}})
    with pytest.raises(ConfigError, match=r"tcp://other has torch 2.5.1 and not .*Install the same versions"):
        simulated(cluster=client)


@pytest.mark.skipif(torch.cuda.is_available(), reason="The workers would have a GPU.")
def test_workers_without_a_gpu_are_refused(client, simulated):
    with pytest.raises(ConfigError, match=r"device=cuda, but PyTorch finds no GPU on the worker tcp://"):
        simulated(cluster=client, device="cuda")


def test_no_scheduler_is_refused_before_any_work(simulated, monkeypatch):
    monkeypatch.setattr(cluster_tasks, "_PATIENCE", 3)
    with pytest.raises(ConfigError, match=r"No scheduler answers at tcp://127.0.0.1:1\. Start one, `dask scheduler`"):
        simulated(cluster="tcp://127.0.0.1:1")


def test_no_workers_are_refused_before_any_work(simulated, monkeypatch):
    monkeypatch.setattr(cluster_tasks, "_PATIENCE", 3)
    with distributed.LocalCluster(n_workers=0, scheduler_port=0, dashboard_address=":0") as cluster:
        with pytest.raises(ConfigError, match=r"has no workers. Start some: dask worker tcp://.* --nthreads 1"):
            simulated(cluster=cluster.scheduler_address)


def test_without_dask_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"cluster needs the package distributed: pip install '.*\[dask\]'"):
        SimulationRequest(cluster="local")


@pytest.mark.parametrize("given", ["lokal", 3, {"local": {"cores": 2}}, {"slurm": {"jobs": 0}}])
def test_what_is_no_cluster_is_refused(given):
    with pytest.raises(ConfigError):
        as_cluster(given)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["cluster=tcp://10.0.0.1:8786"], Scheduler("tcp://10.0.0.1:8786")),
        (
            ["cluster=slurm", "cluster.jobs=3", "cluster.directives=['--gres=gpu:1']"],
            Slurm(3, directives=["--gres=gpu:1"]),
        ),
        (["cluster=kubernetes", "cluster.image=cal:1"], Kubernetes("cal:1")),
        (["cluster=null"], None),
        ([], None),
    ],
)
def test_a_cluster_is_chosen_by_words(words, expected):
    request = compose(SimulationRequest, "simulate", words)
    assert request.cluster == expected
    kinds = {Scheduler: "address", Slurm: "slurm", Kubernetes: "kubernetes"}
    assert (request.as_data()["cluster"] or {}).get("kind") == kinds.get(type(expected))


def test_a_job_of_slurm_starts_workers_of_one_thread():
    pytest.importorskip("dask_jobqueue")
    chosen = Slurm(
        jobs=2, processes=4, memory="8GB", queue="long", interface="lo", prologue=["source env/bin/activate"]
    )
    cluster = chosen.cluster()
    try:
        script = cluster.job_script()
    finally:
        cluster.close()
    assert {"#SBATCH -p long", "#SBATCH --cpus-per-task=4", "source env/bin/activate"} <= set(script.splitlines())
    assert "--nthreads 1" in script
    assert "--nworkers 4" in script


def test_jobs_are_sent_from_where_slurm_is(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"sbatch, which is not here\. Run the command on a login node"):
        Slurm().connect(1)


def test_what_dask_refuses_is_said(simulated):
    with pytest.raises(ConfigError, match=r"cannot be started: LocalWorkers\(memory='lots'\). ValueError: .*'lots'"):
        simulated(cluster={"local": {"memory": "lots"}})


def test_a_pod_of_kubernetes_is_one_worker_of_one_thread():
    pytest.importorskip("dask_kubernetes")
    spec = Kubernetes("cal:1", workers=6, memory="3Gi").specification()["spec"]["worker"]
    assert spec["replicas"] == 6
    (container,) = spec["spec"]["containers"]
    assert container["image"] == "cal:1"
    assert container["args"][:4] == ["dask", "worker", "--nthreads", "1"]
    assert container["resources"]["limits"]["memory"] == "3Gi"


def test_a_pickled_object_maps_its_arrays(tmp_path, make_task):
    corpus, features = make_task()
    write_pickled(tmp_path / "task", (corpus, features, lambda x: x + 1))
    again, same, function = read_pickled(tmp_path / "task")
    assert again.fingerprint == corpus.fingerprint
    assert same.fingerprint == features.fingerprint
    assert function(1) == 2
    with pytest.raises(ValueError, match="read-only"):
        same.train[0] = 0


SCRIPT = """
import pickle, sys
from pathlib import Path

from cal.simulation.request import simulate

if __name__ == "__main__":
    (corpus, features), arguments = pickle.loads(Path(sys.argv[1]).read_bytes())
    simulate(corpus, features=features, **arguments, output=sys.argv[2], cluster=sys.argv[3])
"""


@pytest.mark.slow
def test_killed_workers_and_drivers_change_nothing(small, make_task, simulated, kept, tmp_path):
    """A worker dies every half second or so, and the driver twice."""
    many = small | {"seeds": list(range(12)), "rounds": 8, "workers": 2}
    simulated(**many | {"workers": 1}, output=tmp_path / "alone")
    (tmp_path / "task").write_bytes(pickle.dumps((make_task(), many)))
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, tmp_path / "script.py", tmp_path / "task", tmp_path / "out", "local"]
    rng, n_killed = random.Random(0), 0
    for life in range(3):
        log = (tmp_path / f"log-{life}").open("wb")
        driver = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        n_before, ends, started = n_rounds(tmp_path / "out"), time.monotonic() + 40, None
        while driver.poll() is None:
            time.sleep(0.3)
            started = started or (time.monotonic() if n_rounds(tmp_path / "out") > n_before else None)
            if started and life < 2 and time.monotonic() - started > 3:
                driver.kill()
                driver.wait()
                break
            if started and time.monotonic() < ends and (workers := workers_of(driver.pid)):
                os.kill(rng.choice(workers), signal.SIGKILL)
                n_killed += 1
                time.sleep(rng.uniform(0.1, 0.5))
        log.close()
    assert driver.returncode == 0, (tmp_path / "log-2").read_text()[-4000:]
    assert n_killed >= 4
    assert kept(tmp_path / "out") == kept(tmp_path / "alone")


@pytest.mark.slow
def test_workers_of_a_driver_that_was_killed_end_with_their_round(client, small, make_task, simulated, kept, tmp_path):
    """The cluster outlives its driver, and Dask interrupts no task."""
    many = small | {
        "seeds": [1, 2, 3],
        "rounds": 12,
        "query_size": 2,
        "learner": MLP(hidden=[64], n_epochs=40, batch_size=4),
    }
    simulated(**many, output=tmp_path / "alone")
    (tmp_path / "task").write_bytes(pickle.dumps((make_task(), many)))
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, tmp_path / "script.py", tmp_path / "task", tmp_path / "out", client.scheduler.address]
    for n_before in (4, 12):
        driver = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while n_rounds(tmp_path / "out") < n_before:
            assert driver.poll() is None
            time.sleep(0.05)
        driver.kill()
        driver.wait()
    simulated(**many, output=tmp_path / "out", cluster=client)
    assert kept(tmp_path / "out") == kept(tmp_path / "alone")


@pytest.mark.parametrize("shared", [True, False])
def test_more_rounds_leave_the_folder_of_the_larger_simulation(client, kept, simulated, tmp_path, monkeypatch, shared):
    monkeypatch.setattr(ClusterTasks, "see", lambda *_: shared)
    for rounds in (1, 3):
        simulated(rounds=rounds, output=tmp_path / "grown", cluster=client)
    simulated(rounds=3, output=tmp_path / "alone")
    assert kept(tmp_path / "grown") == kept(tmp_path / "alone")


def test_until_decided_needs_as_many_seeds_as_alone(client, kept, simulated, tmp_path):
    asked = {"strategies": ["random", "margin"], "seeds": "until_decided", "max_seeds": 8, "rounds": 1}
    simulated(**asked, output=tmp_path / "alone")
    simulated(**asked, output=tmp_path / "out", cluster=client)
    assert kept(tmp_path / "out") == kept(tmp_path / "alone")


@pytest.mark.parametrize("address", ["tls://127.0.0.1:1", "http://127.0.0.1:1", "tcp://h:abc"])
def test_what_is_no_address_is_refused(simulated, address):
    with pytest.raises(ConfigError, match=f"{address} cannot be used as the address of a scheduler"):
        simulated(cluster=address)


def n_rounds(folder):
    """Number of finished rounds."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("rounds/*"))


def workers_of(driver: int) -> list[int]:
    """The worker processes of a local cluster: each is a child of the driver, which a nanny of the driver watches."""
    try:
        children = psutil.Process(driver).children(recursive=True)
        return [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []
