"""The benchmarks: they run, and there is a row for everything that is promised about speed."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
BENCH = TOP / "tests" / "project" / "bench"
PAGE = TOP / "docs" / "contributing" / "speed.md"
# What the row of each promise says, and what it must reach.
PROMISES = {
    "one recorded block, official, empty challenge, repository of # files": "≤ 2.5 x",
    "one recorded block, official, empty challenge": "≥ 100 x faster",
    "one recorded block, official, 200 kB, 10 parameters, 10 numbers": "faster",
    "what the same takes more than signac, which stores no provenance": "≤ 1 x",
    "the first recorded run of a process, official, import included": "≤ + 150.0 ms",
    "`import gaitmap_results`": "≤ + 40.0 ms",
    "`from gaitmap_results import recorded_run, save_run`": "≤ + 40.0 ms",
    "git of one recorded block, repository of # files": "≤ 1.2 x",
    "listing an environment of 300 packages": "≤ 1.5 x",
    "one recorded block, official, core results of # GB": "≤ 1.2 x",
    "memory of the process meanwhile": "flat (≤ + 20.0 MB)",
    "memory of a process after a recorded run": "≤ + 15.0 MB",
    "a loop in Python, in an open block": "within the noise",
    "the same with the sampler of resources": "≤ + 0.5 %",
    "listing, filtering and finding the latest of # runs": "≤ 1.5 x",
    "comparing all pairs of 20 entries by 10 participants": "≤ 3 x",
    "comparing all pairs of 20 entries by 15 participants": "≤ 3 x",
    "comparing all pairs of 20 entries by 30 participants": "≤ 3 x",
    "what changed between two runs of 200 kB, of CPU time": "≤ + 50.0 ms",
    "one of # runs of 10 ms in fresh processes": "≤ 1.3 x",
    "memory of the program at its peak": "≤ + 5.0 MB",
    "run --dry-run of 20 entries in a store of # runs": "≤ 1.5 x",
}
STAGES = ("git at the start", "journal", "rename, and clearing up", "everything else", "waiting for the disk (`fsync`)")


def rows_of(markdown):
    """Return the cells of every line of every table; sizes, which differ in a short run, are ``#``."""
    lines = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line.startswith("| ")]
    return [[re.sub(r"(?<=of )[\d,.]+(?= (?:files|runs|GB))", "#", line[0]), *line[1:]] for line in lines]


def check_rows(rows, promises):
    """Check that each promise has a row that says what must be reached, and whether it was, or why nobody knows."""
    for what, must_be in promises.items():
        found = [row for row in rows if row[0].split(", beside ")[0] == what]
        assert found, what
        for row in found:
            assert len(row) == 8, row
            reached = row[-1]
            assert row[-2] == must_be or reached.startswith("not measured: "), row
            assert reached in {"yes", "**no**"} or reached.startswith("not measured: "), row


@pytest.mark.exhaustive
@pytest.mark.timeout(3000)  # it measures more than a hundred processes
def test_a_quick_run_has_a_row_for_every_promise(tmp_path):
    """The benchmarks can be run at any time, also without the other recorders, and leave no promise out."""
    done = subprocess.run(
        [sys.executable, str(BENCH), "quick", "--folder", str(tmp_path), "--write", str(tmp_path / "tables.md")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = rows_of((tmp_path / "tables.md").read_text(encoding="utf-8"))
    promises = {what: must_be for what, must_be in PROMISES.items() if "signac" not in what}
    check_rows(rows, promises)
    assert [stage for stage in STAGES if stage not in {row[0] for row in rows}] == []
    # A function that was renamed has to be renamed in the table of stages, too.
    assert "NOT measured" not in done.stdout
    assert not [path for path in tmp_path.iterdir() if path.name != "tables.md"]


def test_the_page_has_a_row_for_every_promise():
    """The page shows one run of the benchmarks as they are now, whatever has been reached."""
    text = PAGE.read_text(encoding="utf-8")
    check_rows(rows_of(text), PROMISES)
    assert str(Path.home()) + os.sep not in text


def test_the_page_for_users_has_figures_that_were_measured():
    """Each time on the short page stands among the figures of the long one."""
    measured = PAGE.read_text(encoding="utf-8")
    short = (TOP / "docs" / "explanation" / "how_fast.md").read_text(encoding="utf-8")
    times = re.findall(r"[\d.]+ m?s\b", short)
    assert len(times) >= 6
    assert [time for time in times if f"| {time} |" not in measured] == []


def test_tables_are_put_between_the_marks_of_a_page(tmp_path, monkeypatch):
    """A new run replaces what was measured before and nothing else; a page has only the promises, a new file all."""
    monkeypatch.syspath_prepend(str(BENCH))
    from measuring import COLUMNS, Table
    from running import put_into

    page = tmp_path / "page.md"
    page.write_text("Before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nAfter\n", encoding="utf-8")
    machine = Table("The machine", ("what", "is"), [("cores", "2")])
    promise = ("a | b", "1 s", "c", "1 s", "1 x", "1 x … 1 x", "≤ 2 x", "yes")
    noise = ("noise", *promise[1:-2], "-", "-")
    put_into(page, [machine, Table("New", COLUMNS, [promise, noise]), Table("Stages", ("stage",), [("git",)])])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("Before\n<!-- measured: begin -->\n\n- cores: 2\n\n| what |")
    assert r"| a \| b |" in text
    assert "noise" not in text
    assert "Stages" not in text
    assert text.endswith("\n<!-- measured: end -->\nAfter\n")
    assert "old" not in text
    put_into(tmp_path / "new.md", [Table("New", ("what",), [("a",)])])
    assert (tmp_path / "new.md").read_text(encoding="utf-8").startswith("### New\n")


def test_the_benchmarks_run_only_when_asked_for():
    """Measuring takes minutes and needs a quiet machine, so tox does not run it by itself."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(TOP / "tox.ini", encoding="utf-8")
    assert "testenv:bench" in tox
    assert "bench" not in tox["tox"]["env_list"].split(", ")
