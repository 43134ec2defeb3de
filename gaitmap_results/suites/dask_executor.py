"""Run calls on a Dask cluster, each only once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from gaitmap_results._extras import require

__all__ = ["dask_executor", "executor_at"]

_T = TypeVar("_T")


def dask_executor(client: Any) -> Executor:
    """Return an executor for :func:`gaitmap_results.run_entries` that runs entries on a Dask cluster.

    By default, Dask computes a finished entry again when its worker dies, and merges equal calls.
    Here nothing is computed twice: calls are never merged or retried, and each result leaves the cluster at once.

    Parameters
    ----------
    client
        A ``distributed.Client``.
        While the executor is in use, a task of this cluster fails as soon as its worker dies.

    Examples
    --------
    >>> from gaitmap_results import dask_executor, run_entries
    >>> from distributed import Client  # doctest: +SKIP
    >>> client = Client("tcp://scheduler:8786")  # doctest: +SKIP
    >>> run_entries(entries, executor=dask_executor(client))  # doctest: +SKIP
    """
    return _DaskExecutor(client)


def executor_at(address: str) -> Executor:
    """Return an executor on the Dask cluster whose scheduler has this address.

    Raises
    ------
    MissingExtraError
        If Dask is not installed.
    """
    return dask_executor(require("distributed", "Running on Dask", "dask").Client(address))


class _DaskFuture(Future[_T]):
    """The future of a call; cancelling removes the call from the cluster if no worker runs it yet."""

    def __init__(self, computed: Any) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self.computed = computed

    def cancel(self) -> bool:
        self.computed.release()
        return False


class _DaskExecutor(Executor):
    def __init__(self, client: Any) -> None:
        self._client = client
        self._pending: set[_DaskFuture[Any]] = set()
        self._allowed_failures: Any = client.run_on_scheduler(_allow_failures, 0)

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Send a call to the cluster."""
        answer: _DaskFuture[_T] = _DaskFuture(self._client.submit(fn, *args, pure=False, retries=0, **kwargs))
        self._pending.add(answer)
        answer.computed.add_done_callback(lambda _: self._hand_over(answer))
        return answer

    def _hand_over(self, answer: _DaskFuture[Any]) -> None:
        computed = answer.computed
        try:
            if computed.status == "finished":
                answer.set_result(computed.result())
            elif computed.status == "error":
                answer.set_exception(computed.exception())
            else:
                answer.set_exception(ConnectionError("the Dask scheduler is gone, or cancelled it"))
        except Exception as error:  # noqa: BLE001 - the connection broke while the result was fetched
            answer.set_exception(error)
        finally:
            # The scheduler never recomputes a released result.
            computed.release()
            self._pending.discard(answer)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop using the cluster, which stays open."""
        pending = list(self._pending)
        if cancel_futures:
            for answer in pending:
                answer.cancel()
        elif wait:
            futures.wait(pending)
        if self._client.status == "running":
            self._client.run_on_scheduler(_allow_failures, self._allowed_failures)


def _allow_failures(number: int, dask_scheduler: Any = None) -> int:
    """Set how many workers a task may lose before it fails; return the previous number."""
    before: int = dask_scheduler.allowed_failures
    dask_scheduler.allowed_failures = number
    return before
