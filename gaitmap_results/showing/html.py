"""Shows a run in a notebook: what was stored, where, and whether it is official or why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gaitmap_results.store.files import list_files

__all__ = ["ShownRecorder", "run_html"]

_MAX_TEXT: Final = 600  # characters
_MAX_ROWS: Final = 12
# Half-transparent greys and the text's own colour fit light and dark pages; badges bring their background.
_BOX: Final = (
    "border:1px solid rgba(128,128,128,.45);border-radius:6px;padding:.6em .9em;margin:.3em 0;max-width:60em;"
    "font-size:13px;line-height:1.5;overflow-wrap:anywhere"
)
_HEAD: Final = (
    "text-align:left;vertical-align:top;padding:.1em 1em .1em 0;font:inherit;font-weight:600;white-space:nowrap;"
    "opacity:.75"
)
_CELL: Final = "text-align:left;vertical-align:top;padding:.1em 0;font:inherit"
_PLAIN: Final = "background:none;border:none"
_CODE: Final = (
    "font-family:monospace;font-size:12px;line-height:inherit;background:rgba(128,128,128,.15);padding:0 .25em;"
    "border-radius:3px"
)
_GREEN, _AMBER, _RED, _GREY = "#1a7f37", "#8a5a00", "#b3261e", "#57606a"

_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "new": ("not started", _GREY, "Use it with <code>with</code>."),
    "running": ("running", _GREY, "The block is open."),
    "empty": ("nothing of its own", _GREY, "Only blocks inside of this one stored a run."),
    "failed": ("failed", _RED, "The block raised an error before a challenge had finished; nothing was published."),
    "interrupted": ("interrupted", _RED, "The block was interrupted before a challenge had finished."),
    "terminated": ("terminated", _RED, "A signal ended the block before a challenge had finished."),
    "save_failed": (
        "not saved",
        _RED,
        "The results could not be stored as they should; the error says where they are.",
    ),
}


class ShownRecorder:
    """What lets a notebook show a recorder: its last run, or why it has none."""

    status_: str
    paths_: list[Path]
    metadata_: dict[str, Any] | None
    custom_metadata: dict[str, Any]
    _entry_name: object

    def _repr_html_(self) -> str:
        if self.metadata_ is None or not self.paths_:
            word, colour, sentence = _WORDS.get(self.status_, (self.status_, _GREY, ""))
            return _box([_title(_entry(self._entry_name), word, colour), f"<div>{sentence}</div>"])
        shown = run_html(self.metadata_, self.custom_metadata, self.paths_[-1])
        if self.status_ == "save_failed":
            word, colour, sentence = _WORDS["save_failed"]
            shown += _box([_title("Another challenge of this block", word, colour), f"<div>{sentence}</div>"])
        others = [_code(path) for path in self.paths_[:-1]]
        return shown + (_box([_details(f"Other runs of this block ({len(others)})", _lines(others))]) if others else "")


def run_html(metadata: Any, custom_metadata: Any, path: Path | None) -> str:
    """Return what a notebook shows of a run.

    Parameters
    ----------
    metadata
        What its metadata.json says, of any version; what is missing is left out.
    custom_metadata
        What the author of the entry stored.
    path
        The run folder, where it is known.
    """
    record = metadata if isinstance(metadata, dict) else {}
    is_debug = record.get("is_debug_run") is not False
    title = _title(_entry(record.get("entry_name")), *(("debug", _AMBER) if is_debug else ("official", _GREEN)))
    rows = [(head, cell) for head, cell in _rows(record, path) if cell]
    table = "".join(
        f'<tr style="{_PLAIN}"><th style="{_HEAD}">{head}</th><td style="{_CELL}">{cell}</td></tr>'
        for head, cell in rows
    )
    table = f'<table style="{_PLAIN};font:inherit;margin:.3em 0;border-collapse:collapse">{table}</table>'
    return _box([title, table, *_folded(record, custom_metadata, path)])


def _rows(record: dict[str, Any], path: Path | None) -> Iterator[tuple[str, str]]:
    reasons = [_text(each.get("message") or each.get("code")) for each in _dicts(record, "debug_reasons")]
    yield "Debug because", _lines(reasons)
    yield "Stored in", _code(path) if path else ""
    name, version = record.get("challenge_name"), record.get("challenge_version")
    yield "Challenge", f"{_code(name)} version {_text(version)}" if name else ""
    yield "When", _when(record)
    yield "Code", _git(record)
    yield "Called by", _caller(record)
    yield "Data", _data(record)


def _when(record: dict[str, Any]) -> str:
    start, runtime = record.get("run_start_datetime"), record.get("runtime")
    try:
        moment = datetime.fromisoformat(str(start)).strftime("%Y-%m-%d %H:%M:%S %z").rstrip()
    except ValueError:
        moment = ""
    took = f"took {runtime:,.1f} s" if isinstance(runtime, (int, float)) else ""
    return _escaped(", ".join(filter(None, [moment, took])))


def _git(record: dict[str, Any]) -> str:
    commit, dirty = record.get("git_commit_hash"), record.get("git_dirty")
    if not commit:
        return "no commit is known"
    git = record.get("git")
    branch = f" on {_text(git['branch'])}" if isinstance(git, dict) and git.get("branch") else ""
    state = "with changes that the commit does not hold" if dirty else "clean" if dirty is False else "state unknown"
    return f"commit {_code(str(commit)[:10])}{branch}, {state}"


def _caller(record: dict[str, Any]) -> str:
    caller = record.get("caller")
    caller = caller if isinstance(caller, dict) else {}
    file = record.get("caller_file_path")
    where = _code(file) if file else _text(caller.get("kind") or "")
    function = caller.get("function")
    return f"{where} in {_code(function)}" if where and function else where


def _data(record: dict[str, Any]) -> str:
    name, columns = record.get("dataset_name"), record.get("dataset_columns")
    if not name:
        return ""
    parameters = record.get("parameters")
    dataset = parameters.get("dataset") if isinstance(parameters, dict) else None
    number = dataset.get("n_data_points") if isinstance(dataset, dict) else None
    points = f", {number} data points" if isinstance(number, int) else ""
    described = f" ({', '.join(map(str, columns))})" if isinstance(columns, list) and columns else ""
    return _text(f"{name}{points}{described}")


def _folded(record: dict[str, Any], custom_metadata: Any, path: Path | None) -> Iterator[str]:
    pipeline = record.get("repr_pipeline")
    if pipeline:
        yield _details("Pipeline", f'<pre style="white-space:pre-wrap;margin:0;{_PLAIN}">{_text(pipeline)}</pre>')
    if isinstance(custom_metadata, Mapping) and custom_metadata:
        pairs = [f"{_code(key)} {_text(value)}" for key, value in custom_metadata.items()]
        yield _details(f"Custom metadata ({len(pairs)})", _lines(pairs))
    files = _files(path)
    if files:
        yield _details(f"Files ({len(files)})", _lines(map(_code, files)))
    unknown = [f"{_code(each.get('what'))} {_text(each.get('error'))}" for each in _dicts(record, "collection_errors")]
    if unknown:
        yield _details(f"Not known ({len(unknown)})", _lines(unknown))


def _files(path: Path | None) -> list[str]:
    try:
        return [file.name for file in list_files(path)] if path else []
    except OSError:  # the folder may be gone, or lie on a disk that is
        return []


def _dicts(record: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = record.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _entry(name: object) -> str:
    parts = [str(part) for part in name] if isinstance(name, (list, tuple)) else [str(name)]
    return " / ".join(parts)


def _title(text: str, word: str, colour: str) -> str:
    badge = f"background:{colour};color:#fff;border-radius:9px;padding:.1em .7em;margin-left:.6em;font-size:12px"
    return f'<div><strong>{_text(text)}</strong><span style="{badge}">{_escaped(word)}</span></div>'


def _details(summary: str, content: str) -> str:
    return f'<details><summary style="cursor:pointer">{_escaped(summary)}</summary>{content}</details>'


def _lines(items: Iterable[str]) -> str:
    shown = list(items)
    more = [f"and {len(shown) - _MAX_ROWS} more"] if len(shown) > _MAX_ROWS else []
    return "".join(f"<div>{each}</div>" for each in shown[:_MAX_ROWS] + more)


def _code(value: object) -> str:
    return f'<code style="{_CODE};color:inherit">{_text(value)}</code>'


def _escaped(text: str) -> str:
    from html import escape  # takes longer to import than most of the package, and only notebooks need it

    return escape(text)


def _text(value: object) -> str:
    text = str(value)
    return _escaped(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} …")


def _box(parts: Iterable[str]) -> str:
    return f'<div style="{_BOX}">{"".join(parts)}</div>'
