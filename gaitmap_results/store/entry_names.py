"""Convert the name of an entry between its forms: as given, as JSON, as folders, in one line.

In code a name is what the user gave: a string or a tuple of strings.
:func:`gaitmap_results.store.layout.check_entry_name` checks that it is valid.
"""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["EntryName", "as_entry_name", "entry_json", "entry_key", "entry_parts", "entry_text"]

#: A string, or a tuple of strings for nested folders.
EntryName: TypeAlias = "str | tuple[str, ...]"


def entry_parts(value: object) -> tuple[object, ...]:
    """Return the parts of a possible entry name; a value that is not a list has one part."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def as_entry_name(value: object) -> EntryName | None:
    """Return an entry's name as it was given to the recorder, or ``None`` if invalid; JSON has no tuples."""
    if isinstance(value, str):
        return value
    parts = entry_parts(value)
    return parts if all(isinstance(part, str) for part in parts) else None  # type: ignore[return-value]


def entry_json(name: EntryName) -> str | list[str]:
    """Return an entry's name as in JSON files; a string stays a string."""
    return name if isinstance(name, str) else list(name)


def entry_key(value: object) -> tuple[str, ...]:
    """Return the tuple under which runs of an entry are listed; ``"test"`` is ``("test",)``.

    Raises
    ------
    TypeError
        If it is neither a string nor a list.
    """
    if not isinstance(value, (str, list, tuple)):
        raise TypeError(f"An entry name is a string or a list of strings, not {type(value).__name__}.")
    return tuple(map(str, entry_parts(value)))


def entry_text(value: object) -> str:
    """Return an entry's name as in commands, with slashes between the parts of a nested one.

    Examples
    --------
    >>> from gaitmap_results.store.entry_names import entry_text
    >>> entry_text(("shin", "tuned"))
    'shin/tuned'
    """
    return "/".join(map(str, entry_parts(value)))
