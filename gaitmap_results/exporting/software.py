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
_STATES: Final = {False: "as committed", True: "with uncommitted changes"}


def instrument_of(metadata: Mapping[str, Any], implementation: object) -> tuple[Entity, list[Entity]]:
    """Return the entities of the code that ran, and of the software that it needed.

    Parameters
    ----------
    metadata
        The metadata of a run, or the draft of an unfinished run.
    implementation
        The URL of the implementation in the custom metadata, for records without a remote.
    """
    commit, dirty = _text(metadata.get("git_commit_hash")), metadata.get("git_dirty")
    remote = _text(_object(metadata.get("git")).get("remote"))
    caller = _object(metadata.get("caller"))
    digest = _text(caller.get("sha256"))
    version = description = None
    if commit is not None:
        state = _STATES[dirty] if isinstance(dirty, bool) else "not known whether with uncommitted changes"
        version, description = commit, f"git commit {commit}, {state}"
    elif digest is not None:
        version = f"sha256:{digest}"
        description = "The version is the hash of the file that was started; no git commit is recorded"
    name = _name(remote) or _text(metadata.get("caller_file_path")) or _text(caller.get("file")) or "unknown"
    requirements = list(_requirements(metadata))
    entity = {
        **_software("", name, version, web_address(remote) or web_address(_text(implementation)), remote),
        "description": description,
        "softwareRequirements": [each if isinstance(each, str) else {"@id": each["@id"]} for each in requirements],
    }
    identifier = hashlib.sha256(json.dumps(entity, sort_keys=True).encode()).hexdigest()[:_ID_CHARACTERS]
    entity["@id"] = f"{entity['url'] or ''}#code-{identifier}"
    return entity, [each for each in requirements if not isinstance(each, str)]


def _software(
    identifier: str, name: str, version: str | None, url: str | None, repository: str | None = None
) -> Entity:
    return {
        "@id": identifier,
        "@type": "SoftwareApplication",
        "name": name,
        "softwareVersion": version,
        "url": url,
        "codeRepository": repository,
    }


def _name(remote: str | None) -> str | None:
    return remote and (re.split(r"[/:\\]", remote.rstrip("/"))[-1].removesuffix(".git") or remote)


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
    implementation = _text(system.get("python_implementation")) or "cpython"
    if python is not None and implementation.lower() == "cpython":
        address = f"https://docs.python.org/release/{python[0]}/"
        yield _software(address, "Python", python[0], address)
    elif python is not None:
        yield f"{implementation} {python[0]}"
    repositories = _object(metadata.get("code")).get("repositories")
    for repository in repositories if isinstance(repositories, list) else ():
        yield from _other_repository(_object(repository))
    # Records of gaitmap_challenges do not say where packages came from.
    origins = system.get("packages_direct_url")
    for name, version in sorted(_object(system.get("packages_info")).items()):
        if isinstance(version, str):
            yield (
                _package(name, version, _object(origins.get(name)))
                if isinstance(origins, dict)
                else f"{name}=={version}"
            )


def _other_repository(repository: Mapping[str, Any]) -> Iterator[Entity | str]:
    commit, remote = _text(repository.get("commit")), _text(repository.get("remote"))
    name, address = _text(repository.get("package")) or _name(remote), web_address(remote)
    if commit is not None and name is not None:
        known = _software(f"{address}#{commit}", name, commit, address, remote)
        yield f"{name} (commit {commit})" if address is None else known


def _package(name: str, version: str, origin: Mapping[str, Any]) -> Entity | str:
    """Return a package, with its page on the index only if it surely came from there."""
    if not origin:
        address = f"https://pypi.org/project/{quoted(name)}/{quoted(version)}/"
        return _software(address, name, version, address)
    url, commit = _text(origin.get("url")), _text(origin.get("commit"))
    at_commit = f" (commit {commit})" if commit else ""
    if url is None or not _WEB.fullmatch(url):
        return f"{name}=={version}{at_commit}"
    return _software(f"{url}#{commit or version}", name, f"{version}{at_commit}", url)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
