"""Whether a run is a debug run: every combination of the places that can say so."""

from __future__ import annotations

import itertools
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge

from gaitmap_results import LocalConfig, record_run, recorded_run, save_run, set_config
from gaitmap_results.exceptions import ConfigError, DebugSettingWarning, InvalidOptionError
from gaitmap_results.provenance.loaded_code import LoadedCode, Unidentified
from gaitmap_results.saving.debug_reasons import DebugReason, block_raised, code_reasons, reasons_for_debug
from gaitmap_results.saving.debug_setting import resolve_debug_setting

SAYS = (None, True, False)
COMBINATIONS = list(itertools.product(SAYS, SAYS, SAYS, SAYS, (False, True)))


def oracle(argument: Any, configured: Any, pyproject: Any, environment: Any, force: bool) -> tuple[bool, str]:
    """Say, in the seed's words only, whether it is a debug run and who decided.

    "Runs are considered debug, if the user explicitly specifies them to be using the debug_run=True or via the global
    config"; "this setting will be overwritten by the global config, if specified there and
    _force_local_debug_run_setting is True"; "to produce actual runs, you need to set the explicit config to
    debug_run=False (or via the global config)".
    The global config's setting is the environment variable's, else the one of set_config, else the file's.
    """
    table = {"environment": environment, "set_config": configured, "pyproject": pyproject}
    global_setting = next((value for value in table.values() if value is not None), None)
    if argument is None and global_setting is None:
        return True, "default"
    if argument is None:
        return global_setting, "config"
    if global_setting is None:
        return argument, "argument"
    return (global_setting, "config") if force else (argument, "argument")


def disagree(argument: Any, configured: Any, pyproject: Any, environment: Any) -> bool:
    """Say whether the argument and the global config say different things."""
    said = [value for value in (environment, configured, pyproject) if value is not None][:1]
    return argument is not None and said not in ([], [argument])


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch, configured: Any, pyproject: Any, environment: Any) -> None:
    """Let config, file and environment variable say what the test wants."""
    if pyproject is not None:
        text = f"[tool.gaitmap_results]\ndebug = {str(pyproject).lower()}\n"
        (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    if environment is not None:
        monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", str(environment).lower())
    if configured is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DebugSettingWarning)  # set_config against the environment: test_config.py
            set_config(LocalConfig(), debug=configured)


def save(folder: Path, **options: Any) -> dict[str, Any]:
    """Save a finished challenge and return its record."""
    challenge = ExampleChallenge().run(1)
    path = save_run(challenge, "entry", custom_metadata={}, path=folder / "results", use_git=False, **options)
    metadata: dict[str, Any] = json.loads((path / "metadata.json").read_text(encoding="utf-8"))
    assert path.name.startswith("_") is metadata["is_debug_run"]
    return metadata


@pytest.mark.parametrize(("argument", "configured", "pyproject", "environment", "force"), COMBINATIONS)
def test_every_combination_decides_as_the_seed_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argument: Any,
    configured: Any,
    pyproject: Any,
    environment: Any,
    force: bool,
) -> None:
    """What is stored is what the seed says; a disagreement warns and names what counts."""
    prepare(tmp_path, monkeypatch, configured, pyproject, environment)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        metadata = save(tmp_path, debug_run=argument, _force_local_debug_run_setting=force)
    debug, source = oracle(argument, configured, pyproject, environment, force)
    assert metadata["is_debug_run"] is debug
    assert [reason["code"] for reason in metadata["debug_reasons"]] == ([f"debug_run.{source}"] if debug else [])
    expected = [DebugSettingWarning] if disagree(argument, configured, pyproject, environment) else []
    assert [warning.category for warning in shown] == expected
    if expected:
        assert f"The {'config' if source == 'config' else 'argument'} wins." in str(shown[0].message)


@pytest.mark.parametrize(("argument", "environment", "force"), list(itertools.product(SAYS, SAYS, (False, True))))
def test_block_and_decorator_decide_as_save_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: Any, environment: Any, force: bool
) -> None:
    """All three ways to save come to the same decision."""
    prepare(tmp_path, monkeypatch, None, None, environment)
    options: dict[str, Any] = {"path": tmp_path / "results", "use_git": False, "debug_run": argument}
    options["_force_local_debug_run_setting"] = force

    @record_run("decorated", **options)
    def decorated() -> None:
        ExampleChallenge().run(1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DebugSettingWarning)
        decorated()
        with recorded_run("block", **options) as r:
            ExampleChallenge().run(1)
    debug, _ = oracle(argument, None, None, environment, force)
    (stored,) = tmp_path.glob("results/*/*/decorated/*")
    assert r.metadata_["is_debug_run"] is debug
    assert json.loads((stored / "metadata.json").read_text())["is_debug_run"] is debug


@pytest.mark.parametrize("word", ["maybe", "", "2", "None"])
@pytest.mark.parametrize("argument", SAYS)
def test_a_word_that_is_no_boolean_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, argument: Any
) -> None:
    """GAITMAP_RESULTS_DEBUG=maybe becomes neither an official run nor a lost one, also beside an argument."""
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", word)
    began = []
    with (
        pytest.raises(ConfigError, match="GAITMAP_RESULTS_DEBUG") as raised,
        recorded_run("entry", path=tmp_path, debug_run=argument),
    ):
        began.append(True)
    assert began == []
    assert raised.value.path is None
    assert list(tmp_path.iterdir()) == []


def test_a_word_that_is_no_boolean_costs_no_finished_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """save_run, which comes after the run, keeps the core results and says where."""
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "maybe")
    with pytest.raises(ConfigError, match="GAITMAP_RESULTS_DEBUG") as raised:
        save(tmp_path)
    assert (raised.value.path / "results" / "result.json").is_file()


@pytest.mark.parametrize("argument", ["False", 0, 1, "", [], "no"])
def test_a_debug_run_argument_that_is_no_boolean_is_refused_before_the_run(tmp_path: Path, argument: Any) -> None:
    """debug_run="False" is true for Python, and 0 may be a mistake; neither is guessed at."""
    with pytest.raises(InvalidOptionError, match="debug_run"), recorded_run("e", path=tmp_path, debug_run=argument):
        pytest.fail("the block must not begin")


def test_a_disagreement_is_told_on_entering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user learns that argument and config disagree, and which source says so, while the run can be stopped."""
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "true")
    recorder = recorded_run("entry", path=tmp_path, use_git=False, debug_run=False)
    with pytest.warns(DebugSettingWarning, match=r"\(GAITMAP_RESULTS_DEBUG\). The argument wins"):
        recorder.__enter__()
    ExampleChallenge().run(1)
    recorder.__exit__(None, None, None)  # filterwarnings = error: it is not told twice
    assert recorder.metadata_["is_debug_run"] is False


def test_a_setting_that_asks_for_an_official_run_has_no_reason() -> None:
    """The setting of an official run gives no reason for a debug run; every other one names its source and the fix."""
    assert reasons_for_debug(resolve_debug_setting(False, None), None, None) == []
    for argument, config in ((True, None), (None, True), (None, None)):
        (reason,) = reasons_for_debug(resolve_debug_setting(argument, config), None, None)
        assert isinstance(reason, DebugReason)
        assert "debug_run=False" in reason.message or "GAITMAP_RESULTS_DEBUG=false" in reason.message


def test_the_reason_names_what_asks_for_debug_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is named as such, and a config by its file, without its private folder."""
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "true")
    assert save(tmp_path)["debug_reasons"][0]["message"].startswith("GAITMAP_RESULTS_DEBUG asks for debug runs.")
    monkeypatch.delenv("GAITMAP_RESULTS_DEBUG")
    (tmp_path / "own.json").write_text('{"debug": true}')
    monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", str(tmp_path / "own.json"))
    assert save(tmp_path)["debug_reasons"][0]["message"].startswith("The config in own.json asks for debug runs.")


def test_the_same_problem_of_many_files_is_told_once() -> None:
    """All files of a package do not hide the one file that has another problem; the detail lists every file."""
    many = [Unidentified(f"/site/gait/m{number}.py", "gait has no RECORD", "Install it again.") for number in range(99)]
    code = LoadedCode(unidentified=(*many, Unidentified("/lib/own.py", "it is in no repository", "Commit it.")))
    (reason,) = code_reasons(None, code)
    assert "m4.py and 94 more: gait has no RECORD. Install it again. /lib/own.py: it is in no" in reason.message
    assert len(reason.detail["files"]) == 100


@pytest.mark.parametrize(
    ("error", "said"), [(KeyboardInterrupt(), "KeyboardInterrupt"), (OSError("no"), "OSError: no")]
)
def test_an_error_without_a_message_has_no_colon(error, said):
    """Ctrl-C has no message; the reason ends after its name."""
    assert f"raised {said}. Fix it" in block_raised(error).message
