"""The engine for those who outgrow one machine: shards as tasks of a Ray cluster."""

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from balancekit.engines.batches import Batches, run_batch
from balancekit.engines.cores import available_cpus, limited_cpus
from balancekit.errors import BalancekitError, MissingLibraryError, OptionError

__all__ = ["RayEngine"]

logger = logging.getLogger(__name__)

Shard = TypeVar("Shard")
Result = TypeVar("Result")

OBJECT_STORE_BYTES = 256 * 2**20
"""Of a cluster that we start: it holds a few partial counts, and Ray would take a third of
the memory."""

KNOCK_SECONDS = 5.0

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""Environment of a cluster that we start: it reports to nobody, and warns of nothing."""


class RayEngine:
    """Runs shards as tasks of a Ray cluster.

    Small shards go several to a task, which sends back one sum. A task whose worker or node
    is lost runs again, and counts once. No more tasks than the cluster has cores for, and as
    many again, wait at any time, so that the shards may be a long line that is not read ahead.

    Every node needs balancekit, and finds the data by the same path: on a shared file
    system, or by URL. Relative paths start from the caller's folder, where a node has it.

    Args:
        address: of a running cluster, such as "10.0.0.1:6379" or "auto"; that in RAY_ADDRESS
            if not given. Without either, a cluster is started on this machine, and goes with
            `close` or the end of the program. Where the program is connected to one already,
            that one is used, and left alone.
        cpus_per_task: cores that Ray keeps for a task; `available_cpus` tells them to it.
        max_in_flight: tasks that run or wait at a time; twice what the cluster has cores
            for if not given.
        max_retries: how often a task whose worker is lost runs again.

    Raises:
        OptionError: an argument has a value that it cannot have.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        cpus_per_task: int = 1,
        max_in_flight: int | None = None,
        max_retries: int = 3,
    ) -> None:
        for name, value, least in (
            ("cpus_per_task", cpus_per_task, 1),
            ("max_in_flight", max_in_flight, 1),
            ("max_retries", max_retries, 0),
        ):
            if value is not None and value < least:
                raise OptionError(f"{name}: expected at least {least}, got {value}")
        self.address = address
        self.cpus_per_task, self.max_in_flight = cpus_per_task, max_in_flight
        self.max_retries = max_retries
        self._connected_here = False
        self._printer: Any = None

    def map_shards(
        self, function: Callable[[Shard], Result], shards: Iterable[Shard]
    ) -> Iterator[Result]:
        """Yield sums of results as they are ready.

        Raises:
            MissingLibraryError: Ray is not installed.
            OptionError: there is no cluster at the address, or none of its nodes has as many
                cores as a task wants.
            BalancekitError: a task was lost more often than it may run again.
        """
        ray = self._connect()
        self._refuse_tasks_too_large(ray)
        task = ray.remote(num_cpus=self.cpus_per_task, max_retries=self.max_retries)(_run_task)
        batches = Batches(shards)
        # Shards of each task, by the reference to its result. What runs when the caller stops
        # early ends with the connection, or by itself: ray.cancel now and then aborts the
        # whole process, where a task ends at that moment (seen in Ray 2.60; see ray#54785).
        running: dict[Any, int] = {}
        while True:
            most = self.max_in_flight or self._twice_the_cores(ray)
            while len(running) < most and (batch := batches.take()):
                reference = task.remote(function, batch, self.cpus_per_task, str(Path.cwd()))
                running[reference] = len(batch)
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=1)
            total, seconds = self._result(ray, done[0])
            batches.learn(running.pop(done[0]), seconds)
            yield total

    def close(self) -> None:
        """Leave the cluster; one that was started here ends, one that was there stays."""
        if self._connected_here:
            import ray

            with _contained():
                ray.shutdown()
            ray._private.worker.print_to_stdstream = self._printer
            self._connected_here = False

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the cluster."""
        self.close()

    def _connect(self) -> Any:
        """The library, connected to a cluster."""
        with _contained():
            try:
                import ray
            except ImportError as error:
                raise MissingLibraryError(
                    f"the engine ray needs the library Ray: {error}. "
                    "From a clone: pip install '.[ray]'"
                ) from None
            if not ray.is_initialized():
                self._start(ray)
        return ray

    def _start(self, ray: Any) -> None:
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address == "local":
            options |= {
                "num_cpus": available_cpus(),
                "object_store_memory": OBJECT_STORE_BYTES,
                "include_dashboard": False,
            }
        try:
            _knock(address)
            ray.init(address, **options)
        except (OSError, RuntimeError, ValueError) as error:
            raise OptionError(
                f"engine: expected a Ray cluster at {address!r}, got {error}. "
                "Start one with `ray start`, or leave the address out."
            ) from None
        self._connected_here, self._printer = True, _keep_off_stdout(ray)

    def _refuse_tasks_too_large(self, ray: Any) -> None:
        """Ray would wait for ever for a node that is large enough."""
        most = max(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
        if 0 < most < self.cpus_per_task:  # 0: a head alone, whose workers are yet to come
            raise OptionError(
                f"cpus_per_task: expected at most {most:g}, which is what the largest node of the "
                f"cluster has, got {self.cpus_per_task}"
            )

    def _twice_the_cores(self, ray: Any) -> int:
        """Tasks that the cluster can run, and as many again; it may grow while we run."""
        return 2 * max(1, int(ray.cluster_resources().get("CPU", 1) / self.cpus_per_task))

    def _result(self, ray: Any, reference: Any) -> Any:
        """What a task gave; an error of a shard is raised as it was there."""
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, BalancekitError):
                raise cause from None
            raise (cause if isinstance(cause, Exception) else error) from error
        except ray.exceptions.RayError as error:
            raise BalancekitError(
                f"ray: expected a task to come back within {self.max_retries} retries, got "
                f"{type(error).__name__}: {error}"
            ) from None


def _run_task(
    function: Callable[[Shard], Result], batch: list[Shard], n_cpus: int, folder: str
) -> tuple[Result, float]:
    """The sum of a batch, on the cores that its task was given, and in the caller's folder.

    A worker of a cluster starts elsewhere, where relative paths would lead to nothing.
    """
    with ExitStack() as stack:
        stack.enter_context(limited_cpus(n_cpus))
        if Path(folder).is_dir():
            stack.enter_context(chdir(folder))
        return run_batch(function, batch)


def _keep_off_stdout(ray: Any) -> Any:
    """Logs what Ray would print, and gives what printed it.

    Ray tells of lost workers on stdout, whatever it is asked about logging, and our own
    output goes there: a lost worker would spoil the JSON.
    """

    def log(data: dict[str, Any], **_: object) -> None:
        logger.info("%s", "\n".join(map(str, data["lines"])))

    printer = getattr(ray._private.worker, "print_to_stdstream", None)
    ray._private.worker.print_to_stdstream = log
    return printer


def _knock(address: str) -> None:
    """Raises an OSError if nobody listens there: Ray itself would try for many minutes."""
    import socket

    host, _, port = address.rpartition("/")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


@contextmanager
def _contained() -> Iterator[None]:
    """Keeps the warnings of Ray from the caller, and its reports from the world."""
    before = {name: os.environ.get(name) for name in QUIET}
    os.environ.update({name: value for name, value in QUIET.items() if before[name] is None})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
