"""The page about comparing entries: each of its claims is shown."""

from __future__ import annotations

import re

import numpy as np
import pytest
from documents import TOP

from gaitmap_results.comparing.plots import plot_scores
from gaitmap_results.comparing.sign_flips import smallest_p
from gaitmap_results.comparing.verdicts import MIN_UNITS

PAGE = (TOP / "docs" / "how_to" / "compare_entries.md").read_text(encoding="utf-8")
PICTURE = TOP / "docs" / "_static" / "tutorial_scores.svg"
# The F1 scores of the tutorial's two entries.
SCORES = {"shin/norm": [0.890323, 0.775510, 0.827273], "shin/is": [0.860927, 0.765957, 0.843049]}


def test_what_so_many_participants_can_show():
    """The table of the page is what the test can give: the smallest p, and how many comparisons it leaves."""
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert [int(n) for n, _, _ in rows] == [3, 5, 6, 8, 10]
    for n, p, comparisons in rows:
        assert smallest_p(int(n)) == float(p)
        assert int(0.05 / float(p)) == int(comparisons)
    assert next(int(n) for n, p, _ in rows if float(p) <= 0.05) == MIN_UNITS
    assert "Fewer than six are therefore" in PAGE


def test_the_picture_of_the_tutorial(tmp_path):
    """The picture shows each participant of the tutorial where plot_scores draws them today."""
    pytest.importorskip("matplotlib", reason="the extra `report` installs it")
    from run_folders import CHALLENGE
    from scored_runs import write_scored_run

    from gaitmap_results import compare_entries
    from gaitmap_results.comparing.plots import drawn

    for name, values in SCORES.items():
        people = dict(zip(("HA 001", "HA 002", "MS 001"), values, strict=True))
        write_scored_run(tmp_path, name.split("/"), people, score="f1_score", direction="maximize")
    comparison = compare_entries(CHALLENGE, tmp_path)
    titles = [[f"{unit}: {value:.3g}" for unit, value in comparison.scores[name].items()] for name in SCORES]
    now = drawn(
        lambda ax: plot_scores(comparison, ax), len(titles), label="F1 score of each participant", titles=titles
    )
    style = (
        "<style>text{font-family:sans-serif;fill:currentColor}svg{color:#777;--accent:#1f77b4;--muted:#808080}</style>"
    )
    picture = now.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace("<defs>", f"{style}<defs>", 1)
    if not PICTURE.exists():
        PICTURE.write_text(f"{picture}\n", encoding="utf-8")
        pytest.fail(f"{PICTURE.name} was drawn anew; look at it, and commit it")
    assert _points(picture) == pytest.approx(_points(PICTURE.read_text(encoding="utf-8")), abs=4)
    assert re.findall("<title>.*?</title>", picture) == re.findall("<title>.*?</title>", PICTURE.read_text("utf-8"))


def _points(svg):
    places = re.findall(r'<use href="#\w+" x="([\d.]+)" y="([\d.]+)"><title>', svg)
    return np.array(places, dtype=float)
