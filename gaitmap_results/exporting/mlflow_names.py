"""Escape names that MLflow refuses, so that they can be restored."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from typing import Final

__all__ = ["MAX_NAME", "artifact_name", "mlflow_name", "original_name"]

#: MLflow refuses longer names.
MAX_NAME: Final = 250

# Characters that MLflow refuses; on Windows, file names cannot contain colons.
_REFUSED: Final = re.compile(r"[^\w/.\- ]" if os.name == "nt" else r"[^\w/.\- :]")
# MLflow puts file names into URLs without escaping, and loses what follows a # or a ?.
_LOST_IN_ADDRESSES: Final = re.compile("[#?%\\\\\x00-\x1f\x7f\ud800-\udfff]")
# `_x0025_` is how Office Open XML writes characters that it cannot hold (ECMA-376, part 1, 22.4.2.4).
_ESCAPED: Final = re.compile(r"_x(?:([0-9A-F]{4,6})?)_")
# In an escaped name, no other underscore may look like an escape.
_LIKE_AN_ESCAPE: Final = re.compile(r"_(?=x)")
_EMPTY: Final = "_x_"
_KEPT: Final = 200
_HASH: Final = 16


def mlflow_name(name: str) -> str:
    """Return a name that MLflow accepts; :func:`original_name` restores it.

    A name that is too long is cut and ends in a hash; it cannot be restored.

    Examples
    --------
    >>> from gaitmap_results.exporting.mlflow_names import mlflow_name
    >>> mlflow_name("f1_score"), mlflow_name("f1 (%)")
    ('f1_score', 'f1 _x0028__x0025__x0029_')
    """
    changed = _escaped(name, _REFUSED, always=_is_another_path(name))
    if _is_another_path(changed):
        changed = changed.replace("/", "_x002F_")
    if _is_another_path(changed):
        changed = f"_x002E_{changed[1:]}" if changed else _EMPTY
    if len(changed) > MAX_NAME:
        return f"{changed[:_KEPT]}...{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:_HASH]}"
    return changed


def artifact_name(name: str) -> str:
    """Return a file name that arrives intact at a server; :func:`original_name` restores it.

    Examples
    --------
    >>> from gaitmap_results.exporting.mlflow_names import artifact_name
    >>> artifact_name("results/left foot (2).csv"), artifact_name("run#2.csv")
    ('results/left foot (2).csv', 'run_x0023_2.csv')
    """
    return _escaped(name, _LOST_IN_ADDRESSES)


def original_name(name: str) -> str:
    """Restore the name that :func:`mlflow_name` has escaped.

    Examples
    --------
    >>> from gaitmap_results.exporting.mlflow_names import original_name
    >>> original_name("f1 _x0028__x0025__x0029_")
    'f1 (%)'
    """
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", name)


def _escaped(name: str, refused: re.Pattern[str], *, always: bool = False) -> str:
    if always or refused.search(name) or _ESCAPED.search(name):
        return refused.sub(_escape, _LIKE_AN_ESCAPE.sub(_escape, name))
    return name


def _escape(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def _is_another_path(name: str) -> bool:
    """Say whether MLflow would store a file of this name under another one."""
    path = posixpath.normpath(name)
    return path != name or path == "." or path.startswith(("..", "/"))
