"""Provide the command ``compare``: say which entry or run is better, and how certain that is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import challenge_and_folder, find_run, split_off_results_folder
from gaitmap_results.cli.options import comparison_options
from gaitmap_results.cli.terminal import console, echo_json, print_table
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.showing.text import printable
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.layout import METADATA_FILE
from gaitmap_results.typed_results.scores import units_in_words

__all__ = ["compare"]

_MAX_LEFT_OUT = 20


@click.command(
    epilog="Example: gaitmap-results compare StrideLength results --baseline as_published    "
    "or: gaitmap-results compare 7f3a91c2 b0d4e6aa"
)
@click.argument("words", nargs=-1, metavar="CHALLENGE [RESULTS] | RUN RUN... [RESULTS]")
@comparison_options
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(
    words: tuple[str, ...],
    results: Path | None,
    baseline: str | None,
    version: str | None,
    runs: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare the entries of a challenge, or two and more runs, by the scores of the same participants.

    CHALLENGE is the full name of a challenge or a part of it; RESULTS is the results folder, without it the config's is
    used. RUN is a run folder, the beginning of a run's id, an entry, which means its latest run, a challenge and an
    entry in quotation marks, or @latest. The official runs of the latest version of each entry count.

    The verdict says whether an entry is better than another one. It rests on the mean of the differences of all
    participants, its t interval, and an exact sign-flip test, adjusted for all comparisons (Holm). Fewer than six
    participants are never tested.
    """
    from gaitmap_results.comparing.entries import compare_entries, compare_runs

    if not words and results is None:
        raise click.UsageError("Name a challenge, or two runs.")
    if _names_a_store(words):
        challenge, folder = challenge_and_folder(words, results)
        comparison = compare_entries(challenge, folder, baseline=baseline, version=version, runs=runs, **options)
    else:
        if version is not None or runs != "latest":
            raise click.UsageError("--version and --runs choose among the runs of a challenge, but you named runs.")
        paths, fixed = _labelled_runs(words, results, baseline)
        comparison = compare_runs(paths, baseline=fixed, **options)
    if as_json:
        echo_json(comparison.to_dict())
    else:
        _print(comparison)


def _names_a_store(words: Sequence[str]) -> bool:
    """Say whether words name a challenge or a results folder, and not runs."""
    if len(words) == 1 and _is_run(words[0]):
        raise click.UsageError(f"{words[0]} is one run. Name another one to compare it with, or a challenge.")
    if len(words) == 2:
        return Path(words[1]).is_dir() and not _is_run(words[1]) and not _is_run(words[0])
    return len(words) < 2


def _is_run(word: str) -> bool:
    return (Path(word) / METADATA_FILE).exists()


def _labelled_runs(
    words: Sequence[str], results: Path | None, baseline: str | None
) -> tuple[dict[str, Path], str | None]:
    """Return the named runs by the name of their entry, and the name of the baseline among them.

    Runs of one entry are labelled with the name or path of their folder.
    """
    words, results = split_off_results_folder(words, results)
    found = [find_run([word], results) for word in words]
    if len({each.folder for each in found}) < len(found):
        raise InvalidOptionError("One run is named twice. Name two or more different runs.")
    times = Counter(each.entry for each in found)
    labels = [entry_text(each.entry) + ("" if times[each.entry] == 1 else f" {each.path.name}") for each in found]
    if len(set(labels)) < len(labels):  # copies in several results folders
        labels = [each.folder for each in found]
    by_word = dict(zip(words, labels, strict=True))
    return dict(zip(labels, (each.path for each in found), strict=True)), by_word.get(baseline or "", baseline)


def _print(comparison: Any) -> None:
    """Print a comparison for people: its subject, the verdicts, the runs left out, and the scope of the claims."""
    output = console()
    what = f"{comparison.challenge_name}  {comparison.challenge_version}"
    output.print(printable(what), style="bold", soft_wrap=True)
    output.print(printable(f"{comparison.score}, to {comparison.direction}, of {_counted(comparison)}"), soft_wrap=True)
    if comparison.has_debug_runs:
        output.print("Debug runs are compared here, too; they may not be published.")
    output.print()
    means = [
        (row.entry, row.n, f"{row.mean:.4g}", f"{row.sd:.3g}" if math.isfinite(row.sd) else "", _interval(row))
        for row in comparison.means.itertuples()
    ]
    interval = f"{100 * (1 - comparison.alpha):g} % interval"
    print_table(output, {"Entry": "left", "n": "right", "Mean": "right", "SD": "right", interval: "right"}, means)
    output.print()
    verdicts = [
        (
            row.entry,
            f"{row.verdict}; {row.note}" if row.note else row.verdict,
            row.baseline,
            f"{row.difference:+.3g}  {_interval(row)}".rstrip(),
            f"{row.better}, {row.worse}, {row.tied}",
            f"{row.p_holm:.3g}",
        )
        for row in comparison.table.itertuples()
    ]
    headings = {"Entry": "left", "Verdict": "left", "Against": "left", "Difference": "right"}
    print_table(output, {**headings, "Better, worse, tied": "left", "p (Holm)": "right"}, verdicts)
    if comparison.left_out:
        output.print("\nLeft out:")
        for path, reason in comparison.left_out[:_MAX_LEFT_OUT]:
            output.print(printable(f"  {path}: {reason}"), soft_wrap=True)
        if len(comparison.left_out) > _MAX_LEFT_OUT:
            output.print(f"  and {len(comparison.left_out) - _MAX_LEFT_OUT} more; --json names all")
    output.print(f"\n{comparison.scope}")


def _counted(comparison: Any) -> str:
    levels = [str(name) for name in comparison.scores.index.names if name]
    units = units_in_words(len(comparison.scores), levels) if levels else comparison.counted_units
    return f"{len(comparison.scores.columns)} entries in {units}"


def _interval(row: Any) -> str:
    return f"[{row.low:.3g}, {row.high:.3g}]" if math.isfinite(row.low) else ""
