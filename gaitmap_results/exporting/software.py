"""Describe the software of a run, with versions, as entities of an RO-Crate."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gaitmap_results.exporting.people import Entity, quoted

__all__ = ["instrument_of", "web_address"]

# `git@github.com:lab/study.git` is https://github.com/lab/study on these.
_FORGES: Final = re.compile(
    r"(?:ssh://)?((?:www\.)?(?:github\.com|gitlab\.[\w.-]+|bitbucket\.org|codeberg\.org))[:/](.+)"
)
_WEB: Final = re.compile(r"https?://[^\s/]+/\S*")
_VERSION: Final = re.compile(r"\d+(?:\.\d+)+")
_ID_CHARACTERS: Final = 12


def instrument_of(metadata: Mapping[str, Any], implementation: object) -> tuple[Entity, list[Entity]]:
    """Return the entities of the code that ran, and of the software that it needed.

    Parameters
    ----------
    metadata
        The metadata of a run, or the draft of an unfinished run.
    implementation
        The URL of the implementation in the custom metadata, for records without a remote.
    """
    git = _object(metadata.get("git"))
    commit, remote = _text(metadata.get("git_commit_hash")), _text(git.get("remote"))
    caller = _object(metadata.get("caller"))
    file = _text(metadata.get("caller_file_path")) or _text(caller.get("file"))
    requirements = list(_requirements(metadata))
    entity: Entity = {"@type": "SoftwareApplication", "name": _name(remote, file)}
    address = web_address(remote) or (implementation if isinstance(implementation, str) else None)
    if address is not None and _WEB.fullmatch(address):
        entity["url"] = address
    if remote is not None:
        entity["codeRepository"] = remote
    entity.update(_version(metadata, commit, caller))
    if requirements:
        entity["softwareRequirements"] = [
            each if isinstance(each, str) else {"@id": each["@id"]} for each in requirements
        ]
    digest = hashlib.sha256(json.dumps(entity, sort_keys=True).encode()).hexdigest()[:_ID_CHARACTERS]
    return {"@id": f"{entity.get('url', '')}#code-{digest}", **entity}, [
        each for each in requirements if not isinstance(each, str)
    ]


def _version(metadata: Mapping[str, Any], commit: str | None, caller: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the version of the code: its commit, else the hash of the started file."""
    dirty = metadata.get("git_dirty")
    digest = _text(caller.get("sha256"))
    if commit is not None:
        states = {False: "as committed", True: "with uncommitted changes"}
        state = states[dirty] if isinstance(dirty, bool) else "not known whether with uncommitted changes"
        yield "softwareVersion", commit
        yield "description", f"git commit {commit}, {state}"
    elif digest is not None:
        yield "softwareVersion", f"sha256:{digest}"
        yield "description", "The version is the hash of the file that was started; no git commit is recorded"


def _name(remote: str | None, file: str | None) -> str:
    if remote is not None:
        return re.split(r"[/:\\]", remote.rstrip("/"))[-1].removesuffix(".git") or remote
    return file or "unknown"


def web_address(remote: str | None) -> str | None:
    """Return the web page of a repository; ``None`` if it is not certain that there is one.

    Examples
    --------
    >>> from gaitmap_results.exporting.software import web_address
    >>> web_address("github.com:lab/study.git"), web_address("/data/study.git")
    ('https://github.com/lab/study', None)
    """
    if remote is None:
        return None
    forge = _FORGES.fullmatch(remote)
    address = f"https://{forge[1]}/{forge[2].lstrip('/')}" if forge is not None else remote
    return address.rstrip("/").removesuffix(".git") if _WEB.fullmatch(address) else None


def _requirements(metadata: Mapping[str, Any]) -> Iterator[Entity | str]:
    """Yield the software that the code needed: an entity if it is on the web, else name and version."""
    system = _object(metadata.get("system_info"))
    python = _VERSION.match(_text(system.get("python_version")) or "")
    if python is not None:
        yield _python(python[0], _text(system.get("python_implementation")))
    repositories = _object(metadata.get("code")).get("repositories")
    for repository in repositories if isinstance(repositories, list) else ():
        yield from _other_repository(_object(repository))
    packages = _object(system.get("packages_info"))
    direct = system.get("packages_direct_url")
    for name, version in sorted(packages.items()):
        if isinstance(version, str):
            yield _package(name, version, direct)


def _python(version: str, implementation: str | None) -> Entity | str:
    if implementation is not None and implementation.lower() != "cpython":
        return f"{implementation} {version}"
    address = f"https://docs.python.org/release/{version}/"
    return {
        "@id": address, "@type": "SoftwareApplication", "name": "Python", "softwareVersion": version, "url": address
    }  # fmt: skip


def _other_repository(repository: Mapping[str, Any]) -> Iterator[Entity | str]:
    commit, remote = _text(repository.get("commit")), _text(repository.get("remote"))
    address = web_address(remote)
    name = _text(repository.get("package")) or (_name(remote, None) if remote else None)
    if commit is None or name is None:
        return
    if address is None:
        yield f"{name} (commit {commit})"
        return
    yield {
        "@id": f"{address}#{commit}",
        "@type": "SoftwareApplication",
        "name": name,
        "softwareVersion": commit,
        "url": address,
        "codeRepository": remote,
    }


def _package(name: str, version: str, direct_urls: Any) -> Entity | str:
    """Return a package, with its page on the index only if it surely came from there."""
    plain = f"{name}=={version}"
    # Records of gaitmap_challenges do not say where packages came from.
    if not isinstance(direct_urls, dict):
        return plain
    origin = _object(direct_urls.get(name))
    if not origin:
        address = f"https://pypi.org/project/{quoted(name)}/{quoted(version)}/"
        return {
            "@id": address, "@type": "SoftwareApplication", "name": name, "softwareVersion": version, "url": address
        }  # fmt: skip
    url, commit = _text(origin.get("url")), _text(origin.get("commit"))
    if url is None or not _WEB.fullmatch(url):
        return f"{plain} (commit {commit})" if commit else plain
    return {
        "@id": f"{url}#{commit or version}",
        "@type": "SoftwareApplication",
        "name": name,
        "softwareVersion": f"{version} (commit {commit})" if commit else version,
        "url": url,
    }


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
