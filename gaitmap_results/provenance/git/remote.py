"""Return the URL of a repository's remote without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from gaitmap_results.provenance.git.processes import GitProcesses
from gaitmap_results.provenance.git.repository_files import FilesState

__all__ = ["remote_settings", "remote_url", "start_settings", "without_secrets"]

# Other schemes (`s3://KEY:SECRET@bucket`, `ext::sh -c ...`) have their own syntax.
_KNOWN_SCHEMES = frozenset({"file", "ftp", "ftps", "git", "git+ssh", "http", "https", "ssh", "ssh+git"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s\[\]\\:%]*)(:[0-9]*)?")


def start_settings(processes: GitProcesses, folder: Path, *, valid_for: FilesState | None = None) -> int:
    """Ask git for the settings that :func:`remote_settings` returns.

    ``git remote get-url`` would expand the user's abbreviations, which may hold secrets.
    """
    names = r"^(remote\..*\.url|branch\..*\.remote)$"
    return processes.start(folder, "config", "-z", "--get-regexp", names, valid_for=valid_for)


def remote_settings(answer: bytes | None) -> dict[str, str]:
    """Return the URL of each remote and the remote of each branch, by the names of the settings."""
    values: dict[str, str] = {}
    for line in (answer or b"").decode("utf-8", "backslashreplace").split("\0"):
        name, _, value = line.partition("\n")
        if value:
            values.setdefault(name, value)  # git fetches from the first URL of several
    return values


def remote_url(settings: Mapping[str, str], branch: str | None) -> str | None:
    """Return the URL of ``origin``, else of the branch's remote, else of the only remote."""
    urls = {name: value for name, value in settings.items() if name.startswith("remote.")}
    upstream = settings.get(f"branch.{branch}.remote", "")
    for name in ("remote.origin.url", f"remote.{upstream}.url"):
        if name in urls:
            return without_secrets(urls[name])
    return without_secrets(next(iter(urls.values()))) if len(urls) == 1 else None


def without_secrets(url: str) -> str:
    """Return the URL of a remote without user, password, query and fragment.

    A URL that cannot be parsed with certainty is cut after ``://``.

    Examples
    --------
    >>> without_secrets("https://me:secret@example.org/group/repo.git?token=1#x")
    'https://example.org/group/repo.git'
    >>> without_secrets("git@example.org:group/repo.git")
    'example.org:group/repo.git'
    """
    helper = re.match(r"[A-Za-z0-9+.-]*::", url)
    if helper:
        return helper.group()
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*:)?//", url)
    if scheme:
        known = scheme.group()[:-3].lower() in _KNOWN_SCHEMES | {""}
        return scheme.group() + (_host_and_path(url[scheme.end() :]) if known else "")
    if re.match(r"[A-Za-z]:[\\/]|[/\\.~]", url):
        return url  # a path on this machine
    # Remove `user@` from `user@host:path`, and `user:password@` from `user:password@host:path`.
    short = re.sub(r"^[^/\\:]*@", "", url)
    if short == url:
        short = re.sub(r"^[^/\\@]*:[/\\]*[^/\\]*@", "", url)
    return re.split(r"[?#]", short)[0]


def _host_and_path(rest: str) -> str:
    authority, slash, path = rest.partition("/")
    user, _, host = authority.rpartition("@")
    if not user and re.search(r"[?#]", host):
        host, slash, path = re.split(r"[?#]", host)[0], "", ""
    found = _HOST.fullmatch(host)
    # A password may hold an unescaped /, # or ?, and part of it would then pass for a host, a port or a path.
    if re.search(r"[?#]", user) or found is None or ("@" in path and (user or found.group(2))):
        return ""
    return host + slash + re.split(r"[?#]", path)[0]
