"""Collect where to fetch the code that the process has loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gaitmap_results.provenance.audit_input import CodeQuestion
from gaitmap_results.provenance.collection_errors import Collector

if TYPE_CHECKING:
    from gaitmap_results.provenance.loaded_code import LoadedCode

__all__ = ["collect_code"]


def collect_code(
    question: CodeQuestion | None,
    versions: Mapping[str, str | None] | None,
    collector: Collector,
    *,
    will_be_reread: bool = False,
) -> LoadedCode | None:
    """Return where to fetch the code that is loaded now.

    Parameters
    ----------
    question
        The input of the audit; None for no audit.
    versions
        The listed packages, which may differ from the imported ones.
    collector
        Keeps what could not be determined.
    will_be_reread
        Whether the code is collected again at the end of the run.
    """
    for name, used, version in collector.collect("packages", _versions_in_use, versions or {}) or ():
        text = f"This process uses {name} {used}, but version {version} is listed as installed."
        collector.note_once("packages", f"{text} The copy that was imported first counts for the results.")
    if question is None:
        return None
    code = collector.collect("code", _audit, question, will_be_reread) or _unknown(collector)
    for note in code.notes:
        collector.note_once("code", note)
    return code


def _audit(question: CodeQuestion, will_be_reread: bool) -> LoadedCode:
    from gaitmap_results.provenance.loaded_code import audit_loaded_code

    return audit_loaded_code(question, will_be_reread=will_be_reread)


def _unknown(collector: Collector) -> LoadedCode:
    """Return the result of an audit that failed: unknown code counts as unidentified."""
    from gaitmap_results.provenance.code_problems import Unidentified
    from gaitmap_results.provenance.loaded_code import LoadedCode

    reason = f"where it can be fetched could not be determined: {collector.errors[-1]['error']}"
    return LoadedCode(unidentified=(Unidentified("all code", reason, "Please report this as a bug."),))


def _versions_in_use(versions: Mapping[str, str | None]) -> tuple[tuple[str, str, str], ...]:
    from gaitmap_results.provenance.package_versions import versions_in_use

    return versions_in_use(versions)
