"""Find the differences between the records of two runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Final

from gaitmap_results.comparing.parameters import parameters_in_repr

__all__ = ["compare_records", "package_versions"]

Facts = dict[str, Any]


def compare_records(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the ``name`` and both values of each fact that differs between two records, by section.

    Parameters
    ----------
    first, second
        The metadata of the two runs, from ``load_run_metadata``.
    """
    structured = all(isinstance(each.get("parameters"), Mapping) for each in (first, second))
    # Whether a fact that only one run has is a difference; where it is not, older records do not know the fact.
    sections: dict[str, tuple[Callable[[Mapping[str, Any]], Facts], bool]] = {
        "challenge": (_challenge, False),
        "data": (_data, False),
        "code": (_code, True),
        "parameters": (_parameters if structured else _parameters_of_reprs, True),
        "packages": (_packages, True),
        "Python": (_python, False),
        "machine": (_machine, False),
        "config": (_config, True),
    }
    differences = {}
    for section, (facts_of, missing_differs) in sections.items():
        one, other = facts_of(first), facts_of(second)
        differences[section] = [
            {"name": name, "first": one.get(name), "second": other.get(name)}
            for name in one | other
            if one.get(name) != other.get(name) and (missing_differs or None not in (one.get(name), other.get(name)))
        ]
    return differences


def _part(record: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return a part of a record; empty where it is unknown."""
    part: Any = record
    for key in keys:
        part = part.get(key) if isinstance(part, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _flat(value: Any, name: str) -> Facts:
    """Return nested mappings as one, with dotted names."""
    if isinstance(value, Mapping) and value:
        found: Facts = {}
        for key, each in value.items():
            found |= _flat(each, f"{name}.{key}" if name else str(key))
        return found
    return {name: value}


def _challenge(record: Mapping[str, Any]) -> Facts:
    entry = record.get("entry_name")
    return {
        "challenge": record.get("challenge_name"),
        "version": record.get("challenge_version"),
        "entry": [entry] if isinstance(entry, str) else entry,
    }


def _data(record: Mapping[str, Any]) -> Facts:
    known = _part(record, "data")
    if known:
        return _flat(known, "")
    # gaitmap_challenges stores only the repr of the data set, with its first and last rows.
    return {"class": record.get("dataset_name"), "columns": record.get("dataset_columns")}


def _code(record: Mapping[str, Any]) -> Facts:
    git, code = _part(record, "git"), _part(record, "code")
    facts: Facts = {
        "commit": record.get("git_commit_hash"),
        "uncommitted changes": record.get("git_dirty") or None,
        "changed during the run": git.get("changed_during_run") or None,
    }
    if record.get("git_dirty"):
        for kind in ("conflicted", "staged", "unstaged", "submodules", "untracked"):
            facts[kind] = git.get(kind) or None
    for each in _objects(code.get("repositories")):
        name = each.get("remote") or PurePath(str(each.get("base_dir") or "")).name or "unknown repository"
        facts[f"{name}: commit"] = each.get("commit")
    for each in _objects(code.get("unidentified")):
        facts[f"unidentified {PurePath(str(each.get('file'))).name}"] = each.get("sha256") or each.get("reason")
    return facts


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _parameters(record: Mapping[str, Any]) -> Facts:
    found: Facts = {}
    for name, described in _part(record, "parameters").items():
        if isinstance(described, Mapping):
            found[name] = described.get("class")
            found |= _flat(described.get("parameters") or {}, name) if described.get("parameters") else {}
            if "value" in described:
                found[f"{name} (value)"] = _without_results(described["value"])
    # The data section already compares the data set.
    return {name: value for name, value in found.items() if name != "dataset (value)"}


def _without_results(value: Any) -> Any:
    """Return a described object without the results of its run, attributes that end with an underscore."""
    if not isinstance(value, Mapping) or not isinstance(value.get("attributes"), Mapping):
        return value
    kept = {name: each for name, each in value["attributes"].items() if not name.endswith("_")}
    return {**value, "attributes": kept}


def _parameters_of_reprs(record: Mapping[str, Any]) -> Facts:
    found: Facts = {}
    for key in ("repr_challenge", "repr_pipeline"):
        text = record.get(key)
        if isinstance(text, str):
            found |= parameters_in_repr(text, key.removeprefix("repr_"))
    return {name: value for name, value in found.items() if not name.startswith("challenge.dataset")}


def package_versions(record: Mapping[str, Any]) -> Facts:
    """Return the version of each installed package."""
    return {str(name): version for name, version in _part(record, "system_info", "packages_info").items()}


def _packages(record: Mapping[str, Any]) -> Facts:
    found = package_versions(record)
    for name, facts in _part(record, "system_info", "packages_direct_url").items():
        if isinstance(facts, Mapping):
            found[f"{name}: commit"] = facts.get("commit_id") or facts.get("commit")
            found[f"{name}: uncommitted changes"] = facts.get("dirty") or None
    return found


def _python(record: Mapping[str, Any]) -> Facts:
    system = _part(record, "system_info")
    version = str(system.get("python_version") or "").split()
    implementation = system.get("python_implementation")
    return {
        "version": version[0] if version else None,
        "implementation": None if implementation is None else str(implementation).lower(),
    }


_MACHINE: Final = {
    "processor": ("cpu", "brand_raw"),
    "architecture": ("cpu", "arch"),
    "processors": ("cpu", "count"),
    "system": ("os", "system"),
    "release": ("os", "release"),
    "affinity": ("limits", "affinity"),
}


def _machine(record: Mapping[str, Any]) -> Facts:
    system = _part(record, "system_info")
    facts = {name: _part(system, part).get(key) for name, (part, key) in _MACHINE.items()}
    facts |= _flat(_part(system, "limits", "environment"), "")
    return facts


def _config(record: Mapping[str, Any]) -> Facts:
    facts = _flat(record.get("config") or {}, "")
    return {name: value for name, value in facts.items() if name and not _is_place(name)}


def _is_place(name: str) -> bool:
    """Say whether a config option is a place on a machine, which does not affect the numbers."""
    first = name.partition(".")[0]
    return first.endswith("_dir") or first in ("datasets", "stored_filenames_relative_to")
