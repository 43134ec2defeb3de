"""The command ``gaitmap-results``: help, version, and errors as messages."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import click
import pytest

import gaitmap_results
from gaitmap_results.cli import main

START = "from gaitmap_results.cli import main; main(prog_name='gaitmap-results')"


def run(*arguments, program=START):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_version():
    """The command knows the version of the package."""
    process = run("--version")
    assert process.returncode == 0
    assert process.stdout.strip() == f"gaitmap-results, version {gaitmap_results.__version__}"


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_every_command(option):
    """The help shows each command with one line that says what it does."""
    process = run(option)
    assert process.returncode == 0
    for name, says in (
        ("demo", "Record four real gait"),
        ("recover", "Publish an unfinished run with complete core results."),
    ):
        assert re.search(rf"^  {name} +{says}", process.stdout, re.MULTILINE)


def test_help_of_the_demo_says_what_it_does_to_the_machine():
    """Before it is started one can read what the demo downloads, where it writes, and how to change that."""
    process = run("demo", "--help")
    assert process.returncode == 0
    for part in ("10 MB", "gaitmap_results_demo", "--cache", "--json"):
        assert part in process.stdout


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("demo", "--help"), ("list", "--help")])
def test_help_imports_nothing_heavy(arguments):
    """Help and version come at once: nothing that takes long to import is imported for them."""
    heavy = ("rich.console", "mobgap", "tpcp", "numpy", "pandas", "psutil")
    program = (
        "import sys, json, atexit\n"
        f"atexit.register(lambda: print(json.dumps([name for name in {heavy!r} if name in sys.modules])))\n" + START
    )
    process = run(*arguments, program=program)
    assert process.returncode == 0
    assert json.loads(process.stdout.splitlines()[-1]) == []


def test_no_command_imports_anything_heavy_for_its_help():
    """The module of each command leaves what takes long to import until the command runs."""
    heavy = ("rich.console", "mobgap", "tpcp", "numpy", "pandas", "scipy", "matplotlib", "psutil")
    program = f"""
import click, json, sys
from gaitmap_results.cli import main
context = click.Context(main)
for name in main.list_commands(context):
    command = main.get_command(context, name)
    command.get_help(click.Context(command, info_name=name))
    print(name, *(module for module in {heavy!r} if module in sys.modules))
"""
    process = run(program=program)
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == list(main.list_commands(click.Context(main)))


def test_unknown_command():
    """A command that does not exist is refused as wrong usage, and the help is named."""
    process = run("dance")
    assert process.returncode == 2
    assert "No such command 'dance'" in process.stderr
    assert "for help" in process.stderr  # older versions of click name -h, newer ones --help


def test_missing_extra_says_how_to_install_it():
    """Without mobgap the demo names what is missing and the command that installs it, without a traceback."""
    # This is how Python itself marks a module that must not be found.
    process = run("demo", program="import sys; sys.modules['mobgap'] = None\n" + START)
    assert process.returncode == 1
    assert "Error: The demo needs mobgap" in process.stderr
    assert 'pip install "gaitmap_results[demo]"' in process.stderr
    assert "Traceback" not in process.stderr
