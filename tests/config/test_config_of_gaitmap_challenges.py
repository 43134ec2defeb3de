"""The config of gaitmap_challenges counts where there is none of ours, and what gaitmap_bench passes is understood."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import types
from pathlib import Path

import pytest
from processes import run_python

from gaitmap_results import LocalConfig, config, create_config_template, get_config, is_debug_run, set_config
from gaitmap_results.config import (
    config_for_workers,
    describe_foreign_config,
    explain_config,
    find_config,
    find_results_folder,
    reset_config,
)
from gaitmap_results.config.current_config import adopt_config
from gaitmap_results.exceptions import ConfigError, NoResultsFolderError

OURS = ("GAITMAP_RESULTS_CONFIG", "GAITMAP_RESULTS_DEBUG")
THEIRS = ("GAITMAP_CHALLENGES_CONFIG", "GAITMAP_CHALLENGES_DEBUG")


@pytest.fixture(autouse=True)
def clean_config(monkeypatch, tmp_path):
    """Start and end each test without any config, in a folder of its own."""
    for name in (*OURS, *THEIRS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "gaitmap_challenges.config", raising=False)
    monkeypatch.chdir(tmp_path)
    reset_config()
    yield
    reset_config()


def write_theirs(folder: Path, **values: object) -> str:
    """Write a config file as gaitmap_challenges has it."""
    (folder / "old.json").write_text(json.dumps({"gaitmap_challenges": values, "datasets": {}}))
    return str(folder / "old.json")


@dataclasses.dataclass(frozen=True)
class TheirConfig:
    """The config of gaitmap_challenges."""

    tmp_dir: Path | None = None
    cache_dir: Path | None = None
    results_dir: Path | None = None
    n_jobs: int | str = 1
    datasets: object = None


def set_theirs(monkeypatch, its_config: TheirConfig, debug: bool) -> None:
    """Stand in for gaitmap_challenges, which this Python may not be able to import, with its config set."""
    module = types.ModuleType("gaitmap_challenges.config")
    module.is_config_set, module.config, module.is_debug_run = (lambda: True), (lambda: its_config), (lambda: debug)
    monkeypatch.setitem(sys.modules, "gaitmap_challenges.config", module)


def test_its_variables_count_where_none_of_ours_is_set(monkeypatch, tmp_path):
    """The file and the setting that its variables name count, are told in one line, and are explained."""
    monkeypatch.setenv("GAITMAP_CHALLENGES_CONFIG", write_theirs(tmp_path, results_dir=str(tmp_path / "old"), n_jobs=2))
    monkeypatch.setenv("GAITMAP_CHALLENGES_DEBUG", "False")
    assert (find_results_folder(), get_config().n_jobs, is_debug_run()) == (tmp_path / "old", 2, False)
    line = describe_foreign_config()
    assert line.endswith("debug=False (GAITMAP_CHALLENGES_CONFIG, GAITMAP_CHALLENGES_DEBUG)")
    assert "\n" not in line
    found = {each.name: each for each in explain_config()}
    assert found["n_jobs"].source == found["debug"].source == "gaitmap_challenges"
    assert found["tmp_dir"].source == "default"


@pytest.mark.parametrize(
    ("word", "debug"), [("True", True), ("1", True), ("true", True), ("0", False), ("yes", False), ("", False)]
)
def test_its_setting_is_read_as_it_reads_it(word, debug, monkeypatch):
    """Every word but true and 1 means official there, and so it does here; the setting counts without a config."""
    monkeypatch.setenv("GAITMAP_CHALLENGES_DEBUG", word)
    assert is_debug_run() is debug
    assert find_config() is None


def test_its_paths_are_read_as_it_reads_them(monkeypatch, tmp_path):
    """Variables are put in, one that is not set stays, and a relative folder starts from the working directory."""
    monkeypatch.setenv("STORE", str(tmp_path / "store"))
    (tmp_path / "place").mkdir()
    file = write_theirs(tmp_path / "place", results_dir="$STORE/r", cache_dir="$NOT_SET/c", tmp_dir=None)
    monkeypatch.setenv("GAITMAP_CHALLENGES_CONFIG", file)
    found = get_config()
    assert found.results_dir == tmp_path / "store" / "r"
    assert found.cache_dir == tmp_path / "$NOT_SET" / "c"
    assert found.tmp_dir is None


def test_what_was_set_there_counts_more_than_its_variables(monkeypatch, tmp_path):
    """A config that the program has set in gaitmap_challenges counts, with its debug setting."""
    monkeypatch.setenv("GAITMAP_CHALLENGES_CONFIG", write_theirs(tmp_path, results_dir="other"))
    set_theirs(monkeypatch, TheirConfig(results_dir=tmp_path / "set"), debug=False)
    assert (find_results_folder(), is_debug_run()) == (tmp_path / "set", False)
    assert "gaitmap_challenges.config.set_config" in describe_foreign_config()


@pytest.mark.parametrize("ours", ["set_config", "variable", "pyproject"])
def test_any_config_of_ours_counts_alone(ours, monkeypatch, tmp_path):
    """Nothing of gaitmap_challenges counts beside a config of ours, and an official run needs ours to say so."""
    if ours == "pyproject" and sys.version_info < (3, 11):
        pytest.skip("reading TOML needs Python 3.11")
    monkeypatch.setenv("GAITMAP_CHALLENGES_CONFIG", write_theirs(tmp_path, results_dir="old"))
    monkeypatch.setenv("GAITMAP_CHALLENGES_DEBUG", "0")
    (tmp_path / "new.json").write_text('{"results_dir": "new"}')
    if ours == "set_config":
        set_config(LocalConfig(results_dir="new"))
    elif ours == "variable":
        monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", str(tmp_path / "new.json"))
    else:
        (tmp_path / "pyproject.toml").write_text("[tool.gaitmap_results]\nresults_dir = 'new'\n")
    assert (find_results_folder(), is_debug_run()) == (tmp_path / "new", None)
    assert describe_foreign_config() is None


def test_our_debug_variable_wins(monkeypatch, tmp_path):
    """One's own variable counts, whatever gaitmap_challenges says."""
    set_theirs(monkeypatch, TheirConfig(results_dir=tmp_path), debug=False)
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "true")
    assert is_debug_run() is True


@pytest.mark.parametrize(
    "content",
    [None, "{", "[]", '{"datasets": {}}', '{"gaitmap_challenges": 3}', '{"gaitmap_challenges": {"cache_dir": ["a"]}}'],
)
def test_a_wrong_file_is_refused(content, monkeypatch, tmp_path):
    """A file that is missing or is no config of gaitmap_challenges is an error that names the variable and the file."""
    if content is not None:
        (tmp_path / "old.json").write_text(content)
    monkeypatch.setenv("GAITMAP_CHALLENGES_CONFIG", str(tmp_path / "old.json"))
    with pytest.raises(ConfigError, match=r"GAITMAP_CHALLENGES_CONFIG names .*old\.json"):
        find_results_folder()


def test_an_empty_variable_names_nothing(monkeypatch):
    """An empty variable is as good as none."""
    monkeypatch.setenv("GAITMAP_CHALLENGES_CONFIG", "")
    with pytest.raises(NoResultsFolderError):
        find_results_folder()


SCRIPT = """
from gaitmap_results import BaseChallenge, recorded_run

class Steps(BaseChallenge):
    VERSION = "1.0.0"
    def run(self, optimizer):
        self.optimizer = optimizer
        return self
    def save_core_results(self, folder_path):
        (folder_path / "steps.txt").write_text("1")
    @classmethod
    def load_core_results(cls, folder_path):
        return 1

for name in ("first", "second"):
    with recorded_run(name, use_git=False):
        Steps().run(None)
"""


def test_one_line_says_so(tmp_path):
    """A program whose runs go where gaitmap_challenges says is told in one line, once."""
    (tmp_path / "entry.py").write_text(SCRIPT)
    theirs = {"GAITMAP_CHALLENGES_CONFIG": write_theirs(tmp_path, results_dir="old"), "GAITMAP_CHALLENGES_DEBUG": "0"}
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    done = run_python("entry.py", cwd=tmp_path, env={**kept, **theirs})
    assert done.stderr.count("GAITMAP_CHALLENGES_CONFIG") == 1
    assert len(list((tmp_path / "old").rglob("metadata.json"))) == 2


@dataclasses.dataclass(frozen=True)
class BenchConfig(LocalConfig):
    """A config as gaitmap_bench derives it."""

    results_dir: Path = Path("bench_results")
    n_rounds: int = 3


def test_what_gaitmap_bench_passes(tmp_path):
    """Its own class, default file, template and question about debug are understood under the names it uses."""
    template = create_config_template(tmp_path / "config.json", BenchConfig)
    assert json.loads(template.read_text())["gaitmap_results"]["n_rounds"] == 3
    assert config._resolve_debug(None) is True
    assert config._resolve_debug(False) is False
    assert (config._CONFIG_ENV_VAR, config._DEBUG_ENV_VAR) == ("GAITMAP_RESULTS_CONFIG", "GAITMAP_RESULTS_DEBUG")

    (tmp_path / "dev.json").write_text('{"gaitmap_challenges": {"n_jobs": 2, "n_rounds": 5}, "datasets": {}}')
    set_config(None, None, _config_type=BenchConfig, _default_config_file=tmp_path / "dev.json")
    assert type(config.config()) is BenchConfig
    assert config.config() == BenchConfig(n_jobs=2, n_rounds=5, datasets={})

    reset_config()
    write_theirs(tmp_path, n_jobs=4)
    set_config(tmp_path / "old.json")
    adopt_config(dataclasses.replace(config_for_workers()[0], is_set=False))  # as a worker holds it
    assert set_config(_config_type=BenchConfig) == BenchConfig(n_jobs=4, datasets={})

    reset_config()
    with pytest.raises(ConfigError, match="There is no config"):
        set_config(_config_type=BenchConfig, _default_config_file=tmp_path / "missing.json")


@dataclasses.dataclass(frozen=True)
class ConfigWithDebug(LocalConfig):
    """A config of another package that has a value of this name."""

    debug: bool = False


def test_a_value_named_debug_of_another_package_asks_for_nothing(tmp_path):
    """Neither its default nor what is given makes a run official; the key of a file does, as in any config."""
    (tmp_path / "dev.json").write_text('{"n_jobs": 2}')
    for chosen in (ConfigWithDebug(), ConfigWithDebug(debug=True), tmp_path / "dev.json"):
        set_config(chosen, _config_type=ConfigWithDebug)
        assert is_debug_run() is None
        reset_config()
    (tmp_path / "dev.json").write_text('{"debug": false}')
    set_config(tmp_path / "dev.json", _config_type=ConfigWithDebug)
    assert is_debug_run() is False
