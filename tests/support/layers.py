"""The layers of the package, and what finds imports that go against them.

Nothing of the package is imported here: its files are read and parsed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "gaitmap_results"
ROOT = "__init__"

# From low to high. A folder imports from the rows below its own, and from itself, never from its own row or above.
# A module that lies at the package's root is an entry of its own. An entry of the table need not exist yet.
ROWS: tuple[frozenset[str], ...] = (
    frozenset({"_version", "exceptions"}),
    frozenset({"_extras", "config", "store", "user_code"}),
    frozenset({"challenge", "showing", "typed_results"}),
    frozenset({"cross_validation", "labels"}),
    frozenset({"mobgap_evaluation", "provenance", "reading"}),
    frozenset({"saving"}),
    frozenset({"comparing", "recording", "unfinished"}),
    frozenset({"exporting", "reproducing", "suites"}),
    frozenset({"integrations"}),
    frozenset({ROOT}),
    frozenset({"demo"}),
    frozenset({"cli"}),
)

# Neither side reaches the other, not even through a third module.
WRITING = frozenset({"provenance", "recording", "saving"})
READING = frozenset({"comparing", "reading"})

# Each third-party library has few places that import it, so that replacing it changes those.
THIRD_PARTY: Mapping[str, frozenset[str]] = {
    "wrapt": frozenset({"user_code"}),
    "git": frozenset({"provenance"}),
    "psutil": frozenset({"provenance"}),
    "orjson": frozenset({"store"}),
    "tomli": frozenset({"config"}),
    "cloudpickle": frozenset({"suites"}),
    "distributed": frozenset({"suites"}),
    "mlflow": frozenset({"exporting"}),
    "click": frozenset({"cli"}),
    "rich": frozenset({"cli"}),
    "tpcp": frozenset({"integrations", "demo"}),
    "mobgap": frozenset({"demo"}),
    "numpy": frozenset({"comparing", "typed_results", "demo"}),
    "scipy": frozenset({"comparing"}),
    "matplotlib": frozenset({"comparing"}),
    "jinja2": frozenset({"comparing"}),
    "markupsafe": frozenset({"comparing"}),
    "pandas": frozenset({"_extras", "comparing", "cross_validation", "reading", "typed_results", "demo"}),
    "sklearn": frozenset({"demo"}),
    "uv": frozenset({"reproducing"}),
}

# (importer, imported): why this import may go up.
ALLOWED_UPWARD: Mapping[tuple[str, str], str] = {}

IMPORTING_FUNCTIONS = frozenset({"importlib.import_module", "import_module", "__import__"})
FORBIDDEN_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"})
MAX_LINES = 350
MAY_PRINT = frozenset({"cli", "demo"})


@dataclass(frozen=True)
class Import:
    """One import statement: ``target`` is a module of the package (``"layout"``) or of a library (``"wrapt"``)."""

    importer: str
    target: str
    internal: bool
    line: int


def modules_of(folder: Path) -> dict[str, Path]:
    """Find the modules of a package, named without the package: ``layout``, ``cli``, ``cli.main``, ``__init__``."""
    modules = {}
    for file in sorted(folder.rglob("*.py")):
        parts = list(file.relative_to(folder).with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        modules[".".join(parts)] = file
    return modules


def unit(module: str) -> str:
    """Return the entry of the table that a module belongs to: ``cli`` for ``cli.main``."""
    return module.split(".", 1)[0]


def imports_of(folder: Path) -> list[Import]:
    """Collect every import of every module, also those inside functions and those for type checking only."""
    modules = modules_of(folder)
    found = set()
    for importer, file in modules.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name in _imported_names(node, importer, is_package=file.name == "__init__.py"):
                top, _, rest = name.partition(".")
                if top == PACKAGE:
                    target = _innermost_module(rest, modules)
                    if target != importer:
                        found.add(Import(importer, target, True, node.lineno))
                else:
                    found.add(Import(importer, top, False, node.lineno))
    return sorted(found, key=lambda each: (each.importer, each.line, each.target))


def _imported_names(node: ast.AST, importer: str, *, is_package: bool) -> Iterator[str]:
    """Name, in full, what one node of a module's syntax tree imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = [PACKAGE, *importer.split(".")] if importer != ROOT else [PACKAGE]
            up = node.level - 1 if is_package else node.level
            base = ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPORTING_FUNCTIONS:
        yield from (str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant))


def _innermost_module(name: str, modules: Iterable[str]) -> str:
    """Find the module that ``layout.run_folder`` comes from: ``layout``; what is none's comes from ``__init__``."""
    while name:
        if name in modules:
            return name
        name = name.rpartition(".")[0]
    return ROOT


def unknown_modules(folder: Path, rows: Iterable[frozenset[str]] = ROWS) -> list[str]:
    """Say which modules the table does not name."""
    known = frozenset().union(*rows)
    return [
        f"{file.name}: add {unit(module)!r} to a row of ROWS in tests/support/layers.py"
        for module, file in modules_of(folder).items()
        if unit(module) not in known
    ]


def upward_imports(
    folder: Path,
    rows: Iterable[frozenset[str]] = ROWS,
    allowed: Iterable[tuple[str, str]] = ALLOWED_UPWARD,
) -> list[str]:
    """Say which imports do not go down the rows."""
    row_of = {name: number for number, row in enumerate(rows) for name in row}
    problems = []
    for each in imports_of(folder):
        importer, target = unit(each.importer), unit(each.target)
        if not each.internal or importer == target or (each.importer, each.target) in allowed:
            continue
        if row_of.get(target, -1) >= row_of.get(importer, len(row_of)):
            problems.append(f"{each.importer}, line {each.line}: imports {each.target}, which is not below it")
    return problems


def import_cycles(folder: Path) -> list[str]:
    """Say which modules import themselves through others."""
    reached = _reachable(folder)
    return [f"{module} imports itself through other modules" for module in reached if module in reached[module]]


def crossings(folder: Path, writing: frozenset[str] = WRITING, reading: frozenset[str] = READING) -> list[str]:
    """Say where the writing side reaches the reading side or the other way round, directly or through others."""
    problems = []
    for module, targets in _reachable(folder).items():
        for side, other in ((writing, reading), (reading, writing)):
            if unit(module) in side:
                problems += [f"{module} reaches {each} on the other side" for each in targets if unit(each) in other]
    return problems


def _reachable(folder: Path) -> dict[str, list[str]]:
    """Tell for each module which modules of the package it imports, directly or through others."""
    direct: dict[str, set[str]] = {module: set() for module in modules_of(folder)}
    for each in imports_of(folder):
        if each.internal:
            direct[each.importer].add(each.target)
    reachable = {}
    for module in direct:
        seen: set[str] = set()
        waiting = list(direct[module])
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                waiting += direct.get(current, ())
        reachable[module] = sorted(seen)
    return reachable


def misplaced_libraries(folder: Path, places: Mapping[str, frozenset[str]] = THIRD_PARTY) -> list[str]:
    """Say which third-party libraries are imported outside of their one place, or are not in the table at all."""
    problems = []
    for each in imports_of(folder):
        if each.internal or each.target in sys.stdlib_module_names or each.target in _NEW_IN_THE_STANDARD_LIBRARY:
            continue
        allowed = places.get(each.target)
        if allowed is None:
            problems.append(f"{each.importer}, line {each.line}: {each.target} is not in THIRD_PARTY")
        elif unit(each.importer) not in allowed:
            problems.append(f"{each.importer}, line {each.line}: {each.target} belongs to {sorted(allowed)}")
    return problems


# Python 3.10 does not know these, later versions bring them.
_NEW_IN_THE_STANDARD_LIBRARY = frozenset({"tomllib"})


def forbidden_names(folder: Path, names: frozenset[str] = FORBIDDEN_NAMES) -> list[str]:
    """Say which modules have a name that says nothing about their job."""
    return [
        f"{module}: name it by its one job"
        for module in modules_of(folder)
        if any(part.strip("_") in names for part in module.split("."))
    ]


def long_modules(folder: Path, limit: int = MAX_LINES) -> list[str]:
    """Say which modules have more lines than one job needs."""
    lengths = {
        module: len(file.read_text(encoding="utf-8").splitlines()) for module, file in modules_of(folder).items()
    }
    return [f"{module}: {length} lines, at most {limit}" for module, length in lengths.items() if length > limit]


def prints(folder: Path, allowed: frozenset[str] = MAY_PRINT) -> list[str]:
    """Say which modules print, although only the command line talks to people."""
    return [
        f"{module}, line {node.lineno}: prints"
        for module, file in modules_of(folder).items()
        if unit(module) not in allowed
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
