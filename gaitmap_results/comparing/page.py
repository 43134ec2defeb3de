"""Render a comparison as one HTML page that needs no network and no script."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._extras import require
from gaitmap_results._version import __version__
from gaitmap_results.comparing.plots import drawn, limits_of, plot_differences, plot_scores
from gaitmap_results.comparing.sentences import number, p_value, power, sentences, units
from gaitmap_results.comparing.sign_flips import MAX_EXACT
from gaitmap_results.comparing.verdicts import MIN_UNITS
from gaitmap_results.reading import index
from gaitmap_results.reading.attestations import verdicts
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.showing.text import one_line

if TYPE_CHECKING:
    from gaitmap_results.comparing.comparison import EntryComparison

__all__ = ["comparison_page", "require_report", "start_page"]

# A drawing with more rows is unreadable; the table shows all.
_MAX_DRAWN: Final = 40
_MAX_UNBROKEN: Final = 20
_MAX_PACKAGES: Final = 8
# Differences in these are listed first.
_FIRST: Final = ("gaitmap", "mobgap", "tpcp", "numpy", "pandas", "scipy", "scikit-learn", "gaitmap_results")


def require_report() -> None:
    """Raise ``MissingExtraError`` if the packages for writing pages are not installed."""
    for module in ("matplotlib", "jinja2"):
        require(module, "Writing a page", "report")


def comparison_page(comparison: EntryComparison, *, base: Path) -> str:
    """Return a page about a comparison.

    Parameters
    ----------
    comparison
        The comparison.
    base
        The folder that the paths of runs are shown relative to.
    """
    packages, origins, same_packages = _origins_of(comparison._runs)
    low, high = limits_of(comparison)
    means = comparison.means
    return _rendered(
        "page.html",
        title=f"{comparison.challenge_name} {comparison.challenge_version}: {comparison.score}",
        comparison=comparison,
        units=units(comparison),
        n_exact=MAX_EXACT,
        n_least=MIN_UNITS,
        sentences=list(sentences(comparison)),
        power=power(comparison),
        means=list(means.itertuples()),
        scores_figure=_scores_figure(comparison),
        limits=[low, *([high] if math.isfinite(high) else [])],
        is_cut=bool((means.low < low).any() or (means.high > high).any()),
        differences_figure=_differences_figure(comparison),
        level=f"{100 * (1 - comparison.alpha):g} %",
        rows=list(comparison.table.itertuples()),
        left_out=[(_relative(path, base), reason) for path, reason in comparison.left_out],
        packages=packages,
        origins=origins,
        same_packages=same_packages,
    )


def start_page(challenges: Sequence[Mapping[str, Any]]) -> str:
    """Return a page that links to the others."""
    return _rendered("start_page.html", title="Results", challenges=challenges)


def _rendered(template: str, **values: Any) -> str:
    require_report()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def clean(value: Any) -> Any:
        # Names may contain characters that reverse or end a line.
        return value if isinstance(value, Markup) or not isinstance(value, str) else one_line(value)

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, finalize=clean
    )
    environment.filters.update(breakable=_breakable, headed=_headed, number=number, p_value=p_value)
    page: str = environment.get_template(template).render(version=__version__, **values)
    return f"{page}\n"


def _breakable(name: str) -> Any:
    """Return a name that can wrap after its slashes, and if it is long also after its underscores."""
    from markupsafe import Markup, escape

    signs = "([/_])" if len(name) > _MAX_UNBROKEN else "(/)"
    return Markup(re.sub(signs, r"\1<wbr>", str(escape(one_line(str(name))))))  # noqa: S704  # escaped


def _headed(name: str) -> Any:
    """Return the full name of a class with its module on a line above it."""
    from markupsafe import Markup, escape

    module, dot, cls = one_line(name).rpartition(".")
    above = Markup("<span class=module>{}</span>").format(_breakable(module + dot)) if dot else Markup()
    return above + escape(cls)


def _relative(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name


def _scores_figure(comparison: EntryComparison) -> str:
    table = comparison.scores
    titles = [
        [f"{_unit(unit)}: {number(value)}" for unit, value in table[name].items()] for name in comparison.means["entry"]
    ]
    label = f"{comparison.score} of every participant, one row for each entry"
    return drawn(lambda ax: plot_scores(comparison, ax), len(titles), label=label, titles=titles)


def _unit(unit: Any) -> str:
    return one_line(" ".join(map(str, unit)) if isinstance(unit, tuple) else str(unit))


def _differences_figure(comparison: EntryComparison) -> str:
    rows = list(comparison.table.itertuples())
    if not rows or len(rows) > _MAX_DRAWN:
        return ""
    titles = [[f"{one_line(row.verdict)}: {number(row.difference, signed=True)}"] for row in rows]
    label = f"Mean differences in {comparison.score} with their intervals"
    return drawn(lambda ax: plot_differences(comparison, ax), len(rows), label=label, titles=titles)


def _origins_of(runs: Mapping[str, Sequence[RunSummary]]) -> tuple[list[str], list[dict[str, Any]], str]:
    """Return the packages whose versions differ, the origin of each run, and what the runs have in common."""
    verdict_of = verdicts()
    listed = [(name, run) for name, of_entry in runs.items() for run in of_entry]
    systems = [_part(index.read_metadata(run.folder), "system_info") for _, run in listed]
    packages = [_part(system, "packages_info") for system in systems]
    names = sorted({name for each in packages for name in each}, key=lambda name: (name not in _FIRST, name.casefold()))
    differing = [name for name in names if len({each.get(name) for each in packages}) > 1]
    shown = differing[:_MAX_PACKAGES]
    origins = [
        {
            "entry": name,
            "folder": run.path.name,
            "kind": run.kind if (verdict := verdict_of(run)) is None else f"{run.kind}; run again: {verdict}",
            "commit": (run.git_commit_hash or "unknown")[:10] + ("*" if run.git_dirty else ""),
            "started": str(run.run_start_datetime or "unknown")[:16].replace("T", " "),
            "python": str(system.get("python_version") or "unknown").split(" ")[0],
            "packages": [each.get(package, "\N{EN DASH}") for package in shown],
            "machine": _machine(system),
        }
        for (name, run), system, each in zip(listed, systems, packages, strict=True)
    ]
    more = f" {len(differing) - len(shown)} more packages differ." if len(differing) > len(shown) else ""
    same = f"{len(names) - len(differing)} packages had the same version in all runs.{more}"
    stars = " * means uncommitted changes." if any(run.git_dirty for _, run in listed) else ""
    return shown, origins, same + stars


def _machine(system: Mapping[str, Any]) -> str:
    operating = _part(system, "os")
    parts = [_part(system, "cpu").get("brand_raw"), operating.get("system"), operating.get("release")]
    return ", ".join(str(part) for part in parts if part) or "unknown"


def _part(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    part = record.get(key)
    return part if isinstance(part, dict) else {}
