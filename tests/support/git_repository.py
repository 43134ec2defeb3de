"""Makes real git repositories for tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which git knows no settings of this machine and no repository around ``folder``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    environment.update(GIT_CEILING_DIRECTORIES=os.path.realpath(folder.parent))
    for role in ("AUTHOR", "COMMITTER"):
        environment[f"GIT_{role}_NAME"] = "Test Person"
        environment[f"GIT_{role}_EMAIL"] = "test@example.org"
    return environment


class GitRepository:
    """A git repository with the branch ``main`` and without any commit, made in a new or an existing folder.

    Parameters
    ----------
    path
        The top folder of the work tree.
    init
        Whether to create the repository; False for one that git has made already, for example a linked work tree.
    """

    def __init__(self, path: Path, *, init: bool = True) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        if init:
            self.git("init", "--quiet")
            self.git("symbolic-ref", "HEAD", "refs/heads/main")

    def git(self, *arguments: str | bytes | Path, check: bool = True) -> str:
        """Run git in the repository and return what it prints, without white space at the ends."""
        command = ["git", "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(command, cwd=self.path, env=git_environment(self.path), capture_output=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{command} failed: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="backslashreplace").strip()

    def write(self, relative: str, text: str) -> Path:
        """Write a file and the folders that it needs."""
        file = self.path / relative
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def commit(self, message: str = "a commit") -> str:
        """Commit all that there is and return the new commit's hash."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")
