"""The tutorial: what it shows is what happens, on the demo's real recordings."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from documents import NO_TERMINAL, TOP, Page, Shell, problems_of

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(NO_TERMINAL), reason=NO_TERMINAL),
    pytest.mark.skipif(
        find_spec("mobgap") is None or find_spec("pip") is None, reason="the extra 'demo' is not installed"
    ),
]


def test_the_tutorial_shows_what_happens(tmp_path):
    """Every file, command and output of the tutorial, from installing to comparing, is carried out as it stands."""
    shell = Shell(tmp_path)
    shown, code = shell.type("python -m pip download --quiet --no-deps --no-binary mobgap --dest $TMPDIR mobgap==1.2.0")
    if code != 0:
        pytest.skip(f"the package registry cannot be reached: {shown.strip().splitlines()[-1:]}")
    assert list(problems_of(Page.read(TOP / "docs" / "tutorial.md"), shell)) == []
