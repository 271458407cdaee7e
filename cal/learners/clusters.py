"""Clusters: where the workers of a Dask cluster come from. Each class only connects to one, or constructs it."""

from __future__ import annotations

import atexit
import logging
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cal import registry
from cal.checks import refuse, whole_numbers
from cal.errors import ConfigError, missing_package, shown


class ClusterKind(Protocol):
    """A way to get a Dask cluster."""

    def connect(self, n_workers: int) -> Any:
        """What `distributed.Client` takes: an address, or a cluster, of so many workers where cal chooses."""
        ...


@dataclass
class LocalWorkers:
    """Processes of this machine with Dask's scheduler and dashboard.

    Args:
        memory: most memory of a worker, such as 4GiB, beyond which it is restarted; auto shares out that of the machine
    """

    memory: str = "auto"

    def connect(self, n_workers: int) -> Any:
        import dask
        from distributed import LocalCluster

        ours = {"scheduler_port": 0, "dashboard_address": ":0", "silence_logs": logging.CRITICAL}  # errors come back
        # Dask's profiler stops the training a hundred times a second, which costs about a tenth of its time.
        with dask.config.set({"distributed.worker.profile.enabled": False}):
            return LocalCluster(n_workers=n_workers, threads_per_worker=1, memory_limit=self.memory, **ours)


@dataclass
class Scheduler:
    """A scheduler that runs already, with workers that run or will.

    Args:
        address: address of the scheduler, such as tcp://10.0.0.1:8786
    """

    address: str

    def connect(self, n_workers: int) -> Any:
        return self.address


@dataclass
class Slurm:
    """Jobs of Slurm that each start some workers: pip install dask-jobqueue, on the login node and in the jobs.

    Args:
        jobs: number of jobs
        processes: workers of a job, each with one core
        memory: memory of a job, such as 16GB
        queue: partition; null is the site's default
        account: account to charge; null is the user's
        walltime: longest time of a job; another job replaces one that ends
        interface: network interface between the nodes, such as ib0
        directives: further lines of #SBATCH, such as [--gres=gpu:1]
        prologue: shell commands before the workers start, such as [source .venv/bin/activate]
    """

    jobs: int = 1
    processes: int = 8
    memory: str = "16GB"
    queue: str | None = None
    account: str | None = None
    walltime: str = "01:00:00"
    interface: str | None = None
    directives: list[str] = field(default_factory=list)
    prologue: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        refuse(whole_numbers(jobs=self.jobs, processes=self.processes))

    def connect(self, n_workers: int) -> Any:
        if shutil.which("sbatch") is None:
            raise ConfigError(
                "cluster=slurm sends jobs by sbatch, which is not here. Run the command on a login node of the cluster."
            )
        cluster = self.cluster()
        cluster.adapt(minimum_jobs=self.jobs, maximum_jobs=self.jobs)  # a job that ends is replaced
        return cluster

    def cluster(self) -> Any:
        """The cluster, before any job is sent; `job_script()` of it is what Slurm would get."""
        try:
            from dask_jobqueue import SLURMCluster
        except ImportError as error:
            raise ConfigError("cluster=slurm needs the package dask-jobqueue: pip install dask-jobqueue.") from error
        return SLURMCluster(
            cores=self.processes,
            processes=self.processes,
            memory=self.memory,
            queue=self.queue,
            account=self.account,
            walltime=self.walltime,
            interface=self.interface,
            job_extra_directives=list(self.directives),
            job_script_prologue=list(self.prologue),
        )


@dataclass
class Kubernetes:
    """Pods of Kubernetes, made by the operator of dask-kubernetes: pip install dask-kubernetes, and the operator.

    Args:
        image: container image with cal and the packages of its extra dask
        workers: number of pods, each with one worker
        memory: memory of a pod, such as 4Gi
        cores: cores of a pod, such as 1
        namespace: namespace of the pods; null is that of the context
        name: name of the cluster; null makes one up
    """

    image: str
    workers: int = 4
    memory: str = "4Gi"
    cores: str = "1"
    namespace: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        refuse(whole_numbers(workers=self.workers))

    def connect(self, n_workers: int) -> Any:
        try:
            from dask_kubernetes.operator import KubeCluster
            from dask_kubernetes.operator.kubecluster.kubecluster import CreateMode, reap_clusters
        except ImportError as error:
            raise ConfigError(
                "cluster=kubernetes needs the package dask-kubernetes: pip install dask-kubernetes."
            ) from error
        try:
            given = {"namespace": self.namespace, "create_mode": CreateMode.CREATE_ONLY}
            return KubeCluster(custom_cluster_spec=self.specification(), **given)
        except Exception:
            atexit.unregister(reap_clusters)  # it would fail in the same way once more
            raise

    def specification(self) -> dict[str, Any]:
        """The resource DaskCluster that the operator gets."""
        from dask_kubernetes.operator import make_cluster_spec

        spec: dict[str, Any] = make_cluster_spec(
            name=self.name or f"cal-{secrets.token_hex(4)}",
            image=self.image,
            n_workers=self.workers,
            resources={kind: {"memory": self.memory, "cpu": self.cores} for kind in ("requests", "limits")},
            worker_command=["dask", "worker", "--nthreads", "1", "--memory-limit", self.memory],
        )
        return spec


def as_cluster(spec: Any) -> Any:
    """A way to get a cluster, from whatever a user gives.

    Args:
        spec: a name of `cal.registry.CLUSTERS`, `{name: {parameter: value}}`, the address of a scheduler, a cluster or
            a client of Dask, or None.

    Raises:
        ConfigError: if it is none of these, a parameter is refused, or Dask is not installed.

    Example:
        >>> as_cluster({"slurm": {"jobs": 4, "queue": "long"}}).jobs
        4
        >>> as_cluster("tcp://10.0.0.1:8786")
        Scheduler(address='tcp://10.0.0.1:8786')
    """
    if spec is None:
        return None
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(missing_package("cluster", "distributed", extra="dask")) from error
    if isinstance(spec, str) and "://" in spec:
        return Scheduler(spec)
    if isinstance(spec, str | Mapping):
        return registry.choose(registry.CLUSTERS, "cluster", spec)[1]
    if isinstance(spec, distributed.Client | distributed.deploy.Cluster) or callable(getattr(spec, "connect", None)):
        return spec
    raise ConfigError(
        f"{shown(spec)} is not a cluster. Give a name, such as local or slurm, the address of a scheduler, such as "
        "tcp://10.0.0.1:8786, or a cluster or client of Dask."
    )
