"""Layout and colours: the one depends on whether the output is a terminal, the others on NO_COLOR and FORCE_COLOR."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import pytest
from command import at_terminal, in_process, piped
from run_folders import START, write_run

from gaitmap_results import recorded_run
from gaitmap_results.cli.terminal import print_labelled

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def results(tmp_path):
    """Return a results folder with a long entry, an official and a debug run, and an unfinished one."""
    folder = tmp_path / "results"
    write_run(folder, ["gaitmap", "a" * 90], custom={"n": 1})
    reasons = [{"code": "git.changed_during_run", "message": "…"}, {"code": "git.dirty", "message": "…"}]
    write_run(folder, "shin", start=START + timedelta(hours=1), is_debug_run=True, debug_reasons=reasons)
    return folder


@pytest.mark.parametrize("command", [("list",), ("verify",), ("show", "shin", "--results")], ids=" ".join)
@pytest.mark.parametrize("value", ["1", "true", "3"])
def test_forced_colours_change_nothing_else(command, value, results):
    """In a pipe, FORCE_COLOR adds colours at most; names and ids stay complete."""
    plain = in_process(*command, results)
    forced = in_process(*command, results, FORCE_COLOR=value)
    assert ESCAPES.sub("", forced.out) == plain.out
    assert forced.err == plain.err
    assert "\x1b" not in plain.out
    assert "\x1b[" in forced.out


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"FORCE_COLOR": "0"}], ids=str)
def test_no_colour_wins(environment, results):
    """NO_COLOR beats FORCE_COLOR, and FORCE_COLOR=0 asks for none."""
    assert "\x1b" not in in_process("list", results, **environment).out


def test_a_terminal_without_colours_keeps_its_layout(results):
    """NO_COLOR at a terminal takes the colours away and nothing else."""
    coloured = at_terminal("list", results)
    plain = at_terminal("list", results, NO_COLOR="1")
    assert ESCAPES.search(coloured.out)
    assert not ESCAPES.search(plain.out)
    shown = [[line for line in done.lines if "Reading runs" not in line] for done in (coloured, plain)]
    assert shown[0] == shown[1]


def test_reasons_have_a_column(results):
    """The first reason for debug stands in the list, with how many more there are; a terminal may cut it."""
    assert "git.changed_during_run +1" in in_process("list", results).out
    narrow = at_terminal("list", results, columns=90)
    assert all(len(line) <= 90 for line in narrow.lines[:-1] if "aaaa" not in line)
    assert "git.change" in narrow.out


def test_a_narrow_terminal_leaves_columns_out(results):
    """What does not fit into the width of a usual terminal is left out, the least important first, and named."""
    narrow = at_terminal("list", results, columns=80)
    wide = [line for line in narrow.lines[:-1] if len(line) > 80 and "aaaa" not in line]
    assert wide == []
    assert "59a7855" not in narrow.out
    assert "A wider terminal also shows Commit" in narrow.out
    official = at_terminal("list", results, "--official", columns=160).out
    assert "A wider terminal" not in official + in_process("list", results).out
    assert "Reasons" in narrow.out
    assert "Reasons" not in official  # a column without content


def test_ids_are_complete_in_a_pipe(results):
    """A script that searches for an id finds it; a terminal shows the beginning, which is enough for every command."""
    lines = in_process("list", results, "--json").out.splitlines()
    listed = json.loads("".join(lines))
    assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == listed  # one run on each line
    out, seen = in_process("list", results).out, at_terminal("list", results, columns=160).out
    assert all(each["run_id"] in out for each in listed)
    assert all(each["run_id"][:8] in seen and each["run_id"] not in seen for each in listed)


def test_seconds_where_minutes_do_not_tell_runs_apart(results):
    """The seconds are shown if two runs of an entry started within a minute."""
    stamp = f"{START + timedelta(hours=1):%Y-%m-%d %H:%M}"
    assert f"{stamp}  " in piped("list", results, TZ="UTC").out
    write_run(results, "shin", start=START + timedelta(hours=1, seconds=20))
    out = piped("list", results, TZ="UTC").out
    assert f"{stamp}:05" in out
    assert f"{stamp}:25" in out


def test_unfinished_runs_are_counted_in_a_last_line(results):
    """A run that was never published is not silently missing from the list."""
    with pytest.raises(ZeroDivisionError), recorded_run("lost", path=results, use_git=False):
        1 / 0  # noqa: B018
    done = in_process("list", results)
    assert done.out.splitlines()[-1] == f"1 unfinished run; see gaitmap-results unfinished {results}"
    assert "1 unfinished run" in at_terminal("list", results).lines[-1]


@pytest.mark.parametrize("command", ["list", "show", "export", "verify", "unfinished", "recover", "discard", "diff"])
def test_no_control_character_reaches_the_terminal(command, tmp_path):
    """Names of entries, challenges, folders and what was typed are escaped by every command, in errors too."""
    evil = "bad\x1b]0;title\x07\x1b[2J\x9b1m\u202etxt\r"
    results = tmp_path / evil
    write_run(results, evil, challenge=evil, name="20260329_123005", custom={evil: evil}, dataset_name=evil)
    (write_run(results, "broken", name=f"{evil}20260329_123005") / "metadata.json").write_text("{")
    (results / ".unfinished" / "x\x1b[2J").mkdir(parents=True)
    tried = {
        "list": [[results], [results / "nothing"], [results, "--since", evil], [f"--{evil}"]],
        "show": [["bad", "--results", results], [evil, "--results", results], [results / evil / "x"], [evil]],
        "export": [[results, "--to", tmp_path / "t.csv"], [results, "--to", tmp_path / evil / "t.csv"]],
        "verify": [[results], [results / "nothing"]],
        "unfinished": [[results], [results / "nothing"]],
        "recover": [[evil, "--results", results]],
        "discard": [[evil, "--results", results, "--yes"]],
        "diff": [["bad", evil, "--results", results]],
    }
    for arguments in tried[command]:
        done = in_process(command, *arguments)
        assert not set(done.out + done.err) & set("\x1b\x07\x9b\u202e\r"), (arguments, done)


def test_the_style_of_a_label_ends_with_it():
    """Only the label is dim or coloured, not the line beside it."""
    from rich.console import Console

    output = Console(force_terminal=True, color_system="standard", no_color=False, width=80, file=io.StringIO())
    print_labelled(output, [("When", "red", ["today"])])
    assert output.file.getvalue() == "\x1b[31mWhen  \x1b[0mtoday\n"
