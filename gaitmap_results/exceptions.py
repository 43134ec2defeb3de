"""Define the errors and warnings of gaitmap_results.

Every error is a :class:`GaitmapResultsError` and the fitting builtin, which code without this package can catch.
Attributes hold the data behind a message, and every error and warning can be pickled.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

__all__ = [
    "AmbiguousChallengeError",
    "AmbiguousChallengeWarning",
    "ConfigError",
    "CoreResultsError",
    "CorruptRunError",
    "CreatedFilesWarning",
    "DebugRunWarning",
    "DebugSettingWarning",
    "GaitmapResultsError",
    "GaitmapResultsWarning",
    "IncompleteProvenanceWarning",
    "InvalidChallengeError",
    "InvalidCustomMetadataError",
    "InvalidNameError",
    "InvalidOptionError",
    "InvalidTargetError",
    "MissingExtraError",
    "NoChallengeError",
    "NoResultsFolderError",
    "NotComparableError",
    "NotReproducibleError",
    "PrivateContentError",
    "RecorderNotEnteredWarning",
    "RecorderStateError",
    "ResultsFolderError",
    "RunNotFoundError",
    "SaveError",
    "SaveFailedWarning",
    "SkippedFileWarning",
    "SkippedRunWarning",
    "TrackingServerError",
    "UnloadableResultsWarning",
    "UnmatchedIgnoreWarning",
    "UntrackedCallerWarning",
    "WrongChallengeError",
]


# C0 except tab and line feed, C1, marks for text direction and line breaks, and lone surrogates.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Escape control characters, so that a foreign name cannot control the terminal.

    It is here because every error and warning uses it.
    """
    if text.isprintable():  # almost every text, and much faster to find out
        return text
    return _CONTROLS.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


class GaitmapResultsError(Exception):
    """Root of all errors of this package.

    Parameters
    ----------
    message
        What happened, where, and what to do next.
    path
        Where the core results of the run are, if the error came after a challenge had finished.
        ``None`` if nothing had been computed yet.

    Examples
    --------
    >>> from gaitmap_results.exceptions import GaitmapResultsError, NoChallengeError
    >>> issubclass(NoChallengeError, GaitmapResultsError)
    True
    >>> issubclass(NoChallengeError, LookupError)
    True
    """

    def __init__(self, message: str = "", *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path

    def __str__(self) -> str:
        return printable(str(self.args[0])) if self.args else ""


class InvalidNameError(GaitmapResultsError, ValueError):
    """A name cannot become a part of a run folder's path.

    Attributes
    ----------
    what
        Which name it is, for example ``"entry name"``.
    value
        The name as it was given.
    reason
        Why it is refused.
    """

    def __init__(self, message: str = "", *, what: str = "", value: object = None, reason: str = "") -> None:
        super().__init__(message)
        self.what = what
        self.value = value
        self.reason = reason


class InvalidCustomMetadataError(GaitmapResultsError, ValueError):
    """The custom metadata cannot be stored as JSON without changing its meaning.

    Attributes
    ----------
    problems
        One ``(key path, reason)`` for each value that is refused.
    """

    def __init__(
        self, message: str = "", *, problems: Sequence[tuple[str, str]] = (), path: Path | None = None
    ) -> None:
        super().__init__(message, path=path)
        self.problems = tuple(problems)


class InvalidOptionError(GaitmapResultsError, ValueError):
    """An argument has a value that makes no sense."""


class InvalidChallengeError(GaitmapResultsError, TypeError):
    """The object given as a challenge lacks what a challenge needs."""


class InvalidTargetError(GaitmapResultsError, TypeError):
    """Something was decorated that cannot be recorded, for example a class."""


class ConfigError(GaitmapResultsError, ValueError):
    """The config cannot be read, or a value in it is wrong."""


class NoResultsFolderError(ConfigError):
    """Neither ``path`` nor a config says where to store runs."""


class ResultsFolderError(GaitmapResultsError, OSError):
    """The results folder cannot be written.

    Attributes
    ----------
    results_folder
        The folder that was asked for.
    """

    def __init__(self, message: str = "", *, results_folder: Path | None = None, path: Path | None = None) -> None:
        super().__init__(message, path=path)
        self.results_folder = results_folder


class SaveError(GaitmapResultsError, RuntimeError):
    """A finished challenge could not be published; ``path`` says where its core results are."""


class CoreResultsError(SaveError):
    """The challenge's own ``save_core_results`` raised; ``path`` holds what it had written until then."""


class NoChallengeError(GaitmapResultsError, LookupError):
    """A recorded block ended without any challenge that could be saved.

    Attributes
    ----------
    paths
        The folders in ``.unfinished`` that hold core results of runs to choose from.
    """

    def __init__(self, message: str = "", *, paths: Sequence[Path] = ()) -> None:
        super().__init__(message, path=paths[0] if paths else None)
        self.paths = tuple(paths)


class AmbiguousChallengeError(NoChallengeError):
    """Several objects could be the challenge to save; the core results of each are kept in ``paths``."""


class RecorderStateError(GaitmapResultsError, RuntimeError):
    """A recorder was used in a state that does not allow it, for example a second time."""


class RunNotFoundError(GaitmapResultsError, LookupError):
    """There is no such run."""


class CorruptRunError(GaitmapResultsError, ValueError):
    """A file of a run folder is damaged or has an unexpected format."""


class WrongChallengeError(GaitmapResultsError, ValueError):
    """A run was loaded with a challenge class other than the one that wrote it."""


class NotComparableError(GaitmapResultsError, ValueError):
    """Runs cannot be compared: there are too few, or they differ in more than the entry.

    Attributes
    ----------
    reasons
        One line for each difference and each run left out, with the runs it applies to.
    """

    def __init__(self, message: str = "", *, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


class PrivateContentError(GaitmapResultsError, ValueError):
    """The runs to export hold private paths, user names or secrets.

    Attributes
    ----------
    findings
        The file, the key or line in it, and what was found there; secrets themselves are not repeated.
    """

    def __init__(self, message: str = "", *, findings: Sequence[tuple[str, str, str]] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class NotReproducibleError(GaitmapResultsError, ValueError):
    """A run cannot be reproduced: it is a debug run, had uncommitted changes, or was changed after it was saved.

    Attributes
    ----------
    reasons
        One sentence for each obstacle.
    """

    def __init__(self, message: str = "", *, reasons: Sequence[str] = (), path: Path | None = None) -> None:
        super().__init__(message, path=path)
        self.reasons = tuple(reasons)


class TrackingServerError(GaitmapResultsError, OSError):
    """A tracking server cannot be reached, or refuses what is sent.

    Attributes
    ----------
    sent
        How many runs were sent before.
    """

    def __init__(self, message: str = "", *, sent: int = 0) -> None:
        super().__init__(message)
        self.sent = sent


class MissingExtraError(GaitmapResultsError, ImportError):  # type: ignore[misc]  # ImportError.path is a str
    """A function needs packages that only an extra of gaitmap_results installs.

    Attributes
    ----------
    extra
        The name of the extra.
    """

    def __init__(self, message: str = "", *, extra: str = "") -> None:
        super().__init__(message)
        self.extra = extra


class GaitmapResultsWarning(UserWarning):
    """Root of all warnings of this package."""


class DebugRunWarning(GaitmapResultsWarning):
    """A run that was requested as official is, or will be, a debug run."""


class DebugSettingWarning(GaitmapResultsWarning):
    """The ``debug_run`` argument and the global config disagree."""


class IncompleteProvenanceWarning(GaitmapResultsWarning):
    """Something about where a run comes from could not be determined and is stored as unknown."""


class UnloadableResultsWarning(GaitmapResultsWarning):
    """A challenge was stored that cannot load its own results: it has no ``load_core_results``."""


class UnmatchedIgnoreWarning(GaitmapResultsWarning):
    """An entry of ``git_dirty_ignore`` matches nothing in the repository."""


class CreatedFilesWarning(GaitmapResultsWarning):
    """An official run left untracked files in the repository, which would make the next run a debug run."""


class UntrackedCallerWarning(GaitmapResultsWarning):
    """No longer issued: such a run is a debug run (``code.unidentified``). Kept for filters that name it."""


class RecorderNotEnteredWarning(GaitmapResultsWarning):
    """A recorder was made and dropped without a ``with`` block; nothing was recorded."""


class AmbiguousChallengeWarning(GaitmapResultsWarning):
    """A challenge ran where it is not clear which of the open recorders it belongs to."""


class SaveFailedWarning(GaitmapResultsWarning):
    """The core results of a challenge could not be saved when its ``run`` ended; the block will raise the error."""


class SkippedRunWarning(GaitmapResultsWarning):
    """A folder that looks like a run was skipped because it cannot be read."""


class SkippedFileWarning(GaitmapResultsWarning):
    """A file of a run was not exported, because it is a link or not a regular file."""
