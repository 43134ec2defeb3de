"""The page about a comparison: complete, small, safe, the same each time, and readable without network or script."""

from __future__ import annotations

import re
import sys
from html import unescape

import numpy as np
import pytest
from run_folders import CHALLENGE, PUBLISHED, needs_published
from scored_runs import write_scored_run, write_store

from gaitmap_results import compare_entries, plot_differences, plot_scores, write_report
from gaitmap_results.comparing.page import comparison_page
from gaitmap_results.comparing.report import write_site
from gaitmap_results.comparing.sentences import p_value, sentences
from gaitmap_results.exceptions import InvalidOptionError, MissingExtraError, NotComparableError, ResultsFolderError

pytest.importorskip("matplotlib", reason="the extra `report` installs it")
pytest.importorskip("jinja2", reason="the extra `report` installs it")

OLD = [4.0, 5, 6, 5, 4, 6, 7]
NEW = [3.0, 4.5, 5, 4, 3.5, 5, 6]
# matplotlib looks for fonts and caches what it finds, and pyparsing renamed what it uses.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:matplotlib.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def page_of(results, target, **options):
    """Write a page and return its text."""
    return write_report(results, target, **options).read_text(encoding="utf-8")


def test_the_page_says_what_the_comparison_says(tmp_path):
    """Verdicts in words, the table, every participant by name, what was left out, and the commit are on the page."""
    write_store(tmp_path / "results", {"old": OLD, "new": NEW})
    debug = write_scored_run(tmp_path / "results", "draft", NEW, is_debug_run=True)
    page = page_of(tmp_path / "results", tmp_path / "report.html", baseline="old")
    assert "new is better than old: \N{MINUS SIGN}0.857 on average (95 % interval" in page
    assert "<td>new<td class=say>better<td>old" in page
    for number, value in enumerate(NEW, start=1):
        assert f"<title>P{number}: {value:.3g}</title>" in page
    assert page.count("<title>P") == 2 * 7
    assert debug.relative_to(tmp_path / "results").as_posix() in page
    assert "it is a debug run" in page
    assert "59a7855b7a" in page
    assert "This holds for these 7 participants, and for the entries as they were tuned here." in page
    assert "there is one comparison" in page
    assert "Debug runs are compared here" not in page
    with_debug = page_of(tmp_path / "results", tmp_path / "with_debug.html", include_debug=True)
    assert "Debug runs are compared here, too; they may not be published." in with_debug
    assert str(tmp_path) not in page


def test_the_page_has_the_mean_of_each_entry(tmp_path):
    """Beside the differences, the page shows n, mean, standard deviation and t interval of each entry, best first."""
    write_store(tmp_path / "results", {"old": OLD, "new": NEW})
    page = page_of(tmp_path / "results", tmp_path / "report.html", alpha=0.1)
    rows = [row for row in re.findall(r"<tr><td>(.*?)</tr>", page, re.DOTALL) if row.startswith(("old", "new"))][:2]
    assert [re.split(r"\s*<td class=n>", row) for row in rows] == [
        ["new", "7", "4.429", "1.02", "3.68 to 5.18"],
        ["old", "7", "5.286", "1.11", "4.47 to 6.1"],
    ]
    assert "90 % interval" in page
    assert "Less is better; the best mean comes first." in page


def test_sentences_are_about_the_better_entry(tmp_path):
    """Of two entries without a baseline the better one is the subject; with a baseline it is the other entry."""
    write_store(tmp_path, {"dedrifted": NEW, "plain": OLD})
    (said,) = sentences(compare_entries(CHALLENGE, tmp_path))
    assert said.startswith(
        "dedrifted is better than plain: \N{MINUS SIGN}0.857 on average (95 % interval \N{MINUS SIGN}1.08"
    )
    assert "better for 7, worse for 0, tied for 0" in said
    (said,) = sentences(compare_entries(CHALLENGE, tmp_path, baseline="dedrifted", smallest_effect=9))
    assert said.startswith("plain is worse than dedrifted, but by less than the smallest effect: +0.857 on average")
    (said,) = sentences(compare_entries(CHALLENGE, tmp_path, smallest_effect=9))
    assert said.startswith("dedrifted is better than plain, but by less than the smallest effect: ")


def test_only_what_was_used_is_cited(tmp_path):
    """The page cites the test that was used, and the adjustment where there are several comparisons."""
    write_store(tmp_path / "results", {"old": OLD, "new": NEW})
    names = ("Fisher", "Holm, ", "Nadeau", "Benavoli")
    page = page_of(tmp_path / "results", tmp_path / "two.html")
    assert [name for name in names if name in page] == ["Fisher"]
    write_scored_run(tmp_path / "results", "third", NEW)
    page = page_of(tmp_path / "results", tmp_path / "three.html")
    assert [name for name in names if name in page] == ["Fisher", "Holm, ", "Benavoli"]
    rows = [{"unit": [fold], "fold": fold, "scores": {"error": float(fold)}} for fold in range(7)]
    for name in ("old", "new"):
        write_scored_run(tmp_path / "folds", name, [], more={"units": ["fold"], "rows": rows})
    page = page_of(tmp_path / "folds", tmp_path / "folds.html")
    assert [name for name in names if name in page] == ["Nadeau"]


def test_what_a_browser_needs_is_on_the_page(tmp_path):
    """Nothing is loaded from anywhere, a phone shows each number with its label, and the class has its own line."""
    write_store(tmp_path / "results", {"old": OLD, "new": NEW}, challenge="study.StrideLengthChallenge")
    page = page_of(tmp_path / "results", tmp_path / "report.html")
    assert "<script" not in page
    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {"http://www.w3.org/1999/xlink"}
    assert re.findall(r"""(?:src=|@import|url\((?!#)|<link|<iframe)""", page) == []
    for needed in ("prefers-color-scheme: dark", "@media print", 'name="viewport"'):
        assert needed in page
    # On a narrow screen the header is hidden.
    header = re.search(r'<table class="rows">\s*<tr>(.*?)</tr>', page, re.DOTALL)[1]
    labelled = re.findall(r"\.rows td:nth-child\((\d+)\)::before { content:", page)
    assert labelled == [str(place) for place in range(3, header.count("<th") + 1)]
    assert "<h1><span class=module>study.</span>StrideLengthChallenge 1.0.0: error</h1>" in page
    assert "<title>study.StrideLengthChallenge 1.0.0: error</title>" in page


def test_points_stay_clear_of_their_mean(tmp_path):
    """Points with the same score are stacked above the bar of the mean, never on it."""
    import matplotlib.pyplot as plt

    write_store(tmp_path, {"old": [5.0] * 7, "new": [5.0] * 6 + [4.0]})
    ax = plot_scores(compare_entries(CHALLENGE, tmp_path))
    try:
        ax.figure.draw_without_rendering()
        radius = (24**0.5 / 2) * ax.figure.dpi / 72  # pixels
        for points in ax.collections:
            lowest = max(y for _, y in points.get_offsets())
            row = round(lowest)
            bars = [min(y) for line in ax.lines if (y := line.get_ydata())[0] != y[1] and round(min(y)) == row]
            _, pixels = ax.transData.transform([(5, lowest), (5, bars[0])]).T
            assert pixels[0] - radius > pixels[1]
    finally:
        plt.close(ax.figure)


def test_few_participants_are_drawn_and_not_tested(tmp_path):
    """Three participants are all drawn, and the page says why they decide nothing."""
    write_store(tmp_path / "results", {"old": OLD[:3], "new": NEW[:3]})
    page = page_of(tmp_path / "results", tmp_path / "report.html")
    assert "1 comparison was not tested: with 3 units the smallest p is 0.25." in page
    assert "3 participants cannot decide which entry is better" in page
    assert page.count("<title>P") == 6


def test_the_same_runs_give_the_same_page(tmp_path):
    """Two pages about the same runs are equal, byte for byte."""
    write_store(tmp_path / "results", {"old": OLD, "new": NEW})
    first = page_of(tmp_path / "results", tmp_path / "a.html", smallest_effect=0.5)
    assert first == page_of(tmp_path / "results", tmp_path / "b.html", smallest_effect=0.5)


def test_names_full_of_markup_are_text(tmp_path):
    """Names and reasons that look like HTML, formulas or commands of a terminal are shown as text."""
    units = ["<b>1</b>", "$x^$", "a&b", '"q"', "\u202eabc", "\x1b[31m", "7"]
    results = tmp_path / "results"
    write_scored_run(results, "a&b $x$", dict(zip(units, OLD, strict=True)), score="<i>e</i> $\\frac$")
    write_scored_run(results, "new", dict(zip(units, NEW, strict=True)), score="<i>e</i> $\\frac$")
    write_scored_run(results, "gone", dict(zip(units, [None] * 7, strict=True)), score="<i>e</i> $\\frac$")
    page = page_of(results, tmp_path / "report.html")
    assert "<b>1" not in page
    assert "<i>e" not in page
    assert "&lt;b&gt;1&lt;/b&gt;: 3" in page
    assert "a&amp;b $x$" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "<i>e</i> $\\frac$" in unescape(page)


def test_the_page_stays_small(tmp_path):
    """20 entries with 30 participants, all 190 pairs compared, take at most 150 kB."""
    random = np.random.default_rng(0)
    entries = {f"group/algorithm_{n}_tuned": random.normal(n / 10, 1, 30).round(4).tolist() for n in range(20)}
    for name, values in entries.items():
        write_scored_run(tmp_path / "results", name.split("/"), values, score="abs_error_m")
    page = page_of(tmp_path / "results", tmp_path / "report.html")
    assert page.count("<title>P") == 600
    assert page.count("<tr><td>") == 190 + 20 + 20
    assert len(page.encode()) <= 150_000


def test_nothing_is_written_for_what_is_refused(tmp_path):
    """A comparison that is refused leaves no file, and keeps one that is there."""
    write_store(tmp_path / "results", {"old": OLD, "new": NEW})
    with pytest.raises(InvalidOptionError):
        write_report(tmp_path / "results", tmp_path / "report.html", score="none")
    assert not (tmp_path / "report.html").exists()
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(NotComparableError):
        write_report(tmp_path / "results", tmp_path / "report.html", overwrite=True, version="9")
    assert (tmp_path / "report.html").read_text() == "mine"


def test_a_file_is_not_replaced_unasked(tmp_path):
    """An existing file is kept unless overwriting was asked for; run folders and folders are no targets."""
    paths = write_store(tmp_path / "results", {"old": OLD, "new": NEW})
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(InvalidOptionError, match="already exists"):
        write_report(tmp_path / "results", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "mine"
    page_of(tmp_path / "results", tmp_path / "report.html", overwrite=True)
    with pytest.raises(InvalidOptionError, match="is in a run folder"):
        write_report(tmp_path / "results", paths["old"] / "results" / "report.html")
    with pytest.raises(InvalidOptionError, match="is a folder"):
        write_report(tmp_path / "results", tmp_path)
    with pytest.raises(ResultsFolderError, match="cannot be written"):
        write_report(tmp_path / "results", tmp_path / "report.html" / "deeper.html")


def test_a_missing_extra_is_told_before_anything_is_computed(tmp_path, monkeypatch):
    """Without matplotlib or Jinja2 the error says how to install them."""
    write_store(tmp_path / "results", {"old": OLD, "new": NEW})
    for name in ("matplotlib", "jinja2"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, name, None)
            with pytest.raises(MissingExtraError, match=re.escape("gaitmap_results[report]")):
                write_report(tmp_path / "results", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


# Figures


def test_the_figures_of_a_paper(tmp_path):
    """The same figures are drawn on axes of your own: a point for each participant, a line for each interval."""
    import matplotlib.pyplot as plt

    write_store(tmp_path, {"old": OLD, "new": NEW})
    comparison = compare_entries(CHALLENGE, tmp_path, smallest_effect=0.5)
    figure, axes = plt.subplots(2)
    try:
        assert plot_scores(comparison, axes[0]) is axes[0]
        drawn = [points.get_offsets()[:, 0].tolist() for points in axes[0].collections]
        assert drawn == [NEW, OLD]
        assert axes[0].get_xlabel() == "error\n(less is better)"
        assert plot_differences(comparison, axes[1]) is axes[1]
        (row,) = comparison.table.itertuples()
        assert [row.low, row.high] in [list(line.get_xdata()) for line in axes[1].lines]
        assert "less is better" in axes[1].get_xlabel()
        own = plot_scores(comparison)
        plt.close(own.figure)
    finally:
        plt.close(figure)


def test_long_names_are_told_apart_in_the_drawings(tmp_path):
    """Where there is no room for whole names, what tells them apart stays, on the page and in a figure of a paper."""
    import matplotlib.pyplot as plt

    group = "an_institute_with_a_long_name/algorithms_of_the_year_2026"
    for number, values in enumerate((OLD, NEW)):
        name = f"initial_contacts_with_a_name_far_too_long_for_any_figure_{number}_tuned"
        write_scored_run(tmp_path / "results", [*group.split("/"), name], values)
    comparison = compare_entries(CHALLENGE, tmp_path / "results")
    ax = plot_differences(comparison)
    try:
        (row,) = [text.get_text() for text in ax.texts]
    finally:
        plt.close(ax.figure)
    first, second = row.split(" \N{MINUS SIGN} ")
    assert first.endswith("_1_tuned")
    assert second.endswith("_0_tuned")
    assert len(row) <= 45
    page = page_of(tmp_path / "results", tmp_path / "report.html")
    assert page.count(row) == 1
    assert f"{group}/initial_contacts" in page


def test_a_small_p_has_no_exponent(tmp_path):
    """A p is written for people: 0.00001, not 1e-05, and never as 0 unless it is."""
    assert [p_value(p) for p in (1, 0.031, 1e-4, 6.1e-5, 1e-5, 3e-7, 0)] == [
        *("1", "0.031", "0.0001", "0.00006", "0.00001", "< 0.00001", "0")
    ]
    write_store(tmp_path / "results", {"old": list(range(30)), "new": [x + 1 + x / 99 for x in range(30)]})
    page = page_of(tmp_path / "results", tmp_path / "report.html")
    assert "p = 0.00001)" in page
    assert "e-05" not in page


def test_an_interval_is_cut_where_scores_end(tmp_path):
    """A t interval that leaves the range of a bounded score is cut in the drawing, and the page says so."""
    import matplotlib.pyplot as plt

    values = {"a": [0.99, 0.5, 1.0], "b": [0.9, 0.8, 0.7]}
    write_store(tmp_path / "results", values, score="f1", direction="maximize")
    comparison = compare_entries(CHALLENGE, tmp_path / "results")
    ax = plot_scores(comparison)
    try:
        assert max(max(line.get_xdata()) for line in ax.lines) == 1.0
    finally:
        plt.close(ax.figure)
    page = page_of(tmp_path / "results", tmp_path / "report.html")
    assert "t interval, cut at 0 and 1, where scores end." in page
    assert comparison.table.low[0] < -0.5


# Sites


def test_a_site_of_all_challenges(tmp_path):
    """There is a page for each challenge and version, and a start page that leads to them or says why there is none."""
    results, out = tmp_path / "results", tmp_path / "public"
    write_store(results, {"old": OLD, "new": NEW})
    write_store(results, {"old": OLD, "new": NEW}, challenge_version="2.0.0")
    write_store(results, {"old": OLD, "new": NEW}, challenge="gait_lab.Other", direction=None)
    write_store(results, {"old": OLD}, challenge="gait_lab.Lonely")
    write_scored_run(results, "new", NEW, challenge="gait_lab.Lonely", is_debug_run=True)
    start = write_site(results, out).read_text(encoding="utf-8")
    pages = sorted(path.name for path in out.iterdir())
    assert pages == [
        "gait_lab.Challenge-1.0.0.html",
        "gait_lab.Challenge-2.0.0.html",
        "gait_lab.Other-1.0.0.html",
        "index.html",
    ]
    assert re.findall('href="([^"]+)"', start) == pages[:3]
    assert "There is nothing to compare: only old has a run that can be compared.</li>" in start
    assert "new is better than old" not in (out / "gait_lab.Other-1.0.0.html").read_text()
    assert "Nothing was tested: the records do not say" in (out / "gait_lab.Other-1.0.0.html").read_text()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_site(results, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_pages_of_a_site_do_not_replace_each_other(tmp_path):
    """Versions and names that would share a file get one each, also where case does not count."""
    results, out = tmp_path / "results", tmp_path / "public"
    for version in ("1 0", "1-0", "1+0"):
        write_store(results, {"old": OLD[:3], "new": NEW[:3]}, challenge_version=version)
    write_store(results, {"old": OLD[:3], "new": NEW[:3]}, challenge_version="1-0", challenge="gait_lab.CHALLENGE")
    damaged = write_scored_run(results, "old", OLD, challenge_version="1-0-1")
    (damaged / "metadata.json").write_text("{")
    start = write_site(results, out).read_text(encoding="utf-8")
    files = re.findall('href="([^"]+)"', start)
    assert len({name.casefold() for name in files}) == 4
    assert all((out / name).exists() for name in files)
    assert all("1-0-1" not in (out / name).read_text(encoding="utf-8") for name in files)


@needs_published
def test_the_published_runs_as_a_page(tmp_path):
    """The page of the published entries tells the packages that differ and the machines."""
    name = "gaitmap_challenges.full_pipeline.kluge_2017.Challenge"
    options = {"score": "stride_length__abs_error", "direction": "minimize"}
    page = comparison_page(compare_entries(name, PUBLISHED, **options), base=PUBLISHED)
    assert "gaitmap/mad_modern/default is better than gaitmap/mad_classic/default" in page
    assert "<title>216061: " in page
    assert "Intel" in page
    site = write_site(PUBLISHED, tmp_path / "site").read_text()
    assert site.count("href=") == 2
