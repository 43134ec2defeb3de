"""Find private paths, user names and secrets in files before they are exported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from gaitmap_results.exporting.runs_to_export import FileToExport, RunToExport
from gaitmap_results.store.json_files import parse_json
from gaitmap_results.store.privacy import user_names
from gaitmap_results.store.secrets_in_text import REDACTED, holds_token, is_secret_name, without_secrets, without_tokens

__all__ = ["Finding", "find_in_runs", "find_in_tree"]

_MAX_OF_FILE: Final = 20
# Of so many findings, some are the same.
_MAX_SEARCHED: Final = 1000
#: Larger files are searched as text, even if they are JSON.
_MAX_JSON: Final = 64_000_000
_CHUNK_BYTES: Final = 8 << 20
# A path may span two chunks.
_OVERLAP: Final = 1024
_BINARY_PROBE: Final = 1 << 16

_HOME: Final = (
    r"(?<![\w.~])(?:/home|/Users|[A-Za-z]:[\\/]+(?:Users|Documents and Settings))"
    r"[\\/]+(?!<user>|Shared\b|Public\b)[^\s\\/'\",;:()\[\]{}<>|*?]+"
)
# gaitmap_challenges kept user names in paths that lead out of the project.
_UPWARDS: Final = r"(?:\.\.[\\/]){2,}[\w.-][^\s'\",;()\[\]{}]*"
# Accounts that are not a person's name.
_NOBODY: Final = frozenset({"root", "user", "runner", "admin", "nobody", "jovyan", "app", "ubuntu", "vscode"})
_MAX_SHOWN: Final = 80
#: The public name of an account in a web address, which is not a secret.
_NAME_IN_PATH: Final = "your user name in a path"
_WEB: Final = re.compile(r"(?:https?|git|ssh)://[^\s'\"]*\Z")
_MAX_ADDRESS: Final = 300
_MIN_TOKEN: Final = 12

Places = Iterator[tuple[str, str]]
"""Where something private is, and what it is."""


class Finding(NamedTuple):
    """Private content, and where it is: the file, and the key or the line in it."""

    file: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.what}"


class _Private(NamedTuple):
    """What is private: a pattern of paths with what each of its groups is, and the names of the exporting user."""

    paths: re.Pattern[str]
    kinds: Sequence[str]
    names: frozenset[str]


def find_in_runs(runs: Sequence[RunToExport]) -> list[Finding]:
    """Return private content in the files of runs: the first few findings in each file.

    Compressed files are not searched.
    """
    own, own_legacy = _own(), _own(is_legacy=True)
    found = []
    for run in runs:
        private = own if "schema_version" in run.metadata else own_legacy
        for file in (*run.files, *run.attested):
            found += _findings(file.name, _in_file(file, private))
    return found


def find_in_tree(value: Any, file: str) -> list[Finding]:
    """Return private content in a JSON value."""
    return _findings(file, _in_tree(value, "", _own()))


def _findings(file: str, places: Places) -> list[Finding]:
    # A key or a path may itself contain the secret.
    found = (Finding(*map(without_tokens, (file, place, what))) for place, what in places)
    return list(dict.fromkeys(islice(found, _MAX_SEARCHED)))[:_MAX_OF_FILE]


def _in_file(file: FileToExport, private: _Private) -> Places:
    if file.name.endswith(".json") and file.size <= _MAX_JSON:
        try:
            value = parse_json(file.path.read_bytes())
        except ValueError:
            pass
        else:
            yield from _in_tree(value, "", private)
            return
    number, rest = 1, b""
    with file.path.open("rb") as source:
        chunk = source.read(_CHUNK_BYTES)
        is_text = b"\0" not in chunk[:_BINARY_PROBE]
        while chunk:
            content = rest + chunk
            # Cut text at the end of a line, and anything else with an overlap.
            cut = content.rfind(b"\n") + 1 if is_text else len(content) - _OVERLAP
            cut = cut if cut > 0 else len(content)
            yield from _in_bytes(content[:cut], number, private, is_text=is_text)
            number += content.count(b"\n", 0, cut)
            rest = content[cut:]
            chunk = source.read(_CHUNK_BYTES)
    yield from _in_bytes(rest, number, private, is_text=is_text)


def _in_bytes(content: bytes, number: int, private: _Private, *, is_text: bool) -> Places:
    if not is_text:
        # UTF-16 text from Windows has a NUL in each character.
        for text in (content.decode("ascii", "replace"), content.replace(b"\0", b"").decode("ascii", "replace")):
            yield from (("in its bytes", what) for _, what in _private_paths(text, private))
            if holds_token(text):
                yield "in its bytes", "a token of a well-known shape"
        return
    text = content.decode("utf-8", "replace")
    for start, what in _private_paths(text, private):
        yield f"line {number + text.count(chr(10), 0, start)}", what
    if _holds_secret(text):
        lines = [place for place, line in enumerate(text.split("\n"), start=number) if _holds_secret(line)]
        for line in lines or [number]:  # a private key spans several lines
            yield f"line {line}", "what looks like a secret"


def _in_tree(value: Any, key: str, private: _Private) -> Places:
    if isinstance(value, dict):
        for name, item in value.items():
            place = f"{key}.{name}" if key else name
            yield from _in_leaf(name, place, private)
            if is_secret_name(name) and isinstance(item, str) and item and item != REDACTED:
                yield place, "what looks like a secret, by its name"
            else:
                yield from _in_tree(item, place, private)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, (str, dict, list)):
                yield from _in_tree(item, f"{key}[{number}]", private)
    elif isinstance(value, str):
        yield from _in_leaf(value, key or "the whole", private)


def _in_leaf(text: str, place: str, private: _Private) -> Places:
    yield from ((place, what) for _, what in _private_paths(text, private))
    if text in private.names:
        yield place, f"your user name, {text}"
    if _holds_secret(text):
        yield place, "what looks like a secret"


def _holds_secret(text: str) -> bool:
    # Named secrets need one of these characters, and tokens are not shorter.
    if len(text) < _MIN_TOKEN and not ("=" in text or ":" in text or "-" in text):
        return False
    shown = without_secrets(text)
    return shown != text and shown.replace(f"'{REDACTED}'", REDACTED) != text.replace(f'"{REDACTED}"', REDACTED)


def _private_paths(text: str, private: _Private) -> Iterator[tuple[int, str]]:
    """Yield the position and text of each private path; in a web address, a name is that of a public account."""
    if "/" not in text and "\\" not in text:
        return
    for match in private.paths.finditer(text):
        start, kind = match.start(), private.kinds[(match.lastindex or 1) - 1]
        if kind != _NAME_IN_PATH or _WEB.search(text[max(0, start - _MAX_ADDRESS) : start]) is None:
            yield start, f"{kind}, {match[0][:_MAX_SHOWN]}"


def _own(*, is_legacy: bool = False) -> _Private:
    """Return what is private to the user who exports, and what is private of anybody."""
    home = os.path.expanduser("~")
    folder = rf"(?<![\w.~-]){re.escape(home)}(?![\w-])[^\s'\",;()\[\]{{}}]*"
    names = user_names(os.environ, Path(home))
    people = {name for name in names if len(name) > 1 and name.lower() not in _NOBODY}
    alternatives = "|".join(sorted(map(re.escape, people)))
    name = rf"[\\/](?:{alternatives})(?![\w-]|\.\w)|(?<![\w.\\/-])(?:{alternatives})(?=[\\/])"
    kinds = {
        "the path of your home folder": folder if os.path.isabs(home) and home != os.path.dirname(home) else "",
        "the path of a home folder": _HOME,
        _NAME_IN_PATH: name if people else "",
        "a path that leads out of the project": _UPWARDS if is_legacy else "",
    }
    kinds = {kind: pattern for kind, pattern in kinds.items() if pattern}
    return _Private(re.compile("|".join(f"({each})" for each in kinds.values())), tuple(kinds), frozenset(people))
