"""Provide the command ``demo``: record four real entries and show how they compare."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gaitmap_results import load_run
from gaitmap_results.cli import terminal
from gaitmap_results.cli.options import results_argument
from gaitmap_results.config import find_cache_folder, find_results_folder
from gaitmap_results.exceptions import (
    DebugRunWarning,
    GaitmapResultsWarning,
    MissingExtraError,
    NoResultsFolderError,
)
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.layout import METADATA_FILE

if TYPE_CHECKING:
    from gaitmap_results.comparing.comparison import EntryComparison
    from gaitmap_results.suites.outcome import EntryOutcome

__all__ = ["demo"]

_DEFAULT_RESULTS = "gaitmap_results_demo"
_DEMO_CODE = Path(__file__).parents[1] / "demo"
_PAGE = "demo_report.html"
_PLAIN_WIDTH = 100  # characters, where the output goes to a file or another program


@click.command
@results_argument
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Folder that keeps the recordings.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="How many entries run at once."
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def demo(results: Path | None, cache: Path | None, workers: int, as_json: bool) -> None:
    """Record four real gait algorithms and compare them.

    The algorithms detect initial contacts in recordings of three people, which are downloaded once (10 MB).
    The run of each is recorded in the results folder RESULTS. Without it, the config's is used, or else
    ./gaitmap_results_demo. It takes about half a minute.
    """
    _check_extra()
    try:
        folder = find_results_folder(results)
    except NoResultsFolderError:
        folder = find_results_folder(_DEFAULT_RESULTS)
    with _third_parties_quiet():
        runs = _record_all(folder, cache, workers)
        _report("Writing the comparison")
        comparison, page = _compare(runs, folder, cache)
    if as_json:
        terminal.echo_json(runs)
    else:
        _show(runs, comparison, page)


def _compare(runs: list[dict[str, Any]], results: Path, cache: Path | None) -> tuple[EntryComparison, Path]:
    """Compare the runs by the score of each participant, and write the page about it."""
    from gaitmap_results.comparing.entries import compare_runs
    from gaitmap_results.comparing.page import comparison_page
    from gaitmap_results.comparing.report import write_page

    comparison = compare_runs({run["entry_name"]: run["path"] for run in runs}, include_debug=True)
    # Inside a repository, the page would count as an uncommitted change.
    in_repository = any((parent / ".git").exists() for parent in (results, *results.parents))
    page = ((cache or find_cache_folder()) if in_repository else results) / _PAGE
    write_page(page.absolute(), comparison_page(comparison, base=results))
    return comparison, page.absolute()


def _check_extra() -> None:
    missing = [name for name in ("mobgap", "tpcp", "pip", "scipy", "matplotlib", "jinja2") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"The demo needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed. "
            f'Install the extra "demo" (it needs Python 3.11 or newer):\n  pip install "gaitmap_results[demo]"',
            extra="demo",
        )


def _report(step: str) -> None:
    terminal.say(step, err=True)


def _record_all(results: Path, cache: Path | None, workers: int) -> list[dict[str, Any]]:
    from gaitmap_results.demo.data import fetch_recordings

    _report(f"Results folder: {results}")
    recordings = fetch_recordings(cache, report=_report)
    _report("Loading mobgap and tpcp (this takes longest the first time)")
    from gaitmap_results.demo.challenge import lab_dataset
    from gaitmap_results.demo.entries import suite
    from gaitmap_results.suites.run_entries import run_entries

    entries = suite(lab_dataset(recordings), results)
    done = itertools.count(1)

    def tell(outcome: EntryOutcome) -> None:
        _report(f"Ran entry {next(done)} of {len(entries)}: {entry_text(outcome.entry_name)}")

    _report(f"Running {len(entries)} entries")
    # A single worker runs in this process, and need not load mobgap again.
    with ThreadPoolExecutor(1) if workers == 1 else nullcontext() as executor:
        outcomes = run_entries(entries, executor=executor, max_workers=workers, skip=None, on_outcome=tell)
    failed = [f"{entry_text(each.entry_name)}: {each.error}" for each in outcomes if each.path is None]
    if failed:
        raise click.ClickException("These entries have no run:\n" + "\n".join(failed))
    return [_read_run(each.path) for each in outcomes if each.path is not None]


def _read_run(path: Path) -> dict[str, Any]:
    """Return what is told about a run; times are in seconds."""
    from gaitmap_results.demo.challenge import InitialContactChallenge, scores_by_person

    run = load_run(InitialContactChallenge, path)
    scores = scores_by_person(run.results)
    return {
        **{name: run.metadata[name] for name in ("entry_name", "runtime", "is_debug_run", "debug_reasons")},
        "f1_score": scores["f1_score"].to_dict(),
        "mean_f1_score": float(scores["f1_score"].mean()),
        "mean_timing_error": float(scores["tp_absolute_timing_error_s"].mean()),
        # Whether the code that ran is in the repository with the stored commit; None without a repository.
        "caller_tracked": (run.metadata["git"] or {}).get("caller_tracked"),
        "path": path,
    }


@contextmanager
def _third_parties_quiet() -> Iterator[None]:
    """Keep the progress bars and warnings of the libraries below the demo off the terminal."""
    # tqdm, the progress bars of tpcp, reads this when it is imported.
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # for the processes of --workers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", GaitmapResultsWarning)
        # The reasons are printed once, below the table.
        warnings.simplefilter("ignore", DebugRunWarning)
        yield


def _show(runs: list[dict[str, Any]], comparison: EntryComparison, page: Path) -> None:
    from gaitmap_results.comparing.sentences import power, sentences

    console = terminal.console()
    if not terminal.at_terminal():
        console.width = int(os.environ.get("COLUMNS") or _PLAIN_WIDTH)
    console.print("\nInitial contacts: F1 score of each participant held out, and their mean\n", style="bold")
    numbers = dict.fromkeys((*runs[0]["f1_score"], "Mean", "Timing\nerror", "Runtime"), "right")
    # Just below 80 columns, the default width of a terminal.
    terminal.print_table(console, {"Entry": "left", **numbers, "Run": "left"}, map(_cells, runs), gap=1)
    console.print("\nHA: healthy adult, MS: person with multiple sclerosis. Tuning saw only the other participants.")
    for reason, names in _reasons(runs).items():
        console.print(f"Debug ({'all' if len(names) == len(runs) else ', '.join(names)}): {reason}")
    if any(run["caller_tracked"] is False for run in runs):
        console.print(
            "The code of the demo is not in the git repository here, so the stored commit says nothing "
            "about it. Start runs of your own in the repository that holds their code."
        )
    console.print("\nWhich entry is better?", style="bold")
    if any(run["is_debug_run"] for run in runs):
        console.print("Debug runs are compared here, too; elsewhere they are left out unless you ask for them.")
    for sentence in (*sentences(comparison), power(comparison), comparison.scope):
        console.print(sentence)
    version_folder = runs[0]["path"].parents[1]
    # Never wrap a path, so that it can be copied.
    console.print(f"\nStored in {version_folder}", soft_wrap=True)
    for run in runs:
        console.print(f"  {run['path'].relative_to(version_folder)}", soft_wrap=True)
    console.print(f"\nNext: look at the comparison in a browser:\n  {page}", soft_wrap=True)
    console.print(
        f"Then open {METADATA_FILE} in one of the folders above. It says which code, machine and packages made the "
        "scores, and when. The example for a challenge and entries of your own is the code of this demo:"
    )
    console.print(f"  {_DEMO_CODE / 'challenge.py'}\n  {_DEMO_CODE / 'entries.py'}", soft_wrap=True)


def _cells(run: dict[str, Any]) -> tuple[str, ...]:
    return (
        run["entry_name"],
        *(f"{score:.3f}" for score in (*run["f1_score"].values(), run["mean_f1_score"])),
        f"{run['mean_timing_error'] * 1000:.0f} ms",
        f"{run['runtime']:.1f} s",
        "debug" if run["is_debug_run"] else "official",
    )


def _reasons(runs: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return every reason why runs are debug runs, with the entries it applies to."""
    entries: dict[str, list[str]] = {}
    for run in runs:
        for reason in run["debug_reasons"]:
            entries.setdefault(f"{reason['code']}: {reason['message']}", []).append(run["entry_name"])
    return entries
