"""Run calls on a Dask cluster so that none runs twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from gaitmap_results.exceptions import MissingExtraError

__all__ = ["dask_executor", "executor_at"]

_T = TypeVar("_T")


def dask_executor(client: Any) -> Executor:
    """Return an executor for :func:`gaitmap_results.run_entries` that runs entries on a Dask cluster.

    With Dask's defaults a finished entry is computed again when its worker dies, and equal calls are merged into one.
    Here nothing is computed twice: no call is taken for equal to another, none is tried again, and each result leaves
    the cluster as soon as it is there.

    Parameters
    ----------
    client
        A ``distributed.Client``.
        While the executor is in use, no task of this cluster is allowed a worker that dies.

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
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError(
            "Running on Dask needs distributed. Install it with: python -m pip install 'gaitmap_results[dask]'",
            extra="dask",
        ) from error
    return dask_executor(Client(address))


class _DaskFuture(Future[_T]):
    """The answer to a call; to cancel it takes the call off the cluster where no worker runs it yet."""

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
            # What nobody holds any more, the scheduler never computes again.
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
    """Say how many workers may die with a task; return how many it were before."""
    before: int = dask_scheduler.allowed_failures
    dask_scheduler.allowed_failures = number
    return before
