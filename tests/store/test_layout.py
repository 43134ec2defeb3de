"""Where a run may lie: no name leads out of its folder, and every name that is accepted comes back."""

from __future__ import annotations

import json
import os
import unicodedata
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitmap_results import load_run, recorded_run, save_run
from gaitmap_results.exceptions import InvalidNameError
from gaitmap_results.store.entry_names import entry_key
from gaitmap_results.store.layout import (
    check_challenge_name,
    check_entry_name,
    check_folder_name,
    check_prefix,
    check_version,
    entry_folder,
    run_folder_name,
    run_folder_start,
)

# Names that could leave their folder, or that some file system does not take.
ESCAPES = ["..", "../x", "/", "/absolute", "a/b", "a/../b", "\\", "..\\x", "C:\\x", "C:", "~/x\\y", "a\0b", "\0"]
IMPOSSIBLE = ["", ".", " ", "a.", "a ", "a\nb", "a\tb", "a\x7f", "a\x85b", "a\u2028b", "\ud800", "x" * 101, "ü" * 51]
RESERVED = ["con", "CON", "con.txt", "NUL", "com1", "LPT9", "aux ", "com¹", "a<b", "a|b", "a*b", "a?b", 'a"b', "a:b"]
OWN = ["metadata.json", "METADATA.json", "custom_metadata.json", "MANIFEST.sha256", "journal.json", ".unfinished", ".x"]
NO_STRINGS = [None, 1, 1.5, b"x", ["x"], True, Path("x")]
BAD_NAMES = [*ESCAPES, *IMPOSSIBLE, *RESERVED, *OWN]
# An entry's folder that looks like a run's would be taken for one.
RUN_LIKE = ["20260329_123005", "_20260329_123005", "20260329_123005_2", "--20260329_123005"]


def nothing_was_written(folder: Path) -> bool:
    """Say whether a folder is empty, and nothing was written beside it either."""
    return [path for path in folder.parent.rglob("*") if path != folder] == []


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a results folder with nothing else beside it."""
    folder = tmp_path / "outer" / "results"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


# Refused before the run


@pytest.mark.parametrize("name", ["../x", "\ud800", *RUN_LIKE[:1], None, (), ["a", ""]], ids=ascii)
def test_a_bad_entry_name_is_refused_before_the_run(results: Path, name: Any) -> None:
    """The block does not begin, the error says why, and no file is written anywhere."""
    with pytest.raises(InvalidNameError) as raised, recorded_run(name, path=results, use_git=False):
        pytest.fail("the block must not begin")
    assert raised.value.reason
    assert raised.value.path is None
    assert nothing_was_written(results)


@pytest.mark.parametrize("name", [*BAD_NAMES, *RUN_LIKE, *NO_STRINGS], ids=ascii)
def test_a_bad_part_of_an_entry_name_is_refused(name: Any) -> None:
    """Each part of a nested entry is checked, wherever it stands; the same names are refused as a VERSION."""
    for parts in ((name, "b"), ("a", name, "b"), ("a", name)):
        with pytest.raises(InvalidNameError):
            check_entry_name(parts)
    if name not in RUN_LIKE:
        with pytest.raises(InvalidNameError):
            check_version(name)


@pytest.mark.parametrize("name", ["x" * 100_000, ("a",) * 50_000], ids=["one part", "many parts"])
def test_a_much_too_long_entry_name_is_cut_in_the_message(name: Any) -> None:
    """A text that was given in the place of the name can be recognised, and does not fill the terminal."""
    with pytest.raises(InvalidNameError, match="more than 500 characters in all") as raised:
        check_entry_name(name)
    assert str(name)[:50] in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("name", ["../x", "", None, 1], ids=ascii)
def test_a_bad_version_is_refused_before_the_run(results: Path, name: Any) -> None:
    """A VERSION that is no name of a folder is refused on entering, where the challenge is known."""
    challenge = ExampleChallenge()
    challenge.VERSION = name  # type: ignore[misc]
    with (
        pytest.raises((InvalidNameError, TypeError)),
        recorded_run("entry", challenge=challenge, path=results, use_git=False),
    ):
        pytest.fail("the block must not begin")
    assert nothing_was_written(results)


@pytest.mark.parametrize("prefix", ["../x", ".", "a\nb", ":", "x" * 101, None], ids=ascii)
def test_a_bad_prefix_is_refused_before_the_run(results: Path, prefix: Any) -> None:
    """A prefix cannot lead out of the entry's folder, nor hide the run."""
    with (
        pytest.raises(InvalidNameError, match="debug_folder_prefix"),
        recorded_run("entry", path=results, use_git=False, debug_folder_prefix=prefix),
    ):
        pytest.fail("the block must not begin")
    assert nothing_was_written(results)


@pytest.mark.parametrize("name", ["../../escaped", "", "x" * 300], ids=ascii)
@pytest.mark.parametrize("attribute", ["__module__", "__name__"])
def test_a_challenge_whose_class_has_a_bad_name_is_refused(results: Path, name: str, attribute: str) -> None:
    """A class that was made on the fly, with separators in its name or module, leads nowhere else."""
    try:
        kind = type(name if attribute == "__name__" else "Made", (ExampleChallenge,), {})
    except ValueError:
        pytest.skip("Python itself refuses this name of a class")
    if attribute == "__module__":
        kind.__module__ = name
    with (
        pytest.raises(InvalidNameError, match="module and class name"),
        recorded_run("entry", challenge=kind(), path=results, use_git=False),
    ):
        pytest.fail("the block must not begin")
    assert nothing_was_written(results)


def test_a_bad_version_of_an_observed_challenge_is_refused_before_it_runs(results: Path) -> None:
    """A challenge that the block meets only when it is run is refused then, before anything was computed."""

    class Escaping(ExampleChallenge):
        VERSION = "../../../escaped"

    with (
        pytest.raises(InvalidNameError) as raised,
        recorded_run("entry", path=results, use_git=False),
    ):
        Escaping().run(lambda: pytest.fail("it ran"))
    assert raised.value.path is None
    assert [path for path in results.parent.iterdir() if path != results] == []


def test_a_bad_version_that_shows_only_after_the_run_costs_no_result(results: Path) -> None:
    """A challenge whose run sets its version is refused at the end of the block, with its results kept."""

    class Escaping(ExampleChallenge):
        def run(self, optimizer: Any = None) -> Any:
            self.VERSION = "../../../escaped"  # type: ignore[misc]
            return super().run(optimizer)

    recorder = recorded_run("entry", path=results, use_git=False)
    with pytest.raises(InvalidNameError) as raised, recorder:
        Escaping().run(42)
    assert not (results.parents[2] / "escaped").exists()
    assert [path for path in results.parent.iterdir() if path != results] == []
    assert raised.value.path is not None
    assert json.loads((raised.value.path / "results" / "result.json").read_text())["result"] == 42


def test_an_entry_inside_of_a_run_folder_is_refused(results: Path) -> None:
    """A published folder is never changed, also by an entry whose name leads into it."""
    first = save_run(ExampleChallenge().run(1), "entry", custom_metadata={}, path=results, use_git=False)
    before = sorted(path.relative_to(first) for path in first.rglob("*"))
    with pytest.raises(InvalidNameError):
        save_run(ExampleChallenge().run(1), ("entry", first.name), custom_metadata={}, path=results, use_git=False)
    assert sorted(path.relative_to(first) for path in first.rglob("*")) == before


# Accepted


def test_a_list_of_parts_is_stored_as_a_tuple_is(results: Path) -> None:
    """Entry names that were read from JSON can be used again."""
    path = save_run(ExampleChallenge().run(1), ["a", "b"], custom_metadata={}, path=results, use_git=False)  # type: ignore[arg-type]
    assert path.parent.parts[-2:] == ("a", "b")
    assert json.loads((path / "metadata.json").read_text())["entry_name"] == ["a", "b"]


def test_a_string_and_a_tuple_of_one_are_the_same_entry() -> None:
    """The entry "test" is listed as ("test",), and not as its characters."""
    assert entry_key("test") == entry_key(["test"]) == entry_key(("test",)) == ("test",)
    assert entry_key("ab") != entry_key(("a", "b"))


_ANY_TEXT = st.text(st.characters(), max_size=120) | st.sampled_from([*BAD_NAMES, *RUN_LIKE])
_PARTS = st.lists(_ANY_TEXT, min_size=1, max_size=4)


def _accepted(check: Any, value: Any) -> bool:
    try:
        check(value)
    except InvalidNameError:
        return False
    return True


@given(_PARTS, _ANY_TEXT, _ANY_TEXT, _ANY_TEXT)
def test_every_accepted_name_stays_strictly_inside(parts: list[str], version: str, challenge: str, prefix: str) -> None:
    """Whatever is accepted gives a path below the results folder, with one folder for each part."""
    names = [*(part for part in parts if _accepted(check_entry_name, part))] or ["x"]
    version = version if _accepted(check_version, version) else "1"
    challenge = challenge if _accepted(check_challenge_name, challenge) else "m.C"
    prefix = prefix if _accepted(check_prefix, prefix) else "_"
    top = Path("/results") if os.name != "nt" else Path("C:\\results")
    folder = entry_folder(top, challenge, version, tuple(names))
    run = folder / run_folder_name(datetime(2026, 3, 29, tzinfo=timezone.utc), prefix=prefix)
    for path in (folder, run):
        assert os.path.normpath(path) == str(path)
        assert path.is_relative_to(top)
    assert run.relative_to(top).parts[:-1] == (challenge, version, *names)
    assert not run.name.startswith(".")


_ORDINARY = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda text: _accepted(check_entry_name, text)
)


@settings(max_examples=40)
@given(parts=st.lists(_ORDINARY, min_size=1, max_size=3), version=_ORDINARY, prefix=_ORDINARY | st.just(""))
def test_every_accepted_name_survives_the_disk(
    parts: list[str], version: str, prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A run under any accepted name is really there, inside of the results folder, and is loaded with its name."""
    top = tmp_path_factory.mktemp("names") / "results"
    kind = type("Named", (ExampleChallenge,), {"VERSION": version})
    prefix = prefix if _accepted(check_prefix, prefix) else ""
    path = save_run(
        kind().run(7), tuple(parts), custom_metadata={}, path=top, use_git=False, debug_folder_prefix=prefix
    )
    assert path.resolve().is_relative_to(top.resolve())
    assert len(path.resolve().relative_to(top.resolve()).parts) == 3 + len(parts)
    loaded = load_run(kind, path)
    assert loaded.metadata["entry_name"] == parts
    assert loaded.metadata["challenge_version"] == version
    assert loaded.results["result"] == 7
    assert path.name.startswith(prefix)


@given(st.text(st.characters(), max_size=110))
def test_a_refusal_says_what_and_why(name: str) -> None:
    """The error carries the name, what it was for and the reason, and its text can be shown anywhere."""
    if _accepted(lambda text: check_folder_name(text, what="entry name"), name):
        assert unicodedata.category(name[0]) not in ("Cc", "Cs")
        return
    with pytest.raises(InvalidNameError) as raised:
        check_folder_name(name, what="entry name")
    assert (raised.value.what, raised.value.value) == ("entry name", name)
    assert raised.value.reason in str(raised.value)
    str(raised.value).encode("utf-8", "strict")


# From 1970 to 2286.
MOMENTS = st.integers(0, 9_999_999_999).map(lambda seconds: datetime.fromtimestamp(seconds, timezone.utc))


@given(MOMENTS, st.sampled_from(["", "_", "debug_"]), st.integers(0, 99))
def test_the_name_of_a_run_tells_its_start(moment, prefix, number):
    """The start of a run can be read from the name of its folder, to the second."""
    assert run_folder_start(run_folder_name(moment, prefix=prefix, number=number)) == moment


@pytest.mark.parametrize(
    "name", ["20261301_000000", "20260230_000000", "20260329_240000", "20260329_006000", "20260329_000060", "20260329"]
)
def test_a_moment_that_never_was_names_no_run(name):
    """Digits that are no date or no time do not make the folder of a run."""
    assert run_folder_start(name) is None
