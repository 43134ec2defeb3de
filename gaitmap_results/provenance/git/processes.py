"""Run git in the background, and stop it at the end of the block."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, TypeAlias

from gaitmap_results.provenance.git.repository_files import FilesState, work_tree_around

__all__ = ["GitProcesses", "GitUnreadableError"]

# A git hook sets variables that point to *its* repository, and others change what is read or the meaning of a path.
# These stay: settings like those in a file, where git looks for a repository, and what it is made of.
_KEPT_VARIABLES = re.compile(
    r"(?!GIT_)|GIT_(?:CONFIG_|CEILING_DIR|DISCOVERY_|ATTR_NOSYSTEM|EXEC_PATH|LFS_|TEST_)", re.IGNORECASE
)
_OWN_VARIABLES = {
    "GIT_OPTIONAL_LOCKS": "0",  # reading must not rewrite the index
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    # No clone has the commit that `git replace` puts in place of the stored one.
    "GIT_NO_REPLACE_OBJECTS": "1",
    # Do not fetch what a partial clone lacks: recording contacts no server and starts no configured program.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",  # messages are recognised by their English text
    "LANGUAGE": "C",
}
_OWN_SETTINGS = (
    *("-c", "core.quotePath=false"),
    # A file system monitor is a hook of the user's or a process that stays.
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    # Without these, an edit that keeps a file's size and time could go unnoticed.
    *("-c", "core.trustCtime=true"),
    *("-c", "core.checkStat=default"),
)
# GitPython reads this variable, too.
_PROGRAM_VARIABLE = "GIT_PYTHON_GIT_EXECUTABLE"


class GitUnreadableError(Exception):
    """The error for a repository whose state cannot be read.

    Parameters
    ----------
    code
        ``"git.not_a_repository"`` or ``"git.unavailable"``.
    message
        What happened, where, and what to do next.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


# A folder, a command and the state of the files that its answer depends on.
_Key: TypeAlias = tuple[str, tuple[str, ...], FilesState]
_remembered: dict[_Key, bytes] = {}
_MOST_REMEMBERED = 32


class _Asked(NamedTuple):
    """A command: its process, or its remembered answer."""

    process: subprocess.Popen[bytes] | None
    folder: Path
    ceiling: Path | None
    key: _Key | None
    known: bytes | None


class GitProcesses(contextlib.AbstractContextManager["GitProcesses"]):
    """The git processes of one reading; the end of the block stops them all.

    Parameters
    ----------
    timeout
        Seconds for all of them together, from the first wait for an answer: the program's own work before that
        does not count.
    ceiling
        A folder in which, and above which, git does not look for a repository.
    """

    def __init__(self, timeout: float, *, ceiling: Path | None = None) -> None:
        self._ceiling = ceiling
        kept = {name: value for name, value in os.environ.items() if _KEPT_VARIABLES.match(name)}
        self._environment = kept | _OWN_VARIABLES
        self._timeout = timeout
        self._deadline: float | None = None
        self._asked: list[_Asked] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the processes that still run."""
        for asked in self._asked:
            if asked.process is not None:
                _stop(asked.process)

    def start(
        self,
        folder: Path,
        *arguments: str,
        ceiling: Path | None = None,
        stdin: IO[bytes] | None = None,
        valid_for: FilesState | None = None,
    ) -> int:
        """Start a git command in a folder and return its number for ``answer``.

        Parameters
        ----------
        folder
            The folder to start it in.
        arguments
            The command and its arguments.
        ceiling
            A different ceiling for this command.
        stdin
            A file for the command to read.
        valid_for
            The state of the files that the answer depends on: as long as it is the same, the answer is remembered.
        """
        key = None if valid_for is None else (str(folder), arguments, valid_for)
        known = None if key is None else _remembered.get(key)
        limit = ceiling or self._ceiling
        process = self._run(folder, arguments, limit, stdin) if known is None else None
        self._asked.append(_Asked(process, folder, limit, key, known))
        return len(self._asked) - 1

    def _run(
        self, folder: Path, arguments: tuple[str, ...], ceiling: Path | None, stdin: IO[bytes] | None
    ) -> subprocess.Popen[bytes]:
        environment = {} if ceiling is None else {"GIT_CEILING_DIRECTORIES": str(ceiling)}
        try:
            program = _program(os.environ.get(_PROGRAM_VARIABLE) or "git", os.environ.get("PATH", os.defpath))
            return subprocess.Popen(
                [program, *_OWN_SETTINGS, *arguments],
                cwd=folder,
                env=self._environment | environment,
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # In its own group, so that the filters that git starts are stopped together with it.
                start_new_session=True,
                # Python's own files are not inherited anyway, and closing all others takes longer than git.
                close_fds=False,
            )
        except OSError as error:
            raise _not_started(folder, error) from error

    def answer(self, number: int) -> tuple[bytes, bytes]:
        """Wait for a command and return its output and error stream.

        Raises
        ------
        GitUnreadableError
            If the command failed or the time is up.
        """
        process, folder, ceiling, key, known = self._asked[number]
        if process is None:
            return known or b"", b""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._timeout
        try:
            output, messages = process.communicate(timeout=max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise GitUnreadableError(
                "git.unavailable",
                f"git did not answer within {self._timeout:g} s in {folder}. "
                "Run `git status` there to see what it waits for.",
            ) from None
        if process.returncode != 0:
            raise _failed(folder, ceiling, process.returncode, messages)
        if key is not None:
            if len(_remembered) >= _MOST_REMEMBERED:
                _remembered.clear()
            _remembered[key] = output
        return output, messages

    def answer_or_none(self, number: int) -> bytes | None:
        """Return the output of an optional command, or None if it failed."""
        try:
            return self.answer(number)[0]
        except GitUnreadableError:
            return None


@lru_cache(maxsize=4)
def _program(named: str, path: str) -> str:
    """Return the path of git; never a program of that name in the working directory, where Windows looks first."""
    if os.path.dirname(named):
        return named
    file = f"{named}.exe" if sys.platform == "win32" and not named.endswith(".exe") else named
    for folder in filter(os.path.isabs, path.split(os.pathsep)):
        if (found := shutil.which(os.path.join(folder, file))) is not None:
            return found
    raise FileNotFoundError(named)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Without a return code nobody has waited for the process yet, so its number is not reused.
    if process.returncode is None:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _not_started(folder: Path, error: OSError) -> GitUnreadableError:
    if not os.path.isdir(folder) and not isinstance(error, PermissionError):
        return GitUnreadableError(
            "git.not_a_repository",
            f"There is no folder {folder}, so there is no git repository. Start from a folder of it.",
        )
    if isinstance(error, FileNotFoundError):
        return GitUnreadableError(
            "git.unavailable",
            f"git was not found. Install git, or name the program in the environment variable {_PROGRAM_VARIABLE}.",
        )
    return GitUnreadableError("git.unavailable", f"git could not be started in {folder}: {error}.")


def _failed(folder: Path, ceiling: Path | None, code: int, messages: bytes) -> GitUnreadableError:
    text = _without_secrets(messages.decode("utf-8", "backslashreplace")).strip()
    if "safe.directory" in text:
        command = re.search(r"git config --global --add safe\.directory .*", text)
        return GitUnreadableError(
            "git.unavailable",
            f"The repository of {folder} belongs to another user, so git does not read it. If you trust it, "
            f"run: {command.group() if command else f'git config --global --add safe.directory {folder}'}",
        )
    if "must be run in a work tree" in text:
        return GitUnreadableError(
            "git.not_a_repository",
            f"{folder} lies in a bare git repository or in a .git folder, where there are no files to compare. "
            "Start from a folder that was checked out.",
        )
    is_none = re.search(r"not a git repository|gitfile|error reading .*\.git", text)
    top = work_tree_around(folder)
    if is_none and top is not None and (ceiling is None or top == folder):
        return GitUnreadableError(
            "git.unavailable",
            f"The repository of {folder} cannot be read. git says: {text!r}. Bring back {top / '.git'} and "
            "what it leads to (a container needs that, too; a submodule the outer repository), or clone it anew.",
        )
    if is_none:
        return GitUnreadableError(
            "git.not_a_repository",
            f"{folder} is not inside a git repository. Start from a folder of the repository that holds your code, "
            "or create one with `git init`.",
        )
    tail = " / ".join(text.splitlines()[-5:])[-500:]
    return GitUnreadableError(
        "git.unavailable",
        f"git failed in {folder} with exit code {code}: {tail or 'no message'}. "
        "Run `git status` there (git 2.18 or newer is needed).",
    )


def _without_secrets(text: str) -> str:
    """Remove user names, passwords, queries and fragments from the URLs in a message of git."""
    text = re.sub(r"://[^\s'\"]*@", "://", text)
    return re.sub(r"(://[^\s'\"?#]*)[?#][^\s'\"]*", r"\1", text)
