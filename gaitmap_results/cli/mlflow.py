"""Provide the command ``mlflow``: send runs to an MLflow tracking server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import existing_results_folder
from gaitmap_results.cli.options import results_argument
from gaitmap_results.cli.terminal import progress, report_skipped, say
from gaitmap_results.reading.index import SkippedRun
from gaitmap_results.showing.text import counted

__all__ = ["mlflow"]


@click.command(epilog="Example: gaitmap-results mlflow results --tracking-uri http://localhost:5000 --experiment gait")
@results_argument
@click.option("--tracking-uri", help="The server or database; without it, MLflow's setting, else mlflow.db here.")
@click.option("--experiment", help="The experiment; without it, each challenge has one with its name.")
@click.option("--files/--no-files", default=True, help="Send files, or only times, parameters, scores and tags.")
def mlflow(results: Path | None, **options: Any) -> None:
    """Send the runs below RESULTS to MLflow.

    Without RESULTS, the config's results folder is used. Each run arrives with its times, parameters, scores, tags and
    files. What is there already is not sent again: after a server was gone, the same command goes on. The exit code is
    1 if a run was left out, for example because its files are damaged. Needs `pip install "gaitmap_results[mlflow]"`.
    """
    from gaitmap_results.exporting.mlflow_sending import send_to_mlflow

    folder = existing_results_folder(results)
    with progress("Sending") as advance:
        done = send_to_mlflow(folder, on_run=advance, **options)
    report_skipped([SkippedRun(str(path), reason) for path, reason in done.left_out])
    say(f"Sent {counted(len(done.sent), 'run')}; {len(done.already_there)} were there already", err=True)
    if done.left_out:
        raise click.exceptions.Exit(1)
