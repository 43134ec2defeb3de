"""Provide the command ``compare``: say which entry or run is better, and how certain that is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.comparison_options import (
    challenge_and_folder,
    comparison_options,
    labelled_runs,
    names_a_store,
    store_options,
)
from gaitmap_results.cli.terminal import console, echo_json
from gaitmap_results.showing.text import printable
from gaitmap_results.typed_results.scores import units_in_words

__all__ = ["compare", "print_comparison"]

_MAX_LEFT_OUT = 20


@click.command(
    epilog="Example: gaitmap-results compare StrideLength results --baseline as_published    "
    "or: gaitmap-results compare 7f3a91c2 b0d4e6aa"
)
@click.argument("words", nargs=-1, metavar="CHALLENGE [RESULTS] | RUN RUN... [RESULTS]")
@comparison_options
@store_options
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
    if names_a_store(words):
        challenge, folder = challenge_and_folder(words, results)
        comparison = compare_entries(challenge, folder, baseline=baseline, version=version, runs=runs, **options)
    else:
        if version is not None or runs != "latest":
            raise click.UsageError("--version and --runs choose among the runs of a challenge, but you named runs.")
        paths, fixed = labelled_runs(words, results, baseline)
        comparison = compare_runs(paths, baseline=fixed, **options)
    if as_json:
        echo_json(comparison.to_dict())
    else:
        print_comparison(comparison)


def print_comparison(comparison: Any) -> None:
    """Print a comparison for people: its subject, the verdicts, the runs left out, and the scope of the claims."""
    from rich import box
    from rich.table import Table

    output = console()
    what = f"{comparison.challenge_name}  {comparison.challenge_version}"
    output.print(printable(what), style="bold", soft_wrap=True)
    output.print(printable(f"{comparison.score}, to {comparison.direction}, of {_counted(comparison)}"), soft_wrap=True)
    if comparison.has_debug_runs:
        output.print("Debug runs are compared here, too; they may not be published.")
    output.print()
    output.print(_means(comparison))
    output.print()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Entry", "Verdict", "Against", "Difference", "Better, worse, tied", "p (Holm)"):
        table.add_column(heading, justify="right" if heading in ("Difference", "p (Holm)") else "left")
    for row in comparison.table.itertuples():
        interval = f"  [{row.low:.3g}, {row.high:.3g}]" if math.isfinite(row.low) else ""
        counts = f"{row.better}, {row.worse}, {row.tied}"
        verdict = f"{row.verdict}; {row.note}" if row.note else row.verdict
        cells = (row.entry, verdict, row.baseline, f"{row.difference:+.3g}{interval}", counts, f"{row.p_holm:.3g}")
        table.add_row(*(printable(str(cell)) for cell in cells))
    output.print(table)
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


def _means(comparison: Any) -> Any:
    """Return a table of the mean of each entry, the best first."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Entry")
    for heading in ("n", "Mean", "SD", f"{100 * (1 - comparison.alpha):g} % interval"):
        table.add_column(heading, justify="right")
    for row in comparison.means.itertuples():
        interval = f"[{row.low:.3g}, {row.high:.3g}]" if math.isfinite(row.low) else ""
        spread = f"{row.sd:.3g}" if math.isfinite(row.sd) else ""
        table.add_row(printable(str(row.entry)), str(row.n), f"{row.mean:.4g}", spread, printable(interval))
    return table
