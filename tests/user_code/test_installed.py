"""Which files are the interpreter's, an installed package's, or the user's own."""

from __future__ import annotations

import json.decoder
import os
import sysconfig
from pathlib import Path

import click
import pytest

from gaitmap_results.user_code.installed import is_installed, is_library


@pytest.mark.parametrize(
    ("file", "library", "installed"),
    [
        (os.__file__, True, False),
        (json.decoder.__file__, True, False),
        (click.__file__, False, True),
        (str(Path(sysconfig.get_path("scripts"), "pytest")), False, True),
        (__file__, False, False),
    ],
)
def test_every_file_has_one_owner(file: str, library: bool, installed: bool) -> None:
    """The interpreter's library, packages and their commands, and everything else are told apart."""
    assert (is_library(file), is_installed(file)) == (library, installed)


@pytest.mark.parametrize("name", ["site-packages", "dist-packages"])
def test_a_package_may_be_a_link_to_a_cache(tmp_path: Path, name: str) -> None:
    """An installer that links files to its cache has installed them, whichever of the two names Python uses."""
    cached, linked = tmp_path / "cache" / "module.py", tmp_path / name / "module.py"
    for file in (cached, linked):
        file.parent.mkdir()
    cached.write_text("", encoding="utf-8")
    linked.symlink_to(cached)
    assert is_installed(str(linked))
    assert not is_installed(str(cached))
    assert not is_installed(str(tmp_path / f"my_{name}" / "module.py"))
