"""Settings of the documentation: what Sphinx builds, and how."""

from __future__ import annotations

import sys
from pathlib import Path

import gaitmap_results

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "gaitmap_results"
author = "The gaitmap_results authors"
copyright = "The gaitmap_results authors"
version = release = gaitmap_results.__version__

extensions = [
    *("sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_parser"),
    *("command_help", "folder_picture", "public_names", "schema_table"),
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]

# The reference lists what `__all__` names, wherever it is defined, so that no list has to be kept by hand.
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
numpydoc_show_class_members = False
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
# The same file is a page here and on the web, where its headings start at another level.
# What templates may call cannot be kept in the cache of the settings.
suppress_warnings = ["myst.header", "config.cache"]
# What follows a `$` is a command, and nothing else in such a block is highlighted.
highlight_language = "none"

# Names of Python's standard library. Their pages are elsewhere, and the build must not need the network.
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|contextlib|datetime|enum|logging|os|pathlib|signal|typing|uuid)(\..*)?"),
    (r"py:.*", r"(Any|Callable|Iterator|Mapping|Path|Sequence|datetime)"),
]

# Two dashes are the start of an option.
smartquotes_action = "q"

html_theme = "pydata_sphinx_theme"
html_title = "gaitmap_results"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"], "show_toc_level": 2}
html_sidebars = {"index": [], "changelog": [], "contributing": [], "tutorial": []}
html_show_sourcelink = False
