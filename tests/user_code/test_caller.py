"""Who is stored as the caller, in every way in which Python code can be started, for all three entry points.

With the C extension of wrapt and without it, a decorated function has another number of frames above it; the second is
what the tox environment `pure` is for.
"""

from __future__ import annotations

import hashlib
import json
import os
import py_compile
import sys
import textwrap
import time
import zipapp
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from processes import python_environment, run_python

from gaitmap_results.user_code.caller import find_caller

ENTRY_POINTS = """
import os
import sys
from pathlib import Path

import wrapt

from challenges import ExampleChallenge
from gaitmap_results import record_run, recorded_run, save_run

RESULTS = Path(os.environ["RESULTS"])
OPTIONS = {"path": RESULTS, "use_git": False}
# What this process took must be what the test is about.
extension_used = "wrapt._wrappers" in sys.modules
assert extension_used is (not os.environ.get("WRAPT_DISABLE_EXTENSIONS"))


class Steps(ExampleChallenge):
    pass


def by_block(offset=0):
    with recorded_run("block", _caller_file_path_stack_offset=offset, **OPTIONS):
        Steps().run(1)


def entry():
    Steps().run(1)


def by_decorator(offset=0):
    record_run("decorator", _caller_file_path_stack_offset=offset, **OPTIONS)(entry)()


def by_save_run(offset=0):
    save_run(Steps().run(1), "save_run", custom_metadata={}, _caller_file_path_stack_offset=offset, **OPTIONS)


def record_all(offset=0):
    by_block(offset)
    by_decorator(offset)
    by_save_run(offset)
"""
SCRIPT = f"{ENTRY_POINTS}\n\nif __name__ == '__main__':\n    record_all()\n"
ALL = ("block", "decorator", "save_run")


class Folder:
    """A folder with scripts, and the runs that they record."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self.results = self.path / "results"
        self.env = {"RESULTS": str(self.results)}

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def run(self, *arguments: str | Path, stdin: str | None = None, env: Mapping[str, str] = {}) -> None:
        run_python(*arguments, cwd=self.path, env={**self.env, **env}, stdin=stdin)

    def metadata(self) -> dict[str, dict[str, Any]]:
        """Return what is stored for each entry point."""
        found = [json.loads(path.read_text("utf-8")) for path in self.results.glob("*/*/*/*/metadata.json")]
        by_entry = {metadata["entry_name"]: metadata for metadata in found}
        assert len(by_entry) == len(found), sorted(metadata["entry_name"] for metadata in found)
        return by_entry

    def callers(self) -> dict[str, tuple[str, str | None]]:
        """Return kind and file of each entry point's caller."""
        found = {}
        for entry, metadata in self.metadata().items():
            caller = metadata["caller"]
            assert caller["file"] == metadata["caller_file_path"]
            found[entry] = (caller["kind"], caller["file"])
        return found

    def challenge_names(self) -> set[str]:
        return {metadata["challenge_name"] for metadata in self.metadata().values()}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return an empty folder for scripts."""
    return Folder(tmp_path)


def all_from(kind: str, file: Path | None, entries: tuple[str, ...] = ALL) -> dict[str, tuple[str, str | None]]:
    """Return what is expected if all entry points have the same caller."""
    return dict.fromkeys(entries, (kind, None if file is None else str(file)))


class TestCallerOfAProgram:
    def test_a_script_is_the_caller(self, folder: Folder) -> None:
        """A script started by a relative name is stored absolute, with line, function and hash; it names the class."""
        script = folder.write("my_script.py", SCRIPT)
        folder.run("my_script.py")
        assert folder.callers() == all_from("file", script)
        assert folder.challenge_names() == {"my_script.Steps"}
        functions = {entry: metadata["caller"]["function"] for entry, metadata in folder.metadata().items()}
        # Python 3.10 knows no qualified name of a frame, which is the same at the top level of a module.
        assert functions == {"block": "by_block", "decorator": "entry", "save_run": "by_save_run"}
        lines = script.read_text("utf-8").splitlines()
        for entry, text in (
            ("block", "with recorded_run("),
            ("decorator", "(entry)()"),
            ("save_run", "save_run(Steps"),
        ):
            assert text in lines[folder.metadata()[entry]["caller"]["line"] - 1]
        assert len({metadata["caller"]["sha256"] for metadata in folder.metadata().values()} - {None}) == 1

    @pytest.mark.parametrize(
        ("arguments", "caller", "name"),
        [
            (["link.py"], "link.py", "link"),
            (["-m", "package.module"], "package/module.py", "package.module"),
            (["-m", "package"], "package/__main__.py", "package.__main__"),
            (["package"], "package/__main__.py", "package"),
            (["program.pyz"], "program.pyz", "program"),
        ],
        ids=["link", "module", "package", "folder", "archive"],
    )
    def test_the_file_of_a_program_is_the_caller(
        self, folder: Folder, arguments: list[str], caller: str, name: str
    ) -> None:
        """The file as it was started is the caller (of an archive the archive), and names the class."""
        folder.write("package/__init__.py", "")
        for module in ("__main__", "module"):
            folder.write(f"package/{module}.py", SCRIPT)
        (folder.path / "link.py").symlink_to(folder.path / "package" / "module.py")
        zipapp.create_archive(folder.path / "package", folder.path / "program.pyz")
        folder.run(*arguments)
        assert folder.callers() == all_from("file", folder.path / caller)
        assert folder.challenge_names() == {f"{name}.Steps"}

    @pytest.mark.parametrize(("kind", "started"), [("command", {}), ("stdin", {"stdin": SCRIPT})])
    def test_a_program_without_a_file(self, folder: Folder, kind: str, started: dict[str, str]) -> None:
        """``python -c`` and the standard input, which Python calls ``<stdin>``, are stored as what they are."""
        folder.run(*(["-c", SCRIPT] if kind == "command" else []), **started)
        assert folder.callers() == all_from(kind, None)
        assert folder.challenge_names() == {"__main__.Steps"}

    def test_interactive_has_no_file(self, folder: Folder) -> None:
        """Lines typed into an interactive Python are stored as that."""
        folder.write("typed.py", ENTRY_POINTS)
        lines = [
            "from typed import *",
            "class Typed(ExampleChallenge): pass",
            "",
            "r = recorded_run('block', **OPTIONS)",
            "with r: _ = Typed().run(1)",
            "",
            "_ = record_run('decorator', **OPTIONS)(lambda: Typed().run(1))()",
            "_ = save_run(Typed().run(1), 'save_run', custom_metadata={}, **OPTIONS)",
            "",
        ]
        folder.run("-i", "-q", stdin="\n".join(lines))
        assert folder.callers() == all_from("interactive", None)
        assert folder.challenge_names() == {"__main__.Typed"}

    def test_compiled_code_without_its_source_is_the_caller(self, folder: Folder) -> None:
        """Where only the compiled file of a module is there, that is the caller."""
        source = folder.write("only_compiled.py", ENTRY_POINTS)
        compiled = folder.path / "only_compiled.pyc"
        py_compile.compile(str(source), cfile=str(compiled), dfile="only_compiled.py")
        source.unlink()
        folder.run("-c", "from only_compiled import record_all; record_all()")
        assert folder.callers() == all_from("file", compiled)


class TestCallerInsideAProgram:
    def test_runpy_is_resolved_from_the_first_folder(self, folder: Folder) -> None:
        """A script that `runpy` runs by a relative name is found after the program has changed its folder."""
        inner = folder.write("inner.py", f"{ENTRY_POINTS}\n\nos.chdir(RESULTS.anchor)\nrecord_all()\n")
        folder.write("outer.py", "import runpy\nimport gaitmap_results\nrunpy.run_path('inner.py')\n")
        folder.run("outer.py")
        assert folder.callers() == all_from("file", inner)
        assert folder.challenge_names() == {"inner.Steps"}

    def test_code_made_on_the_fly_stands_for_who_runs_it(self, folder: Folder) -> None:
        """Code that was compiled from a string has no file; the next code further out that has one is the caller."""
        script = folder.write(
            "script.py",
            f"{ENTRY_POINTS}\nnames = {{'by': lambda: exec('record_all()', globals())}}\n"
            "exec(compile('by()', '<made>', 'exec'), names)\n",
        )
        folder.run("script.py")
        assert folder.callers() == all_from("file", script)

    @pytest.mark.parametrize("mode", ["prepend", "importlib"])
    def test_a_test_file_is_the_caller(self, folder: Folder, mode: str) -> None:
        """Under pytest the test's file is the caller, not the test runner."""
        test = folder.write("test_inner.py", f"{ENTRY_POINTS}\n\ndef test_all():\n    record_all()\n")
        arguments = ("-q", "-p", "no:cacheprovider", "--import-mode", mode, "-c", os.devnull)
        folder.run("-m", "pytest", *arguments, test, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
        assert folder.callers() == all_from("file", test)

    def test_an_exit_stack_is_not_the_caller(self, folder: Folder) -> None:
        """The caller is who makes the block, also if a stack of contexts enters it or calls the others."""
        script = folder.write(
            "script.py",
            ENTRY_POINTS
            + textwrap.dedent("""
            from contextlib import ExitStack, contextmanager

            @contextmanager
            def own():
                with recorded_run("own", **OPTIONS) as recorder:
                    yield recorder

            with ExitStack() as stack:
                stack.enter_context(recorded_run("block", **OPTIONS))
                Steps().run(1)
            with ExitStack() as stack:
                stack.callback(record_run("decorator", **OPTIONS)(entry))
                stack.callback(save_run, Steps().run(1), "save_run", custom_metadata={}, **OPTIONS)
            with own():
                Steps().run(1)
            """),
        )
        folder.run("script.py")
        assert folder.callers() == all_from("file", script, (*ALL, "own"))

    def test_an_offset_skips_wrappers(self, folder: Folder) -> None:
        """The offset counts the user's own functions only; too large a one means the outermost."""
        folder.write("one.py", ENTRY_POINTS)
        folder.write("two.py", "import one\n\ndef record(by, offset):\n    getattr(one, by)(offset)\n")
        folder.write(
            "script.py",
            "import contextlib, one, two\n"
            "for offset in (0, 1, 2, 9):\n"
            "    one.OPTIONS['path'] = one.RESULTS / str(offset)\n"
            "    for by in ('by_block', 'by_decorator', 'by_save_run'):\n"
            "        with contextlib.ExitStack() as stack:\n"
            "            stack.callback(two.record, by, offset)\n",
        )
        folder.run("script.py")
        for offset, expected in ((0, "one.py"), (1, "two.py"), (2, "script.py"), (9, "script.py")):
            folder.results = folder.path / "results" / str(offset)
            assert folder.callers() == all_from("file", folder.path / expected)


class TestCallerElsewhere:
    def test_a_thread(self, folder: Folder) -> None:
        """In a thread the user's function is the caller; if ours is the thread's function, the decorated one's file."""
        module = folder.write("module.py", ENTRY_POINTS)
        script = folder.write(
            "script.py",
            """
            from concurrent.futures import ThreadPoolExecutor
            from threading import Thread

            import module
            from module import OPTIONS, Steps, entry, record_run, save_run

            targets = [
                (module.record_all, {}),
                (record_run("bare decorator", **OPTIONS)(entry), {}),
                (save_run, dict(challenge=Steps().run(1), entry_name="bare save_run", custom_metadata={}, **OPTIONS)),
            ]
            for target, arguments in targets:
                thread = Thread(target=target, kwargs=arguments)
                thread.start()
                thread.join()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(record_run("pool", **OPTIONS)(entry)).result()
            """,
        )
        folder.run("script.py")
        expected = all_from("file", module, (*ALL, "bare decorator", "pool"))
        assert folder.callers() == {**expected, **all_from("file", script, ("bare save_run",))}

    def test_a_task(self, folder: Folder) -> None:
        """In a task of asyncio the coroutine that opens, calls or saves is the caller."""
        script = folder.write(
            "script.py",
            ENTRY_POINTS
            + textwrap.dedent("""
            import asyncio

            async def in_task():
                await asyncio.sleep(0)
                record_all()

            @record_run("coroutine", **OPTIONS)
            async def coroutine():
                await asyncio.sleep(0)
                Steps().run(1)

            @record_run("generator", **OPTIONS)
            async def generator():
                yield Steps().run(1)

            async def main():
                await asyncio.create_task(in_task())
                await asyncio.gather(asyncio.create_task(coroutine()))
                async for _ in generator():
                    pass

            asyncio.run(main())
            """),
        )
        folder.run("script.py")
        assert folder.callers() == all_from("file", script, (*ALL, "coroutine", "generator"))
        assert folder.metadata()["coroutine"]["caller"]["function"] == "coroutine"
        assert folder.metadata()["generator"]["caller"]["function"] == "generator"

    def test_joblib_workers(self, folder: Folder) -> None:
        """In a worker process of joblib the module with the code is the caller, with too large an offset, too."""
        module = folder.write(
            "work.py",
            ENTRY_POINTS + "\n\n@record_run('bare decorator', **OPTIONS)\ndef decorated():\n    Steps().run(1)\n",
        )
        folder.write(
            "script.py",
            """
            from joblib import Parallel, delayed

            import work

            if __name__ == "__main__":
                tasks = [delayed(work.record_all)(3), delayed(work.decorated)()]
                # More than one worker, since a single one is no process of its own.
                Parallel(n_jobs=2, backend="loky")(tasks)
            """,
        )
        folder.run("script.py")
        assert folder.callers() == all_from("file", module, (*ALL, "bare decorator"))

    @pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
    def test_multiprocessing(self, folder: Folder, method: str) -> None:
        """In a process of multiprocessing the code's file is the caller, and a class of the script keeps its name."""
        if sys.platform == "win32" and method != "spawn":
            pytest.skip("Windows only spawns")
        script = folder.write(
            "script.py",
            ENTRY_POINTS
            + textwrap.dedent(f"""
            import multiprocessing

            @record_run("bare decorator", **OPTIONS)
            def decorated():
                Steps().run(1)

            if __name__ == "__main__":
                context = multiprocessing.get_context({method!r})
                for target in (record_all, decorated):
                    process = context.Process(target=target)
                    process.start()
                    process.join()
                    assert process.exitcode == 0
            """),
        )
        folder.run("script.py")
        assert folder.callers() == all_from("file", script, (*ALL, "bare decorator"))
        assert folder.challenge_names() == {"script.Steps"}


class TestCallerInANotebook:
    """A real kernel runs these cells; starting one takes long, so that all is asked of one."""

    CELLS = (
        ENTRY_POINTS,
        "record_all()",
        "record_run('offset', _caller_file_path_stack_offset=3, **OPTIONS)(entry)()",
        "import asyncio\nasync def task():\n    with recorded_run('task', **OPTIONS):\n        Steps().run(1)",
        "await asyncio.create_task(task())",
        "with recorded_run('top', **OPTIONS):\n    Steps().run(1)",
        "OPTIONS['path'] = RESULTS / 'known'\n__session__ = str(RESULTS.parent / 'known.ipynb')",
        "record_all()",
        "%run script.py",
    )

    def test_a_notebook(self, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        """A cell is stored as a notebook, with its file where the front end tells it; ``%run`` as the script."""
        nbformat = pytest.importorskip("nbformat")
        nbclient = pytest.importorskip("nbclient")
        script = folder.write("script.py", SCRIPT.replace('os.environ["RESULTS"]', "os.environ['RESULTS'] + '/script'"))
        known = folder.write("known.ipynb", "{}")
        for name, value in python_environment(folder.env).items():
            monkeypatch.setenv(name, value)
        cells = [nbformat.v4.new_code_cell(text) for text in self.CELLS]
        notebook = nbformat.v4.new_notebook(cells=cells)
        nbclient.NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(folder.path)}}).execute(
            env={**os.environ}
        )
        assert folder.callers() == all_from("notebook", None, (*ALL, "offset", "task", "top"))
        assert folder.challenge_names() == {"__main__.Steps"}
        folder.results = folder.path / "results" / "script"
        assert folder.callers() == all_from("file", script)
        assert folder.challenge_names() == {"script.Steps"}
        folder.results = folder.path / "results" / "known"
        assert folder.callers() == all_from("notebook", known)


def test_ipython_without_a_kernel_is_interactive(tmp_path: Path) -> None:
    """IPython in a terminal has cells, too, but is no notebook."""
    pytest.importorskip("IPython")
    folder = Folder(tmp_path)
    folder.write("typed.py", ENTRY_POINTS)
    lines = [
        "from typed import *",
        "r = recorded_run('block', **OPTIONS)",
        "r.__enter__(); Steps().run(1); r.__exit__(None, None, None)",
        "record_run('decorator', **OPTIONS)(lambda: Steps().run(1))()",
        "save_run(Steps().run(1), 'save_run', custom_metadata={}, **OPTIONS)",
        "exit",
        "",
    ]
    env = {"IPYTHONDIR": str(tmp_path / "ipython"), "TERM": "dumb"}
    folder.run("-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit", stdin="\n".join(lines), env=env)
    assert folder.callers() == all_from("interactive", None)


@pytest.mark.skipif(os.name == "nt", reason="the time of the last change of a file's state is one of POSIX")
def test_an_edit_that_keeps_size_and_time_changes_the_hash(tmp_path: Path) -> None:
    """The hash of the caller's file is that of its present content, even if it was computed a moment ago."""
    script = tmp_path / "study.py"
    script.write_text("found = find_caller(), 1\n")
    before = script.stat()
    hashes = []
    for content in ("found = find_caller(), 1\n", "found = find_caller(), 2\n"):
        script.write_text(content)
        os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns))
        names: dict[str, Any] = {"find_caller": find_caller, "__name__": "study"}
        exec(compile(content, script, "exec"), names)
        hashes.append(names["found"][0].sha256)
        assert hashes[-1] == hashlib.sha256(content.encode()).hexdigest()
        time.sleep(0.02)  # longer than a tick of the file system's clock
    assert len(set(hashes)) == 2
