"""Show a run in a notebook: its content, its place, and whether it is official or why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from gaitmap_results.showing.facts import Fact, files_of, run_facts, run_title
from gaitmap_results.showing.text import printable, run_kind
from gaitmap_results.store.entry_names import entry_text

__all__ = ["ShownRecorder", "run_html"]

_MAX_LINES: Final = 60
# Half-transparent greys and the text's own colour fit light and dark pages; badges have their own background.
_BOX: Final = (
    "border:1px solid rgba(128,128,128,.45);border-radius:6px;padding:.6em .9em;margin:.3em 0;max-width:60em;"
    "font-size:13px;line-height:1.5;overflow-wrap:anywhere"
)
_GREEN, _AMBER, _RED, _GREY = "#1a7f37", "#8a5a00", "#b3261e", "#57606a"


class ShownRecorder:
    """Show a recorder in a notebook: its last run, or why it has none."""

    status_: str
    paths_: list[Path]
    metadata_: dict[str, Any] | None
    custom_metadata: dict[str, Any]
    _entry_name: object

    def _score_lines(self) -> Sequence[str]:
        return ()

    def _repr_html_(self) -> str:
        if self.metadata_ is None or not self.paths_:
            return _state(entry_text(self._entry_name), self.status_)
        shown = run_html(self.metadata_, self.custom_metadata, self.paths_[-1], scores=self._score_lines())
        if self.status_ == "save_failed":
            shown += _state("Another challenge of this block", self.status_)
        others = tuple(str(path) for path in self.paths_[:-1])
        return shown + (_box([_details(Fact("Other runs of this block", others))]) if others else "")


def _state(text: str, status: str) -> str:
    if status in ("new", "running", "empty"):
        return _box([_title(text, status, _GREY)])
    sentence = "No run was published. The error says why, and where the results are, if there are any."
    return _box([_title(text, status.replace("_", " "), _RED), f"<div>{sentence}</div>"])


def run_html(
    metadata: Any,
    custom_metadata: Any,
    path: Path | None,
    *,
    withdrawn: str | None = None,
    scores: Sequence[str] = (),
) -> str:
    """Return the HTML that a notebook shows for a run.

    Parameters
    ----------
    metadata
        Its metadata, of any version; missing values are left out.
    custom_metadata
        The author's custom metadata.
    path
        The run folder, if known.
    withdrawn
        Why the run was withdrawn, if it was.
    scores
        A line for each of its scores.
    """
    record = metadata if isinstance(metadata, dict) else {}
    kind = run_kind(record)
    title = _title(entry_text(record.get("entry_name")), kind, _AMBER if kind == "debug" else _GREEN)
    facts = run_facts(record, custom_metadata, files=files_of(path), withdrawn=withdrawn, scores=scores)
    known = [fact for fact in facts if not fact.is_detail and fact.lines != (kind,)]
    rows = [Fact("Challenge", (run_title(record),)), Fact("Stored in", (str(path),) if path else ()), *known]
    shown = (f"<div><b>{_text(fact.label)}</b>{_lines(fact.lines)}</div>" for fact in rows if any(fact.lines))
    return _box([title, *shown, *(_details(fact) for fact in facts if fact.is_detail)])


def _title(text: str, word: str, colour: str) -> str:
    badge = f"background:{colour};color:#fff;border-radius:9px;padding:.1em .7em;margin-left:.6em;font-size:12px"
    return f'<div><strong>{_text(text)}</strong><span style="{badge}">{_text(word)}</span></div>'


def _details(fact: Fact) -> str:
    number = f" ({len(fact.lines)})" if len(fact.lines) > 1 else ""
    summary = f'<summary style="cursor:pointer">{_text(fact.label)}{number}</summary>'
    return f"<details>{summary}{_lines(fact.lines)}</details>"


def _lines(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else []
    shown = [*lines[:_MAX_LINES], *more]
    return "".join(f'<div style="white-space:pre-wrap">{_text(each)}</div>' for each in shown)


def _text(value: object) -> str:
    from html import escape  # slow to import, and only notebooks need it

    return escape(printable(str(value)))


def _box(parts: Iterable[str]) -> str:
    return f'<div style="{_BOX}">{"".join(parts)}</div>'
