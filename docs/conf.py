"""Settings of the documentation: what Sphinx builds, and how."""

from __future__ import annotations

import gaitmap_results

project = "gaitmap_results"
author = "The gaitmap_results authors"
copyright = "The gaitmap_results authors"
version = release = gaitmap_results.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_parser"]
templates_path = ["_templates"]
exclude_patterns = ["_build"]

# The reference lists what `__all__` names, wherever it is defined, so that no list has to be kept by hand.
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
numpydoc_show_class_members = False
myst_heading_anchors = 3
# The same file is a page here and on the web, where its headings start at another level.
suppress_warnings = ["myst.header"]

# Names of Python's standard library. Their pages are elsewhere, and the build must not need the network.
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|contextlib|datetime|enum|logging|os|pathlib|signal|typing|uuid)(\..*)?"),
    (r"py:.*", r"(Any|Callable|Iterator|Mapping|Path|Sequence|datetime)"),
]

html_theme = "pydata_sphinx_theme"
html_title = "gaitmap_results"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_sidebars = {"index": [], "changelog": []}
html_show_sourcelink = False
