"""Cluster tasks: functions of paths, names and numbers, carried out by the workers of a Dask cluster."""

from __future__ import annotations

import atexit
import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy
import torch
from distributed import CancelledError, Client, Future, KilledWorker, WorkerPlugin, get_worker
from distributed.deploy import Cluster

import cal
from cal.errors import CalError, ConfigError, WorkerError, in_words, quantity
from cal.files import write_whole
from cal.learners.compute import with_one_thread

logger = logging.getLogger(__name__)
T = TypeVar("T")
_ATTEMPTS = 20  # times that a task is sent again, if the workers that had it died
_PATIENCE = 60.0  # seconds to wait for a first worker, if the scheduler runs already
_open: dict[str, ClusterTasks] = {}  # those that this process has opened, by what asked for them


class ClusterTasks:
    """The workers of a cluster, which stay open for later commands of this process.

    Args:
        client: client of the cluster.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def n_workers(self) -> int:
        """Number of workers at the moment, at least 1."""
        return max(len(self.client.scheduler_info(n_workers=-1)["workers"]), 1)

    def results(self, task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> Iterator[T]:
        """The results of a task for each tuple of arguments, in order.

        A task whose worker dies, or is cut off, is sent to another one.

        Args:
            task: function of a module that the workers have, too.
            arguments: arguments of each call: paths, names and numbers.

        Raises:
            WorkerError: if every worker that had a task died.
        """

        def submit(given: tuple[Any, ...]) -> Future:
            return self.client.submit(_on_worker, task, *given, pure=False)

        futures = [submit(given) for given in arguments]
        try:
            for position, given in enumerate(arguments):
                for _ in range(_ATTEMPTS):
                    with suppress(KilledWorker, CancelledError):
                        yield futures[position].result()
                        break
                    futures[position] = submit(given)
                else:
                    raise WorkerError(
                        f"Workers of the cluster died {_ATTEMPTS} times over the same task, perhaps for lack of "
                        "memory. Finished rounds are kept. Give the workers more memory, and rerun the command."
                    )
        finally:
            self.client.cancel([future for future in futures if not future.done()])

    def see(self, path: Path) -> bool:
        """Whether all workers see a file at the same path, as on a shared file system."""
        seen = self.client.run(_exists, str(path), on_error="ignore")  # not of a worker that dies right now
        return bool(seen) and all(seen.values())

    @contextmanager
    def sent(self, path: Path) -> Iterator[None]:
        """Within it, all workers have a file, those that come later included; they find it by `received`."""
        self.client.register_plugin(_Sent(path.name, path.read_bytes()))
        try:
            yield
        finally:
            self.client.unregister_worker_plugin(path.name)


def open_tasks(cluster: Any, n_workers: int, device: str = "cpu") -> ClusterTasks:
    """The workers of a cluster, checked; the same cluster is opened once in a process.

    Args:
        cluster: what `as_cluster` gives.
        n_workers: number of workers to start, where that is ours to say.
        device: device that each of them is to have, `cpu` or `cuda`.

    Raises:
        ConfigError: if there are no workers, or they have other versions, several threads, or no GPU.
    """
    key = f"{cluster!r} {n_workers} {device}" if hasattr(cluster, "connect") else f"{id(cluster)} {device}"
    if key in _open and _open[key].client.status == "running":
        return _open[key]
    logging.getLogger("distributed").setLevel(logging.ERROR)  # it would tell of each worker that comes and goes
    patience: float | None = _PATIENCE
    if isinstance(cluster, Client):
        client = cluster
    else:
        made = _connected(cluster, n_workers) if hasattr(cluster, "connect") else cluster
        client = _client(made)
        patience = _PATIENCE if isinstance(made, str) else None  # jobs may wait in a queue for days
        atexit.register(_close, client, made if hasattr(cluster, "connect") else None)
    if not client.scheduler_info()["workers"] and patience is None:
        logger.warning("Waiting for the first worker of the cluster.")
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=patience)
    _check_workers(client, device)
    _say(client)
    _open[key] = ClusterTasks(client)
    return _open[key]


def received(name: str) -> Path:
    """On a worker, the file that was sent under a name."""
    return Path(get_worker().local_directory) / name


def _connected(cluster: Any, n_workers: int) -> Any:
    try:
        return cluster.connect(n_workers)
    except CalError:
        raise
    except Exception as error:  # whatever Dask, Slurm or Kubernetes has to say
        raise ConfigError(f"The cluster cannot be started: {cluster!r}. {type(error).__name__}: {error}") from error


def _client(made: Any) -> Client:
    try:
        return Client(made, set_as_default=False, timeout=_PATIENCE / 6)
    except OSError as error:
        raise ConfigError(
            f"No scheduler answers at {made}. Start one, `dask scheduler`, and give the address that it prints."
        ) from error


def _close(client: Client, cluster: Cluster | str | None) -> None:
    with suppress(Exception):  # a scheduler may have gone first
        client.close()
        if isinstance(cluster, Cluster):
            cluster.close()


def _check_workers(client: Client, device: str) -> None:
    """Refuses workers that could not give the results of this machine."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if not workers:
        raise ConfigError(
            f"The scheduler at {client.scheduler.address} has no workers. Start some: "
            f"dask worker {client.scheduler.address} --nthreads 1 --nworkers 4"
        )
    if threaded := [name for name, about in workers.items() if about["nthreads"] > 1]:
        raise ConfigError(
            f"The worker {threaded[0]} has {workers[threaded[0]]['nthreads']} threads, and a training uses all of a "
            "process. Start workers with --nthreads 1, and one for each core."
        )
    own = versions()
    try:
        others = client.run(versions)
    except Exception as error:  # whatever importing cal raises there
        raise ConfigError(
            f"The workers cannot import cal: {error}. Install the same version of cal and its packages there."
        ) from error
    for worker, theirs in others.items():
        if differing := [f"{name} {theirs[name]} and not {own[name]}" for name in own if theirs[name] != own[name]]:
            raise ConfigError(
                f"The worker {worker} has {in_words(differing)}, which can change results. Install the same versions."
            )
    without = [] if device == "cpu" else [name for name, has_gpu in client.run(_has_gpu).items() if not has_gpu]
    if without:
        raise ConfigError(
            f"device={device}, but PyTorch finds no GPU on the worker {without[0]}. Give device=cpu, or start workers "
            "where each has a GPU of its own."
        )


def _say(client: Client) -> None:
    """Tells how many workers there are, with how much memory, and where they can be watched."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    memory = sorted({about["memory_limit"] for about in workers})
    limits = in_words([f"{limit / 2**30:.1f} GiB" if limit else "unlimited memory" for limit in memory])
    n_workers = quantity(len(workers), "worker")
    logger.warning("Cluster: %s with %s each; dashboard: %s", n_workers, limits, client.dashboard_link)


def versions() -> dict[str, str]:
    """Versions of what results depend on."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, "cal": cal.__version__, "torch": torch.__version__, "NumPy": numpy.__version__}


def _on_worker(task: Callable[..., T], *given: Any) -> T:
    return with_one_thread(task, *given)


def _has_gpu() -> bool:
    return torch.cuda.is_available()


def _exists(path: str) -> bool:
    return Path(path).exists()


class _Sent(WorkerPlugin):  # type: ignore[misc]
    """A file that every worker gets when it starts."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self._content = name, content

    def setup(self, worker: Any) -> None:
        write_whole(Path(worker.local_directory) / self.name, self._content)

    def teardown(self, worker: Any) -> None:
        (Path(worker.local_directory) / self.name).unlink(missing_ok=True)
