"""Keeps the process of an experiment, so that it is warm and can take its turn among others."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from measuring import Plan
from surroundings import environment, make_repository

__all__ = ["EXPERIMENTS", "ExperimentError", "Session"]

EXPERIMENTS = Path(__file__).parent / "experiments"


class ExperimentError(Exception):
    """The process of an experiment has ended before it answered."""


class Session(contextlib.AbstractContextManager["Session"]):
    """The process of one experiment, in a clean repository of its own with the script of the experiment in it.

    Parameters
    ----------
    plan
        Where to work.
    experiment
        The name of a script in the folder ``experiments``.
    name
        Of the folder, if there are several sessions of one experiment.
    n_files
        How many files the repository has.
    variables
        More environment variables.
    arguments
        More arguments of the script.
    """

    def __init__(
        self,
        plan: Plan,
        experiment: str,
        *,
        name: str | None = None,
        n_files: int = 20,
        variables: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        folder = plan.folder / (name or experiment)
        self.experiment = experiment
        self.repository = folder / "repository"
        self.store = folder / "results"
        self.script = make_repository(self.repository, script=EXPERIMENTS / f"{experiment}.py", n_files=n_files)
        self.store.mkdir()
        self._variables = environment(plan.folder) | dict(variables or {})
        self._arguments = arguments
        self._said = folder / "said.txt"
        self._process: subprocess.Popen[str] | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()

    def _start(self) -> subprocess.Popen[str]:
        with self._said.open("ab") as said:
            return subprocess.Popen(
                [sys.executable, self.script.name, str(self.store), *self._arguments],
                cwd=self.repository,
                env=self._variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )

    def ask(self, way: str) -> dict[str, Any]:
        """Go a way of the experiment once, and return the answer, see :func:`answering.answer`.

        Raises
        ------
        ExperimentError
            If the process ends; with what it said.
        """
        if self._process is None:
            self._process = self._start()
        try:
            self._process.stdin.write(way + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline()
        if not answer:
            raise ExperimentError(f"{self.experiment}: {self._said.read_text(errors='replace')[-3000:]}")
        return json.loads(answer)

    def seconds(self, way: str) -> float:
        """Go a way of the experiment once, and return how long it took."""
        return self.ask(way)["seconds"]
