"""Runs the pages of the documentation: writes their files, types their commands, and compares what is shown.

In a page, a Python block with a caption is a file of that name, and so is one that begins with a comment of nothing but
the name (README.md is also read where captions are not understood). A ``console`` block is what somebody typed after
``$`` and saw below it.
Blocks follow each other as a reader would carry them out; what differs from one time to the next (times, hashes, ids,
the folder that all happens in) is compared in a common form.

Run as ``python tests/support/documents.py docs/tutorial.md``, it writes what is shown now into the page.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from git_repository import git_environment
from own_tree import FOR_CHILDREN

import gaitmap_results

TOP = Path(__file__).parents[2]
#: Why no page can be carried out here; empty where they can.
NO_TERMINAL = "" if os.name == "posix" and all(map(shutil.which, ("bash", "sha256sum"))) else "the commands are Linux's"
#: The home folder of the reader, as the pages show it.
SHOWN_HOME = "/home/ana"
_SHOWN_PACKAGES = f"{SHOWN_HOME}/venv/lib/python3.12/site-packages"

_BLOCK = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
_CAPTION = re.compile(r"\A:caption: *(?P<name>\S+)\n(?::[^\n]*\n)*\n?")
_NAME_IN_FILE = re.compile(r"\A# (?P<name>\S+\.py)\n")
_INSTALL = re.compile(r"^python -m pip install ")
_HASH = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,64}\b")
_WORD_HASH = re.compile(r"[a-f]{7,64}\*?\Z")
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_FOLDER = re.compile(r"(?<!\d)\d{8}_\d{6}(?:_\d+)?(?!\d)")
# In this order: a part of an id or a date looks like a hash or a number.
_VARYING = (
    (_ID, "<id>"),
    (_FOLDER, "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d:\d\d|Z)?"), "<date>"),
    (_HASH, "<hash>"),
    (re.compile(r"(?:< *)?\b\d+(?:\.\d+)? *(?:s|seconds?)\b"), "<seconds>"),
    (re.compile(r"\bprocess \d+\b"), "process <number>"),
    # Files that hold times are longer or shorter by a few digits.
    (re.compile(r"\b\d+(?:\.\d+)? [kKMG]?i?B\b"), "<size>"),
    # What `show` says of the computer.
    (re.compile(r"^(Machine|Packages) .*$", re.MULTILINE), r"\1"),
    (re.compile(r"^ +Python \d.*$", re.MULTILINE), "Python"),
    (re.compile(r"[\u2500-\u257f]+"), "-"),
)


@dataclass(frozen=True)
class Page:
    """What a page has its reader do: files to write and commands to type, in their order."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> Page:
        """Read a page."""
        return cls(path, path.read_text(encoding="utf-8"))

    def steps(self) -> Iterator[File | Session]:
        """Yield the steps in their order."""
        for block in _BLOCK.finditer(self.text):
            language = block["info"].removeprefix("{code-block}").strip()
            caption = _CAPTION.match(block["body"])
            named = _NAME_IN_FILE.match(block["body"]) if language == "python" else None
            if caption is not None:
                yield File(caption["name"], block["body"][caption.end() :])
            elif named is not None:
                yield File(named["name"], block["body"])
            elif language == "console":
                yield Session(block.start("body"), block["body"])

    def fragments(self, language: str) -> list[str]:
        """Return the blocks of a language, without their options."""
        blocks = (block for block in _BLOCK.finditer(self.text))
        found = (block for block in blocks if block["info"].removeprefix("{code-block}").strip() == language)
        return [re.sub(r"\A(?::[^\n]*\n)+\n?", "", block["body"]) for block in found]


@dataclass(frozen=True)
class File:
    """A file that the reader writes."""

    name: str
    text: str


@dataclass(frozen=True)
class Session:
    """A block of commands and what they show, and where it stands in its page."""

    start: int
    text: str

    def commands(self) -> list[tuple[str, str]]:
        """Return each command, with what the page shows below it."""
        found: list[tuple[str, str]] = []
        for line in self.text.splitlines(keepends=True):
            if line.startswith("$ "):
                found.append((line[2:], ""))
            elif line.startswith("> ") and found and not found[-1][1]:
                found[-1] = (found[-1][0] + line[2:], "")
            else:
                found[-1] = (found[-1][0], found[-1][1] + line)
        return found


def _known_fonts() -> dict[str, str]:
    """Share Matplotlib's list of fonts: in an empty home it is made again, and where that takes long, it says so."""
    if find_spec("matplotlib") is None:
        return {}
    import matplotlib.font_manager  # makes the list if there is none

    return {"MPLCONFIGDIR": matplotlib.get_cachedir()}


class Shell:
    """Carries out steps in a home folder of its own, one after the other, as in one terminal.

    Parameters
    ----------
    folder
        An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.home = Path(os.path.realpath(folder)) / Path(SHOWN_HOME).name
        self.home.mkdir()
        self._memory = self.home.with_name("terminal")
        self._memory.mkdir()
        self._folder = self.home
        self._environment = self._surroundings()

    def _surroundings(self) -> dict[str, str]:
        tools, temporary = self._memory / "bin", self._memory / "tmp"
        tools.mkdir()
        temporary.mkdir()
        programs = str(Path(sys.executable).parent)
        if shutil.which("gaitmap-results", path=programs) is None:
            program = tools / "gaitmap-results"
            program.write_text(f"#!{sys.executable}\nfrom gaitmap_results.cli import main\nmain()\n")
            program.chmod(0o755)
        inherited = git_environment(self.home)
        foreign = ("COLUMNS", "GAITMAP_RESULTS_", "PYTEST_", "PYTHON", "SLURM_", "XDG_")
        inherited = {name: value for name, value in inherited.items() if not name.startswith(foreign)}
        path = os.pathsep.join([programs, str(tools), os.environ["PATH"]])
        # Where the package is tested from its source folder, it is not installed.
        sources = [str(FOR_CHILDREN), *([str(TOP)] if Path(gaitmap_results.__file__).parents[1] == TOP else [])]
        source = {"PYTHONPATH": os.pathsep.join(sources)}
        return {
            **inherited,
            **source,
            "PATH": path,
            "HOME": str(self.home),
            "USER": "ana",
            "LOGNAME": "ana",
            "NO_COLOR": "1",
            "TMPDIR": str(temporary),
            # tpcp's plugin for pytest needs numpydoc, which no reader has to have.
            "PYTEST_ADDOPTS": "-p no:tpcp_snapshots",
            "PYTHONDONTWRITEBYTECODE": "1",
            **_known_fonts(),
        }

    def write(self, file: File) -> None:
        """Write a file of the page into the current folder."""
        path = self._folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")

    def type(self, command: str) -> tuple[str, int]:
        """Carry out a command; return what it shows and its exit code."""
        folder = self._folder
        if _INSTALL.match(command):
            # Everything but the last step: what is installed here is what is being tested.
            command, folder = command.replace("pip install", "pip install --dry-run --quiet"), TOP
        variables, place = self._memory / "variables", self._memory / "place"
        before = 'if [ -f "$VARIABLES" ]; then . "$VARIABLES"; fi'
        after = 'code=$?; export -p > "$VARIABLES"; pwd > "$PLACE"; exit $code'
        done = subprocess.run(
            ["bash", "-c", f"{before}\n{command}\n{after}"],
            cwd=folder,
            env={**self._environment, "VARIABLES": str(variables), "PLACE": str(place)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if folder == self._folder and place.exists():
            self._folder = Path(place.read_text().strip())
        return self._shown(done.stdout), done.returncode

    def _shown(self, output: str) -> str:
        """Return the output as it would be for the reader: at home, with the package in an environment of their own."""
        packages = str(Path(gaitmap_results.__file__).parents[1])
        shown = output.replace(str(self.home), SHOWN_HOME).replace(packages, _SHOWN_PACKAGES)
        shown = shown.replace(f" on {platform.node()} ", " on anas-laptop ").replace(
            platform.release(), "6.8.0-45-generic"
        )
        return "\n".join(line.rstrip() for line in shown.splitlines()) + ("\n" if shown else "")


def comparable(output: str) -> list[str]:
    """Return the words of an output without what differs from one time to the next.

    Where lines are broken depends on how long the paths in them are, and says nothing.
    """
    for pattern, replacement in _VARYING:
        output = pattern.sub(replacement, output)
    return output.split()


def agree(shown: str, real: str) -> bool:
    """Say whether a page shows what a command does; a line of three dots stands for any lines."""
    first, *others = (comparable(part) for part in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE))
    rest = comparable(real)
    if not others:
        return _same(first, rest)
    *between, last = others
    if not _same(first, rest[: len(first)]) or (last and not _same(last, rest[-len(last) :])):
        return False
    rest = rest[len(first) : len(rest) - len(last)]
    for part in between:
        places = (n for n in range(len(rest) - len(part) + 1) if _same(part, rest[n : n + len(part)]))
        place = next(places, None)
        if place is None:
            return False
        rest = rest[place + len(part) :]
    return True


def _same(shown: list[str], real: list[str]) -> bool:
    """Say whether words are the same; one real hash in a thousand has no digit, and looks like a word."""
    pairs = zip(shown, real, strict=False)
    return len(shown) == len(real) and all(a == b or (a[:6] == "<hash>" and _WORD_HASH.match(b)) for a, b in pairs)


def names_in(output: str) -> list[str]:
    """Return the ids and hashes in an output, cut to what their short form shows.

    The time in a run folder's name is no such name: two runs may start in one second.
    """
    rest = _FOLDER.sub("", output)
    return [match[0] for match in _ID.finditer(rest)] + [match[0][:7] for match in _HASH.finditer(_ID.sub("", rest))]


def problems_of(page: Page, shell: Shell) -> Iterator[str]:
    """Carry out a page, and say where something else happens than it shows.

    What has another name each time (a commit, a run) must have one name on the whole page.
    """
    real_names: dict[str, str] = {}
    shown_names: dict[str, str] = {}
    for step in page.steps():
        if isinstance(step, File):
            shell.write(step)
            continue
        for command, shown in step.commands():
            real, code = shell.type(command)
            if code != 0:
                yield f"{page.path.name}: `{command.strip()}` ends with code {code}:\n{real}"
            elif not agree(shown, real):
                yield f"{page.path.name}: `{command.strip()}` shows\n{real}\nand not\n{shown}"
            elif len(names_in(shown)) == len(names_in(real)):
                for one, other in zip(names_in(shown), names_in(real), strict=True):
                    if real_names.setdefault(one, other) != other or shown_names.setdefault(other, one) != one:
                        yield f"{page.path.name}: {one} below `{command.strip()}` has another name elsewhere"


def renewed(page: Page, shell: Shell) -> str:
    """Return the text of a page with the outputs as they are now; those with left-out lines stay if they agree.

    All others are renewed, so that a commit or a run has the same name wherever it is shown.
    """
    pieces, done = [], 0
    for step in page.steps():
        if isinstance(step, File):
            shell.write(step)
            continue
        written = []
        for command, shown in step.commands():
            real, code = shell.type(command)
            if code != 0:
                sys.exit(f"{command}ends with code {code}:\n{real}")
            keeps = "\n...\n" in f"\n{shown}" and agree(shown, real)
            written.append("$ " + "> ".join(command.splitlines(keepends=True)) + (shown if keeps else real))
        pieces += [page.text[done : step.start], *written]
        done = step.start + len(step.text)
    return "".join([*pieces, page.text[done:]])


def main(names: list[str]) -> None:
    """Write what is shown now into the named pages."""
    for name in names:
        page = Page.read(Path(name))
        with tempfile.TemporaryDirectory() as folder:
            page.path.write_text(renewed(page, Shell(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
