"""The examples in the docstrings: what they show is what happens."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import gaitmap_results

# The demo needs the extra of the same name; its code is run by the tox environment `demo`.
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(gaitmap_results.__path__, "gaitmap_results.", onerror=lambda _: None)
    if not module.name.startswith(("gaitmap_results.demo", "gaitmap_results.cli"))
)


@pytest.mark.parametrize("name", ["gaitmap_results", *MODULES])
def test_examples_of_a_module(name):
    """Every example in a module's docstrings gives the output that is written below it."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    assert doctest.testmod(importlib.import_module(name), optionflags=flags).failed == 0
