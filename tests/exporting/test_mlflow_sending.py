"""Runs arrive in a real MLflow, each once, whatever ends in between; tox runs this in `mlflow`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from command import in_process
from exported_runs import COMMIT, add_manifest, write_whole_run
from run_folders import CHALLENGE, PUBLISHED, needs_published

from gaitmap_results import send_to_mlflow, withdraw_run
from gaitmap_results.exceptions import InvalidOptionError, TrackingServerError
from gaitmap_results.exporting.mlflow_content import original_name

mlflow = pytest.importorskip("mlflow", reason="MLflow is installed by tox -e mlflow only")
pytestmark = pytest.mark.filterwarnings("default")  # what others warn about is not ours


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Return an empty database of MLflow, and a client for it."""
    folder = tmp_path_factory.mktemp("mlflow")
    before = Path.cwd()
    os.chdir(folder)  # MLflow keeps files in the working directory
    try:
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        yield uri, mlflow.MlflowClient(uri)
    finally:
        os.chdir(before)


@pytest.fixture
def results(tmp_path):
    """Return a results folder with three runs."""
    folder = tmp_path / "results"
    parameters = {"pipeline": {"class": "lab.Shin", "parameters": {"axis (body)": "z", **dict.fromkeys(range(230), 1)}}}
    write_whole_run(folder, "shin", parameters=parameters)
    write_whole_run(folder, ["grp", "b"], is_debug_run=True)
    third = write_whole_run(folder, "third")
    (third / "files").mkdir()
    (third / "files" / "a b#ü.txt").write_text("1")
    add_manifest(third)
    return folder


def runs_of(client, experiment):
    """Return the runs of an experiment by their names, with all that MLflow holds but for its own log."""
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    runs = {run.info.run_name: run for run in found}
    assert len(runs) == len(found)
    return runs


def files_of(client, run, folder=None):
    """Return the names of all artifacts of a run."""
    for each in client.list_artifacts(run.info.run_id, folder):
        if each.is_dir:
            yield from files_of(client, run, each.path)
        else:
            yield each.path


def everything(client, experiment):
    """Return all that MLflow holds of an experiment, in a form that can be compared."""
    return {
        name: (run.to_dictionary(), sorted(files_of(client, run)), client.get_metric_history(run.info.run_id, "error"))
        for name, run in runs_of(client, experiment).items()
    }


def test_what_arrives_is_what_was_recorded(database, results):
    """Name, times, status, parameters, means, tags and every file arrive, and a second import changes nothing."""
    uri, client = database
    done = send_to_mlflow(results, tracking_uri=uri, experiment="first")
    assert (len(done.sent), done.already_there, done.left_out) == (3, (), ())
    runs = runs_of(client, "first")
    assert set(runs) == {"shin", "grp/b", "third"}
    run, folder = runs["shin"], next(results.glob("*/*/shin/*"))
    metadata = json.loads((folder / "metadata.json").read_text())
    assert (run.info.start_time, run.info.status) == (round(metadata["run_start_datetime_utc"] * 1000), "FINISHED")
    assert run.info.end_time == run.info.start_time + 12_500
    assert len(run.data.params) == 232
    assert run.data.params["pipeline.axis _x0028_body_x0029_"] == "z"
    assert run.data.metrics == {"error": 5.5, "runtime_s": 12.5}
    assert run.data.tags["gaitmap_results.run_id"] == metadata["run_id"]
    assert run.data.tags["gaitmap_results.official"] == "true"
    assert runs["grp/b"].data.tags["gaitmap_results.official"] == "false"
    assert run.data.tags["mlflow.source.git.commit"] == COMMIT
    third = next(results.glob("*/*/third/*"))
    stored = {path.relative_to(third).as_posix() for path in third.rglob("*") if path.is_file()}
    assert {original_name(name) for name in files_of(client, runs["third"])} == stored
    assert "files/a b#ü.txt" in stored
    copy = client.download_artifacts(runs["third"].info.run_id, "scores.json")
    assert Path(copy).read_bytes() == (third / "scores.json").read_bytes()
    before = everything(client, "first")
    again = send_to_mlflow(results, tracking_uri=uri, experiment="first")
    assert (again.sent, len(again.already_there)) == ((), 3)
    assert everything(client, "first") == before


def test_a_half_import_is_done_again(database, results):
    """A run without the tag that is set last is sent anew, and no other one."""
    uri, client = database
    send_to_mlflow(results, tracking_uri=uri, experiment="half", files=False)
    runs = runs_of(client, "half")
    assert not list(files_of(client, runs["shin"]))
    # What a program that was killed in between leaves.
    client.delete_tag(runs["shin"].info.run_id, "gaitmap_results.complete")
    done = send_to_mlflow(results, tracking_uri=uri, experiment="half", files=False)
    assert [path.parent.name for path in done.sent] == ["shin"]
    assert set(runs_of(client, "half")) == {"shin", "grp/b", "third"}


def test_a_later_withdrawal_arrives(database, results):
    """What was withdrawn after it was sent says so after the next import, until that is taken back."""
    uri, client = database
    send_to_mlflow(results, tracking_uri=uri, experiment="withdrawn", files=False)
    file = withdraw_run(next(results.glob("*/*/shin/*")), "wrong sensor")
    assert send_to_mlflow(results, tracking_uri=uri, experiment="withdrawn", files=False).sent == ()
    assert runs_of(client, "withdrawn")["shin"].data.tags["gaitmap_results.withdrawn"] == "wrong sensor"
    file.unlink()
    send_to_mlflow(results, tracking_uri=uri, experiment="withdrawn", files=False)
    assert "gaitmap_results.withdrawn" not in runs_of(client, "withdrawn")["shin"].data.tags


def test_what_cannot_be_sent_is_named(database, results):
    """Damaged runs, copies, and runs whose names collide are left out with the reason; the others arrive."""
    uri, client = database
    parameters = {"pipeline": {"class": "A", "parameters": {"a": {"b": 1}, "a.b": 2}}}
    collides = write_whole_run(results, "collides", parameters=parameters)
    damaged, unreadable = (next(results.glob(f"*/*/{name}/*")) for name in ("shin", "third"))
    (damaged / "scores.json").write_text("{}")
    (unreadable / "metadata.json").write_text("{")
    kept = next(results.glob("*/*/grp/b/*"))
    copy = shutil.copytree(kept, kept.with_name("_20270101_000000"))
    done = in_process("mlflow", results, "--tracking-uri", uri, "--experiment", "left out", "--no-files")
    assert done.code == 1
    assert "Sent 1 run" in done.err
    for path, why in ((collides, "both be called"), (damaged, "scores.json"), (unreadable, "metadata.json"),
                      (copy, "same id")):  # fmt: skip
        assert any(str(path) in line and why in line for line in done.err.splitlines())
    assert set(runs_of(client, "left out")) == {"grp/b"}


def test_experiments(database, results):
    """Without a name each challenge has an experiment of its own; one that was deleted is told, with the way back."""
    uri, client = database
    done = in_process("mlflow", results, "--tracking-uri", uri, "--no-files")
    assert done.code == 0
    assert len(runs_of(client, CHALLENGE)) == 3
    identifier = client.get_experiment_by_name(CHALLENGE).experiment_id
    client.delete_experiment(identifier)
    with pytest.raises(InvalidOptionError, match=f"restore --experiment-id {identifier}"):
        send_to_mlflow(results, tracking_uri=uri)
    client.restore_experiment(identifier)
    assert len(send_to_mlflow(results, tracking_uri=uri, files=False).already_there) == 3


def test_a_store_that_mlflow_refuses(results, tmp_path):
    """What MLflow says about a store that it no longer takes is passed on as one error."""
    with pytest.raises(TrackingServerError, match="sqlite"):
        send_to_mlflow(results, tracking_uri=str(tmp_path / "mlruns"))


@needs_published
def test_published_runs_arrive(database):
    """Runs without an id go along with what they have, and are there once after a second import."""
    uri, client = database
    assert len(send_to_mlflow(PUBLISHED, tracking_uri=uri, experiment="published", files=False).sent) == 17
    assert len(send_to_mlflow(PUBLISHED, tracking_uri=uri, experiment="published", files=False).already_there) == 17
    (one, *_) = client.search_runs([client.get_experiment_by_name("published").experiment_id])
    assert one.data.params["dataset"]
    assert one.data.metrics["runtime_s"] > 0


@pytest.fixture
def server(tmp_path):
    """Return the address of an MLflow server, and functions that start and kill it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    store = ("--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}", "--artifacts-destination", tmp_path / "art")
    processes = []

    def start():
        command = [sys.executable, "-m", "mlflow", "server", *store, "--port", str(port), "--workers", "1"]
        # It starts more quickly without a queue of jobs.
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        processes.append(subprocess.Popen(command, env=environment, cwd=tmp_path, **quiet))
        while processes[-1].poll() is None:
            try:
                with urllib.request.urlopen(f"{address}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server did not start")

    def kill():
        os.killpg(processes[-1].pid, 9)
        processes[-1].wait()

    yield address, start, kill
    if processes and processes[-1].poll() is None:
        kill()


@pytest.mark.skipif(os.name == "nt", reason="a server and its workers cannot be killed as one there")
def test_a_server_that_is_killed_midway(server, results, tmp_path, monkeypatch):
    """One error says how far the import came; repeated with the server back, everything is there once and whole."""
    address, start, kill = server
    big = next(results.glob("*/*/third/*"))
    for number in range(30):
        (big / "files" / f"{number}.txt").write_text(str(number))
    add_manifest(big)
    start()
    log_artifact = mlflow.MlflowClient.log_artifact

    def log_and_kill(client, run_id, local_path, artifact_path=None):
        log_artifact(client, run_id, local_path, artifact_path)
        if Path(local_path).name == "10.txt":
            kill()

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_artifact", log_and_kill)
        with pytest.raises(TrackingServerError, match=r"after \d of 3 runs") as caught:
            send_to_mlflow(results, tracking_uri=address, experiment="x")
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
    done = in_process("mlflow", results, "--tracking-uri", address, "--experiment", "x")
    assert (done.code, done.err.count("Error:")) == (1, 1)
    start()
    done = send_to_mlflow(results, tracking_uri=address, experiment="x")
    assert len(done.sent) == 3 - caught.value.sent
    client = mlflow.MlflowClient(address)
    runs = runs_of(client, "x")
    assert set(runs) == {"shin", "grp/b", "third"}
    assert all("gaitmap_results.complete" in run.data.tags for run in runs.values())
    stored = {path.relative_to(big).as_posix(): path.read_bytes() for path in big.rglob("*") if path.is_file()}
    copies = Path(client.download_artifacts(runs["third"].info.run_id, ""))
    arrived = {path.relative_to(copies).as_posix(): path.read_bytes() for path in copies.rglob("*") if path.is_file()}
    assert {original_name(name): content for name, content in arrived.items()} == stored
    assert send_to_mlflow(results, tracking_uri=address, experiment="x").sent == ()
