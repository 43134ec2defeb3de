"""The project's own files: what is written in two places says the same in both."""

from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOP = Path(__file__).parents[2]


def read_pyproject():
    """Read the project's description."""
    return tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))


def lower_bounds(requirements):
    """Return the name and the oldest allowed version of each requirement that has one."""
    found = (re.match(r"([\w-]+)>=([\d.]+)", each) for each in requirements)
    return {match[1].lower(): match[2] for match in found if match}


def test_lowest_environment_tests_every_lower_bound():
    """The tox environment `lowest` pins exactly the oldest versions that pyproject.toml allows."""
    project = read_pyproject()["project"]
    extras = project["optional-dependencies"]
    tested = ("analysis", "parquet", "report", "toml")
    allowed = lower_bounds([*project["dependencies"], *(each for name in tested for each in extras[name])])
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(TOP / "tox.ini", encoding="utf-8")
    pinned = dict(line.lower().split("==") for line in tox["testenv:lowest"]["deps"].split())
    # tpcp is no dependency; design and documentation promise to work with it from 2.1 on.
    assert pinned.pop("tpcp") == "2.1.0"
    assert pinned == allowed


def test_run_time_dependencies_have_a_lower_bound():
    """Every run-time dependency says from which version on it works, so that the bound can be tested."""
    dependencies = read_pyproject()["project"]["dependencies"]
    assert len(lower_bounds(dependencies)) == len(dependencies)


def test_every_dependency_has_a_reason():
    """CONTRIBUTING.md gives the reason for every dependency and extra."""
    project = read_pyproject()["project"]
    text = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
    requirements = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = [re.match(r"[\w-]+", each)[0] for each in requirements] + list(project["optional-dependencies"])
    assert [name for name in names if f"| `{name}`" not in text] == []


def test_every_tox_environment_is_described():
    """CONTRIBUTING.md names every tox environment and tox itself describes it."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(TOP / "tox.ini", encoding="utf-8")
    text = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in tox["tox"]["env_list"].split(", "):
        assert f"`{name}`" in text
        assert f"testenv:{name}" in tox or re.fullmatch(r"py3\d+", name)
    assert all(section.get("description") for name, section in tox.items() if name.startswith("testenv"))


def test_type_checkers_see_every_public_name():
    """What the package offers is used in the file that type checkers are given."""
    import gaitmap_results

    used = (TOP / "tests" / "project" / "typing_api.py").read_text(encoding="utf-8").partition("\nclass ")[2]
    assert [name for name in gaitmap_results.__all__ if not re.search(rf"\b{name}\b", used)] == []
