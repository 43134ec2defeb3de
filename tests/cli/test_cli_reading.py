"""The commands that read runs: list, show, verify, export; at a terminal and in a pipe."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from challenges import ExampleChallenge
from command import START as COMMAND
from command import at_terminal, in_process, piped
from run_folders import CHALLENGE, PUBLISHED, START, as_ordinary_user, needs_published, write_run

from gaitmap_results import recorded_run, save_run

HOUR = timedelta(hours=1)
COMMANDS = ("list", "show", "verify", "export", "config", "config show", "config template", "doctor")


@pytest.fixture
def results(tmp_path):
    """Return a results folder with five runs of two challenges."""
    folder = tmp_path / "results"
    write_run(folder, "shin", start=START)
    write_run(folder, "shin", start=START + HOUR, is_debug_run=True, git_dirty=True, runtime=7500)
    write_run(folder, ["gaitmap", "ionescu"], start=START + 2 * HOUR, challenge_version="1.1.0", run_id="abcd" * 8)
    write_run(folder, "shin", start=START, challenge="gait_lab.Other", schema_version=..., run_id=...)
    write_run(folder, "hklee", start=START + 3 * HOUR, git_commit_hash=None)
    return folder


@pytest.fixture
def saved(tmp_path):
    """Return the folder of a run that was really saved."""
    return save_run(
        ExampleChallenge().run({"axis": "z"}),
        "shin",
        custom_metadata={"short_description": "as in the paper"},
        path=tmp_path / "saved",
        use_git=False,
        debug_run=False,
    )


# Every command.


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command):
    """The help of every command says what it does and shows an example."""
    done = piped(*command.split(), "--help")
    assert done.code == 0
    assert f"Example: gaitmap-results {command}" in done.out
    assert all(len(line) <= 100 for line in done.out.splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "nowhere"),
        *((command, "~no-such-user/x") for command in ("list", "show", "verify", "compare", "withdraw", "reproduce")),
        ("export", "~no-such-user/x", "--to", "table.csv"),
        ("bundle", "~no-such-user/x", "--to", "~no-such-user/x.zip", "--license", "MIT", "--author", "A B"),
        ("mlflow", "~no-such-user/x"),
        ("list", "results", "--since", "some time ago"),
        ("list", "results", "--commit", "main"),
        ("list",),
        ("show", "nowhere"),
        ("show", "abcdef", "--results", "results"),
        ("show", "Challenge", "nobody", "--results", "results"),
        ("show", "Nothing", "shin", "--results", "results"),
        ("show", "a", "b", "c"),
        ("show", "results"),
        ("verify", "nowhere"),
        ("verify",),
        ("export", "results"),
        ("export", "results", "--to", "table.xlsx"),
        ("export", "nowhere", "--to", "table.csv"),
        ("export", "results", "--to", "nowhere/table.csv"),
        ("config", "template", "nowhere/x.json"),
        ("config", "template", "x.toml"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_a_message(arguments, results):
    """A mistake of the user ends with a message on the error stream and an exit code, never with a traceback."""
    done = in_process(*arguments)
    assert done.code in (1, 2)
    assert "Error: " in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


# list


def test_list_in_a_pipe(results):
    """In a pipe each line stands alone, nothing is cut, coloured or animated, and the error stream is silent."""
    done = in_process("list", results)
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert "\r" not in done.out
    lines = done.out.splitlines()
    assert [line for line in lines if line.startswith(CHALLENGE.split(".")[0])] == [
        f"{CHALLENGE}  1.0.0",
        f"{CHALLENGE}  1.1.0",
        "gait_lab.Other  1.0.0",
    ]
    (official, debug) = (line.split() for line in lines[2:5] if line.startswith("shin"))
    assert official[3:7] == ["12.5", "s", "official", "59a7855"]
    assert debug[3:7] == ["2h", "05m", "debug", "59a7855*"]
    assert sum(line.startswith("shin ") for line in lines) == 3
    assert lines[-1].endswith(f"{START:%Y%m%d_%H%M%S}")
    assert "Score" not in done.out


def test_list_at_a_terminal(results):
    """At a terminal an entry is named once, a line says how many runs there are, and nothing is wider than it."""
    done = at_terminal("list", results)
    assert done.code == 0
    assert "\x1b[" in done.out
    assert sum(line.startswith("shin ") for line in done.lines) == 2
    assert done.lines[-1] == f"5 runs of 4 entries in {results}"
    assert all(len(line) <= 100 for line in done.lines[:-1])


def test_a_long_entry_is_not_cut(tmp_path):
    """Where the names are too long for the terminal they stand on lines of their own, and can be copied."""
    entry = ["gaitmap", "madgwick_rts_kalman_forced_zero_velocity_updates", "optimized_for_slow_walking"]
    write_run(tmp_path / "results", entry)
    done = at_terminal("list", tmp_path / "results", columns=80)
    assert "/".join(entry) in done.lines
    assert "/".join(entry) in in_process("list", tmp_path / "results").out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), 5),
        (("--challenge", "gait_lab.Other"), 1),
        (("--challenge", "other"), 1),
        (("--challenge", "gait_lab"), 5),
        (("--entry", "gaitmap"), 1),
        (("--entry", "gaitmap/ionescu"), 1),
        (("--version", "1.1.0"), 1),
        (("--official",), 4),
        (("--debug",), 1),
        (("--latest",), 4),
        (("--latest", "--official"), 4),
        (("--since", "2026-03-29T13:00:00+00:00"), 3),
        (("--until", "2026-03-29T13:00:00+00:00"), 2),
        (("--commit", "59a7"), 4),
        (("--challenge", "nothing"), 0),
    ],
    ids=str,
)
def test_list_as_json(options, expected, results):
    """Every option selects what it says; the JSON has a path for each run."""
    done = in_process("list", results, "--json", *options)
    assert (done.code, done.err) == (0, "")
    listed = json.loads(done.out)
    assert len(listed) == expected
    for each in listed:
        assert Path(each["path"], "metadata.json").is_file()
        assert set(each) >= {"run_id", "challenge_name", "entry_name", "is_debug_run", "run_start_datetime_utc"}


def test_latest_is_the_one_that_started_last(results):
    """Of the two runs of an entry the later one is kept."""
    listed = json.loads(
        in_process("list", results, "--json", "--latest", "--challenge", CHALLENGE, "--entry", "shin").out
    )
    assert [each["is_debug_run"] for each in listed] == [True]


def test_what_is_left_out_is_said(results):
    """Damaged folders are named on the error stream, and the list is the same."""
    bad = write_run(results, "bad")
    (bad / "metadata.json").write_text("{")
    done = in_process("list", results, "--json")
    assert done.code == 0
    assert len(json.loads(done.out)) == 5
    assert done.err.count("Left out") == 1
    assert str(bad) in done.err


def test_nothing_to_list(tmp_path):
    """An empty results folder is no error; it is said, and not on the standard output."""
    (tmp_path / "empty").mkdir()
    done = in_process("list", tmp_path / "empty")
    assert (done.code, done.out) == (0, "")
    assert "There is no run in" in done.err


def test_a_reader_that_stops_early_is_no_error(results):
    """As in `list | head -1`: no traceback when nobody reads any more."""
    for number in range(300):
        write_run(results, f"entry_{number}")
    command = [sys.executable, "-c", COMMAND, "list", str(results)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline().strip()
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert b"Traceback" not in error


def test_names_in_other_scripts(results):
    """A name that the output cannot show does not end the command."""
    write_run(results, "gehen_über_größe_歩行")
    assert "gehen_über_größe_歩行" in in_process("list", results).out
    done = piped("list", results, PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.code == 0
    assert "gehen_\\xfcber" in done.out


def test_no_command_ends_because_of_a_name_in_another_script(tmp_path):
    """A pipe on Windows has the encoding of one country; what it lacks is escaped, by whatever command."""
    folder = tmp_path / "歩行"
    write_run(folder, "shin")
    with pytest.raises(ZeroDivisionError), recorded_run("歩行", path=folder, use_git=False):
        1 / 0  # noqa: B018
    for command in (
        ("unfinished", folder),
        ("diff", "shin", "shin", folder),
        ("withdraw", "shin", "--reason", "歩行", "--results", folder),
        ("discard", "@latest", folder, "--yes"),
    ):
        done = piped(*command, PYTHONUTF8="0", PYTHONIOENCODING="cp1252")
        assert (done.code, done.err) == (0, "")
        assert "\\u6b69\\u884c" in done.out


# show


@pytest.mark.parametrize("terminal", [True, False])
def test_show_is_one_screen(terminal, saved):
    """What, when, how long, kind, machine, packages, pipeline, author's words and files fit on one screen."""
    done = at_terminal("show", saved) if terminal else in_process("show", saved)
    assert done.code == 0
    labels = [line.split("  ")[0] for line in done.lines if line and not line.startswith(" ")][3:]
    for label in ("Kind", "When", "Code", "Caller", "Challenge", "Pipeline", "Machine", "Packages", "About", "Files"):
        assert label in labels
    text = "\n".join(done.lines)
    for part in (
        "official",
        "took",
        "test_cli_reading.py",
        "numpy ",
        "{'axis': 'z'}",
        "as in the paper",
        "result.json",
    ):
        assert part in text
    assert len(done.lines) < 40
    if terminal:
        assert all(len(line) <= 100 for line in done.lines if "/" not in line)


def test_show_of_dirty_code(results):
    """Every changed path is named, and the branch."""
    git = {"branch": "main", "unstaged": [f"file_{n}.py" for n in range(9)], "remote": "https://example.org/gait.git"}
    run = write_run(results, "dirty", git_dirty=True, git=git)
    out = in_process("show", run).out
    assert "commit 59a7855b7a0d16171bf1a0e89fdc91646d2925e8 on main, with uncommitted changes" in out
    assert "file_5.py" in out
    assert "file_8.py" in out
    assert "https://example.org/gait.git" in out


def test_every_parameter_is_shown(results):
    """Each stored parameter of challenge, pipeline and data set stands on a line, and no memory address."""
    many = {f"parameter_{number}": number for number in range(60)}
    parameters = {
        "challenge": {"class": "gait.Grid", "parameters": {"score": {"function": "gait.f1"}, "n_folds": 3}},
        "pipeline": {"class": "gait.Shin", "parameters": {"axis": "z", "low_pass": None, **many}},
        "dataset": {"class": "gait.Lab", "parameters": {"cohort": ["HA", "MS"]}, "n_data_points": 9},
    }
    run = write_run(results, "long", parameters=parameters, repr_pipeline="Shin(<object object at 0x7f0c1a2b3c4d>)")
    out = in_process("show", run).out
    for line in ("score = gait.f1", "n_folds = 3", "axis = 'z'", "low_pass = None", "cohort = ['HA', 'MS']"):
        assert line in out
    assert all(f"parameter_{number} = {number}" in out for number in range(60))
    assert "9 data points" in out
    assert "0x7f" not in out


def test_a_repr_is_shown_where_no_parameters_are_stored(results):
    """Records of gaitmap_challenges have only reprs; their addresses are left out, and long tables are cut."""
    table = "\n".join(f"row {number}" for number in range(80))
    run = write_run(results, "old", repr_pipeline="Shin(f=<function f at 0x7f0c1a2b3c4d>)", repr_challenge=table)
    out = in_process("show", run).out
    assert "Shin(f=<function f>)" in out
    assert "row 11" in out
    assert "68 more lines" in out


@pytest.mark.parametrize(
    "damage", ["system_info", "git", "caller", "dataset_columns", "debug_reasons", "repr_pipeline"]
)
def test_show_of_odd_records(damage, results):
    """A record in which something is of an unexpected kind, or unknown, is shown as far as it goes."""
    for value in (None, 3, "text", ["a"], {"unstaged": 1, "cpu": 1, "packages_info": 1, "memory": [], "b": 1}):
        run = write_run(results, "odd", is_debug_run=True, git_dirty=True, **{damage: value})
        done = in_process("show", run)
        assert done.code == 0, done.err


def test_show_as_json(saved):
    """The JSON holds the whole record, the author's metadata and the files."""
    shown = json.loads(in_process("show", saved, "--json").out)
    assert shown["metadata"] == json.loads((saved / "metadata.json").read_text())
    assert shown["custom_metadata"] == {"short_description": "as in the paper"}
    assert [each["name"] for each in shown["core_results"]] == ["result.json"]
    assert shown["path"] == str(saved)


# verify


def test_verify_an_intact_run(saved):
    """An intact run or store ends with 0 and one line."""
    for target in (saved, saved.parents[3]):
        done = in_process("verify", target)
        assert (done.code, done.out, done.err) == (0, "1 run: 1 intact\n", "")


def test_verify_names_what_changed(saved):
    """Missing, changed and extra files are named, and the exit code is 1."""
    (saved / "results" / "result.json").write_text("{}")
    (saved / "custom_metadata.json").unlink()
    (saved / "results" / "new.txt").touch()
    done = in_process("verify", saved.parents[3])
    assert done.code == 1
    assert done.lines[-5:] == [
        str(saved),
        "  missing: custom_metadata.json",
        "  changed: results/result.json",
        "  extra:   results/new.txt",
        "1 run: 1 changed",
    ]


def test_verify_a_store_with_damage(saved, results):
    """A store with legacy runs, a damaged record and a damaged manifest: each is told in the same form and counted."""
    (saved / "metadata.json").write_text("{")
    other = save_run(ExampleChallenge().run(1), "b", custom_metadata={}, path=saved.parents[2], use_git=False)
    with (other / "MANIFEST.sha256").open("a") as manifest:
        manifest.write("nonsense\n")
    write_run(saved.parents[2], "legacy", schema_version=...)
    found = {each["path"]: each for each in json.loads(in_process("verify", saved.parents[2], "--json").out)}
    keys = {"path", "status", "missing", "changed", "extra", "skipped", "error"}
    assert [set(each) for each in found.values()] == [keys] * 3
    assert found[str(saved)]["changed"] == ["metadata.json"]
    assert found[str(other)]["status"] == "unreadable"
    assert "nonsense" not in found[str(other)]["error"]
    assert sorted(each["status"] for each in found.values()) == ["changed", "no manifest", "unreadable"]
    done = in_process("verify", saved.parents[2])
    assert done.code == 1
    assert done.out.splitlines()[-1] == "3 runs: 1 changed, 1 unreadable, 1 without a manifest"


def test_verify_legacy_runs(tmp_path):
    """A store of runs without manifests does not fail."""
    for entry in "ab":
        write_run(tmp_path / "results", entry, schema_version=...)
    done = in_process("verify", tmp_path / "results")
    assert (done.code, done.out) == (0, "2 runs: 2 without a manifest\n")


def test_nothing_to_verify(tmp_path):
    """Where nothing can be checked the exit code is 2, so that a script does not take it for a verdict."""
    (tmp_path / "empty").mkdir()
    assert in_process("verify", tmp_path / "empty").code == 2
    done = in_process("verify", tmp_path / "nowhere")
    assert (done.code, "There is no folder" in done.err) == (2, True)


# export


def test_export_to_csv(results, tmp_path):
    """The table has one row for each run, in UTF-8, with the author's values in columns of their own."""
    write_run(results, "größe", custom={"authors": ["Ä", "B"], "n": 1 / 3})
    done = in_process("export", results, "--to", tmp_path / "runs.csv")
    assert (done.code, done.out) == (0, "")
    assert "Wrote 6 runs" in done.err
    with (tmp_path / "runs.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["entry_name"]: row for row in csv.DictReader(file)}
    assert float(rows["größe"]["custom.n"]) == 1 / 3
    assert json.loads(rows["größe"]["custom.authors"]) == ["Ä", "B"]
    assert rows["hklee"]["custom.n"] == ""
    assert (results / rows["hklee"]["path"] / "metadata.json").is_file()


def test_export_without_pyarrow(results, tmp_path):
    """Without pyarrow only Parquet is refused, with the extra's name."""
    program = "import sys; sys.modules['pyarrow'] = None; import importlib.util as u; f = u.find_spec\n"
    program += "u.find_spec = lambda name, *a: None if name == 'pyarrow' else f(name, *a)\n" + COMMAND
    done = piped("export", results, "--to", tmp_path / "runs.parquet", program=program)
    assert done.code == 1
    assert 'pip install "gaitmap_results[' in done.err
    assert not (tmp_path / "runs.parquet").exists()


def test_export_replaces_nothing_unasked(results, tmp_path):
    """A file that is there is kept, unless replacing it was asked for; a run folder is never written to."""
    target = tmp_path / "runs.csv"
    target.write_text("precious")
    assert in_process("export", results, "--to", target).code == 2
    assert target.read_text() == "precious"
    assert in_process("export", results, "--to", target, "--overwrite").code == 0
    assert target.read_text().startswith("entry_name,run_start_datetime_utc,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "runs.csv"]
    run = next(results.rglob("metadata.json")).parent
    done = in_process("export", results, "--to", run / "results" / "table.csv")
    assert done.code == 2
    assert "never changed" in done.err


# The published runs of gaitmap_challenges.


@needs_published
def test_published_runs():
    """The 17 published runs are listed, shown, verified and exported without a complaint."""
    done = at_terminal("list", PUBLISHED)
    assert done.code == 0
    assert done.lines[-1].startswith("17 runs of 11 entries")
    assert all(len(line) <= 100 for line in done.lines[:-1])
    listed = json.loads(in_process("list", PUBLISHED, "--json").out)
    assert len(listed) == 17
    for each in listed[::6]:
        done = in_process("show", each["path"])
        assert (done.code, done.err) == (0, "")
        assert "this is the corrected one" in done.out
    done = in_process("verify", PUBLISHED)
    assert (done.code, done.out) == (0, "17 runs: 17 without a manifest\n")
    assert in_process("export", PUBLISHED, "--to", "runs.csv").code == 0
    with Path("runs.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 17
    done = in_process("show", "kluge_2017", "gaitmap/mad_classic/default", "--results", PUBLISHED)
    assert "20230707_083836_0" in done.out


# What a file or folder may hold, or refuse.


def no_constant(name):
    """Fail at a number that JSON does not have."""
    raise AssertionError(name)


def test_numbers_that_json_does_not_have_are_null(tmp_path):
    """NaN and infinity in a record become null, so that every program can read what is printed and exported."""
    results = tmp_path / "results"
    run = write_run(results, custom={"score": float("nan"), "limits": [1.5, float("inf")]})
    shown = json.loads(in_process("show", run, "--json").out, parse_constant=no_constant)
    assert shown["custom_metadata"] == {"score": None, "limits": [1.5, None]}
    target = tmp_path / "runs.json"
    assert in_process("export", results, "--to", target).code == 0
    (row,) = json.loads(target.read_text(), parse_constant=no_constant)
    assert (row["custom.score"], row["custom.limits"]) == (None, [1.5, None])


def test_official_and_debug_exclude_each_other(results):
    """Both options at once would mean no run at all, and are refused as wrong usage."""
    done = in_process("list", results, "--official", "--debug")
    assert done.code == 2
    assert "both --official and --debug" in done.err


@pytest.mark.skipif(os.name == "nt", reason="needs the right to create links")
def test_verify_names_what_was_not_looked_into(saved):
    """Of an intact run, too, links are named, since nobody has compared what they lead to."""
    (saved / "results" / "more").symlink_to(saved.parent)
    done = in_process("verify", saved)
    assert done.code == 0
    assert "skipped: results/more, a link" in done.out
    assert "1 run: 1 intact" in done.out


@pytest.mark.skipif(os.name == "nt", reason="needs the right to create links")
def test_files_behind_a_link_are_not_shown_as_results(tmp_path):
    """A link in the place of the core results is not followed."""
    run = write_run(tmp_path)
    (run / "results").rename(tmp_path / "elsewhere")
    (run / "results").symlink_to(tmp_path / "elsewhere")
    assert json.loads(in_process("show", run, "--json").out)["core_results"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("list", "RUN"), 1), (("show", "RUN"), 1), (("verify", "RUN"), 2), (("export", "RUN", "--to", "RUN/x.csv"), 1)],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_closed_folders_are_an_error_without_traceback(arguments, code, tmp_path):
    """A folder without permission ends a command with one message."""
    closed = tmp_path / "closed"
    run = write_run(closed)
    program = f"import sys; {COMMAND}"
    words = [word.replace("RUN", str(run)) for word in arguments]
    command = as_ordinary_user([sys.executable, "-c", program, *words])
    closed.chmod(0)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        closed.chmod(0o755)
    assert done.returncode == code
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_the_custom_metadata_is_not_waited_for(tmp_path):
    """Show and export say what cannot be read, and go on with the rest of the run."""
    run = write_run(tmp_path)
    (run / "custom_metadata.json").unlink()
    os.mkfifo(run / "custom_metadata.json")
    for arguments in (("show", run), ("export", tmp_path, "--to", tmp_path / "runs.csv")):
        done = in_process(*arguments)
        assert done.code == 0
        assert "it is not a regular file" in done.err
