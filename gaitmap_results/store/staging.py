"""Build a run folder out of sight and publish it with one rename."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any, Final
from uuid import UUID, uuid4

from gaitmap_results.exceptions import ResultsFolderError
from gaitmap_results.store import files
from gaitmap_results.store.journal import Journal, JournalContent
from gaitmap_results.store.json_files import dump_json, find_foreign_json, parse_json_roughly, read_json
from gaitmap_results.store.layout import (
    CUSTOM_METADATA_FILE,
    FILES_DIR,
    JOURNAL_FILE,
    MANIFEST_FILE,
    METADATA_FILE,
    RESULTS_DIR,
    SCORES_FILE,
    UNFINISHED_DIR,
    file_in_the_way,
    run_folder_name,
)
from gaitmap_results.store.manifest import manifest_content, manifest_line
from gaitmap_results.store.moving import publish_folder
from gaitmap_results.store.umask import open_to_owner, open_tree_to_owner

__all__ = ["Staging", "has_core_results"]

_logger = logging.getLogger("gaitmap_results")

# In the order of the manifest.
_DOCUMENTS: Final = (CUSTOM_METADATA_FILE, METADATA_FILE)


class Staging:
    """The folder of one unfinished run.

    Parameters
    ----------
    results_folder
        The results folder; created if missing.
    journal
        The first content of the journal.

    Raises
    ------
    ResultsFolderError
        If the results folder cannot be written.
    """

    def __init__(self, results_folder: Path, journal: JournalContent, *, run_id: str | None = None) -> None:
        self.run_id = str(uuid4()) if run_id is None else str(UUID(run_id))
        self.results_folder = results_folder
        self.folder = results_folder / UNFINISHED_DIR / self.run_id
        self.journal = Journal(self.folder, replace(journal, run_id=self.run_id))
        try:
            files.make_folder(self.folder)
            # Not durable: only a power failure could lose the journal, and there is no result yet.
            self.journal.write(durable=False)
        except OSError as error:
            with contextlib.suppress(OSError):  # it holds nothing worth keeping
                self.discard()
            in_the_way = file_in_the_way(self.folder)
            why = f"{in_the_way} is a file, where a folder must go" if in_the_way else error.strerror or error
            raise ResultsFolderError(
                f"The results folder {results_folder} cannot be written: {why}. "
                "Check that it exists, that you may write there, and that the disk has room; or pass another `path`.",
                results_folder=results_folder,
            ) from error

    @classmethod
    def existing(cls, results_folder: Path, run_id: str, journal: JournalContent, *, folder: Path) -> Staging:
        """Return the folder of a run that its process left unfinished, without changing anything on the disk.

        Parameters
        ----------
        results_folder
            The results folder.
        run_id
            The identifier of the run.
        journal
            The content of its journal.
        folder
            Its folder in ``.unfinished``.
        """
        staging = cls.__new__(cls)
        staging.run_id = run_id
        staging.results_folder = results_folder
        staging.folder = folder
        staging.journal = Journal.existing(staging.folder, journal)
        return staging

    def take_over(self) -> None:
        """Complete the steps that a kill cut off, to go on with an unfinished run."""
        files.make_folder(self.folder)
        self.journal.bring_back()
        _drop_torn_scores(self.folder)
        self.journal.write()

    @property
    def core_results(self) -> Path:
        """The folder with the core results."""
        return self.folder / RESULTS_DIR

    @property
    def author_files(self) -> Path:
        """The folder with the author's own files, if there are any."""
        return self.folder / FILES_DIR

    def bring_author_files(self, source: Path) -> None:
        """Copy the author's files from another folder, if there are any."""
        if source != self.author_files and source.is_dir():
            shutil.copytree(source, self.author_files, symlinks=True, dirs_exist_ok=True)

    def finish_author_files(self) -> None:
        """Wait until the author's files are on the disk, or remove a folder without files."""
        if not files.is_real_folder(self.author_files):
            return
        open_tree_to_owner(self.author_files)
        if any(True for _ in files.list_files(self.author_files)):
            files.separate_hard_links(self.author_files)
            files.sync_tree(self.author_files)
        else:
            files.remove_folder(self.author_files)

    def save_core_results(self, challenge: Any) -> None:
        """Let a challenge write its core results, and wait until they are on the disk.

        An existing results folder is left from an interrupted save and replaced, because the journal does not call it
        complete.
        """
        files.remove_folder(self.core_results)
        files.make_folder(self.core_results)
        try:
            with open_to_owner():
                _refuse_unfinished(challenge.save_core_results(self.core_results))
            open_tree_to_owner(self.core_results)
            files.separate_hard_links(self.core_results)
            files.sync_tree(self.core_results)
        except BaseException:
            self.note(core_results="partial")
            raise
        self.journal.write(core_results="complete")

    def write_scores(self, scores: dict[str, Any]) -> None:
        """Write scores.json; the manifest lists it with the core results."""
        files.write_file(self.folder / SCORES_FILE, dump_json(scores))

    def save_half_of_core_results(self, challenge: Any) -> None:
        """Let a challenge whose run was stopped write its partial results."""
        self.journal.write(core_results="partial")
        files.make_folder(self.core_results)
        _refuse_unfinished(challenge.save_core_results(self.core_results))
        files.sync_tree(self.core_results)

    def hash_core_results(self) -> bytes:
        """Return the manifest's lines for all files except the journal and the metadata."""
        self.finish_author_files()
        return manifest_content(self.folder, exclude={JOURNAL_FILE, *_DOCUMENTS})

    def write_custom_metadata(self, custom_metadata: Any) -> bytes:
        """Write custom_metadata.json, and return its line of the manifest."""
        return self._write_document(CUSTOM_METADATA_FILE, dump_json(custom_metadata))

    def write_metadata(self, metadata: dict[str, Any], custom_metadata: bytes, hashed: bytes) -> dict[str, Any]:
        """Write metadata.json and then the manifest; return the content of metadata.json.

        Parameters
        ----------
        metadata
            The content of metadata.json.
        custom_metadata, hashed
            The lines of the manifest from :meth:`write_custom_metadata` and :meth:`hash_core_results`.
        """
        document = dump_json(metadata)
        listed = custom_metadata + self._write_document(METADATA_FILE, document) + hashed
        files.write_file(self.folder / MANIFEST_FILE, listed, durable=False)
        # All at once, which lets the disk write them together.
        for name in (*_DOCUMENTS, MANIFEST_FILE):
            files.sync_file(self.folder / name)
        files.sync_folder(self.folder)
        # The rough parser suffices: dump_json writes no integer of more than 64 bit.
        written: dict[str, Any] = parse_json_roughly(document)
        return written

    def _write_document(self, name: str, document: bytes) -> bytes:
        files.write_file(self.folder / name, document, durable=False)
        return manifest_line(name, document)

    def publish(self, parent: Path, start: datetime, prefix: str) -> Path:
        """Move the complete folder to its place and return that.

        Parameters
        ----------
        parent
            The folder of the entry.
        start
            The start of the run.
        prefix
            The prefix of the folder's name.
        """
        self._refuse_inside_a_run(parent)
        self.journal.set_aside()
        try:
            target = publish_folder(self.folder, _names(start, prefix), parent, is_ours=self._is_ours)
        except BaseException:
            try:
                self.journal.bring_back()
            except OSError as error:  # readers also find it there
                _logger.warning("The journal %s could not be moved back: %s", self.journal.path, error)
            raise
        try:
            # The rename may have been a copy, if the entry's folder is on another file system.
            files.remove_folder(self.folder)
            self.journal.remove()
        except OSError as error:
            _logger.warning("The run is in %s, but what it left behind could not be removed: %s", target, error)
        return target

    def _refuse_inside_a_run(self, parent: Path) -> None:
        for folder in (parent, *parent.parents):
            if folder == self.results_folder:
                return
            if (folder / METADATA_FILE).exists():
                raise FileExistsError(f"{folder} is a run; another one cannot be stored inside it.")

    def _is_ours(self, folder: Path) -> bool:
        stored = find_foreign_json(folder / METADATA_FILE)
        return isinstance(stored, dict) and stored.get("run_id") == self.run_id

    def discard(self) -> None:
        """Delete the folder of a run that has nothing worth keeping."""
        # The journal first: after a kill, the rest must not pass for a run with complete results.
        self.journal.remove()
        files.remove_folder(self.folder)

    def discard_core_results(self) -> None:
        """Delete the core results and their scores, but not the author's files."""
        self.note(core_results="none", metadata=None)
        files.remove_folder(self.core_results)
        files.remove_file(self.folder / SCORES_FILE)

    def note(self, **changes: Any) -> None:
        """Change the journal, or log that it cannot be written, so that this error hides no other."""
        try:
            self.journal.write(**changes)
        except OSError as error:
            _logger.warning("The journal %s cannot be written: %s", self.journal.path, error)

    def is_empty(self) -> bool:
        """Return whether the folder holds only the journal."""
        return all(path.name == JOURNAL_FILE for path in self.folder.iterdir())


def _refuse_unfinished(returned: object) -> None:
    """Refuse a coroutine, generator, future or thread, which may have written nothing yet."""
    is_generator = inspect.isgenerator(returned) or inspect.isasyncgen(returned)
    if inspect.isawaitable(returned) or is_generator or isinstance(returned, (Future, Thread)):
        if inspect.iscoroutine(returned):
            returned.close()  # else Python warns that it was never awaited
        raise TypeError(
            f"save_core_results returned a {type(returned).__name__}, which may not have run to its end. "
            "Write it as a plain method, without `async` and `yield`, which waits for what it starts"
        )


def _names(start: datetime, prefix: str) -> Iterator[str]:
    return (run_folder_name(start, prefix=prefix, number=number) for number in itertools.count())


def has_core_results(folder: Path) -> bool:
    """Return whether an unfinished run has a folder with core results."""
    return files.is_real_folder(folder / RESULTS_DIR)


def _drop_torn_scores(folder: Path) -> None:
    """Remove scores that a kill left half written."""
    path = folder / SCORES_FILE
    with contextlib.suppress(OSError):  # usually there are none
        try:
            read_json(path)
        except ValueError:
            files.remove_file(path)
