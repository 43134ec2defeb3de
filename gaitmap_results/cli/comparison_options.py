"""Give commands the options of a comparison, and find the runs to compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from gaitmap_results.cli.finding import (
    existing_results_folder,
    find_run,
    named_challenges,
    results_option,
    scan,
    split_off_results_folder,
)
from gaitmap_results.exceptions import InvalidOptionError, RunNotFoundError
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.layout import METADATA_FILE

__all__ = ["challenge_and_folder", "comparison_options", "labelled_runs", "names_a_store", "store_options"]

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = (
    results_option,
    click.option("--score", help="The score to compare by; without it, the main score."),
    click.option("--baseline", help="Compare all entries with this one, fixed before you looked at the scores."),
    click.option(
        "--direction", type=click.Choice(["minimize", "maximize"]), help="Needed if the records do not give it."
    ),
    click.option("--smallest-effect", type=float, help="The smallest difference that matters, in the score's unit."),
    click.option("--alpha", type=float, default=0.05, show_default=True, help="The level of the tests."),
    click.option("--include-debug", is_flag=True, help="Include debug runs."),
)
_STORE_OPTIONS = (
    click.option("--version", help="The version of the challenge."),
    click.option(
        "--runs",
        type=click.Choice(["latest", "mean"]),
        default="latest",
        show_default=True,
        help="The latest run of each entry, or the mean of those that differ in a seed only.",
    ),
)


def comparison_options(function: Function) -> Function:
    """Give a command the options of a comparison, named like the parameters of ``compare_runs``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def store_options(function: Function) -> Function:
    """Give a command the options that choose among the runs of a challenge."""
    for option in reversed(_STORE_OPTIONS):
        function = option(function)
    return function


def names_a_store(words: Sequence[str]) -> bool:
    """Say whether words name a challenge or a results folder, and not runs."""
    if len(words) == 1 and _is_run(words[0]):
        raise click.UsageError(f"{words[0]} is one run. Name another one to compare it with, or a challenge.")
    if len(words) == 2:
        return Path(words[1]).is_dir() and not _is_run(words[1]) and not _is_run(words[0])
    return len(words) < 2


def _is_run(word: str) -> bool:
    return (Path(word) / METADATA_FILE).exists()


def challenge_and_folder(words: Sequence[str], results: Path | None) -> tuple[str, Path]:
    """Return the full name of the challenge and the results folder in words like ``CHALLENGE RESULTS``.

    Raises
    ------
    RunNotFoundError
        If there is no such challenge or folder.
    InvalidOptionError
        If several challenges have that name.
    """
    name: str | None = words[0] if words else None
    if len(words) == 2:
        results = Path(words[1])
    elif len(words) == 1 and results is None and Path(words[0]).is_dir():
        name, results = None, Path(words[0])
    folder = existing_results_folder(results)
    runs, _ = scan(folder)
    known = sorted({each.challenge_name for each in runs})
    matching = sorted({each.challenge_name for each in named_challenges(runs, name)})
    if not matching:
        what = f"No challenge matches {name!r} in {folder}" if name else f"There is no run in {folder}"
        raise RunNotFoundError(f"{what}. Challenges there: {', '.join(known) or 'none'}.")
    if len(matching) > 1:
        listed = "".join(f"\n  {each}" for each in matching)
        raise InvalidOptionError(f"There are several challenges in {folder}. Name one, or a part of its name:{listed}")
    return matching[0], folder


def labelled_runs(
    words: Sequence[str], results: Path | None, baseline: str | None
) -> tuple[dict[str, Path], str | None]:
    """Return the named runs by the name of their entry, and the name of the baseline among them.

    Runs of one entry are labelled with the name or path of their folder.
    The results folder may be the last word.
    """
    words, results = split_off_results_folder(words, results)
    found = [find_run([word], results) for word in words]
    if len({each.folder for each in found}) < len(found):
        raise InvalidOptionError("One run is named twice. Name two or more different runs.")
    entries = [entry_text(each.entry) for each in found]
    times = Counter(entries)
    labels = [
        entry if times[entry] == 1 else f"{entry} {each.path.name}" for entry, each in zip(entries, found, strict=True)
    ]
    if len(set(labels)) < len(labels):  # copies in several results folders
        labels = [each.folder for each in found]
    by_word = dict(zip(words, labels, strict=True))
    return dict(zip(labels, (each.path for each in found), strict=True)), by_word.get(baseline or "", baseline)
