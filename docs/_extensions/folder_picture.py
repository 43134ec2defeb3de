"""Draw the folders of the package from its imports when the documentation is built."""

from __future__ import annotations

import runpy
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

_TOP = Path(__file__).parents[2]


class FolderPicture(Directive):
    """Show the picture that ``tests/project/draw_folders.py`` draws."""

    def run(self) -> list[nodes.Node]:
        """Return the picture as it is."""
        draw = runpy.run_path(str(_TOP / "tests" / "project" / "draw_folders.py"))["draw"]
        return [nodes.raw("", draw(_TOP / "gaitmap_results"), format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive ``folder-picture``."""
    app.add_directive("folder-picture", FolderPicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
