"""The layers of the package: who may import whom, and what importing the package brings along."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import draw_folders
import layers
import pytest

import gaitmap_results

PACKAGE_FOLDER = Path(gaitmap_results.__file__).parent

RULES = {
    "every module is in the table": layers.unknown_modules,
    "imports go down": layers.upward_imports,
    "no cycles": layers.import_cycles,
    "writing and reading apart": layers.crossings,
    "one place for each library": layers.misplaced_libraries,
    "names that say the job": layers.forbidden_names,
    "short modules": layers.long_modules,
    "no prints": layers.prints,
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_package_keeps_the_rule(rule):
    """Every rule of the layers holds for the package as it is."""
    assert rule(PACKAGE_FOLDER) == []


def test_no_module_has_two_rows():
    """The table of the layers gives each module exactly one place."""
    names = [name for row in layers.ROWS for name in row]
    assert len(names) == len(set(names))


def test_the_sides_are_named_in_the_table():
    """A module of the writing or the reading side that is renamed must be renamed in the table too."""
    named = frozenset().union(*layers.ROWS)
    assert named >= layers.WRITING | layers.READING
    assert not layers.WRITING & layers.READING


# What the rules find in small packages that break them.

ROWS = (frozenset({"low"}), frozenset({"left", "right"}), frozenset({layers.ROOT}), frozenset({"cli"}))


@pytest.fixture
def package(tmp_path):
    """Return a function that writes a package from file names and their text."""

    def write(**files):
        folder = write.folder
        folder.mkdir()
        (folder / "__init__.py").touch()
        for name, text in files.items():
            file = folder.joinpath(*name.split("__")).with_suffix(".py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return folder

    write.folder = tmp_path / "package"
    return write


def test_a_new_module_is_noticed(package):
    """A module that the table does not name is refused with the advice to add it."""
    (problem,) = layers.unknown_modules(package(low="", stranger=""), ROWS)
    assert "add 'stranger'" in problem


def test_a_package_in_order_has_no_problems(package):
    """Imports that go down, and a folder's imports within itself, are accepted."""
    folder = package(
        low="import json",
        left="from gaitmap_results.low import x",
        cli____init__="from gaitmap_results.cli import main\nfrom gaitmap_results import left",
        cli__main="import gaitmap_results.low",
    )
    assert layers.unknown_modules(folder, ROWS) == []
    assert layers.upward_imports(folder, ROWS) == []
    assert layers.import_cycles(folder) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import gaitmap_results.right",
        "from gaitmap_results import right",
        "from gaitmap_results.right import x",
        "from . import right",
        "from .right import x",
        "def f():\n    from gaitmap_results.right import x",
        "if TYPE_CHECKING:\n    from gaitmap_results.right import x",
        "import importlib\nimportlib.import_module('gaitmap_results.right')",
        "__import__('gaitmap_results.right')",
    ],
)
@pytest.mark.parametrize("importer", ["low", "left"])
def test_an_import_upward_or_sideways_is_found_in_every_spelling(package, importer, statement):
    """No way to write an import, lazy or for type checking only, escapes the rule of the rows."""
    files = {"low": "", "left": "", "right": ""} | {importer: statement}
    (problem,) = layers.upward_imports(package(**files), ROWS)
    assert problem.startswith(importer)
    assert "imports right" in problem


def test_a_public_name_counts_as_an_import_of_the_whole_package(package):
    """A module cannot reach up by importing a name from the package instead of from its module."""
    (problem,) = layers.upward_imports(package(low="from gaitmap_results import save_run"), ROWS)
    assert "imports __init__" in problem


def test_an_allowed_exception_is_allowed_once(package):
    """An exception names both modules; it does not open the way for others."""
    folder = package(low="import gaitmap_results.left\nimport gaitmap_results.right", left="", right="")
    (problem,) = layers.upward_imports(folder, ROWS, {("low", "left")})
    assert "imports right" in problem


def test_a_cycle_is_found_over_three_modules(package):
    """A cycle is found however many modules it goes through, also inside a folder."""
    folder = package(
        low="from gaitmap_results import left",
        left="def f():\n    import gaitmap_results.right",
        right="from gaitmap_results.low import x",
        cli__one="from gaitmap_results.cli import two",
        cli__two="from gaitmap_results.cli.one import x",
    )
    found = {problem.split()[0] for problem in layers.import_cycles(folder)}
    assert found == {"low", "left", "right", "cli.one", "cli.two"}


@pytest.mark.parametrize("between", [False, True])
def test_the_sides_do_not_reach_each_other(package, between):
    """Reading does not get at writing, neither directly nor through a module of neither side."""
    files = {"left": "import gaitmap_results.low", "low": "import gaitmap_results.right", "right": ""}
    if not between:
        files["left"] = "import gaitmap_results.right"
        files["low"] = ""
    problems = layers.crossings(package(**files), frozenset({"left"}), frozenset({"right"}))
    assert problems == ["left reaches right on the other side"]


def test_a_library_outside_of_its_place_is_found(package):
    """A library is refused outside of its one module, and an unknown one is refused everywhere."""
    folder = package(
        low="import wrapt", left="import wrapt.decorators\nimport tomllib", right="def f():\n    import requests"
    )
    problems = layers.misplaced_libraries(folder, {"wrapt": frozenset({"low"})})
    assert problems == [
        "left, line 1: wrapt belongs to ['low']",
        "right, line 2: requests is not in THIRD_PARTY",
    ]


def test_a_name_without_a_job_is_found(package):
    """A module called utils is found, private or in a folder as well."""
    folder = package(_utils="", cli__helpers="", manager="", community="")
    assert [problem.split(":")[0] for problem in layers.forbidden_names(folder)] == ["_utils", "cli.helpers", "manager"]


def test_a_long_module_is_found(package):
    """A module one line over the limit is found, one at the limit is not."""
    folder = package(low="x = 1\n" * 10, left="x = 1\n" * 11)
    assert layers.long_modules(folder, 10) == ["left: 11 lines, at most 10"]


def test_a_print_is_found(package):
    """A print is found anywhere in a module, and only the command line may have one."""
    folder = package(low="def f():\n    print(1)", cli__main="print(1)", left="# print(1)")
    assert layers.prints(folder) == ["low, line 2: prints"]


# The picture of the folders.


def test_the_picture_shows_every_folder_above_what_it_imports():
    """The picture in the documentation has a box for every folder, which names its imports and stands above them."""
    picture = draw_folders.draw(PACKAGE_FOLDER)
    places = {name: int(y) for y, name in re.findall(r'class="mono" x="\d+" y="(\d+)">([^<]+)<', picture)}
    places[layers.ROOT] = places.pop(layers.PACKAGE)
    imports = draw_folders.folder_imports(PACKAGE_FOLDER)
    assert places.keys() == imports.keys()
    for name, targets in imports.items():
        assert all(places[name] < places[target] for target in targets), name


def test_the_picture_follows_the_imports(package, monkeypatch):
    """A new import changes the picture."""
    monkeypatch.setattr(layers, "ROWS", (*ROWS[:2], frozenset({layers.ROOT}), frozenset({"cli"})))
    before = draw_folders.draw(package(low='"""Low."""', left='"""Left."""'))
    (package.folder / "left.py").write_text('"""Left."""\nimport gaitmap_results.low', encoding="utf-8")
    after = draw_folders.draw(package.folder)
    assert "imports low" in after
    assert "imports low" not in before


# What importing the package does.

HEAVY = ["git", "gitdb", "psutil", "pandas", "numpy", "click", "rich", "tpcp", "mobgap", "joblib", "scipy", "sklearn"]

OBSERVER = """
import json, sys, threading
started = []
sys.addaudithook(
    lambda event, args: started.append(event)
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "_thread.start_new_thread")
    else None
)
{statement}
json.dump({{"loaded": sorted(sys.modules), "started": started, "threads": threading.active_count()}}, sys.stdout)
"""


def observe_import(statement):
    """Run a statement in a new process; return the heavy libraries it loaded, what it started, and its threads."""
    done = subprocess.run(
        [sys.executable, "-c", OBSERVER.format(statement=statement)], capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stdout)
    return [name for name in HEAVY if name in seen["loaded"]], seen["started"], seen["threads"]


def test_importing_the_package_is_light():
    """Importing the package loads no heavy library and starts neither a thread nor a process."""
    assert observe_import("import gaitmap_results") == ([], [], 1)


def test_a_heavy_import_is_noticed():
    """The observation of the import sees a library, a thread and a process."""
    statement = (
        "import numpy, subprocess, time\n"
        "subprocess.run([sys.executable, '-c', ''])\n"
        "threading.Thread(target=time.sleep, args=(2,), daemon=True).start()"
    )
    loaded, started, threads = observe_import(statement)
    assert loaded == ["numpy"]
    assert "subprocess.Popen" in started
    assert threads == 2
