"""Keep a challenge whose core results could not be saved, as a pickle that can be loaded later."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any, Final

from gaitmap_results.saving.seen_times import NotesOnObjects, seen_times
from gaitmap_results.store import files
from gaitmap_results.store.deferred_signals import deferred_signals
from gaitmap_results.store.layout import ATTRIBUTES_FILE, CHALLENGE_FILE
from gaitmap_results.store.rescue import rescue
from gaitmap_results.store.safe_text import error_text
from gaitmap_results.store.staging import Staging
from gaitmap_results.store.umask import open_to_owner
from gaitmap_results.user_code.class_names import PROGRAMS

__all__ = ["how_to_load", "keep_challenge", "keep_challenge_of", "load_kept", "was_loaded"]

# Trying to load a larger pickle could need too much memory.
_MAX_TRIED_BYTES: Final = 256_000_000
# What an object of a script's class is pickled as, if it is one of these.
_PLAIN: Final[tuple[Any, ...]] = (tuple, list, dict, set, frozenset, str, bytes, int, float)
_SAVE: Final = 'save_run(challenge, "entry", custom_metadata={})'
_loaded: Final[NotesOnObjects[bool]] = NotesOnObjects()


class _Kept:
    """What is pickled instead of a challenge: it loads as the challenge, which is then known to be a kept one."""

    def __init__(self, challenge: Any) -> None:
        self.challenge = challenge

    def __reduce__(self) -> tuple[Any, ...]:
        return load_kept, (self.challenge,)


class _Pickler(pickle.Pickler):
    """Pickle what only this program can import in a form that any other can load."""

    def reducer_override(self, item: Any) -> Any:
        """Replace an object of a script's class by its attributes, and the classes and functions by their repr."""
        if isinstance(item, (type, FunctionType)):
            return (str, (repr(item),)) if item.__module__ in PROGRAMS else NotImplemented
        if type(item).__module__ not in PROGRAMS:
            return NotImplemented
        for plain in _PLAIN:
            if isinstance(item, plain):  # a named tuple, for example
                return plain, (plain(item),)
        return SimpleNamespace, (), dict(_attributes(item))


def load_kept(challenge: Any) -> Any:
    """Return a challenge that was just loaded from its pickle; a run of it is a debug run until it runs again."""
    _loaded.set(challenge, True)
    return challenge


def was_loaded(challenge: Any) -> bool:
    """Return whether a challenge comes from the pickle of a failed save, and has not run in this program since."""
    return _loaded.get(challenge) is True and seen_times(challenge) is None


@open_to_owner()
def keep_challenge(challenge: Any, folder: Path) -> Path | None:
    """Pickle a challenge, or those of its attributes that can be pickled, into a folder; return the file.

    A challenge of a script is kept by its attributes, since another program cannot import its class.
    An existing file stays as it is: it is closer to the state when ``run`` returned.

    Returns
    -------
    file
        ``None`` if nothing of the challenge can be pickled.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    whole, attributes = folder / CHALLENGE_FILE, folder / ATTRIBUTES_FILE
    for file in (whole, attributes):
        if file.exists():
            return file
    content = None if type(challenge).__module__ in PROGRAMS else _pickled(_Kept(challenge))
    file = attributes if content is None else whole
    if content is None:
        content = _pickled({name: value for name, value in _attributes(challenge) if _pickled(value) is not None})
    if content is None:
        return None
    files.replace_file(file, file.with_name(f"{file.name}.new"), content)
    return file


def keep_challenge_of(challenge: Any, first: Staging) -> str:
    """Pickle a challenge beside the journal of its run, or into a rescue folder if that fails.

    Returns
    -------
    words
        Where it is and how to load it, or why it could not be kept.
    """
    kept: list[Path | None] = []
    try:
        with deferred_signals():
            try:
                kept.append(keep_challenge(challenge, first.folder))
            except OSError:
                rescued = rescue(
                    first.journal.content,
                    lambda staging: kept.append(keep_challenge(challenge, staging.folder)),
                    away_from=first.results_folder,
                    run_id=first.run_id,
                )
                first.note(rescued_to=str(rescued.folder))
    except OSError as error:
        return _not_kept(error_text(error))
    if kept[-1] is None:
        return _not_kept("neither the object nor any attribute of it can be pickled")
    return f"\n{how_to_load(kept[-1])}"


def _not_kept(problem: str) -> str:
    return (
        f"\nThe challenge could not be kept: {problem}. Fix its save_core_results, and store it with {_SAVE} "
        "while this program still has it."
    )


def how_to_load(file: Path) -> str:
    """Return the code that loads the file of :func:`keep_challenge`, and what to do next."""
    is_whole = file.name == CHALLENGE_FILE
    name = "challenge" if is_whole else "attributes"
    then = (
        f"Fix its save_core_results, and store it with\n  {_SAVE}"
        if is_whole
        else "They are a dictionary. Fix save_core_results, set them on a new challenge with\n"
        f"  vars(challenge).update(attributes)\nand store that with\n  {_SAVE}"
    )
    what = "The challenge itself is kept" if is_whole else "The attributes of the challenge are kept"
    return (
        f"{what} in {file}. Load {'it' if is_whole else 'them'} with\n"
        "  import pickle\n"
        f"  with open({str(file)!r}, 'rb') as file:\n"
        f"      {name} = pickle.load(file)\n"
        f"{then}"
    )


def _attributes(challenge: Any) -> Iterator[tuple[str, Any]]:
    names = dict.fromkeys(getattr(challenge, "__dict__", {}))
    for kind in type(challenge).__mro__:
        slots = vars(kind).get("__slots__", ())
        names.update(dict.fromkeys([slots] if isinstance(slots, str) else slots))
    for name in names:
        try:
            yield name, object.__getattribute__(challenge, name)
        except AttributeError:  # a slot without a value, or `__dict__` among the slots
            continue


def _pickled(value: Any) -> bytes | None:
    """Return the pickle of a value, or ``None`` if it cannot be pickled and loaded again."""
    try:
        buffer = io.BytesIO()
        _Pickler(buffer, protocol=5).dump(value)
        content = buffer.getvalue()
        # Some objects can be pickled but not loaded, for example exceptions.
        if len(content) <= _MAX_TRIED_BYTES:
            pickle.loads(content)  # noqa: S301 - it was written just now
    except (Exception, SystemExit):  # noqa: BLE001 - see above
        return None
    return content
