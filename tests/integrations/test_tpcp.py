"""The config in the workers of tpcp and joblib: real processes see what the process that started them sees."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
import types

import pytest

from gaitmap_results.config import (
    LocalConfig,
    config_for_workers,
    get_config,
    reset_config,
    set_config,
)
from gaitmap_results.integrations import tpcp as _tpcp

START = """
import os, sys
from pathlib import Path
import joblib
from gaitmap_results.integrations import tpcp as _tpcp
from gaitmap_results.config import (
    LocalConfig, explain_config, get_config, is_config_set, is_debug_run, reset_config, set_config
)

_tpcp.register()
assert "tpcp" not in sys.modules
import tpcp.parallel
from tpcp.parallel import delayed
_tpcp.register(tpcp.parallel)
_tpcp.register()

def seen(_):
    try:
        config = get_config()
    except ValueError as error:
        return type(error).__name__, str(error), os.getpid()
    return config, is_debug_run(), is_config_set(), os.getpid()

def ask(tasks=4):
    answers = joblib.Parallel(n_jobs=2)(delayed(seen)(number) for number in range(tasks))
    assert os.getpid() not in {answer[-1] for answer in answers}
    assert len({answer[:-1] for answer in answers}) == 1, answers
    return answers[0][:-1], {answer[-1] for answer in answers}
"""


@pytest.fixture(autouse=True)
def clean_config(monkeypatch):
    """Start and end each test without any config."""
    monkeypatch.delenv("GAITMAP_RESULTS_CONFIG", raising=False)
    monkeypatch.delenv("GAITMAP_RESULTS_DEBUG", raising=False)
    reset_config()
    yield
    reset_config()


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a script in a fresh Python, and fails with what it says if it fails."""

    def run_script(body):
        script = tmp_path / "script.py"
        script.write_text(START + textwrap.dedent(body), encoding="utf-8")
        done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "will not see" not in done.stderr

    return run_script


# Not imported here: these tests are about processes of their own.
needs_tpcp = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("joblib", "tpcp")), reason="tpcp is not installed"
)


@needs_tpcp
def test_workers_see_the_config_and_never_an_old_one(run):
    """A worker has the config of the task's sender, also when it has served a task with another config before."""
    run(
        """
        config = set_config(LocalConfig(results_dir="first", n_jobs=2, datasets={"a": "b"}), debug=False)
        answer, first_workers = ask()
        assert answer == (config, False, True), answer

        reset_config()
        config = set_config(LocalConfig(results_dir="second"))
        answer, second_workers = ask()
        assert answer == (config, None, True), answer

        reset_config()
        os.environ["GAITMAP_RESULTS_DEBUG"] = "maybe"
        answer, third_workers = ask()
        assert answer[0] == "ConfigError", answer
        assert first_workers & second_workers & third_workers, "no worker was reused, so nothing was tested"
        """
    )


@pytest.mark.exhaustive
@needs_tpcp
def test_workers_see_what_their_sender_finds(run):
    """What was not set but found counts in workers too, though they keep the folder and variables of their start."""
    run(
        """
        ask()
        os.mkdir("place")
        Path("place/config.json").write_text('{"results_dir": "r", "debug": true}')
        os.environ["GAITMAP_RESULTS_CONFIG"] = "place/config.json"
        answer, _ = ask()
        assert answer == (LocalConfig(results_dir="place/r"), True, False), answer

        os.environ["GAITMAP_RESULTS_DEBUG"] = "no"
        answer, _ = ask()
        assert answer == (LocalConfig(results_dir="place/r"), False, False), answer

        """
    )


@pytest.mark.exhaustive
@needs_tpcp
def test_tasks_in_the_same_process_change_nothing(run):
    """Where tasks run in threads or one after the other, a config that was changed meanwhile is not set back."""
    run(
        """
        set_config(LocalConfig(n_jobs=2))
        for options in ({"n_jobs": 1}, {"n_jobs": 2, "backend": "threading"}):
            tasks = [delayed(seen)(number) for number in range(3)]
            reset_config()
            new = set_config(LocalConfig(n_jobs=3), debug=True)
            for answer in joblib.Parallel(**options)(tasks):
                assert answer == (new, True, True, os.getpid()), answer
            assert get_config() is new
        """
    )


@pytest.mark.exhaustive
@needs_tpcp
def test_registering_again_after_a_reload(run):
    """Tpcp forgets its callbacks when it is reloaded; the next registration puts ours back, and only once."""
    run(
        """
        import importlib
        importlib.reload(tpcp.parallel)
        from tpcp.parallel import delayed
        _tpcp.register()
        _tpcp.register()
        assert len(tpcp.parallel._PARALLEL_CONTEXT_CALLBACKS) == 1
        config = set_config(LocalConfig(n_jobs=2), debug=True)
        assert ask()[0] == (config, True, True)
        """
    )


def test_a_wrong_config_stops_no_task(monkeypatch):
    """A sender without a usable config sends none."""
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "maybe")
    assert config_for_workers()[0] is None


def test_the_process_that_sent_a_task_keeps_its_config():
    """Only workers take over a config: a task that runs where it came from changes nothing, nor does nonsense."""
    set_config(LocalConfig(n_jobs=2))
    sent, take_over = config_for_workers()
    reset_config()
    set_config(LocalConfig(n_jobs=3))
    for each in (sent, None, 3, object()):
        take_over(each)
    assert get_config().n_jobs == 3


@pytest.fixture
def fresh_registration(monkeypatch):
    """Forget any registration for the time of a test."""
    monkeypatch.setattr(_tpcp, "_registered_with", None)


@pytest.mark.usefixtures("fresh_registration")
def test_registering_without_tpcp_does_nothing(monkeypatch):
    """Nothing is imported and nothing raised before the user imports tpcp."""
    monkeypatch.delitem(sys.modules, "tpcp.parallel", raising=False)
    _tpcp.register()
    assert "tpcp.parallel" not in sys.modules


@pytest.mark.usefixtures("fresh_registration")
def test_registering_with_a_tpcp_without_names():
    """The first versions of tpcp keep a plain list of callbacks, in which ours must stand once."""
    callbacks = []
    module = types.ModuleType("tpcp.parallel")
    module.register_global_parallel_callback = lambda callback: callbacks.append(callback)
    _tpcp.register(module)
    _tpcp.register(module)
    assert callbacks == [config_for_workers]


@pytest.mark.usefixtures("fresh_registration")
def test_registering_never_raises(caplog):
    """A tpcp that has changed costs a line in the log, not the user's import."""
    _tpcp.register(types.ModuleType("tpcp.parallel"))
    assert "will not see the config" in caplog.text
