"""The files and modules in which people list their entries: what is found, and what is refused with what to do."""

from __future__ import annotations

import sys

import pytest

from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.suites.discovery import find_entries

_HEAD = """
from functools import partial
from gaitmap_results import BaseChallenge, Entry, record_run

class Steps(BaseChallenge):
    VERSION = "1"
    def run(self, n): pass
    def save_core_results(self, folder): pass
    @classmethod
    def load_core_results(cls, folder): pass

@record_run(path="results")
def count(n=1): pass

@record_run(path="results")
def needing(n): pass
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder to write files in, and forget what was imported from it."""
    known, path = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("rest", "name", "found"),
    [
        ("", "", 1),
        ("ENTRIES = [count, partial(needing, 2), Entry('made', Steps(), 1)]", "", 3),
        ("ENTRIES = (count, count)", "", 2),
        ("MINE = [count, count]", ":MINE", 2),
        ("mine = Entry('made', Steps(), 1)", ":mine", 1),
        ("mine = partial(needing, 2)", ":mine", 1),
        ("from other_entries import *", ":count", 1),
    ],
)
def test_entries_are_found(folder, rest, name, found):
    """Lists, tuples, single entries and functions without arguments are found, also in a folder with spaces."""
    place = folder / "my study"
    place.mkdir()
    (place / "other_entries.py").write_text(_HEAD)
    (place / "some_suite.py").write_text(_HEAD + rest)
    assert len(find_entries(f"my study/some_suite.py{name}")) == found


def test_a_module_of_a_package_may_import_relatively(folder):
    """A module is named with dots; its file alone is refused with how to name it."""
    (folder / "some_study").mkdir()
    (folder / "some_study" / "__init__.py").touch()
    (folder / "some_study" / "challenge.py").write_text(_HEAD)
    (folder / "some_study" / "suite_of_it.py").write_text("from .challenge import count\nENTRIES = [count]\n")
    assert len(find_entries("some_study.suite_of_it:ENTRIES")) == 1
    with pytest.raises(InvalidOptionError, match=r"line 1\).*PACKAGE\.suite_of_it"):
        find_entries("some_study/suite_of_it.py")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ENTRIES = []", "The list ENTRIES in some_suite.py is empty"),
        ("ENTRIES = {'a': 1}", "is a dict, not an entry or a list"),
        ("ENTRIES = (n for n in range(2))", "is a generator"),
        ("ENTRIES = None", "is a NoneType"),
        ("def ENTRIES(): return []", "is a function"),
        ("x = 1", "There are no entries in some_suite.py"),
        ("from other_entries import count", "Entries there: count; some_suite.py:count runs one of them"),
        ("import missing_package", r"No module named 'missing_package' \(.*some_suite.py, line 1\)"),
        ("x = 1\nraise ValueError('no data')", r"ValueError: no data \(.*some_suite.py, line 2\)"),
        ("open('missing.csv')", r"FileNotFoundError.*line 1\)"),
        ("x = (", r"SyntaxError: .*line 1\)\.$"),
    ],
)
def test_a_file_without_entries_is_refused_with_where_and_what_to_do(folder, content, said):
    """Whatever is wrong with the file or its list is named with its place, not with a traceback of this package."""
    (folder / "other_entries.py").write_text(_HEAD)
    (folder / "some_suite.py").write_text(content)
    with pytest.raises(InvalidOptionError, match=said):
        find_entries("some_suite.py")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nothing.py", "There is no file nothing.py"),
        ("nothing.at_all", "There is no module 'nothing.at_all'"),
        ("some_suite.py:other", "other in some_suite.py is missing"),
        ("notebook.ipynb", "Put the entries into a Python file"),
        ("my-suite.py", "Put the entries into a Python file"),
        ("json.py", "has the name of the module 'json'"),
    ],
)
def test_what_cannot_be_imported_is_refused(folder, place, said):
    """A missing place, a notebook, and names that Python cannot import are told by their kind."""
    for name in ("notebook.ipynb", "my-suite.py", "json.py", "some_suite.py"):
        (folder / name).write_text("")
    with pytest.raises(InvalidOptionError, match=said):
        find_entries(place)
