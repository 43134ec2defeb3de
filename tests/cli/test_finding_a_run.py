"""Runs and results folders as people name them: paths, ids, entries, challenges, parts of names, @latest."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import click
import pytest
from command import in_process
from run_folders import CHALLENGE, START, write_run

from gaitmap_results.cli import main

HOUR = timedelta(hours=1)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Return a results folder with runs of two challenges, in the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    write_run(folder, "shin", start=START, run_id="aaaa1111-0000-0000-0000-000000000000")
    write_run(folder, "shin", start=START + HOUR, run_id="aaaa2222-0000-0000-0000-000000000000")
    write_run(folder, ["gaitmap", "ionescu"], start=START + 2 * HOUR, run_id="bbbb0000-0000-0000-0000-000000000000")
    write_run(folder, "other_entry", start=START, challenge="gait_lab.Other", run_id="cccc0000-0000-0000")
    write_run(folder, "shared", start=START + 4 * HOUR, run_id="dddd0000-0000-0000")
    write_run(folder, "shared", start=START + 5 * HOUR, challenge="gait_lab.Other", run_id="eeee0000-0000-0000")
    return folder


def found(*words):
    """Return the id of the run that ``show`` finds by these words."""
    done = in_process("show", *words, "--results", "results", "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)["metadata"]["run_id"][:8]


@pytest.mark.parametrize(
    ("words", "run"),
    [
        (("aaaa1",), "aaaa1111"),
        ((f"{START + 4 * HOUR:%Y%m%d_%H%M%S}",), "dddd0000"),
        (("AAAA1111-0000",), "aaaa1111"),
        (("shin",), "aaaa2222"),
        (("gaitmap/ionescu",), "bbbb0000"),
        (("gaitmap/ionescu/",), "bbbb0000"),
        (("ionescu",), "bbbb0000"),
        (("IONES",), "bbbb0000"),
        (("other_e",), "cccc0000"),
        (("Other", "shared"), "eeee0000"),
        (("Other shared",), "eeee0000"),
        ((CHALLENGE, "shared"), "dddd0000"),
        (("challenge", "shin"), "aaaa2222"),
        (("@latest",), "eeee0000"),
        (("gait_lab.Challenge", "@latest"), "dddd0000"),
    ],
    ids=str,
)
def test_a_run_is_found_by_what_one_remembers(words, run, results):
    """An id's beginning, an entry, a challenge and an entry, unique parts of names and @latest name one run."""
    assert found(*words) == run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("aaaa",), "2 runs"),
        (("shared",), "gait_lab.Other shared"),
        (("sh",), "gait_lab.Challenge shin"),
        (("gait_lab", "shared"), "gait_lab.Challenge shared"),
    ],
    ids=str,
)
def test_several_matches_are_listed(words, said, results):
    """What matches several runs or entries is no run; each of them is named so that it can be typed."""
    done = in_process("show", *words, "--results", "results")
    assert done.code == 1
    assert said in done.err
    assert "Name one" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("iluz",), "There is no folder iluz. No run matches 'iluz' in"),
        (("aaa",), "No run matches 'aaa'"),
        (("./iluz",), "There is no folder"),
        (("../iluz/",), "There is no folder"),
        (("/nowhere/iluz",), "There is no folder /nowhere/iluz"),
        (("results",), "'results' matches 5 entries"),
        (("Nothing", "shin"), "No run matches 'Nothing shin'"),
        (("Challenge", "iluz"), "No run matches 'Challenge iluz'"),
    ],
    ids=str,
)
def test_no_match_names_what_is_there(words, said, results):
    """A misspelt name is answered with what was looked for, where, and what is there."""
    done = in_process("show", *words, "--results", "results")
    assert done.code == 1
    assert said in " ".join(done.err.split())
    assert "is meant" not in done.err
    if words in (("iluz",), ("Challenge", "iluz")):
        assert f"Entries there:\n  {CHALLENGE} gaitmap/ionescu" in done.err


def test_names_with_a_blank_and_names_that_look_like_ids(results):
    """The name of an entry may have a blank in it, or be the beginning of a run's id; it is found all the same."""
    write_run(results, "gait madgwick", run_id="99990000-0000")
    write_run(results, "aaaa", run_id="88880000-0000")
    assert found("gait madgwick") == found("t mad") == found("gait_lab.Challenge", "gait madgwick") == "99990000"
    assert found("Challenge gait madgwick") == found("gait", "madgwick") == "99990000"
    assert found("aaaa") == "88880000"


def test_folders_that_name_a_run(results, tmp_path):
    """The folder of an entry means its latest run, metadata.json the run it is in; any other folder hides no entry."""
    (path,) = results.glob("*/*/gaitmap/ionescu/*")
    assert found(str(path.parent.relative_to(results.parent))) == found(str(path / "metadata.json")) == "bbbb0000"
    (tmp_path / "shin").mkdir()
    assert found("shin") == "aaaa2222"
    assert f"Entries there:\n  {CHALLENGE} gaitmap/ionescu" in in_process("show", "Challenge", "results").err


def test_folders_by_absolute_path_and_from_home(results, tmp_path, monkeypatch):
    """The folder of an entry may be given as an absolute path, or with ~ for the home folder."""
    (path,) = results.glob("*/*/gaitmap/ionescu/*")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for folder in (path.parent, path.parent.parent, path):
        assert found(str(folder)) == found(f"~/{folder.relative_to(tmp_path).as_posix()}") == "bbbb0000"
    done = in_process("show", "~no-such-user/shin", "--results", "results")
    assert (done.code, "There is no folder" in done.err) == (1, True)


def test_the_entry_right_in_a_folder_is_preferred(results):
    """Where entries are nested, the folder of the outer one names its own runs, and not those of inner ones."""
    outer = write_run(results, "gaitmap", run_id="99990000-0000")
    assert found(str(outer.parent)) == found(str(outer.parent.relative_to(results.parent))) == "99990000"


def test_blanks_between_words(results):
    """Several blanks separate words as one does, and an entry with several in its name is found by them."""
    assert found("Other  shared") == found("Other ", " shared") == found(" Other   shared ") == "eeee0000"
    write_run(results, "two  blanks", run_id="99990000-0000")
    assert found("two  blanks") == "99990000"


@pytest.mark.parametrize("word", ["a[a-z]*1", "*", "/x*", "../**", "/aaaa", "ffff0[", "?fff0000"])
def test_words_are_no_patterns(word, results):
    """Characters that patterns of file names have, and absolute paths, mean themselves: no run, and no traceback."""
    (results / ".unfinished" / "ffff0000-0000-0000").mkdir(parents=True)
    for words in ([word], [word, "x"], ["Challenge", word]):
        done = in_process("show", *words, "results")
        assert done.code == 1
        assert done.err.startswith("Error: ")
        assert "was not published" not in done.err


def test_an_empty_results_folder_may_follow_the_run(results, tmp_path):
    """A results folder without runs is taken as the last word where no config names another one, and is named."""
    (tmp_path / "new").mkdir()
    done = in_process("show", "shin", "new")
    assert done.code == 1
    assert f"No run matches 'shin' in {tmp_path / 'new'}. There is no run in it." in done.err
    assert "No results folder is given" not in done.err


COMMANDS = [
    ("list", "--json"),
    ("verify", "--json"),
    ("unfinished", "--json"),
    ("export", "--to", "runs.csv", "--overwrite"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_the_results_folder_by_position_by_option_and_by_config(command, results, tmp_path, monkeypatch):
    """RESULTS means the same in every command, by position, by --results, and from the config."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"results_dir": str(results)}))
    by_position = in_process(command[0], "results", *command[1:])
    by_option = in_process(*command, "--results", "results")
    monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", str(config))
    by_config = in_process(*command)
    assert by_position.code == by_option.code == by_config.code
    assert by_position.out == by_option.out
    assert len(by_config.out.splitlines()) == len(by_position.out.splitlines())


def test_every_command_that_reads_or_writes_runs_takes_the_results_folder():
    """Every command but `config` takes the results folder by --results, and says by its usage where it may stand."""
    context = click.Context(main)
    for name in set(main.list_commands(context)) - {"config"}:
        command = main.get_command(context, name)
        assert any("--results" in each.opts for each in command.params), name
        assert {"RESULTS", "RUN"} & set(re.findall(r"[A-Z]+", " ".join(command.collect_usage_pieces(context)))), name


def test_export_takes_the_filters_of_list(results):
    """What `list` shows can be exported: official, latest, of one entry, since a day."""
    for options in (["--official"], ["--latest", "--challenge", "Other"], ["--entry", "shin", "--since", "2020-01-01"]):
        listed = json.loads(in_process("list", "results", "--json", *options).out)
        assert in_process("export", "results", "--to", "runs.json", "--overwrite", *options).code == 0
        exported = json.loads(Path("runs.json").read_text())
        assert [row["run_id"] for row in exported] == [row["run_id"] for row in listed] != []


@pytest.mark.parametrize(
    "command",
    [
        ("withdraw", "", "--reason", "wrong sensor", "--results", "results"),
        ("show", " ", "--results", "results"),
        ("verify", ""),
        ("list", "results", "--entry", ""),
        ("discard", "@latest", "", "--yes"),
        ("",),
    ],
)
def test_an_empty_argument_is_refused(command, tmp_path, monkeypatch):
    """A shell's variable that is not set would else stand for the working directory, and the only entry below it."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "results")
    done = in_process(*command)
    assert done.code == 2
    assert "empty" in done.err
    assert not (tmp_path / "results" / ".attestations").exists()


def test_a_results_folder_that_is_given_twice_is_refused(results):
    """Of two folders nobody knows which one counts."""
    done = in_process("list", "results", "--results", "elsewhere")
    assert done.code == 2
    assert "given twice" in done.err


def test_the_recommended_published_store_reads_without_a_warning(results):
    """A store that keeps only metadata and manifests is listed, shown and exported in silence."""
    for run in results.glob("*/*/**/metadata.json"):
        (run.parent / "custom_metadata.json").unlink()
        shutil.rmtree(run.parent / "results")
    for arguments in (("list", "results"), ("show", "shin", "--results", "results"), ("list", "results", "--json")):
        done = in_process(*arguments)
        assert (done.code, done.err) == (0, "")
    done = in_process("export", "results", "--to", "runs.csv")
    assert (done.code, done.err) == (0, "Wrote 6 runs to runs.csv\n")


@pytest.mark.parametrize(
    "command",
    [
        ("show", "shin", "results"),
        ("show", "Other", "shared", "results"),
        ("show", "@latest", "results"),
        ("verify", "aaaa1", "results"),
        ("diff", "aaaa1", "aaaa2", "results"),
        ("compare", "shin", "ionescu", "results"),
        ("reproduce", "shin", "results", "--check"),
    ],
    ids=" ".join,
)
def test_the_results_folder_may_follow_the_run(command, results):
    """Every command that takes a run takes the results folder after it, as by ``--results``."""
    place = command.index("results")
    by_position = in_process(*command)
    by_option = in_process(*command[:place], *command[place + 1 :], "--results", "results")
    assert (by_position.code, by_position.out, by_position.err) == (by_option.code, by_option.out, by_option.err)
    assert "No run matches" not in by_position.err
    assert "No results folder" not in by_position.err
    assert in_process("withdraw", "shin", "results", "--reason", "a test").code == 0


def test_a_challenge_and_an_entry_beside_a_folder_with_its_name(results, tmp_path, monkeypatch):
    """A folder without runs is no results folder where a config names one."""
    (tmp_path / "shin").mkdir()
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"results_dir": str(results)}))
    monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", str(config))
    done = in_process("show", CHALLENGE, "shin", "--json")
    assert json.loads(done.out)["metadata"]["run_id"].startswith("aaaa2222")


@pytest.mark.parametrize(
    "command",
    [
        ("list",),
        ("show", "shin"),
        ("verify",),
        ("diff", "shin", "ionescu"),
        ("reproduce", "shin"),
        ("unfinished",),
        ("recover", "shin"),
        ("discard", "shin"),
    ],
    ids=lambda command: command[0],
)
def test_without_a_results_folder_two_lines_say_how_to_name_one(command, tmp_path, monkeypatch):
    """All commands say the same, in the words of a command line and not in those of Python."""
    monkeypatch.chdir(tmp_path)
    done = in_process(*command)
    assert done.code != 0
    said = done.err[done.err.index("No results folder") :]
    assert len(said.splitlines()) == 2
    assert "--results FOLDER" in said
    assert 'results_dir = "results"' in said
    assert "set_config" not in done.err


def test_the_id_of_an_unfinished_run(results):
    """It matches no run; the command that shows it is named."""
    (results / ".unfinished" / "ffff0000-0000-0000").mkdir(parents=True)
    done = in_process("show", "ffff0", "results")
    assert done.code == 1
    assert "gaitmap-results unfinished" in done.err


def test_diff_says_which_runs_it_compares(results):
    """The first two lines name kind, entry, start and folder of each run."""
    first, second, *_ = in_process("diff", "aaaa1", "aaaa2", "results").out.splitlines()
    for line, path in zip((first, second), sorted(results.glob("*/*/shin/*")), strict=True):
        assert "official run of shin, 2026-03-29" in line
        assert line.endswith(str(path))
