"""Bundle runs as an archive that describes itself."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from gaitmap_results.exceptions import InvalidOptionError, PrivateContentError, RunNotFoundError, SkippedFileWarning
from gaitmap_results.exporting.archive import check_names, write_archive
from gaitmap_results.exporting.crate import CHECKSUMS_FILE, CRATE_FILE, About, crate_metadata
from gaitmap_results.exporting.people import author_entities, license_entity, organization
from gaitmap_results.exporting.private_content import Finding, find_in_runs, find_in_tree
from gaitmap_results.exporting.runs_to_export import find_runs
from gaitmap_results.showing.text import bulleted, counted
from gaitmap_results.store.files import expanded
from gaitmap_results.store.json_files import dump_json
from gaitmap_results.store.json_values import encode_leniently
from gaitmap_results.store.layout import METADATA_FILE
from gaitmap_results.store.manifest import checksum_line
from gaitmap_results.unfinished.listing import UnfinishedRunOnDisk, read_place
from gaitmap_results.unfinished.run_finding import find_places
from gaitmap_results.user_code.user_warnings import warn_user

__all__ = ["write_bundle"]

_MAX_SHOWN: Final = 20
_STILL_RUNNING: Final = ("running", "unknown")


def write_bundle(
    runs: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    license: str,  # noqa: A002  # its name everywhere else
    authors: str | Sequence[str],
    publisher: str | None = None,
    unfinished: bool = False,
    allow_private: bool = False,
    on_file: Callable[[int], object] | None = None,
) -> Path:
    """Write runs into a zip archive that describes them as an RO-Crate (Process Run Crate 0.5).

    The runs keep their manifests and their places in the results folder.
    An unpacked archive is therefore a results folder.
    ``sha256sum -c SHA256SUMS`` checks all of its files.
    The same runs give the same bytes.

    Parameters
    ----------
    runs
        Run folders, or folders with runs below them such as a results folder.
    output
        The archive to write.
    license
        The licence of the data: a URL, or an SPDX identifier such as ``"CC-BY-4.0"``.
    authors
        Who ran this: a name, an ORCID if there is one, and after a semicolon the affiliation,
        ``"Ada Lovelace <https://orcid.org/0000-0002-1825-0097>; FAU <https://www.fau.eu>"``.
    publisher
        The organization that publishes the archive, ``"Zenodo <https://zenodo.org>"``.
    unfinished
        Whether to also describe the runs that failed and were never published.
        Their files are never in the archive.
    allow_private
        Whether to write the archive even if the runs contain private paths, user names or secrets.
    on_file
        Called after each file with its size in bytes, to show progress.

    Returns
    -------
    output
        The archive that was written.

    Raises
    ------
    InvalidOptionError
        If the archive exists or is in a run folder, or the licence or an author cannot be understood.
        Also if two runs have the same place, a file's name does not fit, or ``unfinished`` has no results folder.
    RunNotFoundError
        If there is no run.
    CorruptRunError
        If a run cannot be read, or has changed since it was saved.
    PrivateContentError
        If the runs contain private paths, user names or secrets; ``findings`` says where.
    ResultsFolderError
        If the archive cannot be written.

    Warns
    -----
    SkippedFileWarning
        If links are left out.

    Examples
    --------
    >>> from gaitmap_results import write_bundle
    >>> def publish(results):
    ...     return write_bundle(
    ...         results, "gait_runs.zip", license="CC-BY-4.0", authors="Ada Lovelace"
    ...     )
    """
    target = expanded(output).absolute()
    _check_target(target)
    people, organizations = author_entities([authors] if isinstance(authors, str) else authors or ())
    published_by = None if publisher is None else organization(publisher, "publisher")
    about = About(license_entity(license), people, organizations, published_by)
    paths = [Path(each) for each in ([runs] if isinstance(runs, (str, Path)) else runs)]
    if not paths:
        raise RunNotFoundError("No run is named. Name run folders, or a results folder.")
    found = find_runs(paths)
    failed = _failed_runs(paths) if unfinished else []
    files = [file for run in found for file in (*run.files, *run.attested)]
    check_names(file.name for file in files)
    crate, _ = encode_leniently(crate_metadata(found, failed, about))
    if not allow_private:
        _refuse_private([*find_in_runs(found), *(find_in_tree(crate["@graph"], CRATE_FILE) if failed else [])])
    content = dump_json(crate)
    lines = [(CRATE_FILE, hashlib.sha256(content).hexdigest()), *((file.name, file.sha256) for file in files)]
    checksums = b"".join(checksum_line(digest, name) for name, digest in lines)
    own = [(CRATE_FILE, content), (CHECKSUMS_FILE, checksums)]
    write_archive(target, [run.place for run in found], own, files, on_file=on_file)
    left_out = [name for run in found for name in run.left_out]
    if left_out:
        what = counted(len(left_out), "link or special file", "links or special files")
        warn_user(f"{what} left out:{bulleted(left_out, _MAX_SHOWN)}", SkippedFileWarning)
    return target


def _check_target(target: Path) -> None:
    if os.path.lexists(target):
        raise InvalidOptionError(f"{target} already exists. Choose another name; nothing is overwritten.")
    if any((folder / METADATA_FILE).exists() for folder in target.parents):
        raise InvalidOptionError(f"{target} is in a run folder, which is never changed. Choose another place.")


def _failed_runs(paths: Sequence[Path]) -> list[UnfinishedRunOnDisk]:
    """Return the unfinished runs of results folders that have ended."""
    folders = [expanded(path).absolute() for path in paths]
    stores = [folder for folder in folders if not (folder / METADATA_FILE).exists()]
    if not stores:
        raise InvalidOptionError("Runs that failed are in a results folder. Name that, or leave out unfinished=True.")
    places = [(store, place) for store in stores for place in find_places(store)[0]]
    found = [read_place(store, place) for store, place in places]
    return [
        each
        for each in found
        if each is not None and each.published_as is None and each.run.status not in _STILL_RUNNING
    ]


def _refuse_private(findings: Sequence[Finding]) -> None:
    if findings:
        raise PrivateContentError(
            f"Nothing is written, because there is private content in {counted(len(findings), 'place')}:"
            f"{bulleted(findings, _MAX_SHOWN)}\n"
            "Record with stored_filenames_relative_to to keep paths and names out. If everybody may see it, "
            "pass allow_private=True (--allow-private).",
            findings=findings,
        )
