"""Send runs to an MLflow tracking server, each once."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._extras import require
from gaitmap_results.exceptions import InvalidOptionError, RunNotFoundError, TrackingServerError
from gaitmap_results.exporting.mlflow_content import COMPLETE, RUN_ID, WITHDRAWN, MlflowRun, artifact_name, mlflow_run
from gaitmap_results.exporting.runs_to_export import FileToExport, RunToExport, run_to_export
from gaitmap_results.reading.attestations import attested_id, withdrawals
from gaitmap_results.reading.index import RunSummary, StoreScan, by_start
from gaitmap_results.store.files import expanded
from gaitmap_results.store.privacy import redact_url

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["SentRuns", "send_to_mlflow"]

_DEFAULT_STORE: Final = "sqlite:///mlflow.db"
# By default, MLflow waits minutes for a missing server, and prints two lines for each run.
_SETTINGS: Final = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
# MLflow accepts at most 100 parameters and one megabyte at once.
_PARAMS_AT_ONCE: Final = 20
_METRICS_AT_ONCE: Final = 500
_PAGE: Final = 1000


@dataclass(frozen=True)
class SentRuns:
    """The result of sending runs to MLflow.

    Attributes
    ----------
    sent
        The run folders that were sent.
    already_there
        The run folders that MLflow already had.
    left_out
        Folders that were not sent, each with the reason.

    Examples
    --------
    >>> from gaitmap_results import SentRuns
    >>> SentRuns().sent
    ()
    """

    sent: tuple[Path, ...] = ()
    already_there: tuple[Path, ...] = ()
    left_out: tuple[tuple[Path, str], ...] = ()


def send_to_mlflow(
    results: str | Path,
    *,
    tracking_uri: str | None = None,
    experiment: str | None = None,
    files: bool = True,
    on_run: Callable[[], object] | None = None,
) -> SentRuns:
    """Send the runs below a folder to MLflow: times, parameters, scores, tags and files.

    Complete runs are not sent again.
    Runs that arrived only partly, because the server or the program stopped, are sent again.

    Parameters
    ----------
    results
        The results folder, or a run folder.
    tracking_uri
        The tracking server or the database.
        Without it, the setting of MLflow in this process or in ``MLFLOW_TRACKING_URI`` is used.
        Without these, it is the database ``mlflow.db`` in the working directory.
    experiment
        The name of the experiment in MLflow, which is created if needed.
        Without it, each challenge has its own experiment with its full name.
    files
        Whether to also send all files of a run.
    on_run
        Called after each run, to show progress.

    Returns
    -------
    sent
        The runs that were sent, were already there, or were left out and why.

    Raises
    ------
    MissingExtraError
        If MLflow is not installed.
    RunNotFoundError
        If there is no run.
    InvalidOptionError
        If the experiment was deleted.
    TrackingServerError
        If MLflow cannot be reached, or refuses something; what has arrived stays, and sending again continues.

    Examples
    --------
    >>> from gaitmap_results import send_to_mlflow
    >>> def import_all(results):
    ...     server = "http://localhost:5000"
    ...     return send_to_mlflow(results, tracking_uri=server, experiment="gait")
    """
    mlflow = require("mlflow", "Sending runs to MLflow", "mlflow")
    folder = expanded(results).absolute()
    if not folder.is_dir():
        raise RunNotFoundError(f"There is no folder {folder}. Name the results folder.")
    scan = StoreScan(str(folder))
    runs = sorted(scan, key=by_start)
    if not runs and not scan.skipped:
        raise RunNotFoundError(f"There is no run in {folder}.")
    left_out = [(Path(each.folder), each.reason) for each in scan.skipped]
    sent: list[Path] = []
    there: list[Path] = []
    with _settings():
        try:
            sender = _Sender(mlflow.MlflowClient(tracking_uri or _default_uri()), experiment, files)
            for summary in runs:
                reason = sender.send(summary)
                if isinstance(reason, str):
                    left_out.append((summary.path, reason))
                else:
                    (sent if reason else there).append(summary.path)
                if on_run is not None:
                    on_run()
        except (mlflow.MlflowException, OSError) as error:
            where = redact_url(tracking_uri) if tracking_uri else "MLflow"
            raise TrackingServerError(
                f"{where} cannot be reached, or refused a request, after {len(sent) + len(there)} of {len(runs)} runs: "
                f"{error}\nWhat has arrived is kept. Send the runs again to continue.",
                sent=len(sent),
            ) from error
    return SentRuns(tuple(sent), tuple(there), tuple(left_out))


def _default_uri() -> str | None:
    from mlflow.tracking import is_tracking_uri_set

    return None if is_tracking_uri_set() else _DEFAULT_STORE


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Make MLflow fail fast and print nothing, unless the user has set it otherwise."""
    ours = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


class _Sender:
    """Send runs one after the other, and skip those already there.

    Parameters
    ----------
    client
        MLflow's client.
    experiment
        The name of the experiment; ``None`` takes that of the challenge.
    files
        Whether to send files.
    """

    def __init__(self, client: MlflowClient, experiment: str | None, files: bool) -> None:
        self._client = client
        self._experiment = experiment
        self._files = files
        self._withdrawn = withdrawals()
        # Experiment -> id of a run -> its runs in MLflow.
        self._known: dict[str, dict[str, list[Any]]] = {}
        self._ids: dict[str, str] = {}
        self._folders: dict[tuple[str, str], str] = {}

    def send(self, summary: RunSummary) -> bool | str:
        """Send a run; return whether that was needed, or why it was left out."""
        experiment = self._experiment_id(self._experiment or summary.challenge_name)
        run_id = attested_id(summary)
        other = self._folders.setdefault((experiment, run_id), summary.folder)
        if other != summary.folder:
            return f"it has the same id as {other}, so one is a copy"
        known = self._known[experiment].get(run_id, ())
        complete = next((each for each in known if COMPLETE in each.data.tags), None)
        if complete is not None:
            self._send_withdrawal(complete, summary)
            return False
        try:
            run = run_to_export(summary, "")
            content = mlflow_run(run)
        except ValueError as error:  # it is damaged, or names collide
            return str(error)
        for half in known:
            self._client.delete_run(half.info.run_id)
        self._create(experiment, run, content)
        return True

    def _experiment_id(self, name: str) -> str:
        if name not in self._ids:
            found = self._client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage == "deleted":
                raise InvalidOptionError(
                    f"The experiment {name!r} was deleted in MLflow. Name another one (--experiment), or restore it:\n"
                    f"  mlflow experiments restore --experiment-id {found.experiment_id}"
                )
            identifier = self._client.create_experiment(name) if found is None else found.experiment_id
            self._ids[name] = identifier
            self._known[identifier] = self._known_runs(identifier)
        return self._ids[name]

    def _known_runs(self, experiment: str) -> dict[str, list[Any]]:
        known: dict[str, list[Any]] = {}
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [experiment], f"tags.`{RUN_ID}` LIKE '%'", max_results=_PAGE, page_token=token
            )
            for run in page:
                known.setdefault(run.data.tags[RUN_ID], []).append(run)
            token = page.token
            if not token:
                return known

    def _create(self, experiment: str, run: RunToExport, content: MlflowRun) -> None:
        created = self._client.create_run(experiment, content.start, content.tags, content.name)
        self._send_values(created.info.run_id, content)
        for file in run.files if self._files else ():
            self._send_file(created.info.run_id, file)
        self._client.set_terminated(created.info.run_id, "FINISHED", content.end)
        self._client.set_tag(created.info.run_id, COMPLETE, "with files" if self._files else "without files")

    def _send_values(self, identifier: str, content: MlflowRun) -> None:
        from mlflow.entities import Metric, Param

        moment = content.end or content.start or 0
        for params in _batches(content.params.items(), _PARAMS_AT_ONCE):
            self._client.log_batch(identifier, params=[Param(name, value) for name, value in params])
        for metrics in _batches(content.metrics.items(), _METRICS_AT_ONCE):
            self._client.log_batch(identifier, metrics=[Metric(name, value, moment, 0) for name, value in metrics])

    def _send_file(self, identifier: str, file: FileToExport) -> None:
        path = PurePosixPath(artifact_name(file.name))
        folder = None if len(path.parts) == 1 else path.parent.as_posix()
        if path.name == file.path.name:
            self._client.log_artifact(identifier, str(file.path), folder)
            return
        with TemporaryDirectory() as temporary:  # MLflow takes the name from the file
            copy = shutil.copy(file.path, os.path.join(temporary, path.name))
            self._client.log_artifact(identifier, copy, folder)

    def _send_withdrawal(self, known: Any, summary: RunSummary) -> None:
        """Update in MLflow whether a run is withdrawn."""
        reason = self._withdrawn(summary)
        told = known.data.tags.get(WITHDRAWN)
        if reason is not None and reason != told:
            self._client.set_tag(known.info.run_id, WITHDRAWN, reason)
        elif reason is None and told is not None:
            self._client.delete_tag(known.info.run_id, WITHDRAWN)


def _batches(values: Iterable[tuple[str, Any]], size: int) -> Iterator[list[tuple[str, Any]]]:
    remaining = iter(values)
    while batch := list(itertools.islice(remaining, size)):
        yield batch
