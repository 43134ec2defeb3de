"""Render a comparison as one HTML page that needs no network and no script."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._version import __version__
from gaitmap_results.comparing.compared_provenance import origins_of
from gaitmap_results.comparing.plots import (
    is_cut,
    limits_of,
    plot_differences,
    plot_scores,
    require_matplotlib,
)
from gaitmap_results.comparing.sentences import method, number, p_value, power, references, sentences, what
from gaitmap_results.comparing.svg import drawn
from gaitmap_results.exceptions import MissingExtraError
from gaitmap_results.showing.text import one_line

if TYPE_CHECKING:
    from gaitmap_results.comparing.comparison import EntryComparison

__all__ = ["comparison_page", "require_report", "start_page"]

# A drawing with more rows is unreadable; the table shows all.
_MAX_DRAWN: Final = 40
_MAX_UNBROKEN: Final = 20


def require_report() -> None:
    """Raise ``MissingExtraError`` if the packages for writing pages are not installed."""
    require_matplotlib()
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f'Writing a page needs Jinja2, which cannot be imported ({error}). Install the extra "report":\n'
            '  pip install "gaitmap_results[report]"',
            extra="report",
        ) from error


def comparison_page(comparison: EntryComparison, *, base: Path) -> str:
    """Return a page about a comparison.

    Parameters
    ----------
    comparison
        The comparison.
    base
        The folder that the paths of runs are shown relative to.
    """
    packages, origins, same_packages = origins_of(comparison._runs)
    title = f"{comparison.challenge_name} {comparison.challenge_version}: {comparison.score}"
    return _rendered(
        "page.html",
        title=title,
        name=comparison.challenge_name,
        rest=f"{comparison.challenge_version}: {comparison.score}",
        what=what(comparison),
        sentences=list(sentences(comparison)),
        power=power(comparison),
        scope=comparison.scope,
        means=[_mean(row) for row in comparison.means.itertuples()],
        means_caption=_means_caption(comparison),
        has_intervals=not comparison.units_are_folds,
        scores_figure=_scores_figure(comparison),
        scores_caption=_scores_caption(comparison),
        differences_figure=_differences_figure(comparison),
        differences_caption=_differences_caption(comparison),
        level=f"{100 * (1 - comparison.alpha):g} %",
        rows=[_row(row) for row in comparison.table.itertuples()],
        left_out=[(_relative(path, base), reason) for path, reason in comparison.left_out],
        packages=packages,
        origins=origins,
        same_packages=same_packages,
        method=method(comparison),
        references=references(comparison),
    )


def start_page(challenges: Sequence[Mapping[str, Any]]) -> str:
    """Return a page that links to the others."""
    text = "Each page compares the official runs of one version of a challenge."
    return _rendered("start_page.html", title="Results", what=text, challenges=challenges)


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
    environment.filters.update(breakable=_breakable, headed=_headed)
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


def _markup(svg: str) -> Any:
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704  # made by matplotlib, which escapes what it writes


def _relative(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name


def _scores_figure(comparison: EntryComparison) -> Any:
    table = comparison.scores
    titles = [
        [f"{_unit(unit)}: {number(value)}" for unit, value in table[name].items()] for name in comparison.means["entry"]
    ]
    label = f"{comparison.score} of every participant, one row for each entry"
    return _markup(drawn(lambda ax: plot_scores(comparison, ax), len(titles), label=label, titles=titles))


def _unit(unit: Any) -> str:
    return one_line(" ".join(map(str, unit)) if isinstance(unit, tuple) else str(unit))


def _means_caption(comparison: EntryComparison) -> str:
    better = {"minimize": "Less is better", "maximize": "More is better"}.get(str(comparison.direction))
    said = "The smallest mean comes first." if better is None else f"{better}; the best mean comes first."
    interval = "" if comparison.units_are_folds else " The interval is the t interval of the mean."
    return f"{said} SD is the standard deviation over {comparison.kind_of_unit}s.{interval}"


def _scores_caption(comparison: EntryComparison) -> str:
    low, high = limits_of(comparison)
    kind = "fold" if comparison.units_are_folds else "participant"
    said = f"Each point is one {kind}; point at it to see which. The upright bar is the mean"
    if comparison.units_are_folds:
        return f"{said}."
    cut = ""
    if is_cut(comparison):
        where = f"{low:g} and {high:g}" if math.isfinite(high) else f"{low:g}"
        cut = f", cut at {where}, where scores end"
    return f"{said}, the line its {100 * (1 - comparison.alpha):g} % t interval{cut}."


def _differences_figure(comparison: EntryComparison) -> Any:
    rows = list(comparison.table.itertuples())
    if not rows or len(rows) > _MAX_DRAWN:
        return ""
    titles = [[f"{one_line(row.verdict)}: {number(row.difference, signed=True)}"] for row in rows]
    label = f"Mean differences in {comparison.score} with their intervals"
    return _markup(drawn(lambda ax: plot_differences(comparison, ax), len(rows), label=label, titles=titles))


def _differences_caption(comparison: EntryComparison) -> str:
    band = " The band is smaller than the smallest effect." if comparison.smallest_effect is not None else ""
    return (
        f"Mean of the differences of all {'folds' if comparison.units_are_folds else 'participants'} and its "
        f"{100 * (1 - comparison.alpha):g} % interval, in the unit of the score.{band}"
    )


def _mean(row: Any) -> dict[str, str]:
    return {
        "entry": row.entry,
        "n": str(row.n),
        "mean": number(row.mean, digits=4),
        "sd": number(row.sd),
        "interval": f"{number(row.low)} to {number(row.high)}" if math.isfinite(row.low) else number(row.low),
    }


def _row(row: Any) -> dict[str, str]:
    return {
        "entry": row.entry,
        "verdict": f"{row.verdict}; {row.note}" if row.note else row.verdict,
        "baseline": row.baseline,
        "difference": number(row.difference, signed=True),
        "interval": f"{number(row.low)} to {number(row.high)}",
        "counts": f"{row.better}, {row.worse}, {row.tied}",
        "d_z": number(row.d_z),
        "p": p_value(row.p),
        "p_holm": p_value(row.p_holm),
    }
