"""Look up the recorded packages in the index, and lock them as a pylock.toml (PEP 751)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gaitmap_results.provenance.packages import normalised
from gaitmap_results.reproducing.children import run_child
from gaitmap_results.reproducing.packages import LocalArchive, PackagePlan, Project
from gaitmap_results.store.json_files import parse_json

__all__ = ["LOCK_FILE", "Lock", "lock_local", "lock_with_pip", "lock_with_uv"]

LOCK_FILE: Final = "pylock.toml"

_MISSING: Final = (
    re.compile(r"No matching distribution found for ([A-Za-z0-9][\w.-]*)"),
    re.compile(r"(?:Because|and) ([A-Za-z0-9][\w.-]*) was not found in the package registry"),
    re.compile(r"there (?:is|are) no versions? of ([A-Za-z0-9][\w.-]*?)(?:\[[^\]]*\])?(?:==|\s)"),
    re.compile(r"(?:Because|and) ([A-Za-z0-9][\w.-]*)==\S+ (?:has no wheels|has no usable|depends on)"),
)

_HEAD: Final = ('lock-version = "1.0"', 'created-by = "gaitmap_results"')


@dataclass(frozen=True)
class Lock:
    """The recorded packages that an index has.

    Attributes
    ----------
    text
        The content of the pylock.toml.
    requirements
        Requirement lines for pip, with hashes.
    missing
        The packages that the index lacks, with their versions.
    problem
        Why the index could not be queried; ``None`` if it could.
    """

    text: str
    requirements: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problem: str | None = None


def lock_local(plan: PackagePlan) -> Lock:
    """Lock packages that all come from elsewhere than an index."""
    return Lock("\n".join([*_HEAD, *_local_packages(plan), ""]))


def lock_with_uv(uv: str, plan: PackagePlan, python: Path, folder: Path, env: Mapping[str, str]) -> Lock:
    """Lock with uv, which downloads no packages for this, and leave what came from the index in LOCK_FILE."""
    found = folder / LOCK_FILE
    options: list[str | Path] = [
        "--no-deps",
        "--generate-hashes",
        "--no-header",
        "--quiet",
        "--python",
        python,
        "-o",
        found,
    ]

    def read(missing: tuple[str, ...]) -> Lock:
        text = found.read_text(encoding="utf-8").rstrip("\n")
        return Lock("\n".join([text, *_local_packages(plan), ""]), missing=missing)

    return _lock([uv, "pip", "compile", *options], read, plan, folder, env)


def lock_with_pip(plan: PackagePlan, pip: Sequence[str | Path], folder: Path, env: Mapping[str, str]) -> Lock:
    """Lock with a command that is pip."""
    report = folder / "report.json"
    options: list[str | Path] = [
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
        "--quiet",
        "--no-input",
        "--report",
        report,
    ]

    def read(missing: tuple[str, ...]) -> Lock:
        return _lock_of_report(parse_json(report.read_bytes())["install"], plan, missing)

    return _lock([*pip, "install", *options, "--requirement"], read, plan, folder, env)


def _lock(
    command: Sequence[str | Path],
    read: Callable[[tuple[str, ...]], Lock],
    plan: PackagePlan,
    folder: Path,
    env: Mapping[str, str],
) -> Lock:
    """Ask the index, each time without the packages that were missing so far, until it has all others."""
    wanted, missing = folder / "requirements.in", list[str]()
    while True:
        lines = [line for line in plan.requirements.values() if line not in missing]
        if not lines:
            return Lock("", missing=tuple(missing))
        wanted.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        done = run_child([*command, wanted], cwd=folder, env=env, log=folder / "lock")
        if done.code == 0:
            return read(tuple(missing))
        if not _note_missing(done.errors, plan, missing):
            return Lock("", missing=tuple(missing), problem="\n".join(done.errors.splitlines()[-6:]))


def _note_missing(said: str, plan: PackagePlan, missing: list[str]) -> bool:
    """Note each package that an installer did not find; return whether there were any."""
    text = " ".join(said.split())
    names = {normalised(found) for pattern in _MISSING for found in pattern.findall(text)}
    new = [line for name, line in plan.requirements.items() if normalised(name) in names and line not in missing]
    missing += new
    return bool(new)


def _lock_of_report(installed: Sequence[Mapping[str, Any]], plan: PackagePlan, missing: tuple[str, ...]) -> Lock:
    """Write the lock of the packages that pip would install."""
    blocks, requirements = list(_HEAD), []
    asked = {normalised(name): line for name, line in plan.requirements.items()}
    for each in installed:
        name, version = str(each["metadata"]["name"]), str(each["metadata"]["version"])
        info = each["download_info"]
        url, digest = str(info["url"]), info.get("archive_info", {}).get("hashes", {}).get("sha256")
        if digest is None:
            commit = info.get("vcs_info", {}).get("commit_id", "")
            requirements.append(asked.get(normalised(name), f"{name} @ git+{url}@{commit}"))
            source = _table("vcs", type="git", url=url, **{"commit-id": commit})
        else:
            # pip checks this hash.
            requirements.append(f"{name} @ {url}{'&' if '#' in url else '#'}sha256={digest}")
            kind = "wheels" if url.partition("#")[0].endswith(".whl") else "sdist"
            source = _file(kind, url, digest)
        blocks.append("\n".join(["", "[[packages]]", f"name = {_text(name)}", f"version = {_text(version)}", source]))
    return Lock("\n".join([*blocks, *_local_packages(plan), ""]), tuple(requirements), missing)


def _local_packages(plan: PackagePlan) -> Iterator[str]:
    """Yield a block for each package that does not come from an index."""
    local: list[Project | LocalArchive] = [*plan.projects, *plan.archives]
    for package in local:
        version = [] if package.version is None else [f"version = {_text(package.version)}"]
        yield "\n".join(["", "[[packages]]", f"name = {_text(package.name)}", *version, _local_source(package)])


def _local_source(package: Project | LocalArchive) -> str:
    if isinstance(package, LocalArchive):
        return f"archive = {{ path = {_text(package.file.name)}, hashes = {{ sha256 = {_text(package.sha256)} }} }}"
    recorded = package.repository.recorded
    where = {"url": recorded.remote} if recorded.remote else {"path": recorded.path or "unknown"}
    inside = {} if package.subdirectory == "." else {"subdirectory": package.subdirectory}
    return _table("vcs", type="git", **where, **{"commit-id": package.repository.commit}, **inside)


def _file(kind: str, url: str, digest: str) -> str:
    # A file's path on this machine means nothing to others.
    where = f"path = {_text(url.rpartition('/')[2])}" if url.startswith("file:") else f"url = {_text(url)}"
    file = f"{{ {where}, hashes = {{ sha256 = {_text(digest)} }} }}"
    return f"{kind} = [{file}]" if kind == "wheels" else f"{kind} = {file}"


def _table(key: str, **values: str) -> str:
    return f"{key} = {{ {', '.join(f'{name} = {_text(value)}' for name, value in values.items())} }}"


def _text(value: str) -> str:
    return json.dumps(value)  # a JSON string is also a TOML string
