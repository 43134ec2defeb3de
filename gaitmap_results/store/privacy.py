"""Remove private facts from stored text: home folders, user names, secrets."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from gaitmap_results.store.secrets_in_text import REDACTED, secret_values, without_secrets, without_tokens

__all__ = ["Redactor", "redact_url", "user_names"]

_USER: Final = "<user>"

# A path in a text that is absolute or goes up, as far as a blank or a bracket.
_PATH_OUTSIDE = re.compile(r"(?:(?<![\w.%-])|(?<=\.\.))[/\\][^\s'\",;()\[\]{}|]*|%(?:2f|5c)[^\s'\"]*", re.IGNORECASE)
_ANY_PATH = re.compile(
    r"(?<![^\s'\",;()\[\]{}|])[^\s'\",;()\[\]{}|]*(?:[/\\]|%2f|%5c)[^\s'\",;()\[\]{}|]*", re.IGNORECASE
)
_IGNORES_CASE = sys.platform in ("win32", "darwin")


def redact_url(url: str) -> str:
    """Return a URL without user name, password, query and fragment.

    Examples
    --------
    >>> from gaitmap_results.store.privacy import redact_url
    >>> redact_url("https://me:secret@example.org/group/repo.git?token=1#x")
    'https://example.org/group/repo.git'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return REDACTED
    if not parts.netloc:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def user_names(environment: Mapping[str, str], home: Path) -> tuple[str, ...]:
    """Return the names of the current user that paths may contain, longest first."""
    names = {environment.get(name, "") for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SLURM_JOB_USER")}
    names.add(home.name)
    try:
        import pwd
    except ImportError:  # Windows has no user database, but always sets the variables above
        pass
    else:
        with contextlib.suppress(KeyError):  # a container may run under an id without a name
            names.add(pwd.getpwuid(os.getuid()).pw_name)
    return tuple(sorted(filter(None, names), key=len, reverse=True))


class Redactor:
    """Rewrites every string of a metadata tree.

    Secrets are always removed.
    With ``relative_to``, paths become relative to that folder, the home folder becomes ``~``, and the user's name in a
    path becomes ``<user>``.

    Parameters
    ----------
    relative_to
        The folder that stored paths are relative to; ``None`` keeps them absolute.
    home
        The home folder.
    names
        Names of the user.
    secrets
        Values that must not be stored anywhere.
    """

    def __init__(
        self, relative_to: Path | None, *, home: Path | None, names: Sequence[str] = (), secrets: Sequence[str] = ()
    ) -> None:
        self.relative_to = None if relative_to is None else Path(os.path.abspath(relative_to))
        self._home = home
        self._names = tuple(names)
        self.secrets = tuple(secrets)

    @classmethod
    def for_this_process(cls, relative_to: Path | None, *, secrets: Sequence[str] = ()) -> Redactor:
        """Return a redactor that knows this process's home folder, user, command line and environment.

        Parameters
        ----------
        relative_to
            The folder that stored paths are relative to.
        secrets
            Further secrets.
        """
        home: Path | None = None
        names: tuple[str, ...] = ()
        if relative_to is not None:
            with contextlib.suppress(RuntimeError):  # a container may run under an id without a home
                home = Path.home()
            names = user_names(os.environ, home or Path())
        known = sorted({*secrets, *secret_values(sys.argv, os.environ)}, key=lambda value: (-len(value), value))
        return cls(relative_to, home=home, names=names, secrets=known)

    def path(self, path: str | PurePath) -> str:
        """Return the stored form of a path."""
        if self.relative_to is None:
            return self.text(str(path))
        absolute = os.path.abspath(path)
        bases, forms = _with_real_path(self.relative_to), (absolute, os.path.realpath(absolute))
        inside = (_inside(form, base) for base in bases for form in forms)
        return self.text(next(filter(None, inside), None) or self._outside(absolute, self.relative_to))

    def _outside(self, absolute: str, base: Path) -> str:
        home = str(self._home) if self._home is not None else None
        in_home = home is not None and _inside(absolute, home) is not None
        if in_home and _inside(str(base), home or "") is None:
            return absolute  # self.text writes it as ~/...
        try:
            return Path(os.path.relpath(absolute, base)).as_posix()
        except ValueError:  # another drive on Windows
            return absolute

    def text(self, text: str) -> str:
        """Return ``text`` without secrets and, with ``relative_to``, without private paths."""
        for secret in self.secrets:
            text = text.replace(secret, REDACTED)
        text = without_secrets(text)
        for pattern, replacement in self._patterns:
            text = pattern.sub(replacement, text)
        if self._name_in_path is None:
            return text
        # E.g. `pytest-of-NAME` and `NAME_data`. The project's own files have such names only by coincidence.
        name, paths = self._name_in_path, _ANY_PATH if self._holds_home else _PATH_OUTSIDE
        return paths.sub(lambda found: name.sub(_USER, found.group()), text)

    def tree(self, value: Any) -> Any:
        """Return a JSON value with every string rewritten by :meth:`text`; keys only lose paths and tokens."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            shown: dict[str, Any] = {}
            for key, item in value.items():
                name = self.text(key) if "/" in key or "\\" in key else without_tokens(key)
                while name in shown:  # two paths may become one
                    name += "_"
                shown[name] = self.tree(item)
            return shown
        if isinstance(value, (list, tuple)):
            return [self.tree(item) for item in value]
        return value

    @cached_property
    def _holds_home(self) -> bool:
        bases = [] if self.relative_to is None else _with_real_path(self.relative_to)
        homes = [] if self._home is None else _with_real_path(self._home)
        return any(_inside(home, base) is not None for home in homes for base in bases)

    @cached_property
    def _name_in_path(self) -> re.Pattern[str] | None:
        if self.relative_to is None or not self._names:
            return None
        written = "|".join(re.escape(form) for name in self._names for form in _spellings(name))
        return re.compile(
            rf"(?:(?<![^\W_])|(?<=%[0-9a-fA-F]{{2}}))(?:{written})(?![^\W_])", re.IGNORECASE if _IGNORES_CASE else 0
        )

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        if self.relative_to is None:
            return []
        flags = re.IGNORECASE if _IGNORES_CASE else 0
        # The longer path first: the project is usually inside the home folder.
        folders = [(base, ".") for base in _with_real_path(self.relative_to)]
        if self._home is not None:
            folders += [(base, "~") for base in _with_real_path(self._home)]
        folders = [(folder, name) for folder, name in folders if folder != os.path.dirname(folder)]
        patterns = []
        for folder, replacement in sorted(folders, key=lambda pair: len(pair[0]), reverse=True):
            written = "|".join(re.escape(form) for form in _spellings(folder))
            # A relative path that goes up to the root and down again has no leading separator.
            below_root = r"[/\\]".join(re.escape(part) for part in PurePath(folder).parts[1:])
            start = rf"(?:(?<![\w.~-])(?:{written})|(?<!\.\.[/\\])(?:\.\.[/\\])+{below_root})"
            if replacement == ".":
                patterns.append((re.compile(rf"{start}[/\\]+(?=[\w.~<-])", flags), ""))
            patterns.append((re.compile(rf"{start}(?![\w-]|\.\w)", flags), replacement))
            # Caches (joblib, pip and others) name folders after a path, with dashes for its separators.
            dashed = "-".join(re.escape(part) for part in PurePath(folder).parts[1:])
            patterns.append((re.compile(rf"(?<=-){dashed}(?!\w)", flags), replacement))
        for name in self._names:
            escaped = re.escape(name)
            pattern = rf"(?<=[/\\]){escaped}(?![\w-]|\.\w)|(?<![\w.-]){escaped}(?=[/\\@])|\A{escaped}\Z"
            patterns.append((re.compile(pattern, flags), _USER))
        return patterns


def _with_real_path(folder: Path) -> list[str]:
    return list(dict.fromkeys([os.path.abspath(folder), os.path.realpath(folder)]))


def _inside(path: str, base: str) -> str | None:
    try:
        return PurePath(path).relative_to(base).as_posix()
    except ValueError:
        return None


def _spellings(folder: str) -> list[str]:
    """Return the spellings of a folder in a text: plain, URL-encoded, and those of Windows."""
    slashes = folder.replace("\\", "/")
    found = {folder, folder.replace("\\", "\\\\"), slashes, quote(slashes)}
    for encoded in (quote(slashes, safe=""), quote(folder, safe="")):
        found |= {encoded, re.sub("%[0-9A-F]{2}", lambda code: code.group().lower(), encoded)}
    return sorted(found, key=len, reverse=True)
