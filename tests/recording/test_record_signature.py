"""A recorded function looks like the function it was."""

from __future__ import annotations

import asyncio
import doctest
import functools
import inspect
import sys
import typing
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from gaitmap_results import record_run


def plain(a: int, /, b: str = "x", *args: float, c: bool = True, **kwargs: Any) -> dict[str, int]:
    """Say something.

    >>> 1 + 1
    2
    """
    return {}


async def coroutine(a: int) -> int:
    """Wait."""
    return a


def generator(a: int) -> Iterator[int]:
    """Yield."""
    yield a


async def async_generator(a: int) -> AsyncIterator[int]:
    """Yield later."""
    yield a


class Owner:
    """Has methods."""

    def method(self, a: int) -> None:
        """Do it."""

    recorded_method = record_run(method)
    recorded_class_method = record_run(classmethod(lambda cls, a: None).__class__(coroutine))
    recorded_static_method = record_run(staticmethod(plain))


FUNCTIONS = [plain, coroutine, generator, async_generator]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
class TestFunctions:
    def test_names_and_docstring(self, function: Any) -> None:
        """Name, qualified name, module, docstring and attributes are the function's."""
        function.attribute = object()
        decorated = record_run(function)
        for name in (
            "__name__",
            "__qualname__",
            "__module__",
            "__doc__",
            "__defaults__",
            "__kwdefaults__",
            "attribute",
        ):
            assert getattr(decorated, name) == getattr(function, name)
        assert decorated.__wrapped__ is function

    def test_signature_and_types(self, function: Any) -> None:
        """Signature and type hints are the function's."""
        decorated = record_run(function)
        assert inspect.signature(decorated) == inspect.signature(function)
        assert inspect.getfullargspec(decorated) == inspect.getfullargspec(function)
        assert typing.get_type_hints(decorated) == typing.get_type_hints(function)
        assert inspect.get_annotations(decorated) == inspect.get_annotations(function)

    def test_kind(self, function: Any) -> None:
        """What asks whether it deals with a coroutine or generator function gets the function's answer."""
        decorated = record_run(function)
        for name in ("isfunction", "iscoroutinefunction", "isgeneratorfunction", "isasyncgenfunction", "isroutine"):
            assert getattr(inspect, name)(decorated) == getattr(inspect, name)(function), name
        if sys.version_info < (3, 14):  # deprecated there
            assert asyncio.iscoroutinefunction(decorated) == inspect.iscoroutinefunction(function)
        assert callable(decorated)
        assert not inspect.isclass(decorated)

    def test_source(self, function: Any) -> None:
        """Source and file are the function's, as documentation tools and tracebacks use them."""
        decorated = record_run(function)
        assert inspect.getsource(decorated) == inspect.getsource(function)
        assert inspect.getsourcefile(decorated) == inspect.getsourcefile(function)
        assert inspect.unwrap(decorated) is function

    def test_other_decorators_fit(self, function: Any) -> None:
        """`functools.wraps` of a recorded function works, below and above."""

        @functools.wraps(function)
        def above(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        assert inspect.signature(record_run(above)) == inspect.signature(function)
        assert inspect.signature(functools.wraps(record_run(function))(lambda: None)) == inspect.signature(function)


class TestMethods:
    def test_signatures(self) -> None:
        """A bound method has lost its first parameter; an unbound and a static one have not."""
        assert inspect.signature(Owner.recorded_method) == inspect.signature(Owner.method)
        assert inspect.signature(Owner().recorded_method) == inspect.signature(Owner().method)
        assert list(inspect.signature(Owner().recorded_method).parameters) == ["a"]
        assert inspect.signature(Owner.recorded_static_method) == inspect.signature(plain)
        assert list(inspect.signature(Owner.recorded_class_method).parameters) == []

    def test_kind(self) -> None:
        """A bound recorded method is a method of its object, and an asynchronous class method is one."""
        owner = Owner()
        assert inspect.ismethod(owner.recorded_method)
        assert owner.recorded_method.__self__ is owner
        assert owner.recorded_method.__func__.__name__ == "method"
        assert inspect.iscoroutinefunction(Owner.recorded_class_method)

    def test_equality(self) -> None:
        """Taking a bound method twice gives equal ones that hash the same, as plain methods do."""
        owner = Owner()
        assert owner.recorded_method == owner.recorded_method
        assert hash(owner.recorded_method) == hash(owner.recorded_method)


def test_doctests_are_found() -> None:
    """`doctest` finds the examples of a recorded function and runs them."""
    namespace = {"decorated": record_run(plain)}
    tests = doctest.DocTestFinder().find(namespace["decorated"], "decorated", globs=namespace)
    assert [len(test.examples) for test in tests] == [1]


def test_help_shows_the_function() -> None:
    """`help()` shows the function's signature and docstring."""
    import pydoc

    text = pydoc.plain(pydoc.render_doc(record_run(plain)))
    assert "plain(" in text
    assert "Say something." in text
