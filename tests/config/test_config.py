"""The config: what it accepts, where it is looked for, what counts, and what is refused."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
import re
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaitmap_results.config import (
    ConfigValue,
    LocalConfig,
    create_config_template,
    explain_config,
    find_results_folder,
    get_config,
    is_config_set,
    is_debug_run,
    reset_config,
    set_config,
)
from gaitmap_results.exceptions import ConfigError, DebugSettingWarning, NoResultsFolderError

TOML_READER = "tomllib" if sys.version_info >= (3, 11) else "tomli"
needs_toml = pytest.mark.skipif(find_spec(TOML_READER) is None, reason="tomli is not installed")


@pytest.fixture(autouse=True)
def clean_config(monkeypatch):
    """Start and end each test without any config."""
    monkeypatch.delenv("GAITMAP_RESULTS_CONFIG", raising=False)
    monkeypatch.delenv("GAITMAP_RESULTS_DEBUG", raising=False)
    reset_config()
    yield
    reset_config()


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file below the test's folder, from text or from what JSON can hold."""

    def write_file(name, content):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return file

    return write_file


def sources():
    """Return what explain_config says, by name."""
    return {value.name: value for value in explain_config()}


# LocalConfig


def test_text_becomes_an_absolute_path(tmp_path):
    """A relative path given to LocalConfig starts from the working directory of that moment, not of a later one."""
    config = LocalConfig(results_dir="results", cache_dir=Path("cache"))
    os.chdir(tmp_path.parent)
    assert config.results_dir == tmp_path / "results"
    assert config.cache_dir == tmp_path / "cache"
    assert config.tmp_dir is None
    assert LocalConfig(results_dir="/data").results_dir.is_absolute()  # on Windows with the drive that it starts from


@pytest.mark.parametrize("written", ["$DATA/results", "${DATA}/results", "%DATA%/results", Path("$DATA/results")])
def test_variables_are_put_in(written, monkeypatch, tmp_path):
    """All spellings of a variable are replaced, on every operating system."""
    monkeypatch.setenv("DATA", str(tmp_path / "data"))
    assert LocalConfig(results_dir=written).results_dir == tmp_path / "data" / "results"


def test_the_home_directory_is_put_in(monkeypatch, tmp_path):
    """A leading ~ is the home directory, also where it comes out of a variable; that of nobody is refused."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("DATA", "~/data")
    config = LocalConfig(results_dir="~/results", cache_dir="$DATA")
    assert config.results_dir == tmp_path / "home" / "results"
    assert config.cache_dir == tmp_path / "home" / "data"
    with pytest.raises(ConfigError, match="home directory is not known"):
        LocalConfig(results_dir="~no_such_user_here/results")


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("written", ["$NOPE_DIR/x", "${NOPE_DIR}/x", "%NOPE_DIR%/x", "${NOPE_DIR"])
def test_an_unset_variable_is_refused_by_name(written, value, monkeypatch):
    """An unset or empty variable must neither become a folder named after it nor the root folder."""
    monkeypatch.delenv("NOPE_DIR", raising=False)
    if value is not None:
        monkeypatch.setenv("NOPE_DIR", value)
    with pytest.raises(ConfigError, match=r"'cache_dir' given to LocalConfig .*variable NOPE_DIR is not set"):
        LocalConfig(cache_dir=written)


@pytest.mark.parametrize("written", ["${}/x", "x/${"])
def test_a_variable_without_a_name_is_refused_and_shown(written):
    """Half a variable must not become part of a folder's name, and the error shows which part is meant."""
    with pytest.raises(ConfigError, match=r"variable \$\{\}? is not set"):
        LocalConfig(results_dir=written)


@pytest.mark.parametrize("written", ["c$", "price_5$/x", "100%", "a%b", "$5"])
def test_signs_that_are_no_variable_stay(written, tmp_path):
    """A dollar or percent sign without a name is part of the path, as in the shared folders of Windows."""
    assert LocalConfig(results_dir=written).results_dir == tmp_path / written


def test_datasets_may_be_a_mapping(monkeypatch, tmp_path):
    """The folders of data sets are treated as the other folders, and the caller's own mapping is left alone."""
    monkeypatch.setenv("DATA", str(tmp_path / "data"))
    given_datasets = {"first": "$DATA/first", "second": None}
    config = LocalConfig(datasets=given_datasets)
    given_datasets.clear()
    assert config.datasets == {"first": tmp_path / "data" / "first", "second": None}
    assert hash(config) == hash(LocalConfig())


@dataclasses.dataclass(frozen=True)
class DatasetsLike:
    """The shape of gaitmap_datasets' DatasetsConfig."""

    first: Path | None = None
    second: Path | None = None


def test_datasets_may_be_an_object_and_are_stored_as_text(tmp_path):
    """An object such as gaitmap_datasets' DatasetsConfig is kept; the record holds it, and paths, as text."""
    datasets = DatasetsLike(first=tmp_path)
    config = LocalConfig(results_dir=tmp_path, datasets=datasets)
    assert config.datasets is datasets
    stored = config.to_json_dict()
    assert json.loads(json.dumps(stored)) == stored
    assert (stored["results_dir"], stored["datasets"]) == (str(tmp_path), {"first": str(tmp_path), "second": None})


def test_a_config_cannot_be_changed_and_can_be_copied():
    """A config is a value: frozen, equal to its copies, picklable."""
    config = LocalConfig(results_dir="results", datasets={"first": "data"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.n_jobs = 2
    assert copy.deepcopy(config) == config == pickle.loads(pickle.dumps(config))
    assert dataclasses.replace(config, n_jobs=2).results_dir == config.results_dir


names = st.text(st.characters(exclude_characters="$%~\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    str.strip
)
folders = st.one_of(st.none(), names)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    folder_values=st.tuples(folders, folders, folders),
    n_jobs=st.integers(-99, 99).filter(bool),
    datasets=st.one_of(st.none(), st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), folders)),
    options=st.tuples(
        st.lists(names),
        folders,
        st.lists(st.sampled_from(["SIGTERM", "SIGINT"])),
        st.one_of(st.none(), st.floats(0.1, 9)),
    ),
    section=st.sampled_from([None, "gaitmap_results", "gaitmap_challenges"]),
)
def test_every_config_comes_back_from_a_file(folder_values, n_jobs, datasets, options, section, tmp_path):
    """What to_json_dict returns is a config file, however it is arranged, that means the same config."""
    config = LocalConfig(*folder_values, n_jobs, datasets, *options)
    content = config.to_json_dict()
    if section is not None:
        content = {"datasets": content.pop("datasets"), section: content}
    file = tmp_path / "config.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    reset_config()
    assert set_config(file) == config


# Files


@pytest.mark.parametrize(
    "content",
    [
        {"results_dir": "r", "n_jobs": 3, "debug": False, "datasets": {"d": "data"}},
        {"gaitmap_results": {"results_dir": "r", "n_jobs": 3, "debug": False}, "datasets": {"d": "data"}},
        {"gaitmap_results": {"results_dir": "r", "n_jobs": 3, "debug": "off", "datasets": {"d": "data"}}},
        {
            "gaitmap_results": {"results_dir": "r", "n_jobs": 3, "debug": "False", "datasets": {"d": "data"}},
            "gaitmap_challenges": {"results_dir": "other"},
            "datasets": None,
        },
        {"gaitmap_results": {"results_dir": "r", "n_jobs": "3"}, "debug": False, "datasets": {"d": "data"}},
    ],
    ids=["flat", "section", "section with datasets", "beside gaitmap_challenges", "keys beside the section"],
)
def test_arrangements_of_a_json_file(content, write, tmp_path):
    """Each documented arrangement means the same, with paths relative to the file's folder."""
    config = set_config(write("place/config.json", content))
    place = tmp_path / "place"
    assert config == LocalConfig(results_dir=place / "r", n_jobs=3, datasets={"d": place / "data"})
    assert is_debug_run() is False


def test_the_file_of_gaitmap_challenges(write, tmp_path):
    """A config file of gaitmap_challenges is read as it is: nulls, a number as text, and sections we do not know."""
    file = write(
        "config.json",
        {
            "gaitmap_challenges": {"cache_dir": None, "n_jobs": "-1", "results_dir": "results", "tmp_dir": None},
            "datasets": {"egait_adidas_2014": "data/adidas", "kluge_2017": None},
            "another_program": {"x": 1},
        },
    )
    assert set_config(str(file)) == LocalConfig(
        results_dir=tmp_path / "results",
        n_jobs=-1,
        datasets={"egait_adidas_2014": tmp_path / "data" / "adidas", "kluge_2017": None},
    )
    assert is_debug_run() is None


@needs_toml
@pytest.mark.parametrize("header", ["", "[gaitmap_results]\n", "[tool.gaitmap_results]\n"])
def test_a_toml_file(header, write, tmp_path):
    """A file whose name ends with .toml is TOML, with the keys at the top or in a table."""
    config = set_config(write("config.TOML", f"{header}results_dir = 'r'\ndebug = true\n"))
    assert config == LocalConfig(results_dir=tmp_path / "r")
    assert is_debug_run() is True


def test_a_byte_order_mark(tmp_path):
    """A file as editors of Windows write it is read like any other."""
    file = tmp_path / "config.json"
    file.write_text('{"results_dir": "ergebnisse_für_ü"}', encoding="utf-8-sig")
    assert set_config(file).results_dir == tmp_path / "ergebnisse_für_ü"


def test_variables_in_a_file(write, monkeypatch, tmp_path):
    """Variables in a file and in its name are replaced once: what looks like a variable then is a folder's name."""
    monkeypatch.setenv("INNER", "wrong")
    monkeypatch.setenv("OUTER", str(tmp_path / "$INNER"))
    write("$INNER/config.json", {"results_dir": "$OUTER/r", "cache_dir": "cache"})
    config = set_config("$OUTER/config.json")
    assert config.results_dir == tmp_path / "$INNER" / "r"
    assert config.cache_dir == tmp_path / "$INNER" / "cache"
    reset_config()
    write("$OUTER/config.json", {"n_jobs": 3})  # a file of exactly the name that is given comes first
    assert set_config("$OUTER/config.json").n_jobs == 3


@pytest.mark.parametrize("key", ["result_dir", "RESULTS-DIR", "DEBUG", "qqq"])
@pytest.mark.parametrize("section", [None, "gaitmap_results", "gaitmap_challenges"])
def test_an_unknown_key_is_refused(key, section, write):
    """A misspelt key is refused with the known ones, not ignored."""
    content = {key: "x"} if section is None else {section: {key: "x"}}
    file = write("config.json", content)
    with pytest.raises(ConfigError) as caught:
        set_config(file)
    assert f"{file} has the key {key!r}" in str(caught.value)
    assert "results_dir, cache_dir" in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("datasets", {"a": "c"}), ("debug", True)])
def test_a_key_in_two_places_is_refused(key, value, write):
    """Where a key is given in the section and beside it, nobody can know which one counts."""
    file = write("config.json", {"gaitmap_results": {key: value}, key: value})
    with pytest.raises(ConfigError, match="inside and beside"):
        set_config(file)


@needs_toml
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n"results_dir": "r",\n}', "not valid JSON.*line [23]"),
        ('{\n"results_dir": "C:\\data"}', r"line 2.*text\. A backslash is written twice"),
        ('{"n_jobs": 1,\n "tmp_dir": "a:{\\"",\n "n_\\u006aobs": 2}', "gives 'n_jobs' a second time"),
        ('{"datasets": {"a": "x"},\n "cache_dir": "a", "datasets": {}}', "gives 'datasets' a second time"),
        ("", "not valid JSON.*line 1"),
        ('["hunter2"]', "is a list, but must hold keys"),
        ('{"gaitmap_results": 3}', "must hold keys"),
        ("[" * 200_000, "not valid JSON"),
        ('{"n_jobs": ' + "1" * 5000 + "}", "not valid JSON"),
        (b'{"results_dir": "f\xfcr"}', "must be UTF-8"),
        ('{"results_dir": "r"}'.encode("utf-16"), "must be UTF-8"),
        ("toml: a = \n", r"not valid TOML.*line \d"),
        ('toml: results_dir = "C:\\data"', r"not valid TOML.*line 1.*text\. A backslash is written twice"),
        ("toml: n_jobs = 1\nn_jobs = 2\n", r"not valid TOML.*line \d"),
    ],
    ids=lambda each: str(each)[:20],
)
def test_a_broken_file_is_refused(text, words, tmp_path):
    """A file that is no JSON or TOML, or says something twice, is refused with what is wrong, the line and the file."""
    raw = text if isinstance(text, bytes) else text.removeprefix("toml: ").encode()
    file = tmp_path / ("config.toml" if raw != text and text[:5] == "toml:" else "config.json")
    file.write_bytes(raw)
    with pytest.raises(ConfigError, match=f"(?s){words}") as caught:
        set_config(file)
    assert str(file) in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    """A path that leads to no file is refused with the path."""
    with pytest.raises(ConfigError, match=r"no config file .*nothing\.json"):
        set_config("nothing.json")
    with pytest.raises(ConfigError, match=r"no config file .* that can be read"):
        set_config(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("n_jobs", each) for each in (0, True, False, 1.0, "many", "0", [1])],
        *[("results_dir", each) for each in (3, True, ["a"], "", "  ", "nul\0")],
        *[("datasets", each) for each in (3, "folder", ["a"], {"a": 3}, {"a": ""})],
        *[("git_dirty_ignore", each) for each in ("notes", 3, {"notes": 1}, [""], ["a", 3], [None])],
        *[("handle_signals", each) for each in ("SIGTERM", [15], ["TERM"], ["SIGKILL"], ["SIGSTOP"], [["SIGTERM"]])],
        *[("sample_resources_s", each) for each in (0, -1, True, "1", [1])],
        *[("stored_filenames_relative_to", each) for each in (3, "", [])],
    ],
)
def test_a_wrong_value_in_a_file_is_refused(key, value, write):
    """A wrong value is refused with its key and its file, and LocalConfig refuses it, too."""
    file = write("config.json", {key: value})
    with pytest.raises(ConfigError, match=re.escape(f"'{key}' in {file}")):
        set_config(file)
    with pytest.raises(ConfigError, match=f"'{key}' given to LocalConfig "):
        LocalConfig(**{key: value})


def test_defaults_of_options_are_relative_to_the_file(write, tmp_path):
    """A folder that paths are stored relative to starts from the file; what does not count stays as it is written."""
    options = {"git_dirty_ignore": ["slurm-*.out", "notes"], "handle_signals": ["SIGTERM"], "sample_resources_s": 0.5}
    config = set_config(write("place/config.json", {**options, "stored_filenames_relative_to": ".."}))
    assert config.stored_filenames_relative_to == tmp_path / "place" / ".."
    assert config.git_dirty_ignore == ("slurm-*.out", "notes")
    assert (config.handle_signals, config.sample_resources_s) == (("SIGTERM",), 0.5)


# Finding


def test_without_any_config_the_places_are_listed(write, tmp_path):
    """The error tells every place that was looked at, and every way to give a config."""
    write("pyproject.toml", "[project]\nname = 'x'\n")
    with pytest.raises(ConfigError) as caught:
        get_config()
    message = str(caught.value)
    for part in ("set_config", "GAITMAP_RESULTS_CONFIG: not set", str(tmp_path / "pyproject.toml"), "folders above"):
        assert part in message
    with pytest.raises(ConfigError, match="Places that were searched"):
        set_config()


@needs_toml
def test_the_nearest_table_counts(write, tmp_path, monkeypatch):
    """The search goes upwards, past a pyproject.toml without the table, and stops at the first one with it."""
    write("pyproject.toml", "[tool.gaitmap_results]\nresults_dir = 'top'\n")
    write("a/pyproject.toml", "[tool.gaitmap_results]\nresults_dir = '../shared'\nn_jobs = 2\n")
    write("a/b/pyproject.toml", "[tool.other]\nx = 'gaitmap_results'\n")
    (tmp_path / "a/b/c").mkdir()
    monkeypatch.chdir(tmp_path / "a/b/c")
    assert get_config() == LocalConfig(results_dir=tmp_path / "a" / ".." / "shared", n_jobs=2)


@needs_toml
def test_the_environment_file_counts_more_than_pyproject(write, monkeypatch, tmp_path):
    """GAITMAP_RESULTS_CONFIG is looked at first, and may hold ~ and variables itself."""
    write("pyproject.toml", "[tool.gaitmap_results]\nn_jobs = 2\n")
    assert get_config().n_jobs == 2
    write("place/config.json", {"n_jobs": 3, "results_dir": "r"})
    monkeypatch.setenv("PLACE", str(tmp_path / "place"))
    monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", "$PLACE/config.json")
    assert get_config() == LocalConfig(results_dir=tmp_path / "place" / "r", n_jobs=3)


@pytest.mark.parametrize("value", ["", "missing.json", "$NOPE_DIR/config.json"])
def test_a_wrong_environment_file_is_refused(value, monkeypatch, write):
    """A config file that was named and is not there must not be replaced by another config."""
    write("pyproject.toml", "[tool.gaitmap_results]\nn_jobs = 2\n")
    monkeypatch.delenv("NOPE_DIR", raising=False)
    monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", value)
    with pytest.raises(ConfigError, match="GAITMAP_RESULTS_CONFIG"):
        get_config()


def test_what_is_found_is_never_stale(write, monkeypatch, tmp_path):
    """Without set_config the lookup is done each time anew, so that an edited file counts at once."""
    file = write("config.json", {"n_jobs": 2, "debug": True})
    monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", str(file))
    assert (get_config().n_jobs, is_debug_run(), is_config_set()) == (2, True, False)
    write("config.json", {"n_jobs": 3, "debug": False})
    assert (get_config().n_jobs, is_debug_run(), is_config_set()) == (3, False, False)


def test_a_broken_pyproject_of_others_is_skipped(write):
    """A pyproject.toml that cannot be read and says nothing about us is not our concern."""
    write("pyproject.toml", "[project\ndependencies = ['gaitmap_results']\n")
    with pytest.raises(ConfigError, match="There is no config"):
        get_config()


@needs_toml
@pytest.mark.parametrize("text", ["[tool.gaitmap_results]\nx = \n", "tool.gaitmap_results.n_jobs = = 2"])
def test_a_broken_table_is_refused(text, write):
    """A table of ours that cannot be read is an error, not a reason to look further up."""
    file = write("pyproject.toml", text)
    with pytest.raises(ConfigError, match="not valid TOML") as caught:
        get_config()
    assert str(file) in str(caught.value)


@needs_toml
@pytest.mark.parametrize("text", ["[tool]\ngaitmap_results.n_jobs = 2", "tool.gaitmap_results = {n_jobs = 2}"])
def test_all_spellings_of_the_table_are_known(text, write):
    """The table counts however TOML allows it to be written."""
    write("pyproject.toml", text)
    assert get_config().n_jobs == 2


@needs_toml
def test_a_table_that_is_none_is_refused(write):
    """A value in the place of the table is refused."""
    write("pyproject.toml", "[tool]\ngaitmap_results = 3")
    with pytest.raises(ConfigError, match="must hold keys"):
        get_config()


@needs_toml
def test_pyproject_given_as_the_config_file(write):
    """A pyproject.toml may be named like any other config file, but must have the table then."""
    file = write("pyproject.toml", "[project]\nname = 'x'\n")
    with pytest.raises(ConfigError, match="has no table"):
        set_config(file)
    write("pyproject.toml", "[project]\nname = 'x'\n[tool.gaitmap_results]\nn_jobs = 2\n")
    assert set_config(file).n_jobs == 2


def test_without_a_toml_reader(write, monkeypatch):
    """Python 3.10 without tomli says what to install where our table is there, and looks on where it is not."""
    monkeypatch.setitem(sys.modules, TOML_READER, None)  # marks a module that must not be found
    write("pyproject.toml", "[project]\ndependencies = ['gaitmap_results']\n[tool.uv.sources]\ngaitmap_results = 'x'\n")
    with pytest.raises(ConfigError, match="There is no config"):
        get_config()
    write("pyproject.toml", "[tool.gaitmap_results.datasets]\nx = 'y'\n")
    with pytest.raises(ConfigError, match=r"gaitmap_results\[toml\]"):
        get_config()
    with pytest.raises(ConfigError, match=r"gaitmap_results\[toml\]"):
        set_config(write("config.toml", ""))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not remove a working directory in use")
def test_a_working_directory_that_is_gone(tmp_path, monkeypatch):
    """A removed working directory is an explained error, where it matters, and no crash."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(ConfigError, match="There is no config"):
        get_config()
    with pytest.raises(ConfigError, match="no longer exists"):
        LocalConfig(results_dir="results")
    assert LocalConfig(results_dir=tmp_path).results_dir == tmp_path


def test_a_pyproject_that_cannot_be_opened(tmp_path):
    """A pyproject.toml that is closed to the user, or no file, is named among the places, and nothing more."""
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(ConfigError, match=r"(?s)There is no config.*pyproject\.toml: no table"):
        get_config()


# Setting


def test_a_config_that_is_set(write, tmp_path):
    """The config that was set counts until it is reset, whatever can be found."""
    write("pyproject.toml", "[tool.gaitmap_results]\nn_jobs = 2\ndebug = false\n")
    config = LocalConfig(n_jobs=5)
    assert set_config(config_obj_or_path=config) is config  # the name in gaitmap_challenges
    assert get_config() is config
    assert is_config_set()
    assert is_debug_run() is None
    reset_config()
    assert not is_config_set()


@needs_toml
def test_setting_what_is_found_keeps_it(write):
    """set_config() without a config takes the one that is found, and keeps it."""
    write("pyproject.toml", "[tool.gaitmap_results]\nn_jobs = 2\ndebug = false\n")
    assert set_config().n_jobs == 2
    write("pyproject.toml", "[tool.gaitmap_results]\nn_jobs = 3\n")
    assert (get_config().n_jobs, is_debug_run()) == (2, False)


def test_only_the_debug_setting():
    """Somebody who gives path= to every run can set debug without any config."""
    assert set_config(debug=False) == LocalConfig()
    assert is_debug_run() is False


@pytest.mark.parametrize("wrong", [3, {"results_dir": "x"}, [], b"x"])
def test_something_else_is_refused(wrong):
    """What is neither a config nor a path is refused with what is expected."""
    with pytest.raises(ConfigError, match="LocalConfig or the path"):
        set_config(wrong)
    assert not is_config_set()


def test_a_second_config_is_refused():
    """A config is not replaced by accident, and the first one with its debug setting stays."""
    set_config(LocalConfig(n_jobs=2), debug=True)
    with pytest.raises(ConfigError, match=r"reset_config\(\)"):
        set_config(LocalConfig(n_jobs=3), debug=False)
    assert (get_config().n_jobs, is_debug_run()) == (2, True)


def test_a_failed_set_changes_nothing(write, monkeypatch):
    """Whatever is wrong, after the error there is no config, and a right one can be set."""
    with pytest.raises(ConfigError):
        set_config(write("config.json", {"n_jobs": 0}))
    with pytest.raises(ConfigError):
        set_config(LocalConfig(n_jobs=2), debug="maybe")
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "maybe")
    with pytest.raises(ConfigError):
        set_config(LocalConfig(n_jobs=2))
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "yes")
    with pytest.raises(DebugSettingWarning):  # warnings are errors here
        set_config(LocalConfig(n_jobs=2), debug=False)
    assert not is_config_set()
    assert set_config(LocalConfig(n_jobs=2)).n_jobs == 2


def test_many_threads_set_at_once():
    """Of many threads exactly one sets its config, and every reader sees that one as a whole."""
    start = threading.Barrier(8)
    done = []

    def set_own(number):
        start.wait()
        try:
            done.append(set_config(LocalConfig(n_jobs=number), debug=True).n_jobs)
        except ConfigError:
            done.append(None)

    threads = [threading.Thread(target=set_own, args=(number,)) for number in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for number in done if number is not None]
    assert len(done) == 8
    assert winners == [get_config().n_jobs]


# Debug

WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@pytest.mark.parametrize("word", WORDS)
def test_every_spelling_of_a_word_counts(word, monkeypatch):
    """The words count in upper and lower case, with space around them: " true" is not an official run."""
    for spelled in (word, word.upper(), word.title(), f" {word}\r\n"):
        monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", spelled)
        assert is_debug_run() is WORDS[word]


@pytest.mark.parametrize("word", ["", " ", "maybe", "2", "none", "t"])
def test_any_other_word_is_refused(word, monkeypatch, write):
    """A word that is neither is refused with the allowed ones, in the variable, in a file, and as the argument."""
    refused = r" is .*neither true nor false.*true, 1, yes, on .* false, 0, no, off"
    with pytest.raises(ConfigError, match="'debug' in .*config.json" + refused):
        set_config(write("config.json", {"debug": word}))
    with pytest.raises(ConfigError, match="'debug' given to set_config" + refused):
        set_config(LocalConfig(), debug=word)
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", word)
    with pytest.raises(ConfigError, match="GAITMAP_RESULTS_DEBUG" + refused):
        is_debug_run()


@pytest.mark.parametrize("value", [1, 0, 1.0, []])
def test_a_debug_key_that_is_no_boolean_is_refused(value, write):
    """A number makes a run neither official nor a debug run."""
    with pytest.raises(ConfigError, match=r"'debug' in .*config.json is .*neither true nor false"):
        set_config(write("config.json", {"debug": value}))


@needs_toml
@pytest.mark.parametrize("environment", [None, True, False])
@pytest.mark.parametrize("argument", [None, True, False])
@pytest.mark.parametrize("key", [None, True, False])
@pytest.mark.parametrize("place", ["file", "pyproject"])
def test_which_debug_setting_counts(environment, argument, key, place, write, monkeypatch):
    """Environment variable before argument before the key of the file; None where nothing says."""
    said = "" if key is None else f"debug = {str(key).lower()}\n"
    name = "pyproject.toml" if place == "pyproject" else "config.toml"
    file = write(name, f"[tool.gaitmap_results]\n{said}")
    if environment is not None:
        monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", str(environment))
    source = None if place == "pyproject" else file
    if None not in (environment, argument) and environment != argument:
        with pytest.warns(DebugSettingWarning, match=f"debug={argument}.*says {environment}.*variable wins") as seen:
            set_config(source, debug=argument)
        assert [warning.filename for warning in seen] == [__file__]
    else:
        set_config(source, debug=argument)
    expected = next((value for value in (environment, argument, key) if value is not None), None)
    assert is_debug_run() is expected


# Results folder


def test_the_results_folder(monkeypatch, tmp_path):
    """The path that is given counts, then the config's; ~ and variables are put in both."""
    monkeypatch.setenv("DATA", str(tmp_path / "data"))
    set_config(LocalConfig(results_dir="$DATA/r"))
    assert find_results_folder() == tmp_path / "data" / "r"
    assert find_results_folder("$DATA/given") == tmp_path / "data" / "given"


def test_no_results_folder(write):
    """Without a results folder the error names both ways to give one."""
    with pytest.raises(NoResultsFolderError, match=r"(?s)path=.*results_dir.*Places that were searched"):
        find_results_folder()
    file = write("config.json", {"n_jobs": 2})
    set_config(file)
    with pytest.raises(NoResultsFolderError, match=r"path=.*results_dir.*config\.json has no results_dir"):
        find_results_folder()


# Explaining


def test_every_value_has_its_source(write, monkeypatch):
    """A value's source is the file it stands in, the argument, the environment variable, or its default."""
    assert [(value.source, value.where) for value in explain_config()] == [("default", "")] * 10
    file = write("config.json", {"n_jobs": 1, "debug": True})
    monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", str(file))
    assert sources()["n_jobs"] == ConfigValue("n_jobs", 1, "file", str(file), "GAITMAP_RESULTS_CONFIG")
    assert sources()["results_dir"] == ConfigValue("results_dir", None)
    assert sources()["debug"] == ConfigValue("debug", True, "file", str(file), "GAITMAP_RESULTS_CONFIG")
    set_config(file, debug=False)
    assert sources()["n_jobs"].found_by == "set_config"
    assert sources()["debug"] == ConfigValue("debug", False, "argument")
    reset_config()
    config = set_config(LocalConfig(n_jobs=3, datasets={}))
    assert sources()["n_jobs"] == ConfigValue("n_jobs", 3, "argument")
    assert sources()["datasets"] == ConfigValue("datasets", {}, "argument")
    assert sources()["tmp_dir"] == ConfigValue("tmp_dir", None)
    assert [value.name for value in explain_config()[:-1]] == [field.name for field in dataclasses.fields(config)]
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "no")
    assert sources()["debug"] == ConfigValue("debug", False, "environment variable", "GAITMAP_RESULTS_DEBUG")


@needs_toml
def test_what_asks_for_debug_runs_is_named(write, monkeypatch):
    """A value of pyproject.toml is told apart; the source of a debug setting is named without a private path."""
    file = write("pyproject.toml", "[tool.gaitmap_results]\nn_jobs = 2\ndebug = true\n")
    assert sources()["n_jobs"] == ConfigValue("n_jobs", 2, "pyproject", str(file), "search")
    assert sources()["debug"].named == "The config in pyproject.toml"
    set_config(debug=True)
    assert sources()["debug"].named == "set_config"
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "yes")
    assert sources()["debug"].named == "GAITMAP_RESULTS_DEBUG"


def test_a_wrong_config_is_not_explained(write, monkeypatch):
    """A wrong config is an error here as everywhere, not a list of defaults."""
    monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", str(write("config.json", {"x": 1})))
    with pytest.raises(ConfigError, match="'x'"):
        explain_config()


# Template


def test_the_template_has_every_key_and_means_nothing_yet(tmp_path, capsys):
    """The template can be read at once, as the defaults, and has a place for every value."""
    path = create_config_template("config.json")
    assert path == tmp_path / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    known = {field.name for field in dataclasses.fields(LocalConfig)} | {"debug"}
    assert set(content["gaitmap_results"]) | {"datasets"} == known
    assert set_config(path) == LocalConfig(datasets={})
    assert is_debug_run() is None
    assert capsys.readouterr().out == ""


def test_the_template_replaces_nothing(write, tmp_path):
    """An existing file stays as it is, and what cannot become a template is refused."""
    file = write("config.json", "mine")
    with pytest.raises(ConfigError, match="left as it is"):
        create_config_template(file)
    assert file.read_text(encoding="utf-8") == "mine"
    with pytest.raises(ConfigError, match=r"\.json"):
        create_config_template("config.toml")
    with pytest.raises(ConfigError, match="a folder that you may write to"):
        create_config_template("missing/config.json")
    assert list(tmp_path.iterdir()) == [file]
