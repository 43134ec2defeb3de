"""What type checkers must find right, or wrong, in code that uses the package; never run, only checked by mypy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import assert_type

from gaitmap_results import (
    BaseChallenge,
    Entry,
    EntryComparison,
    EntryOutcome,
    GaitmapResultsError,
    GaitmapResultsWarning,
    LoadedRun,
    LocalConfig,
    NotComparableError,
    Recorder,
    Reproduction,
    ResultReturn,
    RunDiff,
    RunVerification,
    SentRuns,
    UnfinishedRun,
    __version__,
    compare_entries,
    compare_runs,
    compare_scores,
    create_config_template,
    current_recorder,
    dask_executor,
    diff_runs,
    discard_run,
    filter_results,
    generate_overview_table,
    get_all_result_paths,
    get_config,
    get_latest_result,
    get_metadata_as_df,
    is_config_set,
    is_debug_run,
    load_run,
    load_run_custom_metadata,
    load_run_metadata,
    load_scores,
    observe_challenges,
    plot_differences,
    plot_scores,
    record_run,
    recorded_run,
    recover_run,
    rename_keys,
    reproduce_run,
    reset_config,
    resolve_dataset,
    run_entries,
    save_run,
    send_to_mlflow,
    set_config,
    unfinished_runs,
    verify_run,
    withdraw_run,
    write_bundle,
    write_report,
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


def reading(results: dict[tuple[str, ...], list[Path]]) -> None:
    """Paths stay paths, and what is known about a run has types."""
    assert_type(get_all_result_paths(Challenge, "results"), dict[tuple[str, ...], list[Path]])
    assert_type(filter_results(results, "1.0.0", is_debug_run=False), dict[tuple[str, ...], list[Path]])
    assert_type(get_latest_result(results), dict[tuple[str, ...], Path])
    get_metadata_as_df(results, include_parameters=True)
    generate_overview_table(results)
    assert_type(rename_keys({"a": 1}, {"a": "b"}, missing="ignore"), dict[Any, Any])
    assert_type(load_run_custom_metadata("run"), Any)
    returned: ResultReturn = load_run(Challenge, "run")
    assert_type(returned.path, Path | None)
    assert_type(verify_run("run"), RunVerification)
    status: str = verify_run("run").status
    assert status
    assert_type(__version__, str)
    rename_keys({"a": 1}, {"a": "b"}, missing="forget")  # type: ignore[arg-type]
    get_latest_result("results")  # type: ignore[arg-type]


def comparing(run: Path) -> None:
    """Comparisons name what they left out; figures and pages are drawn from them."""
    comparison = compare_entries(Challenge, "results", baseline=("group", "entry"), runs="mean", smallest_effect=0.1)
    assert_type(comparison, EntryComparison)
    assert_type(comparison.baseline, str | None)
    assert_type(comparison.paths, dict[str, list[Path]])
    assert_type(comparison.left_out[0].path, Path)
    assert_type(comparison.left_out[0].reason, str)
    assert_type(comparison.scope, str)
    assert_type(comparison.to_dict(), dict[str, Any])
    assert_type(compare_runs({"before": run, "after": "run"}, include_debug=True), EntryComparison)
    compare_scores(load_scores(run), direction="minimize", alpha=0.1)
    plot_scores(comparison)
    plot_differences(comparison, ax=None)
    assert_type(write_report("results", "report.html", challenge=Challenge, overwrite=True), Path)
    assert_type(withdraw_run(run, "wrong calibration"), Path)
    difference = diff_runs(run, "run")
    assert_type(difference, RunDiff)
    assert_type(difference.same, list[str])
    compare_runs([run])  # type: ignore[arg-type]
    compare_entries(Challenge, "results", score=1)  # type: ignore[arg-type]
    withdraw_run(run)  # type: ignore[call-arg]


def many_entries() -> None:
    """Suites, unfinished runs and what is handed on."""
    outcomes = run_entries([plain, Entry("entry", Challenge(), 1, debug_run=False)], skip=None)
    assert_type(outcomes, list[EntryOutcome])
    assert_type(outcomes[0].path, Path | None)
    run_entries([plain], executor=dask_executor("client"))
    assert_type(unfinished_runs(), list[UnfinishedRun])
    assert_type(recover_run("7f3a91c2", entry_name=("group", "entry")), Path)
    assert_type(discard_run("7f3a91c2"), Path)
    assert_type(reproduce_run("run", environment="current"), Reproduction)
    assert_type(write_bundle("results", "runs.zip", license="CC-BY-4.0", authors="Ana"), Path)
    assert_type(send_to_mlflow("results", files=False), SentRuns)
    run_entries([plain], skip="always")  # type: ignore[arg-type]
    reproduce_run("run", environment="other")  # type: ignore[arg-type]
    write_bundle("results", "runs.zip")  # type: ignore[call-arg]


def config() -> None:
    """The config and the errors have types, too."""
    assert_type(get_config(), LocalConfig)
    assert_type(is_config_set(), bool)
    assert_type(is_debug_run(), bool | None)
    reset_config()
    assert_type(create_config_template("config.toml"), Path)
    assert_type(resolve_dataset("data", Owner), Any)
    error = NotComparableError("They differ.", reasons=["another version"])
    assert_type(error.reasons, tuple[str, ...])
    known: list[GaitmapResultsError] = [error]
    warning: list[Warning] = [GaitmapResultsWarning("It is a debug run.")]
    assert known
    assert warning
