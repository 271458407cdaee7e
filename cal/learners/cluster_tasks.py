"""Cluster tasks: functions of paths, names and numbers, carried out by the workers of a Dask cluster."""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy
import torch
from distributed import CancelledError, Client, Future, KilledWorker, WorkerPlugin, as_completed, get_worker
from distributed.deploy import Cluster

import cal
from cal.errors import CalError, ConfigError, WorkerError, in_words, quantity
from cal.files import write_whole
from cal.learners.clusters import ClusterKind
from cal.learners.compute import with_one_thread

logger = logging.getLogger(__name__)
T = TypeVar("T")
_ATTEMPTS = 20  # times that a task is sent again, if the workers that had it died
_PATIENCE = 60.0  # seconds to wait for a first worker, if the scheduler runs already
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt
_open: dict[str, tuple[Any, ClusterTasks]] = {}  # what this process has opened, by what asked for it


class ClusterTasks:
    """The workers of a cluster, which stay open for later commands of this process.

    Args:
        client: client of the cluster.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def n_workers(self) -> int:
        """Number of workers that there are, or that the cluster is to have."""
        wanted = getattr(self.client.cluster, "worker_spec", ())
        return max(len(self.client.scheduler_info(n_workers=-1)["workers"]), len(wanted), 1)

    def results(
        self, task: Callable[..., T], arguments: Iterable[tuple[Any, ...]], per_worker: int | None = None
    ) -> Iterator[T]:
        """The results of a task for each tuple of arguments, as they come.

        A task whose worker dies, or is cut off, is sent to another one.

        Args:
            task: function of a module that the workers have, too.
            arguments: arguments of each call: paths, names and numbers.
            per_worker: number of tasks that wait or run at once, for each worker; None sends all.

        Raises:
            ConfigError: if a worker has other versions.
            WorkerError: if every worker that had a task died, or the scheduler is gone.
        """
        waiting = iter(arguments)
        sent: dict[Future, tuple[tuple[Any, ...], int]] = {}  # with the arguments, and how often they may be sent again
        pending = as_completed(loop=self.client.loop)

        def send(given: tuple[Any, ...], n_left: int) -> None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph")  # of files that go with a task
                future = self.client.submit(_on_worker, versions(), task, *given, pure=False)
            sent[future] = given, n_left
            pending.add(future)

        def send_more() -> None:
            most = None if per_worker is None else per_worker * self.n_workers
            for given in islice(waiting, None if most is None else max(most - len(sent), 0)):
                send(given, _ATTEMPTS)

        try:
            send_more()
            for future in pending:
                given, n_left = sent.pop(future)
                try:
                    result = future.result()
                except (KilledWorker, CancelledError):
                    self._refuse_hopeless(n_left - 1)
                    send(given, n_left - 1)
                else:
                    send_more()
                    yield result
        finally:
            with suppress(Exception):  # the scheduler may be gone
                self.client.cancel(list(sent))

    def _refuse_hopeless(self, n_left: int) -> None:
        if self.client.status != "running":
            raise WorkerError(
                "The scheduler of the cluster is gone. What is finished is kept. Start it again, and rerun the command."
            )
        if n_left == 0:
            raise WorkerError(
                f"Workers of the cluster died {_ATTEMPTS} times over the same task, perhaps for lack of memory. "
                "What is finished is kept. Give the workers more memory, and rerun the command."
            )

    def see(self, path: Path) -> bool:
        """Whether all workers can write beside a file at the same path, as on a shared file system."""
        seen = self.client.run(_writes_beside, str(path), on_error="ignore")  # a worker may die meanwhile
        return bool(seen) and all(seen.values())

    def lack(self, paths: Sequence[str]) -> list[str]:
        """Those of some files that a worker cannot read."""
        lacking = self.client.run(_lacking, list(paths), on_error="ignore")  # a worker may die meanwhile
        return sorted(set(chain.from_iterable(lacking.values())))

    @contextmanager
    def sent(self, path: Path, name: str | None = None) -> Iterator[None]:
        """Within it, all workers have a file, those that come later included; they find it by `received`.

        Args:
            path: the file.
            name: what it is called there; None keeps its name.
        """
        name = name or path.name
        self.client.register_plugin(_Sent(name, path.read_bytes()))
        try:
            yield
        finally:
            with suppress(Exception):  # the scheduler may be gone
                self.client.unregister_worker_plugin(name)


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
    if key in _open and _open[key][1].client.status == "running":
        return _open[key][1]
    logging.getLogger("distributed").setLevel(logging.ERROR)  # it would tell of each worker that comes and goes
    if isinstance(cluster, Client):
        client = cluster
        _wait_for_workers(client, device)
    else:
        with ExitStack() as opened:
            made = _connected(cluster, n_workers) if hasattr(cluster, "connect") else cluster
            if hasattr(cluster, "connect") and isinstance(made, Cluster):
                opened.callback(_close, made)
            client = _client(made)
            opened.callback(_close, client)
            _wait_for_workers(client, device)
            atexit.register(opened.pop_all().close)
    _open[key] = cluster, ClusterTasks(client)
    return _open[key][1]


def _wait_for_workers(client: Client, device: str) -> None:
    """Returns when there is a worker, and says how many there are."""
    patience = _PATIENCE if client.cluster is None else None  # jobs may wait in a queue for days
    if not client.scheduler_info()["workers"] and patience is None:
        logger.warning("Waiting for the first worker of the cluster.")
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=patience)
    _check_workers(client, device)
    _say(client)


def received(name: str) -> Path:
    """On a worker, the file that was sent under a name."""
    return Path(get_worker().local_directory) / name


def _connected(cluster: ClusterKind, n_workers: int) -> Any:
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
    except (ValueError, TypeError) as error:  # no address, or TLS without certificates
        raise ConfigError(f"{made} cannot be used as the address of a scheduler: {error}.") from error


def _close(opened: Client | Cluster) -> None:
    with suppress(Exception):  # a scheduler may have gone first
        opened.close()


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
    except OSError:  # of a worker that dies; others may come, and each task checks its own
        return
    except Exception as error:  # whatever importing cal raises there
        raise ConfigError(
            f"The workers cannot import cal: {error}. Install the same version of cal and its packages there."
        ) from error
    for worker, theirs in others.items():
        _refuse_other_versions(worker, theirs, own)
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


def _refuse_other_versions(worker: str, theirs: Mapping[str, str], own: Mapping[str, str]) -> None:
    if differing := [f"{name} {theirs[name]} and not {own[name]}" for name in own if theirs[name] != own[name]]:
        raise ConfigError(
            f"The worker {worker} has {in_words(differing)}, which can change results. Install the same versions."
        )


def _on_worker(wanted: Mapping[str, str], task: Callable[..., T], *given: Any) -> T:
    _refuse_other_versions(get_worker().address, versions(), wanted)  # it may have come later than the others
    _keep_freed_memory()
    return with_one_thread(task, *given)


@cache
def _keep_freed_memory() -> None:
    """Lets this process keep some of the memory that it frees.

    Dask starts workers with MALLOC_TRIM_THRESHOLD_=65536, so that nearly every tensor is given back to the system when
    it is freed. The next one then costs page faults: an eighth of the time of a training.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library than glibc
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_TRIM_THRESHOLD, 128 * 2**20)
            mallopt(_MMAP_THRESHOLD, 32 * 2**20)  # as far as malloc itself would raise it


def _has_gpu() -> bool:
    return torch.cuda.is_available()


def _writes_beside(path: str) -> bool:
    return Path(path).exists() and os.access(Path(path).parent, os.W_OK)


def _lacking(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not os.access(path, os.R_OK)]


class _Sent(WorkerPlugin):  # type: ignore[misc]
    """A file that every worker gets when it starts."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self._content = name, content

    def setup(self, worker: Any) -> None:
        write_whole(Path(worker.local_directory) / self.name, self._content)

    def teardown(self, worker: Any) -> None:
        (Path(worker.local_directory) / self.name).unlink(missing_ok=True)
