"""Make an environment from a record with uv, or with venv and pip if there is no uv."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from gaitmap_results.exceptions import GaitmapResultsError
from gaitmap_results.provenance.packages import normalised
from gaitmap_results.reproducing.children import clean_environment, run_child
from gaitmap_results.reproducing.locking import LOCK_FILE, Lock, lock_local, lock_with_pip, lock_with_uv
from gaitmap_results.reproducing.packages import PackagePlan
from gaitmap_results.reproducing.pythons import Interpreter

__all__ = ["EnvironmentBuilder", "EnvironmentFailedError"]

_BROUGHT_BY_VENV: Final = ("setuptools", "pip")
# The first pip with the option --python.
_FIRST_PIP: Final = 23


class EnvironmentFailedError(GaitmapResultsError, RuntimeError):
    """An environment could not be made; the message holds what the installer said."""


@dataclass
class EnvironmentBuilder:
    """Make one environment.

    Attributes
    ----------
    python
        The Python to make it with.
    folder
        Its folder.
    uv
        The program uv; ``None`` for venv and pip.
    lock
        The packages, once they were found.
    is_made
        Whether the packages are installed.
    """

    python: Interpreter
    folder: Path
    uv: str | None
    lock: Lock | None = None
    is_made: bool = False

    @property
    def interpreter(self) -> Path:
        """The Python of the environment."""
        inside = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
        return self.folder / "environment" / inside

    def find(self, plan: PackagePlan) -> Lock:
        """Ask the index for the packages of a plan; nothing is installed yet."""
        if self.lock is None:
            if not plan.requirements:
                self.lock = lock_local(plan)
            elif self.uv is not None:
                self.lock = lock_with_uv(self.uv, plan, self.python.path, self.folder, clean_environment())
            else:
                self._make_empty()
                self.lock = lock_with_pip(plan, self._pip, self.folder, clean_environment())
        return self.lock

    def make(self, plan: PackagePlan) -> Path:
        """Install the packages that were found, and return the Python of the environment.

        Raises
        ------
        EnvironmentFailedError
            If a package cannot be installed.
        """
        if self.is_made:
            return self.interpreter
        lock = self.find(plan)
        self._make_empty()
        if self.uv is not None and plan.requirements:
            self._run(self._installer("sync"), self.folder / LOCK_FILE)
        elif lock.requirements:
            file = self.folder / "requirements.txt"
            file.write_text("".join(f"{line}\n" for line in lock.requirements), encoding="utf-8")
            self._run(self._installer("install", "--no-deps"), "--requirement", file)
        local: list[str | Path] = [each.file for each in plan.archives]
        for project in plan.projects:
            local += ["--editable", project.folder] if project.editable else [project.folder]
        if local:
            self._run(self._installer("install", "--no-deps"), *local)
        recorded = set(map(normalised, plan.names))
        not_recorded = [name for name in _BROUGHT_BY_VENV if name not in recorded]
        if self.uv is None and not self._has_own_pip and not_recorded:
            self._run(self._installer("uninstall", "--yes"), *not_recorded)
        self.is_made = True
        return self.interpreter

    @property
    def _has_own_pip(self) -> bool:
        """Whether the pip of this Python can install for the other one, which is faster than to install a pip there."""
        try:
            is_recent = int(version("pip").partition(".")[0]) >= _FIRST_PIP
        except (PackageNotFoundError, ValueError):
            return False
        return is_recent and self.python.minor == "{}.{}".format(*sys.version_info)

    @property
    def _pip(self) -> list[str | Path]:
        if self._has_own_pip:
            return [sys.executable, "-m", "pip", "--python", self.interpreter]
        return [self.interpreter, "-m", "pip"]

    def _make_empty(self) -> None:
        target = self.folder / "environment"
        if target.exists():
            return
        if self.uv is not None:
            self._run([self.uv, "venv", "--quiet", "--no-project", "--python", self.python.path], target)
        else:
            options = ["--without-pip"] if self._has_own_pip else []
            self._run([self.python.path, "-m", "venv", *options], target)

    def _installer(self, command: str, *options: str) -> list[str | Path]:
        if self.uv is not None:
            return [self.uv, "pip", command, "--quiet", "--python", self.interpreter, *options]
        return [*self._pip, command, "--quiet", "--no-input", *options]

    def _run(self, command: Sequence[str | Path], *more: str | Path) -> None:
        log = self.folder / "environment_log"
        done = run_child([*command, *more], cwd=self.folder, env=clean_environment(), log=log)
        if done.code != 0:
            said = "\n".join((done.errors or done.output).splitlines()[-12:])
            raise EnvironmentFailedError(f"The recorded environment could not be made:\n{said}")
