"""Store a judgement beside a run, as an in-toto Statement that anybody can check."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gaitmap_results.comparing.result_differences import ColumnDifference
from gaitmap_results.exceptions import ResultsFolderError
from gaitmap_results.reading.attestations import FIGURES_FILE, REPRODUCTION_FILE, attestations_folder, numbered
from gaitmap_results.reproducing.judging import Judgement
from gaitmap_results.reproducing.locking import LOCK_FILE
from gaitmap_results.reproducing.record import RecordedRepository, RecordedRun
from gaitmap_results.store.files import hash_file, make_folder, sync_folder, write_file
from gaitmap_results.store.json_files import dump_json
from gaitmap_results.store.layout import MANIFEST_FILE

__all__ = ["attest", "statement"]

_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
_MAX_NAMED: Final = 100
_ABOUT_LOCK: Final = (
    "The hashes pin the packages that were rebuilt from the recorded names and versions, not the files that the "
    "recorded run used."
)


def attest(record: RecordedRun, judgement: Judgement, figures: dict[str, Any], lock: str | None) -> Path | None:
    """Write the Statement, our figures and the lock beside the run; return the Statement's path.

    Earlier ones are kept.
    ``None`` means that the run is not in a results folder, has a link in the place of its attestations, or has no
    manifest to refer to.

    Raises
    ------
    ResultsFolderError
        If the folder cannot be written.
    """
    folder = attestations_folder(record.summary)
    manifest = record.summary.path / MANIFEST_FILE
    if folder is None or not manifest.is_file():
        return None
    try:
        make_folder(folder)
        number = _claim(folder)
        content = dump_json(figures)
        write_file(folder / numbered(FIGURES_FILE, number), content)
        digests = {numbered(FIGURES_FILE, number): hashlib.sha256(content).hexdigest()}
        if lock is not None:
            write_file(folder / numbered(LOCK_FILE, number), lock.encode())
            digests[numbered(LOCK_FILE, number)] = hashlib.sha256(lock.encode()).hexdigest()
        said = statement(record, judgement, hash_file(manifest), digests)
        file = folder / numbered(REPRODUCTION_FILE, number)
        write_file(file, dump_json(said))
        sync_folder(folder)
    except OSError as error:
        raise ResultsFolderError(
            f"The judgement cannot be stored in {folder}: {error.strerror or error}.", results_folder=folder
        ) from error
    return file


def _claim(folder: Path) -> int:
    """Reserve and return the first number that no other reproduction has."""
    number = 0
    while True:
        try:
            os.close(os.open(folder / numbered(REPRODUCTION_FILE, number), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            number += 1
        else:
            return number


def statement(
    record: RecordedRun, judgement: Judgement, manifest_sha256: str, digests: dict[str, str]
) -> dict[str, Any]:
    """Return an in-toto Statement with the predicate test-result.

    See https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
    """
    path = record.summary.path
    depth = len(record.summary.entry) + 3
    differing = judgement.numbers.results[:_MAX_NAMED]
    passed = judgement.verdict != "differs"
    return {
        "_type": _STATEMENT,
        "subject": [
            {"name": "/".join([*path.parts[-depth:], MANIFEST_FILE]), "digest": {"sha256": manifest_sha256}},
        ],
        "predicateType": _TEST_RESULT,
        "predicate": {
            "result": "PASSED" if passed else "FAILED",
            "configuration": list(_configuration(record, digests)),
            "passedTests": [f"numbers: {judgement.verdict}"] if passed else [],
            "failedTests": [] if passed else [_test_name(each) for each in differing],
        },
    }


def _configuration(record: RecordedRun, digests: dict[str, str]) -> Iterator[dict[str, Any]]:
    main = RecordedRepository("working directory", None, record.commit, record.text("git", "remote"))
    for repository in (main, *record.repositories):
        if repository.commit is not None:
            uri = {"uri": f"git+{repository.remote}"} if repository.remote else {}
            yield {"name": f"code ({repository.role})", **uri, "digest": {"gitCommit": repository.commit}}
    for name, digest in digests.items():
        about = {"annotations": {"about": _ABOUT_LOCK}} if name.endswith(".toml") else {}
        yield {"name": name, "digest": {"sha256": digest}, **about}


def _test_name(column: ColumnDifference) -> str:
    return f"{column.file}: {column.column} [{column.row}]"
