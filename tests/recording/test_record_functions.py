"""`record_run` above a plain function, written in every way."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge, stored_entries, stored_runs

from gaitmap_results import current_recorder, record_run, reset_config, set_config
from gaitmap_results.config import LocalConfig
from gaitmap_results.exceptions import InvalidCustomMetadataError, InvalidNameError, InvalidTargetError


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return the results folder, which the global config knows."""
    set_config(LocalConfig(results_dir=tmp_path / "results"))
    yield tmp_path / "results"  # type: ignore[misc]
    reset_config()


class TestWaysToWriteIt:
    def test_bare(self, results: Path) -> None:
        """`@record_run` takes the name of the function and passes arguments and the result through."""

        @record_run
        def my_entry(value: int, *more: int, key: int = 0) -> tuple[Any, ...]:
            return ExampleChallenge().run(value), more, key

        challenge, more, key = my_entry(1, 2, 3, key=4)
        assert (challenge.result_, more, key) == (1, (2, 3), 4)
        assert stored_entries(results) == ["my_entry"]

    def test_empty_brackets(self, results: Path) -> None:
        """`@record_run()` is the same."""

        @record_run()
        def my_entry() -> None:
            ExampleChallenge().run(1)

        assert my_entry() is None
        assert stored_entries(results) == ["my_entry"]

    @pytest.mark.parametrize(
        ("arguments", "options", "expected"),
        [
            (("other",), {}, "other"),
            ((("group", "entry"),), {}, ["group", "entry"]),
            ((), {"entry_name": "other"}, "other"),
            ((), {"entry_name": ("group", "entry")}, ["group", "entry"]),
            ((None,), {}, "my_entry"),
            ((), {"custom_metadata": {"a": 1}}, "my_entry"),
        ],
    )
    def test_with_arguments(self, results: Path, arguments: Any, options: Any, expected: Any) -> None:
        """A name by position or keyword, a tuple of names, or options only."""

        @record_run(*arguments, **options)
        def my_entry() -> None:
            ExampleChallenge().run(1)

        my_entry()
        assert stored_entries(results) == [expected]

    def test_as_a_plain_call(self, results: Path) -> None:
        """A function that is there already, or a lambda with a name, can be recorded without the @."""
        record_run(functools.partial(ExampleChallenge().run, 1).func.__self__.run)  # decorating alone runs nothing
        record_run("quick")(lambda: ExampleChallenge().run(2))()
        record_run("partial")(functools.partial(ExampleChallenge().run, 3))()
        assert stored_entries(results) == ["quick", "partial"]

    def test_options_reach_the_block(self, tmp_path: Path) -> None:
        """Every option of `recorded_run` can be given to the decorator."""

        @record_run(
            "entry", path=tmp_path / "here", use_git=False, custom_metadata={"a": 1}, debug_folder_prefix="dbg-"
        )
        def my_entry() -> None:
            ExampleChallenge().run(1)

        my_entry()
        (run,) = (tmp_path / "here").glob("*/*/entry/dbg-*")
        assert (run / "custom_metadata.json").read_text("utf-8").split() == ["{", '"a":', "1", "}"]


class TestEachCall:
    def test_is_a_run_of_its_own(self, results: Path) -> None:
        """Two calls are two runs, with the times and the result of each."""

        @record_run
        def my_entry(value: int) -> Any:
            return ExampleChallenge(value).run(value)

        my_entry(1)
        my_entry(2)
        runs = stored_runs(results)
        assert [run["repr_challenge"] for run in runs] == ["ExampleChallenge(value=1)", "ExampleChallenge(value=2)"]
        assert len({run["run_id"] for run in runs}) == 2
        assert len({run["block_id"] for run in runs}) == 2

    def test_has_custom_metadata_of_its_own(self, results: Path) -> None:
        """What one call adds to the custom metadata, at any depth, is not in the next one's."""
        given: dict[str, Any] = {"notes": []}

        @record_run(custom_metadata=given)
        def my_entry(note: str) -> None:
            ExampleChallenge().run(1)
            recorder = current_recorder()
            assert recorder is not None
            recorder.custom_metadata["notes"].append(note)

        my_entry("first")
        my_entry("second")
        stored = sorted(path.read_text("utf-8") for path in results.glob("*/*/*/*/custom_metadata.json"))
        assert ["first" in text for text in stored] == [True, False]
        assert ["second" in text for text in stored] == [False, True]
        assert given == {"notes": []}

    def test_shows_its_own_errors(self, results: Path) -> None:
        """An error of the function is the one that its caller sees, and a failed call publishes nothing."""

        @record_run
        def my_entry() -> None:
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine"):
            my_entry()
        assert stored_entries(results) == []
        with pytest.raises(TypeError, match="positional argument"):
            my_entry(1)  # type: ignore[call-arg]

    def test_is_refused_before_the_function_runs(self, results: Path) -> None:
        """What is wrong with the options shows before anything is computed."""
        calls: list[int] = []
        decorated = record_run("entry", custom_metadata={"bad": {1, 2}})(lambda: calls.append(1))
        with pytest.raises(InvalidCustomMetadataError):
            decorated()
        assert calls == []

    def test_is_recorded_as_the_function_that_was_decorated(self, results: Path) -> None:
        """The function is stored by its qualified name, which tells two methods of one name apart."""

        @record_run
        def my_entry() -> None:
            ExampleChallenge().run(1)

        my_entry()
        (run,) = stored_runs(results)
        assert run["caller"]["function"] == my_entry.__qualname__
        assert run["caller"]["function"].endswith("<locals>.my_entry")


class TestRefusedAtDecoration:
    @pytest.mark.parametrize("decorate", [record_run, record_run(), record_run("entry")])
    @pytest.mark.parametrize(
        "target", [type("Some", (), {}), property(lambda self: 1), functools.cached_property(lambda self: 1)]
    )
    def test_what_is_no_function(self, decorate: Any, target: Any) -> None:
        """Classes and properties are refused at once, with a hint at what to decorate."""
        with pytest.raises(InvalidTargetError, match="decorate"):
            decorate(target)

    @pytest.mark.parametrize("target", [1, None, "text", object(), [print]])
    def test_what_cannot_be_called(self, target: Any) -> None:
        """What cannot be called at all is refused at once."""
        with pytest.raises(InvalidTargetError):
            record_run("entry")(target)

    @pytest.mark.parametrize("name", ["", "a/b", "..", ("a", ""), (), 1, b"entry", {"a"}, "nul"])
    def test_bad_names(self, name: Any) -> None:
        """A name that cannot become a folder is refused at once."""
        with pytest.raises(InvalidNameError):
            record_run(name)
        with pytest.raises(InvalidNameError):
            record_run(entry_name=name)

    def test_functions_without_a_usable_name(self) -> None:
        """A lambda has no name that could be a folder, a partial has none at all: one has to be given."""
        with pytest.raises(InvalidNameError):
            record_run(lambda: None)
        with pytest.raises(InvalidNameError):
            record_run(functools.partial(print, 1))

    def test_unknown_options(self) -> None:
        """A misspelled option is refused at once, as by any function."""
        with pytest.raises(TypeError, match="pth"):
            record_run("entry", pth="results")  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="either a function, or options"):
            record_run(print, path="results")  # type: ignore[call-overload]
