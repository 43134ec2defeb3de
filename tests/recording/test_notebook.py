"""Recording in a real Jupyter kernel: cells, reloaded modules, errors, interrupts, restarts and workers."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from challenges import stored_entries, stored_runs
from documents import TOP, Page
from processes import python_environment

from gaitmap_results import unfinished_runs

pytest.importorskip("ipykernel")
jupyter_client = pytest.importorskip("jupyter_client")

MODULE = """
from gaitmap_results import BaseChallenge, record_run

class Steps(BaseChallenge):
    VERSION = "1"

    def run(self, optimizer):
        self.optimizer = self.result_ = optimizer
        return self

    def save_core_results(self, folder_path):
        (folder_path / "result.txt").write_text(f"first {self.result_}")

    @classmethod
    def load_core_results(cls, folder_path):
        return (folder_path / "result.txt").read_text()

@record_run(path="results", use_git=False)
def entry():
    Steps().run("from the module")
"""
SETUP = """
from gaitmap_results import BaseChallenge, record_run, recorded_run
from gait import Steps, entry
options = {"path": "results", "use_git": False}
"""


class Kernel:
    """A kernel whose cells a test runs one by one."""

    def __init__(self, folder: Path) -> None:
        self.manager = jupyter_client.KernelManager(kernel_name="python3")
        if os.name != "nt":  # a port that is free now may be taken by another program before the kernel has it
            self.sockets = tempfile.TemporaryDirectory(prefix="kernel_")  # the path of a socket has to be short
            self.manager.transport, self.manager.ip = "ipc", str(Path(self.sockets.name, "s"))
        # The Python of the tests, whichever one the machine calls by this name.
        self.manager.kernel_spec.argv[0] = sys.executable
        # Without settings and history of the machine, which every kernel would write into.
        self.manager.start_kernel(cwd=str(folder), env=python_environment({"IPYTHONDIR": str(folder / "ipython")}))
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=500)

    def start(self, code: str) -> str:
        """Start a cell and return its number."""
        # A kernel throws away what arrives within a moment after an error, as long as the sender does not object.
        return str(self.client.execute(textwrap.dedent(code), stop_on_error=False))

    def finish(self, cell: str) -> list[dict[str, Any]]:
        """Wait for a cell and return the contents of its outputs."""
        outputs = []
        while True:
            message = self.client.get_iopub_msg(timeout=500)
            if message["parent_header"].get("msg_id") != cell:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            outputs.append(message["content"])
        # ipykernel 7.0 to 7.3 lose a cell that arrives while the reply to the one before is being sent (issue 1554).
        while self.client.get_shell_msg(timeout=500)["parent_header"].get("msg_id") != cell:
            pass
        return outputs

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run a cell that must not fail, and return its outputs."""
        outputs = self.finish(self.start(code))
        errors = [output["traceback"] for output in outputs if "ename" in output]
        assert not errors, "\n".join(errors[0])
        return outputs

    def restart(self) -> None:
        """Restart the kernel at once, whatever it is doing, as the button of a notebook does."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        if os.name != "nt":
            self.sockets.cleanup()


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """Start a kernel in the folder of the test, which has a module with a challenge and an entry."""
    (tmp_path / "gait.py").write_text(MODULE)
    started = Kernel(tmp_path)
    yield started
    started.close()


def wait_for(file: Path) -> None:
    """Wait until a cell has written a file."""
    end = time.monotonic() + 500
    while not file.exists():
        assert time.monotonic() < end, f"{file} was not written"
        time.sleep(0.02)


def test_cells(tmp_path, kernel):
    """A block in a cell and a decorated function of another cell are recorded, and the recorder is shown as a table."""
    kernel.run(SETUP)
    outputs = kernel.run("with recorded_run('block', **options) as r:\n    Steps().run(1)\nr")
    kernel.run(
        """
        class OfTheCell(Steps):
            def run(self, optimizer):
                return super().run(optimizer)

        @record_run(**options)
        def decorated():
            OfTheCell().run(2)
        """
    )
    kernel.run("decorated()")

    html = next(output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {}))
    assert "gait.Steps" in html
    runs = {run["entry_name"]: run for run in stored_runs(tmp_path / "results")}
    assert set(runs) == {"block", "decorated"}
    assert {run["caller"]["kind"] for run in runs.values()} == {"notebook"}
    assert runs["decorated"]["challenge_name"] == "__main__.OfTheCell"
    assert runs["decorated"]["caller"]["function"] == "decorated"


def test_the_line_about_a_saved_run_is_no_error(tmp_path, kernel):
    """What was saved is told once, as an output of the cell, and not in a red block on the error stream."""
    kernel.run(SETUP)
    for cell in ("with recorded_run('block', **options) as r:\n    Steps().run(1)", "entry()"):
        outputs = kernel.run(cell)
        said = [output["data"] for output in outputs if "data" in output]
        (run,) = [path for path in (tmp_path / "results").glob("*/*/*/*") if str(path) in str(said)]
        assert [data["text/plain"] for data in said] == [f"Saved debug run (debug_run.default) to {run}"]
        assert not [output for output in outputs if output.get("name") == "stderr" and "Saved" in output["text"]]


def test_workers_of_a_notebook_tell_what_they_saved_on_their_error_stream(tmp_path, kernel):
    """A forked worker has a copy of the kernel that nobody listens to; it loses nothing and does not hang."""
    kernel.run(SETUP)
    outputs = kernel.run(
        """
        import multiprocessing, sys
        if sys.platform == "linux":
            worker = multiprocessing.get_context("fork").Process(target=entry)
            worker.start()
            worker.join(500)
            print("exit code", worker.exitcode)
        """
    )
    if sys.platform == "linux":
        assert "exit code 0" in str(outputs)
        assert stored_entries(tmp_path / "results") == ["entry"]


def test_what_a_script_defines(tmp_path, kernel):
    """A challenge of a script that %run has read has one name, in the script and in the cells that come after it."""
    script = """
        from gait import Steps
        from gaitmap_results import record_run

        class OfTheScript(Steps):
            def run(self, optimizer):
                return super().run(optimizer)

        @record_run(path="results", use_git=False)
        def of_the_script():
            OfTheScript().run(1)

        of_the_script()
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))
    kernel.run("%run script.py")
    kernel.run("of_the_script()")

    runs = stored_runs(tmp_path / "results")
    assert [run["challenge_name"] for run in runs] == ["script.OfTheScript"] * 2
    assert sorted(run["caller"]["kind"] for run in runs) == ["file", "notebook"]


def test_autoreload(tmp_path, kernel):
    """A challenge and an entry that are edited and reloaded stay recorded, as what they are now."""
    kernel.run("%load_ext autoreload\n%autoreload 2")
    kernel.run(SETUP)
    kernel.run("entry()")
    edited = MODULE.replace("first", "second").replace('"from the module"', '"after the edit"')
    (tmp_path / "gait.py").write_text(edited)
    later = time.time() + 5
    os.utime(tmp_path / "gait.py", (later, later))
    kernel.run("entry()")
    kernel.run("with recorded_run('block', **options):\n    Steps().run('in a cell')")

    results = [path.read_text() for path in sorted((tmp_path / "results").glob("*/*/entry/*/results/result.txt"))]
    assert sorted(results) == ["first from the module", "second after the edit"]
    (block,) = (tmp_path / "results").glob("*/*/block/*/results/result.txt")
    assert block.read_text() == "second in a cell"


def test_the_cell_of_the_page_about_notebooks(tmp_path, kernel):
    """The how-to's cell runs as it stands, and its last line shows what was stored and where."""
    kernel.run(SETUP + "challenge, pipeline = Steps(), 1")
    cell, *_ = Page.read(TOP / "docs" / "how_to" / "notebook.md").fragments("python")
    shown = next(output["data"]["text/html"] for output in kernel.run(cell) if "text/html" in output.get("data", {}))
    (run,) = stored_runs(tmp_path / "results")
    assert run["entry_name"] in shown
    assert f"results/gait.Steps/1/{run['entry_name']}/" in shown
    assert "is not inside a git repository" in shown


def test_errors_and_interrupts(tmp_path, kernel):
    """An exception of the cell is shown as it is; what ran before is saved, and what did not is told as failed."""
    kernel.run(SETUP)
    after = kernel.finish(kernel.start("with recorded_run('after', **options):\n    Steps().run(1)\n    1 / 0"))
    before = kernel.finish(kernel.start("with recorded_run('before', **options):\n    1 / 0"))
    cell = kernel.start(
        """
        import time
        from pathlib import Path
        with recorded_run("interrupted", **options):
            Path("started").touch()
            time.sleep(600)
        """
    )
    wait_for(tmp_path / "started")
    kernel.manager.interrupt_kernel()
    interrupted = kernel.finish(cell)
    kernel.run("with recorded_run('next', **options):\n    Steps().run(1)")

    raised = [[output["ename"] for output in outputs if "ename" in output] for outputs in (after, before, interrupted)]
    assert raised == [["ZeroDivisionError"], ["ZeroDivisionError"], ["KeyboardInterrupt"]]
    runs = {run["entry_name"]: run for run in stored_runs(tmp_path / "results")}
    assert set(runs) == {"after", "next"}
    assert "block.raised" in {reason["code"] for reason in runs["after"]["debug_reasons"]}
    states = {run.entry_name: run.status for run in unfinished_runs(tmp_path / "results")}
    assert states == {"before": "failed", "interrupted": "interrupted"}


def test_restart_in_the_middle(tmp_path, kernel):
    """A restart during a run leaves what was stored before, a lost run that says so, and a kernel that records."""
    kernel.run(SETUP)
    kernel.run("entry()")
    kernel.start(
        """
        import signal, time
        from pathlib import Path
        with recorded_run("lost", **options):
            Steps().run("kept")
            # A restart interrupts the kernel a moment before it kills it; code in C does not notice.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            Path("started").touch()
            time.sleep(600)
        """
    )
    wait_for(tmp_path / "started")
    kernel.restart()
    kernel.run(SETUP)
    kernel.run("entry()")

    assert stored_entries(tmp_path / "results") == ["entry", "entry"]
    (lost,) = unfinished_runs(tmp_path / "results")
    assert (lost.entry_name, lost.status) == ("lost", "lost")
    (kept,) = (tmp_path / "results" / ".unfinished").glob("*/results/result.txt")
    assert kept.read_text() == "first kept"


def test_workers_of_a_notebook(tmp_path, kernel):
    """A decorated function of a cell records in the processes of joblib, under the notebook's name."""
    kernel.run(SETUP)
    kernel.run(
        """
        class OfTheCell(Steps):
            def run(self, optimizer):
                return super().run(optimizer)

        @record_run(**options)
        def sent(number):
            OfTheCell().run(number)

        from joblib import Parallel, delayed
        Parallel(n_jobs=2)(delayed(sent)(number) for number in range(2))
        """
    )

    runs = stored_runs(tmp_path / "results")
    assert [run["entry_name"] for run in runs] == ["sent", "sent"]
    assert {run["challenge_name"] for run in runs} == {"__main__.OfTheCell"}
    assert {run["caller"]["kind"] for run in runs} == {"notebook"}


def test_the_notebook_is_stored_where_the_front_end_tells_it(tmp_path, kernel):
    """The file of the notebook comes from what Jupyter or VS Code say; a name that is no file is not used."""
    (tmp_path / "study.ipynb").write_text("{}")
    kernel.run(SETUP)
    kernel.run(f"__vsc_ipynb_file__ = {json.dumps(str(tmp_path / 'study.ipynb'))}")
    kernel.run("with recorded_run('vscode', **options):\n    Steps().run(1)")
    kernel.run("del __vsc_ipynb_file__\nimport os\nos.environ['JPY_SESSION_NAME'] = '0a1b2c-a-uuid'")
    kernel.run("with recorded_run('uuid', **options):\n    Steps().run(1)")

    files = {run["entry_name"]: run["caller"]["file"] for run in stored_runs(tmp_path / "results")}
    assert files == {"vscode": str(tmp_path / "study.ipynb"), "uuid": None}
