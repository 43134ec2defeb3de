"""Define the base class of challenges, and read from a challenge what a record needs."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar

from gaitmap_results.exceptions import InvalidChallengeError, InvalidOptionError
from gaitmap_results.store.layout import check_challenge_name, check_version
from gaitmap_results.store.score_directions import direction_problems
from gaitmap_results.user_code.call_arguments import why_not_called
from gaitmap_results.user_code.class_names import full_class_name

__all__ = [
    "BaseChallenge",
    "RunTimes",
    "all_challenge_names",
    "challenge_name",
    "check_challenge",
    "has_written",
    "is_challenge",
    "resolve_dataset",
]


class BaseChallenge:
    """Base class of challenges: a version, a run, and core results that can be saved and loaded.

    A challenge is a subclass that sets ``VERSION`` and implements the four methods below.
    It may be a dataclass, and it may inherit from other classes such as tpcp's.

    Attributes
    ----------
    VERSION
        The version of the challenge (class constant).
        Increase it whenever new results can no longer be compared with old ones.
    SCORES
        Optional: the scores by which entries are compared, each with ``"minimize"`` or ``"maximize"``.
        The first one is the main score.
        The method ``get_scores()`` then returns them: a DataFrame (its index names the units, mostly participants),
        ``{score: {unit: number}}``, or ``{score: number}``.
    TOLERANCES
        Optional: how far a reproduction may be off in scores that are less exact than others.
        Relative to the largest magnitude of the score, for example ``{"f1_score": 1e-3}``.
    FORMER_NAMES
        Optional: the full names (module and class) that the challenge had before.
        Runs that were stored under them count as its own.
    data_files
        Optional: a method that returns the files and folders whose content the scores depend on.
        Their count, size and hash are stored with the results.
    optimizer
        What was given to ``run``; its repr is stored with the results.
    dataset_
        The data set that was used; its class, columns and repr are stored with the results.
    run_start_datetime_utc_timestamp_, run_end_datetime_utc_timestamp_
        Start and end of ``run`` as POSIX time stamps, in seconds.
    run_start_datetime_, run_end_datetime_
        The same in ISO 8601 with the local offset from UTC.
    runtime_
        The duration of ``run`` in seconds, by a monotonic clock.

    Examples
    --------
    >>> import json
    >>> from gaitmap_results import BaseChallenge
    >>> class CountSteps(BaseChallenge):
    ...     VERSION = "1.0.0"
    ...
    ...     def run(self, optimizer):
    ...         self.optimizer = optimizer
    ...         with self._measure_time():
    ...             self.n_steps_ = optimizer()
    ...         return self
    ...
    ...     def get_core_results(self):
    ...         return {"n_steps": self.n_steps_}
    ...
    ...     def save_core_results(self, folder_path):
    ...         results = self.get_core_results()
    ...         text = json.dumps(results, default=lambda value: value.tolist())
    ...         (folder_path / "steps.json").write_text(text)
    ...
    ...     @classmethod
    ...     def load_core_results(cls, folder_path):
    ...         return json.loads((folder_path / "steps.json").read_text())
    >>> CountSteps().run(lambda: 12).get_core_results()
    {'n_steps': 12}
    """

    VERSION: ClassVar[str]
    SCORES: ClassVar[Mapping[str, str]]
    TOLERANCES: ClassVar[Mapping[str, float]]
    FORMER_NAMES: ClassVar[Sequence[str]]

    def __repr__(self) -> str:
        """Show the parameters of ``__init__`` that are attributes of the same name."""
        # The ``__init__`` of ``object`` has no parameters, and inspecting it is slow.
        written = type(self).__init__ is not object.__init__
        names = list(inspect.signature(type(self).__init__).parameters)[1:] if written else []
        shown = [f"{name}={getattr(self, name)!r}" for name in names if hasattr(self, name)]
        return f"{type(self).__name__}({', '.join(shown)})"

    def run(self, optimizer: Any) -> Any:
        """Run the challenge with one entry, and return ``self``."""
        raise NotImplementedError(f"{type(self).__name__} must define the method `run(optimizer)`.")

    def get_core_results(self) -> dict[str, Any]:
        """Return the main results of the challenge."""
        raise NotImplementedError(f"{type(self).__name__} must define the method `get_core_results()`.")

    def save_core_results(self, folder_path: Path) -> None:
        """Write the main results into an existing, empty folder."""
        raise NotImplementedError(f"{type(self).__name__} must define the method `save_core_results(folder_path)`.")

    @classmethod
    def load_core_results(cls, folder_path: Path) -> Any:
        """Return what ``save_core_results`` wrote into a folder, whichever version of the class wrote it."""
        raise NotImplementedError(f"{cls.__name__} must define the class method `load_core_results(folder_path)`.")

    @contextmanager
    def _measure_time(self) -> Iterator[None]:
        """Measure the time of a ``with self._measure_time():`` block inside ``run``.

        The times are set even if the body raises.
        """
        start = datetime.now(timezone.utc)
        clock = time.perf_counter()
        self.run_start_datetime_utc_timestamp_ = start.timestamp()
        self.run_start_datetime_ = start.astimezone().isoformat()
        try:
            yield
        finally:
            self.runtime_ = time.perf_counter() - clock
            end = datetime.now(timezone.utc)
            self.run_end_datetime_utc_timestamp_ = end.timestamp()
            self.run_end_datetime_ = end.astimezone().isoformat()


@dataclass(frozen=True)
class RunTimes:
    """When a run started and ended (aware), and how long it took (seconds); ``None`` is unknown."""

    start: datetime | None
    end: datetime | None
    runtime: float | None
    source: str | None

    @classmethod
    def of_challenge(cls, challenge: object) -> RunTimes | None:
        """Return the times that a challenge measured itself, or ``None`` if it did not measure all of them."""
        try:
            start = aware_datetime(getattr(challenge, "run_start_datetime_", None))
            # gaitmap_challenges has another name for the end, and its UTC time stamps are wrong by the offset from UTC.
            end = aware_datetime(
                getattr(challenge, "run_end_datetime_", None) or getattr(challenge, "end_start_datetime_", None)
            )
            runtime = getattr(challenge, "runtime_", None)
            if start is None or end is None or isinstance(runtime, bool) or not isinstance(runtime, (int, float)):
                return None
            return cls(start, end, float(runtime), "challenge")
        # A property of the challenge may raise anything, even SystemExit; missing times must not cost the results.
        except (Exception, SystemExit):  # noqa: BLE001
            return None


def aware_datetime(text: object) -> datetime | None:
    """Parse an ISO 8601 text with an offset from UTC; return ``None`` for anything else."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def is_challenge(candidate: object) -> bool:
    """Say whether an object can be run and saved as a challenge; a class cannot."""
    if isinstance(candidate, type):
        return False
    kind = type(candidate)
    methods = ("run", "save_core_results", "load_core_results")
    return hasattr(kind, "VERSION") and all(callable(getattr(kind, name, None)) for name in methods)


def check_challenge(challenge: object, *, before_run: bool = False) -> tuple[str, str]:
    """Check a challenge, and return its full name and version, both fit for a path.

    Parameters
    ----------
    before_run
        Whether to also refuse a challenge that cannot load its results or has wrong ``SCORES``.
        After the run both are accepted, since saving the results matters more.

    Raises
    ------
    InvalidChallengeError
        If it is a class, or lacks ``VERSION`` or ``save_core_results``.
        Before its run, also if it lacks ``load_core_results``, its ``SCORES`` are wrong, one of its methods takes
        other arguments, or ``save_core_results`` would only return a coroutine or a generator.
    InvalidNameError
        If its name or version cannot be a folder.
    """
    if isinstance(challenge, type):
        raise InvalidChallengeError(
            f"The challenge is the class {challenge.__name__}; pass the object that ran, "
            f"for example {challenge.__name__}(...)."
        )
    name = type(challenge).__qualname__
    if not callable(getattr(challenge, "save_core_results", None)):
        raise InvalidChallengeError(
            f"An object of type {name} is not a challenge: it has no method `save_core_results(folder_path)`."
        )
    for method in ("save_core_results", *(["load_core_results"] if before_run else [])):
        if not callable(getattr(challenge, method, None)) or not has_written(challenge, method):
            raise InvalidChallengeError(
                f"The challenge {name} has no method `{method}(folder_path)` of its own. Write it in the class; "
                "without it the results of a run could not be " + ("saved." if method.startswith("save") else "loaded.")
            )
        if before_run:
            _check_arguments(challenge, method)
    save = inspect.unwrap(getattr(challenge, "save_core_results"))  # noqa: B009
    if before_run and (inspect.iscoroutinefunction(save) or inspect.isgeneratorfunction(save)):
        raise InvalidChallengeError(
            f"`save_core_results` of the challenge {name} is a coroutine or a generator function, so calling it would "
            "write nothing. Write it as a plain method, without `async` and `yield`."
        )
    if before_run:
        _check_directions(challenge)
    version = getattr(challenge, "VERSION", None)
    if version is None:
        raise InvalidChallengeError(
            f"The challenge {name} has no `VERSION`. Set one in the class, for example `VERSION = '1.0.0'`."
        )
    return check_challenge_name(challenge_name(challenge)), check_version(version)


def _check_arguments(challenge: object, method: str) -> None:
    """Refuse a method that cannot be called with the folder alone; results are loaded without an object."""
    loads = method.startswith("load")
    found = getattr(type(challenge) if loads and hasattr(type(challenge), method) else challenge, method)
    function = getattr(found, "__func__", found)
    error = why_not_called(function, 1 if function is found else 2) if inspect.isfunction(function) else None
    if error is not None:
        raise InvalidChallengeError(
            f"`{method}` of the challenge {type(challenge).__qualname__} cannot be called with the folder alone: "
            f"{error}. Write it as {'a class method' if loads else 'a method'} `{method}(folder_path)`."
        )


def _check_directions(challenge: object) -> None:
    try:
        declared = getattr(challenge, "SCORES", None)
    # A property may need results that come later, and lazy loading may raise anything, even SystemExit.
    except (Exception, SystemExit):  # noqa: BLE001
        return
    problems = [] if declared is None else list(direction_problems(declared))
    if problems:
        raise InvalidChallengeError(
            f"The scores that the challenge {type(challenge).__qualname__} declares cannot be compared. "
            f"{' '.join(problems)}"
        )


def has_written(challenge: object, method: str) -> bool:
    """Say whether a challenge implements a method that :class:`BaseChallenge` leaves open."""
    if not isinstance(challenge, BaseChallenge):
        return True
    own, base = getattr(challenge, method, None), getattr(BaseChallenge, method)
    return callable(own) and getattr(own, "__func__", own) is not getattr(base, "__func__", base)


def challenge_name(challenge: object) -> str:
    """Return the full name under which the runs of a challenge (an instance, a class, or the name itself) are stored.

    It is the import path of its class.
    A class in a script is named as if the script were imported.

    Examples
    --------
    >>> from gaitmap_results.challenge import BaseChallenge, challenge_name
    >>> challenge_name(BaseChallenge())
    'gaitmap_results.challenge.BaseChallenge'
    """
    if isinstance(challenge, str):
        return challenge
    return full_class_name(challenge if isinstance(challenge, type) else type(challenge))


def all_challenge_names(challenge: object) -> tuple[str, ...]:
    """Return the full names under which runs of a challenge are stored: its own, then those in its ``FORMER_NAMES``.

    Examples
    --------
    >>> from gaitmap_results.challenge import BaseChallenge, all_challenge_names
    >>> class StepLength(BaseChallenge):
    ...     FORMER_NAMES = ("old_package.StrideLength",)
    >>> all_challenge_names(StepLength)[1:]
    ('old_package.StrideLength',)
    """
    name = challenge_name(challenge)
    if isinstance(challenge, str):
        return (name,)
    # A base class's former names do not count: its runs are not runs of this challenge.
    former = vars(challenge if isinstance(challenge, type) else type(challenge)).get("FORMER_NAMES", ())
    former = (former,) if isinstance(former, str) else former
    return tuple(dict.fromkeys([name, *map(str, former)]))


def resolve_dataset(dataset: Any, dataset_class: type) -> Any:
    """Return a data set, given as an instance or as the folder that holds it.

    Parameters
    ----------
    dataset
        An instance of ``dataset_class``, or the folder that is passed to it as ``data_folder``.
    dataset_class
        The class of the data set.

    Raises
    ------
    InvalidOptionError
        If it is neither.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from pathlib import Path
    >>> from gaitmap_results import resolve_dataset
    >>> @dataclass
    ... class Walks:
    ...     data_folder: Path
    >>> resolve_dataset("walks", Walks).data_folder.name
    'walks'
    """
    if isinstance(dataset, (str, Path)):
        return dataset_class(data_folder=Path(dataset))
    if isinstance(dataset, dataset_class):
        return dataset
    raise InvalidOptionError(
        f"The data set is {dataset!r} ({type(dataset).__name__}). "
        f"Give an instance of {dataset_class.__name__}, or the path of its folder."
    )
