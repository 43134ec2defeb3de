"""The examples in the docstrings: what they show is what happens."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest
from readers_study import names_of_the_reader, record_study

import gaitmap_results
from gaitmap_results import cross_validation, exceptions, mobgap_evaluation

# The demo needs the extra of the same name; its code is run by the tox environment `integrations`.
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(gaitmap_results.__path__, "gaitmap_results.", onerror=lambda _: None)
    if not module.name.startswith(("gaitmap_results.demo", "gaitmap_results.cli"))
)

PUBLIC = {*gaitmap_results.__all__, *exceptions.__all__, *cross_validation.__all__, *mobgap_evaluation.__all__}


@pytest.mark.parametrize("name", ["gaitmap_results", *MODULES])
def test_examples_of_a_module(name):
    """Every example in a module's docstrings gives the output that is written below it.

    The reader has a challenge, an optimizer and a few runs; an example begins where theirs would.
    """
    module = importlib.import_module(name)
    if '"results"' in inspect.getsource(module):
        record_study()
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    assert doctest.testmod(module, extraglobs=names_of_the_reader(), optionflags=flags).failed == 0


def test_examples_fit_the_page():
    """No line of a public example is longer than 88 columns, so that nothing is cut off beside the contents."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    long = [
        f"{test.name}: {line}"
        for module in ["gaitmap_results", *MODULES]
        for test in finder.find(importlib.import_module(module), module)
        if test.name.rpartition(".")[2] in PUBLIC
        for example in test.examples
        for line in [*example.source.splitlines(), *example.want.splitlines()]
        if len(line) + len(">>> ") > 88
    ]
    assert not long, "\n".join(long)
