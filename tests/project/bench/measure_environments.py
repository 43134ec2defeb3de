"""Measures listing the packages of an environment with 300 of them, beside reading their metadata once."""

from __future__ import annotations

import itertools
import os
import time
from importlib.metadata import distributions
from pathlib import Path

from measuring import COLUMNS, Plan, Table, in_turn, less_is_better, show_amount
from running import run_alone

from gaitmap_results.provenance.packages import installed_packages

__all__ = ["measure"]

_N_PACKAGES = 300
_HEADER_BYTES = 1024
_METADATA = """Metadata-Version: 2.1
Name: package-{number}
Version: {number}.2.3
Summary: A package that nobody wrote
Home-page: https://example.org/package-{number}
License: MIT
Classifier: Programming Language :: Python :: 3
Requires-Python: >=3.9
Requires-Dist: numpy

{description}
"""


def measure(plan: Plan) -> list[Table]:
    """Measure in this process."""
    site = _Site(plan.folder)
    rounds = plan.size(full=200, quick=5)
    ways = {"ours": site.list_packages, "floor": site.read_headers, "importlib": site.ask_importlib}
    seconds = in_turn(ways, rounds, pause=site.rename)
    row = less_is_better(
        f"listing an environment of {_N_PACKAGES} packages",
        seconds["ours"],
        f"the second and third line of the first {_HEADER_BYTES} bytes of each METADATA",
        seconds["floor"],
        at_most=1.5,
    )
    usual = sorted(seconds["importlib"])[rounds // 2]
    note = (
        f"{rounds} rounds in one process. The folder has another name each time, so that nothing that was kept of it "
        f"helps; the operating system has its files in memory. `importlib.metadata` takes {show_amount(usual)} for "
        "names and versions."
    )
    return [Table("A large environment", COLUMNS, [row], [note])]


class _Site:
    """A folder as packages are installed into."""

    def __init__(self, parent: Path) -> None:
        self._names = (parent / f"site_{number}" for number in itertools.count())
        self._folder = next(self._names)
        for number in range(_N_PACKAGES):
            info = self._folder / f"package_{number}-{number}.2.3.dist-info"
            info.mkdir(parents=True)
            text = _METADATA.format(number=number, description="Words about it.\n" * 200)
            (info / "METADATA").write_text(text, encoding="utf-8")
            for name in ("RECORD", "WHEEL", "INSTALLER"):
                (info / name).write_text("pip\n", encoding="utf-8")

    def rename(self) -> None:
        """Give the folder a name that nobody has seen."""
        self._folder = self._folder.rename(next(self._names))

    def list_packages(self) -> float:
        """List them as a record does."""
        started = time.perf_counter()
        found = installed_packages([str(self._folder)])
        seconds = time.perf_counter() - started
        assert len(found.versions) == _N_PACKAGES
        assert not found.problems
        return seconds

    def read_headers(self) -> float:
        """Do what nobody can do without."""
        folder = str(self._folder)
        started = time.perf_counter()
        found = {}
        for name in os.listdir(folder):
            descriptor = os.open(f"{folder}/{name}/METADATA", os.O_RDONLY)
            _, name_line, version_line, _ = os.read(descriptor, _HEADER_BYTES).decode().split("\n", 3)
            os.close(descriptor)
            found[name_line[6:]] = version_line[9:]
        seconds = time.perf_counter() - started
        assert len(found) == _N_PACKAGES
        return seconds

    def ask_importlib(self) -> float:
        """Do what most programs do."""
        started = time.perf_counter()
        found = {each.metadata["Name"]: each.version for each in distributions(path=[str(self._folder)])}
        seconds = time.perf_counter() - started
        assert len(found) == _N_PACKAGES
        return seconds


if __name__ == "__main__":
    run_alone(measure)
