"""Write comparisons as HTML pages: one for a challenge, or a site for all."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gaitmap_results.comparing.choosing import LeftOut, choose
from gaitmap_results.comparing.entries import check_options, compare_chosen, compare_entries
from gaitmap_results.comparing.page import comparison_page, require_report, start_page
from gaitmap_results.exceptions import (
    GaitmapResultsError,
    InvalidOptionError,
    ResultsFolderError,
    RunNotFoundError,
)
from gaitmap_results.reading.index import RunSummary, SkippedRun, StoreScan
from gaitmap_results.store.files import expanded, make_folder, replace_file
from gaitmap_results.store.layout import METADATA_FILE

__all__ = ["only_challenge", "write_page", "write_report", "write_site"]


def write_report(
    base_path: str | Path,
    output: str | Path,
    *,
    challenge: Any = None,
    version: str | None = None,
    score: str | None = None,
    baseline: str | tuple[str, ...] | None = None,
    direction: str | None = None,
    include_debug: bool = False,
    runs: str = "latest",
    smallest_effect: float | None = None,
    alpha: float = 0.05,
    overwrite: bool = False,
) -> Path:
    """Compare the entries of a challenge, and write the result as one HTML page.

    The page needs no network and no script, and suits phones, dark mode and paper.
    It names every run that was left out.

    Parameters
    ----------
    base_path
        The results folder.
    output
        The file to write.
    challenge
        The class of the challenge, or its full name; not needed if there is only one.
    version
        The version of the challenge, needed if the latest runs of the entries are of several.
    score
        The score to compare by; without it, the main score.
    baseline
        The entry that all others are compared with, fixed before you looked at the scores.
        Without it, all pairs are compared, and the tests are adjusted for all of them.
    direction
        Whether to ``"minimize"`` or ``"maximize"`` the score, if the records do not say it.
    include_debug
        Whether debug runs count, too.
    runs
        ``"latest"`` takes the latest run of each entry.
        ``"mean"`` averages, for each participant, all runs of an entry that differ only in a seed.
    smallest_effect
        The smallest difference that matters, in the unit of the score.
    alpha
        The level of the tests; the intervals cover ``1 - alpha``.
    overwrite
        Whether to replace the file if it exists.

    Returns
    -------
    output
        The file that was written.

    Raises
    ------
    MissingExtraError
        If matplotlib, Jinja2, pandas or SciPy is not installed.
    InvalidOptionError
        If the file exists or is in a run folder, or there are several challenges.
        Also if the score is unknown, the baseline has no run that can be compared, or another option makes no sense.
    RunNotFoundError
        If there is no run of the challenge in ``base_path``.
    NotComparableError
        If fewer than two entries have a run that can be compared, or the runs differ in more than the entry.
    ResultsFolderError
        If the file cannot be written.

    Examples
    --------
    >>> from gaitmap_results import write_report
    >>> write_report("results", "report.html", baseline="as_published").name
    'report.html'
    """
    require_report()
    target = expanded(output).absolute()
    _check_target(target, overwrite=overwrite)
    base = expanded(base_path).absolute()
    comparison = compare_entries(
        only_challenge(base) if challenge is None else challenge,
        base,
        version=version,
        score=score,
        baseline=baseline,
        direction=direction,
        include_debug=include_debug,
        runs=runs,
        smallest_effect=smallest_effect,
        alpha=alpha,
    )
    write_page(target, comparison_page(comparison, base=base))
    return target


def only_challenge(base: Path) -> str:
    """Return the full name of the only challenge in a results folder."""
    names = sorted({run.challenge_name for run in StoreScan(str(base))})
    if not names:
        raise RunNotFoundError(f"There is no run in {base}.")
    if len(names) > 1:
        listed = "".join(f"\n  {name}" for name in names)
        raise InvalidOptionError(f"There are several challenges in {base}. Name one:{listed}")
    return names[0]


def write_site(base_path: str | Path, output: str | Path, *, include_debug: bool = False) -> Path:
    """Write a page for each challenge and version, and a start page that links to them; return the start page.

    The same runs give the same bytes.
    If runs cannot be compared, the start page says why.
    """
    require_report()
    base, folder = (expanded(path).absolute() for path in (base_path, output))
    _check_target(folder / "index.html", overwrite=True)
    scan = StoreScan(str(base))
    groups: dict[str, dict[str, list[RunSummary]]] = {}
    for run in scan:
        groups.setdefault(run.challenge_name, {}).setdefault(run.challenge_version, []).append(run)
    if not groups:
        raise RunNotFoundError(f"There is no run in {base}.")
    pages: dict[Path, str] = {}
    challenges = []
    for name in sorted(groups):
        listed = []
        for version in sorted(groups[name]):
            file = _file_name(f"{name}-{version}", [path.name for path in pages])
            summary, page = _site_page(groups[name][version], scan.skipped, base, include_debug=include_debug)
            if page is not None:
                pages[folder / file] = page
            listed.append({"version": version, "file": "" if page is None else file, "summary": summary})
        challenges.append({"name": name, "pages": listed})
    for path, page in pages.items():
        write_page(path, page)
    start = folder / "index.html"
    write_page(start, start_page(challenges))
    return start


def _file_name(title: str, taken: Sequence[str]) -> str:
    """Return a unique file name that works on every file system and in every URL."""
    stem = re.sub(r"[^A-Za-z0-9._-]", "-", title)
    folded = {name.casefold() for name in (*taken, "index.html")}
    names = (f"{stem}{f'-{number}' if number else ''}.html" for number in itertools.count())
    return next(name for name in names if name.casefold() not in folded)


def _site_page(
    runs: list[RunSummary], skipped: list[SkippedRun], base: Path, *, include_debug: bool
) -> tuple[str, str | None]:
    """Return the start page's text about one version of a challenge, and its page if any."""
    folder = runs[0].path.parents[len(runs[0].entry)]
    left_out = [LeftOut(Path(each.folder), each.reason) for each in skipped if Path(each.folder).is_relative_to(folder)]
    try:
        chosen = choose(runs, left_out, include_debug=include_debug)
        test = check_options(None, None, None, 0.05)
        comparison = compare_chosen(chosen, left_out, test, one_challenge=True, may_be_untested=True)
    except GaitmapResultsError as error:
        return f"{str(error).partition(chr(10))[0].rstrip('.:')}.", None
    entries = f"{len(comparison.scores.columns)} entries, {comparison.counted_units}, {comparison.score}"
    return entries, comparison_page(comparison, base=base)


def _check_target(target: Path, *, overwrite: bool) -> None:
    if target.is_dir():
        raise InvalidOptionError(f"{target} is a folder. Name a file, such as report.html.")
    if target.exists() and not overwrite:
        raise InvalidOptionError(f"{target} already exists. Choose another name, or overwrite=True (--overwrite).")
    if any((folder / METADATA_FILE).exists() for folder in target.parents):
        raise InvalidOptionError(f"{target} is in a run folder, which is never changed. Choose another place.")


def write_page(target: Path, page: str) -> None:
    """Write a page atomically: on failure an existing file stays as it is."""
    try:
        make_folder(target.parent)
        replace_file(target, target.with_name(f".{target.name}.new"), page.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise ResultsFolderError(f"{target} cannot be written: {error.strerror or error}.") from error
