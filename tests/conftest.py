"""The surroundings of every test: no setting of the machine or of another test may reach it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import own_tree
import pytest
from hypothesis import HealthCheck, settings

import gaitmap_results
from gaitmap_results.provenance import loaded_code
from gaitmap_results.user_code import imported_sources

# Whether an example takes long, says something about the machine only.
_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _ANY_MACHINE)
settings.register_profile("ci", _ANY_MACHINE, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

_ENDING_SIGNALS = frozenset(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if (number := getattr(signal, name, None))
)
_GIT_IDENTITY = {"NAME": "Test Person", "EMAIL": "test@example.org"}


@pytest.fixture(scope="session", autouse=True)
def _hermetic_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the machine's git settings, its config of gaitmap_results, and any repository around the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "GAITMAP_", "SLURM_")) or name in ("NO_COLOR", "FORCE_COLOR"):
                patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_CEILING_DIRECTORIES", os.path.realpath(tmp_path_factory.getbasetemp()))
        for role in ("AUTHOR", "COMMITTER"):
            for key, value in _GIT_IDENTITY.items():
                patch.setenv(f"GIT_{role}_{key}", value)
        _let_children_import_the_same_package(patch)
        own_tree.take_for_identified(loaded_code)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_ignored_signals() -> None:
    """Take back that signals are ignored, as `nohup` and the background of a shell want it; children inherit that."""
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN and number in _ENDING_SIGNALS:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Do not wait until files are on the disk: only a power failure could tell, and thousands of runs take minutes.

    The processes that tests start do wait.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def _let_children_import_the_same_package(patch: pytest.MonkeyPatch) -> None:
    """Put a package that is tested from its source folder on the path of every process that a test starts."""
    source = Path(gaitmap_results.__file__).parents[1]
    paths = [str(own_tree.FOR_CHILDREN)]
    if (source / "pyproject.toml").is_file():
        paths.append(str(source))
    patch.setenv("PYTHONPATH", os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])]))


@pytest.fixture(autouse=True)
def _own_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test in its own empty folder, outside of any repository."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _no_imports_left_over() -> Iterator[None]:
    """Forget the files that a test has imported: they would make each later run of this process a debug run."""
    known = set(imported_sources._seen)
    yield
    for file in imported_sources._seen.keys() - known:
        del imported_sources._seen[file]
        imported_sources._imported.pop(file, None)


@pytest.fixture(autouse=True)
def _no_config_left_over() -> Iterator[None]:
    """Take back a global config that a test has set."""
    yield
    config = sys.modules.get("gaitmap_results.config")
    if config is not None and config.is_config_set():
        config.reset_config()
