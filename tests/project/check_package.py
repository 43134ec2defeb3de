"""Checks built distributions the way a user meets them: installed into an empty environment, without the source.

Run as ``python tests/project/check_package.py DIST``, where ``DIST`` is the folder with one sdist and one wheel.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

RECORDED_RUN = """
from gaitmap_results import BaseChallenge, recorded_run

class StepCount(BaseChallenge):
    VERSION = "1.0"

    def run(self, entry):
        with self._measure_time():
            self.steps = entry(100)
        return self

    def save_core_results(self, folder_path):
        (folder_path / "steps.txt").write_text(str(self.steps))

    @classmethod
    def load_core_results(cls, folder_path):
        return (folder_path / "steps.txt").read_text()

if __name__ == "__main__":
    with recorded_run("half", path="results") as recorder:
        StepCount().run(lambda samples: samples // 2)
    print(recorder.path_)
"""


def main(dist):
    """Check the sdist and the wheel in a folder, then use the installed wheel."""
    (sdist,) = dist.glob("*.tar.gz")
    (wheel,) = dist.glob("*.whl")
    check_contents(sdist, wheel)
    with tempfile.TemporaryDirectory() as scratch:
        # The name as Windows, macOS and Linux resolve it, for comparing paths.
        folder = Path(scratch).resolve()
        python, command = install(wheel, folder / "environment")
        work = folder / "work"
        work.mkdir()
        assert "Usage" in run(command, "--help", cwd=work)
        check_recorded_run(python, work)
    print(f"{wheel.name}: installed alone, its command and a recorded run work")


def check_contents(sdist, wheel):
    """Check that the wheel holds the typed package and nothing else, and the sdist all that is needed to test it."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "gaitmap_results/py.typed" in names
    stray = [name for name in names if not name.startswith("gaitmap_results")]
    assert not stray, stray
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"LICENSE", "README.md", "CHANGELOG.md", "tox.ini", "pyproject.toml", "tests/conftest.py", "docs/conf.py"}
    assert needed <= files, needed - files


def install(wheel, environment):
    """Install the wheel into a new environment; return the paths of its Python and of our command."""
    venv.create(environment, with_pip=True)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    run(python, "-m", "pip", "check")
    return python, scripts / "gaitmap-results"


def check_recorded_run(python, work):
    """Record a run with the installed package and check what is stored."""
    script = work / "steps.py"
    script.write_text(RECORDED_RUN, encoding="utf-8")
    run_folder = (work / run(python, script, cwd=work).splitlines()[-1]).resolve()
    assert run_folder.parent == work / "results" / "steps.StepCount" / "1.0" / "half", run_folder
    metadata = json.loads((run_folder / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["entry_name"] == "half"
    assert metadata["is_debug_run"] is True
    assert (run_folder / "results" / "steps.txt").read_text(encoding="utf-8") == "50"
    for line in (run_folder / "MANIFEST.sha256").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((run_folder / name).read_bytes()).hexdigest() == digest, name


def run(*arguments, cwd=None):
    """Run a command, without the source folder on its path; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(
        [str(each) for each in arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{arguments} failed\n{done.stdout}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
