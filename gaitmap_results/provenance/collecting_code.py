"""Collect where the code can be fetched that the process has loaded at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaitmap_results.provenance.collector import Collector

if TYPE_CHECKING:
    from gaitmap_results.provenance.collecting import Provenance
    from gaitmap_results.provenance.git import GitState
    from gaitmap_results.provenance.loaded_code import LoadedCode

__all__ = ["collect_code"]


def collect_code(provenance: Provenance, collector: Collector) -> LoadedCode | None:
    """Return where the code can be fetched that is loaded now; None if git is not asked."""
    _note_versions_in_use(provenance, collector)
    if provenance.git is None or provenance.git_options is None:
        return None
    code = collector.collect("code", _audit, provenance.git.state, provenance)
    for note in code.notes if code else ():
        collector.note_once("code", note)
    return code


def _audit(state: GitState | None, provenance: Provenance) -> LoadedCode:
    from gaitmap_results.provenance.loaded_code import CodeQuestion, audit_loaded_code

    return audit_loaded_code(
        CodeQuestion(
            base_dir=None if state is None else state.base_dir,
            commit=None if state is None else state.commit,
            ignore=provenance.git_options.ignore if provenance.git_options else (),
            caller=provenance.caller,
            entry=provenance.entry,
            editables=provenance.editables,
        )
    )


def _note_versions_in_use(provenance: Provenance, collector: Collector) -> None:
    from gaitmap_results.provenance.package_versions import versions_in_use

    listed = provenance.system_info["packages_info"] or {}
    for name, used, version in collector.collect("packages", lambda: list(versions_in_use(listed))) or ():
        text = f"This process uses {name} {used}, but version {version} is listed as installed."
        collector.note_once("packages", f"{text} The copy that was imported first counts for the results.")
