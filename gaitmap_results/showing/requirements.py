"""Write the packages of a run as requirements for pip and uv."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gaitmap_results.showing.text import one_line

__all__ = ["requirement_lines"]


def requirement_lines(metadata: dict[str, Any]) -> Iterator[str]:
    """Yield one line for each package; a package without index or URL becomes a comment that says so.

    Examples
    --------
    >>> from gaitmap_results.showing.requirements import requirement_lines
    >>> source = {"url": "https://github.com/ana/steps", "vcs": "git", "commit": "59a7855", "editable": False}
    >>> packages = {"numpy": "2.1.0", "steps": "0.1.0"}
    >>> system = {"packages_info": packages, "packages_direct_url": {"steps": source}}
    >>> list(requirement_lines({"system_info": system}))
    ['numpy==2.1.0', 'steps @ git+https://github.com/ana/steps@59a7855']
    """
    system = metadata.get("system_info")
    packages = system.get("packages_info") if isinstance(system, dict) else None
    sources = system.get("packages_direct_url") if isinstance(system, dict) else None
    for name, version in packages.items() if isinstance(packages, dict) else ():
        source = sources.get(name) if isinstance(sources, dict) else None
        yield one_line(_requirement(name, version, source if isinstance(source, dict) else None))


def _requirement(name: str, version: Any, source: dict[str, Any] | None) -> str:
    if source is None:
        return f"{name}=={version}" if isinstance(version, str) else f"# {name}: its version is not known"
    url, commit = str(source.get("url")), source.get("commit")
    folder = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
    if source.get("vcs") and commit and not source.get("editable"):
        return f"{name} @ {source['vcs']}+{url}@{commit}{folder}"
    if not source.get("editable") and url.startswith(("http://", "https://")):
        return f"{name} @ {url}{_hash(source)}"
    how = "editable, from" if source.get("editable") else "from"
    at = f" at commit {commit}" if commit else ""
    changed = ", with uncommitted changes" if source.get("dirty") else ""
    return f"# {name} {version}: {how} {url}{at}{changed}; no index has it"


def _hash(source: dict[str, Any]) -> str:
    digest = source.get("archive_hash")
    return f"#{digest}" if isinstance(digest, str) and "=" in digest else ""
