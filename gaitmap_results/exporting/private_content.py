"""Find private paths, user names and secrets in files before they are exported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from gaitmap_results.exporting.runs_to_export import FileToExport, RunToExport
from gaitmap_results.store.json_files import parse_json
from gaitmap_results.store.privacy import user_names
from gaitmap_results.store.secrets_in_text import REDACTED, holds_token, is_secret_name, without_secrets, without_tokens

__all__ = ["Finding", "find_in_runs", "find_in_tree"]

_MAX_OF_FILE: Final = 20
#: Larger files are searched as text, even if they are JSON.
_MAX_JSON: Final = 64_000_000
_CHUNK_BYTES: Final = 8 << 20
# A path may span two chunks.
_OVERLAP: Final = 1024
_BINARY_PROBE: Final = 1 << 16

_HOME: Final = re.compile(
    r"(?<![\w.~])(?:/home|/Users|[A-Za-z]:[\\/]+(?:Users|Documents and Settings))"
    r"[\\/]+(?!<user>|Shared\b|Public\b)[^\s\\/'\",;:()\[\]{}<>|*?]+"
)
# gaitmap_challenges kept user names in paths that lead out of the project.
_UPWARDS: Final = re.compile(r"(?:\.\.[\\/]){2,}[\w.-][^\s'\",;()\[\]{}]*")
# Accounts that are not a person's name.
_NOBODY: Final = frozenset({"root", "user", "runner", "admin", "nobody", "jovyan", "app", "ubuntu", "vscode"})
_MAX_SHOWN: Final = 80
_WEB: Final = re.compile(r"(?:https?|git|ssh)://[^\s'\"]*\Z")
_MAX_ADDRESS: Final = 300
_IN_BYTES: Final = "in its bytes"
_MIN_TOKEN: Final = 12


class Finding(NamedTuple):
    """Private content, and where it is: the file, and the key or the line in it."""

    file: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.what}"


class _Own(NamedTuple):
    """What identifies the exporting user: patterns of the home folder and of names, and the names."""

    home: re.Pattern[str] | None
    name: re.Pattern[str] | None
    names: frozenset[str]


@dataclass(frozen=True)
class _Search:
    """The search in one file."""

    file: str
    own: _Own
    is_legacy: bool = False

    def finding(self, place: str, what: str) -> Finding:
        # A key or a path may itself contain the secret.
        return Finding(without_tokens(self.file), without_tokens(place), without_tokens(what))


def find_in_runs(runs: Sequence[RunToExport]) -> list[Finding]:
    """Return private content in the files of runs: the first few findings in each file.

    Compressed files are not searched.
    """
    own = _own()
    found = []
    for run in runs:
        is_legacy = "schema_version" not in run.metadata
        for file in (*run.files, *run.attested):
            found += list(_first(_in_file(file, _Search(file.name, own, is_legacy))))
    return found


def find_in_tree(value: Any, file: str) -> list[Finding]:
    """Return private content in a JSON value."""
    return list(_first(_in_tree(value, "", _Search(file, _own()))))


def _first(findings: Iterable[Finding]) -> Iterator[Finding]:
    seen: set[Finding] = set()
    for each in findings:
        if each not in seen:
            seen.add(each)
            yield each
        if len(seen) == _MAX_OF_FILE:
            return


def _in_file(file: FileToExport, search: _Search) -> Iterator[Finding]:
    if file.name.endswith(".json") and file.size <= _MAX_JSON:
        try:
            value = parse_json(file.path.read_bytes())
        except ValueError:
            pass
        else:
            yield from _in_tree(value, "", search)
            return
    number = 1
    rest = b""
    is_text: bool | None = None
    with file.path.open("rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            if is_text is None:
                is_text = b"\0" not in chunk[:_BINARY_PROBE]
            content = rest + chunk
            # Cut text at the end of a line, and anything else with an overlap.
            cut = content.rfind(b"\n") + 1 if is_text else len(content) - _OVERLAP
            cut = cut if cut > 0 else len(content)
            yield from _in_bytes(content[:cut], number, search, is_text=is_text)
            number += content.count(b"\n", 0, cut)
            rest = content[cut:]
    yield from _in_bytes(rest, number, search, is_text=bool(is_text))


def _in_bytes(content: bytes, number: int, search: _Search, *, is_text: bool) -> Iterator[Finding]:
    if not is_text:
        # UTF-16 text from Windows has a NUL in each character.
        for text in (content.decode("ascii", "replace"), content.replace(b"\0", b"").decode("ascii", "replace")):
            for _, what in _private_paths(text, search):
                yield search.finding(_IN_BYTES, what)
            if holds_token(text):
                yield search.finding(_IN_BYTES, "a token of a well-known shape")
        return
    text = content.decode("utf-8", "replace")
    for start, what in _private_paths(text, search):
        yield search.finding(f"line {number + text.count(chr(10), 0, start)}", what)
    if _holds_secret(text):
        lines = [place for place, line in enumerate(text.split("\n"), start=number) if _holds_secret(line)]
        for line in lines or [number]:  # a private key spans several lines
            yield search.finding(f"line {line}", "what looks like a secret")


def _in_tree(value: Any, key: str, search: _Search) -> Iterator[Finding]:
    if isinstance(value, dict):
        for name, item in value.items():
            place = f"{key}.{name}" if key else name
            yield from _in_leaf(name, place, search)
            if is_secret_name(name) and isinstance(item, str) and item and item != REDACTED:
                yield search.finding(place, "what looks like a secret, by its name")
            else:
                yield from _in_tree(item, place, search)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, (str, dict, list)):
                yield from _in_tree(item, f"{key}[{number}]", search)
    elif isinstance(value, str):
        yield from _in_leaf(value, key or "the whole", search)


def _in_leaf(text: str, place: str, search: _Search) -> Iterator[Finding]:
    for _, what in _private_paths(text, search):
        yield search.finding(place, what)
    if text in search.own.names:
        yield search.finding(place, f"your user name, {text}")
    if _holds_secret(text):
        yield search.finding(place, "what looks like a secret")


def _holds_secret(text: str) -> bool:
    # Named secrets need one of these characters, and tokens are not shorter.
    if len(text) < _MIN_TOKEN and not ("=" in text or ":" in text or "-" in text):
        return False
    shown = without_secrets(text)
    return shown != text and shown.replace(f"'{REDACTED}'", REDACTED) != text.replace(f'"{REDACTED}"', REDACTED)


def _private_paths(text: str, search: _Search) -> Iterator[tuple[int, str]]:
    """Yield the position and text of each private path."""
    if "/" not in text and "\\" not in text:
        return
    own = search.own
    seen: list[tuple[int, int]] = []
    for pattern, what in (
        (own.home, "the path of your home folder"),
        (_HOME, "the path of a home folder"),
        (own.name, "your user name in a path"),
        (_UPWARDS if search.is_legacy else None, "a path that leads out of the project"),
    ):
        for match in pattern.finditer(text) if pattern is not None else ():
            start = match.start()
            known = any(begin <= start < end for begin, end in seen)
            if not known and not (pattern is own.name and _in_web_address(text, start)):
                seen.append(match.span())
                yield start, f"{what}, {match[0][:_MAX_SHOWN]}"


def _in_web_address(text: str, position: int) -> bool:
    """Say whether a name is part of a web address, where it is a public account."""
    return _WEB.search(text[max(0, position - _MAX_ADDRESS) : position]) is not None


def _own() -> _Own:
    home = os.path.expanduser("~")
    return _patterns(home, user_names(os.environ, Path(home)))


def _patterns(home: str, names: tuple[str, ...]) -> _Own:
    """Return the patterns of the home folder and names of the exporting user."""
    known = os.path.isabs(home) and home != os.path.dirname(home)
    folder = rf"(?<![\w.~-]){re.escape(home)}(?![\w-])[^\s'\",;()\[\]{{}}]*"
    people = {name for name in names if len(name) > 1 and name.lower() not in _NOBODY}
    alternatives = "|".join(sorted(map(re.escape, people)))
    name = rf"[\\/](?:{alternatives})(?![\w-]|\.\w)|(?<![\w.\\/-])(?:{alternatives})(?=[\\/])"
    return _Own(re.compile(folder) if known else None, re.compile(name) if people else None, frozenset(people))
