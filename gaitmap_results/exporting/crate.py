"""Describe runs as an RO-Crate: Process Run Crate 0.5, https://w3id.org/ro/wfrun/process/0.5."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

from gaitmap_results.challenge import aware_datetime
from gaitmap_results.exporting.people import Entity, people_of, quoted, references_of
from gaitmap_results.exporting.runs_to_export import FileToExport, RunToExport
from gaitmap_results.exporting.software import instrument_of
from gaitmap_results.reading.attestations import attested_id
from gaitmap_results.showing.text import counted
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.unfinished.listing import UnfinishedRunOnDisk

__all__ = ["CHECKSUMS_FILE", "CRATE_FILE", "About", "crate_metadata"]

#: The file that describes an RO-Crate.
CRATE_FILE: Final = "ro-crate-metadata.json"
#: The checksums of all files of a crate, in the format of ``sha256sum``.
CHECKSUMS_FILE: Final = "SHA256SUMS"

_SPECIFICATION: Final = "https://w3id.org/ro/crate/1.1"
_PROFILE: Final = "https://w3id.org/ro/wfrun/process/0.5"
# The only term missing in the context of RO-Crate 1.1; https://w3id.org/ro/terms/workflow-run defines it.
_CONTEXT: Final = (f"{_SPECIFICATION}/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"})
# The PRONOM registry of the National Archives names formats more precisely than media types do.
_PRONOM: Final = "https://www.nationalarchives.gov.uk/PRONOM/"
_FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    ".json": ("application/json", "fmt/817"),
    ".csv": ("text/csv", "x-fmt/18"),
    ".txt": ("text/plain", "x-fmt/111"),
    ".log": ("text/plain", "x-fmt/111"),
    ".sha256": ("text/plain", "x-fmt/111"),
    ".md": ("text/markdown", "fmt/1149"),
    ".html": ("text/html", "fmt/471"),
    ".svg": ("image/svg+xml", "fmt/92"),
    ".png": ("image/png", "fmt/13"),
    ".pdf": ("application/pdf", "fmt/276"),
    CHECKSUMS_FILE: ("text/plain", "x-fmt/111"),
}
_UNKNOWN_FORMAT: Final = "application/octet-stream"


@dataclass(frozen=True)
class About:
    """The facts about a crate that only a person knows."""

    license: Entity
    authors: Sequence[Entity]
    organizations: Sequence[Entity]
    publisher: Entity | None


def crate_metadata(
    runs: Sequence[RunToExport], unfinished: Sequence[UnfinishedRunOnDisk], about: About
) -> dict[str, Any]:
    """Return the content of ro-crate-metadata.json, which is the same for the same runs."""
    entities: dict[str, Entity] = {}

    def add(entity: Entity) -> Entity:
        return entities.setdefault(entity["@id"], entity)

    known = {person["name"]: person for person in about.authors}
    agents = _links(about.authors)
    actions = [add(_action(run, agents, add)) for run in runs]
    actions += [add(_failed_action(each, agents, add)) for each in unfinished]
    parts = []
    for run in runs:
        parts.append(add(_dataset(run, known, add)))
        parts += [add(_file(file, file.name, add)) for file in run.attested]
    parts.append(add({**_described_file(CHECKSUMS_FILE, add), "name": "Checksums for `sha256sum -c`"}))
    publisher = [] if about.publisher is None else [about.publisher]
    first = [*_frame(runs, actions, parts, about), about.license, *about.authors, *about.organizations, *publisher]
    graph = {entity["@id"]: entity for entity in first}
    for key in sorted(entities):
        graph.setdefault(key, entities[key])
    return {"@context": list(_CONTEXT), "@graph": [_compact(entity) for entity in graph.values()]}


def _frame(
    runs: Sequence[RunToExport], actions: Sequence[Entity], parts: Sequence[Entity], about: About
) -> Iterator[Entity]:
    """Yield the entities of the file itself, the whole crate, and the profile."""
    yield {
        "@id": CRATE_FILE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _SPECIFICATION},
        "about": {"@id": "./"},
    }
    challenges = sorted({f"{run.summary.challenge_name} {run.summary.challenge_version}" for run in runs})
    official = sum(not run.summary.is_debug_run for run in runs)
    times = [run.metadata.get(key) for run in runs for key in ("run_start_datetime", "run_end_datetime")]
    moments = [moment for time in times if (moment := aware_datetime(time)) is not None]
    yield {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": _PROFILE},
        "name": f"{counted(len(runs), 'run')} of {', '.join(challenges)}",
        "description": (
            f"Benchmark runs as gaitmap_results stored them, {official} of {len(runs)} official. Each run folder holds "
            "the record of the run (metadata.json), its results, and the checksums of its files."
        ),
        # The day of the newest run: today's date would make archives of the same runs differ.
        "datePublished": max(moments).date().isoformat() if moments else "1970-01-01",
        "license": {"@id": about.license["@id"]},
        "author": _links(about.authors),
        "publisher": about.publisher and {"@id": about.publisher["@id"]},
        "hasPart": _links(parts),
        "mentions": _links(actions),
    }
    yield {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}


def _action(run: RunToExport, agents: list[Entity], add: Any) -> Entity:
    summary, metadata = run.summary, run.metadata
    entry = entry_text(summary.entry)
    implementation = run.custom_metadata.get("implementation_url") if isinstance(run.custom_metadata, dict) else None
    kind = f"{summary.kind} ({', '.join(summary.debug_reasons)})" if summary.debug_reasons else summary.kind
    challenge = f"{summary.challenge_name} {summary.challenge_version}"
    said = [f"Entry {entry} of the challenge {challenge}: {kind} run."]
    said += [f"Withdrawn: {run.withdrawn}."] if run.withdrawn is not None else []
    command = metadata.get("command")
    said += [f"Command: {' '.join(map(str, command))}."] if isinstance(command, list) and command else []
    return {
        **_create_action(attested_id(summary), f"{entry} in {challenge}", agents),
        "description": " ".join(said),
        "startTime": _seconds(aware_datetime(metadata.get("run_start_datetime"))),
        "endTime": _seconds(aware_datetime(metadata.get("run_end_datetime"))),
        "instrument": _instrument(metadata, implementation, add),
        "result": {"@id": quoted(f"{run.place}/")},
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }


def _failed_action(found: UnfinishedRunOnDisk, agents: list[Entity], add: Any) -> Entity:
    run, journal = found.run, found.journal
    entry = entry_text(run.entry_name) if run.entry_name is not None else "an unknown entry"
    challenge = f" in {run.challenge_name} {run.challenge_version or ''}".rstrip() if run.challenge_name else ""
    metadata = {**(journal.metadata or {}), "caller_file_path": journal.caller}
    return {
        **_create_action(run.run_id, f"{entry}{challenge}", agents),
        "description": f"Not published: {run.status}.",
        "startTime": _seconds(run.started),
        "endTime": _seconds(journal.ended),
        "instrument": _instrument(metadata, None, add),
        "actionStatus": "http://schema.org/FailedActionStatus",
        "error": run.error or run.status,
    }


def _create_action(run_id: str, what: str, agents: list[Entity]) -> Entity:
    try:
        identifier = f"urn:uuid:{UUID(run_id)}"
    except ValueError:  # a run that somebody else wrote
        identifier = f"#run-{quoted(run_id)}"
    return {"@id": identifier, "@type": "CreateAction", "name": f"Run of {what}", "agent": agents}


def _instrument(metadata: Mapping[str, Any], implementation: object, add: Any) -> Entity:
    instrument, software = instrument_of(metadata, implementation)
    for each in (instrument, *software):
        add(each)
    return {"@id": instrument["@id"]}


def _dataset(run: RunToExport, known: Mapping[str, Entity], add: Any) -> Entity:
    custom = run.custom_metadata if isinstance(run.custom_metadata, dict) else {}
    people, others = people_of(custom, known)
    works, words = references_of(custom)
    for each in (*people, *works):
        add(each)
    descriptions = [custom.get(key) for key in ("short_description", "long_description", "description")]
    start = len(run.place) + 1
    return {
        "@id": quoted(f"{run.place}/"),
        "@type": "Dataset",
        "name": f"{entry_text(run.summary.entry)}, {run.summary.path.name}",
        "description": " ".join(each for each in descriptions if isinstance(each, str)) or None,
        "contributor": [*_links(people), *others],
        "citation": [*_links(works), *words],
        "hasPart": _links(add(_file(file, file.name[start:], add)) for file in run.files),
    }


def _file(file: FileToExport, name: str, add: Any) -> Entity:
    return {**_described_file(file.name, add), "name": name, "contentSize": str(file.size), "sha256": file.sha256}


def _described_file(name: str, add: Any) -> Entity:
    media_type, pronom = _FORMATS.get(PurePosixPath(name).suffix.lower() or name, (_UNKNOWN_FORMAT, None))
    pages = [] if pronom is None else [{"@id": f"{_PRONOM}{pronom}", "@type": "WebSite", "name": f"PRONOM {pronom}"}]
    return {"@id": quoted(name), "@type": "File", "encodingFormat": [media_type, *_links(map(add, pages))]}


def _seconds(moment: datetime | None) -> str | None:
    """Return a moment as the profile requires: without fractions of a second."""
    return None if moment is None else moment.isoformat(timespec="seconds")


def _links(entities: Iterable[Entity]) -> list[Entity]:
    return [{"@id": entity["@id"]} for entity in entities]


def _compact(entity: Entity) -> Entity:
    """Return an entity without unknown values, and lists of one as that one, as RO-Crate recommends."""
    kept = {key: value for key, value in entity.items() if value not in (None, [])}
    return {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in kept.items()}
