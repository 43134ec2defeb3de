"""What type checkers must find right, or wrong, in code that uses the package; never run, only checked by mypy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import assert_type

from gaitmap_results import (
    BaseChallenge,
    LoadedRun,
    LocalConfig,
    Recorder,
    current_recorder,
    load_run,
    load_run_metadata,
    observe_challenges,
    record_run,
    recorded_run,
    save_run,
    set_config,
)


class Challenge(BaseChallenge):
    """A challenge as a user writes it."""

    VERSION = "1.0.0"

    def run(self, optimizer: int) -> Challenge:
        """Run it."""
        with self._measure_time():
            self.optimizer = optimizer
        return self

    def save_core_results(self, folder_path: Path) -> None:
        """Save nothing."""

    @classmethod
    def load_core_results(cls, folder_path: Path) -> Any:
        return None


def block() -> None:
    """A block yields its recorder and never swallows an exception."""
    with recorded_run(("group", "entry"), path=Path("results"), debug_run=False, git_dirty_ignore=["docs"]) as r:
        assert_type(r, Recorder)
        r.custom_metadata["note"] = 1
        assert_type(r.attach(Challenge()), Challenge)
    assert_type(r.path_, Path | None)
    assert_type(r.paths_, list[Path])
    assert_type(r.metadata_, dict[str, Any] | None)
    assert_type(r.status_, str)
    assert_type(current_recorder(), Recorder | None)
    recorded_run(1)  # type: ignore[arg-type]
    recorded_run("entry", use_git="no")  # type: ignore[arg-type]
    recorded_run("entry", unknown=1)  # type: ignore[call-arg]


@record_run
def plain(number: int, *, text: str = "") -> list[str]:
    """A plain function."""
    return [text] * number


@record_run("entry")
async def waiting(number: int) -> int:
    """A coroutine function."""
    return number


@record_run(entry_name=("a", "b"), path="results", handle_signals=("SIGTERM",))
def generating() -> Iterator[int]:
    """A generator function."""
    yield 1


@record_run(custom_metadata={"a": 1})
async def generating_async() -> AsyncIterator[int]:
    """An asynchronous generator function."""
    yield 1


class Owner:
    """Methods of every kind."""

    @record_run
    def method(self, number: int) -> int:
        """A method."""
        return number

    @classmethod
    @record_run
    def class_method(cls) -> str:
        """A class method."""
        return cls.__name__

    @staticmethod
    @record_run("static")
    def static_method(number: float) -> float:
        """A static method."""
        return number


async def decorated() -> None:
    """Decorated functions keep their types."""
    assert_type(plain(1, text="a"), list[str])
    assert_type(await waiting(1), int)
    assert_type(next(generating()), int)
    async for item in generating_async():
        assert_type(item, int)
    assert_type(Owner().method(1), int)
    assert_type(Owner.class_method(), str)
    assert_type(Owner.static_method(1.0), float)
    plain("1")  # type: ignore[arg-type]
    record_run("entry", unknown=1)  # type: ignore[call-overload]


def saving_and_loading() -> None:
    """What is saved has a path, and what is loaded has names."""
    challenge = Challenge().run(1)
    path = save_run(challenge, "entry", custom_metadata={}, path="results")
    assert_type(path, Path)
    run = load_run(Challenge, path)
    assert_type(run, LoadedRun)
    metadata, _results, _custom = run
    assert_type(metadata, dict[str, Any])
    assert_type(load_run_metadata(str(path)), dict[str, Any])
    assert_type(set_config(LocalConfig(results_dir=Path("results")), debug=True), LocalConfig)
    assert_type(observe_challenges(Owner), type[Owner])
    save_run(challenge, "entry")  # type: ignore[call-arg]
